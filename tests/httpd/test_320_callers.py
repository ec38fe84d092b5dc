# SPDX-License-Identifier: Apache-2.0
"""Whose mailbox it is: the caller's names, mailboxes made at the first request, and acting for somebody else."""

import re
import subprocess
import threading

import pytest

from tests.httpd import report, soap
from tests.httpd.backend import Backend
from tests.httpd.certificates import Authority
from tests.httpd.env import MPMS, URL, Env, free_port
from tests.httpd.soap import envelope

NO_MAILBOX = "The SMTP address has no mailbox associated with it."
ACCESS = 'LogFormat "%u %{EWS_IM_OPERATION}e %{EWS_IM_RESULT}e %{EWS_IM_MAILBOX}e %{EWS_IM_ACTING_USER}e" who\nCustomLog who.log who\n'


def whose(env, user):
    """The name of the one group of the caller's mailbox, or the response code if there is none."""
    reply = env.call("GetImItemList", user)
    return reply.im_list.groups[3].name if reply.ok else reply.code


def mark(env, name, *user):
    """Gives the mailbox of `user` a group of this name."""
    assert env.call("AddImGroup", *user, DisplayName=name).ok


# ---- Names

@pytest.fixture(scope="module")
def names():
    with Env() as env:
        env.ctl("mailbox", "add", "tsmith@contoso.com", "--upn", "ts@CORP.CONTOSO.COM", "--account", "CONTOSO\\tsmith")
        env.ctl("alias", "add", "tsmith@contoso.com", "terry@contoso.com")
        env.ctl("mailbox", "add", "local@contoso.com", "--account", "local")
        for user, name in (("tsmith@contoso.com", "terry"), ("local@contoso.com", "local")):
            mark(env, name, env.user(user))
        yield env
        assert not env.check_log()


@pytest.mark.parametrize("user, expected", [
    ("tsmith@contoso.com", "terry"), ("TSmith@Contoso.COM", "terry"), ("terry@contoso.com", "terry"),
    ("ts@CORP.CONTOSO.COM", "terry"), ("ts@corp.contoso.com", "terry"), ("CONTOSO\\tsmith", "terry"),
    ("contoso\\TSMITH", "terry"), ("local", "local"), ("LOCAL", "local"),
    # Nobody becomes somebody else by losing a domain, or by looking alike.
    ("local@ELSEWHERE.EXAMPLE", "ErrorNonExistentMailbox"), ("ELSEWHERE\\local", "ErrorNonExistentMailbox"),
    ("tsmith", "ErrorNonExistentMailbox"), ("FABRIKAM\\tsmith", "ErrorNonExistentMailbox"),
    ("ts@FABRIKAM.COM", "ErrorNonExistentMailbox"), ("local ", "ErrorNonExistentMailbox"),
    ("loca\u0142", "ErrorNonExistentMailbox"), ("\u212aocal", "ErrorNonExistentMailbox"), pytest.param("l" * 2000, "ErrorNonExistentMailbox", id="a long name")])
def test_name(names, user, expected):
    assert whose(names, names.user(user)) == expected


@pytest.mark.parametrize("expression, user, expected", [
    ("%{REMOTE_USER}@contoso.com", "tsmith", "mine"), ("%{REMOTE_USER}@contoso.com", "other", "ErrorNonExistentMailbox"),
    ("%{tolower:%{REMOTE_USER}}@contoso.com", "TSMITH", "mine"), ("%{reqenv:THE_ADDRESS}", "anybody", "mine"),
    ("%{reqenv:NOT_THERE}", "tsmith@contoso.com", "ErrorNonExistentMailbox")])
def test_expression(expression, user, expected):
    with Env(directives=f'EWSImMailbox "{expression}"\nSetEnv THE_ADDRESS tsmith@contoso.com', modules=["env"]) as env:
        env.ctl("mailbox", "add", "tsmith@contoso.com")
        if expected == "mine":
            mark(env, "mine", env.user(user))
        assert whose(env, env.user(user)) == expected
        assert not env.check_log()


def test_expression_that_fails():
    """Nobody is served for want of a name, and nothing is passed on either."""
    with Backend() as backend, Env(location="EWSIm On", modules=("proxy", "proxy_http"), directives=(
            'EWSImMailbox "%{file:/none}"\nEWSImImpersonation "file(\'/none\') == \'\'"\n'
            f'ProxyPassMatch "(?i)^/ews/(.*)$" "http://127.0.0.1:{backend.port}/EWS/$1"')) as env:
        account = env.account()
        env.expect_log(r"Evaluation of expression from .*httpd.conf:\d+ failed: Cannot open file")
        assert account.call("GetImItemList").code == "ErrorInternalServerError"
        failed = act(env, account.address, "SmtpAddress", account.address)
        assert (failed.fault, failed.code, failed.text) == (True, "ErrorImpersonationFailed", "Impersonation failed.")
        env.ctl("right", "grant", account.address, account.address)
        assert act(env, account.address, "SmtpAddress", account.address).ok
        assert backend.idle() and not env.check_log()


@pytest.mark.parametrize("lines, expected", [
    # The address out of the certificate, by an expression or as the user name; a certificate alone makes no user.
    ('SSLUserName SSL_CLIENT_S_DN_CN\nEWSImMailbox "%{SSL:SSL_CLIENT_SAN_Email_0}"', ["terry", "ErrorNonExistentMailbox"]),
    ('SSLUserName SSL_CLIENT_S_DN_CN\nEWSImMailbox "%{SSL:SSL_CLIENT_S_DN_Email}"', ["terry", "ErrorNonExistentMailbox"]),
    ("SSLUserName SSL_CLIENT_SAN_Email_0", ["terry", "ErrorNonExistentMailbox"]),
    ('EWSImMailbox "%{SSL:SSL_CLIENT_SAN_Email_0}"', ["ErrorAccessDenied", "ErrorAccessDenied"])],
    ids=["SAN", "subject", "user name", "no user"])
def test_client_certificate(tmp_path, lines, expected):
    authority = Authority(tmp_path)
    authority.server()
    port = free_port()
    directives = (f"Listen 127.0.0.1:{port}\nSSLSessionCache shmcb:sessions\n<VirtualHost 127.0.0.1:{port}>\nServerName localhost\n"
                  f"SSLEngine On\nSSLCertificateFile {tmp_path}/server.both\nSSLCACertificateFile {authority.ca}\n"
                  f"SSLVerifyClient require\n{lines}\n</VirtualHost>")
    with Env(auth=False, modules=["ssl", "socache_shmcb"], directives=directives) as env:
        env.allow_log("AH01882|EWSIM0052|AH02008|AH02261|AH02010")
        env.ctl("mailbox", "add", "terry@contoso.com")
        env.ctl("group", "add", "terry@contoso.com", "terry")
        command = ["curl", "-sS", "--max-time", "20", "--cacert", authority.ca, "--data-binary", envelope("<m:GetImItemList/>"), "-H",
                   "Content-Type: text/xml", f"https://localhost:{port}{URL}"]
        answers = []
        for name, address in (("Terry", "terry@contoso.com"), ("Other", "other@contoso.com")):
            certificate = authority.person(name, address)
            done = subprocess.run([*command, "--cert", certificate, "--key", tmp_path / f"{name}.key"], capture_output=True, check=True)
            reply = soap.Reply(500 if b"Fault>" in done.stdout else 200, None, done.stdout)
            answers.append(reply.im_list.groups[3].name if reply.ok else reply.code)
        assert answers == expected
        assert subprocess.run(command, capture_output=True, check=False).returncode, "nobody comes in without a certificate"
        assert not env.check_log()


def test_users_in_turns_on_one_connection_of_http2(tmp_path):
    authority = Authority(tmp_path)
    authority.server()
    port = free_port()
    directives = (f"Protocols h2 http/1.1\nListen 127.0.0.1:{port}\nSSLSessionCache shmcb:sessions\n<VirtualHost 127.0.0.1:{port}>\n"
                  f"ServerName localhost\nSSLEngine On\nSSLCertificateFile {tmp_path}/server.both\n</VirtualHost>")
    with Env(modules=["http2", "ssl", "socache_shmcb"], directives=directives) as env:
        env.allow_log("AH01882")
        users = [env.account(f"{name}@contoso.com").address for name in ("one", "two")]
        for user in users:
            mark(env, user, user)
        command = ["curl"]
        for number, user in enumerate(users * 3):
            command += [*(["--next"] if number else []), "-sS", "--http2", "--cacert", authority.ca, "-u", f"{user}:secret", "-H",
                        "Content-Type: text/xml", "--data-binary", envelope("<m:GetImItemList/>"), "-w", "[%{num_connects} %{http_version}]",
                        f"https://localhost:{port}{URL}"]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert re.findall(r">((?:one|two)@contoso.com)<", text) == users * 3
        assert re.findall(r"\[(\d \d)\]", text) == ["1 2"] + ["0 2"] * 5, "all on one connection"
        assert not env.check_log()


def test_user_name_that_would_forge_a_line():
    """What a name can hold is escaped in both logs."""
    name = 'we"ird EWSIM0051\x01\u00e4'
    with Env(directives='LogFormat "%{EWS_IM_RESULT}e %{EWS_IM_ACTING_USER}e." who\nCustomLog who.log who') as env:
        assert act(env, env.user(name), "SmtpAddress", 'x"y@contoso.com').code == "ErrorImpersonateUserDenied"
        log = env.scratch / "who.log"
        assert env.wait(lambda: log.exists() and log.read_text(encoding="utf-8").endswith(".\n"))
        assert log.read_text(encoding="utf-8") == 'ErrorImpersonateUserDenied we\\"ird EWSIM0051\\x01\\xc3\\xa4.\n'
        assert "\x01" not in env.log() and "\\x01" in env.log()
        assert not env.check_log()


def test_users_in_turns_on_one_connection(names):
    for _ in range(3):
        assert whose(names, "tsmith@contoso.com") == "terry"
        assert whose(names, "local@contoso.com") == "local"
    head = soap.basic("tsmith@contoso.com", "secret"), soap.basic("local@contoso.com", "secret")
    data = b""
    body = envelope("<m:GetImItemList/>")
    for number, authorization in enumerate(head * 2):
        data += (f"POST {URL} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\n"
                 f"Authorization: {authorization}\r\n{'Connection: close' + chr(13) + chr(10) if number == 3 else ''}\r\n").encode()
        data += body
    found = re.findall(rb">(terry|local)<", names.raw(data))
    assert found == [b"terry", b"local"] * 2


def test_headers_are_no_identity(names):
    """Nothing that a client says of itself counts."""
    reply = names.soap("<m:GetImItemList/>", "local@contoso.com",
                       {"X-Remote-User": "tsmith@contoso.com", "Remote-User": "tsmith@contoso.com",
                        "X-AnchorMailbox": "tsmith@contoso.com", "From": "tsmith@contoso.com"})
    assert reply.im_list.groups[3].name == "local"


# ---- Mailboxes made at the first request

@pytest.mark.parametrize("mpm", MPMS)
def test_auto_create(mpm):
    with Env(mpm=mpm, directives="EWSImAutoCreate On") as server:
        user = server.user("New.User@contoso.com")
        codes = []
        threads = [threading.Thread(target=lambda: codes.append(server.call("GetImItemList", user).code)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert codes == ["NoError"] * 8
        assert server.ctl("mailbox", "list").lower().count("new.user@contoso.com") == 1
        server.expect_log(r"EWSIM0040: EWSImAutoCreate: no mailbox for 'plain'")
        assert whose(server, server.user("plain")) == "ErrorNonExistentMailbox"
        assert not server.check_log()


def test_no_auto_create(env):
    stranger = env.account(mailbox=False)
    assert whose(env, stranger.address) == "ErrorNonExistentMailbox"
    assert stranger.address not in env.ctl("mailbox", "list")


# ---- Acting for somebody else

SID = "S-1-5-21-1-2-3-1001"


def impersonation(kind, value):
    return f"{soap.VERSION}<t:ExchangeImpersonation><t:ConnectingSID><t:{kind}>{value}</t:{kind}></t:ConnectingSID></t:ExchangeImpersonation>"


def act(env, user, kind, value):
    reply = env.soap(envelope("<m:GetImItemList/>", header=impersonation(kind, value)), user)
    report.line("ExchangeImpersonation", f"{kind} {value}", user, reply.code)
    return reply


def fill(env):
    """The mailbox of terry; callers: all (directive), every (right for all), one (right for terry's), none, terry, stranger."""
    env.ctl("mailbox", "add", "terry@contoso.com", "--upn", "ts@contoso.com", "--sid", SID, "--account", "terry")
    env.ctl("alias", "add", "terry@contoso.com", "t.smith@contoso.com")
    mark(env, "terry", env.user("terry@contoso.com"))
    for name in ("one", "none", "other"):
        env.ctl("mailbox", "add", f"{name}@contoso.com")
        mark(env, name, env.user(f"{name}@contoso.com"))
    env.ctl("right", "grant", "every")
    env.ctl("right", "grant", "one@contoso.com", "terry@contoso.com")
    for name in ("all", "every", "stranger"):
        env.user(name)


IMPERSONATION = "EWSImImpersonation \"%{REMOTE_USER} == 'all'\"\n" + ACCESS


@pytest.fixture(scope="module")
def acting():
    with Env(directives=IMPERSONATION) as env:
        fill(env)
        yield env
        assert not env.check_log()


IDENTIFICATIONS = [("PrincipalName", "ts@contoso.com"), ("PrincipalName", "TS@Contoso.com"), ("SID", SID),
                   ("PrimarySmtpAddress", "terry@contoso.com"), ("PrimarySmtpAddress", "TERRY@contoso.com"),
                   ("SmtpAddress", "terry@contoso.com"), ("SmtpAddress", "t.smith@contoso.com")]


@pytest.mark.parametrize("user", ["all", "every", "one@contoso.com"])
@pytest.mark.parametrize("kind, value", IDENTIFICATIONS)
def test_may_act(acting, user, kind, value):
    reply = act(acting, user, kind, value)
    assert reply.ok and reply.im_list.groups[3].name == "terry"


@pytest.mark.parametrize("body", ["http", "https"])
@pytest.mark.parametrize("header", ["http", "https"])
def test_may_act_in_any_spelling(acting, header, body):
    own = impersonation("SmtpAddress", "terry@contoso.com").replace("<t:ExchangeImpersonation", "<h:ExchangeImpersonation").replace(
        "</t:ExchangeImpersonation", "</h:ExchangeImpersonation").replace("<t:Conn", "<h:Conn").replace("</t:Conn", "</h:Conn").replace(
        "<t:Smtp", "<h:Smtp").replace("</t:Smtp", "</h:Smtp").replace(
        "<h:ExchangeImpersonation", f'<h:ExchangeImpersonation xmlns:h="{header}://{soap.SERVICES}/types"')
    reply = acting.soap(envelope("<m:GetImItemList/>", header=own, scheme=body), "all")
    assert reply.ok and reply.im_list.groups[3].name == "terry"


def test_who_comes_before_which_version(acting):
    """Whom a request is for is settled before its version and its shape are looked at."""
    old = impersonation("SmtpAddress", "terry@contoso.com").replace("Exchange2013", "Exchange2010")
    assert "Exchange2010" in old
    for body in ("<m:GetImItemList/>", "<m:AddImGroup/>"):
        assert acting.soap(envelope(body, header=old), "none@contoso.com").code == "ErrorImpersonateUserDenied"
        assert acting.soap(envelope(body, header='<t:RequestServerVersion Version="Exchange2010"/>'), "stranger").code == (
            "ErrorNonExistentMailbox")


def short(value):
    """What a case is called in the report."""
    return value[:20] if isinstance(value, str) else None


FAULTS = [
    ("PrincipalName", "nobody@contoso.com", "ErrorInvalidUserPrincipalName"),
    ("PrincipalName", "terry", "ErrorInvalidUserPrincipalName"),
    ("SID", "S-1-5-21-9-9-9-9", "ErrorNonExistentMailbox"), ("SID", "S-1", "ErrorInvalidSid"), ("SID", "terry", "ErrorInvalidSid"),
    ("PrimarySmtpAddress", "nobody@contoso.com", "ErrorNonExistentMailbox"),
    ("PrimarySmtpAddress", "t.smith@contoso.com", "ErrorNonPrimarySmtpAddress"),
    ("SmtpAddress", "nobody@contoso.com", "ErrorNonExistentMailbox"), ("SmtpAddress", "terry", "ErrorNonExistentMailbox"),
    ("SmtpAddress", "x" * 1100 + "@contoso.com", "ErrorNonExistentMailbox"),
]


@pytest.mark.parametrize("user", ["all", "every"])
@pytest.mark.parametrize("kind, value, code", FAULTS, ids=short)
def test_unusable_target(acting, user, kind, value, code):
    reply = act(acting, user, kind, value)
    assert (reply.fault, reply.code) == (True, code)
    if code == "ErrorNonExistentMailbox":
        assert reply.text == NO_MAILBOX
    if code == "ErrorNonPrimarySmtpAddress":
        assert reply.value == ("Primary", "terry@contoso.com")


@pytest.mark.parametrize("user", ["none@contoso.com", "stranger", "terry@contoso.com"])
@pytest.mark.parametrize("kind, value", [*IDENTIFICATIONS, *((kind, value) for kind, value, _ in FAULTS)], ids=short)
def test_no_right(acting, user, kind, value):
    """The same for all, whether the target exists or not."""
    reply = act(acting, user, kind, value)
    assert (reply.fault, reply.code) == (True, "ErrorImpersonateUserDenied")
    assert reply.text == "The account does not have permission to impersonate the requested user."


@pytest.mark.parametrize("kind, value", [
    ("SmtpAddress", "other@contoso.com"), ("SmtpAddress", "nobody@contoso.com"), ("PrincipalName", "nobody@contoso.com"),
    ("SID", "S-1-5-21-9-9-9-9"), ("PrimarySmtpAddress", "other@contoso.com"), ("PrimarySmtpAddress", "nobody@contoso.com")])
def test_right_for_one_tells_nothing_of_others(acting, kind, value):
    reply = act(acting, "one@contoso.com", kind, value)
    assert (reply.fault, reply.code) == (True, "ErrorImpersonateUserDenied")


HEADERS = {
    "no child": "<t:ExchangeImpersonation><t:ConnectingSID/></t:ExchangeImpersonation>",
    "no ConnectingSID": "<t:ExchangeImpersonation/>",
    "empty": impersonation("SmtpAddress", ""),
    "two": "<t:ExchangeImpersonation><t:ConnectingSID><t:SID>S-1-5-21-1-2-3-1001</t:SID>"
           "<t:SmtpAddress>terry@contoso.com</t:SmtpAddress></t:ConnectingSID></t:ExchangeImpersonation>",
    "two headers": impersonation("SmtpAddress", "terry@contoso.com") + impersonation("SmtpAddress", "other@contoso.com"),
    "another name": impersonation("Account", "terry"),
    "another namespace": "<x:ExchangeImpersonation xmlns:x='urn:x'><t:ConnectingSID><t:SmtpAddress>terry@contoso.com</t:SmtpAddress>"
                         "</t:ConnectingSID></x:ExchangeImpersonation>",
}


@pytest.mark.parametrize("user", ["all", "none@contoso.com"])
@pytest.mark.parametrize("name", HEADERS)
def test_header_that_says_nothing(acting, user, name):
    """It is never ignored: that would serve the caller's own mailbox."""
    reply = acting.soap(envelope("<m:GetImItemList/>", header=HEADERS[name]), user)
    report.line("ExchangeImpersonation", name, user, reply.code)
    assert reply.fault and reply.code in ("ErrorInvalidExchangeImpersonationHeaderData", "ErrorSchemaValidation")


def test_access_log_shows_both(acting):
    guid = re.search(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", acting.ctl("mailbox", "show", "terry@contoso.com"))[0]
    act(acting, "all", "SmtpAddress", "terry@contoso.com")
    act(acting, "none@contoso.com", "SmtpAddress", "terry@contoso.com")
    acting.call("GetImItemList", "terry@contoso.com")
    path = acting.scratch / "who.log"
    expected = [f"all GetImItemList NoError {guid} all", "none@contoso.com GetImItemList ErrorImpersonateUserDenied - none@contoso.com",
                f"terry@contoso.com GetImItemList NoError {guid} -"]
    assert acting.wait(lambda: path.read_text(encoding="utf-8").splitlines()[-3:] == expected), path.read_text(encoding="utf-8")


def test_right_that_is_taken_back(acting):
    acting.ctl("right", "grant", "stranger", "terry@contoso.com")
    assert act(acting, "stranger", "SmtpAddress", "terry@contoso.com").ok
    acting.ctl("right", "revoke", "stranger", "terry@contoso.com")
    assert act(acting, "stranger", "SmtpAddress", "terry@contoso.com").code == "ErrorImpersonateUserDenied"


# ---- The same where something else serves the URL too

@pytest.fixture(scope="module")
def behind():
    with Backend() as backend, Env(location="EWSIm On", modules=("proxy", "proxy_http"), directives=IMPERSONATION + (
            f'ProxyPassMatch "(?i)^/ews/(.*)$" "http://127.0.0.1:{backend.port}/EWS/$1"')) as env:
        fill(env)
        env.backend = backend
        yield env
        assert not env.check_log()


HERE, THERE = ("SmtpAddress", "terry@contoso.com"), ("SmtpAddress", "nobody@contoso.com")


@pytest.mark.parametrize("user, target, expected", [
    ("all", HERE, "terry"), ("every", HERE, "terry"), ("one@contoso.com", HERE, "terry"),
    ("none@contoso.com", HERE, "ErrorImpersonateUserDenied"),
    # A mailbox that is not here is behind us, for those who may know that it is not here.
    ("all", THERE, "passed on"), ("every", THERE, "passed on"), ("all", ("PrincipalName", "nobody@contoso.com"), "passed on"),
    ("one@contoso.com", THERE, "ErrorImpersonateUserDenied"), ("none@contoso.com", THERE, "ErrorImpersonateUserDenied"),
    # Somebody who is nobody here: the other side knows what he may, whoever the target is.
    ("stranger", HERE, "passed on"), ("stranger", THERE, "passed on"),
    # What is wrong in itself is answered here.
    ("all", ("SID", "S-1"), "ErrorInvalidSid"), ("all", ("PrimarySmtpAddress", "t.smith@contoso.com"), "ErrorNonPrimarySmtpAddress"),
    ("all", ("SmtpAddress", ""), "ErrorInvalidExchangeImpersonationHeaderData"),
    ("stranger", ("SmtpAddress", ""), "ErrorInvalidExchangeImpersonationHeaderData"),
])
def test_in_front(behind, user, target, expected):
    body = envelope("<m:GetImItemList/>", header=impersonation(*target))
    reply = behind.soap(body, user)
    if expected == "passed on":
        assert reply.body == b"<backend>" and behind.backend.take().body == body
    else:
        assert behind.backend.idle()
        assert (reply.im_list.groups[3].name if reply.ok else reply.code) == expected
