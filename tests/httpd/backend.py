# SPDX-License-Identifier: Apache-2.0
"""A server for the module to stand in front of: it records every byte that reaches it, and answers as it is told.

    with Backend() as backend:
        ...ProxyPass to backend.port...
        request = backend.take()        # the next request that arrived: request line, headers, framing, body, times
"""

import queue
import socket
import ssl
import time
from dataclasses import dataclass, field

from tests.httpd.listener import Listener

SECONDS = 20
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 9\r\n\r\n<backend>"


@dataclass
class Request:
    """What the server got. `times` are those at which the first bytes of the head, the first of the body, and the last came."""
    line: str
    headers: list            # (name, value) in the order of arrival
    body: bytes = b""
    framing: str = "none"    # length, chunked or none
    complete: bool = False   # False: the other side went away in mid-body
    times: list = field(default_factory=list)
    body_size: int = 0       # also when the body itself is not kept

    def header(self, name):
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def comparable(self):
        """All that must not depend on whether the module is there."""
        return self.line, self.headers, self.framing, self.complete, self.body


class Backend(Listener):
    """`answer`: bytes that are sent for every request; `early`: before the body is read, and then it closes; `silent`: never.
    `keep` False: bodies are counted, not kept."""

    def __init__(self, answer=ANSWER, early=False, silent=False, keep=True, certificate=None):
        self.answer, self.early, self.silent, self.keep = answer, early, silent, keep
        self.requests = queue.Queue()
        self.begun = queue.Queue()   # a request whose first body bytes are here
        self.tls = None
        if certificate:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(certificate)
        self.connections = set()
        super().__init__()

    def __exit__(self, *problem):
        super().__exit__(*problem)
        for connection in list(self.connections):
            connection.close()

    def take(self, seconds=5):
        return self.requests.get(timeout=seconds)

    def idle(self):
        """True if nothing has arrived that was not taken."""
        return self.requests.empty()

    def clear(self):
        """Forgets what was not taken."""
        for waiting in (self.requests, self.begun):
            while not waiting.empty():
                waiting.get()

    def serve(self, connection):
        try:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            connection.settimeout(SECONDS)
            self.connections.add(connection)
            with connection, connection.makefile("rb") as source:
                while self.one(connection, source):
                    pass
        except (OSError, ValueError):
            pass
        finally:
            self.connections.discard(connection)

    def one(self, connection, source):
        line = source.readline()
        if not line:
            return False
        request = Request(line.decode().rstrip("\r\n"), [])
        request.times.append(time.monotonic())
        while (field_line := source.readline().decode("latin-1").rstrip("\r\n")):
            name, value = field_line.split(":", 1)
            request.headers.append((name, value.strip()))
        if self.early:
            connection.sendall(self.answer)
            self.requests.put(request)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
            return False
        try:
            self.read_body(request, source)
            request.complete = True
        except (OSError, ValueError):
            pass
        request.times.append(time.monotonic())
        self.requests.put(request)
        if not request.complete:
            return False
        if self.silent:
            time.sleep(SECONDS)
            return False
        connection.sendall(self.answer)
        return (request.header("Connection") or "").lower() != "close"

    def read_body(self, request, source):
        pieces = []

        def take(size):
            while size:
                piece = source.read1(min(size, 65536))
                if not piece:
                    raise ValueError("the body breaks off")
                if not request.body_size:
                    request.times.append(time.monotonic())
                    self.begun.put(request)
                request.body_size += len(piece)
                if self.keep:
                    pieces.append(piece)
                size -= len(piece)

        try:
            if "chunked" in (request.header("Transfer-Encoding") or "").lower():
                request.framing = "chunked"
                while (size := int(source.readline().split(b";")[0], 16)):
                    take(size)
                    source.readline()
                while source.readline().strip():
                    pass
            elif request.header("Content-Length") is not None:
                request.framing = "length"
                take(int(request.header("Content-Length")))
        finally:
            request.body = b"".join(pieces)
