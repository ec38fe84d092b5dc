# SPDX-License-Identifier: Apache-2.0
"""The server of tests/httpd, with one distribution group in its directory."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.httpd.conftest import account, env, watched_log  # noqa: E402,F401  pylint: disable=wrong-import-position,unused-import


@pytest.fixture(scope="module")
def sales(env):  # pylint: disable=redefined-outer-name  # noqa: F811
    """The address of a distribution group that the server knows."""
    env.ctl("dl", "add", "sales@contoso.com")
    return "sales@contoso.com"
