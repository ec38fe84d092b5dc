# SPDX-License-Identifier: Apache-2.0
"""Flipped bits and lost ends of the data file: what is read is right, or a fault, and `ews-imctl check` finds it."""

import re
import subprocess
import time

import pytest

from tests.httpd.env import BUILD, MPMS, Env
from tests.httpd.load import BROKEN

COUNT = re.compile(r"^(\w+) (\d+)$", re.MULTILINE)

UNAVAILABLE = "ErrorMailboxStoreUnavailable"
LEFT_ALONE = "EWSIM0013: child processes die again and again"
DEATHS = 5
MOST_DEATHS = DEATHS * 48  # the parent looks once a second, and may have so many children by then
PARENT_LOOKS = 1.5  # seconds in which it does so; prefork also ends, in peace, what it has too many of
DEATH_LINE = "exit signal"


@pytest.mark.short(8)
@pytest.mark.long(0)
def test_flipped_bits_and_cuts(folder, thorough, tally):
    flips, cuts = (10000, 1000) if thorough else (200, 50)
    done = subprocess.run([BUILD / "torture/damage", "try", folder, BUILD / "ews-imctl", str(flips), str(cuts), "1"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = {name: int(value) for name, value in COUNT.findall(done.stdout)}
    tally(flips=flips, cuts=cuts, **counts)
    assert counts["wrong"] == 0 and counts["missed_by_check"] == 0, done.stdout
    assert sum(counts[name] for name in ("same", "found", "older", "died")) == flips + cuts
    assert counts["found"] > cuts / 2, "hardly any damage is found: the file that is read is not the damaged one"


def guid_of(env, address):
    return next(line.split()[0] for line in env.ctl("mailbox", "list").splitlines() if address in line)


def ask(account):
    """The response code, or None from a child that died."""
    try:
        return account.call("GetImItemList").code
    except BROKEN:
        account.env.local.key = None
        return None


@pytest.mark.short(5)
@pytest.mark.long(0)
@pytest.mark.parametrize("mpm", MPMS)
def test_a_page_that_kills(mpm, tally):
    """Whoever reads one mailbox dies. After a few deaths the store is left alone; restored, it is served again."""
    with Env(mpm=mpm) as env:
        account, other = env.account(), env.account()
        for number in range(50):
            account.add_contact(f"contact{number}@contoso.com")
        env.ctl("backup", env.scratch / "backup.mdb")
        found = subprocess.run([BUILD / "torture/damage", "find", env.store, guid_of(env, account.address), "1"],
                               capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stdout + found.stderr
        env.allow_log(DEATH_LINE)
        env.expect_log(LEFT_ALONE)
        env.expect_log("EWSIM0053: ErrorMailboxStoreUnavailable")
        deaths = 0
        while env.wait(lambda: env.children()) and (code := ask(account)) is None:
            deaths += 1
            if deaths <= 3:
                other.im_list()
            assert deaths <= MOST_DEATHS, "nothing ends the deaths"
        assert code == UNAVAILABLE
        assert deaths >= DEATHS
        time.sleep(PARENT_LOOKS)
        told = len(re.findall(DEATH_LINE, env.log()))
        for _ in range(20):
            assert ask(account) == UNAVAILABLE and ask(other) == UNAVAILABLE
        time.sleep(PARENT_LOOKS)
        assert len(re.findall(DEATH_LINE, env.log())) == told, "children go on dying"
        assert env.log().count(LEFT_ALONE) == 1
        tally(deaths=deaths)
        complaints = env.check_log()
        assert not complaints, "\n".join(complaints)
        env.allow_log(DEATH_LINE)  # of the last to die
        env.stop()
        assert env.ctl("check", check=False).returncode != 0
        env.ctl("restore", "--replace", env.scratch / "backup.mdb")
        env.start()
        assert len(account.im_list().personas) == 50 and other.im_list()
        env.stop()
        complaints = env.check_log()
        assert not complaints, "\n".join(complaints)
