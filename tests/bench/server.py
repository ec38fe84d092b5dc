# SPDX-License-Identifier: Apache-2.0
"""The Apache that is measured: one child, one host for each thing to compare, no password checks and no access log.

    with Server({"ours": "EWSImStore ...", ...}, sync="1000") as server:
        result = server.load("ours", body, users=1000, connections=64)

Stores lie on a real disk, not below /tmp, which may be memory.
"""

import contextlib
import http.client
import json
import os
import pwd
import shutil
import struct
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.httpd.env import AS_ROOT, BUILD, ROOT, URL, Env

BENCH = BUILD / "bench"
DISK = Path(os.environ.get("BENCH_DISK", "/var/tmp"))
SERVER_CPU, CLIENT_CPU = sorted(os.sched_getaffinity(0))[0], sorted(os.sched_getaffinity(0))[-1]
TICKS = os.sysconf("SC_CLK_TCK")

CONFIG = """
ServerRoot {scratch}
ServerName localhost
Listen 127.0.0.1:{port}
DefaultRuntimeDir {scratch}
PidFile {scratch}/httpd.pid
Mutex file:{scratch} default
ErrorLog {scratch}/error.log
LogLevel notice
{modules}
LoadModule ews_im_module {build}/mod_ews_im.so
LoadModule bench_module {build}/bench/mod_bench.so
{identity}
DocumentRoot {scratch}/htdocs
KeepAliveTimeout 60
MaxKeepAliveRequests 0
Timeout 60
StartServers 1
ServerLimit 1
ThreadsPerChild {threads}
ThreadLimit {threads}
MaxRequestWorkers {threads}
<Directory />
  AllowOverride None
</Directory>
{hosts}
"""
HOST = """<VirtualHost *:{port}>
  ServerName {name}
  {lines}
</VirtualHost>
"""

OURS = """EWSImStore {kind} path={store}
  EWSImWriteTimeout 60
  <Location /EWS/>
    EWSIm Alone
  </Location>"""
FIXED = """<Location /EWS/>
    BenchBody {file}
  </Location>"""


def program(name, *arguments, sync=None, seconds=900):
    """What a program of the benchmark prints, read as JSON."""
    done = subprocess.run([BENCH / name, *map(str, arguments)], capture_output=True, text=True, timeout=seconds,
                          check=True, env=sync_environment(sync))
    return json.loads(done.stdout)


@contextlib.contextmanager
def processors_awake(wanted):
    """Idle processors do not sleep meanwhile, if they can be kept from it: else each answer to a client that sleeps pays
    for waking a processor, which takes longer than the answer, and a handler that is faster than its client never does."""
    try:
        latency = os.open("/dev/cpu_dma_latency", os.O_WRONLY | os.O_CLOEXEC) if wanted else None
    except OSError:
        latency = None
    try:
        if latency is not None:
            os.write(latency, struct.pack("i", 0))  # it holds while the file is open
        yield
    finally:
        if latency is not None:
            os.close(latency)


def sync_environment(sync):
    """`sync`: None, "off", or microseconds added to each."""
    variables = dict(os.environ)
    return variables if sync is None else variables | {"BENCH_SYNC": sync, "LD_PRELOAD": str(BENCH / "preload_sync.so")}


class Disk:
    """A folder for stores on a real disk, removed with all that is in it."""

    def __init__(self):
        kind = subprocess.run(["stat", "-f", "-c", "%T", DISK], capture_output=True, text=True, check=True).stdout.strip()
        if kind in ("tmpfs", "ramfs"):
            raise SystemExit(f"{DISK} is memory: name a folder on a disk with BENCH_DISK=")
        self.path = Path(tempfile.mkdtemp(prefix="ews-im-bench-", dir=DISK))
        self.path.chmod(0o755)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path)

    def build(self, name, mailboxes, contacts):
        """A store for the server, and what building it told."""
        path = self.path / name
        told = program("growth", "build", path, mailboxes, contacts)
        self.give(path)
        return path, told

    def copy(self, store, name):
        path = shutil.copytree(store, self.path / name)
        self.give(path)
        return path

    @staticmethod
    def give(path):
        if AS_ROOT:
            www = pwd.getpwnam("www-data")
            for entry in (path, *path.iterdir()):
                os.chown(entry, www.pw_uid, www.pw_gid)
        path.chmod(0o700)


@dataclass
class Load:
    """What one run of wrk did. `cpu`: microseconds of the server's CPU for one request."""
    rate: float
    cpu: float
    size: float  # bytes of an answer, head included
    p50: float   # milliseconds
    p99: float
    requests: int


class Server(Env):
    """`hosts`: name to lines of its virtual host. `pinned`: the server on one processor and its clients on another, both
    kept awake."""

    def __init__(self, hosts, sync=None, threads=96, pinned=True, modules=()):
        super().__init__(modules=modules, auth=False)
        self.hosts, self.sync, self.threads, self.pinned = hosts, sync, threads, pinned
        self.tag = 0

    def write_config(self, **changes):
        wanted = [f"mpm_{self.mpm}", "unixd", "authz_core", *self.modules]
        load = "<IfModule !mod_{0}.c>\nLoadModule {0}_module {1}/mod_{0}.so\n</IfModule>"
        path = self.scratch / "httpd.conf"
        path.write_text(CONFIG.format(
            scratch=self.scratch, port=self.port, build=BUILD, threads=self.threads,
            modules="\n".join(load.format(name, self.module_dir) for name in wanted
                              if (self.module_dir / f"mod_{name}.so").exists()),
            identity="User www-data\nGroup www-data" if AS_ROOT else "",
            hosts="".join(HOST.format(port=self.port, name=name, lines=lines) for name, lines in self.hosts.items())),
            encoding="utf-8")
        return path

    def environment(self):
        return {key: value for key, value in sync_environment(self.sync).items() if key != "PYTHONPATH"}

    def command(self, *arguments):
        pin = ["taskset", "-c", str(SERVER_CPU)] if self.pinned else []
        return [*pin, *super().command(*arguments)]

    def child(self):
        [pid] = self.children()
        return pid

    def cpu(self):
        fields = Path(f"/proc/{self.child()}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self):
        """Anonymous memory of the child, megabytes."""
        status = Path(f"/proc/{self.child()}/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon")) / 1024

    def one(self, host, body, user):
        """The body of one answer, which must be a success."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("POST", URL, body, {"Host": host, "Content-Type": "text/xml; charset=utf-8", "X-Bench-User": user})
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        if response.status != 200 or (b"Envelope" in answer and b'ResponseClass="Success"' not in answer):
            raise RuntimeError(f"{host}: {response.status} {answer[:2000]!r}\n{self.log()}")
        return answer

    def load(self, host, body, users, connections=32, seconds=2, size=None):
        """Runs wrk. `users`: how many mailboxes take turns, or the name of one. `size`: what the body of an answer
        has; a run with shorter ones (refusals are short), or with errors, fails."""
        self.tag += 1
        file = self.scratch / "body"
        file.write_bytes(body)
        pin = ["taskset", "-c", str(CLIENT_CPU)] if self.pinned else []
        command = [*pin, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s", "-s",
                   ROOT / "tests/bench/load.lua", f"http://127.0.0.1:{self.port}{URL}", "--", host, str(users),
                   str(os.getpid() % 100 + self.tag % 9 * 100), file]
        before = self.cpu()
        with processors_awake(self.pinned):
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 90, check=True)
        spent = self.cpu() - before
        told = json.loads(done.stdout.splitlines()[-1])
        mean = told["bytes"] / max(told["requests"], 1)
        if told["bad"] or told["requests"] == 0 or mean < (size or 0):
            raise RuntimeError(f"{host}: {told}, {mean} bytes for an answer of {size}\n{self.log()}")
        return Load(told["requests"] / told["seconds"], spent * 1e6 / told["requests"], mean, told["p50"], told["p99"],
                    told["requests"])
