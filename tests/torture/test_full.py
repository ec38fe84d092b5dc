# SPDX-License-Identifier: Apache-2.0
"""A full disk and a full map: what is refused is refused in the protocol's form and did not happen, reading goes on, and with
room again writing goes on without a restart.

A disk is full for real on a small file system of the test's own, and by a limit on the size of files where nothing can be
mounted; the second needs no rights.
"""

import contextlib
import os
import random
import re
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.httpd.env import AS_ROOT, BUILD, SECONDS, Env
from tests.httpd.load import Load
from tests.torture.disk import Disk, mountable
from tests.torture.hold import hold

# The second when the last write found room for a part: LMDB tells that as an input/output error.
FULL = ("ErrorInternalServerTransientError", "ErrorMailboxStoreUnavailable")
READERS = 1000  # many times what one page of lock.mdb holds
STILL = 100    # contacts of the list that is read all the time
ROOM = 1 << 20  # for less than that on the small disk a new one is begun


class Reader(threading.Thread):
    """Reads one list all the time; it must always be the same."""

    def __init__(self, account):
        super().__init__(daemon=True)
        self.account, self.running, self.reads, self.problems = account, True, 0, []
        for number in range(STILL):
            account.add_contact(f"still{number}@contoso.com")
        self.wanted = account.im_list()
        self.start()

    def run(self):
        try:
            while self.running:
                assert self.account.im_list() == self.wanted
                self.reads += 1
                time.sleep(0.002)
        except BaseException as problem:  # pylint: disable=broad-except
            self.problems.append(repr(problem))

    def stop(self):
        self.running = False
        self.join(SECONDS)
        assert not self.problems, self.problems
        return self.reads


class SmallDisk:
    """16 MB, filled but for some bytes by a file of its own."""

    def __init__(self):
        self.disk = Disk(16)
        self.path = self.disk.path / "store"

    def has_room(self):
        return self.disk.free() > ROOM

    def fill(self, _, leave):
        self.disk.fill(leave)

    def empty(self, _):
        self.disk.empty()

    def close(self):
        self.disk.close()


class Limit:
    """No process of the server can write beyond a limit."""

    path = None

    def has_room(self):
        return True

    def fill(self, env, leave):
        pages = int(re.search(r'"pages": (\d+)', env.ctl("stat", "--json"))[1])
        self.set(env, 4096 * pages + leave)

    def empty(self, env):
        self.set(env, "unlimited")

    @staticmethod
    def set(env, size):
        identity = {"user": "www-data", "group": "www-data", "extra_groups": []} if AS_ROOT else {}
        for child in env.children():  # the limits of another user's process need a right that root may lack
            done = subprocess.run(["prlimit", "--pid", str(child), f"--fsize={size}:"], capture_output=True, text=True,
                                  check=False, **identity)
            assert done.returncode == 0, done.stderr

    def close(self):
        pass


def add_until_refused(account, name, tally):
    """Adds contacts until there is no room; the addresses that were accepted."""
    accepted = []
    for number in range(5000):
        address = f"{name}.{number}@contoso.com"
        reply = account.call("AddNewImContactToGroup", ImAddress=address, DisplayName="x" * 250)
        if not reply.ok:
            assert reply.code in FULL, reply.body
            tally(refused_alone=1)
            return accepted
        accepted.append(address)
    raise AssertionError("the disk is not full")


def fill_and_empty(env, disk, clients, tally, seconds):
    end = time.monotonic() + seconds
    chance = random.Random(4)
    grower, still = env.account(), env.account()
    reader = Reader(still)
    load = Load([env.account() for _ in range(clients)], goes_on=True, refusals=FULL, name_length=250)
    accepted, cycles = [], 0
    while time.monotonic() < end and disk.has_room():
        disk.fill(env, chance.randrange(0, 65536))
        reads = reader.reads
        accepted += add_until_refused(grower, f"cycle{cycles}", tally)
        assert env.wait(lambda least=reads: reader.reads > least or reader.problems), "reading does not go on"
        disk.empty(env)
        before = load.acked
        accepted.append(grower.add_contact(f"after{cycles}@contoso.com").address)
        assert env.wait(lambda least=before: load.acked > least or load.problems), "writing does not go on"
        cycles += 1
        tally(cycles=1)
    load.stop().check()
    assert sorted(grower.im_list().addresses) == sorted(accepted)
    tally(reads=reader.stop(), **load.counts)
    assert cycles
    env.ctl("check")


@pytest.mark.short(1.5)
@pytest.mark.long(4)
@pytest.mark.parametrize("kind", [SmallDisk, Limit])
def test_full_disk(kind, seconds, thorough, tally):
    reason = mountable() if kind is SmallDisk else None
    if reason:
        tally(not_run=f"nothing can be mounted ({reason}): the limit on the size of files stands for this test")
        assert not thorough, reason
        return
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        disk = kind()
        try:
            with Env(store=disk.path) as env:
                env.ctl("settings", "set", "im-contact-limit", "100000")
                fill_and_empty(env, disk, 3, tally, end - time.monotonic())
                env.stop()
                env.expect_log(r"EWSIM0053: (ErrorInternalServerTransientError: .*(No space left|too large).*; there is no room:|"
                               r"ErrorMailboxStoreUnavailable: .*Input/output error)")
                complaints = env.check_log()
                assert not complaints, "\n".join(complaints)
        finally:
            disk.close()


def small_disk(tally, thorough):
    """nullcontext's None where nothing can be mounted."""
    reason = mountable()
    if reason:
        tally(not_run=f"nothing can be mounted ({reason})")
        assert not thorough, reason
        return contextlib.nullcontext()
    return contextlib.closing(SmallDisk())


@pytest.mark.short(0)
@pytest.mark.long(0)
@pytest.mark.parametrize("room", ["room for lock.mdb", "no room for lock.mdb"])
def test_start_on_a_full_disk(room, thorough, tally):
    """LMDB writes lock.mdb by a map, and a page of that without room on the disk is the end of a process. With room for it all is
    read, by however many; without, children stay alive, tell so, and serve the store once there is room."""
    with small_disk(tally, thorough) as disk:
        if disk is None:
            return
        with Env(store=disk.path) as env:
            account = env.account()
            account.add_contact("before@contoso.com")
            env.stop()
            env.ctl("compact")  # empties lock.mdb
            if room.startswith("no"):
                os.truncate(disk.path / "lock.mdb", 0)
            disk.disk.fill_up()
            env.start()
            if room.startswith("no"):
                assert account.call("GetImItemList").code == FULL[1]
                env.expect_log(r"EWSIM0011: cannot open.*Full: .*lock.mdb: No space left on device")
                env.expect_log(r"EWSIM0053: ErrorMailboxStoreUnavailable: it is not open")
                env.expect_log(r"EWSIM0010: ")
            else:
                with hold(env, "read", READERS) as (_, held):
                    assert held == READERS
                    assert account.im_list().addresses == ["before@contoso.com"]
                assert len(add_until_refused(account, "full", tally)) < 5000
                env.expect_log(r"EWSIM0053: ")
            disk.empty(env)
            assert env.wait(lambda: account.call("GetImItemList").ok, 15)
            account.add_contact("after@contoso.com")
            assert {"before@contoso.com", "after@contoso.com"} <= set(account.im_list().addresses)
            env.ctl("check")
            complaints = env.check_log()
            assert not complaints, "\n".join(complaints)


def map_size(pid):
    """The size of LMDB's map, and of the module's own, in a process; nothing once it has ended."""
    try:
        lines = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    spans = [line.split()[0].split("-") for line in lines if line.endswith("/data.mdb")]
    return max((int(end, 16) - int(start, 16) for start, end in spans), default=0)


@pytest.mark.short(1.5)
@pytest.mark.long(2)
def test_full_map(seconds, tally):
    """A reader that stays makes each change take new pages; the map of 1 MB grows, in all processes."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        env = Env(mpm="prefork", store_options="mapsize=1M", directives="EWSImAutoCreate On")
        for name in ("data.mdb", "lock.mdb"):
            (env.store / name).unlink(missing_ok=True)
        subprocess.run([BUILD / "torture" / "hold", env.store, "create", str(1 << 20)], check=True)
        with env:
            load = Load([env.account(mailbox=False) for _ in range(8)], name_length=250)
            env.wait(lambda load=load: load.acked > 20)
            sizes = [size for size in map(map_size, env.children()) if size]  # httpd ends children that are idle
            with hold(env, "read", 1):
                env.wait(lambda server=env: max(map(map_size, server.children())) >= 32 << 20, max(2, end - time.monotonic()))
                load.stop().check()
            children = env.children()
            grown = [size for size in map(map_size, children) if size > min(sizes)]
            assert len(children) >= 4 and len(grown) >= 4, sizes
            tally(growths=sum((size // min(sizes)).bit_length() - 1 for size in grown), max_processes=len(grown),
                  max_map_mib=max(grown) >> 20, **load.counts)
            assert not load.breaks
            env.ctl("check")
            env.stop()
            complaints = env.check_log()
            assert not complaints, "\n".join(complaints)
