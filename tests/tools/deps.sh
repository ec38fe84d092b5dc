#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# deps.sh NPM_FOLDER: installs the Debian packages that are missing (root), or prints the command that does (others),
# and puts the Node client of the tests into NPM_FOLDER. When nothing is missing it asks nobody and is done at once.
set -eu
cd "$(dirname "$0")/../.."
npm_folder=$1

# The package apache2 is not among them: it would start a service. The module and its tests need the server's program alone.
packages="
  g++ make autoconf pkg-config ca-certificates
  apache2-bin apache2-utils apache2-dev libxml2-dev liblmdb-dev libutf8proc-dev uuid-dev nlohmann-json3-dev
  libcppunit-dev libbenchmark-dev clang clang-format clang-tidy libclang-rt-14-dev
  python3 python3-pytest python3-lxml python3-zeep gsoap libgsoap-dev libxml2-utils groff-base
  curl openssl wrk nghttp2-client strace e2fsprogs procps
"
missing=
for package in $packages; do
  test "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed || missing="$missing $package"
done
# A Node.js from elsewhere brings its own npm and conflicts with Debian's: the commands count, not the packages.
command -v node >/dev/null || missing="$missing nodejs"
command -v npm >/dev/null || missing="$missing npm"

if test -n "$missing"; then
  if test "$(id -u)" -ne 0; then
    echo "Packages are missing. Install them with:" >&2
    echo "  sudo apt-get install -y --no-install-recommends$missing" >&2
    exit 1
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update
  # shellcheck disable=SC2086
  apt-get install -y --no-install-recommends $missing
fi

lock=tests/clients/package-lock.json
test -e "$lock" || exit 0
if ! cmp -s "$lock" "$npm_folder/package-lock.json" || ! test -e "$npm_folder/node_modules/.package-lock.json"; then
  rm -rf "$npm_folder"
  mkdir -p "$npm_folder"
  cp tests/clients/package.json "$npm_folder/"
  cp "$lock" "$npm_folder/package-lock.json"
  npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --cache "$PWD/$npm_folder/.cache" --prefix "$npm_folder"
  rm -rf "$npm_folder/.cache"
fi
