# SPDX-License-Identifier: Apache-2.0
"""What stands behind: http, https, FastCGI, a handler, a script, Action, a balancer, files. None of them can tell that the
module is there.

As in test_300, requests go to /EWS/ and to /plain/, which lead to the same place; the second has no module before it.
"""

import re
import subprocess
import time

import pytest

from tests.httpd import soap
from tests.httpd.backend import Backend
from tests.httpd.certificates import Authority
from tests.httpd.env import URL, Env, free_port
from tests.httpd.fastcgi import FastCgi
from tests.httpd.soap import basic

LIST = soap.envelope("<m:GetImItemList/>")
CREATE_ITEM = soap.envelope("<m:CreateItem><m:Items/></m:CreateItem>")
XML = {"Content-Type": "text/xml; charset=utf-8"}
OTHER_OPENSSL = re.compile(r"AH01882|resuming normal operations")  # mod_ssl built with another release of the library
LOGIN = """AuthType Basic
  AuthName lab
  AuthBasicProvider file
  AuthUserFile users
  Require valid-user
"""


def both(lines):
    """The same lines for the location with the module and for that without."""
    return f'EWSIm On\n{lines}\n</LocationMatch>\n<LocationMatch "^/plain/">\n{LOGIN}{lines}'


def mapped(target):
    return "".join(f'ProxyPassMatch "(?i)^/{folder}/(.*)$" "{target}/EWS/$1"\n' for folder in ("ews", "plain"))


def neutral(request):
    """What came behind, without the name of the location."""
    return str(request.comparable()).replace("EWS", "plain")


def twice(env, take, body, user, chunked=False):
    """The answer, and what came behind, with the module; the same without it was compared.

    The request goes in one piece: mod_proxy_fcgi tells the length of a short chunked body if all of it is there at once."""
    content = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if chunked else body
    found = []
    for folder in ("EWS", "plain"):
        answer = env.raw(f"POST /{folder}/Exchange.asmx HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml; charset=utf-8\r\n"
                         f"Authorization: {basic(user, 'secret')}\r\nConnection: close\r\n"
                         f"{'Transfer-Encoding: chunked' if chunked else f'Content-Length: {len(body)}'}\r\n\r\n".encode() + content)
        head, _, rest = answer.partition(b"\r\n\r\n")
        found.append((head.splitlines()[0], rest, take()))
    with_module, without = found
    assert with_module[:2] == without[:2] and b" 200 " in without[0]
    assert neutral(with_module[2]) == neutral(without[2])
    assert with_module[2].body == body
    return found[0]


SIZES = (0, 40000, 500000)


# ---- Behind

def test_https(tmp_path):
    authority = Authority(tmp_path)
    authority.server()
    with Backend(certificate=tmp_path / "server.both") as backend, Env(
            location=both(""), modules=("proxy", "proxy_http", "ssl", "socache_shmcb"),
            directives=f"SSLProxyEngine On\nSSLSessionCache shmcb:sessions\n{mapped(f'https://localhost:{backend.port}')}") as env:
        env.expected.append(OTHER_OPENSSL)
        account = env.account()
        for size in SIZES:
            for chunked in (False, True):
                assert twice(env, backend.take, CREATE_ITEM + b" " * size, account.address, chunked)[1].count(b"<backend>") == 1
        assert account.call("GetImItemList").ok and backend.idle()
        assert not env.check_log()


@pytest.mark.parametrize("how", ["ProxyPass", "SetHandler"])
def test_fastcgi(how):
    """Not a variable more reaches it."""
    with FastCgi() as fastcgi:
        target = f"fcgi://127.0.0.1:{fastcgi.port}"
        by_handler = how == "SetHandler"
        with Env(location=both(f'SetHandler "proxy:{target}/"' if by_handler else ""), modules=("proxy", "proxy_fcgi"),
                 directives="" if by_handler else mapped(target)) as env:
            account = env.account()
            for chunked in (False, True):
                for size in SIZES:
                    answer = twice(env, fastcgi.take, CREATE_ITEM + b" " * size, account.address, chunked)
                    assert answer[1].count(b"<fastcgi>") == 1
                    assert not [name for name in answer[2].parameters if "EWS_IM" in name]
            assert account.call("GetImItemList").ok and fastcgi.requests.empty()
            assert not env.check_log()


def test_http_by_handler():
    with Backend() as backend:
        with Env(location=both(f'SetHandler "proxy:http://127.0.0.1:{backend.port}/"'), modules=("proxy", "proxy_http")) as env:
            account = env.account()
            for size in SIZES:
                assert twice(env, backend.take, CREATE_ITEM + b" " * size, account.address)[1].count(b"<backend>") == 1
            assert account.call("GetImItemList").ok and backend.idle()
            assert not env.check_log()


SCRIPT = """#!/bin/sh
printf 'Content-Type: text/plain\\n\\n'
env | grep EWS_IM
exec sed s/Envelope/Cover/g
"""
SCRIPT_ALIAS = 'ScriptAliasMatch "^/run/script" "script"'
ACTION = f'Action reader "/run/script" virtual\n{SCRIPT_ALIAS}'
ACCESS = 'LogFormat "%>s %{EWS_IM_OPERATION}e %{EWS_IM_RESULT}e" ews\nCustomLog ews.log ews\n'


@pytest.mark.parametrize("location, directives, modules", [
    ("", 'ScriptAliasMatch "(?i)^/ews/exchange.asmx$" "script"', []),
    # httpd makes another request for the script, and the filters of the first are gone.
    ("SetHandler reader", ACTION, ["actions"]),
    # The second request is ours again, and reads less than the first gave back.
    ("SetHandler reader", f'{ACTION}\n<Location "/run/">\n{LOGIN}EWSIm On\nLimitXMLRequestBody 5000\n</Location>', ["actions"]),
    # The request gets another URL, where there is no EWSIm, before it is handled.
    ("FallbackResource /run/script", SCRIPT_ALIAS, ["dir"]),
    ("", f'{SCRIPT_ALIAS}\n<DirectoryMatch "/htdocs/">\nRewriteEngine On\nRewriteRule . /run/script\n</DirectoryMatch>', ["rewrite"]),
], ids=["ScriptAlias", "Action", "Action, looked at twice", "FallbackResource", "RewriteRule in a directory"])
def test_script(location, directives, modules):
    """A CGI program gets the whole body, and no variable of ours."""
    with Env(location=f"EWSIm On\nLimitXMLRequestBody 0\n{location}", modules=["cgid", "cgi", "alias", *modules],
             directives=f"EWSImBodyLimit 80M\n{ACCESS}{directives}\nScriptSock cgisock") as env:
        script = env.scratch / "script"
        script.write_text(SCRIPT, encoding="utf-8")
        script.chmod(0o755)
        account, stranger = env.account(), env.account(mailbox=False)
        # The stranger's are read to the end and then given back.
        cases = [(user, envelope, size, chunked) for user, envelope in ((account, CREATE_ITEM), (stranger, LIST))
                 for size in SIZES for chunked in (False, True)]
        cases.append((stranger, LIST, 20_000_000, False))  # what lies as far behind its request is no memory
        for user, envelope, size, chunked in cases:
            body = envelope + b" " * size
            reply = env.request("POST", URL, [body[:50], body[50:]] if chunked else body, user.address, XML, chunked)
            assert reply.body == body.replace(b"Envelope", b"Cover"), (size, chunked, len(reply.body))
        assert account.call("GetImItemList").ok
        assert not env.check_log()
        log = env.scratch / "ews.log"
        lines = [f"200 {'-' if user is account else 'GetImItemList'} declined" for user, *_ in cases]
        assert env.wait(lambda: log.read_text(encoding="utf-8").splitlines() == [*lines, "200 GetImItemList NoError"]), \
            log.read_text(encoding="utf-8")


def test_script_in_an_error_page():
    """Several requests within one read the body, one after the other: one gets it, and the others nothing."""
    with Env(location=f'EWSIm On\nSetHandler "proxy:ajp://127.0.0.1:{free_port()}"', modules=[
            "cgid", "cgi", "alias", "proxy", "proxy_ajp", "include"], directives=f"""{SCRIPT_ALIAS}
ScriptSock cgisock
ErrorDocument 503 /page.shtml
<Location /page.shtml>
  Options +Includes
  SetOutputFilter INCLUDES
</Location>""") as env:
        env.allow_log("AH00957|AH00896")
        script = env.scratch / "script"
        script.write_text(SCRIPT, encoding="utf-8")
        script.chmod(0o755)
        (env.scratch / "htdocs/page.shtml").write_text('<!--#include virtual="/run/script" -->|' * 3, encoding="utf-8")
        account = env.account()
        for size in SIZES:
            body = CREATE_ITEM + b" " * size
            reply = env.request("POST", URL, body, account.address, XML)
            assert reply.status == 503 and reply.body == body.replace(b"Envelope", b"Cover") + b"|||", (size, reply.body[-200:])
        assert not env.check_log()


def test_filter_by_its_name():
    """Anybody who may write .htaccess can add any filter to any request."""
    with Env(location="EWSIm On\nSetInputFilter EWS_IM_REPLAY", directives="""<Location /page.html>
  SetInputFilter EWS_IM_REPLAY
</Location>""") as env:
        (env.scratch / "htdocs/page.html").write_text("page", encoding="utf-8")
        assert env.request("GET", "/page.html").body == b"page"
        assert env.account().call("GetImItemList").ok
        assert not env.check_log()


def test_nothing_that_reads_the_body():
    """A handler that answers without reading: what was read and the rest are thrown away, the next request begins where it does."""
    with Env(location="EWSIm On") as env:
        account = env.account()
        data = b""
        for size in (0, 14000, 40000):
            for body, last in ((CREATE_ITEM + b" " * size, ""), (LIST, "Connection: close\r\n" if size == 40000 else "")):
                data += (f"POST {URL} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {basic(account.address, 'secret')}\r\n"
                         f"Content-Type: text/xml\r\nContent-Length: {len(body)}\r\n{last}\r\n").encode() + body
        assert re.findall(rb"HTTP/1.1 (\d+)", env.raw(data)) == [b"405", b"200"] * 3 or \
            re.findall(rb"HTTP/1.1 (\d+)", env.raw(data)) == [b"404", b"200"] * 3


def test_balancer_takes_the_next_member():
    """The first member is not there: the second gets the whole body."""
    for size in (14000, 40000):
        with Backend() as backend:
            members = (f"<Proxy balancer://ews>\nBalancerMember http://127.0.0.1:{free_port()}\n"
                       f"BalancerMember http://127.0.0.1:{backend.port} lbset=1\n</Proxy>\n")
            with Env(location="EWSIm On", directives=members + mapped("balancer://ews"), modules=(
                    "proxy", "proxy_http", "proxy_balancer", "slotmem_shm", "lbmethod_byrequests")) as env:
                body = CREATE_ITEM + b" " * size
                env.expect_log(r"AH00957|AH00959|AH01114")
                assert env.request("POST", URL, body, env.account().address, XML).body == b"<backend>"
                assert backend.take().body == body
                assert not env.check_log()


# ---- Streaming from every front end to every backend

def streams(command_or_connection, begun, rest):
    """Whether the backend has begun before the rest of the body is sent."""
    started = time.monotonic()
    while begun.empty() and time.monotonic() - started < 3:
        time.sleep(0.01)
    found = not begun.empty()
    rest(command_or_connection)
    return found


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("kind", ["http", "fastcgi"])
def test_streaming_as_without_the_module(kind, chunked):
    """mod_proxy_fcgi streams what has a length; a large chunked body it collects, module or not."""
    body = CREATE_ITEM + b" " * 300000
    half = len(body) // 2
    pack = (lambda data: b"%x\r\n%s\r\n" % (len(data), data)) if chunked else (lambda data: data)
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    scheme, module, maker = {"http": ("http", "proxy_http", Backend), "fastcgi": ("fcgi", "proxy_fcgi", FastCgi)}[kind]
    with maker() as backend, Env(location=both(""), modules=("proxy", module),
                                 directives=mapped(f"{scheme}://127.0.0.1:{backend.port}")) as env:
        account, found = env.account(), []
        for folder in ("EWS", "plain"):
            with env.connect() as connection:
                connection.sendall(f"POST /{folder}/Exchange.asmx HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\n{framing}\r\n"
                                   f"Connection: close\r\nAuthorization: {basic(account.address, 'secret')}\r\n\r\n".encode())
                connection.sendall(pack(body[:half]))
                found.append(streams(connection, backend.begun,
                                     lambda to: to.sendall(pack(body[half:]) + (b"0\r\n\r\n" if chunked else b""))))
                assert b"200 OK" in b"".join(iter(lambda to=connection: to.recv(65536), b""))
            assert backend.take().body == body
            while not backend.begun.empty():
                backend.begun.get()
        assert found[0] == found[1]
        assert found[0] or (kind, chunked) == ("fastcgi", True)


@pytest.mark.parametrize("mpm", ["event", "prefork"])
def test_streaming_from_http2(mpm):
    body = CREATE_ITEM + b" " * 300000
    with Backend() as backend, Env(mpm=mpm, location=both(""), modules=("proxy", "proxy_http", "http2"), directives=(
            f"Protocols h2c http/1.1\n{mapped(f'http://127.0.0.1:{backend.port}')}")) as env:
        env.expected.append(re.compile("AH10034|resuming normal operations"))  # mod_http2 would rather have another MPM
        account, found, got = env.account(), [], []
        for folder in ("EWS", "plain"):
            with subprocess.Popen(
                    ["curl", "-sS", "--max-time", "20", "--http2-prior-knowledge", "-u", f"{account.address}:secret", "-X", "POST",
                     "-T", "-", "-H", "Content-Type: text/xml", f"http://127.0.0.1:{env.port}/{folder}/Exchange.asmx"],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE) as curl:
                curl.stdin.write(body[:150000])
                curl.stdin.flush()
                found.append(streams(curl, backend.begun, lambda process: process.stdin.write(body[150000:])))
                assert curl.communicate()[0] == b"<backend>"
            got.append(backend.take())
            while not backend.begun.empty():
                backend.begun.get()
        assert found == [True, True]
        assert got[0].comparable() == got[1].comparable() and got[0].body == body
