# SPDX-License-Identifier: Apache-2.0
"""Flipped bits and lost ends of the data file: what is read is right, or a fault, and `ews-imctl check` finds it."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.httpd.env import BUILD

COUNT = re.compile(r"^(\w+) (\d+)$", re.MULTILINE)


@pytest.fixture
def folder():
    path = Path(tempfile.mkdtemp(prefix="ews-im-torture-", dir="/dev/shm"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


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
