# SPDX-License-Identifier: Apache-2.0
"""ews-imctl's commands for the store as a whole, while others use it, and under bad conditions."""

import json
import os
import pwd
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.ctl.place import (AS_ROOT, BUSY, CTL, DEFAULT_GROUPS, FINDINGS, OK, REFUSED, SECONDS, UNUSABLE, USAGE,
                             release)



def test_beside_another_process(box):
    holder = box.hold("read")
    box.ok("group", "add", "tsmith@contoso.com", "Work")
    box.ok("backup", box.store)
    assert box.json("stat")["readers"] >= 1 and box.json("check")["findings"] == []
    backup = next(box.store.glob("mod_ews_im-*.mdb"))
    box.fails(BUSY, "compact", saying="in use")
    box.fails(BUSY, "restore", backup, "--replace", saying="in use")
    release(holder)
    box.ok("compact")


def test_waiting_for_the_turn(box):
    holder = box.hold("write")
    started = time.monotonic()
    box.fails(BUSY, "--wait", "1", "group", "add", "tsmith@contoso.com", "Work")
    assert 0.9 < time.monotonic() - started < 20
    assert "Work" not in box.groups()  # readers do not wait
    waiting = subprocess.Popen([CTL, "--store", box.store, "--wait", "60", "group", "add", "tsmith@contoso.com", "Work"],
                               stdout=subprocess.DEVNULL)
    time.sleep(0.3)
    assert waiting.poll() is None
    release(holder)
    assert waiting.wait(SECONDS) == OK and "Work" in box.groups()


def test_backup_and_restore(box):
    box.ok("group", "add", "tsmith@contoso.com", "Work")
    file = box.store / "saved.mdb"
    assert box.json("backup", file) == {"file": str(file), "bytes": file.stat().st_size}
    assert file.stat().st_mode & 0o777 == 0o600
    box.fails(REFUSED, "backup", file, saying="already")
    assert box.json("check", file) == {**box.json("check"), "complete": True}
    box.ok("group", "add", "tsmith@contoso.com", "Later")

    other = box.folder / "other"
    box.ok("restore", file, store=other, env={"EWS_IM_STORE": "unused"})
    assert "Work" in box.ok("group", "list", "tsmith@contoso.com", store=other)
    assert other.stat().st_uid == box.store.stat().st_uid
    box.fails(REFUSED, "restore", file, store=other, saying="--replace")
    box.fails(REFUSED, "restore", box.folder / "missing.mdb", saying="missing.mdb")
    box.ok("restore", file, "--replace")
    assert set(box.groups()) == {*DEFAULT_GROUPS, "Work"}
    assert box.json("check")["findings"] == []


def test_backup_into_a_directory(box):
    file = Path(box.json("backup", box.store)["file"])
    assert file.parent == box.store and re.fullmatch(r"mod_ews_im-\d{8}T\d{6}Z\.mdb", file.name)


def test_backups_at_the_same_time(box):
    """All of them get a file of their own, with a number behind those of the same second."""
    commands = [subprocess.Popen([CTL, "--store", box.store, "--json", "backup", box.store], stdout=subprocess.PIPE, text=True)
                for _ in range(8)]
    files = [json.loads(command.communicate(timeout=SECONDS)[0])["file"] for command in commands]
    assert len(set(files)) == 8 and all(Path(file).exists() for file in files)
    assert any(re.search(r"Z-[2-9]\.mdb$", file) for file in files), files


def test_backup_that_cannot_be_made_sure(box):
    """A directory that cannot be read cannot be flushed either: no backup is left that was not told of."""
    drop = box.store / "drop"
    drop.mkdir()
    if AS_ROOT:
        os.chown(drop, *box.owner_only())
    drop.chmod(0o300)
    box.fails(UNUSABLE, "backup", drop / "saved.mdb", saying="drop")
    drop.chmod(0o700)
    assert not list(drop.iterdir())


def test_what_is_no_file(box):
    box.fails(UNUSABLE, "check", box.store, saying="--store")
    box.fails(UNUSABLE, "restore", box.store, "--replace", saying="is a directory")
    pipe = box.folder / "pipe"
    os.mkfifo(pipe, 0o666)
    box.fails(UNUSABLE, "check", pipe, saying="no regular file")
    box.fails(UNUSABLE, "restore", pipe, "--replace", saying="no regular file")
    assert box.json("check")["findings"] == []


CLOSED = ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"]


@pytest.mark.parametrize("closed", CLOSED)
def test_closed_standard_files(box, closed):
    """What is printed does not get into the file that was opened in the place of a closed one: the data file."""
    aliases = [part for number in range(200) for part in ("--alias", f"a{number:03}@contoso.com")]
    box.ok("mailbox", "add", "long@contoso.com", *aliases)  # more than is printed at once
    group = box.store / "group"
    for command, code, prints in (
            (["mailbox", "list"], OK, True), (["mailbox", "list", "--json"], OK, True),
            (["mailbox", "add", "tsmith@contoso.com"], REFUSED, False),
            (["contact", "remove", "tsmith@contoso.com", "nobody"], REFUSED, False),
            (["group", "add", "tsmith@contoso.com", "Work"], OK, True), (["--wait", "x"], USAGE, False), (["stat"], OK, True),
            (["backup", group], OK, True), (["compact"], OK, True), (["restore", group, "--replace"], OK, True)):
        done = box.run(*command, prefix=("sh", "-c", f'exec "$@" {closed}', "sh"))
        assert done.returncode == (UNUSABLE if prints and "1>&-" in closed else code), (command, done)
    assert len(box.json("mailbox", "list")) == 2
    assert box.json("check")["findings"] == []


@pytest.mark.skipif(not AS_ROOT, reason="root gives stores away")
def test_what_root_may_do_and_the_owner_may_not(place):
    """What cannot be finished as the owner is not begun as root."""
    owner = pwd.getpwnam("www-data")
    inside = place.folder / "inside"
    inside.mkdir(mode=0o750)  # its group is root's, and root is in that
    command = [CTL, "--store", inside / "store", "init", "--owner", "www-data"]
    done = subprocess.run(command, capture_output=True, text=True, extra_groups=[0], timeout=SECONDS, check=False)
    assert done.returncode == UNUSABLE and "cannot reach" in done.stderr, done
    assert not (inside / "store").exists()
    place.store.mkdir(mode=0o700)
    os.chown(place.store, owner.pw_uid, 0)
    place.fails(UNUSABLE, "init", "--owner", f"www-data:{owner.pw_gid}", saying="group 0")
    place.ok("init", "--owner", "www-data")


def test_stat_and_check(box):
    box.ok("contact", "add", "tsmith@contoso.com", "a@b")
    stat = box.json("stat")
    assert (stat["mailboxes"], stat["im_groups"], stat["im_contacts"], stat["reader_slots"]) == (1, 3, 1, 4096)
    assert "mailboxes 1\n" in box.ok("stat")
    checked = box.json("check")
    assert checked.pop("records") > 5
    assert checked == {"mailboxes": 1, "im_contacts": 1, "im_groups": 3, "complete": True, "findings": []}
    assert box.ok("check").startswith("nothing wrong, ")


def test_check_of_a_damaged_page(box):
    for number in range(20):
        box.ok("mailbox", "add", f"u{number}@contoso.com")
    file = box.store / "saved.mdb"
    box.ok("backup", file)  # in which all pages are in use
    content = bytearray(file.read_bytes())
    leaf = next(at for at in range(8192, len(content), 4096) if content[at + 10] == 2)
    content[leaf + 12] ^= 2  # the number of its records
    file.write_bytes(content)
    done = box.run("--json", "check", file)
    told = json.loads(done.stdout)
    assert done.returncode == FINDINGS and not told["complete"] and "records" not in told and len(told["findings"]) == 2
    assert re.fullmatch(r"store: page \d+ is damaged(; it held what is from .* on)?", told["findings"][0])
    assert "not read" in told["findings"][1]


def test_compact(box):
    for number in range(40):
        box.ok("mailbox", "add", f"u{number}@contoso.com")
    for number in range(40):
        box.ok("mailbox", "remove", f"u{number}@contoso.com")
    owner = box.owner_only()
    told = box.json("compact")
    assert told["bytes_after"] < told["bytes_before"] and box.json("stat")["free_pages"] == 0
    assert [e["address"] for e in box.json("mailbox", "list")] == ["tsmith@contoso.com"]
    assert box.owner_only() == owner


def damage(box, change):
    """Changes each page in use but the first two; the store as it was is put back afterwards by the caller."""
    data = bytearray((box.store / "data.mdb").read_bytes())
    for page in range(2, len(data) // 4096):
        if any(data[page * 4096:page * 4096 + 16]):
            change(data, page * 4096)
    (box.store / "data.mdb").write_bytes(data)


def flip_record(data, at):
    lower = int.from_bytes(data[at + 12:at + 14], "little")
    upper = int.from_bytes(data[at + 14:at + 16], "little")
    if lower < upper < 4096:
        data[at + 4095] ^= 0x40


def wild_pointers(data, at):
    data[at + 16:at + 64] = b"\xf0\xff" * 24


def test_damage_is_found(box):
    for number in range(60):
        box.ok("mailbox", "add", f"u{number}@contoso.com")
    before = (box.store / "data.mdb").read_bytes()
    damage(box, flip_record)
    done = box.run("check", "--json")
    assert done.returncode == FINDINGS and json.loads(done.stdout)["findings"]
    done = box.run("check")
    assert done.returncode == FINDINGS and " finding" in done.stdout.splitlines()[-1]

    (box.store / "data.mdb").write_bytes(before)
    assert box.json("check")["findings"] == []
    damage(box, wild_pointers)
    for command in (["check"], ["mailbox", "list"], ["stat"], ["backup", box.store / "x.mdb"]):
        done = box.run(*command)
        assert done.returncode in (UNUSABLE, FINDINGS), f"{command}: {done.returncode} {done.stderr}"
    assert not list(box.store.glob("x.mdb"))

    (box.store / "data.mdb").write_bytes(before[:5000])
    box.fails(UNUSABLE, "mailbox", "list", saying="restore")
    assert box.run("check").returncode == FINDINGS


def test_a_backup_that_is_none(box):
    file = box.folder / "letter.mdb"
    file.write_text("not a store\n" * 1000, encoding="ascii")
    file.chmod(0o644)
    box.fails(UNUSABLE, "restore", file, "--replace")
    assert box.run("check", file).returncode == FINDINGS
    assert set(box.groups()) == set(DEFAULT_GROUPS)


@pytest.mark.parametrize("command", ["compact", "restore"])
def test_what_a_crash_left_is_removed(box, command):
    """Wherever it stands among what else is in the directory."""
    saved = box.store / "saved.mdb"
    box.ok("backup", saved)
    owner = box.owner_only()
    left = [box.store / f".new-{number:06}" for number in range(30)]
    for folder in left:
        folder.mkdir(mode=0o700)
        (folder / "data.mdb").write_bytes(b"people's contacts")
        os.chown(folder, *owner)
    box.ok(*([command] if command == "compact" else [command, saved, "--replace"]))
    assert not [folder for folder in left if folder.exists()]
    assert sorted(entry.name for entry in box.store.iterdir()) == ["data.mdb", "lock.mdb", "saved.mdb"]


def test_limit_on_the_size_of_files(box):
    """It is told like a full disk, and leaves nothing behind."""
    saved = box.store / "saved.mdb"
    box.ok("backup", saved)
    before = box.json("list", "show", "tsmith@contoso.com")
    small = ("sh", "-c", 'ulimit -f 8; exec "$@"', "sh")
    for command in (["group", "add", "tsmith@contoso.com", "Work"], ["backup", box.store / "other.mdb"], ["compact"],
                    ["restore", saved, "--replace"]):
        assert "File too large" in box.fails(UNUSABLE, *command, prefix=small)
    assert sorted(entry.name for entry in box.store.iterdir()) == ["data.mdb", "lock.mdb", "saved.mdb"]
    assert box.json("list", "show", "tsmith@contoso.com") == before and box.json("check")["findings"] == []


def test_options_behind_words_whatever_the_environment_says(box):
    environment = {"POSIXLY_CORRECT": "1"}
    assert json.loads(box.ok("mailbox", "show", "tsmith@contoso.com", "--json", env=environment))["address"]
    box.fails(USAGE, "group", "add", "tsmith@contoso.com", "-x", env=environment, saying="unknown option -x")
    box.fails(USAGE, "-\u00e9", saying="unknown or ambiguous option")


def test_what_cannot_be_reached_is_said_to_be_so(box):
    box.fails(REFUSED, "restore", box.store / "none.mdb", saying="there is no file")
    box.fails(UNUSABLE, "restore", box.store / ("x" * 300), saying="File name too long")
    box.fails(UNUSABLE, "init", store=box.folder / "none" / "store", saying="none" if not AS_ROOT else "there is no directory")
    broken = box.store / "broken.mdb"
    box.ok("backup", broken)
    broken.write_bytes(broken.read_bytes()[:8192] + bytes(4096) + broken.read_bytes()[12288:])
    said = box.fails(UNUSABLE, "restore", broken, "--replace", saying=f"'ews-imctl check {broken}'")
    assert "ews-imctl restore" not in said


def test_a_new_store_is_flushed_into_its_parent(place):
    trace = place.folder / "trace"
    place.ok("init", prefix=("strace", "-f", "-y", "-o", trace, "-e", "trace=fsync"))
    assert f"<{place.folder}>) " in trace.read_text(encoding="utf-8")


if __name__ == "__main__":
    sys.exit(pytest.main([__file__]))
