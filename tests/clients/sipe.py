# SPDX-License-Identifier: Apache-2.0
"""What pidgin-sipe 1.25.0 puts on the wire, byte for byte, and how it reads the answers: by local names alone, comparing text.
Only the seven operations that it uses. One request in flight; HTTP Basic on a connection after its first 401."""

import base64
import socket
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from lxml import etree

HEADING = ("POST /EWS/Exchange.asmx HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Purple/2.14.12 Sipe/1.25.0 (linux-x86_64)\r\n"
           "{authorization}Content-Length: {length}\r\nContent-Type: text/xml; charset=UTF-8\r\n\r\n")
ENVELOPE = ('<?xml version="1.0"?>\r\n<soap:Envelope xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"'
            ' xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"'
            ' xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types" >'
            ' <soap:Header>  <t:RequestServerVersion Version="Exchange2013" /> </soap:Header>'
            " <soap:Body>  {body} </soap:Body></soap:Envelope>")
SECONDS = 20


@dataclass
class Item:
    """A group, or a buddy with the URI as the name. Its keys are those first seen and never change."""
    name: str
    key: str
    change: str
    members: list = field(default_factory=list)

    def reference(self, kind):
        return f' <m:{kind} Id="{self.key}" ChangeKey="{self.change}"/>'


class Connection:
    """Keep-alive; an answer is read by its Content-Length or its chunks, anything else is fatal to SIPE."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def exchange(self, data):
        """(status, headers by lower-case name, body)"""
        self.socket.sendall(data)
        status = int(self.file.readline().split()[1])
        headers = {}
        while (line := self.file.readline().rstrip(b"\r\n")):
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while (size := int(self.file.readline(), 16)):
                body += self.file.read(size)
                self.file.readline()
            self.file.readline()
        else:
            body = self.file.read(int(headers["content-length"]))
        return status, headers, body


class Sipe:
    def __init__(self, port, user, password, check=lambda body: None):
        self.port, self.check = port, check
        self.basic = "Authorization: Basic " + base64.b64encode(f"{user}:{password}".encode()).decode() + "\r\n"
        self.connection, self.authorization = None, ""
        self.statuses = []
        self.groups, self.buddies = [], []

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection, self.authorization = None, ""

    def send(self, body):
        """The response element; None when SIPE would have thrown the answer away."""
        data = ENVELOPE.format(body=body).encode()
        for _ in range(2):
            if not self.connection:
                self.connection, self.authorization = Connection(self.port), ""
            heading = HEADING.format(authorization=self.authorization, length=len(data)).encode()
            status, headers, answer = self.connection.exchange(heading + data)
            self.statuses.append(status)
            if headers.get("connection", "").lower() == "close":  # as httpd does after a 500
                self.connection.close()
                self.connection = None
            if status == 401 and not self.authorization:
                assert any(headers.get("www-authenticate", "").startswith(kind) for kind in ("Basic", "NTLM"))
                self.authorization = self.basic
                continue
            if status >= 500 or status in (403, 407):
                self.authorization = ""  # it begins again
            break
        if status != 200:
            return None
        self.check(answer)
        return self.find(etree.fromstring(answer), "Body")[0]

    # ---- Reading, as SIPE does

    @staticmethod
    def find(node, *path):
        """The first descendant along local names, whatever the namespace."""
        for name in path:
            node = next((c for c in node if etree.QName(c).localname == name), None) if node is not None else None
        return node

    def text(self, node, *path):
        found = self.find(node, *path)
        return None if found is None else found.text

    def contact_keys(self, persona):
        attributions = self.find(persona, "Attributions")
        for attribution in attributions if attributions is not None else []:
            source = self.find(attribution, "SourceId")
            if (source is not None and (self.text(attribution, "IsHidden") or "").lower() == "false"
                    and (self.text(attribution, "IsQuickContact") or "").lower() == "true"):
                return source.get("Id"), source.get("ChangeKey")
        return None, None

    def group_from(self, node):
        """A group that lacks a key is dropped, and so is a second one of the same name."""
        store_id = self.find(node, "ExchangeStoreId")
        name, key, change = self.text(node, "DisplayName"), store_id.get("Id"), store_id.get("ChangeKey")
        if not key or not change or any(group.name == name for group in self.groups):
            return None
        self.groups.append(Item(name, key, change))
        return self.groups[-1]

    # ---- What the user does

    def log_in(self):
        self.groups, self.buddies = [], []
        reply = self.send("<m:GetImItemList/>")
        items = self.find(reply, "ImItemList")
        assert etree.QName(reply).localname == "GetImItemListResponse" and items is not None, "UCS initialization failed!"
        for persona in self.find(items, "Personas") if self.find(items, "Personas") is not None else []:
            address, (key, change) = self.text(persona, "ImAddress"), self.contact_keys(persona)
            if address and key and change:
                self.buddies.append(Item(address.removeprefix("sip:"), key, change))
        by_key = {buddy.key: buddy for buddy in self.buddies}
        for node in self.find(items, "Groups"):
            group, members = self.group_from(node), self.find(node, "MemberCorrelationKey")
            for member in members if group and members is not None else []:
                if member.get("Id") in by_key:
                    group.members.append(by_key[member.get("Id")].name)
        return {group.name: group.members for group in self.groups}

    def group(self, name):
        return next(group for group in self.groups if group.name == name)

    def buddy(self, name):
        return next(buddy for buddy in self.buddies if buddy.name == name)

    def photo(self, name):
        return self.send(f"<m:GetUserPhoto> <m:Email>{name}</m:Email> <m:SizeRequested>HR48x48</m:SizeRequested></m:GetUserPhoto>")

    def add_buddy(self, name, group_name, new_group=False):
        """True if SIPE knows the buddy's keys afterwards, so that it can be moved and removed."""
        if new_group:
            reply = self.send(f"<m:AddImGroup> <m:DisplayName>{escape(group_name)}</m:DisplayName></m:AddImGroup>")
            node = self.find(reply, "ImGroup") if etree.QName(reply).localname == "AddImGroupResponse" else None
            if node is None or not self.group_from(node):
                return False
        group = self.group(group_name)
        reply = self.send(f"<m:AddNewImContactToGroup> <m:ImAddress>{name}</m:ImAddress>{group.reference('GroupId')}"
                          "</m:AddNewImContactToGroup>")
        persona = self.find(reply, "Persona") if etree.QName(reply).localname == "AddNewImContactToGroupResponse" else None
        key, change = self.contact_keys(persona) if persona is not None else (None, None)
        if not key or not change:
            return False
        self.buddies.append(Item(name, key, change))
        return True

    def pair(self, operation, buddy, group):
        self.send(f"<m:{operation}>{buddy.reference('ContactId')}{group.reference('GroupId')}</m:{operation}>")

    def move_buddy(self, name, old, new):
        """The answers are ignored."""
        self.pair("AddImContactToGroup", self.buddy(name), self.group(new))
        self.pair("RemoveImContactFromGroup", self.buddy(name), self.group(old))

    def copy_buddy(self, name, new):
        self.pair("AddImContactToGroup", self.buddy(name), self.group(new))

    def remove_buddy(self, name, group):
        self.pair("RemoveImContactFromGroup", self.buddy(name), self.group(group))

    def rename_group(self, old, new):
        group = self.group(old)
        self.send(f"<m:SetImGroup>{group.reference('GroupId')} <m:NewDisplayName>{escape(new)}</m:NewDisplayName></m:SetImGroup>")
        group.name = new

    def remove_group(self, name, members=()):
        for member in members:
            self.remove_buddy(member, name)
        self.send(f"<m:RemoveImGroup>{self.group(name).reference('GroupId')}</m:RemoveImGroup>")
        self.groups.remove(self.group(name))
