# SPDX-License-Identifier: Apache-2.0
"""Other processes at the same store: a full table of readers, readers that died, a writer that is stopped, a store that is
taken away or replaced."""

import contextlib
import http.client
import os
import shutil
import signal
import struct
import tempfile
import time
from pathlib import Path

import pytest

from tests.httpd import soap
from tests.httpd.env import BUILD, MPMS, Env
from tests.httpd.load import Load
from tests.torture.hold import hold

UNAVAILABLE = "ErrorMailboxStoreUnavailable"
READER_SLOTS = 4096


def answers(env, account, tally):
    """A change and a reading are both answered well."""
    begun = time.monotonic()
    assert account.call("SetImListMigrationCompleted", ImListMigrationCompleted="true").ok
    account.im_list()
    tally(max_answer_seconds=time.monotonic() - begun)


@pytest.mark.short(0)
@pytest.mark.long(0.5)
def test_readers_full(seconds, tally):
    """While all slots are taken, each request gets an error; when who had them was killed, all is well at once."""
    end = time.monotonic() + seconds
    with Env() as env:
        account = env.account()
        while True:
            with hold(env, "read", READER_SLOTS + 1) as (process, held):
                assert held >= READER_SLOTS - 100, held
                for operation, children in (("GetImItemList", {}), ("AddImGroup", {"DisplayName": "no"})):
                    reply = account.call(operation, **children)
                    assert reply.code == UNAVAILABLE, reply.body
                    tally(refused=1)
                process.kill()
                process.wait()
                answers(env, account, tally)
            tally(rounds=1, slots=held)
            if time.monotonic() > end:
                break
        assert len(account.im_list().groups) == 3
        env.ctl("check")
        env.expect_log("EWSIM0053.*more than 4096 readers")
        complaints = env.check_log()
        assert not complaints, "\n".join(complaints)


def in_use(env):
    """Bytes of the file that are in use, free pages too: the file itself grows by steps, and ahead of its use. Read from LMDB's
    two meta pages, since a process that opens the store forgets dead readers."""
    with open(env.store / "data.mdb", "rb") as file:
        metas = [struct.unpack_from("<QQ", file.read(4096), 136) for _ in range(2)]  # last page, transaction
    return max(metas, key=lambda meta: meta[1])[0] * 4096


def growth(env, load, acked):
    """How much more of the file is in use after so many changes."""
    before = in_use(env)
    enough = load.acked + acked
    assert env.wait(lambda: load.acked > enough or load.problems or load.breaks)
    return in_use(env) - before


@pytest.mark.short(1)
@pytest.mark.long(2)
def test_stale_readers(seconds, thorough, tally):
    """A reader that lives makes the file grow; one that was killed does not, from the next process that opens the store on,
    or the next minute."""
    end = time.monotonic() + seconds
    with Env() as env:
        load = Load([env.account() for _ in range(6)], goes_on=True, name_length=250)
        growth(env, load, 200)
        while True:
            with hold(env, "read", 50) as (process, _):
                live = 0
                for _ in range(400):  # pages that are free come first: all that earlier rounds have added
                    live += growth(env, load, 300)
                    if live >= 1 << 20:
                        break
                process.kill()
                process.wait()
            if thorough and end - time.monotonic() > 90:
                time.sleep(62)
            else:
                children = env.children()
                os.kill(children[0], signal.SIGKILL)
                assert env.wait(lambda old=children: set(env.children()) - set(old)), "no new child"
            growth(env, load, 300)
            stale = growth(env, load, 600)
            tally(rounds=1, killed_readers=50, live_growth_kib=live >> 10, stale_growth_kib=stale >> 10)
            assert live >= 1 << 20, "a reader that lives should have kept pages"
            assert stale <= 1 << 19, "pages are kept for readers that are dead"
            if time.monotonic() > end:
                break
        load.stop().check()
        tally(**load.counts)


def has_stopped(pid):
    """True as well for a process that has ended."""
    try:
        states = [path.read_text(encoding="utf-8", errors="replace") for path in Path(f"/proc/{pid}/task").glob("*/stat")]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return all(state.rpartition(")")[2].split()[0] == "T" for state in states)


@contextlib.contextmanager
def stopped(pid):
    """Stops a process; from the beginning of the block on it does nothing, so it accepts no connection either."""
    os.kill(pid, signal.SIGSTOP)
    try:
        assert Env.wait(lambda: has_stopped(pid))
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def expect_busy_or_ok(env, account, limit):
    """One change, on a connection of its own; whether it was refused for want of its turn."""
    begun = time.monotonic()
    reply = account.soap(soap.operation("SetImListMigrationCompleted", ImListMigrationCompleted="true"),
                         headers={"Connection": "close"})
    assert time.monotonic() - begun < limit + 2, "a change was not refused in time"
    if reply.ok:
        return False
    assert reply.code == "ErrorServerBusy" and reply.value[0] == "BackOffMilliseconds", reply.body
    assert int(reply.value[1]) > 0
    begun = time.monotonic()
    assert account.soap(soap.operation("GetImItemList"), headers={"Connection": "close"}).ok
    assert time.monotonic() - begun < 2, "reading waits for the writer"
    return True


@pytest.mark.short(0.5)
@pytest.mark.long(1)
def test_stopped_program(seconds, tally):
    """Another program is stopped where the writer's place is its own."""
    end = time.monotonic() + seconds
    with Env(directives="EWSImWriteTimeout 300ms") as env:
        account = env.account()
        while True:
            with hold(env, "write") as (process, _), stopped(process.pid):
                for _ in range(3):
                    assert expect_busy_or_ok(env, account, 0.3)
                    tally(busy=1)
                process.kill()
                process.wait()
            answers(env, account, tally)
            tally(rounds=1)
            if time.monotonic() > end:
                break
        env.expect_log("EWSIM0053.*another writer holds the store")
        complaints = env.check_log()
        assert not complaints, "\n".join(complaints)


@pytest.mark.short(1)
@pytest.mark.long(1)
@pytest.mark.parametrize("mpm", MPMS)
def test_stopped_child(mpm, seconds, tally):
    """Children are stopped at work, often with the writer's place: the others refuse in time and go on afterwards. Short: until
    that was seen."""
    end = time.monotonic() + seconds
    with Env(mpm=mpm, directives="EWSImWriteTimeout 500ms") as env:
        load = Load([env.account() for _ in range(6)], refusals=("ErrorServerBusy",))
        probe = env.account()
        busy, stops = 0, 0
        while (time.monotonic() < end or not busy) and stops < 200 + seconds:
            assert env.wait(lambda at=load.acked: load.acked > at + 20 or load.problems), "nothing goes on"
            children = env.children()
            with stopped(children[stops % len(children)]):
                found = expect_busy_or_ok(env, probe, 0.5)
            busy, stops = busy + found, stops + 1
        load.stop().check()
        tally(stops=stops, with_the_lock=busy, max_stall_seconds=load.longest_stall, **load.counts)
        assert busy and not load.breaks
        env.ctl("check")
        env.expect_log("EWSIM0053.*another writer holds the store")
        complaints = env.check_log()
        assert not complaints, "\n".join(complaints)


def lock_file_removed(env):
    (env.store / "lock.mdb").unlink()


def data_file_removed(env):
    (env.store / "data.mdb").rename(env.scratch / "data.mdb")


def directory_removed(env):
    env.store.rename(env.scratch / "elsewhere")


def directory_replaced(env):
    env.store.rename(env.scratch / "elsewhere")
    env.store.mkdir(mode=0o700)
    about = (env.scratch / "elsewhere").stat()
    os.chown(env.store, about.st_uid, about.st_gid)
    env.ctl("init")


@pytest.mark.short(0)
@pytest.mark.long(0)
@pytest.mark.parametrize("harm", [lock_file_removed, data_file_removed, directory_removed, directory_replaced])
def test_store_taken_away(harm, tally):
    """Processes that had the store open refuse in order; none answers from a store that others do not see. After the store was
    put back and the server restarted, everything is there."""
    with Env() as env:
        account = env.account()
        for number in range(20):
            account.add_contact(f"c{number}@contoso.com")
        before = account.im_list()
        harm(env)
        old = env.children()
        os.kill(old[0], signal.SIGKILL)  # so that there are processes that had it open, and one that had not
        assert env.wait(lambda: set(env.children()) - set(old)), "no new child"
        env.forget_connections()  # the old connection may have been the killed child's
        codes, groups = {}, set()
        for number in range(30):
            read = account.soap(soap.operation("GetImItemList"), headers={"Connection": "close"})
            if read.ok:
                assert {group.name for group in read.im_list.groups[3:]} == groups, "a list that others know otherwise"
            written = account.soap(soap.operation("AddImGroup", DisplayName=f"g{number}"), headers={"Connection": "close"})
            if written.ok:
                groups.add(f"g{number}")
            for reply in (read, written):
                codes[reply.code] = codes.get(reply.code, 0) + 1
                assert reply.code in ("NoError", UNAVAILABLE, "ErrorNonExistentMailbox"), reply.body
        tally(**codes)
        assert codes.get(UNAVAILABLE), codes
        env.kill()
        elsewhere = env.scratch / "elsewhere"
        if elsewhere.exists():
            if env.store.exists():
                env.store.rename(env.scratch / "replacement")
            elsewhere.rename(env.store)
        if (env.scratch / "data.mdb").exists():
            (env.scratch / "data.mdb").rename(env.store / "data.mdb")
        env.start()
        after = account.im_list()
        assert before.addresses == after.addresses
        assert {group.name for group in after.groups[3:]} == groups
        env.ctl("check")


@pytest.mark.short(0)
@pytest.mark.long(0)
def test_clock_set_back(tally):
    """A store that is not there at the start is served once it is, whatever becomes of the wall clock meanwhile."""
    folder = Path(tempfile.mkdtemp(prefix="ews-im-clock-", dir="/tmp"))
    folder.chmod(0o755)
    set_back = folder / "set-back"
    try:
        with Env(variables={"LD_PRELOAD": str(BUILD / "torture/preload_clock.so"), "CLOCK_SET_BACK": str(set_back)}) as env:
            account = env.account()
            away = env.scratch / "away"
            os.rename(env.store, away)
            for pid in env.children():
                os.kill(pid, signal.SIGKILL)  # the parent starts others
            env.forget_connections()
            assert env.wait(lambda: unavailable(env, account))
            set_back.touch()
            os.rename(away, env.store)
            begun = time.monotonic()
            assert env.wait(lambda: account.call("GetImItemList").ok, 15)
            tally(max_seconds_until_open=time.monotonic() - begun)
            for pattern in ("EWSIM0011: cannot open", "EWSIM0053: ErrorMailboxStoreUnavailable", "EWSIM0010: ", "AH0"):
                env.expect_log(pattern)
            complaints = env.check_log()
            assert not complaints, "\n".join(complaints)
    finally:
        shutil.rmtree(folder)


def unavailable(env, account):
    try:
        return account.call("GetImItemList").code == UNAVAILABLE
    except (OSError, http.client.HTTPException):
        env.forget_connections()
        return False
