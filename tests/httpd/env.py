# SPDX-License-Identifier: Apache-2.0
"""A real Apache of the test's own: scratch folder, free port, store, users, and a watch on the error log.

    with Env(mpm="event") as env:                  # EWSIm Alone on /ews/
        alice = env.account()                      # a fresh mailbox and its user
        reply = alice.call("AddImGroup", DisplayName="Friends")
        env.expect_log(r"EWSIM\\d+.*denied")        # a warning that must come before env.check_log()
        env.kill(); env.start()

Every SOAP answer that passes through here is validated against the schema. Works as root (the server then runs as
www-data) and as anybody else. What was started is ended, whatever happens.
"""

import atexit
import base64
import ctypes
import hashlib
import http.client
import itertools
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import weakref
from pathlib import Path

from tests.httpd import report, soap
from tests.httpd.texts import text_problem

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "fixtures"
# The operations, each with a request and a response there.
PAIRS = sorted(path.name.removesuffix(".request.xml") for path in FIXTURES.glob("*.request.xml") if path.name != "seed.request.xml")
BUILD = ROOT / os.environ.get("BUILD", "build")
SANITIZER = next((name for name in ("asan", "tsan") if name in BUILD.name), None)
MPMS = ["event", "worker", "prefork"]
URL = "/EWS/Exchange.asmx"
AS_ROOT = os.geteuid() == 0
SECONDS = 20  # the longest that anything here may take
PATIENCE = 5   # for children that are told to end when their requests are done


def apxs(name, fallback):
    found = subprocess.run([os.environ.get("APXS") or "apxs", "-q", name], capture_output=True, text=True, check=False)
    return found.stdout.strip() or fallback


def httpd_program():
    return os.environ.get("HTTPD") or f"{apxs('SBINDIR', '/usr/sbin')}/{apxs('PROGNAME', 'apache2')}"


# What no test may cause unannounced in the error log: warnings and worse, deaths, and what is no log line at all.
BAD_LINE = re.compile(r"\[[\w.-]*:(warn|error|crit|alert|emerg)\]|exit signal|caught SIG(?!TERM|WINCH)|Sanitizer|^[^\[]")

LOCATION = """AuthType Basic
  AuthName lab
  AuthBasicProvider file
  AuthUserFile {scratch}/users
  Require valid-user
  {location}"""

CONFIG = """
ServerRoot {scratch}
ServerName localhost
Listen 127.0.0.1:{port}
DefaultRuntimeDir {scratch}
PidFile {scratch}/httpd.pid
Mutex file:{scratch} default
ErrorLog {scratch}/error.log
LogLevel info ews_im:debug
{modules}
LoadModule ews_im_module {build}/mod_ews_im.so
{identity}
DocumentRoot {scratch}/htdocs
CustomLog {scratch}/access.log "%t %u \\"%r\\" %>s %B %D"
KeepAliveTimeout 60
MaxKeepAliveRequests 0
Timeout 20
<IfModule prefork.c>
  StartServers 4
  MaxRequestWorkers 48
</IfModule>
<IfModule !prefork.c>
  StartServers 2
  ServerLimit 4
  ThreadsPerChild 16
  ThreadLimit 16
  MaxRequestWorkers 64
  MinSpareThreads 16
  MaxSpareThreads 64
</IfModule>
EWSImStore lmdb path={store} {store_options}
EWSImWsdlPath {scratch}/wsdl
{directives}
<LocationMatch "(?i)^/ews/">
  {location}
</LocationMatch>
"""


def group_lives(group, besides=None):
    """Whether a process of the group, other than one, does more than wait for its parent to take note of its end."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group, *_ = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except (OSError, ValueError):
            continue
        if int(its_group) == group and state not in "ZX" and path.parent.name != str(besides):
            return True
    return False


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG: even if the tests are killed, Apache ends


class Env:
    """One server. `location` and `directives` are lines for its httpd.conf; `modules` are loaded besides the usual. `store`
    is where the store shall be, instead of the scratch folder; `variables` are for the server's environment."""

    def __init__(self, mpm="event", location="EWSIm Alone", directives="", modules=(), store_options="", auth=True,
                 store=None, variables=None):
        self.mpm, self.location, self.directives = mpm, location, directives
        self.modules, self.store_options, self.auth = modules, store_options, auth
        self.module_dir = Path(apxs("LIBEXECDIR", "/usr/lib/apache2/modules"))
        self.scratch = Path(tempfile.mkdtemp(prefix="ews-im-test-", dir="/tmp"))
        self.scratch.chmod(0o755)
        self.store = Path(store or self.scratch / "store")
        self.variables = variables or {}
        self.port, self.process = None, None
        self.passwords, self.expected, self.allowed = {}, [], []
        self.names = itertools.count(1)
        self.log_read = 0     # how far check_log() got
        self.generation = 0   # connections of an earlier server are not used again
        self.local = threading.local()
        self.connections = weakref.WeakSet()  # those of all threads; one that is forgotten is closed, too
        self.owner = os.getpid()
        atexit.register(self.close)
        shutil.copytree(ROOT / "conf" / "wsdl", self.scratch / "wsdl")  # the checkout may be closed to www-data
        for folder in (self.store, self.scratch / "htdocs"):
            folder.mkdir()
        self.store.chmod(0o700)
        (self.scratch / "users").touch()
        if AS_ROOT:
            www = pwd.getpwnam("www-data")
            for folder in (self.scratch, self.store):
                os.chown(folder, www.pw_uid, www.pw_gid)
        self.ctl("init")

    def __enter__(self):
        return self.start()

    def __exit__(self, problem, *_):
        try:
            self.end()  # a child's death is told by its parent, up to a second later
        finally:
            if problem:
                print(self.log()[-4000:])
            self.close()

    # ---- the store and its users

    def ctl(self, *arguments, check=True):
        """Runs ews-imctl on the store; its output, or without `check` the finished process."""
        done = subprocess.run([BUILD / "ews-imctl", "--store", self.store, *arguments], capture_output=True, text=True,
                              timeout=SECONDS, check=False)
        assert not check or done.returncode == 0, f"ews-imctl {' '.join(map(str, arguments))}: {done.stderr}"
        return done.stdout if check else done

    def user(self, name, password="secret"):
        digest = base64.b64encode(hashlib.sha1(password.encode()).digest()).decode()
        with open(self.scratch / "users", "a", encoding="utf-8") as users:
            users.write(f"{name}:{{SHA}}{digest}\n")
        self.passwords[name] = password
        return name

    def account(self, address=None, mailbox=True):
        """A user with a mailbox of the same name, by default a name never used before."""
        address = self.user(address or f"user{next(self.names)}@contoso.com")
        if mailbox:
            self.ctl("mailbox", "add", address)
        return Account(self, address)

    # ---- the server

    def write_config(self, **changes):
        wanted = [f"mpm_{self.mpm}", "unixd", "log_config", "authn_core", "authn_file", "auth_basic", "authz_core",
                  "authz_user", *self.modules]
        load = "<IfModule !mod_{0}.c>\nLoadModule {0}_module {1}/mod_{0}.so\n</IfModule>"
        modules = "\n".join(load.format(name, self.module_dir) for name in wanted
                            if (self.module_dir / f"mod_{name}.so").exists())  # else it is part of the server
        values = {"location": self.location, "directives": self.directives, **changes}
        if self.auth:
            values["location"] = LOCATION.format(scratch=self.scratch, location=values["location"])
        path = self.scratch / "httpd.conf"
        path.write_text(CONFIG.format(
            scratch=self.scratch, port=self.port, modules=modules, build=BUILD, store=self.store,
            store_options=self.store_options, identity="User www-data\nGroup www-data" if AS_ROOT else "", **values),
            encoding="utf-8")
        return path

    def command(self, *arguments):
        return [httpd_program(), "-d", str(self.scratch), "-f", str(self.scratch / "httpd.conf"), *arguments]

    def environment(self):
        variables = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"} | self.variables
        if SANITIZER:  # the server itself is not built with it, so it must come first
            library = subprocess.run(["g++", f"-print-file-name=lib{SANITIZER}.so"], capture_output=True, text=True,
                                     check=True)
            # Leaks are the unit tests' business: the server and its libraries free nothing at their end.
            preload = f"{library.stdout.strip()} {variables.get('LD_PRELOAD', '')}".strip()
            # The thread sanitizer sees the locks of foreign code, but not its atomics, by which httpd hands pools from thread to
            # thread: what httpd and APR themselves read and write there by functions of the C library is none of our races.
            threads = "ignore_interceptors_accesses=1"
            if self.mpm == "prefork":
                threads += f" suppressions={ROOT}/tests/tools/tsan.supp"
            variables |= {"LD_PRELOAD": preload, "ASAN_OPTIONS": "detect_leaks=0", "TSAN_OPTIONS": threads}
        return variables

    def run(self, *arguments):
        """Runs httpd on the configuration as it is, with arguments like -t: the finished process."""
        return subprocess.run(self.command(*arguments), capture_output=True, text=True, timeout=SECONDS, check=False,
                              env=self.environment())

    def config_test(self, **changes):
        """`httpd -t` with other `location` or `directives`: the finished process."""
        self.port = self.port or free_port()
        self.write_config(**changes)
        return self.run("-t")

    def start(self):
        fresh = self.port is None
        for _ in range(5 if fresh else 1):  # somebody else may take the port in between
            if fresh:
                self.port = free_port()
            self.write_config()
            before = self.log_size()
            with open(self.scratch / "console.log", "ab") as console:
                guard = die_with_parent if threading.current_thread() is threading.main_thread() else None
                self.process = subprocess.Popen(
                    self.command("-D", "FOREGROUND"), stdin=subprocess.DEVNULL, stdout=console, stderr=console,
                    start_new_session=True, env=self.environment(), preexec_fn=guard)
            if self.wait(lambda at=before: self.process.poll() is not None or self.ready_lines(at)):
                if self.process.poll() is None:
                    self.generation += 1
                    return self
            self.kill()
            if not fresh or "in use" not in self.console():
                break
        raise AssertionError(f"Apache did not start:\n{self.console()}\n{self.log()}")

    def ready_lines(self, since):
        return self.log(since).count("resuming normal operations")

    def stop(self):
        """As `apachectl stop`. A child of the event MPM that gets SIGTERM at once looks at the connections of its workers
        while they free them, and may crash, so it may finish first. One of the worker MPM would wait for every client
        that keeps a connection."""
        self.forget_connections()
        try:
            if self.mpm == "event":
                self.signal(signal.SIGWINCH)
                self.wait(lambda: not group_lives(self.process.pid, besides=self.process.pid), PATIENCE)
            if self.process.poll() is None:
                self.signal(signal.SIGTERM)
            self.process.wait(SECONDS)
        finally:
            self.kill()

    def kill(self):
        """SIGKILL for the whole server at once."""
        if self.process:
            for attempt in range(SECONDS * 50):
                try:
                    os.killpg(self.process.pid, signal.SIGKILL)
                except ProcessLookupError:
                    break
                self.process.poll()
                if not group_lives(self.process.pid):
                    break
                time.sleep(0.02 if attempt else 0)
            self.process.wait(SECONDS)
        self.process = None
        (self.scratch / "httpd.pid").unlink(missing_ok=True)

    def graceful(self):
        self.reload(signal.SIGUSR1)

    def restart(self):
        self.reload(signal.SIGHUP)

    def reload(self, number):
        before = self.log_size()
        self.signal(number)
        assert self.wait(lambda: self.ready_lines(before)), f"no restart:\n{self.log(before)}"
        self.generation += 1

    def signal(self, number):
        os.kill(self.process.pid, number)

    def children(self):
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text(encoding="ascii").split()]

    def close(self):
        """Ends the server and removes the scratch folder; a crash on the way out is told by check_log() before."""
        if os.getpid() != self.owner:
            return
        atexit.unregister(self.close)
        try:
            self.end()
        finally:
            shutil.rmtree(self.scratch, ignore_errors=True)

    def end(self):
        try:
            if self.process:
                self.stop()
        finally:
            self.kill()

    @staticmethod
    def wait(condition, seconds=SECONDS):
        """True as soon as the condition holds."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True

    # ---- the error log

    def log(self, since=0):
        try:
            with open(self.scratch / "error.log", "rb") as log:
                log.seek(since)
                return log.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def log_size(self):
        path = self.scratch / "error.log"
        return path.stat().st_size if path.exists() else 0

    def console(self):
        return (self.scratch / "console.log").read_text(encoding="utf-8", errors="replace")

    def expect_log(self, pattern):
        """Announces error-log lines; at least one must come until the next check_log(). A sanitizer's report is always bad."""
        self.expected.append(re.compile(pattern))

    def allow_log(self, pattern):
        """Lines that may come until the next check_log(), or not."""
        self.allowed.append(re.compile(pattern))

    def check_log(self):
        """What is wrong with the log since the last call: unannounced bad lines, announced ones that never came."""
        expected, self.expected = self.expected, []
        allowed, self.allowed = self.allowed, []
        start = self.log_read
        self.wait(lambda: all(pattern.search(self.log(start)) for pattern in expected), 2)
        text = self.log(start)
        text = text[:text.rfind("\n") + 1]
        self.log_read = start + len(text.encode(errors="replace"))
        complaints = [f"announced for the error log, never seen: {pattern.pattern}" for pattern in expected
                      if not pattern.search(text)]
        complaints += [f"error log: {line}" for line in text.splitlines() if BAD_LINE.search(line)
                       and ("Sanitizer" in line or not any(pattern.search(line) for pattern in expected + allowed))]
        return complaints

    # ---- requests

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS)

    def raw(self, data):
        """Sends bytes as they are; everything that comes until the server closes."""
        with self.connect() as connection:
            connection.sendall(data)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def connection(self):
        """The keep-alive connection of this thread. A request that finds it dropped fails: there is no second try."""
        key = (os.getpid(), self.generation)
        if getattr(self.local, "key", None) != key:
            self.local.key = key
            self.local.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
            self.connections.add(self.local.connection)
        return self.local.connection

    def forget_connections(self):
        """The next request of each thread goes through a new one. Idle ones are dropped by a server that has no idle worker,
        die with their child, and hold a child that is to end."""
        for connection in list(self.connections):
            connection.close()
        self.generation += 1

    def authorization(self, user):
        return {"Authorization": soap.basic(user, self.passwords.get(user, "secret"))} if user else {}

    def request(self, method, path=URL, body=None, user=None, headers=None, chunked=False):
        """Any HTTP request. A SOAP answer is validated."""
        connection = self.connection()
        headers = self.authorization(user) | (headers or {})
        if chunked:
            headers["Transfer-Encoding"] = "chunked"
        try:
            connection.request(method, path, iter(body) if chunked else body, headers, encode_chunked=chunked)
            response = connection.getresponse()
            reply = soap.Reply(response.status, response.headers, response.read())
        except BaseException:
            connection.close()
            raise
        if method == "POST" and reply.status in (200, 500) and b"Envelope" in reply.body:
            from tests.schema.validate import validate_reply  # pylint: disable=import-outside-toplevel
            problems = validate_reply(reply.body)
            assert not problems, f"the reply breaks the schema: {problems}\n{reply.body.decode(errors='replace')}"
            if reply.code != "NoError":
                assert not (wrong := text_problem(reply.code, reply.text)), wrong
                report.count(reply.code, reply.text.split(": ")[0])
        return reply

    def soap(self, body, user=None, headers=None, path=URL, chunked=False):
        """POSTs an envelope (bytes as they are, or text for soap:Body)."""
        body = soap.envelope(body) if isinstance(body, str) else body
        headers = {"Content-Type": "text/xml; charset=utf-8"} | (headers or {})
        return self.request("POST", path, body, user, headers, chunked)

    def call(self, operation, user=None, **children):
        return self.soap(soap.operation(operation, **children), user)


class Account:
    """One user of one server."""

    def __init__(self, env, address):
        self.env, self.address = env, address

    def soap(self, body, **options):
        return self.env.soap(body, user=self.address, **options)

    def call(self, operation, **children):
        return self.env.call(operation, user=self.address, **children)

    def raw_request(self, body, **headers):
        """The bytes of a POST, for a connection of the test's own; None leaves a header out."""
        lines = {"Host": "localhost", **self.env.authorization(self.address), "Content-Type": "text/xml; charset=utf-8",
                 "Content-Length": str(len(body))} | {name.replace("_", "-"): value for name, value in headers.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value is not None)
        return f"POST {URL} HTTP/1.1\r\n{head}\r\n".encode() + body

    def add_group(self, name):
        reply = self.call("AddImGroup", DisplayName=name)
        assert reply.ok, reply.body
        return reply.group

    def add_contact(self, address, group=None, name=None):
        """`group` is an ImGroup or an id."""
        reply = self.call("AddNewImContactToGroup", ImAddress=address, DisplayName=name,
                          GroupId=getattr(group, "id", group))
        assert reply.ok, reply.body
        return reply.persona

    def im_list(self):
        reply = self.call("GetImItemList")
        assert reply.ok, reply.body
        return reply.im_list.check()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
