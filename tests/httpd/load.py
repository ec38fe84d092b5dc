# SPDX-License-Identifier: Apache-2.0
"""Clients that change IM lists as fast as they can, and know what the lists must be like.

    load = Load([alice, alice, bob])   # one client each; the two of alice share her list
    ...                                     # kill, cut the power, restart
    load.stop().check()                     # what was acknowledged is there exactly, and nothing else

Each client has groups and contacts of its own. A change whose answer never came is in doubt: it may be there or not. With
`goes_on` a client whose connection breaks reads the list as soon as somebody answers, and compares; otherwise it ends.
"""

import http.client
import itertools
import random
import threading
import time

from tests.httpd import soap
from tests.schema.validate import validate_reply

BROKEN = (OSError, http.client.HTTPException)  # what a client sees of a server that dies
SECONDS = 20  # the longest wait for an answer
OTHER = ""    # Other Contacts, where a contact without another group is


class State:
    """What is in a list: groups as {name: id}, contacts as {address: (id, names of its groups)}."""

    def __init__(self, groups=(), contacts=()):
        self.groups, self.contacts = dict(groups), dict(contacts)

    def copy(self):
        return State(self.groups, self.contacts)

    def put(self, address, identity, *groups):
        self.contacts[address] = identity, frozenset(groups)

    def items(self):
        return set(self.groups.items()) | {(address, *rest) for address, rest in self.contacts.items()}

    def with_ids_of(self, other):
        """The same with the ids that are not known yet (None), taken from another state."""
        return State({name: identity or other.groups.get(name) for name, identity in self.groups.items()},
                     {address: (identity or other.contacts.get(address, (None,))[0], groups)
                      for address, (identity, groups) in self.contacts.items()})

    @classmethod
    def of(cls, im_list, prefix):
        """The part of a list that belongs to the client with this prefix."""
        names = {group.id: group.name for group in im_list.groups[3:]}
        names[im_list.groups[0].id] = OTHER
        homes = {}
        for group in im_list.groups:
            for member in group.members:
                homes.setdefault(member, []).append(names[group.id])
        return cls({name: identity for identity, name in names.items() if name.startswith(prefix)},
                   {persona.address: (persona.id, frozenset(homes[persona.id])) for persona in im_list.personas
                    if persona.address.startswith(prefix)})


class Client(threading.Thread):
    """One client: its connection, its part of a list as acknowledged, and the change that is in doubt, if any."""

    numbers = itertools.count(1)

    def __init__(self, load, account, fresh):
        super().__init__(daemon=True)
        self.load, self.account = load, account
        self.prefix = f"w{next(self.numbers)}."
        self.headers = account.env.authorization(account.address) | {"Content-Type": "text/xml; charset=utf-8"} | fresh
        self.random = random.Random(self.prefix)
        self.names = itertools.count(1)
        self.connection = None
        self.state = State()
        self.in_doubt = None  # the state after the change whose answer did not come

    # ---- the server

    def post(self, operation, **children):
        body = soap.envelope(soap.operation(operation, **children))
        if not self.connection:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.account.env.port, timeout=SECONDS)
        try:
            self.connection.request("POST", "/EWS/Exchange.asmx", body, self.headers)
            response = self.connection.getresponse()
            reply = soap.Reply(response.status, response.headers, response.read())
        except BROKEN:
            self.connection.close()
            self.connection = None
            raise
        if not reply.ok:
            problems = validate_reply(reply.body) if b"Envelope" in reply.body else ["no SOAP"]
            assert not problems, (reply.status, problems, reply.body)
        return reply

    def run(self):
        try:
            while self.load.running:
                begun = time.monotonic()
                if not self.step():
                    return
                self.load.slept(time.monotonic() - begun)
        except BROKEN as problem:
            self.load.breaks.append(problem)
        except BaseException as problem:  # pylint: disable=broad-except
            self.load.problems.append(f"{self.prefix} {problem!r}")

    def step(self):
        """One change. False: the end."""
        operation, children, after, named = self.choose()
        try:
            reply = self.post(operation, **children)
        except BROKEN:
            self.in_doubt = after
            self.load.count("in_doubt")
            if not self.load.goes_on:
                raise
            return self.settle()
        if reply.ok:
            if named:
                self.learn(after, reply)
            self.state = after
            self.load.count("acked")
        else:
            self.load.count("refused")
            assert reply.code in self.load.refusals, (operation, children, reply.body)
            if not self.load.refusals_certain:
                self.in_doubt = after
                return self.settle()
        return True

    @staticmethod
    def learn(after, reply):
        """Fills in the id that the server gave."""
        for name, identity in after.groups.items():
            if identity is None:
                after.groups[name] = reply.group.id
        for address, (identity, groups) in list(after.contacts.items()):
            if identity is None:
                after.put(address, reply.persona.id, *groups)

    def settle(self):
        """Reads the list when there is somebody to answer, and finds out about the change in doubt.

        A writer that dies when its change is on disk, but not yet announced to readers, leaves the announcing to the next
        writer. So there is a change before the reading."""
        while self.load.running:
            try:
                reply = self.post("SetImListMigrationCompleted", ImListMigrationCompleted="true")
                if reply.ok:
                    reply = self.post("GetImItemList")
            except BROKEN:
                time.sleep(0.005)
                continue
            if reply.ok:
                self.compare(reply.im_list.check())
                return True
            assert reply.code in self.load.refusals, reply.body
            time.sleep(0.005)
        return False

    def compare(self, im_list):
        """Takes over what is there, if it is what was acknowledged, with or without the change in doubt."""
        there = State.of(im_list, self.prefix)
        wanted = [state.with_ids_of(there).items() for state in (self.state, self.in_doubt) if state]
        if there.items() not in wanted:
            lost, phantom = wanted[0] - there.items(), there.items() - wanted[0]
            self.load.count("lost", len(lost))
            self.load.count("phantom", len(phantom))
            self.load.problems.append(f"{self.prefix} lost {lost}, phantom {phantom}")
        self.state, self.in_doubt = there, None

    # ---- what to do next

    def choose(self):
        """A change: operation, its children, the state after it, whether the server gives an id."""
        after, groups, contacts = self.state.copy(), self.state.groups, self.state.contacts
        kind = self.random.random()
        if len(groups) < 2 or (kind < 0.03 and len(groups) < 4):
            name = f"{self.prefix}{next(self.names)}"
            after.groups[name] = None
            return "AddImGroup", {"DisplayName": name}, after, True
        group = self.random.choice(list(groups))
        if kind < 0.08:
            new = f"{self.prefix}{next(self.names)}"
            after.groups = {new if name == group else name: identity for name, identity in groups.items()}
            for address, (identity, homes) in contacts.items():
                after.put(address, identity, *(new if home == group else home for home in homes))
            return "SetImGroup", {"GroupId": groups[group], "NewDisplayName": new}, after, False
        if kind < 0.10 and len(groups) > 2:
            del after.groups[group]
            for address, (identity, homes) in contacts.items():
                after.put(address, identity, *(homes - {group} or {OTHER}))
            return "RemoveImGroup", {"GroupId": groups[group]}, after, False
        if kind < 0.55 and len(contacts) < self.load.most or not contacts:
            address = f"{self.prefix}{next(self.names)}@contoso.com"
            home = self.random.choice([OTHER, group])
            after.put(address, None, home)
            children = {"ImAddress": address, "DisplayName": "n" * self.random.randrange(1, self.load.name_length),
                        "GroupId": groups[home] if home else None}
            return "AddNewImContactToGroup", children, after, True
        address = self.random.choice(list(contacts))
        identity, homes = contacts[address]
        if kind < 0.75 and group not in homes:
            after.put(address, identity, *homes, group)
            return "AddImContactToGroup", {"ContactId": identity, "GroupId": groups[group]}, after, False
        if kind < 0.85 and group in homes and len(homes) > 1:
            after.put(address, identity, *homes - {group})
            return "RemoveImContactFromGroup", {"ContactId": identity, "GroupId": groups[group]}, after, False
        del after.contacts[address]
        return "RemoveContactFromImList", {"ContactId": identity}, after, False


class Load:
    """The clients of some accounts. `close`: a connection for each request. `refusals`: codes of errors that may be
    answered. `refusals_certain`: what was answered so did not happen. `most` contacts of each client, with names below `name_length`."""

    def __init__(self, accounts, close=False, goes_on=False, refusals=(), refusals_certain=True, most=30, name_length=40):
        self.goes_on, self.refusals, self.refusals_certain = goes_on, refusals, refusals_certain
        self.most, self.name_length = most, name_length
        self.running, self.longest_stall = True, 0.0
        self.counts = {"acked": 0, "in_doubt": 0, "refused": 0, "lost": 0, "phantom": 0}
        self.lock = threading.Lock()
        self.breaks, self.problems = [], []
        self.clients = [Client(self, account, {"Connection": "close"} if close else {}) for account in accounts]
        for client in self.clients:
            client.start()

    def count(self, name, number=1):
        with self.lock:
            self.counts[name] += number

    def slept(self, duration):
        self.longest_stall = max(self.longest_stall, duration)

    @property
    def acked(self):
        return self.counts["acked"]

    def stop(self):
        """Ends the clients; a client that waits for a server that is gone ends as well."""
        self.running = False
        for client in self.clients:
            client.join(2 * SECONDS)
            assert not client.is_alive(), "a client does not end"
        assert not self.problems, self.problems
        return self

    def check(self):
        """Compares all lists with what was acknowledged, and looks for what belongs to nobody."""
        for account in {client.account.address: client.account for client in self.clients}.values():
            reply = account.call("SetImListMigrationCompleted", ImListMigrationCompleted="true")
            assert reply.ok, reply.body
            im_list = account.im_list()
            mine = [client for client in self.clients if client.account.address == account.address]
            for client in mine:
                client.compare(im_list)
            known = tuple(client.prefix for client in mine)
            names = [group.name for group in im_list.groups[3:]] + im_list.addresses
            strange = [name for name in names if not name.startswith(known)]
            self.count("phantom", len(strange))
            assert not strange, f"phantom: {strange}"
        assert not self.problems, self.problems
        return self
