# SPDX-License-Identifier: Apache-2.0
"""The HTTP around the envelope where the URL is ours alone: status codes, bodies in every framing, limits, callers."""

import re
import socket

import pytest
from lxml import etree

from tests.httpd import soap
from tests.httpd.conftest import ALL_MPMS
from tests.httpd.env import Env
from tests.httpd.soap import basic, envelope

LIST = envelope("<m:GetImItemList/>")
PAD = b"<t:a>%s</t:a>" % (b"a" * 4000)  # a header block that nobody reads


def answers(data):
    """Every final HTTP answer in a stream of bytes: (status, body)."""
    found = []
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        status = int(re.match(rb"HTTP/1\.[01] (\d{3}) ", head)[1])
        length = re.search(rb"\r\ncontent-length: *(\d+)", head.lower())
        size = int(length[1]) if length else len(data)
        if status >= 200:
            assert len(data) >= size, "the answer breaks off"
            found.append((status, data[:size]))
            data = data[size:]
    return found


def test_headers_of_an_answer(account):
    reply = account.soap(LIST)
    assert reply.headers["Content-Type"] == "text/xml; charset=utf-8"
    assert int(reply.headers["Content-Length"]) == len(reply.body)
    assert "no-store" in reply.headers["Cache-Control"]


@pytest.mark.parametrize("path", ["/EWS/Exchange.asmx", "/ews/exchange.asmx", "/EWS/EXCHANGE.ASMX", "/EWS//Exchange.asmx",
                                  "/EWS/Exchange.asmx?x=y", "/x/../EWS/Exchange.asmx", "/EWS/%45xchange.asmx"])
def test_path(account, path):
    assert account.soap(LIST, path=path).ok


@pytest.mark.parametrize("path", ["/EWS/", "/EWS/Other.asmx", "/EWS/Exchange.asmx/more", "/EWS/../EWS/types.xsd.bak"])
def test_nothing_there(env, account, path):
    assert env.request("GET", path, user=account.address).status == 404


@pytest.mark.parametrize("value, status", [
    ("text/xml", 200), ("text/xml;charset=UTF-8", 200), ('TEXT/XML; charset="utf-8"', 200), ("text/xml; charset=utf-8; a=b", 200),
    (" text/xml ;  charset = utf-8", 200), (None, 415), ("", 415), ("application/xml", 415), ("application/soap+xml", 415),
    ("text/xmlx", 415), ("text/plain", 415), ("text", 415), ("application/x-www-form-urlencoded", 415), ("x" * 4000, 415)])
def test_content_type(env, account, value, status):
    reply = answers(env.raw(account.raw_request(LIST, Content_Type=value, Connection="close")))
    assert [answer[0] for answer in reply] == [status]


@pytest.mark.parametrize("value, status", [("identity", 200), ("gzip", 415), ("deflate", 415), ("x, gzip", 415), ("unknown", 415)])
def test_content_encoding(account, value, status):
    assert account.soap(LIST, headers={"Content-Encoding": value}).status == status


@pytest.mark.parametrize("charset, encoding", [("utf-8", "utf-8"), ("utf-16", "utf-16")])
def test_charset(account, charset, encoding):
    body = LIST.decode().replace("utf-8", charset).encode(encoding)
    assert account.soap(body, headers={"Content-Type": f"text/xml; charset={charset}"}).ok


@pytest.mark.parametrize("method, status", [("GET", 200), ("HEAD", 200), ("PUT", 405), ("DELETE", 405), ("PATCH", 405), ("OPTIONS", 405),
                                            ("TRACE", 405), ("PROPFIND", 405), ("NONSENSE", 405)])
def test_method(env, account, method, status):
    reply = env.request(method, user=account.address)
    assert reply.status == status
    if method == "GET":
        assert reply.headers["Content-Type"].startswith("text/html") and b"Exchange.asmx" in reply.body
    if status == 405:
        assert "POST" in reply.headers["Allow"]


@pytest.mark.parametrize("path", ["/EWS/Services.wsdl", "/ews/services.wsdl", "/EWS/messages.xsd", "/ews/types.xsd"])
def test_description(env, account, path):
    reply = env.request("GET", path, user=account.address)
    assert reply.status == 200 and reply.headers["Content-Type"].startswith("text/xml")
    assert soap.local(etree.fromstring(reply.body)) == ("definitions" if "wsdl" in path else "schema")


# ---- Who calls

def test_unauthenticated_then_authenticated_on_one_connection(env, account):
    data = account.raw_request(LIST, Authorization=None) + account.raw_request(LIST, Connection="close")
    assert [answer[0] for answer in answers(env.raw(data))] == [401, 200]


def test_wrong_password(env, account):
    env.expect_log(r"AH01617: user .*Password Mismatch")
    assert account.soap(LIST, headers={"Authorization": basic(account.address, "wrong")}).status == 401


def test_user_without_mailbox(env):
    stranger = env.account(mailbox=False)
    for operation, children in (("GetImItemList", {}), ("AddImGroup", {"DisplayName": "x"})):
        reply = stranger.call(operation, **children)
        assert (reply.status, reply.code) == (200, "ErrorNonExistentMailbox")
        assert reply.text == "The SMTP address has no mailbox associated with it." and reply.value is None
    assert stranger.soap("<m:GetFolder/>").code == "ErrorInvalidRequest"


def test_nobody_authenticated():
    with Env(auth=False) as env:
        env.expect_log(r"ews_im:(warn|error).*EWSIM\d+")
        reply = env.call("GetImItemList")
        assert (reply.fault, reply.code) == (True, "ErrorAccessDenied")
        assert not env.check_log()


# ---- Bodies in every framing

@ALL_MPMS
@pytest.mark.parametrize("size", [1, 7, 100, 8192])
def test_chunked(account, size):
    """Pieces that cut through tags and characters."""
    body = envelope(soap.operation("AddImGroup", DisplayName="\U0001F600 \u00e4 &"))
    reply = account.soap([body[at:at + size] for at in range(0, len(body), size)], chunked=True)
    assert reply.ok and reply.group.name == "\U0001F600 \u00e4 &"


@ALL_MPMS
def test_expect_continue(env, account):
    request = account.raw_request(LIST, Expect="100-continue", Connection="close")
    with env.connect() as connection:
        connection.sendall(request[:-len(LIST)])
        assert connection.recv(65536).startswith(b"HTTP/1.1 100 ")
        connection.sendall(LIST)
        data = b"".join(iter(lambda: connection.recv(65536), b""))
    assert [answer[0] for answer in answers(data)] == [200]


@ALL_MPMS
def test_pipelining(env, account):
    bodies = [envelope(soap.operation("AddImGroup", DisplayName=f"group {number}")) for number in range(5)]
    data = b"".join(account.raw_request(body) for body in bodies) + account.raw_request(LIST, Connection="close")
    found = answers(env.raw(data))
    assert [status for status, _ in found] == [200] * 6
    for number, (_, body) in enumerate(found[:5]):
        assert soap.Reply(200, None, body).group.name == f"group {number}"
    assert len(soap.Reply(200, None, found[5][1]).im_list.groups) == 8


def test_old_http(env, account):
    request = account.raw_request(LIST).replace(b"HTTP/1.1", b"HTTP/1.0", 1)
    assert [answer[0] for answer in answers(env.raw(request))] == [200]


def test_slow_body(env, account):
    request = account.raw_request(LIST, Connection="close")
    with env.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(request), 3):
            connection.sendall(request[at:at + 3])
        data = b"".join(iter(lambda: connection.recv(65536), b""))
    assert [answer[0] for answer in answers(data)] == [200]


@pytest.mark.parametrize("part", [0, 1, 100, len(LIST) - 1])
def test_body_that_breaks_off(env, account, part):
    """The client goes away in mid-body: nothing is done, nothing is broken."""
    body = envelope(soap.operation("AddImGroup", DisplayName="never"))
    with env.connect() as connection:
        connection.sendall(account.raw_request(body)[:-len(body)] + body[:part])
        connection.shutdown(socket.SHUT_WR)
        data = b"".join(iter(lambda: connection.recv(65536), b""))
    assert [status for status, _ in answers(data)] in ([400], [408])
    assert len(account.im_list().groups) == 3


def test_answers_nobody_waits_for(env, account):
    for _ in range(20):
        with env.connect() as connection:
            connection.sendall(account.raw_request(LIST))
    env.forget_connections()  # for a moment no worker may have been idle
    assert account.im_list().personas == []


def test_range_is_not_for_posts(account):
    assert account.soap(LIST, headers={"Range": "bytes=0-10"}).status == 200


@pytest.mark.parametrize("lines, status", [
    ("Content-Length: 10\r\n", 400), ("Transfer-Encoding: chunked\r\n", 400), ("Transfer-Encoding: gzip, chunked\r\n", (400, 501))])
def test_two_framings(env, account, lines, status):
    request = account.raw_request(LIST, Connection="close").replace(b"\r\n", b"\r\n" + lines.encode(), 1)
    found = [answer[0] for answer in answers(env.raw(request))]
    assert len(found) == 1 and found[0] in (status if isinstance(status, tuple) else (status,))


# ---- Limits

@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("where, line, limit", [
    ("location", "", 1_000_000), ("directives", "EWSImBodyLimit 20000", 20_000), ("location", "LimitXMLRequestBody 20000", 20_000)])
def test_body_limit(where, line, limit, chunked):
    settings = {"directives": line} if where == "directives" else {"location": f"EWSIm Alone\n  {line}"}
    with Env(**settings) as env:
        account = env.account()

        def send(size):
            full, rest = divmod(size - len(LIST), len(PAD))
            body = LIST.replace(b"</soap:Header>", PAD * full + b" " * rest + b"</soap:Header>")
            assert len(body) == size
            return account.soap([body] if chunked else body, chunked=chunked)

        assert send(limit).ok
        assert send(limit + 1).status == 413
        assert account.call("GetImItemList").ok
        assert not env.check_log()
