# SPDX-License-Identifier: Apache-2.0
"""A directory for mod_authnz_ldap to ask: as much of LDAP as that takes (bind, search by one equality), over TLS.

    people = {"tsmith@corp": ("CN=tsmith", "password", {"mail": "tsmith@contoso.com"})}
"""

import ssl

from tests.httpd.listener import Listener

SECONDS = 20
SEQUENCE, INTEGER, OCTETS, ENUMERATED, SET = 0x30, 0x02, 0x04, 0x0a, 0x31
BIND, BOUND, UNBIND, SEARCH, ENTRY, DONE = 0x60, 0x61, 0x42, 0x63, 0x64, 0x65
EQUALITY = 0xa3
INVALID_CREDENTIALS = 49


def encode(tag, *contents):
    content = b"".join(contents)
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([0x82, size >> 8, size & 255])
    return bytes([tag]) + length + content


def decode(data):
    """The elements of a piece of BER: (tag, content), or (tag, elements) where it is built of others."""
    at = 0
    while at < len(data):
        tag, size, at = data[at], data[at + 1], at + 2
        if size > 127:
            count = size & 127
            size, at = int.from_bytes(data[at:at + count], "big"), at + count
        content, at = data[at:at + size], at + size
        yield tag, list(decode(content)) if tag & 0x20 else content


def equalities(node):
    """Every (attribute, value) that a filter compares."""
    tag, content = node
    if tag == EQUALITY:
        yield content[0][1].decode(), content[1][1].decode()
    elif isinstance(content, list):
        for child in content:
            yield from equalities(child)


class Directory(Listener):
    """`people`: name for the search: (distinguished name, password, attributes). `reader`: who may search, and its password."""

    def __init__(self, people, attribute, reader, certificate):
        self.people, self.attribute = people, attribute
        self.passwords = dict([reader]) | {entry[0]: entry[1] for entry in people.values()}
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(certificate)
        super().__init__()

    def serve(self, connection):
        try:
            connection.settimeout(SECONDS)
            with self.tls.wrap_socket(connection, server_side=True) as stream, stream.makefile("rb") as source:
                bound = None
                while (message := self.read(source)):
                    (_, number), (kind, content) = message[:2]
                    if kind == UNBIND:
                        return
                    if kind == BIND:
                        name, password = content[1][1].decode(), content[2][1].decode()
                        bound = name if password and self.passwords.get(name) == password else None
                        answers = [(BOUND, 0 if bound else INVALID_CREDENTIALS, None)]
                    else:
                        answers = self.search(content) if bound else [(DONE, 1, None)]
                    for answer in answers:
                        stream.sendall(self.message(number, *answer))
        except (OSError, ValueError):
            pass

    @staticmethod
    def read(source):
        head = source.read(2)
        if len(head) < 2:
            return None
        size = head[1]
        if size > 127:
            size = int.from_bytes(source.read(size & 127), "big")
        return list(decode(source.read(size)))

    def search(self, content):
        for attribute, value in equalities(content[6]):
            if attribute == self.attribute and value in self.people:
                return [(ENTRY, 0, self.people[value]), (DONE, 0, None)]
        return [(DONE, 0, None)]

    @staticmethod
    def message(number, kind, code, person):
        if person:
            attributes = [encode(SEQUENCE, encode(OCTETS, name.encode()), encode(SET, encode(OCTETS, value.encode())))
                          for name, value in person[2].items()]
            body = encode(kind, encode(OCTETS, person[0].encode()), encode(SEQUENCE, *attributes))
        else:
            body = encode(kind, encode(ENUMERATED, bytes([code])), encode(OCTETS), encode(OCTETS))
        return encode(SEQUENCE, encode(INTEGER, number), body)
