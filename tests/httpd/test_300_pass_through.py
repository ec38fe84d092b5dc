# SPDX-License-Identifier: Apache-2.0
"""In front of something else: what is not ours reaches the server behind as if the module were not there.

Every request is sent twice, to /EWS/ and to /plain/, which lead to the same backend; the second has no module before it.
What the backend got must be the same: request line, headers in order, framing, body.
"""

import gzip
import re
import socket
import threading
import time

import pytest

from tests.httpd import soap
from tests.httpd.backend import Backend
from tests.httpd.env import MPMS, PAIRS, URL, Env
from tests.httpd.soap import basic, envelope

LIST = envelope("<m:GetImItemList/>")
XML = {"Content-Type": "text/xml; charset=utf-8"}
PROXY = """
ProxyPassMatch "(?i)^/ews/(.*)$" "http://127.0.0.1:{port}/EWS/$1"
ProxyPassMatch "^/plain/(.*)$" "http://127.0.0.1:{port}/EWS/$1"
LogFormat "%>s %{{EWS_IM_OPERATION}}e %{{EWS_IM_RESULT}}e %{{EWS_IM_MAILBOX}}e %{{EWS_IM_USEC}}e" ews
CustomLog ews.log ews
"""
PLAIN = """EWSIm On
</LocationMatch>
<Location "/plain/">
  AuthType Basic
  AuthName lab
  AuthBasicProvider file
  AuthUserFile users
  Require valid-user
</Location>
<LocationMatch "^/none">
"""


class Front:
    """A server with the module, a backend, a user with a mailbox (alice) and one without (bob)."""

    def __init__(self, mpm, backend, directives=""):
        self.backend = backend
        self.env = Env(mpm=mpm, location=PLAIN, modules=("proxy", "proxy_http"),
                       directives=PROXY.format(port=backend.port) + directives)

    def __enter__(self):
        self.env.start()
        self.alice, self.bob = self.env.account(), self.env.account(mailbox=False)
        return self

    def __exit__(self, *_):
        self.env.close()

    def access(self):
        path = self.env.scratch / "ews.log"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def declined(self):
        """How many requests were passed on, as the access log tells."""
        return sum(" declined " in line for line in self.access())


@pytest.fixture(scope="module", params=MPMS)
def front(request):
    with Backend() as backend, Front(request.param, backend) as server:
        yield server
        complaints = server.env.check_log()
        assert not complaints, "\n".join(complaints)


@pytest.fixture(scope="module")
def event_front():
    with Backend() as backend, Front("event", backend) as server:
        yield server
        complaints = server.env.check_log()
        assert not complaints, "\n".join(complaints)


@pytest.fixture(autouse=True)
def no_leftovers(request):
    for name in ("front", "event_front"):
        if name in request.fixturenames:
            request.getfixturevalue(name).backend.clear()


def padded(size):
    """Our operation, but only after `size` bytes of the envelope."""
    return envelope("<m:GetImItemList/>", header=f"<x:pad xmlns:x='urn:x'>{'p' * size}</x:pad>")


def long_request(size):
    return envelope(f"<m:AddImGroup><m:DisplayName>{'n' * size}</m:DisplayName></m:AddImGroup>")


CREATE_ITEM = envelope("<m:CreateItem><m:Items><t:Message><t:Body>hello</t:Body></t:Message></m:Items></m:CreateItem>")

# name: (method, path below the folder, body, headers, whose)
NOT_OURS = {
    "GET": ("GET", "Exchange.asmx", None, {}, "alice"),
    "GET of the WSDL": ("GET", "Services.wsdl", None, {}, "alice"),
    "HEAD": ("HEAD", "Exchange.asmx", None, {}, "alice"),
    "OPTIONS": ("OPTIONS", "Exchange.asmx", None, {}, "alice"),
    "PUT": ("PUT", "Exchange.asmx", LIST, XML, "alice"),
    "another path": ("POST", "Other.asmx", LIST, XML, "alice"),
    "no content type": ("POST", "Exchange.asmx", LIST, {}, "alice"),
    "SOAP 1.2 content type": ("POST", "Exchange.asmx", LIST, {"Content-Type": "application/soap+xml"}, "alice"),
    "a form": ("POST", "Exchange.asmx", b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}, "alice"),
    "an encoded body": ("POST", "Exchange.asmx", gzip.compress(LIST), XML | {"Content-Encoding": "gzip"}, "alice"),
    "an unknown operation": ("POST", "Exchange.asmx", envelope("<m:GetUserPhoto><m:Email>a</m:Email></m:GetUserPhoto>"), XML, "alice"),
    "CreateItem": ("POST", "Exchange.asmx", CREATE_ITEM, XML | {"SOAPAction": '"x/CreateItem"'}, "alice"),
    "UTF-16": ("POST", "Exchange.asmx", CREATE_ITEM.decode().replace("utf-8", "utf-16").encode("utf-16"), XML, "alice"),
    "our name in a comment": ("POST", "Exchange.asmx", CREATE_ITEM.replace(b"<m:Items>", b"<!-- GetImItemList --><m:Items>"), XML, "alice"),
    "our name in another namespace": ("POST", "Exchange.asmx", envelope("<t:GetImItemList/>"), XML, "alice"),
    "two operations": ("POST", "Exchange.asmx", envelope("<m:GetImItemList/><m:GetImItemList/>"), XML, "alice"),
    "two operations, far apart": ("POST", "Exchange.asmx",
                                  envelope(f"<m:GetImItemList/>{' ' * 40000}<m:GetFolder/>"), XML, "alice"),
    "ill-formed at once": ("POST", "Exchange.asmx", b"no XML at all", XML, "alice"),
    "ill-formed later": ("POST", "Exchange.asmx", LIST.replace(b"</soap:Body>", b"</soap:Bode>"), XML, "alice"),
    "ill-formed much later": ("POST", "Exchange.asmx", long_request(100000) + b"<more/>", XML, "alice"),
    "a body that stops early": ("POST", "Exchange.asmx", LIST[:-20], XML, "alice"),
    "a document type": ("POST", "Exchange.asmx", LIST.replace(b"<soap:Env", b"<!DOCTYPE a []><soap:Env", 1), XML, "alice"),
    "SOAP 1.2": ("POST", "Exchange.asmx", LIST.replace(soap.SOAP.encode(), b"http://www.w3.org/2003/05/soap-envelope"), XML, "alice"),
    "nearly our names": ("POST", "Exchange.asmx", CREATE_ITEM.replace(
        b"<m:Items>", b"<m:Items><t:Importance>Im</t:Importance><m:GetImItem/><m:mImGroup/><m:AddNewTelUriContact/>"), XML, "alice"),
    "a part of our names, often": ("POST", "Exchange.asmx", CREATE_ITEM.replace(b"hello", b"Im" * 5000), XML, "alice"),
    "an empty Body": ("POST", "Exchange.asmx", envelope(""), XML, "alice"),
    "no body": ("POST", "Exchange.asmx", b"", XML, "alice"),
    "undecided after 16 KiB": ("POST", "Exchange.asmx", padded(20000), XML, "alice"),
    "longer than the limit": ("POST", "Exchange.asmx", long_request(1100000), XML, "alice"),
    "no mailbox here": ("POST", "Exchange.asmx", LIST, XML, "bob"),
    "no mailbox here, an old version": ("POST", "Exchange.asmx", envelope(
        "<m:GetImItemList/>", header='<t:RequestServerVersion Version="Exchange2010"/>'), XML, "bob"),
    "no mailbox here, not valid": ("POST", "Exchange.asmx", envelope("<m:AddImGroup/>"), XML, "bob"),
    "a header to be understood": ("POST", "Exchange.asmx", envelope(
        "<m:GetImItemList/>", header='<x:Security xmlns:x="urn:x" soap:mustUnderstand="1"/>'), XML, "alice"),
    "no mailbox here, a long body": ("POST", "Exchange.asmx", long_request(300000), XML, "bob"),
    "a body of the prefix's size": ("POST", "Exchange.asmx", CREATE_ITEM + b" " * (16000 - len(CREATE_ITEM)), XML, "alice"),
    "a large body": ("POST", "Exchange.asmx", CREATE_ITEM + b" " * 3000000, XML, "alice"),
}


def send(front, folder, case, chunked):
    method, path, body, headers, who = case
    pieces = [body[at:at + 5000] for at in range(0, len(body), 5000)] if chunked else body
    reply = front.env.request(method, f"/{folder}/{path}", pieces, getattr(front, who).address, headers, chunked)
    return reply, front.backend.take()


@pytest.mark.parametrize("name, chunked", [(name, chunked) for name, case in NOT_OURS.items() for chunked in (False, True)
                                           if case[2] or not chunked])
def test_passed_on(front, name, chunked):
    case = NOT_OURS[name]
    before = front.declined()
    reply, got = send(front, "EWS", case, chunked)
    plain_reply, expected = send(front, "plain", case, chunked)
    assert (reply.status, reply.body) == (plain_reply.status, plain_reply.body)
    assert got.comparable() == expected.comparable()
    assert got.body == (case[2] or b"") and got.complete
    assert front.env.wait(lambda: front.declined() == before + 1), front.access()[-2:]


def test_served(front):
    """And what is ours stays here."""
    assert front.alice.call("GetImItemList").ok
    assert front.alice.add_group("Friends").name == "Friends"
    assert front.alice.soap([LIST[:50], LIST[50:]], chunked=True).ok
    assert front.alice.soap(LIST.decode().replace("utf-8", "utf-16").encode("utf-16")).ok
    assert front.alice.soap(long_request(30000)).code == "ErrorDataSizeLimitExceeded"
    assert front.backend.idle()


@pytest.mark.parametrize("name", PAIRS)
def test_each_operation_is_ours(event_front, name):
    """Even one that is not valid: what is behind never sees it."""
    event_front.alice.soap(envelope(f"<m:{name} Nonsense=''/>"))
    assert event_front.env.wait(lambda: [line.split()[1] for line in event_front.access()[-1:]] == [name])
    assert event_front.backend.idle()


def test_access_log(front):
    front.alice.call("GetImItemList")
    assert front.env.wait(lambda: front.access()[-1].split()[1:3] == ["GetImItemList", "NoError"])
    status, _, _, mailbox, microseconds = front.access()[-1].split()
    assert status == "200" and len(mailbox) == 36 and int(microseconds) > 0


@pytest.mark.parametrize("size", [0, 50000])
@pytest.mark.parametrize("chunked", [False, True])
def test_order_on_one_connection(front, chunked, size):
    """Ours and others in turns on one connection, sent at once: answers come in their order, and a body that reads like a
    request is none."""
    other = CREATE_ITEM + b" " * size + f"POST {URL} HTTP/1.1\r\nHost: smuggled\r\nContent-Length: 0\r\n\r\n".encode()
    data = b""
    for number, body in enumerate((LIST, other, LIST, other, LIST)):
        framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
        last = "Connection: close\r\n" if number == 4 else ""
        data += (f"POST {URL} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {basic(front.alice.address, 'secret')}\r\n"
                 f"Content-Type: text/xml\r\n{framing}\r\n{last}\r\n").encode()
        data += b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if chunked else body
    text = front.env.raw(data)
    found = re.findall(rb"HTTP/1.1 \d+|<m:GetImItemListResponse |<backend>", text)
    assert found == [b"HTTP/1.1 200", b"<m:GetImItemListResponse ", b"HTTP/1.1 200", b"<backend>"] * 2 + [
        b"HTTP/1.1 200", b"<m:GetImItemListResponse "], found
    assert front.backend.take().body == front.backend.take().body == other
    assert front.backend.idle()


# ---- Streaming

def slow_upload(front, chunked, size=200000):
    """Sends half of a body, waits until the backend has some of it, then sends the rest."""
    body = CREATE_ITEM + b" " * (size - len(CREATE_ITEM))
    half = len(body) // 2
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    pack = (lambda data: b"%x\r\n%s\r\n" % (len(data), data)) if chunked else (lambda data: data)
    with front.env.connect() as connection:
        connection.sendall(f"POST {URL} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\n{framing}\r\nConnection: close\r\n"
                           f"Authorization: {basic(front.alice.address, 'secret')}\r\n\r\n".encode())
        connection.sendall(pack(body[:half]))
        begun = front.backend.begun.get(timeout=10)  # queue.Empty: nothing arrives before the end
        sent = time.monotonic()
        connection.sendall(pack(body[half:]) + (b"0\r\n\r\n" if chunked else b""))
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    request = front.backend.take()
    assert begun is request and request.times[1] < sent
    assert request.body == body and b"<backend>" in answer
    assert request.framing == ("chunked" if chunked else "length")


@pytest.mark.parametrize("chunked", [False, True])
def test_streaming(front, chunked):
    slow_upload(front, chunked)


def test_expect_continue(front):
    """httpd itself says 100, since the module reads; the rest is as ever."""
    with front.env.connect() as connection:
        connection.sendall(f"POST {URL} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nExpect: 100-continue\r\n"
                           f"Content-Length: {len(CREATE_ITEM)}\r\nConnection: close\r\n"
                           f"Authorization: {basic(front.alice.address, 'secret')}\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(CREATE_ITEM)
        assert b"<backend>" in b"".join(iter(lambda: connection.recv(65536), b""))
    assert front.backend.take().body == CREATE_ITEM


def memory(pid):
    """(now, highest) resident memory of a process, in kB."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        values = dict(line.split(":", 1) for line in status)
    return int(values["VmRSS"].split()[0]), int(values["VmHWM"].split()[0])


def send_100_megabytes(with_module):
    """The highest resident memory of a child, in kB, before a CreateItem of 100 MB went through, and after it; and whether the
    backend had begun to receive it when half of it was sent."""
    size, piece = 100 << 20, b" " * (1 << 20)
    with Backend(keep=False) as backend, Front("event", backend) as front:
        folder = "EWS" if with_module else "plain"
        for warm in ("EWS", "plain"):
            front.env.request("POST", f"/{warm}/Exchange.asmx", CREATE_ITEM, front.alice.address, XML)
            backend.take()
        front.alice.call("GetImItemList")
        backend.clear()
        before = max(memory(pid)[1] for pid in front.env.children())
        with front.env.connect() as connection:
            connection.sendall(f"POST /{folder}/Exchange.asmx HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\n"
                               f"Content-Length: {size}\r\nConnection: close\r\n"
                               f"Authorization: {basic(front.alice.address, 'secret')}\r\n\r\n".encode())
            connection.sendall(CREATE_ITEM + b" " * ((1 << 20) - len(CREATE_ITEM)))
            for number in range(99):
                connection.sendall(piece)
                if number == 48:
                    begun = front.env.wait(lambda: not backend.begun.empty(), 5)
            assert b"<backend>" in b"".join(iter(lambda: connection.recv(65536), b""))
        assert backend.take().body_size == size
        return before, max(memory(pid)[1] for pid in front.env.children()), begun


def test_100_megabytes_cost_no_memory(tell):
    with_module, without = send_100_megabytes(True), send_100_megabytes(False)
    tell("highest resident memory of a child before and after it passed a CreateItem of 100 MB on: "
         f"{with_module[0]} and {with_module[1]} kB with the module, {without[0]} and {without[1]} kB without; the backend had begun "
         f"when half was sent: {with_module[2]} and {without[2]}")
    assert with_module[2]
    assert with_module[1] - with_module[0] < without[1] - without[0] + 2000


# ---- Clients and backends that misbehave

@pytest.mark.parametrize("sent", [10, 200, 20000])
def test_client_breaks_off(event_front, sent):
    """Half a request is never passed on as a whole one; the server goes on."""
    body = CREATE_ITEM + b" " * 40000
    with event_front.env.connect() as connection:
        connection.sendall(f"POST {URL} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\n"
                           f"Authorization: {basic(event_front.alice.address, 'secret')}\r\n\r\n".encode() + body[:sent])
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b"<backend>" not in answer and b"HTTP/1.1 200" not in answer
    event_front.env.expect_log(r"AH0\d+|declined|passed on|EWSIM0051")
    assert event_front.alice.call("GetImItemList").ok
    while not event_front.backend.idle():
        assert not event_front.backend.take().complete


@pytest.mark.parametrize("directives, location", [("EWSImBodyLimit 20000", ""), ("", "LimitXMLRequestBody 20000")])
def test_limits_are_for_what_is_ours(directives, location):
    """Our operation above a limit goes on, as does anything of any size."""
    with Backend() as backend, Env(location=f"EWSIm On\n{location}", modules=("proxy", "proxy_http"),
                                   directives=PROXY.format(port=backend.port) + directives) as env:
        account = env.account()
        for body in (long_request(21000), CREATE_ITEM + b" " * 50000):
            for chunked in (False, True):
                assert env.request("POST", URL, [body] if chunked else body, account.address, XML, chunked).body == b"<backend>"
                assert backend.take().body == body
        assert account.soap(long_request(18000)).code == "ErrorDataSizeLimitExceeded" and backend.idle()
        assert not env.check_log()


@pytest.mark.parametrize("size", [0, 300000])
def test_backend_answers_early(size):
    answer = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<early"
    with Backend(answer, early=True) as backend, Front("event", backend) as front:
        front.env.expect_log(r"proxy|EWSIM")
        for folder in ("EWS", "plain"):
            reply = front.env.request("POST", f"/{folder}/Exchange.asmx", CREATE_ITEM + b" " * size, front.alice.address, XML)
            assert (reply.status, reply.body) == (403, b"<early")
        assert front.alice.call("GetImItemList").ok


def test_backend_never_answers():
    with Backend(silent=True) as backend, Front("event", backend, "ProxyTimeout 1") as front:
        front.env.expect_log(r"proxy")
        reply = front.env.request("POST", URL, CREATE_ITEM, front.alice.address, XML)
        assert reply.status in (502, 504)
        assert front.alice.call("GetImItemList").ok


def test_no_backend():
    with Backend() as backend:
        pass
    with Front("event", backend) as front:
        front.env.expect_log(r"proxy")
        assert front.env.request("POST", URL, CREATE_ITEM, front.alice.address, XML).status == 503
        assert front.alice.call("GetImItemList").ok


def test_no_authenticated_user():
    """Clients probe without a password, and NTLM is the backend's: nothing of that is ours."""
    with Backend() as backend, Env(location="EWSIm On", auth=False, modules=("proxy", "proxy_http"),
                                   directives=PROXY.format(port=backend.port)) as env:
        for headers in ({}, {"Authorization": "NTLM TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAKAGFKAAAADw=="}):
            reply = env.request("POST", URL, LIST, headers=XML | headers)
            assert reply.body == b"<backend>"
            got = backend.take()
            assert got.body == LIST and got.header("Authorization") == headers.get("Authorization")
        assert not env.check_log()


def test_odd_transfer_coding(event_front):
    data = (f"POST {URL} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nTransfer-Encoding: gzip, chunked\r\n"
            f"Authorization: {basic(event_front.alice.address, 'secret')}\r\nConnection: close\r\n\r\n0\r\n\r\n").encode()
    answer = event_front.env.raw(data)
    assert answer.split()[1] in (b"400", b"501")
    assert event_front.backend.idle()


def test_wsdl_where_something_else_serves_the_url():
    with Backend() as backend, Front("event", backend, "EWSImWsdl On") as front:
        reply = front.env.request("GET", "/ews/services.wsdl", user=front.alice.address)
        assert f"http://127.0.0.1:{front.env.port}/ews/Exchange.asmx".encode() in reply.body
        assert b"@EWS_URL@" not in reply.body and backend.idle()
        assert front.env.request("GET", "/EWS/Other.wsdl", user=front.alice.address).body == b"<backend>"


@pytest.mark.parametrize("mpm", MPMS)
def test_many_at_once(mpm):
    """Ours and others, from many clients at the same time: every one gets its own answer."""
    with Backend() as backend, Front(mpm, backend) as front:
        wrong = []

        def client(number):
            try:
                for turn in range(15):
                    if (turn + number) % 2:
                        reply = front.env.request("POST", URL, CREATE_ITEM + b" " * (turn * 1000), front.alice.address, XML)
                        good = reply.body == b"<backend>"
                    else:
                        good = front.alice.call("GetImItemList").ok
                    if not good:
                        wrong.append((number, turn))
            except Exception as error:  # pylint: disable=broad-exception-caught
                wrong.append((number, error))

        threads = [threading.Thread(target=client, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong
        assert not front.env.check_log()
