# SPDX-License-Identifier: Apache-2.0
"""ews-imctl's command line, and its commands for mailboxes, lists, groups and contacts, good and bad."""

import os
import pty
import pwd
import re
import select
import subprocess
import time

import pytest

from tests.ctl.place import AS_ROOT, CTL, DEFAULT_GROUPS, MANUAL, OK, REFUSED, SECONDS, UNUSABLE, USAGE


# ---- the command line

USAGE_CASES = {
    "nothing": ([], "no command"),
    "unknown command": (["frobnicate"], "unknown command 'frobnicate'"),
    "family alone": (["mailbox"], "mailbox add"),
    "unknown in a family": (["mailbox", "frobnicate"], "mailbox add"),
    "unknown option": (["--frobnicate", "stat"], "--frobnicate"),
    "unknown letter": (["-x", "stat"], "-x"),
    "option of another command": (["stat", "--guid", "x"], "--guid does not go with stat"),
    "option without its value": (["mailbox", "list", "--store"], "--store"),
    "value for an option without": (["--json=1", "stat"], "--json"),
    "too few arguments": (["mailbox", "show"], "MAILBOX"),
    "too many arguments": (["group", "add", "a@b", "two", "words"], "quotes"),
    "wait 0": (["--wait", "0", "stat"], "--wait"),
    "wait no number": (["--wait", "soon", "stat"], "--wait"),
    "wait too long": (["--wait", "3601", "stat"], "--wait"),
    "mapsize no size": (["--mapsize", "big", "stat"], "--mapsize"),
    "mapsize too small": (["--mapsize", "4K", "stat"], "--mapsize"),
    "mapsize too large": (["--mapsize", "33T", "stat"], "--mapsize"),
    "empty store": (["--store", "", "stat"], "--store"),
    "no SMTP address": (["mailbox", "add", "tsmith"], "SMTP address"),
    "no GUID": (["mailbox", "add", "a@b", "--guid", "1234"], "--guid"),
    "no SID": (["mailbox", "add", "a@b", "--sid", "1234"], "SID"),
    "unknown setting": (["settings", "set", "colour", "1"], "im-group-limit"),
    "setting too large": (["settings", "set", "im-contact-limit", "100001"], "100000"),
    "setting no number": (["settings", "set", "im-group-limit", "--", "-1"], "1000"),
    "empty group name": (["group", "add", "a@b", ""], "empty"),
    "long group name": (["group", "add", "a@b", "x" * 257], "256"),
    "control character in a name": (["group", "add", "a@b", "x\x02"], "control"),
    "broken UTF-8 in a name": (["group", "add", "a@b", b"\xff"], "bytes"),
    "long contact address": (["contact", "add", "a@b", "x" * 1025], "1024"),
    "long contact name": (["contact", "add", "a@b", "c@d", "--name", "x" * 257], "256"),
    "empty telephone number": (["contact", "add-tel", "a@b", "tel:1", "sip:a@b", ""], "empty"),
}


@pytest.mark.parametrize("name", USAGE_CASES)
def test_wrong_command_line(place, name):
    arguments, saying = USAGE_CASES[name]
    place.fails(USAGE, *arguments, saying=saying)
    assert list(place.folder.iterdir()) == []


def test_help_and_version(place):
    assert place.ok("--help").startswith("Usage: ews-imctl")
    assert "--upn NAME" in place.ok("mailbox", "add", "--help")
    assert "--upn" not in place.ok("mailbox", "list", "--help")
    assert re.fullmatch(r"ews-imctl \d+\.\d+\.\d+\n", place.ok("--version"))


def commands_of_help(place):
    text = place.ok("--help").split("\nCommands:\n")[1].split("\n\n")[0]
    return [line[2:] for line in text.splitlines() if re.match(r"  \S", line)]


def test_manual_and_help_agree(place):
    page = MANUAL.read_text(encoding="utf-8").replace("\\-", "-")
    documented = [re.sub(r"\\f[BRI]", "", line) for line in page.splitlines() if line.startswith("\\fB")]
    commands = [line for line in documented if not line.startswith("-")]
    assert sorted(commands) == sorted(commands_of_help(place)) and len(commands) > 30
    options = set(re.findall(r"--([a-z]+)", " ".join(line for line in documented if line.startswith("-"))))
    shown = place.ok("--help").split("\nOptions for every command:\n")[1]
    assert options == set(re.findall(r"^ {2}.{4}--([a-z]+)", shown, re.M)) and len(options) > 10
    for code in range(6):
        assert f"\n.B {code}\n" in page


def test_manual_is_sound():
    done = subprocess.run(["groff", "-man", "-ww", "-Tutf8", "-P-cbou", MANUAL], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stderr == "" and "EXIT STATUS" in done.stdout


def test_store_by_environment(box):
    assert "tsmith" in subprocess.run([CTL, "mailbox", "list"], env={"EWS_IM_STORE": str(box.store)}, check=True,
                                      capture_output=True, text=True, timeout=SECONDS).stdout


# ---- init, owners

def test_init(place):
    assert place.json("init") == {"store": str(place.store), "owner": pwd.getpwuid(place.owner_only()[0]).pw_name}
    place.fails(REFUSED, "init", saying="already")
    assert place.json("mailbox", "list") == []


def test_no_store(place):
    for command in (["mailbox", "list"], ["stat"], ["check"], ["compact"], ["backup", "x"], ["list", "show", "a@b"]):
        place.fails(UNUSABLE, *command, saying="init")
    place.fails(UNUSABLE, "init", store=place.folder / "no" / "such" / "place")
    assert list(place.folder.iterdir()) == []


def test_init_in_a_directory_with_something_in_it(place):
    place.store.mkdir(0o700)
    (place.store / "letter").write_text("x", encoding="ascii")
    place.fails(REFUSED, "init", saying="letter")


def test_mapsize_is_used(box):
    assert box.json("stat")["map_size"] == 64 << 30
    box.ok("--mapsize", "1M", "mailbox", "list")
    if CTL.parent.name != "build":
        return  # a sanitizer needs far more address space than the limit below
    limited = ["sh", "-c", 'ulimit -v 4000000; exec "$@"', "sh"]
    box.fails(UNUSABLE, "mailbox", "list", saying="mapsize", prefix=limited)
    assert "tsmith" in box.ok("--mapsize", "64M", "mailbox", "list", prefix=limited)
    file = box.store / "limited.mdb"
    for command in (["backup", file], ["check"], ["check", file], ["stat"], ["compact"], ["restore", file, "--replace"]):
        box.ok("--mapsize", "64M", *command, prefix=limited)


if AS_ROOT:
    WWW = pwd.getpwnam("www-data")
    NOBODY = pwd.getpwnam("nobody")
    BY_WWW = ["setpriv", "--reuid=www-data", "--regid=www-data", "--init-groups"]

    def test_root_makes_a_store_for_apache(place):
        assert "www-data" in place.run("init").stdout
        assert place.owner_only() == (WWW.pw_uid, WWW.pw_gid)

    def test_root_makes_a_store_for_another(place):
        place.ok("init", "--owner", "nobody:www-data")
        assert place.owner_only() == (NOBODY.pw_uid, WWW.pw_gid)

    def test_root_makes_a_store_for_the_owner_of_the_parent(place):
        os.chown(place.folder, NOBODY.pw_uid, NOBODY.pw_gid)
        place.ok("mailbox", "add", "a@b")
        assert place.owner_only() == (NOBODY.pw_uid, NOBODY.pw_gid)

    def test_root_makes_a_store_in_a_directory_of_somebody(place):
        place.store.mkdir(0o700)
        os.chown(place.store, NOBODY.pw_uid, NOBODY.pw_gid)
        place.fails(UNUSABLE, "init", "--owner", "www-data", saying="nobody")
        place.ok("init")
        assert place.owner_only() == (NOBODY.pw_uid, NOBODY.pw_gid)

    def test_root_gives_its_empty_directory_away(place):
        place.store.mkdir(0o755)
        place.ok("init")
        assert place.owner_only() == (WWW.pw_uid, WWW.pw_gid)

    def test_root_gives_a_file_system_away(place):
        (place.store / "lost+found").mkdir(0o700, parents=True)
        place.store.chmod(0o700)
        place.ok("init", "--owner", "nobody")
        assert place.store.stat().st_uid == NOBODY.pw_uid
        assert (place.store / "data.mdb").stat().st_uid == NOBODY.pw_uid

    def test_root_keeps_what_is_not_empty(place):
        place.store.mkdir(0o700)
        (place.store / "letter").write_text("x", encoding="ascii")
        place.fails(UNUSABLE, "init", "--owner", "www-data", saying="not empty")
        assert [entry.name for entry in place.store.iterdir()] == ["letter"]

    def test_root_names_an_unknown_owner(place):
        place.fails(USAGE, "init", "--owner", "no-such-user", saying="no-such-user")
        place.fails(USAGE, "init", "--owner", "nobody:no-such-group", saying="no-such-group")
        assert not place.store.exists()

    def test_root_cannot_make_a_store_where_its_owner_cannot_go(place):
        place.folder.chmod(0o700)
        place.fails(UNUSABLE, "init", saying="www-data")
        assert not place.store.exists()

    def test_root_leaves_nothing_of_its_own(box):
        (box.store / "lock.mdb").unlink()
        box.ok("group", "add", "tsmith@contoso.com", "Work")
        box.ok("backup", box.store)
        box.ok("compact")
        assert {path.stat().st_uid for path in box.store.iterdir()} == {WWW.pw_uid}
        assert "Work" in box.ok("group", "list", "tsmith@contoso.com", prefix=BY_WWW)

    def test_backup_where_only_root_may_write(box):
        box.fails(UNUSABLE, "backup", box.folder / "x.mdb", saying="www-data")

    def test_another_user_is_kept_out(box):
        by_nobody = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        box.fails(UNUSABLE, "mailbox", "list", saying="nobody", prefix=by_nobody)
        box.fails(UNUSABLE, "init", "--owner", "www-data", saying="root", prefix=by_nobody)
else:
    def test_owner_is_for_root(place):
        place.fails(UNUSABLE, "init", "--owner", "root", saying="root")
        place.ok("init", "--owner", pwd.getpwuid(os.geteuid()).pw_name)
        assert place.owner_only()[0] == os.geteuid()


# ---- mailboxes

def test_mailbox_names(box):
    shown = box.json("mailbox", "show", "tsmith@contoso.com")
    guid = shown.pop("guid")
    assert shown == {"address": "tsmith@contoso.com", "aliases": ["tom@contoso.com"], "user_principal_name": "tsmith@CORP",
                     "sid": "S-1-5-21-1-2-3-1001", "account": "CONTOSO\\tsmith", "im_groups": 0, "im_contacts": 0,
                     "im_list_migration_completed": False}
    for name in (guid, guid.upper(), "TSmith@Contoso.com", "tom@contoso.com", "tsmith@corp", "contoso\\TSMITH",
                 "s-1-5-21-1-2-3-1001"):
        assert box.json("mailbox", "show", name)["guid"] == guid, name
    text = box.ok("mailbox", "show", guid)
    assert "address: tsmith@contoso.com\n" in text and f"GUID: {guid}\n" in text
    for command in (["mailbox", "show"], ["mailbox", "set"], ["mailbox", "remove"], ["list", "show"], ["group", "list"],
                    ["contact", "list"], ["migration", "on"], ["migration", "show"]):
        box.fails(REFUSED, *command, "nobody@contoso.com", saying="nobody@contoso.com")


def test_mailbox_with_a_guid(place):
    guid = "6f1e2a34-0c1b-4d8e-9a57-3b1f2c4d5e6f"
    assert place.json("mailbox", "add", "a@b", "--guid", guid.upper())["guid"] == guid
    place.fails(REFUSED, "mailbox", "add", "c@d", "--guid", guid)
    place.fails(USAGE, "mailbox", "add", "c@d", "--guid", "00000000-0000-0000-0000-000000000000")


def test_names_that_are_taken(box):
    box.ok("mailbox", "add", "tadams@contoso.com")
    for arguments in (["TSMITH@contoso.com"], ["tom@contoso.com"], ["x@y", "--alias", "tom@contoso.com"],
                      ["x@y", "--upn", "TSMITH@corp"], ["x@y", "--account", "contoso\\tsmith"]):
        box.fails(REFUSED, "mailbox", "add", *arguments)
    box.fails(REFUSED, "alias", "add", "tadams@contoso.com", "tom@contoso.com")
    box.fails(REFUSED, "mailbox", "set", "tadams@contoso.com", "--address", "tsmith@contoso.com")
    assert len(box.json("mailbox", "list")) == 2


def test_a_name_of_two_mailboxes(box):
    """An address of one and the user principal name of another: neither is meant, least of all by remove."""
    box.ok("mailbox", "add", "tadams@contoso.com", "--upn", "tom@contoso.com")
    for command in (["mailbox", "show"], ["mailbox", "remove", "--yes"], ["group", "list"]):
        box.fails(REFUSED, *command, "tom@contoso.com", saying="two mailboxes")
    assert len(box.json("mailbox", "list")) == 2
    box.ok("mailbox", "show", "tadams@contoso.com")


def test_mailbox_set(box):
    box.ok("mailbox", "set", "tsmith@contoso.com", "--address", "t@contoso.com", "--upn", "", "--account", "tsmith")
    shown = box.json("mailbox", "show", "tsmith")
    assert (shown["address"], shown["user_principal_name"], shown["account"]) == ("t@contoso.com", "", "tsmith")
    assert shown["sid"] and shown["aliases"]
    box.fails(REFUSED, "mailbox", "show", "tsmith@contoso.com")
    box.fails(USAGE, "mailbox", "set", "tsmith", "--sid", "nonsense")
    box.fails(REFUSED, "mailbox", "set", "tsmith", "--address", shown["aliases"][0], saying="is an alias")
    box.ok("mailbox", "set", "tsmith", "--address", "T@contoso.com")


def test_alias(box):
    box.ok("alias", "add", "tsmith@contoso.com", "second@contoso.com")
    assert box.json("mailbox", "show", "second@contoso.com")["aliases"] == ["tom@contoso.com", "second@contoso.com"]
    box.ok("alias", "remove", "second@contoso.com", "TOM@contoso.com")
    box.fails(REFUSED, "mailbox", "show", "tom@contoso.com")
    box.fails(REFUSED, "alias", "remove", "tsmith@contoso.com", "tom@contoso.com", saying="no alias")
    box.fails(USAGE, "alias", "add", "tsmith@contoso.com", "no address")
    for again in ("second@contoso.com", "SECOND@contoso.com", "tsmith@contoso.com"):
        box.fails(REFUSED, "alias", "add", "tsmith@contoso.com", again, saying="already")


def test_mailbox_list(box):
    for number in range(3):
        box.ok("mailbox", "add", f"u{number}@contoso.com")
    listed = box.json("mailbox", "list")
    assert sorted(e["address"] for e in listed) == ["tsmith@contoso.com", *(f"u{n}@contoso.com" for n in range(3))]
    assert [e["guid"] for e in listed] == sorted(e["guid"] for e in listed)
    assert len(box.ok("mailbox", "list").splitlines()) == 4


def test_mailbox_remove(box):
    box.ok("right", "grant", "svc", "tsmith@contoso.com")
    assert box.ok("mailbox", "remove", "tom@contoso.com") == ""
    box.fails(REFUSED, "mailbox", "remove", "tsmith@contoso.com")
    assert box.json("right", "list") == []
    assert box.json("mailbox", "list") == []
    assert box.json("check")["findings"] == []


def ask(place, answer, *arguments):
    """Runs a command on a terminal and answers its question; its exit code and what stood on the terminal."""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(CTL, [str(CTL), "--store", str(place.store), *arguments])
    shown = b""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            got = os.read(terminal, 4096)
        except OSError:  # the other end is closed
            break
        if not got:
            break
        shown += got
        if answer is not None and b"[y/N]" in shown:
            os.write(terminal, answer)
            answer = None
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown.decode()


def test_mailbox_remove_asks_a_person(box):
    code, shown = ask(box, b"n\n", "mailbox", "remove", "tsmith@contoso.com")
    assert code == REFUSED and "tsmith@contoso.com" in shown and "nothing was removed" in shown
    code, _ = ask(box, b"y\n", "mailbox", "remove", "tsmith@contoso.com")
    assert code == OK and box.json("mailbox", "list") == []
    box.ok("mailbox", "add", "tsmith@contoso.com")
    code, shown = ask(box, None, "mailbox", "remove", "tsmith@contoso.com", "--yes")
    assert code == OK and "[y/N]" not in shown and box.json("mailbox", "list") == []


# ---- settings, distribution groups, rights

def test_settings(box):
    assert box.json("settings") == {"im_contact_limit": 1000, "im_group_limit": 64}
    assert box.ok("settings", "show") == "im-contact-limit 1000\nim-group-limit 64\n"
    assert box.json("settings", "set", "im-contact-limit", "1")["im_contact_limit"] == 1
    box.ok("settings", "set", "im_group_limit", "0")
    assert box.json("settings") == {"im_contact_limit": 1, "im_group_limit": 0}
    box.fails(REFUSED, "group", "add", "tsmith@contoso.com", "Work", saying="im-group-limit")
    box.ok("contact", "add", "tsmith@contoso.com", "a@b")
    box.fails(REFUSED, "contact", "add", "tsmith@contoso.com", "c@d", saying="im-contact-limit")


def test_distribution_groups(box):
    box.ok("dl", "add", "sales@contoso.com")
    box.ok("dl", "add", "dev@contoso.com", "--name", "Developers")
    assert box.json("dl", "list") == [{"address": "dev@contoso.com", "display_name": "Developers"},
                                      {"address": "sales@contoso.com", "display_name": ""}]
    assert box.ok("dl", "list") == "dev@contoso.com  Developers\nsales@contoso.com\n"
    box.fails(REFUSED, "dl", "add", "SALES@contoso.com")
    box.fails(USAGE, "dl", "add", "sales")
    added = box.json("group", "add-dl", "tsmith@contoso.com", "SALES@contoso.com")
    assert (added["display_name"], added["smtp_address"], added["type"]) == (
        "sales@contoso.com", "sales@contoso.com", "IPM.DistList.MOC.DG")
    assert box.json("group", "add-dl", "tsmith@contoso.com", "sales@contoso.com") == added
    assert box.json("group", "add-dl", "tsmith@contoso.com", "dev@contoso.com", "--name", "D")["display_name"] == "D"
    box.fails(REFUSED, "group", "add-dl", "tsmith@contoso.com", "other@contoso.com", saying="dl add")
    box.fails(REFUSED, "contact", "add", "tsmith@contoso.com", "a@b", "--group", "D", saying="type")
    box.ok("group", "remove", "tsmith@contoso.com", "D")
    box.ok("dl", "remove", "Sales@contoso.com")
    box.fails(REFUSED, "dl", "remove", "sales@contoso.com")
    assert list(box.groups()) == [*DEFAULT_GROUPS, "sales@contoso.com"]


def test_rights(box):
    guid = box.json("mailbox", "show", "tsmith@contoso.com")["guid"]
    box.ok("right", "grant", "svc")
    box.ok("right", "grant", "svc", "tom@contoso.com")
    box.ok("right", "grant", "other", guid)
    one = {"mailbox": guid, "address": "tsmith@contoso.com"}
    every = {"mailbox": None, "address": None}
    assert box.json("right", "list", "SVC") == [{"caller": "svc", **every}, {"caller": "svc", **one}]
    assert len(box.json("right", "list")) == 3
    assert "svc  (every mailbox)\n" in box.ok("right", "list")
    box.fails(REFUSED, "right", "grant", "SVC")
    box.fails(REFUSED, "right", "grant", "svc", "nobody@contoso.com")
    box.fails(USAGE, "right", "grant", "")
    box.ok("right", "revoke", "svc")
    box.fails(REFUSED, "right", "revoke", "svc")
    assert box.json("right", "list", "svc") == [{"caller": "svc", **one}]


# ---- lists

def test_list(box):
    me = "tsmith@contoso.com"
    assert box.groups() == {name: [] for name in DEFAULT_GROUPS}
    work = box.json("group", "add", me, "Work")
    assert work["type"] == "IPM.DistList.MOC.UserGroup"
    first = box.json("contact", "add", me, "tadams@contoso.com", "--name", "Terry Adams", "--group", "work")
    assert (first["kind"], first["display_name"], first["groups"]) == ("Im", "Terry Adams", [work["number"]])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", first["creation_time"])
    tel = box.json("contact", "add-tel", me, "tel:5625550100", "sip:john@contoso.com", "5625550100")
    assert (tel["kind"], tel["im_telephone_number"]) == ("TelUri", "5625550100")
    assert box.json("contact", "add", me, "sip:TADAMS@contoso.com", "--group", "Favorites")["number"] == first["number"]
    assert box.groups() == {"Other Contacts": ["tel:5625550100"], "Tagged": [], "Favorites": ["tadams@contoso.com"],
                            "Work": ["tadams@contoso.com"]}
    assert [c["number"] for c in box.json("contact", "list", me)] == [tel["number"], first["number"]]
    assert box.json("group", "list", me) == box.json("list", "show", me)["groups"]
    text = box.ok("list", "show", me)
    assert f"    {first['number']}  Terry Adams  <tadams@contoso.com>\n" in text
    assert "Terry Adams" in box.ok("contact", "list", me) and "Work" in box.ok("group", "list", me)
    shown = box.json("mailbox", "show", me)
    assert (shown["im_groups"], shown["im_contacts"]) == (1, 2)


def test_groups(box):
    me = "tsmith@contoso.com"
    number = str(box.json("group", "add", me, "B\u00fcro")["number"])
    box.fails(REFUSED, "group", "add", me, "B\u00dcRO", saying="already")
    box.fails(REFUSED, "group", "add", me, "tagged", saying="already")
    box.ok("group", "rename", me, "bu\u0308ro", "Office")
    box.fails(REFUSED, "group", "rename", me, number, "Favorites", saying="Favorites")
    box.fails(REFUSED, "group", "rename", me, number, "Office")
    box.fails(REFUSED, "group", "rename", me, "Tagged", "Mine", saying="Tagged")
    box.fails(REFUSED, "group", "rename", me, "nowhere", "x", saying="group list")
    box.fails(USAGE, "group", "rename", me, number, "")
    box.ok("contact", "add", me, "a@b", "--group", number)
    for default in DEFAULT_GROUPS:
        box.fails(REFUSED, "group", "remove", me, default, saying=default)
    box.ok("group", "remove", me, "OFFICE")
    box.fails(REFUSED, "group", "remove", me, number)
    assert box.groups() == {"Other Contacts": ["a@b"], "Tagged": [], "Favorites": []}


def test_number_before_name(box):
    me = "tsmith@contoso.com"
    first = box.json("group", "add", me, "First")["number"]
    second = box.json("group", "add", me, str(first))["number"]
    box.ok("group", "rename", me, str(first), "Renamed")
    box.ok("group", "rename", me, str(second), "Second")
    assert set(box.groups()) == {*DEFAULT_GROUPS, "Renamed", "Second"}
    box.ok("dl", "add", "dl@contoso.com")
    box.ok("group", "add-dl", me, "dl@contoso.com", "--name", "renamed")
    box.fails(REFUSED, "group", "remove", me, "Renamed", saying="number")


def test_contacts(box):
    me = "tsmith@contoso.com"
    box.ok("group", "add", me, "Work")
    number = str(box.json("contact", "add", me, "a@b")["number"])
    box.ok("contact", "copy", me, "A@b", "Favorites")
    box.ok("contact", "copy", me, number, "Tagged")
    box.ok("contact", "move", me, "sip:a@b", "Other Contacts", "Work")
    assert box.groups() == {"Other Contacts": [], "Tagged": ["a@b"], "Favorites": ["a@b"], "Work": ["a@b"]}
    for arguments in (["nobody@b", "Work"], [number, "nowhere"]):
        box.fails(REFUSED, "contact", "copy", me, *arguments)
    for move, saying in ((["Other Contacts", "Work"], "not in group"), (["Work", "work"], "same group"),
                         (["Work", "nowhere"], "nowhere"), (["nowhere", "Work"], "nowhere")):
        box.fails(REFUSED, "contact", "move", me, number, *move, saying=saying)
    box.fails(REFUSED, "contact", "remove", me, number, "--group", "Other Contacts", saying="not in group")
    box.ok("contact", "remove", me, number, "--group", "Favorites")
    box.fails(REFUSED, "contact", "move", me, number, "Work", "Tagged", saying="Tagged")
    assert box.groups()["Work"] == ["a@b"]
    box.ok("contact", "remove", me, number, "--group", "Work")
    assert box.json("contact", "list", me) == []
    box.ok("contact", "add-tel", me, "tel:1", "sip:x@y", "1")
    box.ok("contact", "remove", me, "tel:1")
    box.fails(REFUSED, "contact", "remove", me, "tel:1", saying="contact list")
    box.fails(REFUSED, "contact", "add", me, "a@b", "--group", "nowhere", saying="nowhere")
    assert box.json("check")["findings"] == []


def test_migration(box):
    assert box.ok("migration", "show", "tsmith@contoso.com") == "off\n"
    box.ok("migration", "on", "tsmith@contoso.com")
    assert box.json("migration", "show", "tom@contoso.com") == {"im_list_migration_completed": True}
    assert box.json("list", "show", "tom@contoso.com")["im_list_migration_completed"]
    box.ok("migration", "off", "tsmith@contoso.com")
    assert box.ok("migration", "show", "tsmith@contoso.com") == "off\n"


def test_text_cannot_steer_a_terminal(box):
    name = "\u202etxt.\u0085x\ty"
    box.ok("group", "add", "tsmith@contoso.com", name)
    for text in (box.ok("list", "show", "tsmith@contoso.com"), box.ok("list", "show", "tsmith@contoso.com", "--json")):
        assert text.isascii() and all(c >= " " or c == "\n" for c in text)
    assert "\\xe2\\x80\\xaetxt.\\xc2\\x85x\\x09y" in box.ok("group", "list", "tsmith@contoso.com")
    assert name in [g["display_name"] for g in box.json("group", "list", "tsmith@contoso.com")]
    error = box.fails(REFUSED, "mailbox", "show", "\x1b[31mred\x7f")
    assert "\\x1b[31mred\\x7f" in error


def test_output_that_cannot_be_written(box):
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([CTL, "--store", box.store, "mailbox", "list"], stdout=full, stderr=subprocess.PIPE, text=True,
                              timeout=SECONDS, check=False)
    assert done.returncode == UNUSABLE and "output" in done.stderr
