# SPDX-License-Identifier: Apache-2.0
"""What may stand around an operation and what may not: spellings that real clients use, versions, headers, the exact shape
of faults, violations of the schema, hostile XML. Everything is answered in time, and the server lives on."""

import time

import pytest

from tests.httpd import report, soap
from tests.httpd.soap import MESSAGES, SERVICES, SOAP, TYPES, VERSION, envelope, operation

LIST = "<m:GetImItemList/>"
HTTPS = SERVICES.join(("https://", ""))
OK, VALIDATION, REQUEST = "NoError", "ErrorSchemaValidation", "ErrorInvalidRequest"
REFUSED = (VALIDATION, REQUEST)
ANSWERED = (OK, *REFUSED, "ErrorDataSizeLimitExceeded", "s:VersionMismatch")
SECONDS = 2  # for one request; without bounds some of these take ten and more


def check(account, body, expected):
    begin = time.monotonic()
    reply = account.soap(body)
    elapsed = time.monotonic() - begin
    expected = (expected,) if isinstance(expected, str) else expected
    assert reply.code in expected, reply.body
    assert reply.status == (500 if reply.fault else 200)
    assert reply.headers["Content-Type"] == "text/xml; charset=utf-8"
    if reply.fault:
        check_fault(reply)
    assert elapsed < SECONDS
    assert account.call("GetImItemList").ok
    return reply


def check_fault(reply):
    """A fault has no header; its three children have no namespace; its texts agree."""
    assert [soap.local(child) for child in reply.tree] == ["Body"]
    fault = reply.message
    assert fault.tag == f"{{{SOAP}}}Fault"
    assert [child.tag for child in fault] in (["faultcode", "faultstring", "detail"], ["faultcode", "faultstring"])
    code = soap.text_at(fault, "faultcode")
    if code.startswith("s:"):
        return
    details = [(child.tag, child.text) for child in fault[2]]
    assert code == f"a:{reply.code}" and fault[0].nsmap["a"] == TYPES
    assert dict(fault[1].attrib) == {"{http://www.w3.org/XML/1998/namespace}lang": "en-US"} and reply.text
    assert details[0] == (f"{{{soap.ERRORS}}}ResponseCode", reply.code)
    if reply.code == VALIDATION:
        assert details[1] == (f"{{{soap.ERRORS}}}Message", "The request failed schema validation.")
        line, position, violation = fault[2][2]
        assert [child.tag for child in fault[2][2]] == [
            f"{{{TYPES}}}{name}" for name in ("LineNumber", "LinePosition", "Violation")]
        assert reply.text == f"The request failed schema validation: {violation.text}"
        assert int(line.text) >= 0 and int(position.text) >= 0
    else:
        assert details == [details[0], (f"{{{soap.ERRORS}}}Message", reply.text)]


# ---- Spellings

def text_of(body=LIST, header=VERSION):
    return envelope(body, header).decode()


SPELLINGS = {
    "as the tests write it": envelope(LIST),
    "no header": envelope(LIST).replace(f"<soap:Header>{VERSION}</soap:Header>".encode(), b""),
    "empty header": envelope(LIST, header=""),
    "no declaration": envelope(LIST).split(b"\n", 1)[1],
    "byte order mark": b"\xef\xbb\xbf" + envelope(LIST),
    "UTF-16, little end first": text_of().replace("utf-8", "utf-16").encode("utf-16-le").join((b"\xff\xfe", b"")),
    "UTF-16, big end first": text_of().replace("utf-8", "utf-16").encode("utf-16-be").join((b"\xfe\xff", b"")),
    "encoding in capitals": envelope(LIST).replace(b"utf-8", b"UTF-8"),
    "white space everywhere": envelope(f"\r\n\t {LIST} \r\n").replace(b"><soap", b">\r\n   <soap"),
    "long white space": envelope(" " * 8000 + LIST),
    "comments": envelope(f"<!-- a --> {LIST}<!-- b -->").replace(b"<soap:Header>", b"<!-- c --><soap:Header>"),
    "default namespace": envelope(f'<GetImItemList xmlns="{MESSAGES}"></GetImItemList>'),
    "prefix means two things": (
        f'<s:Envelope xmlns:s="{SOAP}"><s:Header><ns0:RequestServerVersion xmlns:ns0="{TYPES}" Version="Exchange2013"/>'
        f'</s:Header><s:Body><ns0:GetImItemList xmlns:ns0="{MESSAGES}"/></s:Body></s:Envelope>').encode(),
    "default namespace is SOAP's": (
        f"<Envelope xmlns='{SOAP}'><Body><x:GetImItemList xmlns:x='{MESSAGES}'/></Body></Envelope>").encode(),
    "long prefix": envelope(LIST).replace(b"m:", b"messages_of_2006.x-y:").replace(b"xmlns:m=", b"xmlns:messages_of_2006.x-y="),
    "https": envelope(LIST, scheme="https"),
    "https in the body alone": envelope(f'<GetImItemList xmlns="{HTTPS}/messages"/>'),
    "https in the header alone": envelope(LIST, VERSION.replace("t:", f'h:').replace(" ", f' xmlns:h="{HTTPS}/types" ', 1)),
    "attributes of the envelope": envelope(LIST).replace(b"<soap:Envelope", b'<soap:Envelope soap:encodingStyle="x" xmlns:q="urn:q"'),
    "CDATA": envelope("<m:AddImGroup><m:DisplayName><![CDATA[A & B]]></m:DisplayName></m:AddImGroup>"),
    "character references": envelope("<m:AddImGroup><m:DisplayName>&#x1F600;&#65;&amp;&lt;</m:DisplayName></m:AddImGroup>"),
    "comment in a text": envelope("<m:AddImGroup><m:DisplayName>A<!-- x -->B</m:DisplayName></m:AddImGroup>"),
}


@pytest.mark.parametrize("case", SPELLINGS)
def test_spelling(account, case):
    body = SPELLINGS[case]
    reply = check(account, body, OK)
    in_https = case in ("https", "https in the body alone")
    assert reply.message.tag.startswith("{https:" if in_https else "{http:")
    names = [soap.text_at(group, "DisplayName") for group in reply.tree.iter("{*}ImGroup")]
    if b"AddImGroup" in body:
        assert names == [{"CDATA": "A & B", "character references": "\U0001F600A&<", "comment in a text": "AB"}[case]]


# ---- Headers

MUST = 'soap:mustUnderstand="1"'
HEADERS = [
    ("undeclared ones of Exchange", f'{VERSION}<t:MailboxCulture>en-US</t:MailboxCulture><t:TimeZoneContext>'
     '<t:TimeZoneDefinition Id="GMT Standard Time"/></t:TimeZoneContext>', OK),
    ("an unknown one", f'{VERSION}<x:Security xmlns:x="urn:x"><x:a b="c">d</x:a></x:Security>', OK),
    ("an unknown culture", "<t:MailboxCulture>no such language</t:MailboxCulture>", OK),
    ("must understand the version", VERSION.replace(" ", f" {MUST} ", 1), OK),
    ("must understand the culture", f"<t:MailboxCulture {MUST}>en-US</t:MailboxCulture>", OK),
    ("must understand the unknown", f'<x:Security xmlns:x="urn:x" {MUST}/>', "s:MustUnderstand"),
    ("must understand as the next", f'<x:Security xmlns:x="urn:x" {MUST} soap:actor="http://schemas.xmlsoap.org/soap/actor/next"/>',
     "s:MustUnderstand"),
    ("must understand impersonation in a namespace of its own", f'<x:ExchangeImpersonation xmlns:x="urn:x" {MUST}/>',
     "ErrorInvalidExchangeImpersonationHeaderData"),
    ("need not understand the unknown", '<x:Security xmlns:x="urn:x" soap:mustUnderstand="0"/>', OK),
    ("impersonation in a namespace of its own", '<x:ExchangeImpersonation xmlns:x="urn:x"/>',
     ("ErrorInvalidExchangeImpersonationHeaderData", *REFUSED)),
    ("empty impersonation", "<t:ExchangeImpersonation/>", "ErrorInvalidExchangeImpersonationHeaderData"),
    ("impersonation without the right", "<t:ExchangeImpersonation><t:ConnectingSID><t:PrimarySmtpAddress>nobody@contoso.com"
     "</t:PrimarySmtpAddress></t:ConnectingSID></t:ExchangeImpersonation>", "ErrorImpersonateUserDenied"),
]


@pytest.mark.parametrize("case, header, expected", HEADERS, ids=[row[0] for row in HEADERS])
def test_header(account, case, header, expected):
    check(account, envelope(LIST, header), expected)


OLD, NO_VERSION = "ErrorIncorrectSchemaVersion", "ErrorInvalidServerVersion"
VERSIONS = {
    "Exchange2007": OLD, "Exchange2007_SP1": OLD, "Exchange2009": OLD, "Exchange2010": OLD, "Exchange2010_SP1": OLD,
    "Exchange2010_SP2": OLD, "Exchange2012": OLD, "Exchange2013": OK, "Exchange2013_SP1": OK, "Exchange2015": OK,
    "Exchange2016": OK, "V2015_10_05": OK, "V2016_01_06": OK, "V2017_07_11": OK, "V2018_01_08": OK, "V2099_12_31": OK,
    "": NO_VERSION, "exchange2013": NO_VERSION, "Exchange 2013": NO_VERSION, "Exchange2011": NO_VERSION, "2013": NO_VERSION,
    "V2_3": NO_VERSION, "V20170711": NO_VERSION, "V2017_07_1": NO_VERSION, "V2017_07_111": NO_VERSION, "Vxxxx_yy_zz": NO_VERSION,
    "Exchange2013&#10;": NO_VERSION, "x" * 2000: NO_VERSION,
}


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version[:20] or "empty")
def test_version(account, version):
    expected = VERSIONS[version]
    reply = check(account, envelope(LIST, f'<t:RequestServerVersion Version="{version}"/>'), expected)
    report.line("RequestServerVersion", version or "(empty)", reply.code)


def test_version_comes_before_the_schema(account):
    check(account, envelope("<m:AddImGroup/>", '<t:RequestServerVersion Version="Exchange2010"/>'), OLD)


def test_server_version_info(account):
    header = soap.descend(account.call("GetImItemList").tree, "Header", "ServerVersionInfo")
    assert dict(header.attrib) == {"MajorVersion": "15", "MinorVersion": "0", "MajorBuildNumber": "578", "MinorBuildNumber": "11",
                                   "Version": "Exchange2013"}


# ---- Faults

def test_fault_byte_by_byte(account):
    """A raw & in a name, as documented: line, position and wording."""
    body = (f'<?xml version="1.0" encoding="utf-8"?>\n<soap:Envelope xmlns:soap="{SOAP}"\n  xmlns:t="{TYPES}"\n  xmlns:m="{MESSAGES}">\n'
            f'  <soap:Header>\n    {VERSION}\n  </soap:Header>\n  <soap:Body>\n    <m:AddImGroup>\n\n'
            "      <m:DisplayName>ABCDEFGHIJ& Co</m:DisplayName>\n    </m:AddImGroup>\n  </soap:Body>\n</soap:Envelope>\n")
    assert body.split("\n")[10].index("&") == 31
    reply = check(account, body.encode(), VALIDATION)
    violation = "An error occurred while parsing EntityName. Line 11, position 33."
    assert reply.body.decode() == (
        f'<?xml version="1.0" encoding="utf-8"?>\n<s:Envelope xmlns:s="{SOAP}"><s:Body><s:Fault>'
        f'<faultcode xmlns:a="{TYPES}">a:{VALIDATION}</faultcode>'
        f'<faultstring xml:lang="en-US">The request failed schema validation: {violation}</faultstring><detail>'
        f'<e:ResponseCode xmlns:e="{soap.ERRORS}">{VALIDATION}</e:ResponseCode>'
        f'<e:Message xmlns:e="{soap.ERRORS}">The request failed schema validation.</e:Message>'
        f'<t:MessageXml xmlns:t="{TYPES}"><t:LineNumber>11</t:LineNumber><t:LinePosition>33</t:LinePosition>'
        f"<t:Violation>{violation}</t:Violation></t:MessageXml></detail></s:Fault></s:Body></s:Envelope>"
    ).replace("\n", "" if b"?>\n" not in reply.body else "\n")


A_GROUP = '<m:GroupId Id="x"/>'
VIOLATIONS = {
    "nothing in it": "<m:AddImGroup/>",
    "empty text": operation("AddImGroup", DisplayName=""),
    "unknown child": "<m:GetImItemList><m:Other/></m:GetImItemList>",
    "text where there is none": "<m:GetImItemList>text</m:GetImItemList>",
    "twice": operation("AddImGroup", DisplayName="a").replace("</m:A", "<m:DisplayName>b</m:DisplayName></m:A"),
    "wrong order": operation("AddNewImContactToGroup", DisplayName="a", ImAddress="b@x"),
    "required child left out": operation("AddNewImContactToGroup", DisplayName="a"),
    "wrong namespace": "<m:AddImGroup><t:DisplayName>a</t:DisplayName></m:AddImGroup>",
    "no namespace": "<m:AddImGroup><DisplayName>a</DisplayName></m:AddImGroup>",
    "wrong case": "<m:AddImGroup><m:displayName>a</m:displayName></m:AddImGroup>",
    "child in a text": "<m:AddImGroup><m:DisplayName>a<m:b/></m:DisplayName></m:AddImGroup>",
    "unknown attribute": '<m:AddImGroup x="y"><m:DisplayName>a</m:DisplayName></m:AddImGroup>',
    "id without Id": "<m:RemoveImGroup><m:GroupId/></m:RemoveImGroup>",
    "id with something in it": '<m:RemoveImGroup><m:GroupId Id="x">y</m:GroupId></m:RemoveImGroup>',
    "id with an unknown attribute": '<m:RemoveImGroup><m:GroupId Id="x" Other="y"/></m:RemoveImGroup>',
    "two ids": f"<m:RemoveImGroup>{A_GROUP}{A_GROUP}</m:RemoveImGroup>",
    "required id left out": operation("RemoveImContactFromGroup", ContactId="x"),
    "no boolean": operation("SetImListMigrationCompleted", ImListMigrationCompleted="yes"),
    "boolean in capitals": operation("SetImListMigrationCompleted", ImListMigrationCompleted="TRUE"),
    "no ids in a list of ids": "<m:GetImItems><m:ContactIds/></m:GetImItems>",
    "ids in the wrong namespace": '<m:GetImItems><m:ContactIds><m:ItemId Id="x"/></m:ContactIds></m:GetImItems>',
    "no property": "<m:GetImItemList><m:ExtendedProperties/></m:GetImItemList>",
    "property without type": '<m:GetImItemList><m:ExtendedProperties><t:ExtendedProperty PropertyTag="0x3001"/>'
                             "</m:ExtendedProperties></m:GetImItemList>",
    "property of no known type": '<m:GetImItemList><m:ExtendedProperties><t:ExtendedProperty PropertyTag="0x3001" '
                                 'PropertyType="Text"/></m:ExtendedProperties></m:GetImItemList>',
    "property tag too large": '<m:GetImItemList><m:ExtendedProperties><t:ExtendedProperty PropertyTag="65536" '
                              'PropertyType="String"/></m:ExtendedProperties></m:GetImItemList>',
}


@pytest.mark.parametrize("case", VIOLATIONS)
def test_violation(account, case):
    body = envelope(f"\n{VIOLATIONS[case]}")
    reply = check(account, body, VALIDATION)
    line, position = (int(soap.text_at(reply.message, "detail", "MessageXml", name)) for name in ("LineNumber", "LinePosition"))
    assert line == 3 and 1 <= position <= len(VIOLATIONS[case]) + 1 + len("</soap:Body></soap:Envelope>")
    everything = account.im_list()
    assert (len(everything.groups), everything.personas) == (3, [])


@pytest.mark.parametrize("body", ["<m:AddImGroup/>", "<m:AddImGroup><m:DisplayName>A & B</m:DisplayName></m:AddImGroup>",
                                  "<m:AddImGroup><m:DisplayName>A</m:AddImGroup>"])
def test_https_fault(account, body):
    """A fault is spelled as the request was, as far as it could be read."""
    fault = account.soap(envelope(body, scheme="https")).message
    assert fault[0].text == f"a:{VALIDATION}" and fault[0].nsmap["a"] == f"{HTTPS}/types"
    assert [child.tag for child in fault[2]] == [f"{{{HTTPS}/errors}}ResponseCode", f"{{{HTTPS}/errors}}Message",
                                                 f"{{{HTTPS}/types}}MessageXml"]
    assert [child.tag.startswith(f"{{{HTTPS}/types}}") for child in fault[2][2]] == [True] * 3


# ---- What is no request, and what means harm

def with_doctype(doctype, body=LIST):
    return envelope(body).replace(b"?>\n", f"?>\n{doctype}".encode())


def named(text):
    return f"<m:AddImGroup><m:DisplayName>{text}</m:DisplayName></m:AddImGroup>"


BILLION = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(9))
MANY = 90_000
HOSTILE = {
    "nothing": (b"", REQUEST),
    "white space": (b" \r\n", REFUSED),
    "no XML": (b"GET / HTTP/1.1\r\n\r\n", VALIDATION),
    "binary": (bytes(range(256)) * 16, VALIDATION),
    **{f"nothing but {body!r}": (body, VALIDATION) for body in (
        b"\xfe", b"\xff", b"\0", b"<", b"\xef", b"\xef\xbb", b"\xfe\xff", b"\xff\xfe", b"\xff\xfe<", b"<\0", b"\0<", b"<\0a")},
    "ends early": (envelope(LIST)[:-20], VALIDATION),
    "ends before the operation": (envelope(LIST)[:100], VALIDATION),
    "something behind the end": (envelope(LIST) + b"<more/>", VALIDATION),
    "text behind the end": (envelope(LIST) + b"more", VALIDATION),
    "wrong end tag": (envelope("<m:GetImItemList></m:Other>"), VALIDATION),
    "unknown operation": (envelope("<m:GetFolder/>"), REQUEST),
    "operation in another namespace": (envelope('<GetImItemList xmlns="urn:x"/>'), REQUEST),
    "operation in no namespace": (envelope("<GetImItemList/>"), REQUEST),
    "empty body": (envelope(""), REQUEST),
    "text in the body": (envelope("text"), REFUSED),
    "two operations": (envelope(LIST + LIST), REQUEST),
    "a second operation, unknown": (envelope(LIST + "<m:GetFolder/>"), REQUEST),
    "two bodies": (envelope(LIST).replace(b"</soap:Envelope>", f"<soap:Body>{LIST}</soap:Body></soap:Envelope>".encode()), REFUSED),
    "no body": (envelope(LIST).replace(b"soap:Body", b"soap:Other"), REFUSED),
    "not SOAP": (b"<html><body/></html>", (*REFUSED, "s:VersionMismatch")),
    "SOAP 1.2": (envelope(LIST).replace(SOAP.encode(), b"http://www.w3.org/2003/05/soap-envelope"), "s:VersionMismatch"),
    "unbound prefix": (envelope("<n:GetImItemList/>"), REFUSED),
    "unbound prefix inside": (envelope("<m:AddImGroup><n:DisplayName>a</n:DisplayName></m:AddImGroup>"), VALIDATION),
    "unbound prefix of an attribute": (envelope('<m:GetImItemList n:a="b"/>'), VALIDATION),
    "an attribute twice": (envelope('<m:RemoveImGroup><m:GroupId Id="a" Id="b"/></m:RemoveImGroup>'), VALIDATION),
    "document type": (with_doctype("<!DOCTYPE x>"), VALIDATION),
    "entity": (with_doctype('<!DOCTYPE x [<!ENTITY a "inner">]>', named("&a;")), VALIDATION),
    "external entity": (with_doctype('<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>', named("&a;")), VALIDATION),
    "external subset": (with_doctype('<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">'), VALIDATION),
    "parameter entity": (with_doctype('<!DOCTYPE x [<!ENTITY % a SYSTEM "file:///etc/passwd">%a;]>'), VALIDATION),
    "entities of entities": (with_doctype(f'<!DOCTYPE x [<!ENTITY e0 "ha">{BILLION}]>', named("&e9;")), VALIDATION),
    "one large entity": (with_doctype(f'<!DOCTYPE x [<!ENTITY a "{"a" * 50_000}">]>', named("&a;" * 20_000)), VALIDATION),
    "document type in the body": (envelope("<!DOCTYPE x>" + LIST), VALIDATION),
    "undeclared entity": (envelope(named("&nbsp;")), VALIDATION),
    "reference to NUL": (envelope(named("a&#0;b")), VALIDATION),
    "reference to a control character": (envelope(named("a&#1;b")), VALIDATION),
    "reference to a surrogate": (envelope(named("&#xD83D;&#xDE00;")), VALIDATION),
    "reference beyond Unicode": (envelope(named("&#x110000;")), VALIDATION),
    "control character": (envelope(named("a\x01b")), VALIDATION),
    "NUL": (envelope(named("a\0b")), VALIDATION),
    "NUL behind the end": (envelope(LIST) + b"\0<hidden/>", VALIDATION),
    "broken UTF-8": (envelope(named("aXb")).replace(b"aXb", b"a\xc3b"), VALIDATION),
    "overlong UTF-8": (envelope(named("aXb")).replace(b"aXb", b"a\xc0\xafb"), VALIDATION),
    "surrogates in UTF-8": (envelope(named("aXb")).replace(b"aXb", b"\xed\xa0\xbd\xed\xb8\x80"), VALIDATION),
    "UTF-8 that ends early": (envelope(named("aX")).replace(b"aX<", b"a\xf0\x9f\x98<"), VALIDATION),
    "UTF-7": (text_of().replace("utf-8", "utf-7").encode("utf-7"), REFUSED),
    "UTF-32": (text_of().replace("utf-8", "utf-32").encode("utf-32"), REFUSED),
    "EBCDIC": (text_of().replace("utf-8", "IBM037").encode("cp037"), REFUSED),
    "Latin 1": (text_of(named("\u00e4")).replace("utf-8", "iso-8859-1").encode("latin-1"), REFUSED),
    "unknown encoding": (envelope(LIST).replace(b"utf-8", b"nothing"), REFUSED),
    "UTF-16 with an odd byte": (text_of().replace("utf-8", "utf-16").encode("utf-16") + b"<", VALIDATION),
    "UTF-16 with half a pair": (text_of(named("X")).replace("utf-8", "utf-16").encode("utf-16").replace(b"X\0", b"\0\xd8"), VALIDATION),
    "many attributes": (envelope("<m:GetImItemList " + " ".join(f'a{n}=""' for n in range(MANY)) + "/>"), REFUSED),
    "many attributes of the envelope": (
        envelope(LIST).replace(b"<soap:Envelope ", f"<soap:Envelope {' '.join(f'a{n}=a' for n in range(MANY))} ".replace(
            "=a", '="" ').encode()), REFUSED),
    "many attributes inside": (
        envelope("<m:RemoveImGroup><m:GroupId " + " ".join(f'a{n}=""' for n in range(MANY)) + "/></m:RemoveImGroup>"), REFUSED),
    "many namespaces": (envelope("<m:GetImItemList " + " ".join(f'xmlns:a{n}="u"' for n in range(50_000)) + "/>"), REFUSED),
    "long attribute": (envelope(f'<m:RemoveImGroup><m:GroupId Id="{"A" * 900_000}"/></m:RemoveImGroup>'),
                       (*REFUSED, "ErrorInvalidIdStoreObjectIdTooLong")),
    "long element name": (envelope(f"<m:{'a' * 900_000}/>"), REFUSED),
    "long text": (envelope(named("a" * 900_000)), (*REFUSED, "ErrorDataSizeLimitExceeded")),
    "many references": (envelope(named("&amp;" * 150_000)), (*REFUSED, "ErrorDataSizeLimitExceeded")),
    "long comment": (envelope(f"<!--{'a' * 900_000}-->{LIST}"), ANSWERED),
    "many comments": (envelope("<m:GetImItemList>" + "<!---->" * 120_000 + "</m:GetImItemList>"), ANSWERED),
    "many instructions": (envelope("<m:GetImItemList>" + "<?a?>" * 150_000 + "</m:GetImItemList>"), ANSWERED),
    "many elements": (envelope("<m:GetImItemList>" + "<m:a/>" * 140_000 + "</m:GetImItemList>"), REFUSED),
    "many headers": (envelope(LIST, "<t:a/>" * 140_000), ANSWERED),
    "long header": (envelope(LIST, f"<t:a>{'a' * 900_000}</t:a>"), ANSWERED),
    "many ids": (envelope("<m:GetImItems><m:ContactIds>" + '<t:ItemId Id="A"/>' * 50_000 + "</m:ContactIds></m:GetImItems>"),
                 (*REFUSED, "ErrorDataSizeLimitExceeded")),
    "deep in the operation": (envelope("<m:GetImItemList>" + "<m:a>" * 100_000), REFUSED),
    "deep and closed": (envelope("<m:GetImItemList>" + "<m:a>" * 5000 + "</m:a>" * 5000 + "</m:GetImItemList>"), REFUSED),
    "deep in the header": (envelope(LIST, "<t:a>" * 5000 + "</t:a>" * 5000), REFUSED),
    "deep before the envelope": (b"<a>" * 200_000, (*REFUSED, "s:VersionMismatch")),
    "CDATA without end": (envelope(f"<m:AddImGroup><m:DisplayName><![CDATA[{'a' * 900_000}"), VALIDATION),
    "comment without end": (envelope(f"<!--{'a' * 900_000}"), VALIDATION),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile(account, case):
    body, expected = HOSTILE[case]
    check(account, body, expected)
    everything = account.im_list()
    assert (len(everything.groups), everything.personas) == (3, [])


def test_children_are_still_the_same(env, account):
    """None of the above cost a process."""
    before = env.children()
    for body, _ in HOSTILE.values():
        account.soap(body)
    assert env.children() == before
