# SPDX-License-Identifier: Apache-2.0
"""Other things around the module: HTTP/2 and TLS in front, filters, compression, logs, headers."""

import gzip
import re
import subprocess

import pytest
from lxml import etree

from tests.httpd import soap
from tests.httpd.backend import Backend
from tests.httpd.certificates import Authority
from tests.httpd.env import MPMS, URL, Env, free_port
from tests.httpd.soap import basic, envelope

LIST = envelope("<m:GetImItemList/>")
CREATE_ITEM = envelope("<m:CreateItem><m:Items/></m:CreateItem>")
XML = {"Content-Type": "text/xml; charset=utf-8"}
PROXY = 'ProxyPassMatch "(?i)^/ews/(.*)$" "{}://127.0.0.1:{}/EWS/$1"\n'


def curl(env, *arguments, body=None, user=None, url=None):
    done = subprocess.run(
        ["curl", "-sS", "--max-time", "20", "-u", f"{user}:secret", *arguments,
         *(["--data-binary", "@-", "-H", "Content-Type: text/xml"] if body is not None else []),
         url or f"http://127.0.0.1:{env.port}{URL}"], input=body, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    made = Authority(tmp_path_factory.mktemp("ca"))
    made.server()
    return made


# mod_ssl may have been built with another release of the library; that does not matter here, and may be or not.
OTHER_OPENSSL = re.compile(r"AH01882|resuming normal operations")


# ---- In front of us

@pytest.mark.parametrize("mpm", MPMS)
def test_http2(mpm):
    """Ours, others, and a large body, over HTTP/2 without TLS."""
    with Backend() as backend, Env(mpm=mpm, location="EWSIm On", modules=("proxy", "proxy_http", "http2"),
                                   directives="Protocols h2c http/1.1\n" + PROXY.format("http", backend.port)) as env:
        if mpm == "prefork":
            env.expect_log(r"AH10034")  # mod_http2 would rather have another
        user = env.account().address
        h2 = ("--http2-prior-knowledge", "-w", "%{http_version}")
        for _ in range(3):
            assert curl(env, *h2, body=LIST, user=user).endswith(b"Envelope>2")
            assert curl(env, *h2, body=CREATE_ITEM, user=user) == b"<backend>2"
            assert backend.take().body == CREATE_ITEM
        big = CREATE_ITEM + b" " * 500000
        assert curl(env, *h2, body=big, user=user) == b"<backend>2"
        assert backend.take().body == big
        assert not env.check_log()


def test_many_streams_of_http2():
    with Env(modules=["http2"], directives="Protocols h2c http/1.1") as env:
        user = env.account().address
        path = env.scratch / "list.xml"
        path.write_bytes(LIST)
        done = subprocess.run(["h2load", "-n", "400", "-c", "4", "-m", "10", "-d", path, "-H", "Content-Type: text/xml",
                               "-H", f"Authorization: {basic(user, 'secret')}", f"http://127.0.0.1:{env.port}{URL}"],
                              capture_output=True, text=True, check=True)
        assert "400 succeeded, 0 failed, 0 errored" in done.stdout, done.stdout
        assert not env.check_log()


def test_tls(authority):
    """The description names the URL that the client used."""
    port = free_port()
    directives = (f"Listen 127.0.0.1:{port}\n<VirtualHost *:{port}>\nServerName localhost\nSSLEngine On\n"
                  f"SSLCertificateFile {authority.folder}/server.both\n</VirtualHost>\nSSLSessionCache shmcb:sessions")
    with Env(modules=["ssl", "socache_shmcb"], directives=directives) as env:
        env.expected.append(OTHER_OPENSSL)
        user = env.account().address
        base = f"https://localhost:{port}"
        assert b"NoError" in curl(env, "-k", body=LIST, user=user, url=base + URL)
        wsdl = curl(env, "-k", user=user, url=f"{base}/ews/Services.wsdl")
        assert f'location="{base}/ews/Exchange.asmx"'.encode() in wsdl
        assert not env.check_log()


# ---- The file system

@pytest.mark.parametrize("location, served, status", [("EWSIm Alone", True, None), ("EWSIm On", False, 500)])
def test_directory_walk(location, served, status):
    """A URL that is ours alone is looked for in no folder; one that something else serves too is, as ever."""
    with Env(location=location, directives='<Directory "htdocs">\nAllowOverride All\n</Directory>') as env:
        folder = env.scratch / "htdocs/EWS"
        folder.mkdir()
        (folder / ".htaccess").write_text("NoSuchDirective\n", encoding="utf-8")
        account = env.account()
        if not served:
            env.expect_log("Invalid command 'NoSuchDirective'")
        reply = account.call("GetImItemList")
        assert reply.ok if served else reply.status == status
        assert env.request("GET", "/EWS/.htaccess", user=account.address).status in (404, status)
        assert not env.check_log()


def test_fallback_of_a_url_that_is_ours_alone():
    with Env(location="EWSIm Alone", modules=["dir"], directives="<Location />\nFallbackResource /other.html\n</Location>") as env:
        (env.scratch / "htdocs/other.html").write_text("other", encoding="utf-8")
        account = env.account()
        assert account.call("GetImItemList").ok
        for path, found in (("/ews/services.wsdl", b"<wsdl:definitions"), (URL, b"<html"), ("/x", b"other")):
            assert found in env.request("GET", path, user=account.address).body
        assert env.request("GET", "/ews/x", user=account.address).status == 404
        assert not env.check_log()


# ---- Filters

def test_input_filter_sees_a_body_once():
    """A filter of the administrator's on the body, both for what is passed on and for what is ours."""
    with Backend() as backend, Env(
            location='EWSIm On\nSetInputFilter SED\nInputSed "s/PLACEHOLDER/PLACEHOLDERPLACEHOLDER/g"',
            modules=("proxy", "proxy_http", "sed"), directives=PROXY.format("http", backend.port)) as env:
        account = env.account()
        body = CREATE_ITEM.replace(b"<m:Items/>", b"<m:Items>PLACEHOLDER</m:Items>") + b"\n" * 10
        env.request("POST", URL, [body], account.address, XML, True)
        assert backend.take().body.count(b"PLACEHOLDER") == 2
        reply = account.soap([soap.envelope(soap.operation("AddImGroup", DisplayName="PLACEHOLDER"))], chunked=True)
        assert reply.ok and reply.group.name == "PLACEHOLDERPLACEHOLDER"


def test_compression_is_the_administrators():
    with Env(location="EWSIm Alone\nSetOutputFilter DEFLATE", modules=["deflate", "filter"]) as env:
        account = env.account()
        reply = env.request("POST", URL, LIST, account.address, XML | {"Accept-Encoding": "gzip"})
        assert reply.headers["Content-Encoding"] == "gzip" and b"NoError" in gzip.decompress(reply.body)
    with Env() as env:
        reply = env.request("POST", URL, LIST, env.account().address, XML | {"Accept-Encoding": "gzip"})
        assert reply.headers["Content-Encoding"] is None and b"NoError" in reply.body


# ---- Headers and the description

@pytest.mark.parametrize("headers, echoed", [
    ({"client-request-id": "abc-1", "return-client-request-id": "true"}, "abc-1"),
    ({"client-request-id": "abc-1", "return-client-request-id": "TRUE"}, "abc-1"),
    ({"client-request-id": "abc-1", "return-client-request-id": "false"}, None), ({"client-request-id": "abc-1"}, None),
    ({"return-client-request-id": "true"}, None), ({"client-request-id": "x" * 128, "return-client-request-id": "true"}, "x" * 128),
    ({"client-request-id": "x" * 129, "return-client-request-id": "true"}, None),
    ({"client-request-id": "a\u00e4b", "return-client-request-id": "true"}, None)])
def test_client_request_id(account, headers, echoed):
    assert account.soap(LIST, headers=headers).headers["client-request-id"] == echoed
    fault = account.soap("<m:GetFolder/>", headers=headers)
    assert fault.fault and fault.headers["client-request-id"] == echoed


@pytest.mark.parametrize("value", ["bytes=0-10", "bytes=0-0,5-6", "bytes=-5", "nonsense"])
def test_range(account, value):
    reply = account.soap(LIST, headers={"Range": value, "If-Range": "x"})
    assert reply.ok and reply.headers["Content-Range"] is None and reply.headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("limit", [0, 5000])
def test_limit_of_httpd(limit):
    """LimitXMLRequestBody counts too; 0 is no limit of httpd's."""
    with Env(location=f"EWSIm Alone\nLimitXMLRequestBody {limit}") as env:
        account = env.account()
        assert account.soap(LIST + b" " * 100).ok
        assert account.soap(LIST + b" " * 6000).status == (413 if limit else 200)


def test_fault_is_sent_whole(account):
    reply = account.soap("<m:GetFolder/>")
    assert reply.fault and reply.headers["Content-Type"] == "text/xml; charset=utf-8"
    assert int(reply.headers["Content-Length"]) == len(reply.body)


def test_reason_phrase(env, account):
    text = env.raw(f"POST {URL} HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 0\r\nConnection: close\r\n"
                   f"Authorization: {basic(account.address, 'secret')}\r\n\r\n".encode())
    expected = (b"Cannot process the message because the content type 'text/plain' was not the expected type "
                b"'text/xml; charset=utf-8'.")
    assert text.startswith(b"HTTP/1.1 415 " + expected + b"\r\n")


@pytest.mark.parametrize("path", ["/EWS/Services.wsdl", "/ews/services.wsdl", "/EWS/Exchange.asmx?wsdl", "/ews/exchange.asmx?WSDL",
                                  "/ews/a%22%3C&%3E'/Services.wsdl"])
def test_wsdl_names_its_own_url(path):
    with Env() as env:
        user = env.user("anybody")
        reply = env.request("GET", path, user=user, headers={"Host": f"mail.contoso.com:{env.port}"})
        tree = etree.fromstring(reply.body)
        location = tree.find(".//{http://schemas.xmlsoap.org/wsdl/soap/}address").get("location")
        folder = path.split("?", maxsplit=1)[0].rsplit("/", 1)[0]
        name = path.rsplit("/", 1)[1].split("?")[0] if "?" in path else "Exchange.asmx"
        assert location.lower() == f"http://mail.contoso.com:{env.port}{folder}/{name}".lower()


def test_wsdl_switched_off():
    with Env(directives="EWSImWsdl Off") as env:
        user = env.user("anybody")
        for path in (URL, "/EWS/Services.wsdl", "/EWS/types.xsd"):
            assert env.request("GET", path, user=user).status == 404


# ---- Logs

def test_password_in_the_clear():
    """The warning comes once in a child, and not for a client on this machine (seen as another by mod_remoteip)."""
    with Env(mpm="worker", modules=["remoteip"], directives="RemoteIPHeader X-Client\nRemoteIPInternalProxy 127.0.0.1") as env:
        account = env.account()
        assert account.call("GetImItemList").ok
        assert account.soap(LIST, headers={"X-Client": "127.3.2.1"}).ok
        assert account.soap(LIST, headers={"X-Client": "::1"}).ok
        assert not env.check_log()
        env.expect_log(r"EWSIM0031: a password came in the clear from 192.0.2.7")
        for _ in range(5):
            assert account.soap(LIST, headers={"X-Client": "192.0.2.7"}).ok
        assert not env.check_log()
        assert 1 <= env.log().count("EWSIM0031") <= len(env.children())


EVERYTHING = [
    ("AddImGroup", {"DisplayName": "Marked group"}), ("AddNewImContactToGroup", {"ImAddress": "marked@fabrikam.com", "DisplayName": "Marked name"}),
    ("AddNewImContactToGroup", {"ImAddress": "marked@fabrikam.com", "GroupId": "Marked"}), ("GetImItemList", {}),
    ("AddNewTelUriContactToGroup", {"TelUriAddress": "tel:marked", "ImContactSipUriAddress": "marked", "ImTelephoneNumber": "marked", "DisplayName": "m"}),
    ("AddImGroup", {"DisplayName": "Marked group"}), ("AddDistributionGroupToImList", {"SmtpAddress": "marked@fabrikam.com", "DisplayName": "Marked"}),
    ("SetImGroup", {"GroupId": "Marked", "NewDisplayName": "Marked"}), ("NoOperation", {"Marked": "Marked"}),
    ("AddImGroup", {"Marked": "Marked"}), ("AddImGroup", {"DisplayName": "marked" * 100})]


@pytest.mark.parametrize("location", ["EWSIm Alone", "EWSIm On"])
def test_no_users_data_at_debug(location):
    """One line of ours for each request, and no name, address or id that somebody sent in any line of the whole server."""
    with Env(location=location, directives="LogLevel debug") as env:
        account = env.account()
        for operation, children in EVERYTHING:
            env.request("POST", URL, soap.envelope(soap.operation(operation, **children)), account.address, XML)
        env.request("PUT", user=account.address)
        env.request("POST", URL, b"marked", account.address, XML)
        env.request("POST", URL, b"marked", account.address, {"Content-Type": "text/plain"})
        lines = [line for line in env.log().splitlines() if "EWSIM0051" in line]
        assert len(lines) == len(EVERYTHING) + 3, lines
        assert "marked" not in env.log().lower()
        assert not env.check_log()


def test_log_levels(env, account):
    account.call("GetImItemList")
    assert env.wait(lambda: re.search(rf"EWSIM0051: GetImItemList: NoError, user {account.address}, mailbox [0-9a-f-]{{36}}, \d+ us",
                                      env.log()))
    assert "EWSIM0030" not in env.log()
    with Env(directives="LogLevel ews_im:trace8") as traced:
        other = traced.account()
        body = soap.envelope(soap.operation("AddImGroup", DisplayName="line\nend \u00e4" + "x" * 200))
        assert other.soap(body).ok
        assert traced.wait(lambda: "EWSIM0030: reply: <?xml" in traced.log() and "EWSIM0030: request: <?xml" in traced.log())
        assert "line\\nend" in traced.log(), "httpd escapes what could forge a line"
        assert not traced.check_log()


def test_access_log_of_every_way_out():
    """EWS_IM_RESULT tells how each request ended."""
    with Env(directives='LogFormat "%>s %{EWS_IM_OPERATION}e %{EWS_IM_RESULT}e" ews\nCustomLog ews.log ews') as env:
        account, stranger = env.account(), env.account(mailbox=False)
        account.call("GetImItemList")
        account.soap("<m:GetFolder/>")
        stranger.call("AddImGroup", DisplayName="x")
        env.request("PUT", user=account.address)
        env.request("POST", URL, b"x", account.address, {"Content-Type": "text/plain"})
        env.raw(f"POST {URL} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n"
                f"Authorization: {basic(account.address, 'secret')}\r\n\r\nno number\r\n".encode())
        expected = ["200 GetImItemList NoError", "500 - ErrorInvalidRequest", "200 AddImGroup ErrorNonExistentMailbox", "405 - 405",
                    "415 - 415", "400 - 400"]
        path = env.scratch / "ews.log"
        assert env.wait(lambda: path.exists() and path.read_text(encoding="utf-8").splitlines() == expected), path.read_text("utf-8")
        assert not env.check_log()
