# SPDX-License-Identifier: Apache-2.0
"""Places for stores, removed after the test."""

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.ctl.place import Place


@pytest.fixture(name="place")
def fixture_place():
    folder = Path(tempfile.mkdtemp(prefix="ews-imctl-test-", dir="/tmp"))
    folder.chmod(0o755)
    yield Place(folder)
    shutil.rmtree(folder)


@pytest.fixture(name="box")
def fixture_box(place):
    """A store with the mailbox of tsmith@contoso.com."""
    place.ok("mailbox", "add", "tsmith@contoso.com", "--alias", "tom@contoso.com", "--upn", "tsmith@CORP", "--sid",
             "S-1-5-21-1-2-3-1001", "--account", "CONTOSO\\tsmith")
    return place
