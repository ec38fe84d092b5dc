# SPDX-License-Identifier: Apache-2.0
"""`make lab` and `make lab-stop`, from a folder that holds what a built clone holds: as whoever runs the tests, and, when
that is root, as a normal user as well."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.httpd.env import AS_ROOT, BUILD, ROOT

NOBODY = 65534
CLEAN = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "BUILD")}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Clone:
    """A built clone: `make` in it makes nothing anew. Its lab is ended and removed whatever happens."""

    def __init__(self, folder, as_nobody=False):
        self.root, self.as_nobody = folder, as_nobody
        self.port = free_port()
        self.lab = folder / "build/lab"
        (folder / "build").mkdir(parents=True)
        for product in ("mod_ews_im.so", "ews-imctl"):
            shutil.copy2(BUILD / product, folder / "build")
        for name in ("configure.ac", "configure", "config.mk.in", "config.mk", "Makefile"):
            shutil.copy2(ROOT / name, folder)
        shutil.copytree(ROOT / "conf", folder / "conf")
        (folder / "tests/fixtures").mkdir(parents=True)
        shutil.copy2(ROOT / "tests/fixtures/seed.request.xml", folder / "tests/fixtures")
        if as_nobody:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, NOBODY, NOBODY)

    def run(self, command):
        user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if self.as_nobody else []
        return subprocess.run(user + command, cwd=self.root, env=CLEAN, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=60, check=False)

    def make(self, target):
        return self.run(["make", "--no-print-directory", "-o", "all", target, f"LAB_PORT={self.port}"])

    def start(self):
        done = self.make("lab")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def env(self):
        """lab.env as a shell reads it."""
        done = self.run(["sh", "-c", "set -a; . build/lab/lab.env; env"])
        return dict(line.split("=", 1) for line in done.stdout.splitlines() if line.startswith("EWS_"))

    def post(self, user, password):
        """HTTP status and body of the request that the lab keeps as list.xml."""
        done = self.run(["curl", "-sS", "--noproxy", "*", "-u", f"{user}:{password}", "-H", "Content-Type: text/xml",
                         "--data-binary", "@build/lab/list.xml", "-w", "\n%{http_code}", self.env()["EWS_URL"]])
        body, status = done.stdout.rsplit("\n", 1)
        return int(status), body

    def answers(self):
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture
def clones():
    """Makes clones; see Clone."""
    made, folders = [], []

    def make(as_nobody=False, mode=0o755):
        folder = Path(tempfile.mkdtemp(prefix="ews-im-lab-test-", dir="/tmp"))
        folder.chmod(mode)
        folders.append(folder)
        made.append(Clone(folder / "clone of mine", as_nobody))
        return made[-1]

    yield make
    left = [clone.root for clone in made if clone.run(["conf/lab/lab.sh", "remove"]).returncode != 0]
    for folder in folders:
        shutil.rmtree(folder)
    assert not left


@pytest.mark.parametrize("as_nobody", [False, True] if AS_ROOT else [False], ids=lambda nobody: "nobody" if nobody else "self")
def test_start_use_stop(clones, as_nobody):
    clone = clones(as_nobody)
    said = clone.start()

    # The seed's request, byte for byte but for the group's id, and the reply.
    seed = (ROOT / "tests/fixtures/seed.request.xml").read_text(encoding="utf-8")
    before, after = re.split(r'(?<=GroupId Id=")[^"]*', seed)
    sent = re.search(re.escape(before) + '([A-Za-z0-9+/=]+)' + re.escape(after), said)
    assert sent and f'GroupId Id="{sent[1]}"' not in seed
    reply = said[sent.end():]
    assert ':AddNewImContactToGroupResponse' in reply and 'ResponseClass="Success"' in reply
    assert "<m:ResponseCode>NoError</m:ResponseCode>" in reply and "Tony Smith" in reply

    # What it says to go on with works as it stands.
    assert clone.env() == {
        "EWS_URL": f"http://127.0.0.1:{clone.port}/EWS/Exchange.asmx", "EWS_USER": "tsmith@contoso.com",
        "EWS_PASSWORD": "lab", "EWS_USER2": "tadams@contoso.com", "EWS_PASSWORD2": "lab", "EWS_DL": "sales@contoso.com"}
    for line in ("The lab runs.", f"URL:       http://127.0.0.1:{clone.port}/EWS/Exchange.asmx",
                 "User:      tsmith@contoso.com, password lab", "User:      tadams@contoso.com, password lab"):
        assert line in said.splitlines()
    curl = said[said.index("\ncurl "):].strip().replace("curl ", "curl -sS --noproxy '*' ", 1)
    listed = clone.run(["sh", "-c", curl]).stdout
    assert "GetImItemListResponse" in listed and "Tony Smith" in listed and "Friends" in listed

    # Both users have a mailbox of their own, and nobody else comes in.
    status, body = clone.post("tadams@contoso.com", "lab")
    assert status == 200 and 'ResponseClass="Success"' in body and "Tony Smith" not in body
    assert clone.post("tsmith@contoso.com", "wrong")[0] == 401

    # A second start changes nothing and says the same.
    pid = (clone.lab / "httpd.pid").read_text(encoding="utf-8")
    again = clone.start()
    assert again.splitlines()[0] == "The lab runs already." and again.split("\n", 1)[1] == said[said.index("URL: "):]
    assert (clone.lab / "httpd.pid").read_text(encoding="utf-8") == pid and "Tony Smith" in clone.post("tsmith@contoso.com", "lab")[1]

    done = clone.make("lab-stop")
    assert done.returncode == 0, done.stderr
    assert not clone.answers() and not (clone.lab / "httpd.pid").exists()
    assert '"POST /EWS/Exchange.asmx' in (clone.lab / "access.log").read_text(encoding="utf-8")
    log = (clone.lab / "error.log").read_text(encoding="utf-8")
    assert not [line for line in log.splitlines() if re.search(r":(warn|crit|alert|emerg)\]|exit signal", line)]
    assert clone.make("lab-stop").stdout == "The lab does not run.\n"

    # A start from rest begins anew.
    clone.start()
    assert "Tony Smith" in clone.post("tsmith@contoso.com", "lab")[1]
    assert clone.make("lab-stop").returncode == 0


def test_taken_port(clones):
    clone = clones()
    with socket.socket() as other:
        other.bind(("127.0.0.1", clone.port))
        other.listen()
        done = clone.make("lab")
    assert done.returncode != 0
    assert f"port {clone.port} of 127.0.0.1 is taken: choose another, as in: make lab LAB_PORT={clone.port + 1}" in done.stderr
    assert "The lab does not run." in clone.make("lab-stop").stdout
    clone.start()


def test_side_by_side(clones):
    one, two = clones(), clones()
    one.start()
    two.start()
    assert one.make("lab-stop").returncode == 0
    assert not one.answers() and two.answers()


@pytest.mark.parametrize("port", ["", "http", "80 80"])
def test_no_port(clones, port):
    clone = clones()
    clone.port = port
    done = clone.make("lab")
    assert done.returncode != 0 and "is no port" in done.stderr


def test_a_stale_pid_file_is_no_server(clones):
    clone = clones()
    clone.lab.mkdir()
    (clone.lab / "httpd.pid").write_text(f"{os.getpid()}\n", encoding="utf-8")
    assert clone.make("lab-stop").stdout == "The lab does not run.\n"
    clone.start()
    assert clone.answers()


def test_below_a_closed_folder(clones):
    """Root's server runs as www-data, who cannot enter; a user's server runs as that user, who can."""
    clone = clones(mode=0o700)
    said = clone.start()
    assert clone.post("tsmith@contoso.com", "lab")[0] == 200
    assert clone.lab.is_symlink() == AS_ROOT
    if AS_ROOT:
        elsewhere = clone.lab.readlink()
        assert f"the lab keeps its state in {elsewhere}, and build/lab leads there." in said
        assert clone.make("lab-stop").returncode == 0
        clone.start()
        assert clone.lab.readlink() == elsewhere
    assert clone.run(["conf/lab/lab.sh", "remove"]).returncode == 0
    assert not clone.answers() and not clone.lab.exists() and not (AS_ROOT and elsewhere.exists())
