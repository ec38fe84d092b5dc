# SPDX-License-Identifier: Apache-2.0
"""The n-th system call and the n-th allocation fail, for every n: each ends in an orderly way, what was said to be
written is there, and the store works again in the same process."""

import re
import subprocess

import pytest

from tests.httpd.env import BUILD

CROWD = re.compile(r"^(\d+) accepted, (\d+) refused, (\d+) late, (-?\d+) missing$", re.MULTILINE)
RESULT = re.compile(r"^(\d+) runs, (\d+) failed steps, (\d+) misjudged, (\d+) bad$", re.MULTILINE)


@pytest.mark.short(4)
@pytest.mark.long(0)
@pytest.mark.parametrize("way", ["store", "service"])
def test_every_call_fails_once(folder, way, thorough, tally):
    stride = 1 if thorough else {"store": 2, "service": 1}[way]
    done = subprocess.run([BUILD / "torture/call_faults", folder, str(stride), way], capture_output=True, text=True,
                          check=True, env={"LD_PRELOAD": str(BUILD / "torture/preload_fail.so")})
    runs, failed, misjudged, bad = map(int, RESULT.search(done.stdout).groups())
    tally(runs=runs, failed_steps=failed, misjudged=misjudged, bad=bad)
    assert bad == 0, done.stdout + done.stderr
    assert misjudged <= runs / 100, "want of memory is called the client's fault"
    assert runs > 300
    assert failed > runs / 2, "hardly anything failed: the library that makes calls fail is not at work"


@pytest.mark.short(1)
@pytest.mark.long(0)
def test_no_thread_for_the_writer(folder, tally):
    """Whoever waits for a thread that cannot be started is told so at once, not when his time is over."""
    done = subprocess.run([BUILD / "torture/crowd", folder], capture_output=True, text=True, check=True,
                          env={"LD_PRELOAD": str(BUILD / "torture/preload_fail.so")}, timeout=120)
    accepted, refused, late, missing = map(int, CROWD.search(done.stdout).groups())
    tally(accepted=accepted, refused=refused, late=late, missing=missing)
    assert accepted and refused
    assert late == 0 and missing == 0
