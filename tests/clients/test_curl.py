# SPDX-License-Identifier: Apache-2.0
"""The published example sent with curl, as a person with a shell would try the service, and read with xmllint."""

import subprocess

import pytest

from tests.httpd import soap
from tests.httpd.env import ROOT, URL
from tests.schema.validate import validate_reply

REQUEST = (ROOT / "tests" / "fixtures" / "seed.request.xml").read_bytes()
GROUP_ID = b"AAMkAGQ1MjJjMTBkLTc4Y2UtNDAAAQKAAA="
BASIC = ["--basic"]
WAYS = {
    "plain": BASIC,
    "HTTP/1.0": [*BASIC, "--http1.0"],
    "expect": [*BASIC, "-H", "Expect: 100-continue"],
    "chunked": [*BASIC, "-H", "Transfer-Encoding: chunked"],
    "asks which authentication first": ["--anyauth"],
    "with SOAPAction": [*BASIC, "-H", f'SOAPAction: "{soap.MESSAGES}/AddNewImContactToGroup"'],
    "with the wrong SOAPAction": [*BASIC, "-H", 'SOAPAction: "urn:none"'],
    "with an empty SOAPAction": [*BASIC, "-H", "SOAPAction;"],
    "compressed answer wanted": [*BASIC, "--compressed"],
}


def curl(env, account, body, *options, content_type="text/xml; charset=utf-8"):
    """(status, body)"""
    done = subprocess.run(
        ["curl", "-sS", "--noproxy", "*", "--max-time", "20", "-u", f"{account.address}:{env.passwords[account.address]}",
         "-H", f"Content-Type: {content_type}", "--data-binary", "@-", "-w", "\n%{http_code}", *options,
         f"http://127.0.0.1:{env.port}{URL}"], input=body, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    text, status = done.stdout.rsplit(b"\n", 1)
    return int(status), text


def xpath(expression, data):
    done = subprocess.run(["xmllint", "--xpath", expression, "-"], input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().strip()


def local(*path):
    return "string(/" + "".join(f"/*[local-name()='{name}']" for name in path) + ")"


@pytest.mark.parametrize("way", WAYS)
def test_published_example(env, account, way):
    group = account.add_group("MyCustomGroup2")
    assert REQUEST.count(GROUP_ID) == 1
    status, answer = curl(env, account, REQUEST.replace(GROUP_ID, group.id.encode()), *WAYS[way])
    assert status == 200 and validate_reply(answer) == []
    assert xpath(local("Envelope", "Body", "AddNewImContactToGroupResponse", "ResponseCode"), answer) == "NoError"
    assert xpath(local("Envelope", "Body", "AddNewImContactToGroupResponse", "Persona", "DisplayName"), answer) == "Tony Smith"
    assert account.im_list().members("MyCustomGroup2") == ["tsmith@contoso.com"]


def test_published_example_as_it_stands(env, account):
    """Its shortened GroupId is no id: the answer says so, and nothing is added."""
    status, answer = curl(env, account, REQUEST, *BASIC)
    assert status == 200 and validate_reply(answer) == []
    assert xpath(local("Envelope", "Body", "AddNewImContactToGroupResponse", "ResponseCode"), answer) == "ErrorInvalidIdMalformed"
    assert account.im_list().personas == []


def test_without_user(env, account):
    env.expect_log(r"AH01618: user  not found")
    status, _ = curl(env, account, REQUEST, "-u", ":")
    assert status == 401
