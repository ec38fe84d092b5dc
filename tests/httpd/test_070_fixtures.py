# SPDX-License-Identifier: Apache-2.0
"""The pairs tests/fixtures/NAME.request.xml and NAME.response.xml, played in one mailbox as the story that they tell: every
answer is the response of its pair, with the server's own ids and times. A pair that a new operation brings is played too."""

import pytest
from lxml import etree

from tests.httpd import soap
from tests.httpd.env import FIXTURES, PAIRS, URL

BEGINNING = ["AddImGroup", "AddDistributionGroupToImList", "AddNewImContactToGroup", "AddNewTelUriContactToGroup",
             "AddImContactToGroup", "GetImItemList", "GetImItems", "SetImListMigrationCompleted"]
END = ["SetImGroup", "RemoveImContactFromGroup", "RemoveContactFromImList", "RemoveDistributionGroupFromImList", "RemoveImGroup"]
STORY = BEGINNING + [name for name in PAIRS if name not in BEGINNING + END] + END


class Narrator:
    """Plays requests; knows which id of the server stands for which of the fixtures."""

    def __init__(self, account):
        self.account, self.ids = account, {}

    def ask(self, body):
        # Not through env.request: only published operations have a schema, and the comparison here says more.
        connection = self.account.env.connection()
        connection.request("POST", URL, body, self.account.env.authorization(self.account.address) | {"Content-Type": "text/xml"})
        response = connection.getresponse()
        return soap.Reply(response.status, response.headers, response.read())

    def learn(self, written, live):
        """Pairs the ids of two trees that should be alike; an id that is known already must mean the same again."""
        for ours, theirs in zip(written.iter("{*}*"), live.iter("{*}*")):
            if ours.get("Id") is not None:
                assert self.ids.setdefault(ours.get("Id"), theirs.get("Id")) == theirs.get("Id"), soap.local(ours)

    def play(self, name):
        tree = etree.fromstring((FIXTURES / f"{name}.request.xml").read_bytes())
        for node in tree.iter("{*}*"):
            if node.get("Id") is not None:
                node.set("Id", self.ids[node.get("Id")])
        return self.ask(etree.tostring(tree))


def written(name):
    return etree.fromstring((FIXTURES / f"{name}.response.xml").read_bytes())


def plain(node):
    """Name, attributes, text and children; ids are compared by Narrator.learn, keys and times are the server's own."""
    attributes = {name: "*" if name in ("Id", "ChangeKey") else value for name, value in node.attrib.items()}
    text = "*" if soap.local(node) == "CreationTime" else (node.text or "") if len(node) == 0 else ""
    return (node.tag, attributes, text, [plain(child) for child in node])


def test_every_operation_has_its_pair():
    assert sorted(path.name.removesuffix(".response.xml") for path in FIXTURES.glob("*.response.xml")) == PAIRS
    assert sorted(STORY) == PAIRS


@pytest.fixture(name="narrator")
def make_narrator(env):
    if "support@fabrikam.com" not in env.ctl("dl", "list"):
        env.ctl("dl", "add", "support@fabrikam.com")
    account = env.account()
    narrator = Narrator(account)
    by_type = {group.type: group.id for group in account.im_list().groups}
    for group in soap.ImItemList.read(soap.descend(written("GetImItemList"), "Body", "GetImItemListResponse", "ImItemList")).groups:
        if group.type in by_type:
            narrator.ids[group.id] = by_type[group.type]
    return narrator


def test_the_story(narrator):
    for name in STORY:
        reply, expected = narrator.play(name), written(name)
        assert reply.status == 200 and plain(reply.tree) == plain(expected), f"{name}: {reply.body.decode()}"
        narrator.learn(expected, reply.tree)
    assert len(set(narrator.ids.values())) == len(narrator.ids), "two of the fixtures' ids are one of the server's"


def test_a_different_answer_is_noticed(narrator):
    reply = narrator.play("AddImGroup")
    assert plain(reply.tree) == plain(written("AddImGroup"))
    assert narrator.play("AddImGroup").code == "ErrorImGroupDisplayNameAlreadyExists"
    for change in (lambda tree: tree.find(".//{*}GroupType").set("x", "y"),
                   lambda tree: setattr(tree.find(".//{*}DisplayName"), "text", "other"),
                   lambda tree: tree.find(".//{*}ImGroup").append(etree.Element("more"))):
        tree = written("AddImGroup")
        change(tree)
        assert plain(reply.tree) != plain(tree)
