# SPDX-License-Identifier: Apache-2.0
"""Restarts and ends under load: graceful ones lose nothing; hard ones lose only what was not answered.

`make soak` sets EWS_IM_RESTARTS=100 for the graceful restarts.
"""

import ctypes
import ctypes.util
import http.client
import os
import re
import signal
import threading
import time

import pytest

from tests.httpd import soap
from tests.httpd.backend import Backend
from tests.httpd.env import MPMS, SANITIZER, URL, Env

RESTARTS = int(os.environ.get("EWS_IM_RESTARTS", "5"))
PROXY = 'ProxyPassMatch "(?i)^/ews/(.*)$" "http://127.0.0.1:{}/EWS/$1"'
CREATE_ITEM = soap.envelope("<m:CreateItem/>")
CONTACTS = 300  # so many turns of a client go to one mailbox


class Load:
    """Clients that add contacts, read the list and send what is passed on, each request on a connection of its own."""

    def __init__(self, env, clients=4):
        self.env, self.added, self.failures, self.done = env, [], [], 0
        self.ending = threading.Event()
        self.lock = threading.Lock()
        self.accounts = [env.account() for _ in range(clients)]
        self.threads = [threading.Thread(target=self.client, args=(account,)) for account in self.accounts]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        for thread in self.threads:
            thread.join()

    def post(self, account, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.env.port, timeout=20)
        try:
            connection.request("POST", URL, body, {"Content-Type": "text/xml", "Connection": "close",
                                                   "Authorization": soap.basic(account.address, "secret")})
            response = connection.getresponse()
            return soap.Reply(response.status, response.headers, response.read())
        finally:
            connection.close()

    def client(self, account):
        turn = 0
        while not self.ending.is_set():
            turn += 1
            if turn > CONTACTS:
                turn, account = 1, self.env.account()
                self.accounts.append(account)
            address = f"c{turn}@contoso.com"
            try:
                if turn % 20 == 7:
                    good = self.post(account, soap.envelope("<m:GetImItemList/>")).ok
                elif turn % 3 == 0:
                    good = self.post(account, CREATE_ITEM).body == b"<backend>"
                else:
                    reply = self.post(account, soap.envelope(soap.operation("AddNewImContactToGroup", ImAddress=address)))
                    good = reply.ok
                    if good:
                        self.added.append((account, address))
                if not good:
                    self.failures.append((account.address, turn, "a wrong answer"))
            except OSError as error:
                self.failures.append((account.address, turn, repr(error)))
            except http.client.HTTPException as error:
                self.failures.append((account.address, turn, repr(error)))
            with self.lock:
                self.done += 1

    def go_on(self, requests=40):
        """Waits until that many more requests are through."""
        goal = self.done + requests
        assert self.env.wait(lambda: self.done >= goal), "the load stands still"

    def check_added(self):
        """Everything that was acknowledged is there."""
        lists = {account: set(account.im_list().addresses) for account in self.accounts}
        assert [(account.address, address) for account, address in self.added if address not in lists[account]] == []
        assert len(self.added) > 20


@pytest.fixture(scope="module", params=MPMS)
def server(request):
    with Backend() as backend, Env(mpm=request.param, location="EWSIm On", modules=("proxy", "proxy_http"),
                                   directives=PROXY.format(backend.port)) as env:
        yield env


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])


def readers(store):
    """The processes in the table of readers."""
    lmdb = ctypes.CDLL(ctypes.util.find_library("lmdb") or "liblmdb.so.0")
    handle, lines = ctypes.c_void_p(), []
    assert lmdb.mdb_env_create(ctypes.byref(handle)) == 0
    assert lmdb.mdb_env_open(handle, os.fsencode(store), 0x20000, 0o600) == 0  # MDB_RDONLY
    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)

    @kind
    def line(text, _):
        lines.append(text.decode())
        return 0

    assert lmdb.mdb_reader_list(handle, line, None) >= 0
    lmdb.mdb_env_close(handle)
    return [int(number) for number in re.findall(r"^\s*(\d+) ", "".join(lines), re.MULTILINE)]


def test_graceful_restarts(server, tell):
    """None of them loses a request, or leaves something behind in the parent or in the table of readers."""
    sizes = []
    with Load(server) as load:
        load.go_on()
        for _ in range(RESTARTS):
            server.graceful()
            load.go_on()
            sizes.append(resident(server.process.pid))
    tell(f"{server.mpm}: {RESTARTS} graceful restarts under load, {load.done} requests, {len(load.failures)} lost; "
         f"resident memory of the parent {sizes[0]} kB after the first, {sizes[len(sizes) // 10]} kB after a tenth, "
         f"{sizes[-1]} kB after the last")
    assert load.failures == []
    load.check_added()
    assert SANITIZER or sizes[-1] - sizes[len(sizes) // 10] < 1000  # sanitizers keep what was freed for a while
    assert not server.check_log()
    alive = set(server.children())
    assert server.wait(lambda: set(readers(server.store)) <= set(server.children())), (readers(server.store), alive)


def test_hard_restart(server):
    server.expect_log(r"AH0\d+|EWSIM|proxy")
    with Load(server) as load:
        load.go_on()
        server.restart()
        load.go_on()
    load.check_added()
    assert len(load.failures) < 60
    server.expected.append(re.compile("."))
    server.check_log()


def ends(server, number):
    """Ends the server with a signal under load, starts it again; the load, for what it was told."""
    with Load(server) as load:
        load.go_on()
        server.forget_connections()
        server.signal(number)
        server.process.wait(20)
    server.kill()
    server.expected.append(re.compile("."))
    server.check_log()
    server.start()
    load.check_added()
    return load


def test_stop(server):
    ends(server, signal.SIGTERM)


def test_graceful_stop(server):
    """A request that was begun is answered; one that finds nobody listening is not lost but refused."""
    load = ends(server, signal.SIGWINCH)
    assert [failure for failure in load.failures if "Refused" not in failure[2] and "refused" not in failure[2]
            and "reset" not in failure[2].lower()] == []


def test_killed_child(server):
    """A child that dies in mid-work takes nothing with it, and its reader slots are given up."""
    server.expect_log(r"AH0005[0-9].*(exit signal|signal) Killed")
    with Load(server) as load:
        load.go_on()
        victim = server.children()[0]
        os.kill(victim, signal.SIGKILL)
        load.go_on(100)
        server.forget_connections()
    load.check_added()
    server.expected.append(re.compile("AH0|EWSIM|proxy"))
    server.check_log()
    server.graceful()
    load.accounts[0].im_list()
    assert server.wait(lambda: victim not in readers(server.store))


def test_loaded_and_unloaded_again_without_a_leak():
    """The parent unloads and loads the module at each restart."""
    with Env() as env:
        for _ in range(3):
            env.graceful()
        before = resident(env.process.pid)
        for _ in range(15):
            env.graceful()
        assert resident(env.process.pid) - before < 600
        assert env.account().call("GetImItemList").ok
        assert not env.check_log()


@pytest.mark.parametrize("how", ["graceful", "graceful-stop"])
def test_slow_request_survives(server, how):
    """Its child ends only after it, and the server after the child."""
    account = server.account()
    body = soap.envelope(soap.operation("AddImGroup", DisplayName="slow"))
    with server.connect() as connection:
        connection.sendall(f"POST {URL} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\n"
                           f"Authorization: {soap.basic(account.address, 'secret')}\r\nConnection: close\r\n\r\n".encode() + body[:100])
        time.sleep(0.3)
        if how == "graceful":
            server.graceful()
        else:
            server.forget_connections()
            server.signal(signal.SIGWINCH)
            assert server.wait(lambda: not accepts(server))
        connection.sendall(body[100:])
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b"NoError" in answer
    if how == "graceful-stop":
        server.process.wait(20)
        server.kill()
        server.start()
    assert account.im_list().group("slow")


def accepts(server):
    try:
        with server.connect():
            return True
    except OSError:
        return False


def test_store_that_is_not_there_at_the_start_of_a_child():
    """Its requests are told so, also where something else serves the URL, until it is there again; then all is well."""
    with Backend() as backend, Env(location="EWSIm On", modules=("proxy", "proxy_http"),
                                   directives=PROXY.format(backend.port)) as env:
        account = env.account()
        assert account.add_group("before")
        away = env.scratch / "away"
        os.rename(env.store, away)
        env.expect_log(r"EWSIM0011: cannot open")
        env.expect_log(r"EWSIM0053: ErrorMailboxStoreUnavailable")
        for pid in env.children():
            os.kill(pid, signal.SIGKILL)  # the parent starts others
        env.forget_connections()
        env.expect_log(r"AH0\d+")
        codes = set()

        def unavailable():
            try:
                codes.add(account.call("GetImItemList").code)
            except (OSError, http.client.HTTPException):
                env.forget_connections()
            return "ErrorMailboxStoreUnavailable" in codes

        assert env.wait(unavailable), codes
        os.rename(away, env.store)

        def well():
            codes.clear()
            return account.call("GetImItemList").ok

        assert env.wait(well, 15)
        assert account.im_list().group("before")
        assert backend.idle()
        env.expected.append(re.compile("AH0"))
        assert not env.check_log()
