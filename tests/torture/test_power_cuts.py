# SPDX-License-Identifier: Apache-2.0
"""Power cuts under load: the file system stops in the midst of everything; what is on the disk then is what remains.

The file system is real, the requests go through Apache. Where nothing can be mounted, the recorded writes that are replayed to
every prefix stand for this, and the table says so.
"""

import contextlib
import random
import time

import pytest

from tests.httpd.env import BUILD, Env
from tests.httpd.load import Load
from tests.torture.disk import Disk, mountable

# Of a disk that is gone, until the server is.
REFUSALS = ("ErrorMailboxStoreUnavailable", "ErrorInternalServerError", "ErrorServerBusy")


class Machine:
    """A server with its disk, and clients at work."""

    def __init__(self, variables=None):
        self.disk = Disk(64)
        self.env = Env(store=self.disk.path / "store", variables=variables)
        self.chance = random.Random(3)
        self.load = None

    def __enter__(self):
        self.env.start()
        shared = self.env.account()
        accounts = [self.env.account() if number % 2 else shared for number in range(6)]
        self.load = Load(accounts, goes_on=True, refusals=REFUSALS, refusals_certain=False)
        return self

    def __exit__(self, *_):
        self.load.running = False
        self.env.kill()
        self.env.close()
        self.disk.close()

    def cycle(self, acked):
        """Works until `acked` more are acknowledged, then loses its power, and starts again; how long starting took."""
        enough = self.load.acked + acked
        assert self.env.wait(lambda: self.load.acked > enough or self.load.problems), "nothing goes on"
        self.disk.cut_power()
        time.sleep(self.chance.choice([0, 0.01, 0.05]))
        self.env.kill()
        self.disk.unmount()
        self.disk.mount()
        done = self.env.ctl("check", check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        begun = time.monotonic()
        self.env.start()
        assert not self.load.problems, self.load.problems
        return time.monotonic() - begun


def stands_for_it(tally, thorough):
    """Whether the test cannot run here; in the long form that is a failure."""
    reason = mountable()
    if reason:
        tally(not_run=f"nothing can be mounted ({reason}): the replayed writes stand for this test")
        assert not thorough, reason
    return reason is not None


@pytest.mark.short(3)
@pytest.mark.long(8)
def test_power_cuts(seconds, thorough, tally):
    if stands_for_it(tally, thorough):
        return
    end = time.monotonic() + seconds
    with Machine() as machine:
        while time.monotonic() < end:
            duration = machine.cycle(machine.chance.randrange(10, 150))
            tally(cuts=1, max_restart_seconds=duration)
        machine.load.stop().check()
        tally(**machine.load.counts)


@pytest.mark.short(0)
@pytest.mark.long(0)
def test_power_cuts_are_noticed(thorough, tally):
    """The same with flushes that do nothing: changes must be missing."""
    if stands_for_it(tally, thorough):
        return
    lost = 0
    for _ in range(5):
        with Machine({"LD_PRELOAD": str(BUILD / "torture" / "preload_nosync.so")}) as machine:
            with contextlib.suppress(AssertionError):
                machine.cycle(50)
                machine.load.stop().check()
            lost += machine.load.counts["lost"]
        if lost:
            break
    tally(lost_as_it_must_be=lost)
    assert lost
