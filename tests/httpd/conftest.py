# SPDX-License-Identifier: Apache-2.0
"""Fixtures for tests against a real Apache: one server per module and MPM, its log looked through after each test."""

import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.httpd import report  # noqa: E402  pylint: disable=wrong-import-position
from tests.httpd.env import MPMS, Env  # noqa: E402  pylint: disable=wrong-import-position

ALL_MPMS = pytest.mark.parametrize("env", MPMS, indirect=True)

# A suite that is told to end takes its servers with it.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


# What tests measured; told at the end of the run.
FIGURES = []


@pytest.fixture
def tell():
    """Takes a line with figures for the end of the run."""
    return FIGURES.append


@pytest.fixture(scope="module")
def env(request):
    """A running server, under the event MPM unless the test asks for others with ALL_MPMS."""
    with Env(mpm=getattr(request, "param", "event")) as server:
        yield server
        server.stop()
        complaints = server.check_log()
        assert not complaints, "\n".join(complaints)


@pytest.fixture
def account(env):
    """A user of that server with an empty mailbox."""
    return env.account()


@pytest.fixture(autouse=True)
def watched_log(request):
    """Fails a test for what it left in the error log unannounced."""
    server = request.getfixturevalue("env") if "env" in request.fixturenames else None
    yield
    if server:
        complaints = server.check_log()
        assert not complaints, "\n".join(complaints)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A failed test tells the end of its server's log."""
    outcome = yield
    server = getattr(item, "funcargs", {}).get("env")
    if isinstance(server, Env) and outcome.get_result().failed:
        outcome.get_result().sections.append(("error log", server.log()[-4000:]))


def pytest_terminal_summary(terminalreporter):
    for title, lines in report.tables():
        terminalreporter.section(title, sep="-")
        terminalreporter.write("".join(f"{line}\n" for line in lines))
    for line in FIGURES:
        terminalreporter.write_line(line)
