# SPDX-License-Identifier: Apache-2.0
"""A FastCGI responder for the module to stand in front of: it records the parameters and the body of each request."""

import queue
import struct
from dataclasses import dataclass, field

from tests.httpd.listener import Listener

SECONDS = 20
PARAMETERS, STDIN, STDOUT, END = 4, 5, 6, 3


@dataclass
class Request:
    parameters: dict = field(default_factory=dict)
    body: bytes = b""

    def comparable(self):
        """All that must not depend on whether the module is there; but for what names the connection and the URL."""
        return {name: value for name, value in self.parameters.items() if name != "REMOTE_PORT"}, self.body


def read_parameters(data):
    """Pairs of name and value, each with its length in one byte, or in four with the highest bit set."""
    found, at = {}, 0

    def length():
        nonlocal at
        size, step = (data[at], 1) if data[at] < 128 else (struct.unpack_from(">I", data, at)[0] & 0x7fffffff, 4)
        at += step
        return size

    while at < len(data):
        name, value = length(), length()
        found[data[at:at + name].decode()] = data[at + name:at + name + value].decode()
        at += name + value
    return found


def record(kind, number, content):
    return struct.pack(">BBHHBx", 1, kind, number, len(content), 0) + content


class FastCgi(Listener):
    def __init__(self, answer=b"Content-Type: text/xml\r\n\r\n<fastcgi>"):
        self.answer = answer
        self.requests = queue.Queue()
        self.begun = queue.Queue()  # something for each body whose first bytes are here
        super().__init__()

    def take(self):
        return self.requests.get(timeout=5)

    def serve(self, connection):
        connection.settimeout(SECONDS)
        parameters, pieces, number = b"", [], 0
        try:
            with connection, connection.makefile("rb") as source:
                while (head := source.read(8)):
                    _, kind, number, length, padding = struct.unpack(">BBHHBx", head)
                    content = source.read(length + padding)[:length]
                    if kind == PARAMETERS:
                        parameters += content
                    elif kind == STDIN and content:
                        if not pieces:
                            self.begun.put(number)
                        pieces.append(content)
                    elif kind == STDIN:
                        break
                self.requests.put(Request(read_parameters(parameters), b"".join(pieces)))
                connection.sendall(record(STDOUT, number, self.answer) + record(STDOUT, number, b"")
                                   + record(END, number, bytes(8)))
        except (OSError, struct.error):
            pass
