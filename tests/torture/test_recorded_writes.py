# SPDX-License-Identifier: Apache-2.0
"""Every state of the files that a crash or a power cut can leave, from a recording of what the store wrote: the store
opens, is sound and has all that was acknowledged. The same without flushing must show losses, or the test is blind."""

import re
import shutil
import subprocess

import pytest

from tests.httpd.env import BUILD

RESULT = re.compile(r"^(\d+) states, (\d+) acked, (\d+) bad, (\d+) without a store$", re.MULTILINE)
STATES_SHORT, STATES_LONG = 2000, 50000


def record_and_replay(folder, changes, variants, seed, *options):
    """(states, acknowledged, bad, without a store), and what was complained about."""
    recorded, log = folder / "recorded", folder / "log"
    for old in (recorded, folder / "state"):
        shutil.rmtree(old, ignore_errors=True)
    log.unlink(missing_ok=True)
    recorded.mkdir()
    subprocess.run([BUILD / "torture/workload", recorded / "store", str(changes), str(seed), *options],
                   env={"LD_PRELOAD": str(BUILD / "torture/preload_record.so"), "EWS_IM_RECORD_FOLDER": str(recorded),
                        "EWS_IM_RECORD_LOG": str(log)}, check=True)
    done = subprocess.run([BUILD / "torture/replay_writes", log, folder / "state", str(variants), str(seed)],
                          capture_output=True, text=True, check=True)
    return tuple(map(int, RESULT.search(done.stdout).groups())), done.stdout + done.stderr


@pytest.mark.short(10)
@pytest.mark.long(0)
def test_every_state_after_a_crash(folder, thorough, tally):
    total = 0
    for seed in range(1, 100):
        (states, acked, bad, without), said = record_and_replay(
            folder, 60 if thorough else 20, 8 if thorough else 4, seed)
        tally(states=states, acked=acked, bad=bad, without_a_store=without)
        assert bad == 0, said
        assert acked > 50
        assert without > 0, "the making of the store was not recorded"
        total += states
        if total >= (STATES_LONG if thorough else STATES_SHORT):
            break


@pytest.mark.short(3)
@pytest.mark.long(0)
def test_without_flushing_writes_are_lost(folder, tally):
    (states, acked, bad, _), _ = record_and_replay(folder, 5, 1, 1, "nosync")
    tally(states=states, acked=acked, bad=bad)
    assert bad > states / 20, "the replay does not notice what is lost"
