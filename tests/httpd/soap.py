# SPDX-License-Identifier: Apache-2.0
"""What the tests send and read: SOAP envelopes by operation and keyword, replies, the IM list as plain values.

Knows nothing of servers. Written against the published protocol, not against the module.
"""

import base64
from dataclasses import dataclass, field
from functools import cached_property
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
SERVICES = "schemas.microsoft.com/exchange/services/2006"
TYPES, MESSAGES, ERRORS = (f"http://{SERVICES}/{name}" for name in ("types", "messages", "errors"))

OTHER_CONTACTS, TAGGED, FAVORITES, USER_GROUP, DISTRIBUTION_GROUP = (
    f"IPM.DistList.MOC.{name}" for name in ("OtherContacts", "Tagged", "Favorites", "UserGroup", "DG"))
DEFAULT_GROUPS = [OTHER_CONTACTS, TAGGED, FAVORITES]

VERSION = '<t:RequestServerVersion Version="Exchange2013"/>'


def attributes(value):
    """An id as text, a pair of Id and ChangeKey, or any attributes as a dictionary."""
    if isinstance(value, str):
        value = {"Id": value}
    elif isinstance(value, tuple):
        value = {"Id": value[0], "ChangeKey": value[1]}
    return "".join(f" {name}={quoteattr(text)}" for name, text in value.items())


def element(name, value):
    """One child of an operation: an id, a list of t:ItemId or t:ExtendedProperty, or text."""
    if name in ("GroupId", "ContactId"):
        return f"<m:{name}{attributes(value)}/>"
    if isinstance(value, (list, tuple)):
        child = "t:ExtendedProperty" if name == "ExtendedProperties" else "t:ItemId"
        return f"<m:{name}>{''.join(f'<{child}{attributes(item)}/>' for item in value)}</m:{name}>"
    if isinstance(value, bool):
        value = str(value).lower()
    return f"<m:{name}>{escape(value, {chr(13): '&#13;'})}</m:{name}>"


def operation(name, **children):
    """The element of an operation, children in the order given; None leaves one out."""
    inner = "".join(element(child, value) for child, value in children.items() if value is not None)
    return f"<m:{name}>{inner}</m:{name}>"


def envelope(body, header=VERSION, scheme="http"):
    """A whole request as bytes. `body` and `header` may use the prefixes m, t and soap."""
    namespaces = f'xmlns:m="{scheme}://{SERVICES}/messages" xmlns:t="{scheme}://{SERVICES}/types"'
    return (f'<?xml version="1.0" encoding="utf-8"?>\n<soap:Envelope xmlns:soap="{SOAP}" {namespaces}>'
            f"<soap:Header>{header}</soap:Header><soap:Body>{body}</soap:Body></soap:Envelope>").encode()


def local(node):
    return etree.QName(node).localname


def descend(node, *path):
    """The first descendant along local names, or None."""
    for name in path:
        node = next((child for child in node if isinstance(child.tag, str) and local(child) == name), None)
        if node is None:
            return None
    return node


def text_at(node, *path):
    found = descend(node, *path)
    return None if found is None else found.text or ""


def shape(node):
    """An element as (local name, attributes, text, children): what two answers are compared by."""
    return (local(node), dict(node.attrib), (node.text or "").strip(), [shape(child) for child in node])


@dataclass
class Reply:
    status: int
    headers: object
    body: bytes

    @cached_property
    def tree(self):
        """The parsed envelope; a body that is no XML is an error of the test."""
        return etree.fromstring(self.body, etree.XMLParser(resolve_entities=False, no_network=True))

    @property
    def message(self):
        """The response element in the Body."""
        return descend(self.tree, "Body")[0]

    @property
    def fault(self):
        return self.status == 500 and local(self.message) == "Fault"

    @property
    def code(self):
        """The response code, of a response message or a fault's detail; of a plain SOAP fault its faultcode."""
        if not self.fault:
            return text_at(self.message, "ResponseCode")
        return text_at(self.message, "detail", "ResponseCode") or text_at(self.message, "faultcode")

    @property
    def text(self):
        return text_at(self.message, "faultstring" if self.fault else "MessageText")

    @property
    def value(self):
        """Name and text of MessageXml's Value, or None."""
        path = ("detail", "MessageXml", "Value") if self.fault else ("MessageXml", "Value")
        found = descend(self.message, *path)
        return None if found is None else (found.get("Name"), found.text)

    @property
    def ok(self):
        return self.status == 200 and self.message.get("ResponseClass") == "Success" and self.code == "NoError"

    @property
    def group(self):
        return ImGroup.read(descend(self.message, "ImGroup"))

    @property
    def persona(self):
        return Persona.read(descend(self.message, "Persona"))

    @property
    def im_list(self):
        return ImItemList.read(descend(self.message, "ImItemList"))


@dataclass
class ImGroup:
    name: str
    type: str
    id: str
    change_key: str
    members: list = field(default_factory=list)  # ids
    smtp_address: str = None

    @classmethod
    def read(cls, node):
        store_id = descend(node, "ExchangeStoreId")
        members = descend(node, "MemberCorrelationKey")
        assert members is None or len(members), "an empty MemberCorrelationKey"
        return cls(text_at(node, "DisplayName"), text_at(node, "GroupType"), store_id.get("Id"),
                   store_id.get("ChangeKey"), [item.get("Id") for item in members] if members is not None else [],
                   text_at(node, "SmtpAddress"))


@dataclass
class Persona:
    id: str           # the contact's: SourceId
    change_key: str
    persona_id: str
    name: str
    address: str      # None if there is no ImAddress
    node: object = field(compare=False, repr=False)

    @classmethod
    def read(cls, node):
        source = descend(node, "Attributions", "Attribution", "SourceId")
        return cls(source.get("Id"), source.get("ChangeKey"), descend(node, "PersonaId").get("Id"),
                   text_at(node, "DisplayName"), text_at(node, "ImAddress"), node)


@dataclass
class ImItemList:
    groups: list
    personas: list

    @classmethod
    def read(cls, node):
        groups, personas = descend(node, "Groups"), descend(node, "Personas")
        return cls([ImGroup.read(group) for group in groups] if groups is not None else [],
                   [Persona.read(persona) for persona in personas] if personas is not None else [])

    def group(self, name_or_type):
        return next((group for group in self.groups if name_or_type in (group.name, group.type)), None)

    def members(self, name_or_type):
        """IM addresses (or None of a tel URI contact) of a group's members, in order."""
        by_id = {persona.id: persona.address for persona in self.personas}
        return [by_id[member] for member in self.group(name_or_type).members]

    @property
    def addresses(self):
        return [persona.address for persona in self.personas]

    def check(self):
        """What every list must keep to, whatever was done to it."""
        ids = [persona.id for persona in self.personas]
        keys = [address.encode().lower().removeprefix(b"sip:") for address in self.addresses if address is not None]
        assert [group.type for group in self.groups[:3]] == DEFAULT_GROUPS
        assert not {group.type for group in self.groups[3:]} & set(DEFAULT_GROUPS)
        for what in (ids, [persona.persona_id for persona in self.personas], keys, [group.id for group in self.groups]):
            assert len(set(what)) == len(what), "something is there twice"
        for group in self.groups:
            assert set(group.members) <= set(ids), f"{group.name}: a member without persona"
            assert len(set(group.members)) == len(group.members), f"{group.name}: a member is there twice"
        in_groups = {member for group in self.groups for member in group.members}
        assert in_groups == set(ids), "a contact without a group"
        return self


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
