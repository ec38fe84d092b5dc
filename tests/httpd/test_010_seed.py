# SPDX-License-Identifier: Apache-2.0
"""The published example of AddNewImContactToGroup, byte for byte but for the GroupId, under each MPM: its success reply and
its error reply, element for element. tests/fixtures/seed.*.xml are the example's three listings as they were published."""

import base64
import copy
import re
import uuid

import pytest
from lxml import etree

from tests.httpd import soap
from tests.httpd.conftest import ALL_MPMS
from tests.httpd.env import FIXTURES
from tests.httpd.ids import Id

pytestmark = ALL_MPMS

REQUEST = (FIXTURES / "seed.request.xml").read_bytes()
GROUP_ID = b"AAMkAGQ1MjJjMTBkLTc4Y2UtNDAAAQKAAA="

# What is the server's own in each reply: attributes by name, texts by element.
OWN_ATTRIBUTES = {"Id", "ChangeKey", "MajorBuildNumber", "MinorBuildNumber"}
OWN_TEXTS = {"CreationTime"}


def request(group_id, scheme="https"):
    assert REQUEST.count(GROUP_ID) == 1
    body = REQUEST.replace(GROUP_ID, group_id.encode())
    return body if scheme == "https" else body.replace(b'"https://', b'"http://')


def expected(name, scheme="https"):
    """A listing with its e-mail children as the schema names them."""
    data = (FIXTURES / f"seed.{name}.xml").read_bytes()
    tree = etree.fromstring(data.replace(b"https:", f"{scheme}:".encode()), etree.XMLParser(remove_blank_text=True))
    before = copy.deepcopy(tree)
    for old, new in zip(before.iter("{*}*"), list(tree.iter("{*}*"))):
        name, parent = soap.local(old), old.getparent()
        namespace = etree.QName(old).namespace
        if name == "Address" and soap.local(parent) in ("EmailAddress", "Value"):
            new.tag = f"{{{namespace}}}EmailAddress"
        elif name == "EmailAddress" and soap.local(parent) == "EmailAddresses":
            new.tag = f"{{{namespace}}}Address"
    return tree


def plain(node):
    """Tag with namespace, attributes, text and children, without what is the server's own."""
    attributes = {name: "*" if name in OWN_ATTRIBUTES else value for name, value in node.attrib.items()}
    text = "*" if soap.local(node) in OWN_TEXTS else (node.text or "").strip()
    return (node.tag, attributes, text, [plain(child) for child in node])


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_success(env, account, scheme):
    group = account.add_group("MyCustomGroup2")
    assert (group.name, group.type, group.change_key, group.members) == (
        "MyCustomGroup2", soap.USER_GROUP, "EgAAAA==", [])
    reply = account.soap(request(group.id, scheme))
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/xml; charset=utf-8")
    assert plain(reply.tree) == plain(expected("reply", scheme))

    persona = reply.persona
    contact, link = Id.parse(persona.id), Id.parse(persona.persona_id)
    assert (contact.storage, link.storage, len(link.store_id)) == (3, 4, 16)
    assert contact.moniker == link.moniker == Id.parse(group.id).moniker
    folder = soap.descend(persona.node, "Attributions", "Attribution", "FolderId")
    assert folder.get("Id") == contact.folder().text() and folder.get("ChangeKey") == "AQAAAA=="
    key = base64.b64decode(persona.change_key, validate=True)
    assert key[:24] == bytes([17, 0, 0, 0, 22, 0, 0, 0]) + contact.store_id[46:62] and len(key) == 30
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", soap.text_at(persona.node, "CreationTime"))

    everything = account.im_list()
    assert everything.members("MyCustomGroup2") == ["tsmith@contoso.com"]
    assert everything.personas[0].id == persona.id and everything.personas[0].change_key == persona.change_key
    assert plain(everything.personas[0].node)[3] == [
        node if scheme == "http" else without_https(node) for node in plain(persona.node)[3]]


def without_https(node):
    return (node[0].replace("https:", "http:"), *node[1:3], [without_https(child) for child in node[3]])


@pytest.mark.parametrize("whose", ["nobody's", "somebody's"])
def test_error(env, account, whose):
    group = Id.parse(account.add_group("Friends").id)
    if whose == "nobody's":
        group = group.change(moniker=str(uuid.uuid4()))
    else:
        group = Id.parse(env.account().add_group("Friends").id)
    reply = account.soap(request(group.text()))
    wanted = expected("error")
    next(wanted.iter("{*}Value")).text = group.moniker
    assert reply.status == 200
    assert plain(reply.tree) == plain(wanted)
    assert account.im_list().personas == []
