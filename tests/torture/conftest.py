# SPDX-License-Identifier: Apache-2.0
"""How long the tests of this folder run, and the table of what they counted.

    @pytest.mark.short(2)     runs in `make check`, for about 2 seconds
    @pytest.mark.long(5)      runs in `make torture`, for 5 of the shares into which TORTURE_MINUTES are split
    def test_kills(seconds, tally):
        ...                   until `seconds` are over, then
        tally(kills=12, lost=0)

A test that has only `short` or only `long` runs only there. long(0) is for a test that ends by itself; `thorough` tells
such a test that it is in the long run. The table of all tallies stands at the end of the output.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import tests.httpd.conftest  # noqa: E402,F401  pylint: disable=wrong-import-position,unused-import

MINUTES = float(os.environ.get("TORTURE_MINUTES") or 0)  # 0: the short form
FORM = "long" if MINUTES else "short"


def pytest_configure(config):
    config.addinivalue_line("markers", "short(seconds): part of `make check`")
    config.addinivalue_line("markers", "long(shares): part of `make torture`")
    config.tallies = {}


def pytest_collection_modifyitems(config, items):
    chosen = [item for item in items if item.get_closest_marker(FORM)]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    lengths = [item.get_closest_marker(FORM).args[0] for item in chosen]
    unit = MINUTES * 60 / max(sum(lengths), 1) if MINUTES else 1
    for item, length in zip(chosen, lengths):
        item.torture_seconds = length * unit
    items[:] = chosen


@pytest.fixture
def seconds(request):
    """How long the test is to go on."""
    return request.node.torture_seconds


@pytest.fixture
def thorough():
    return FORM == "long"


@pytest.fixture
def folder():
    """On a file system in memory: what is durable is not the business of tests that use it."""
    path = Path(tempfile.mkdtemp(prefix="ews-im-torture-", dir="/dev/shm"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def tally(request):
    """tally(name=value, ...) adds numbers up, sets text, for the test's line of the table. max_NAME keeps the greatest."""
    line = request.config.tallies.setdefault(request.node.name, {})

    def count(**values):
        for name, value in values.items():
            if isinstance(value, str) or name not in line:
                line[name] = value
            else:
                line[name] = max(line[name], value) if name.startswith("max_") else line[name] + value

    return count


def pytest_terminal_summary(terminalreporter, config):
    if not config.tallies:
        return
    terminalreporter.section(f"what the torture counted ({FORM} form)")
    width = max(map(len, config.tallies))
    for name, line in config.tallies.items():
        shown = (f"{key.replace('_', ' ')} {value:,.2f}" if isinstance(value, float) else
                 f"{key.replace('_', ' ')} {value}" if isinstance(value, str) else f"{key.replace('_', ' ')} {value:,}"
                 for key, value in line.items())
        terminalreporter.write_line(f"{name:{width}}  {', '.join(shown)}")
