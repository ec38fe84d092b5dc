# SPDX-License-Identifier: Apache-2.0
"""What was answered stays, and many at once leave one consistent list: restarts under load, races on one mailbox, from
several processes and threads, under each MPM. SIGKILL is in tests/torture."""

import collections
import multiprocessing
import threading
import time

import pytest

from tests.httpd.conftest import ALL_MPMS
from tests.httpd.load import Load

pytestmark = ALL_MPMS

PROCESSES, THREADS = 3, 5
FORK = multiprocessing.get_context("fork")


def crowd(work, jobs):
    """work(job) for every job, from several processes of several threads each: all results, as pairs with their jobs."""
    results = FORK.SimpleQueue()

    def thread(share):
        for job in share:
            try:
                results.put((job, work(job)))
            except BaseException as problem:  # pylint: disable=broad-except
                results.put((job, repr(problem)))

    def process(share):
        threads = [threading.Thread(target=thread, args=(share[n::THREADS],)) for n in range(THREADS)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()

    processes = [FORK.Process(target=process, args=(jobs[n::PROCESSES],), daemon=True) for n in range(PROCESSES)]
    for one in processes:
        one.start()
    found = [results.get() for _ in jobs]
    for one in processes:
        one.join()
    return found


@pytest.mark.parametrize("way", ["graceful", "restart"])
def test_restarts_under_load(env, way):
    """graceful loses nothing; restart only what was not yet answered."""
    if way == "restart" and env.mpm != "prefork":
        # On SIGHUP and SIGTERM the threaded MPMs close sockets that their workers are closing (close_worker_sockets).
        env.allow_log("child pid .* exit signal Segmentation fault")
    accounts = [env.account() for _ in range(2)]
    load = Load(accounts * 3, close=True)
    for _ in range(2):
        time.sleep(0.3)
        getattr(env, way)()
    load.stop()
    if way == "graceful":
        assert not load.breaks, load.breaks
    assert load.acked
    load.check()


def test_same_additions_at_once(env):
    """Every address is added six times, with and without a group, spelled differently."""
    account = env.account()
    group = account.add_group("Friends")
    jobs = [(number, spelling, target) for number in range(40) for spelling in ("c{}@x", "C{}@X", "sip:c{}@x")
            for target in (group.id, None)]

    def add(job):
        number, spelling, target = job
        return account.add_contact(spelling.format(number), target).id

    ids = collections.defaultdict(set)
    for (number, *_), contact in crowd(add, jobs):
        ids[number].add(contact)
    assert all(len(found) == 1 for found in ids.values()), ids
    everything = account.im_list()
    assert {persona.id for persona in everything.personas} == set().union(*ids.values())
    assert len(everything.group("Friends").members) == len(everything.personas) == 40


def test_limits_are_exact(env):
    account = env.account()
    env.ctl("settings", "set", "im-contact-limit", "30")
    env.ctl("settings", "set", "im-group-limit", "5")
    try:
        contacts = crowd(lambda n: account.call("AddNewImContactToGroup", ImAddress=f"c{n}@x").code, list(range(60)))
        groups = crowd(lambda n: account.call("AddImGroup", DisplayName=f"group {n}").code, list(range(30)))
    finally:
        env.ctl("settings", "set", "im-contact-limit", "1000")
        env.ctl("settings", "set", "im-group-limit", "64")
    assert collections.Counter(code for _, code in contacts) == {"NoError": 30, "ErrorImContactLimitReached": 30}
    assert collections.Counter(code for _, code in groups) == {"NoError": 5, "ErrorImGroupLimitReached": 25}
    everything = account.im_list()
    assert set(everything.addresses) == {f"c{n}@x" for n, code in contacts if code == "NoError"}
    assert {group.name for group in everything.groups[3:]} == {f"group {n}" for n, code in groups if code == "NoError"}


def test_one_name_for_one_group(env):
    account = env.account()
    codes = crowd(lambda n: account.call("AddImGroup", DisplayName=("Friends", "FRIENDS")[n % 2]).code, list(range(30)))
    assert collections.Counter(code for _, code in codes) == {"NoError": 1, "ErrorImGroupDisplayNameAlreadyExists": 29}
    assert len(account.im_list().groups) == 4


def test_everything_at_once(env):
    """Additions, moves, removals of contacts and of groups: each list that is read meanwhile is consistent, and so is the last."""
    account = env.account()
    groups = [account.add_group(f"group {n}").id for n in range(3)]

    def work(number):
        contact = account.add_contact(f"c{number % 12}@x", groups[number % 2]).id
        moves = [("AddImContactToGroup", {"ContactId": contact, "GroupId": groups[(number + 1) % 3]}),
                 ("RemoveImContactFromGroup", {"ContactId": contact, "GroupId": groups[number % 2]}),
                 ("RemoveContactFromImList", {"ContactId": contact}), ("RemoveImGroup", {"GroupId": groups[2]}),
                 ("SetImGroup", {"GroupId": groups[0], "NewDisplayName": f"name {number}"})]
        operation, children = moves[number % 40 if number % 40 < 5 else number % 3]
        code = account.call(operation, **children).code
        account.im_list()
        return code

    allowed = {"NoError", "ErrorItemNotFound", "ErrorInvalidImContactId", "ErrorInvalidImGroupId"}
    codes = {code for _, code in crowd(work, list(range(150)))}
    assert codes <= allowed, codes
    last = account.im_list()
    assert [group.id for group in last.groups if group.name == "group 2"] == []
    assert {group.id for group in last.groups[3:]} == set(groups[:2])
