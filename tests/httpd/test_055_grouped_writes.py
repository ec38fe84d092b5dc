# SPDX-License-Identifier: Apache-2.0
"""Changes of several clients share commits."""

import json
import threading

from tests.httpd.env import BUILD, Env

CLIENTS, CHANGES = 4, 15
ONE_PROCESS = "StartServers 1\nServerLimit 1\nMaxRequestWorkers 16\nMinSpareThreads 1\n"


def test_who_comes_again_at_once_is_waited_for():
    """A commit takes two syncs, 200 ms here, and a client comes again after a few: left to chance, a commit has two of the
    four, since those who were answered miss the next one."""
    slow = {"LD_PRELOAD": str(BUILD / "bench" / "preload_sync.so"), "BENCH_SYNC": "100000"}
    with Env(variables=slow, directives=ONE_PROCESS) as env:
        def commits():
            return json.loads(env.ctl("stat", "--json"))["last_transaction"]

        def client(account):
            for number in range(CHANGES):
                account.add_contact(f"c{number}@contoso.com")

        threads = [threading.Thread(target=client, args=(env.account(),)) for _ in range(CLIENTS)]
        before = commits()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert commits() - before < CLIENTS * CHANGES / 2.4
        assert json.loads(env.ctl("stat", "--json"))["im_contacts"] == CLIENTS * CHANGES
        assert not env.check_log()
