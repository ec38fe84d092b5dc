# SPDX-License-Identifier: Apache-2.0
"""The figures, each a function that measures both sides of a comparison in turn and gives rows for the table."""

import statistics
import subprocess
import threading
import time
from dataclasses import dataclass

from tests.bench.server import BENCH, FIXED, OURS, Server, program, sync_environment
from tests.httpd import soap

LIST = soap.envelope(soap.operation("GetImItemList"))
ADD = soap.envelope(soap.operation("AddNewImContactToGroup", ImAddress="maria.lind.@@@@@@@@@@@@@fabrikam.com",
                                   DisplayName="Maria Lind @@@@@@@@@@@@".replace("@", "x")))
FOREIGN = soap.envelope("<m:FindItem Traversal='Shallow'><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape>"
                        "<m:ParentFolderIds><t:DistinguishedFolderId Id='inbox'/></m:ParentFolderIds></m:FindItem>")
SMALL_USERS = 1000
MANY_USERS = 1_000_000
BIG_BODY = 100_000_000


@dataclass
class Row:
    figure: str
    what: str
    value: float
    form: str      # how the value is written
    reach: float
    aim: float
    note: str = ""
    less: bool = False  # less is better

    @property
    def reached(self):
        return self.value <= self.reach if self.less else self.value >= self.reach


class Lab:
    """What the figures share: the disk, stores that are built once, how long and how often to measure."""

    def __init__(self, disk, rounds, seconds):
        self.disk, self.rounds, self.seconds = disk, rounds, seconds
        self.stores = {}

    def store(self, mailboxes, contacts):
        key = (mailboxes, contacts)
        if key not in self.stores:
            self.stores[key] = self.disk.build(f"store-{mailboxes}-{contacts}-{time.monotonic_ns()}", mailboxes, contacts)
        return self.stores[key]

    def own(self, name, mailboxes=SMALL_USERS, contacts=3):
        """Lines of a host with a store of its own, `name`."""
        path, _ = self.store(mailboxes, contacts)
        return OURS.format(kind=name.partition("-")[0], store=self.disk.copy(path, f"{name}-{time.monotonic_ns()}"))

    def in_turn(self, sides):
        """Runs each side `rounds` times in turn, once before that to warm up; a list of results for each."""
        results = [[] for _ in sides]
        for number in range(self.rounds + 1):
            for side, kept in zip(sides, results):
                outcome = side(self.seconds if number else 1)
                if number:
                    kept.append(outcome)
        return results


def ratio(ours, others):
    """The median of the ratios of the rounds."""
    return statistics.median(a / b for a, b in zip(ours, others))


def of(loads, name="rate"):
    return [getattr(load, name) for load in loads]


def told(loads, unit="requests/s"):
    return f"{statistics.median(of(loads)):,.0f} {unit}"


def fixed(lab, name, answer):
    """Lines of a host that sends these bytes."""
    file = lab.disk.path / f"{name}.xml"
    file.write_bytes(answer)
    return FIXED.format(file=file)


def against_fixed(lab, body, user, users, connections, sync):
    """(rounds of ours, of the same bytes from the bare handler), for one request."""
    ours = lab.own("lmdb")
    with Server({"ours": ours}, sync=sync) as server:
        answer = server.one("ours", body.replace(b"@" * 12, b"000000000000"), user)
    with Server({"ours": ours, "fixed": fixed(lab, "answer", answer)}, sync=sync) as server:
        return lab.in_turn([
            lambda s: server.load("ours", body, users, connections, s, len(answer)),
            lambda s: server.load("fixed", body, users, connections, s, len(answer))])


def p1(lab):
    rows = []
    for what, body in (("GetImItemList, 3 contacts", LIST), ("AddNewImContactToGroup, syncing off", ADD)):
        ours, bare = against_fixed(lab, body, "user0000000@contoso.com", SMALL_USERS, 32, "off")
        rows.append(Row("P1", f"{what}: requests/s against a bare handler", ratio(of(ours), of(bare)), "{:.2f}", 0.70, 0.85,
                        f"{told(ours)} of {told(bare)}; CPU {statistics.median(of(ours, 'cpu')):.1f} us, "
                        f"bare {statistics.median(of(bare, 'cpu')):.1f} us"))
    return rows


def p2(lab):
    ours, bare = against_fixed(lab, LIST, "list0@contoso.com", "list0@contoso.com", 16, None)
    return [Row("P2", "GetImItemList, 1,000 contacts: requests/s against the same bytes from memory",
                ratio(of(ours), of(bare)), "{:.2f}", 0.80, 0.95, f"{told(ours)} of {told(bare)}; {ours[0].size / 1e6:.2f} MB"),
            Row("P2", "the same: CPU of the server", ratio(of(ours, "cpu"), of(bare, "cpu")), "{:.2f}x", 1.5, 1.2,
                f"{statistics.median(of(ours, 'cpu')):.0f} us, bare {statistics.median(of(bare, 'cpu')):.0f} us", less=True)]


def serial_sync(lab, seconds, sync=None):
    done = subprocess.run([BENCH / "serial_sync", lab.disk.path, str(seconds)], capture_output=True, text=True, check=True,
                          env=sync_environment(sync))
    return float(done.stdout)


def durable(lab, connections, sync=None, with_disk=False):
    """(rounds of grouped additions, of one commit each, of serial flushes)."""
    with Server({"group": lab.own("lmdb"), "each": lab.own("lmdb_each")}, sync=sync, pinned=False) as server:
        answer = len(server.one("group", ADD.replace(b"@" * 12, b"000000000000"), "user0000000@contoso.com"))
        sides = [lambda s: server.load("group", ADD, SMALL_USERS, connections, s, answer),
                 lambda s: server.load("each", ADD, SMALL_USERS, connections, s, answer)]
        if with_disk:
            sides.append(lambda s: serial_sync(lab, s, sync))
        return lab.in_turn(sides)


def p3(lab):
    group, each, disk = durable(lab, 64, with_disk=True)
    return [Row("P3", "durable additions, 64 clients, against one commit each", ratio(of(group), of(each)), "{:.1f}x", 6.5, 15,
                f"{told(group)} of {told(each)}; p99 {statistics.median(of(group, 'p99')):.1f} ms, each "
                f"{statistics.median(of(each, 'p99')):.1f} ms"),
            Row("P3", "the same against serial pwrite + fdatasync", ratio(of(group), disk), "{:.2f}x", 1.6, 4,
                f"{statistics.median(disk):,.0f} flushes/s")]


def p4(lab):
    group, each = durable(lab, 64, sync="1000")
    return [Row("P4", "the same with 1 ms added to each sync, against one commit each", ratio(of(group), of(each)),
                "{:.1f}x", 20, 35, f"{told(group)} of {told(each)}")]


def p5(lab):
    group, each = durable(lab, 1)
    return [Row("P5", "durable additions, 1 client, against one commit each", ratio(of(group), of(each)), "{:.2f}", 0.95, 1.0,
                f"{told(group)} of {told(each)}")]


def p6(lab):
    with Server({"ours": lab.own("lmdb")}, threads=64, pinned=False) as server:
        before = server.memory()
        size = len(server.one("ours", LIST, "list0@contoso.com"))
        for _ in range(3):
            server.load("ours", LIST, "list0@contoso.com", 64, lab.seconds, size)
        memory = server.memory()
    return [Row("P6", "anonymous memory of a child of 64 threads after 64 concurrent lists of 1,000", memory, "{:.0f} MB", 48, 24,
                f"{before:.0f} MB before the first request", less=True)]


def p7(lab):
    few, many = (lab.store(count, 3)[0] for count in (SMALL_USERS, MANY_USERS))
    rounds = [program("growth", "measure", few, SMALL_USERS, many, MANY_USERS) for _ in range(lab.rounds)]
    rows = []
    for step, reach, aim in (("list", 1.1, 1.05), ("point", 5, 3), ("update", 6, 3)):
        small, large = ([side[step] for side in sides] for sides in zip(*rounds))
        rows.append(Row("P7", f"1,000,000 mailboxes against 1,000: CPU of a {step}", ratio(large, small), "{:.2f}x",
                        reach, aim, f"{statistics.median(large):.1f} us, {statistics.median(small):.1f} us", less=True))
    lab.disk.give(few)
    lab.disk.give(many)
    hosts = {name: OURS.format(kind="lmdb", store=store) for name, store in (("few", few), ("many", many))}
    with Server(hosts, pinned=False) as server:
        answer = len(server.one("few", ADD.replace(b"@" * 12, b"000000000000"), "user0000000@contoso.com"))
        large, small = lab.in_turn([lambda s: server.load("many", ADD, MANY_USERS, 64, s, answer),
                                    lambda s: server.load("few", ADD, SMALL_USERS, 64, s, answer)])
    lab.stores.clear()  # they have grown
    rows.append(Row("P7", "the same: durable additions, 64 clients", ratio(of(large), of(small)), "{:.2f}", 0.8, 0.95,
                    f"{told(large)} of {told(small)}"))
    return rows


def p8(lab):
    _, built = lab.store(SMALL_USERS, 50)
    return [Row("P8", "bytes of the file for a contact, everything included; 1,000 mailboxes of 50", built["bytes"] / built["contacts"],
                "{:.0f}", 400, 250, less=True)]


def memory_during(server, body):
    """The most that the child held during a long request beyond what it held before."""
    before, most, done = server.memory(), 0.0, threading.Event()

    def watch():
        nonlocal most
        while not done.wait(0.01):
            most = max(most, server.memory())
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        server.one("front", body, "user0000000@contoso.com")
    finally:
        done.set()
        watcher.join()
    return max(most - before, 0.0)


def p9(lab):
    with Server({"back": fixed(lab, "back", b"<x/>" * 500)}, pinned=False) as back:
        proxy = f"ProxyPass /EWS/ http://127.0.0.1:{back.port}/EWS/"
        own = lab.own("lmdb").replace("EWSIm Alone", "EWSIm On")
        sides = {"with": f"{proxy}\n  {own}", "without": proxy}
        with Server(sides, modules=("proxy", "proxy_http")) as server:
            ours, plain = lab.in_turn([
                lambda s: server.load("with", FOREIGN, "user0000000@contoso.com", 32, s, 2000),
                lambda s: server.load("without", FOREIGN, "user0000000@contoso.com", 32, s, 2000)])
        long = FOREIGN[:-1] + b">" + b" " * (BIG_BODY - len(FOREIGN))
        held = {}
        for name in ("with", "without"):
            with Server({"front": sides[name]}, modules=("proxy", "proxy_http"), pinned=False) as server:
                server.one("front", FOREIGN, "user0000000@contoso.com")
                held[name] = max(memory_during(server, long) for _ in range(3))
    return [Row("P9", "passed-on requests: requests/s against plain ProxyPass", ratio(of(ours), of(plain)), "{:.2f}", 0.95, 0.99,
                f"{told(ours)} of {told(plain)}"),
            Row("P9", "memory that a passed-on body of 100 MB takes, beyond that of plain ProxyPass", held["with"] - held["without"],
                "{:.1f} MB", 1, 0, f"{held['with']:.1f} MB, {held['without']:.1f} MB", less=True)]


FIGURES = {"P1": p1, "P2": p2, "P3": p3, "P4": p4, "P5": p5, "P6": p6, "P7": p7, "P8": p8, "P9": p9}
