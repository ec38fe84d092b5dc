# SPDX-License-Identifier: Apache-2.0
"""The published description: it loads, it holds what the operations need and no more, every fixture and no broken one
validates, and where the official schema is at hand each of our types is found there with the same children in the same order."""

import copy
import re

import pytest
from lxml import etree

from tests.schema import validate
from tests.schema.structure import Schema, Shape
from tests.schema.validate import MESSAGES, OFFICIAL, OURS, ROOT, SOAP, TYPES, schema_errors, validate_reply

FIXTURES = ROOT / "tests" / "fixtures"
OPERATIONS = sorted(path.name.split(".")[0] for path in FIXTURES.glob("*.request.xml") if path.name != "seed.request.xml")
HEADERS = ["t:ExchangeImpersonation", "t:MailboxCulture", "t:RequestServerVersion", "t:TimeZoneContext", "t:ServerVersionInfo"]
NAMES = {"m": MESSAGES, "t": TYPES, "s": SOAP, "w": "http://schemas.xmlsoap.org/wsdl/", "b": "http://schemas.xmlsoap.org/wsdl/soap/",
         "x": "http://www.w3.org/2001/XMLSchema"}
needs_official = pytest.mark.skipif(not (OFFICIAL / "messages.xsd").exists(), reason=f"no official schema in {OFFICIAL}")

# Where we differ on purpose: type, child or attribute (or None), and why.
EXCEPTIONS = {
    ("m:AddDistributionGroupToImListType", "DisplayName"): "optional: the published example leaves it out",
    ("t:ConnectingSIDType", "PrincipalName"): "a type that only renames NonEmptyStringType",
    ("t:ConnectingSIDType", "SID"): "a type that only renames NonEmptyStringType",
    ("t:ConnectingSIDType", "PrimarySmtpAddress"): "a type that only renames NonEmptyStringType",
    ("t:ConnectingSIDType", "SmtpAddress"): "a type that only renames NonEmptyStringType",
    ("t:OccurrenceItemIdType", "RecurringMasterId"): "a type that only renames xs:string",
    ("t:RecurringMasterItemIdType", "OccurrenceId"): "a type that only renames xs:string",
    ("t:OccurrencesRangeType", "Start"): "times that nobody looks at",
    ("t:OccurrencesRangeType", "End"): "times that nobody looks at",
    ("t:TimeZoneDefinitionType", None): "the rules of a zone are not read, so they are a wildcard",
    ("t:ExchangeVersionType", None): "later versions are allowed by a pattern",
    ("t:GuidType", None): "the same pattern, written shorter",
    ("t:PropertyTagType", None): "the same pattern, written differently",
}


def request_element(operation):
    return validate.parse((FIXTURES / f"{operation}.request.xml").read_bytes()).find(f"{{{SOAP}}}Body")[0]


def reply_bytes(operation):
    return (FIXTURES / f"{operation}.response.xml").read_bytes()


# ---- What there is

def test_the_operations_and_the_headers():
    ours = Schema(OURS)
    assert sorted(ours.names("element")) == sorted(
        [f"m:{name}{suffix}" for name in OPERATIONS for suffix in ("", "Response")] + HEADERS)
    assert len(OPERATIONS) >= 13


def test_nothing_that_is_not_needed():
    ours = Schema(OURS)
    assert set(ours.names("type")) == ours.reachable(ours.names("element"))


def test_types_stand_alone():
    imports = {file: etree.parse(str(OURS / file)).xpath("//x:import/@schemaLocation | //x:include/@schemaLocation", namespaces=NAMES)
               for file in ("types.xsd", "messages.xsd", "Services.wsdl")}
    assert imports == {"types.xsd": [], "messages.xsd": ["types.xsd"], "Services.wsdl": ["messages.xsd", "types.xsd"]}
    assert not etree.parse(str(OURS / "types.xsd")).xpath("//@ref", namespaces=NAMES)


def test_response_codes_are_those_of_the_server():
    header = (ROOT / "mod_ews_im" / "ews" / "error.h").read_text(encoding="utf-8")
    body = re.search(r"enum class ResponseCode[^{]*\{(.*?)\}", header, re.DOTALL)[1]
    assert set(re.findall(r"^\s*(\w+)[,\s]", body, re.MULTILINE)) == validate.response_codes()


def test_wsdl():
    text = (OURS / "Services.wsdl").read_text(encoding="utf-8")
    assert re.findall(r'.*@EWS_URL@.*', text) == ['      <soap:address location="@EWS_URL@"/>']
    root = etree.fromstring(text.encode())
    assert sorted(root.xpath("w:portType/w:operation/@name", namespaces=NAMES)) == OPERATIONS
    binding, = root.xpath("w:binding", namespaces=NAMES)
    assert binding.find("b:binding", NAMES).attrib == {"style": "document", "transport": "http://schemas.xmlsoap.org/soap/http"}
    elements = {f"tns:{name.removeprefix('m:')}" if name[0] == "m" else name for name in Schema(OURS).names("element")}
    for message in root.iterfind("w:message", NAMES):
        assert {part.get("element") for part in message} <= elements
    for name in OPERATIONS:
        bound, = binding.xpath(f"w:operation[@name='{name}']", namespaces=NAMES)
        assert bound.find("b:operation", NAMES).get("soapAction") == f"{MESSAGES}/{name}"
        assert bound.xpath("w:input/b:header/@part", namespaces=NAMES) == ["Impersonation", "MailboxCulture", "RequestVersion"]
        assert bound.xpath("w:output/b:header/@part", namespaces=NAMES) == ["ServerVersion"]
        assert set(bound.xpath(".//@use", namespaces=NAMES)) == {"literal"}


# ---- What validates, and what does not

@pytest.mark.parametrize("operation", OPERATIONS)
def test_fixture_pair(operation):
    element = request_element(operation)
    assert (element.tag, schema_errors(element)) == (f"{{{MESSAGES}}}{operation}", [])
    assert validate_reply(reply_bytes(operation)) == []
    reply = validate.parse(reply_bytes(operation)).find(f"{{{SOAP}}}Body")[0]
    assert reply.tag == f"{{{MESSAGES}}}{operation}Response"


def test_published_example():
    """Its error reply is right as it stands; its request too; its success reply is known to break its own schema."""
    assert schema_errors(validate.parse((FIXTURES / "seed.request.xml").read_bytes()).find(f"{{{SOAP}}}Body")[0]) == []
    assert validate_reply((FIXTURES / "seed.error.xml").read_bytes()) == []
    problems = validate_reply((FIXTURES / "seed.reply.xml").read_bytes())
    assert problems and all("Address" in problem for problem in problems)


def change(element, path, what):
    """A copy of the element with one thing changed at a path of local names."""
    changed = copy.deepcopy(element)
    node = changed.xpath("." + "".join(f"/*[local-name()='{name}']" for name in path.split("/") if name))[0]
    what(node)
    return changed


def drop(node):
    node.getparent().remove(node)


def swap(node):
    node.getparent().insert(node.getparent().index(node) + 2, node)


def double(node):
    node.addnext(copy.deepcopy(node))


def set_(name, value):
    return lambda node: node.set(name, value)


def without(name):
    return lambda node: node.attrib.pop(name)


def text(value):
    return lambda node: setattr(node, "text", value)


def rename(tag):
    return lambda node: setattr(node, "tag", tag)


BAD = {
    "missing child": ("AddImGroup", "DisplayName", drop),
    "empty text": ("AddImGroup", "DisplayName", text("")),
    "child twice": ("AddImGroup", "DisplayName", double),
    "unknown child": ("AddImGroup", "DisplayName", rename(f"{{{MESSAGES}}}Name")),
    "child of the other namespace": ("AddImGroup", "DisplayName", rename(f"{{{TYPES}}}DisplayName")),
    "children in another order": ("AddNewImContactToGroup", "ImAddress", swap),
    "group missing where it is required": ("RemoveImContactFromGroup", "GroupId", drop),
    "new name missing": ("SetImGroup", "NewDisplayName", drop),
    "tel uri without number": ("AddNewTelUriContactToGroup", "ImTelephoneNumber", drop),
    "tel uri without sip address": ("AddNewTelUriContactToGroup", "ImContactSipUriAddress", drop),
    "id without Id": ("RemoveImGroup", "GroupId", without("Id")),
    "id with an unknown attribute": ("RemoveImGroup", "GroupId", set_("Key", "x")),
    "text in an id": ("RemoveImGroup", "GroupId", text("x")),
    "text between children": ("GetImItems", "", text("x")),
    "not a boolean": ("SetImListMigrationCompleted", "ImListMigrationCompleted", text("yes")),
    "no ids in ContactIds": ("GetImItems", "ContactIds/ItemId", drop),
    "id of the other namespace": ("GetImItems", "ContactIds/ItemId", rename(f"{{{MESSAGES}}}ItemId")),
    "property without type": ("GetImItems", "ExtendedProperties/ExtendedProperty", without("PropertyType")),
    "property of an unknown type": ("GetImItems", "ExtendedProperties/ExtendedProperty", set_("PropertyType", "Text")),
    "property tag too long": ("GetImItems", "ExtendedProperties/ExtendedProperty", set_("PropertyTag", "0x30010")),
    "property tag above 65535": ("GetImItems", "ExtendedProperties/ExtendedProperty", set_("PropertyTag", "65536")),
    "property set that is no GUID": ("GetImItems", "ExtendedProperties/ExtendedProperty", set_("PropertySetId", "{0}")),
    "unknown property set": ("GetImItems", "ExtendedProperties/ExtendedProperty", set_("DistinguishedPropertySetId", "Mine")),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_request(case):
    operation, path, what = BAD[case]
    changed = change(request_element(operation), path, what)
    for name, _ in validate.schemas():
        assert schema_errors(changed, name), name


def test_distribution_group_without_name():
    changed = change(request_element("AddDistributionGroupToImList"), "DisplayName", drop)
    assert not schema_errors(changed, "conf/wsdl")


@pytest.mark.parametrize("header, problem", [
    ('<t:RequestServerVersion Version="Exchange2013"/>', None), ('<t:RequestServerVersion Version="V2018_01_08"/>', None),
    ('<t:RequestServerVersion Version="V2_10"/>', "Version"), ('<t:RequestServerVersion Version="Exchange"/>', "Version"),
    ("<t:RequestServerVersion/>", "Version"),
    ('<t:RequestServerVersion Version="Exchange2013" s:mustUnderstand="1"/>', None),
    ("<t:MailboxCulture>en-US</t:MailboxCulture>", None), ("<t:MailboxCulture>e n</t:MailboxCulture>", "language"),
    ('<t:TimeZoneContext><t:TimeZoneDefinition Id="GMT Standard Time"/></t:TimeZoneContext>', None),
    ('<t:TimeZoneContext><t:TimeZoneDefinition><t:Periods/></t:TimeZoneDefinition></t:TimeZoneContext>', None),
    ("<t:TimeZoneContext/>", "TimeZoneDefinition"),
    ("<t:ExchangeImpersonation><t:ConnectingSID><t:SID>S-1-5</t:SID></t:ConnectingSID></t:ExchangeImpersonation>", None),
    ("<t:ExchangeImpersonation><t:ConnectingSID><t:SID/></t:ConnectingSID></t:ExchangeImpersonation>", "minLength"),
    ("<t:ExchangeImpersonation><t:ConnectingSID/></t:ExchangeImpersonation>", "Missing child"),
    ('<t:ServerVersionInfo MajorVersion="15"/>', None), ('<t:ServerVersionInfo MajorVersion="x"/>', "MajorVersion"),
])
def test_headers(header, problem):
    element = etree.fromstring(f'<h xmlns:t="{TYPES}" xmlns:s="{SOAP}">{header}</h>')[0]
    errors = schema_errors(element, "conf/wsdl")
    assert (errors == []) if problem is None else problem in errors[0]


# ---- The validator of replies finds what it should

VERSION = f'<t:ServerVersionInfo xmlns:t="{TYPES}" MajorVersion="15" MinorVersion="0" MajorBuildNumber="1" MinorBuildNumber="2"/>'
ERROR = ("<MessageText>No.</MessageText><ResponseCode>ErrorItemNotFound</ResponseCode>"
         "<DescriptiveLinkKey>0</DescriptiveLinkKey>")
GROUP = f'<ImGroup><DisplayName xmlns="{TYPES}">a</DisplayName><GroupType xmlns="{TYPES}">b</GroupType></ImGroup>'
VALUE = f'<MessageXml><t:Value xmlns:t="{TYPES}" Name="MailboxGuid">x</t:Value></MessageXml>'


def reply(children=ERROR, kind="Error", header=VERSION, operation="AddImGroup"):
    return (f'<s:Envelope xmlns:s="{SOAP}"><s:Header>{header}</s:Header><s:Body><{operation}Response xmlns="{MESSAGES}" '
            f'ResponseClass="{kind}">{children}</{operation}Response></s:Body></s:Envelope>').encode()


def fault(code="ErrorAccessDenied", prefix=TYPES, language="en-US", text_="No.", detail=None, extra=""):
    if detail is None:
        detail = f"<e:ResponseCode>{code}</e:ResponseCode><e:Message>{text_}</e:Message>"
    return (f'<s:Envelope xmlns:s="{SOAP}">{extra}<s:Body><s:Fault><faultcode xmlns:a="{prefix}">a:{code}</faultcode>'
            f'<faultstring xml:lang="{language}">{text_}</faultstring><detail xmlns:e="{validate.ERRORS}" xmlns:t="{TYPES}">{detail}'
            f"</detail></s:Fault></s:Body></s:Envelope>").encode()


def violation(line="3", position="14", message="The request failed schema validation.", shown="bad", told="bad"):
    return fault("ErrorSchemaValidation", text_=f"The request failed schema validation: {told}", detail=(
        f"<e:ResponseCode>ErrorSchemaValidation</e:ResponseCode><e:Message>{message}</e:Message><t:MessageXml><t:LineNumber>{line}"
        f"</t:LineNumber><t:LinePosition>{position}</t:LinePosition><t:Violation>{shown}</t:Violation></t:MessageXml>"))


DENIED = "<e:ResponseCode>ErrorAccessDenied</e:ResponseCode><e:Message>No.</e:Message>"
BUSY = ("<e:ResponseCode>ErrorServerBusy</e:ResponseCode><e:Message>No.</e:Message>"
        '<t:MessageXml><t:Value Name="BackOffMilliseconds">1000</t:Value></t:MessageXml>')
REPLIES = {
    "error": (reply(), None),
    "error with a value": (reply(ERROR + VALUE), None),
    "success": (reply("<ResponseCode>NoError</ResponseCode>" + GROUP, "Success"), None),
    "https": (reply().replace(b"http://schemas.microsoft", b"https://schemas.microsoft"), None),
    "fault": (fault(), None),
    "busy": (fault("ErrorServerBusy", detail=BUSY), None),
    "violation": (violation(), None),
    "not XML": (b"<a>", "not XML"),
    "not an envelope": (b"<a/>", "not an envelope"),
    "two in the body": (reply().replace(b"</s:Body>", b"<a/></s:Body>"), "2 elements"),
    "no header": (reply(header=""), "ServerVersionInfo"),
    "header without a number": (reply(header=VERSION.replace("MinorVersion", "Version")), "MinorVersion is missing"),
    "header with a bad number": (reply(header=VERSION.replace("15", "x")), "xs:int"),
    "unknown code": (reply(ERROR.replace("ErrorItemNotFound", "ErrorMine")), "enumeration"),
    "unknown element": (reply(ERROR + "<Mine/>"), "not expected"),
    "unknown reply": (reply(operation="AddImGroups"), "No matching global"),
    "payload before the code": (reply(GROUP + "<ResponseCode>NoError</ResponseCode>", "Success"), "not expected"),
    "success with an error's code": (reply("<ResponseCode>ErrorItemNotFound</ResponseCode>", "Success"), "success with the code"),
    "success with a text": (reply("<MessageText/><ResponseCode>NoError</ResponseCode>", "Success"), "success with MessageText"),
    "error without text": (reply(ERROR.replace("No.", "")), "without its text"),
    "error without link key": (reply(ERROR[:ERROR.index("<Desc")]), "made of"),
    "error with a payload": (reply(ERROR + GROUP), "made of"),
    "error with NoError": (reply(ERROR.replace("ErrorItemNotFound", "NoError")), "error with the code"),
    "warning": (reply(kind="Warning"), "ResponseClass"),
    "value without name": (reply(ERROR + VALUE.replace("Name", "Nam")), "t:Value with Name"),
    "value of the wrong namespace": (reply(ERROR + VALUE.replace(TYPES, MESSAGES)), "t:Value with Name"),
    "empty MemberCorrelationKey": (reply("<ResponseCode>NoError</ResponseCode>" + GROUP.replace(
        "</ImGroup>", f'<MemberCorrelationKey xmlns="{TYPES}"/></ImGroup>'), "Success"), "Missing child"),
    "fault with a header": (fault(extra="<s:Header/>"), "a fault with a header"),
    "fault with an unknown code": (fault("ErrorMine"), "faultcode"),
    "fault with another namespace": (fault(prefix=MESSAGES), "faultcode"),
    "fault without language": (fault(language="de"), "en-US"),
    "fault that contradicts itself": (fault(detail=DENIED.replace("ErrorAccessDenied", "ErrorInvalidSid")), "not the text"),
    "fault that tells two things": (fault(detail=DENIED.replace("No.", "Yes.")), "not the text"),
    "fault without message": (fault(detail="<e:ResponseCode>ErrorAccessDenied</e:ResponseCode>"), "detail is made of"),
    "fault of SOAP": (fault("MustUnderstand", prefix=SOAP), "a fault of SOAP"),
    "violation without line": (violation(line="0"), "line '0'"),
    "violation not told": (violation(told="worse"), "does not end with"),
    "violation with another message": (violation(message="Bad."), "not the text"),
}


@pytest.mark.parametrize("case", REPLIES)
def test_validate_reply(case):
    data, problem = REPLIES[case]
    problems = validate_reply(data)
    assert problems == [] if problem is None else any(problem in found for found in problems), problems


def test_validate_soap_fault():
    data = fault("MustUnderstand", prefix=SOAP).decode()
    assert validate_reply(re.sub("<detail.*</detail>", "", data).encode()) == []


# ---- Against the official schema

def compare(name, ours, theirs, problems):
    """Ours must be a subsequence of theirs, each child and attribute the same."""
    if (name, None) in EXCEPTIONS:
        return
    position = 0
    names = [child.name for child in theirs.children]
    for child in ours.children:
        if child.name not in names[position:]:
            problems.append(f"{name}: {child.name} is not there, or not there in the order")
            continue
        position = names.index(child.name, position) + 1
        other = theirs.children[position - 1]
        if isinstance(child.type, Shape) and isinstance(other.type, Shape):
            compare(f"{name}/{child.name}", child.type, other.type, problems)
        elif child.type != other.type and (name, child.name) not in EXCEPTIONS:
            problems.append(f"{name}: {child.name} is {child.type}, there {other.type}")
        if (child.occurs, child.choice) != (other.occurs, other.choice) and (name, child.name) not in EXCEPTIONS:
            problems.append(f"{name}: {child.name} occurs {child.occurs}, there {other.occurs}")
    for attribute, what in ours.attributes.items():
        if theirs.attributes.get(attribute) != what and (name, attribute) not in EXCEPTIONS:
            problems.append(f"{name}: @{attribute} is {what}, there {theirs.attributes.get(attribute)}")
    for attribute, (_, use) in theirs.attributes.items():
        if use == "required" and attribute not in ours.attributes:
            problems.append(f"{name}: @{attribute} is missing")
    missing = [child.name for child in theirs.children if child.occurs[0] and child.name not in {c.name for c in ours.children}]
    if missing or ours.wildcard != theirs.wildcard or ours.base != theirs.base:
        problems.append(f"{name}: misses {missing}, or another wildcard or base")
    if not set(ours.facets) <= set(theirs.facets):
        problems.append(f"{name}: {set(ours.facets) - set(theirs.facets)} is not there")


@needs_official
def test_structure_is_the_official_one():
    ours, theirs, problems = Schema(OURS), Schema(OFFICIAL), []
    for name in ours.names("element"):
        mine, other = ours.of("element", name), theirs.of("element", name)
        if isinstance(mine, Shape):
            compare(name, mine, other, problems)
        elif mine != other:
            problems.append(f"{name} is of the type {mine}, there {other}")
    for name in ours.names("type"):
        compare(name, ours.of("type", name), theirs.of("type", name), problems)
    assert not problems, "\n".join(problems)


@needs_official
def test_exceptions_are_needed():
    """Each exception hides a difference; one that does not is out of date."""
    ours, theirs = Schema(OURS), Schema(OFFICIAL)
    for key in list(EXCEPTIONS):
        reason = EXCEPTIONS.pop(key)
        try:
            problems = []
            compare(key[0], ours.of("type", key[0]), theirs.of("type", key[0]), problems)
            assert problems, f"{key}: {reason}"
        finally:
            EXCEPTIONS[key] = reason


@needs_official
def test_wsdl_is_the_official_one():
    def described(path):
        root = etree.parse(str(path)).getroot()
        messages = {m.get("name"): [(p.get("name"), p.get("element")) for p in m.iterfind("w:part", NAMES)]
                    for m in root.iterfind("w:message", NAMES)}
        bound = {}
        for node in root.iterfind("w:binding/w:operation", NAMES):
            bound[node.get("name")] = (
                node.find("b:operation", NAMES).get("soapAction"), node.xpath("w:input/b:body/@parts", namespaces=NAMES),
                node.xpath("w:input/b:header/@part", namespaces=NAMES), node.xpath("w:output/b:body/@parts", namespaces=NAMES),
                node.xpath("w:output/b:header/@part", namespaces=NAMES))
        ports = {o.get("name"): [m.get("message") for m in o if m.get("message")]
                 for o in root.iterfind("w:portType/w:operation", NAMES)}
        names = [root.find(f"w:{kind}", NAMES).get("name") for kind in ("portType", "binding")]
        return names, messages, bound, ports

    mine, other = described(OURS / "Services.wsdl"), described(OFFICIAL / "services.wsdl")
    assert mine[0] == other[0]
    for one, all_ in zip(mine[1:], other[1:]):
        assert one == {key: all_.get(key) for key in one}
