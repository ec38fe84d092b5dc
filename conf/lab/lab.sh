#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# lab.sh start|stop|remove: a throw-away Apache with our module on 127.0.0.1, its state in $BUILD/lab. Called by the
# Makefile, which sets BUILD, HTTPD, MODULES and LAB_PORT. Each start from rest begins with an empty store.
set -eu
cd "$(dirname "$0")/../.."
umask 022
build=$PWD/${BUILD:-build}
state=$build/lab
user=tsmith@contoso.com
user2=tadams@contoso.com
list=sales@contoso.com
password=lab

die() {
  echo "lab: $*" >&2
  exit 1
}

# The folder behind $state; empty when there is none.
home() { test ! -d "$state" || (cd -P "$state" && pwd -P); }

# The process number of this lab's server, if it runs: a number in the file may be someone else's by now.
server() {
  pid=$(cat "$state/httpd.pid" 2>/dev/null) || return 1
  tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF "$(home)" && echo "$pid"
}

tell() {
  . "$state/lab.env"
  cat <<END
URL:       $EWS_URL
User:      $EWS_USER, password $EWS_PASSWORD
User:      $EWS_USER2, password $EWS_PASSWORD2
Logs:      ${BUILD:-build}/lab/error.log, ${BUILD:-build}/lab/access.log
To end it: make lab-stop

Go on with:
curl -u $EWS_USER:$EWS_PASSWORD -H 'Content-Type: text/xml; charset=utf-8' \\
  --data-binary @${BUILD:-build}/lab/list.xml $EWS_URL
END
}

# envelope BODY: a request on standard output
envelope() {
  cat <<END
<?xml version="1.0" encoding="UTF-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"
               xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages">
  <soap:Body>
    $1
  </soap:Body>
</soap:Envelope>
END
}

# post FILE: sends it as the first user; the reply on standard output
post() {
  curl -sS --noproxy '*' --max-time 20 -u "$user:$password" -H 'Content-Type: text/xml; charset=utf-8' \
    --data-binary "@$1" "$url"
}

# Takes $state away, and where it leads to.
forget() {
  target=$(readlink "$state" || :)
  case $target in /var/tmp/ews-im-lab.*) rm -rf "$target" ;; esac
  rm -rf "$state"
}

# Makes $state, with nothing in it but old logs: in the build folder, or elsewhere if the server's user cannot get there.
prepare() {
  mkdir -p "$build"
  if test "$as_root" && ! setpriv --reuid www-data --regid www-data --clear-groups test -x "$build"; then
    test -L "$state" && test -d "$state" || {
      forget
      elsewhere=$(mktemp -d /var/tmp/ews-im-lab.XXXXXX)
      chmod 755 "$elsewhere"
      ln -s "$elsewhere" "$state"
    }
    echo "The user www-data cannot enter $build:"
    echo "the lab keeps its state in $(home), and ${BUILD:-build}/lab leads there."
  else
    test ! -L "$state" || forget
    mkdir -p "$state"
  fi
  rm -rf "$state/store" "$state/htdocs" "$state/wsdl" "$state/users" "$state/httpd.pid" 2>/dev/null &&
    test -w "$state" || die "$state belongs to somebody else: remove it first"
  lab=$(home)
  mkdir -p "$lab/store" "$lab/htdocs" "$lab/wsdl"
  cp conf/wsdl/* "$lab/wsdl"
  chmod 700 "$lab/store"
  htpasswd -cbs "$lab/users" "$user" "$password" 2>/dev/null
  htpasswd -bs "$lab/users" "$user2" "$password" 2>/dev/null
  chmod 640 "$lab/users"
  if test "$as_root"; then
    chown www-data:www-data "$lab/store"
    chgrp www-data "$lab/users"
  fi
  {
    "$build/ews-imctl" --store "$lab/store" init &&
    "$build/ews-imctl" --store "$lab/store" mailbox add "$user" &&
    "$build/ews-imctl" --store "$lab/store" mailbox add "$user2" &&
    "$build/ews-imctl" --store "$lab/store" dl add "$list"
  } >"$lab/ews-imctl.log" 2>&1 || die "the store could not be made: $(cat "$lab/ews-imctl.log")"
  {
    printf 'Define LAB "%s"\nDefine LAB_PORT %s\nDefine MODULES "%s"\nDefine MODULE "%s"\n' \
      "$lab" "$LAB_PORT" "$MODULES" "$build/mod_ews_im.so"
    test -z "$as_root" || printf 'User www-data\nGroup www-data\n'
    cat conf/lab/httpd.conf
  } >"$lab/httpd.conf"
  cat >"$lab/lab.env" <<END
EWS_URL='$url'
EWS_USER='$user'
EWS_PASSWORD='$password'
EWS_USER2='$user2'
EWS_PASSWORD2='$password'
EWS_DL='$list'
END
  envelope '<m:GetImItemList/>' >"$lab/list.xml"
}

# Starts Apache and waits until it answers.
serve() {
  if ! said=$("$HTTPD" -d "$lab" -f "$lab/httpd.conf" -k start 2>&1); then
    case $said in
      *'Address already in use'*)
        die "port $LAB_PORT of 127.0.0.1 is taken: choose another, as in: make lab LAB_PORT=$((LAB_PORT + 1))" ;;
    esac
    die "Apache did not start: $said$(tail -n 5 "$lab/error.log" 2>/dev/null)"
  fi
  tries=0
  until curl -s --noproxy '*' --max-time 2 -o /dev/null "$url"; do
    tries=$((tries + 1))
    test $tries -lt 100 || die "Apache does not answer: $(tail -n 5 "$lab/error.log")"
    sleep 0.1
  done
}

# The seed's request, with the id of a group that is there.
show() {
  envelope '<m:AddImGroup><m:DisplayName>Friends</m:DisplayName></m:AddImGroup>' >"$lab/group.xml"
  id=$(post "$lab/group.xml" | sed -n 's/.*ExchangeStoreId[^>]* Id="\([^"]*\)".*/\1/p')
  test -n "$id" || die "AddImGroup gave no id; see ${BUILD:-build}/lab/error.log"
  sed "s|GroupId Id=\"[^\"]*\"|GroupId Id=\"$id\"|" tests/fixtures/seed.request.xml >"$lab/request.xml"
  printf 'Request to %s:\n\n' "$url"
  cat "$lab/request.xml"
  post "$lab/request.xml" >"$lab/reply.xml"
  printf '\nReply:\n\n'
  xmllint --format "$lab/reply.xml" || die "the reply is no XML: $(cat "$lab/reply.xml")"
  echo
}

start() {
  if server >/dev/null; then
    echo "The lab runs already."
    tell
    return
  fi
  case $LAB_PORT in '' | *[!0-9]*) die "LAB_PORT=$LAB_PORT is no port" ;; esac
  url=http://127.0.0.1:$LAB_PORT/EWS/Exchange.asmx
  as_root=
  test "$(id -u)" -ne 0 || as_root=yes
  prepare
  serve
  show
  echo "The lab runs."
  tell
}

stop() {
  if ! pid=$(server); then
    test "$1" = quietly || echo "The lab does not run."
    return
  fi
  kill "$pid" || die "the lab runs as somebody else (process $pid)"
  tries=0
  while server >/dev/null; do
    tries=$((tries + 1))
    test $tries -lt 200 || die "the lab does not end (process $pid)"
    sleep 0.1
  done
  echo "The lab has ended; its logs are in ${BUILD:-build}/lab."
}

case ${1:-} in
  start) start ;;
  stop) stop aloud ;;
  remove)
    stop quietly
    forget
    ;;
  *) die "lab.sh start|stop|remove" ;;
esac
