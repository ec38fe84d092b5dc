# SPDX-License-Identifier: Apache-2.0
"""In front of an Exchange as the documentation shows it: the configurations of README.md and conf/example-exchange.conf as they
stand, but for names of hosts, ports and paths of files, with an https server and a directory of the tests' own behind them."""

import contextlib
import re
import shutil
import subprocess

import pytest

from tests.httpd.backend import Backend
from tests.httpd.certificates import Authority
from tests.httpd.directory import Directory
from tests.httpd.env import ROOT, URL, Env, free_port
from tests.httpd.soap import basic, envelope

LIST = envelope("<m:GetImItemList/>")
CREATE_ITEM = envelope("<m:CreateItem><m:Items/></m:CreateItem>")
CHALLENGE = (b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Negotiate\r\nWWW-Authenticate: NTLM\r\nContent-Type: text/xml\r\n"
             b"Content-Length: 9\r\n\r\n<backend>")
OTHER_OPENSSL = re.compile(r"AH01882|resuming normal operations")  # mod_ssl built with another release of the library

TOKENS = [None, "Negotiate YIIGhgYGKwYBBQUCoIIGejCCBnag", "NTLM TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAKAGFKAAAADw==",
          "Bearer abc", "basically something else"]
READER = ("CN=apache,CN=Users,DC=contoso,DC=com", "reader's password")


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    made = Authority(tmp_path_factory.mktemp("ca"))
    made.server()
    return made


def curl(env, url, *arguments, authorization=None, body=LIST):
    """(status, the other headers, body)"""
    done = subprocess.run(
        ["curl", "-sS", "-i", "--max-time", "20", "--data-binary", "@-", "-H", "Content-Type: text/xml; charset=utf-8",
         *(["-H", f"Authorization: {authorization}"] if authorization else []), *arguments, url],
        input=body, capture_output=True, check=False)
    assert done.returncode == 0, (done.stderr, env.log()[-2000:])
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    return int(head.split()[1]), head.decode(), content


def check(env, url, backend, mine, other, *arguments):
    """`mine`: a user with a mailbox here; `other`: one without. Both are known to Apache."""
    status, _, body = curl(env, url, *arguments, authorization=mine)
    assert status == 200 and b"GetImItemListResponse" in body and b"NoError" in body, env.log()[-2000:]
    assert backend.idle()
    for path in ("/EWS/Exchange.asmx", "/ews/exchange.asmx"):
        assert b"NoError" in curl(env, url.replace(URL, path), *arguments, authorization=mine)[2]
    for authorization, body in [(mine, CREATE_ITEM), (other, LIST), *((token, LIST) for token in TOKENS)]:
        status, head, content = curl(env, url, *arguments, authorization=authorization, body=body)
        assert (status, content) == (401, b"<backend>"), (authorization, head)
        assert re.findall(r"(?i)www-authenticate: (\w+)", head) == ["Negotiate", "NTLM"]
        got = backend.take()
        assert (got.header("Authorization"), got.body, got.line) == (authorization, body, f"POST {URL} HTTP/1.1")
    status, head, _ = curl(env, url, *arguments, authorization=basic("tsmith@contoso.com", "wrong"))
    assert status == 401 and "Basic realm" in head and backend.idle()


@contextlib.contextmanager
def stopped(*modules):
    """A server whose configuration does nothing yet."""
    env = Env(location="EWSIm Off", auth=False, modules=modules)
    env.port = free_port()
    try:
        yield env
    finally:
        env.close()


@pytest.fixture(name="backend")
def https_backend(authority):
    with Backend(CHALLENGE, certificate=authority.folder / "server.both") as server:
        yield server


def test_readme(backend):
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("\n## In front of my Exchange\n")[1].split("\n## ")[0]
    config = re.search(r"```\n(.*?)```", section, re.DOTALL)[1]
    with stopped("ssl", "socache_shmcb", "proxy", "proxy_http") as env:
        for old, new in (("/var/lib/mod_ews_im", str(env.store)), ("exchange.contoso.com", f"localhost:{backend.port}"),
                         ("/etc/apache2/ews.passwd", f"{env.scratch}/users")):
            assert old in config
            config = config.replace(old, new)
        # The server's own EWSImStore is the one that the section shows.
        env.directives = f"SSLSessionCache shmcb:sessions\n<VirtualHost *:{env.port}>\n{config}\n</VirtualHost>"
        env.expected.append(OTHER_OPENSSL)
        env.start()
        env.account("tsmith@contoso.com")
        env.account("other@contoso.com", mailbox=False)
        env.expect_log(r"AH0161[78]")
        check(env, f"http://127.0.0.1:{env.port}{URL}", backend, basic("tsmith@contoso.com", "secret"),
              basic("other@contoso.com", "secret"))
        assert not env.check_log()


def test_example(authority, backend):
    people = {f"{name}@corp.contoso.com": (f"CN={name},DC=contoso,DC=com", "secret", {"mail": f"{name}@contoso.com"})
              for name in ("tsmith", "other")}
    port = free_port()
    with Directory(people, "userPrincipalName", READER, authority.folder / "server.both") as directory, \
            stopped("ssl", "socache_shmcb", "proxy", "proxy_http", "ldap", "authnz_ldap", "http2") as env:
        config = (ROOT / "conf/example-exchange.conf").read_text(encoding="utf-8")
        password = env.scratch / "ldap.password"
        password.write_text(READER[1], encoding="utf-8")
        ca = shutil.copy(authority.ca, env.scratch)  # the folder of the authority may be closed to www-data
        for old, new in (("*:443", f"127.0.0.1:{port}"), ("/var/lib/mod_ews_im", str(env.store)),
                         ("/etc/ssl/certs/mail.contoso.com.pem", f"{authority.folder}/server.pem"),
                         ("/etc/ssl/private/mail.contoso.com.key", f"{authority.folder}/server.key"),
                         ("/etc/ssl/certs/contoso-ca.pem", str(ca)), ("mail.contoso.com", "localhost"),
                         ("exchange.contoso.com", f"localhost:{backend.port}"), ("dc.contoso.com", f"127.0.0.1:{directory.port}"),
                         ("/etc/apache2/ldap.password", str(password))):
            assert old in config
            config = config.replace(old, new)
        env.directives = f"SSLSessionCache shmcb:sessions\nProtocols h2 http/1.1\nListen 127.0.0.1:{port}\n{config}"
        env.expected.append(OTHER_OPENSSL)
        env.start()
        env.ctl("mailbox", "add", "tsmith@contoso.com")
        env.expect_log(r"AH0161[78]")
        for version in ("--http1.1", "--http2"):
            check(env, f"https://localhost:{port}{URL}", backend, basic("tsmith@corp.contoso.com", "secret"),
                  basic("other@corp.contoso.com", "secret"), "--cacert", str(authority.ca), version)
        assert curl(env, f"https://localhost:{port}{URL}", "--cacert", str(authority.ca),
                    authorization=basic("tsmith@corp.contoso.com", "wrong"))[0] == 401
        assert not env.check_log()
