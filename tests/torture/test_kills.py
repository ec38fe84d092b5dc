# SPDX-License-Identifier: Apache-2.0
"""SIGKILL under load: of single children, and of the whole server, under each MPM. What was acknowledged is there exactly."""

import os
import random
import signal
import time

import pytest

from tests.httpd import soap
from tests.httpd.env import MPMS, Env
from tests.httpd.load import Load
from tests.torture.hold import hold

CLIENTS = 6
LONGEST_STALL = 10  # for a request that was broken off, until it is answered; seconds


def check_store(env):
    done = env.ctl("check", check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def crowd(env):
    """Each of three clients with a list of its own, three with one list together."""
    shared = env.account()
    return [env.account() if number % 2 else shared for number in range(CLIENTS)]


def report(tally, load, **values):
    tally(**values, **load.counts, max_stall_seconds=load.longest_stall)


def kill_one(env, chance):
    """Kills a child, unless it is the last (the parent makes new ones once a second); whether it did."""
    children = env.children()
    if len(children) < 2:
        return 0
    try:
        os.kill(chance.choice(children), signal.SIGKILL)
    except ProcessLookupError:
        return 0
    return 1


@pytest.mark.short(2)
@pytest.mark.long(4)
@pytest.mark.parametrize("mpm", MPMS)
def test_sigkill_of_children(mpm, seconds, tally):
    chance = random.Random(1)
    end = time.monotonic() + seconds
    with Env(mpm=mpm) as env:
        load = Load(crowd(env), goes_on=True)
        while time.monotonic() < end:
            killed = 0
            pause_end = time.monotonic() + min(20, max(1, seconds / 2))
            while time.monotonic() < pause_end:
                time.sleep(chance.uniform(0.02, 0.2))
                killed += kill_one(env, chance)
            tally(kills=killed, rounds=1)
            check_store(env)  # of a server at work
        before = load.acked
        assert env.wait(lambda: load.acked > before + 20 or load.problems), "nothing goes on after the last kill"
        load.stop().check()
        report(tally, load)
        check_store(env)
        env.stop()
        env.allow_log(r"AH1039\d: children are killed successively")  # httpd noticed it
        complaints = env.check_log()
        assert not complaints, "\n".join(complaints)
    assert load.longest_stall < LONGEST_STALL


@pytest.mark.short(0)
@pytest.mark.long(0)
def test_many_killed_at_once(tally):
    """Children that are killed in the middle of their calls are no sign of a damaged store."""
    with Env(mpm="prefork", directives="MaxSpareServers 40\nMinSpareServers 10\nStartServers 16") as env:
        accounts = [env.account() for _ in range(12)]
        for turn in range(3):
            with hold(env, "write"):
                asked = []
                for account in accounts:
                    asked.append(env.connect())
                    asked[-1].sendall(account.raw_request(soap.envelope(soap.operation("AddImGroup", DisplayName=f"group {turn}"))))
                time.sleep(0.3)
                children = env.children()
                for child in children:
                    os.kill(child, signal.SIGKILL)
                tally(killed=len(children))
            for connection in asked:
                connection.close()
            env.forget_connections()
            assert env.wait(lambda gone=children: len(set(env.children()) - set(gone)) > 4), "no new children"
            for account in accounts:
                assert account.soap(soap.operation("GetImItemList"), headers={"Connection": "close"}).ok
        assert "EWSIM0013" not in env.log()


@pytest.mark.short(1.5)
@pytest.mark.long(3)
@pytest.mark.parametrize("mpm", MPMS)
def test_sigkill_of_everything(mpm, seconds, tally):
    chance = random.Random(2)
    end = time.monotonic() + seconds
    with Env(mpm=mpm) as env:
        load = Load(crowd(env), goes_on=True)
        while True:
            enough = load.acked + chance.randrange(20, 100)
            assert env.wait(lambda least=enough: load.acked > least), "nothing goes on"
            env.kill()
            check_store(env)
            begun, before = time.monotonic(), load.acked
            env.start()
            assert env.wait(lambda least=before: load.acked > least), "nobody answers"
            tally(kills=1, max_restart_seconds=time.monotonic() - begun)
            if time.monotonic() > end:
                break
        load.stop().check()
        report(tally, load)
        check_store(env)
