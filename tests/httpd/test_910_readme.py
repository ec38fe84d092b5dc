# SPDX-License-Identifier: Apache-2.0
"""README.md does what it says: the transcript of its five-minute start, and its example of a fourteenth operation, each in a
clone of its own, whose objects are those of build/ so that only what differs is compiled."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.httpd.env import ROOT, free_port

README = (ROOT / "README.md").read_text(encoding="utf-8")
NOT_IN_A_CLONE = shutil.ignore_patterns("build", "build-*", ".git", "autom4te.cache", "__pycache__", ".pytest_cache")
CLEAN = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "BUILD")}
SECONDS = 600  # only where build/ holds no objects to begin with
MARK = "==== the next command of the transcript"


def section(title):
    return re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", README, re.M | re.S)[1]


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


@pytest.fixture(name="clone")
def make_clone():
    folder = Path(tempfile.mkdtemp(prefix="ews-im-readme-test-", dir="/tmp"))
    folder.chmod(0o755)
    clone = folder / "mod_ews_im"
    try:
        shutil.copytree(ROOT, clone, ignore=NOT_IN_A_CLONE)
        (clone / "build").mkdir()
        for entry in [*(ROOT / "build").glob("*.a"), *(ROOT / "build").glob("*.so"), ROOT / "build" / "exports.map",
                      ROOT / "build" / "ews-imctl"]:
            if entry.exists():
                shutil.copy2(entry, clone / "build")
        if (ROOT / "build" / "obj").is_dir():
            shutil.copytree(ROOT / "build" / "obj", clone / "build" / "obj")
        (clone / "build" / "npm").symlink_to(ROOT / "build" / "npm")
        yield clone
    finally:
        subprocess.run(["conf/lab/lab.sh", "remove"], cwd=clone, env=CLEAN, check=False, capture_output=True)
        shutil.rmtree(folder)


def run(command, clone, **environment):
    return subprocess.run(command, cwd=clone, env=CLEAN | environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=SECONDS, check=False)


# ---- The transcript

def commands(transcript):
    """(command, lines that it shows) of each."""
    return [(part.split("\n", 1)[0], part.split("\n")[1:-1]) for part in re.split(r"^\$ ", transcript, flags=re.M)[1:]]


def blank(line, port="8080"):
    """A line without what is new each time: ids, times, the port."""
    line = re.sub(r'\bId="[^"]{8,}"', 'Id="*"', line)
    line = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "*", line)
    return line.replace(f"127.0.0.1:{port}", "127.0.0.1:*").rstrip()


def differs(shown, said):
    """Where `said` is not what was shown; None if it is. A line `...` stands for any lines, the fewest possible."""
    at, gap = 0, False
    for line in shown:
        if line == "...":
            gap = True
            continue
        while gap and at < len(said) and said[at] != line:
            at += 1
        if at == len(said) or said[at] != line:
            return line
        at, gap = at + 1, False
    return None if gap or at == len(said) else said[at]


def test_five_minute_start(clone):
    transcript, = blocks(section("Five-minute start"), "console")
    steps, port = commands(transcript), free_port()
    script = "".join(f"{command}\necho '{MARK}' $?\n" for command, _ in steps)
    done = run(["sh", "-c", script], clone, MAKEFLAGS=f"--no-print-directory LAB_PORT={port}", no_proxy="*")
    parts = re.split(rf"^{MARK} (\d+)\n", done.stdout, flags=re.M)
    assert len(steps) >= 5 and len(parts) == 2 * len(steps) + 1, done.stdout
    for (command, shown), said, code in zip(steps, parts[::2], parts[1::2]):
        assert code == "0", f"{command}\n{said}"
        wrong = differs([blank(line) for line in shown], [blank(line, str(port)) for line in said.splitlines()])
        assert wrong is None, f"{command}\ndiffers at: {wrong}\n{said}"


@pytest.mark.parametrize("shown, said, where", [
    ("a b", "a b", None), ("... b", "a b", None), ("a ...", "a b c", None), ("a ... c", "a b c", None), ("...", "", None),
    ("a", "b", "a"), ("a", "", "a"), ("a", "a b", "b"), ("", "a", "a"), ("... c", "a b", "c"), ("a ... c d", "a b c e", "d"),
])
def test_a_difference_is_noticed(shown, said, where):
    assert differs(shown.split(), said.split()) == where


# ---- The fourteenth operation

def insert(path, before, text):
    """Puts text in front of the only (or last) place where `before` stands."""
    content = path.read_text(encoding="utf-8")
    at = content.rindex(before)
    path.write_text(content[:at] + text + content[at:], encoding="utf-8")


def test_a_fourteenth_operation(clone):
    text = section("For contributors")
    row, function = blocks(text, "cpp")
    name = re.search(r'Operation\{"(\w+)"', row)[1]
    assert f"Operation{{\"{name}\"" not in (clone / "mod_ews_im/ews/operations.cpp").read_text(encoding="utf-8")
    insert(clone / "mod_ews_im/ews/operations.cpp", "};\n\n}  // namespace\n", row)
    insert(clone / "mod_ews_im/ews/operation.h", "\n}  // namespace", function.split(" {\n", 1)[0] + ";\n")
    insert(clone / "mod_ews_im/ews/list_operations.cpp", "}  // namespace ews_im::ews", function + "\n")
    for kind, content in zip(("request", "response"), blocks(text, "xml"), strict=True):
        assert f"`tests/fixtures/{name}.request.xml`" in text
        (clone / f"tests/fixtures/{name}.{kind}.xml").write_text(content, encoding="utf-8")

    play = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/httpd/test_070_fixtures.py"]
    done = run(play, clone, PYTHONPATH=str(clone), PYTHONDONTWRITEBYTECODE="1")
    assert done.returncode != 0 and name in done.stdout, done.stdout  # not before it is built

    done = run(["make", "--no-print-directory", "all", "CXXFLAGS=-O1"], clone)
    assert done.returncode == 0, done.stdout
    done = run(play, clone, PYTHONPATH=str(clone), PYTHONDONTWRITEBYTECODE="1")
    assert done.returncode == 0, done.stdout
