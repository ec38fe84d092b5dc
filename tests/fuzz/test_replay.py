# SPDX-License-Identifier: Apache-2.0
"""Every fuzz target on what its fuzzing begins with, and on changed copies of that: no crash, no broken promise."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.fuzz import corpus

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("BUILD", "build")
TARGETS = sorted(path.stem for path in (ROOT / "tests/fuzz").glob("fuzz_*.cpp"))


@pytest.mark.parametrize("target", TARGETS)
def test_corpus(target, tmp_path):
    corpus.main(target, tmp_path)
    files = sorted(tmp_path.iterdir())
    mutations = 500 if target == "fuzz_request" else 2000
    done = subprocess.run([BUILD / "fuzz" / target, f"--mutations={mutations}", *files], capture_output=True, text=True,
                          timeout=300, check=False)
    print(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{len(files) * (1 + mutations)} inputs\n" and files
