# SPDX-License-Identifier: Apache-2.0
"""Says at the end of a run which schemas the tests used."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.schema import validate  # noqa: E402  pylint: disable=wrong-import-position


def pytest_terminal_summary(terminalreporter):
    names = [name for name, _ in validate.schemas()]
    missing = "" if "official" in names else f" (the official one is not in {validate.OFFICIAL})"
    terminalreporter.write_line(f"schemas used: {', '.join(names)}{missing}")
