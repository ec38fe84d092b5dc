# SPDX-License-Identifier: Apache-2.0
"""Runs ews-imctl as an administrator and a script do, on a store of its own. Knows nothing of what it answers."""

import json
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CTL = (ROOT / os.environ.get("BUILD", "build") / "ews-imctl").resolve()
MANUAL = ROOT / "doc" / "ews-imctl.8"
AS_ROOT = os.geteuid() == 0
SECONDS = 60
OK, REFUSED, USAGE, UNUSABLE, BUSY, FINDINGS = range(6)
DEFAULT_GROUPS = ["Other Contacts", "Tagged", "Favorites"]

# Holds the store open as a server would; with "write" it also holds the turn to write. Says so, and waits.
# Holds a transaction, as another process of the product would: who writes has the lock of the data file first.
HOLDER = """
import ctypes, fcntl, sys
if sys.argv[2] == "write":
    turn = open(sys.argv[1] + "/data.mdb", "r+b")
    fcntl.flock(turn, fcntl.LOCK_EX)
lmdb = ctypes.CDLL("liblmdb.so.0")
env, txn = ctypes.c_void_p(), ctypes.c_void_p()
assert lmdb.mdb_env_create(ctypes.byref(env)) == 0
assert lmdb.mdb_env_set_maxreaders(env, 4096) == 0
assert lmdb.mdb_env_open(env, sys.argv[1].encode(), 0x200000, 0o600) == 0
flags = 0 if sys.argv[2] == "write" else 0x20000
assert lmdb.mdb_txn_begin(env, None, flags, ctypes.byref(txn)) == 0
print("held", flush=True)
sys.stdin.read()
"""


class Place:
    """A directory that both root and www-data can enter, with a store in it when one is made."""

    def __init__(self, folder):
        self.folder = folder
        self.store = folder / "store"

    def run(self, *arguments, store=None, env=None, text_in="", prefix=()):
        return subprocess.run([*prefix, CTL, "--store", store or self.store, *arguments], input=text_in, timeout=SECONDS,
                              capture_output=True, text=True, errors="surrogateescape", check=False, cwd=self.folder,
                              env=dict(os.environ, **(env or {})))

    def ok(self, *arguments, **options):
        done = self.run(*arguments, **options)
        assert done.returncode == OK, f"{arguments}: {done.returncode} {done.stderr}"
        return done.stdout

    def json(self, *arguments, **options):
        return json.loads(self.ok("--json", *arguments, **options))

    def fails(self, code, *arguments, saying="", **options):
        done = self.run(*arguments, **options)
        assert done.returncode == code, f"{arguments}: {done.returncode} {done.stdout}{done.stderr}"
        assert done.stderr.startswith("ews-imctl: ") and saying in done.stderr, done.stderr
        assert code == FINDINGS or done.stdout == ""
        return done.stderr

    def groups(self, mailbox="tsmith@contoso.com"):
        """{name of a group: the addresses in it}"""
        shown = self.json("list", "show", mailbox)
        address = {c["number"]: c.get("im_address") or c["tel_uri_address"] for c in shown["contacts"]}
        return {g["display_name"]: [address[m] for m in g["members"]] for g in shown["groups"]}

    def owner_only(self):
        """Whom the store belongs to; fails if others can touch it."""
        owners = set()
        for path, mode in ((self.store, 0o700), (self.store / "data.mdb", 0o600), (self.store / "lock.mdb", 0o600)):
            about = path.stat()
            assert about.st_mode & 0o777 == mode, path
            owners.add((about.st_uid, about.st_gid))
        assert len(owners) == 1
        return owners.pop()

    def hold(self, how):
        user = {"user": self.owner_only()[0], "group": self.owner_only()[1], "extra_groups": []} if AS_ROOT else {}
        process = subprocess.Popen(["/usr/bin/python3", "-c", HOLDER, self.store, how], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True, cwd="/", **user)
        assert process.stdout.readline() == "held\n"
        return process


def release(process):
    process.communicate("", timeout=SECONDS)
    assert process.returncode == 0
