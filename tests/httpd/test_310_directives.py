# SPDX-License-Identifier: Apache-2.0
"""Directives: what a configuration test says of wrong ones, what virtual hosts inherit, and that the documentation names all."""

import contextlib
import fcntl
import os
import pwd
import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.httpd.env import AS_ROOT, BUILD, ROOT, Env, free_port
from tests.httpd.soap import envelope

LIST = envelope("<m:GetImItemList/>")


@contextlib.contextmanager
def unstarted(modules=()):
    env = Env(modules=modules)
    env.port = free_port()
    try:
        yield env
    finally:
        env.close()


@pytest.fixture(scope="module")
def bench():
    """A server that is never started, only asked to test its configuration."""
    with unstarted() as env:
        yield env


def new_store(env, name, owner="www-data"):
    path = env.scratch / name
    subprocess.run([BUILD / "ews-imctl", "--store", path, "init"], check=True, capture_output=True)
    if AS_ROOT:
        user = pwd.getpwnam(owner)
        for place in (path, *path.iterdir()):
            os.chown(place, user.pw_uid, user.pw_gid)
    return path


GOOD = [
    ("EWSIm Off", ""), ("EWSIm on", ""), ("EWSIm ALONE", ""),
    ("EWSIm Alone", 'EWSImServerVersion "15.2.986.26 V2017_07_11"'), ("EWSIm Alone", "EWSImServerVersion 15.1.2.3"),
    ("EWSIm Alone", "EWSImBodyLimit 1024"), ("EWSIm Alone", "EWSImBodyLimit 64K"), ("EWSIm Alone", "EWSImBodyLimit 256m"),
    ("EWSIm Alone", 'EWSImMailbox "%{REMOTE_USER}@example.com"'), ("EWSIm Alone", 'EWSImMailbox "%{reqenv:AUTHENTICATE_MAIL}"'),
    ("EWSIm Alone", "EWSImImpersonation \"%{REMOTE_USER} == 'admin'\""),
    ("EWSIm Alone", "EWSImAutoCreate On"), ("EWSIm Alone", "EWSImWsdl Off"),
    ("EWSIm Alone", f"EWSImWsdlPath {ROOT}/conf/wsdl"), ("EWSIm Alone", "EWSImWriteTimeout 5"),
    ("EWSIm Alone", "EWSImWriteTimeout 500ms"),
    ("<If \"%{REMOTE_ADDR} == '10.0.0.1'\">\nRequire all denied\n</If>\nEWSIm Alone", ""),
]


@pytest.mark.parametrize("location, directives", GOOD)
def test_good(bench, location, directives):
    done = bench.config_test(location=location, directives=directives)
    assert (done.returncode, "Syntax OK" in done.stderr) == (0, True), done.stderr


# location, directives, the words that the complaint must have. {scratch} stands for the server's folder.
BAD = [
    ("EWSIm Perhaps", "", "EWSIm must be Off, On or Alone"),
    ("EWSIm", "", "EWSIm takes one argument"),
    ("EWSIm On Alone", "", "EWSIm takes one argument"),
    ("EWSIm Alone", "EWSIm Alone", "EWSIm not allowed here"),
    ("EWSIm Alone", '<Directory "/tmp">\nEWSIm Alone\n</Directory>', "EWSIm (is not allowed|cannot occur)"),
    ("EWSIm Alone\n<Limit POST>\nEWSIm On\n</Limit>", "", "EWSIm (is not allowed|cannot occur)"),
    ("EWSIm Alone\nEWSImStore lmdb path=/tmp", "", "EWSImStore not allowed (here|in <LocationMatch> context)"),
    ("EWSIm Alone\nEWSImMailbox x", "", "EWSImMailbox not allowed (here|in <LocationMatch> context)"),
    ("EWSIm Alone\nEWSImBodyLimit 5000", "", "EWSImBodyLimit not allowed (here|in <LocationMatch> context)"),
    ("EWSIm Alone", "EWSImStore lmdb path={scratch}/other", "EWSImStore stands twice in this server, first at .*httpd.conf:"),
    ("EWSIm Alone", "EWSImServerVersion 15", "EWSImServerVersion must be like"),
    ("EWSIm Alone", "EWSImServerVersion Exchange2013", "EWSImServerVersion must be like"),
    ("EWSIm Alone", "EWSImServerVersion -1.0.0.0", "EWSImServerVersion must be like"),
    ("EWSIm Alone", "EWSImBodyLimit many", "EWSImBodyLimit must be a number of bytes from 1K to 256M"),
    ("EWSIm Alone", "EWSImBodyLimit 1023", "EWSImBodyLimit must be"),
    ("EWSIm Alone", "EWSImBodyLimit 257M", "EWSImBodyLimit must be"),
    ("EWSIm Alone", "EWSImBodyLimit -1", "EWSImBodyLimit must be"),
    ("EWSIm Alone", "EWSImBodyLimit 5X", "EWSImBodyLimit must be"),
    ("EWSIm Alone", "EWSImBodyLimit 99999999999999999999", "EWSImBodyLimit must be"),
    ("EWSIm Alone", "EWSImBodyLimit 18014398509481984T", "EWSImBodyLimit must be"),
    ("EWSIm Alone", 'EWSImMailbox "%{NO_SUCH_VARIABLE}"', "EWSImMailbox: cannot read the expression"),
    ("EWSIm Alone", 'EWSImImpersonation "%{REMOTE_USER} =="', "EWSImImpersonation: cannot read the expression"),
    ("EWSIm Alone", "EWSImAutoCreate Perhaps", "EWSImAutoCreate must be On or Off"),
    ("EWSIm Alone", "EWSImWsdl Perhaps", "EWSImWsdl must be On or Off"),
    ("EWSIm Alone", "EWSImWsdlPath {scratch}/none", "EWSImWsdlPath: .*none/Services.wsdl: No such file"),
    ("EWSIm Alone", "EWSImWriteTimeout never", "EWSImWriteTimeout must be a time from 10ms to 3600s"),
    ("EWSIm Alone", "EWSImWriteTimeout 0", "EWSImWriteTimeout must be"),
    ("EWSIm Alone", "EWSImWriteTimeout 3601", "EWSImWriteTimeout must be"),
]


@pytest.mark.parametrize("location, directives, words", BAD)
def test_bad(bench, location, directives, words):
    done = bench.config_test(location=location, directives=directives.replace("{scratch}", str(bench.scratch)))
    assert done.returncode != 0
    assert re.search(rf"Syntax error on line \d+ of {bench.scratch}/httpd.conf:\n(<If>|){words}", done.stderr), done.stderr


RESOURCES = ["EWSImStore lmdb path=/tmp", "EWSImMailbox x", "EWSImAutoCreate On", "EWSImImpersonation true", "EWSImBodyLimit 5000",
             'EWSImServerVersion "15.0.1.1 Exchange2013"', "EWSImWriteTimeout 5", "EWSImWsdl On", "EWSImWsdlPath conf"]
SECTIONS = ['<Location "/x">', '<LocationMatch "x">', '<Directory "/tmp">', '<Files "x">', '<If "true">', '<Location "/x">\n<Limit GET>']
FORBIDDEN = [(line, section) for line in RESOURCES for section in SECTIONS] + [
    ("EWSIm On", section) for section in ('<Directory "/tmp">', '<DirectoryMatch "/tmp">', '<Files "x">', '<FilesMatch "x">',
                                          '<Location "/x">\n<Limit POST>', '<Location "/x">\n<LimitExcept GET>')]


@pytest.mark.parametrize("line, section", FORBIDDEN)
def test_context(bench, line, section):
    """The switch stands in a location, everything else in a server; anything else is an error with file and line."""
    names = re.findall(r"<(\w+)", section)
    done = bench.config_test(directives="\n".join([section, line, *(f"</{name}>" for name in reversed(names))]))
    assert done.returncode != 0
    assert re.search(rf"Syntax error on line \d+ of {bench.scratch}/httpd.conf:\n.*{line.split()[0]} (not allowed|is not allowed|cannot occur)",
                     done.stderr), done.stderr


STORES = [
    ("EWSImStore", "EWSImStore needs the kind of store"),
    ("EWSImStore postgres path=/tmp", "no kind of store with the name 'postgres'"),
    ("EWSImStore lmdb", "EWSImStore lmdb needs path=DIR"),
    ("EWSImStore lmdb path=", "path= must name a directory"),
    ("EWSImStore lmdb /tmp", "'/tmp' is unknown"),
    ("EWSImStore lmdb path=/tmp path=/tmp", "'path=/tmp' is unknown or given twice"),
    ("EWSImStore lmdb path=/tmp mapsize=1", "mapsize= must be a size from 1M to 32T"),
    ("EWSImStore lmdb path=/tmp mapsize=33T", "mapsize= must be"),
    ("EWSImStore lmdb path=/tmp mapsize=x", "mapsize= must be"),
    ("EWSImStore lmdb path=/tmp mapsize=1G mapsize=1G", "'mapsize=1G' is unknown or given twice"),
]


def vhost(port, name, directives):
    return f'<VirtualHost *:{port}>\nServerName {name}\n{directives}\n</VirtualHost>\n'


@pytest.mark.parametrize("directive, words", STORES)
def test_bad_store_arguments(bench, directive, words):
    done = bench.config_test(directives=vhost(bench.port, "a.example", directive))
    assert done.returncode != 0
    assert re.search(rf"Syntax error on line \d+ of {bench.scratch}/httpd.conf:\n.*{words}", done.stderr), done.stderr


def complaint(bench, directives, words, location="EWSIm Alone"):
    """A complaint of the check that sees all directives: with file and line."""
    done = bench.config_test(directives=directives, location=location)
    assert done.returncode != 0, done.stderr
    assert re.search(rf"EWSIM\d+: {bench.scratch}/httpd.conf:\d+: .*{words}", done.stderr), done.stderr


class TestStores:
    def test_missing(self, bench):
            complaint(bench, vhost(bench.port, "a.example", f"EWSImStore lmdb path={bench.scratch}/none"), "none")

    def test_no_store(self, bench):
        folder = bench.scratch / "empty"
        folder.mkdir(exist_ok=True)
        complaint(bench, vhost(bench.port, "a.example", f"EWSImStore lmdb path={folder}"), "empty")

    @pytest.mark.skipif(not AS_ROOT, reason="only root can give a store away")
    def test_of_somebody_else(self, bench):
        path = new_store(bench, "foreign", "nobody")
        complaint(bench, vhost(bench.port, "a.example", f"EWSImStore lmdb path={path}"), "foreign")

    def test_open_to_others(self, bench):
        path = new_store(bench, "open")
        path.chmod(0o755)
        complaint(bench, vhost(bench.port, "a.example", f"EWSImStore lmdb path={path}"), "open")

    def test_published(self, bench):
        path = new_store(bench, "htdocs/store")
        complaint(bench, vhost(bench.port, "a.example", f"EWSImStore lmdb path={path}"), "below the DocumentRoot")
        complaint(bench, vhost(bench.port, "a.example", f"DocumentRoot {bench.store.parent}"), "below the DocumentRoot")

    def test_two_settings(self, bench):
        for path in (bench.store, f"{bench.scratch}/htdocs/../store"):
            same = vhost(bench.port, "a.example", f"EWSImStore lmdb path={path}")
            assert bench.config_test(directives=same).returncode == 0
            complaint(bench, vhost(bench.port, "a.example", f"EWSImStore lmdb path={path} mapsize=2G"),
                      r"the store of .*httpd.conf:\d+ with other settings")

    def test_none(self, bench):
        config = bench.config_test  # the server's own EWSImStore is taken out below
        config()
        path = bench.scratch / "httpd.conf"
        text = path.read_text(encoding="utf-8")
        without = re.sub(r"(?m)^EWSImStore .*$", "", text)

        def test(content):
            path.write_text(content, encoding="utf-8")
            return bench.run("-t")

        done = test(without)
        assert done.returncode != 0
        assert re.search(rf"EWSIM\d+: {path}:\d+: EWSIm is switched on, but this server has no EWSImStore", done.stderr)
        in_host = vhost(bench.port, "a.example", f"EWSImStore lmdb path={bench.store}")
        assert test(without + in_host).returncode == 0, "each virtual host has one"
        done = test(without + in_host + vhost(bench.port, "b.example", ""))
        assert done.returncode != 0 and "no EWSImStore" in done.stderr
        assert test(without.replace("EWSIm Alone", "EWSIm Off")).returncode == 0


def test_htaccess():
    """Nobody switches anything on with a file of his own."""
    with Env(directives='<Directory "htdocs">\nAllowOverride All\n</Directory>') as env:
        for line in ("EWSIm Alone", "EWSImStore lmdb path=/tmp", "EWSImMailbox x"):
            (env.scratch / "htdocs/.htaccess").write_text(line + "\n", encoding="utf-8")
            env.expect_log(r"not allowed here")
            assert env.request("GET", "/x").status == 500
            assert not env.check_log()


# ---- Virtual hosts and stores

def test_virtual_hosts_and_stores():
    """Two hosts on one store, a third on its own; what a host does not say it has from the server."""
    env = Env()
    env.port = free_port()
    try:
        other = new_store(env, "other")
        env.directives = ('EWSImServerVersion "15.0.1.1 Exchange2013"\nEWSImMailbox "%{REMOTE_USER}@contoso.com"\n'
                          + vhost(env.port, "localhost", "")
                          + vhost(env.port, "one.example", "EWSImServerVersion 15.0.2.2")
                          + vhost(env.port, "two.example", f"EWSImStore lmdb path={other}\nEWSImMailbox %{{REMOTE_USER}}@fabrikam.com"))
        env.start()
        user = env.user("tsmith")
        env.ctl("mailbox", "add", "tsmith@contoso.com")
        subprocess.run([BUILD / "ews-imctl", "--store", other, "mailbox", "add", "tsmith@fabrikam.com"], check=True)

        def call(host, body):
            return env.soap(body, user, {"Host": f"{host}:{env.port}"})

        def groups(host):
            return [group.name for group in call(host, "<m:GetImItemList/>").im_list.groups[3:]]

        assert call("localhost", "<m:AddImGroup><m:DisplayName>first</m:DisplayName></m:AddImGroup>").ok
        assert call("two.example", "<m:AddImGroup><m:DisplayName>second</m:DisplayName></m:AddImGroup>").ok
        assert (groups("localhost"), groups("one.example"), groups("two.example")) == (["first"], ["first"], ["second"])
        versions = {host: re.search(rb'MajorBuildNumber="(\d+)"', call(host, "<m:GetImItemList/>").body)[1]
                    for host in ("localhost", "one.example", "two.example")}
        assert versions == {"localhost": b"1", "one.example": b"2", "two.example": b"1"}
        assert not env.check_log()
    finally:
        env.close()


def test_off_in_a_part():
    location = 'EWSIm Alone\n</LocationMatch>\n<LocationMatch "^/EWS/off/">\nEWSIm Off'
    with Env(location=location) as env:
        account = env.account()
        assert account.call("GetImItemList").ok
        assert account.soap(LIST, path="/EWS/off/Exchange.asmx").status in (404, 405)


@contextlib.contextmanager
def write_turn(store):
    """Holds the store's write turn, as another process in mid-change does."""
    with open(store / "data.mdb", "rb") as data:
        fcntl.flock(data, fcntl.LOCK_EX)
        yield


def test_write_timeout():
    """Another process holds the write turn: the client is told to come again, the administrator why, once a minute."""
    with Env(directives="EWSImWriteTimeout 300ms") as env:
        account = env.account()
        assert account.add_group("before")
        env.expect_log(r"EWSIM0053: ErrorServerBusy: .*EWSImWriteTimeout")
        with write_turn(env.store):
            started = time.monotonic()
            assert [account.call("AddImGroup", DisplayName=name).code for name in "abc"] == ["ErrorServerBusy"] * 3
            assert 0.9 < time.monotonic() - started < 5
            assert [group.name for group in account.im_list().groups[3:]] == ["before"], "reading waits for nobody"
        assert account.add_group("after")
        assert not env.check_log()
        assert env.log().count("EWSIM0053") <= len(env.children())


# ---- What is written about them

def listed():
    """The directives that the module itself names."""
    with unstarted() as env:
        env.write_config()
        done = env.run("-L")
    assert done.returncode == 0, done.stderr
    return re.findall(r"^(\w+) \(mod_ews_im\.cpp\)$", done.stdout, re.MULTILINE)


def test_documented():
    names = listed()
    assert len(names) > 8 and len(set(names)) == len(names)
    shipped = (ROOT / "conf/ews_im.conf").read_text(encoding="utf-8")
    assert re.findall(r"^# ---- (\w+) ", shipped, re.MULTILINE) == sorted(
        names, key=lambda name: shipped.find(f"# ---- {name} "))
    for name in names:
        block = shipped.split(f"# ---- {name} ", 1)[1].split("# ----", 1)[0]
        assert re.search(r"^# Default: \S.* Context: \S", block, re.MULTILINE), name
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in names if f"`{name}" not in readme] == []


def test_every_member_is_inherited():
    """A member that merge forgets would be lost in each virtual host."""
    header = (ROOT / "mod_ews_im/config.h").read_text(encoding="utf-8")
    source = (ROOT / "mod_ews_im/config.cpp").read_text(encoding="utf-8")
    struct = re.search(r"struct ServerConfig \{(.*?)\n\};", header, re.DOTALL)[1]
    members = re.findall(r"(\w+)(?: = nullptr)?;", re.sub(r"//.*", "", struct))
    assert len(members) > 8
    assert [member for member in members if f"inherit(merged->{member}, base.{member})" not in source] == []


def test_shipped_configuration_loads():
    """ews_im.conf does nothing as shipped, and everything it shows is right once the '#' is gone."""
    with unstarted(["ssl", "socache_shmcb"]) as env:
        for uncomment in (False, True):
            text = (ROOT / "conf/ews_im.conf").read_text(encoding="utf-8")
            if uncomment:
                text = re.sub(r"(?m)^#(?=[A-Z<]|    )", "", text).replace("/var/lib/mod_ews_im", str(env.store))
                text = text.replace("/usr/share/mod_ews_im/wsdl", f"{ROOT}/conf/wsdl").replace("/var/log/apache2", str(env.scratch))
            path = env.scratch / "ews_im.conf"
            path.write_text(text, encoding="utf-8")
            env.write_config(directives=f"Include {path}", location="EWSIm Off")
            if uncomment:
                config = env.scratch / "httpd.conf"
                config.write_text(re.sub(r"(?m)^EWSImStore .*$", "", config.read_text(encoding="utf-8")), encoding="utf-8")
            done = env.run("-t")
            assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name, modules", [
    ("example-exchange.conf", ["ssl", "socache_shmcb", "proxy", "proxy_http", "ldap", "authnz_ldap"]), ("example-lab.conf", [])])
def test_examples_load(name, modules):
    with unstarted(modules) as env:
        text = (ROOT / "conf" / name).read_text(encoding="utf-8").replace("/var/lib/mod_ews_im", str(env.store))
        for file in set(re.findall(r'/etc/[^\s"]+', text)):
            (env.scratch / Path(file).name).write_text("x", encoding="utf-8")
            text = text.replace(file, str(env.scratch / Path(file).name))
        path = env.write_config(location="EWSIm Off")
        own = re.sub(r"(?m)^EWSImStore .*$", "", path.read_text(encoding="utf-8"))
        path.write_text(own + text, encoding="utf-8")
        done = env.run("-t")
        assert done.returncode == 0, done.stderr


def test_message_numbers():
    """Each message has a number of its own."""
    numbers = []
    for path in sorted(Path(ROOT / "mod_ews_im").glob("*.cpp")) + sorted(Path(ROOT / "mod_ews_im").glob("*.h")):
        numbers += re.findall(r"EWSIM\((\d{4})\)", path.read_text(encoding="utf-8"))
    numbers.remove("0001")  # once more in the explanation of the macro
    assert len(numbers) > 15 and len(set(numbers)) == len(numbers)
