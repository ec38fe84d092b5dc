# SPDX-License-Identifier: Apache-2.0
"""Clients that ask for a large list and do not read the answer: no transaction is open meanwhile, the memory they cost is
bounded, and others are served."""

import contextlib
import re
import socket
import threading
import time
from pathlib import Path

import pytest

from tests.httpd import soap
from tests.httpd.env import Env

CONTACTS = 1000
MOST_PER_CLIENT = 8 << 20  # bytes of memory; the answer has less than 3 MiB


def anonymous_memory(env):
    """RssAnon of all children together, in bytes."""
    total = 0
    for child in env.children():
        with contextlib.suppress(FileNotFoundError):  # a spare child that ends just now has none
            found = re.search(r"^RssAnon:\s+(\d+) kB", Path(f"/proc/{child}/status").read_text(encoding="ascii"), re.M)
            total += int(found[1]) << 10 if found else 0
    return total


def fill(account):
    """A list of 1,000 contacts, added by several at once."""
    def add(part):
        for number in range(part, CONTACTS, 8):
            account.add_contact(f"someone{number}@contoso.com", name=f"Someone with the number {number}")
    threads = [threading.Thread(target=add, args=(part,)) for part in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(account.im_list().personas) == CONTACTS


def ask_without_reading(env, account):
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", env.port))
    connection.sendall(account.raw_request(soap.envelope(soap.operation("GetImItemList")), Connection="close"))
    return connection


def answered(env, operation):
    return len(re.findall(rf"EWSIM0051: {operation}: NoError", env.log()))


@pytest.mark.long(0.5)
@pytest.mark.parametrize("mpm", [pytest.param("event", marks=pytest.mark.short(0)), "prefork"])
def test_slow_readers(mpm, seconds, tally):
    clients = 64 if mpm == "event" else 32
    directives = "ServerLimit 6\nMaxRequestWorkers 96\n" if mpm == "event" else ""
    end = time.monotonic() + seconds
    with Env(mpm=mpm, directives=directives) as env, contextlib.ExitStack() as stack:
        account = env.account()
        fill(account)
        before = anonymous_memory(env)
        size = len(account.call("GetImItemList").body)
        seen = answered(env, "GetImItemList")
        slow = [stack.enter_context(ask_without_reading(env, account)) for _ in range(clients)]
        assert env.wait(lambda: answered(env, "GetImItemList") >= seen + clients), "the slow ones wait for one another"
        env.forget_connections()  # no worker is idle
        while True:
            readers = int(re.search(r'"readers": (\d+)', env.ctl("stat", "--json"))[1])
            begun = time.monotonic()
            change = soap.operation("SetImListMigrationCompleted", ImListMigrationCompleted="true")
            assert account.soap(change, headers={"Connection": "close"}).ok
            tally(max_readers=readers, max_answer_seconds=time.monotonic() - begun)
            assert readers == 0, "a transaction is open while bytes move"
            if time.monotonic() > end:
                break
            time.sleep(0.2)
        during = anonymous_memory(env)
        tally(clients=clients, answer_kib=size >> 10, max_rss_anon_before_mib=before >> 20, max_rss_anon_during_mib=during >> 20,
              children=len(env.children()))
        assert during - before < clients * MOST_PER_CLIENT
        for connection in slow:  # and each gets its whole answer in the end
            connection.settimeout(20)
            received = sum(len(part) for part in iter(lambda at=connection: at.recv(1 << 16), b""))
            assert received > size, (received, size)
        complaints = env.check_log()
        assert not complaints, "\n".join(complaints)
