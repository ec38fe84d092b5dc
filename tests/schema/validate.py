# SPDX-License-Identifier: Apache-2.0
"""Says what is wrong with an answer: its body against the published schema, its header, its fault, its own consistency.

Two schemas: conf/wsdl, and the official one if it lies beside the checkout in ../shared/protocol/schema. Each is compiled
once. Namespaces spelled with https: count as http:. Knows nothing of servers.
"""

import re
import threading
from functools import cache
from pathlib import Path

from lxml import etree

ROOT = Path(__file__).resolve().parents[2]
OURS = ROOT / "conf" / "wsdl"
OFFICIAL = ROOT.parent / "shared" / "protocol" / "schema"

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
SERVICES = "http://schemas.microsoft.com/exchange/services/2006"
MESSAGES, TYPES, ERRORS = (f"{SERVICES}/{name}" for name in ("messages", "types", "errors"))
XS = "{http://www.w3.org/2001/XMLSchema}"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"

SCHEMA_TEXT = "The request failed schema validation."
VERSION_NUMBERS = ("MajorVersion", "MinorVersion", "MajorBuildNumber", "MinorBuildNumber")
HTTPS = re.compile(rb"(xmlns(?::[\w.-]+)?\s*=\s*[\"'])https(://schemas\.microsoft\.com/exchange/services/2006/)")
LOCK = threading.Lock()  # a schema keeps the errors of its last validation


@cache
def schemas():
    """Every schema at hand as (name, compiled); ours comes first."""
    found = [("conf/wsdl", OURS)]
    if (OFFICIAL / "messages.xsd").exists():
        found.append(("official", OFFICIAL))
    return [(name, etree.XMLSchema(etree.parse(str(folder / "messages.xsd")))) for name, folder in found]


@cache
def response_codes():
    tree = etree.parse(str(OURS / "messages.xsd"))
    return frozenset(tree.xpath("//*[@name='ResponseCodeType']//@value"))


def parse(data):
    """An envelope or any other document, https namespaces turned into http."""
    return etree.fromstring(HTTPS.sub(rb"\1http\2", data), etree.XMLParser(resolve_entities=False, no_network=True))


def schema_errors(element, which=None):
    """What each schema (or the one named) has against this element."""
    problems = []
    with LOCK:
        for name, schema in schemas():
            if which in (None, name) and not schema.validate(element):
                problems += [f"{name}: line {error.line}: {error.message}" for error in schema.error_log]
    return problems


def elements(parent):
    return [child for child in parent if isinstance(child.tag, str)]


def tags(parent):
    return [child.tag for child in elements(parent)]


def only_text(node, text):
    """Complaint about an element that should hold this text and nothing else."""
    return [] if not elements(node) and (node.text or "") == text else [f"{node.tag}: not the text {text!r}"]


def header_problems(header):
    """A response message comes with exactly one ServerVersionInfo, and clients read its four numbers."""
    if header is None or tags(header) != [f"{{{TYPES}}}ServerVersionInfo"]:
        return ["the header is not one t:ServerVersionInfo"]
    version = header[0]
    problems = schema_errors(version)
    problems += [f"ServerVersionInfo: {name} is missing" for name in VERSION_NUMBERS if name not in version.attrib]
    return problems


def message_problems(message):
    """The schema, and what it cannot say: a success names no error, an error has its texts and no payload."""
    problems = schema_errors(message)
    found = {etree.QName(child).localname: child for child in elements(message)}
    code = found["ResponseCode"].text if "ResponseCode" in found else None
    kind = message.get("ResponseClass")
    if kind == "Success":
        if code != "NoError":
            problems.append(f"a success with the code {code}")
        problems += [f"a success with {name}" for name in ("MessageText", "DescriptiveLinkKey", "MessageXml") if name in found]
    elif kind == "Error":
        if code in (None, "NoError"):
            problems.append(f"an error with the code {code}")
        if [*found][:3] != ["MessageText", "ResponseCode", "DescriptiveLinkKey"] or set(found) - {
                "MessageText", "ResponseCode", "DescriptiveLinkKey", "MessageXml"}:
            problems.append(f"an error made of {', '.join(found)}")
        elif not found["MessageText"].text or found["DescriptiveLinkKey"].text != "0":
            problems.append("an error without its text, or with another DescriptiveLinkKey than 0")
        problems += value_problems(found.get("MessageXml"))
    else:
        problems.append(f"ResponseClass is {kind}")
    return problems


def value_problems(message_xml):
    """MessageXml holds t:Value elements with a Name."""
    if message_xml is None:
        return []
    if not elements(message_xml) or any(child.tag != f"{{{TYPES}}}Value" or not child.get("Name") for child in elements(message_xml)):
        return ["MessageXml does not hold t:Value with Name"]
    return []


def fault_problems(fault):
    """The shape of faults since Exchange 2010 SP1, or one of the two that SOAP itself demands."""
    children = elements(fault)
    names = [child.tag for child in children]
    if names[:2] != ["faultcode", "faultstring"]:
        return [f"a fault made of {names}"]
    prefix, _, code = (children[0].text or "").rpartition(":")
    namespace = children[0].nsmap.get(prefix or None)
    problems = [] if children[1].get(XML_LANG) == "en-US" else ["faultstring is not marked as en-US"]
    if not children[1].text:
        problems.append("faultstring is empty")
    if namespace == SOAP:
        if code not in ("MustUnderstand", "VersionMismatch") or len(children) != 2:
            problems.append(f"a fault of SOAP: {code}, {names}")
        return problems
    if namespace != TYPES or code not in response_codes() - {"NoError"}:
        return problems + [f"faultcode is {children[0].text} in {namespace}"]
    if names != ["faultcode", "faultstring", "detail"]:
        return problems + [f"a fault made of {names}"]
    return problems + detail_problems(children[2], code, children[1].text)


def detail_problems(detail, code, text):
    wanted = [f"{{{ERRORS}}}ResponseCode", f"{{{ERRORS}}}Message"]
    if tags(detail) not in (wanted, [*wanted, f"{{{TYPES}}}MessageXml"]):
        return [f"detail is made of {tags(detail)}"]
    children = elements(detail)
    problems = only_text(children[0], code)
    if code != "ErrorSchemaValidation":
        return problems + only_text(children[1], text) + value_problems(children[2] if len(children) > 2 else None)
    problems += only_text(children[1], SCHEMA_TEXT)
    if len(children) < 3 or tags(children[2]) != [f"{{{TYPES}}}{name}" for name in ("LineNumber", "LinePosition", "Violation")]:
        return problems + ["no LineNumber, LinePosition, Violation"]
    line, position, violation = (child.text or "" for child in children[2])
    if not re.fullmatch(r"[1-9]\d*", line) or not re.fullmatch(r"[1-9]\d*", position):
        problems.append(f"line {line!r}, position {position!r}")
    if not violation or text != f"{SCHEMA_TEXT[:-1]}: {violation}":
        problems.append("faultstring does not end with the violation")
    return problems


def validate_reply(body):
    """Everything wrong with the bytes of an answer, as a list of sentences; empty if it is right."""
    try:
        envelope = parse(body)
    except etree.XMLSyntaxError as error:
        return [f"not XML: {error}"]
    if envelope.tag != f"{{{SOAP}}}Envelope":
        return [f"not an envelope: {envelope.tag}"]
    parts = {etree.QName(part).localname: part for part in elements(envelope)}
    if tags(envelope) not in ([f"{{{SOAP}}}Body"], [f"{{{SOAP}}}Header", f"{{{SOAP}}}Body"]):
        return [f"the envelope holds {tags(envelope)}"]
    content = elements(parts["Body"])
    if len(content) != 1:
        return [f"{len(content)} elements in the body"]
    if content[0].tag == f"{{{SOAP}}}Fault":
        return (["a fault with a header"] if "Header" in parts else []) + fault_problems(content[0])
    return header_problems(parts.get("Header")) + message_problems(content[0])
