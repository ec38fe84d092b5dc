# SPDX-License-Identifier: Apache-2.0
"""SIGKILL under load: of single children, and of the whole server, under each MPM. What was acknowledged is there exactly."""

import os
import random
import signal
import time

import pytest

from tests.httpd.env import MPMS, Env
from tests.httpd.load import Load

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
        assert env.wait(lambda: load.acked > before + 20), "nothing goes on after the last kill"
        load.stop().check()
        report(tally, load)
        check_store(env)
        env.stop()
        complaints = env.check_log()
        assert not complaints, "\n".join(complaints)
    assert load.longest_stall < LONGEST_STALL


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
