# SPDX-License-Identifier: Apache-2.0
"""Random requests of the thirteen operations, right ones and wrong ones, from a seed: what the server's checker is compared
with the schema on. Every envelope is well-formed and its operation is one of ours; only what is inside the operation's
element varies, and how it is written down.

    for request in requests(seed=1, count=10000):
        request.label, request.data            # "AddImGroup: drop a child", b"<?xml ..."
"""

import random
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

SERVICES = "schemas.microsoft.com/exchange/services/2006"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
OTHER = "urn:example:other"

# ---- What the operations take: child, kind, required
ID, IDS, TEXT, PROPERTIES, BOOLEAN = "ItemIdType", "NonEmptyArrayOfBaseItemIdsType", "NonEmptyStringType", "NonEmptyArrayOfExtendedFieldURIs", "boolean"
OPERATIONS = {
    "AddNewImContactToGroup": [("ImAddress", TEXT, True), ("DisplayName", TEXT, False), ("GroupId", ID, False)],
    "AddNewTelUriContactToGroup": [("TelUriAddress", TEXT, True), ("ImContactSipUriAddress", TEXT, True),
                                   ("ImTelephoneNumber", TEXT, True), ("GroupId", ID, False)],
    "AddImContactToGroup": [("ContactId", ID, True), ("GroupId", ID, False)],
    "RemoveImContactFromGroup": [("ContactId", ID, True), ("GroupId", ID, True)],
    "RemoveContactFromImList": [("ContactId", ID, True)],
    "AddImGroup": [("DisplayName", TEXT, True)],
    "SetImGroup": [("GroupId", ID, True), ("NewDisplayName", TEXT, True)],
    "RemoveImGroup": [("GroupId", ID, True)],
    "AddDistributionGroupToImList": [("SmtpAddress", TEXT, True), ("DisplayName", TEXT, False)],
    "RemoveDistributionGroupFromImList": [("GroupId", ID, True)],
    "GetImItemList": [("ExtendedProperties", PROPERTIES, False)],
    "GetImItems": [("ContactIds", IDS, False), ("GroupIds", IDS, False), ("ExtendedProperties", PROPERTIES, False)],
    "SetImListMigrationCompleted": [("ImListMigrationCompleted", BOOLEAN, True)],
}
WORDS = ["a", "Friends", "tsmith@contoso.com", "R&D <Lund>", "Å\u0308sa \U0001F600", " leading", "two\nlines", "x" * 300, "]]>", "0"]
IDENTIFIERS = ["AAMkAGQ1MjJjMTBkLTc4Y2UtNDAAAQKAAA=", "x", "", " ", "a&b", "0", "Å"]
BOOLEANS = ["true", "false", "1", "0", " true", "false\n", "\t1 ", "TRUE", "False", "yes", "2", "01", "", " ", "t rue", "\u00a0true", "+1", "1.0"]
TAGS = ["0x3001", "0X1a", "0x1", "0xFFFF", "12289", "0", "65535", "00012", "0" * 40 + "12", " 12", "12\t", "\n7 ", "-0", "+5", "-1", "65536",
        "99999999999999999999", "0x", "0x12345", "0xg", "x3001", " 0x1", "0x1 ", "1 2", "", " ", "1e3", "\u0663", "12\u00a0", "0x3001001F"]
INTEGERS = ["0", "1", "-1", "+7", "-0", "007", "2147483647", "-2147483648", "0" * 30 + "5",
            "2147483648", "-2147483649", "9" * 30, "", "-", "+", "--1", "+-1", "1.0", "0x1", "1 2", "1e1", "\u0663"]
TYPES_OF_PROPERTIES = ["String", "Integer", "Boolean", "CLSIDArray", "SystemTime", "Null", "Object", "string", " String", "String ", "", "Text", "Str"]
SETS = ["Meeting", "PublicStrings", "Sharing", "Task", "publicStrings", " Task", "", "Mine"]
GUIDS = ["00062004-0000-0000-C000-000000000046", "00062004-0000-0000-c000-0000000000ff", "{00062004-0000-0000-C000-000000000046}",
         " 00062004-0000-0000-C000-000000000046", "00062004-0000-0000-C000-00000000004", "00062004-0000-0000-C000-0000000000467",
         "0006200400000000C000000000000046", "0006200g-0000-0000-C000-000000000046", ""]
PROPERTY = {"PropertyType": TYPES_OF_PROPERTIES, "PropertyTag": TAGS, "PropertyId": INTEGERS, "PropertyName": WORDS[:5],
            "PropertySetId": GUIDS, "DistinguishedPropertySetId": SETS}
GOOD = {"PropertyType": 7, "PropertyTag": 12, "PropertyId": 9, "PropertyName": 5, "PropertySetId": 2, "DistinguishedPropertySetId": 4}


@dataclass
class Node:
    """An element; its content is a list of elements and of text that is already written as XML."""
    space: str        # m, t, x for another namespace, or empty for none
    name: str
    attributes: list = field(default_factory=list)  # [prefix or "", name, value]
    content: list = field(default_factory=list)
    type: str = ""    # what xsi:type may say

    def all(self):
        yield self
        for child in self.content:
            if isinstance(child, Node):
                yield from child.all()

    def elements(self):
        return [child for child in self.content if isinstance(child, Node)]

    def copy(self):
        return Node(self.space, self.name, [list(a) for a in self.attributes],
                    [c.copy() if isinstance(c, Node) else c for c in self.content], self.type)


@dataclass
class Request:
    label: str
    operation: str
    data: bytes


# ---- Right requests

def text_xml(rng, text):
    """One of the ways to write a text down."""
    if "]]>" not in text and "\r" not in text and rng.random() < 0.1:
        return f"<![CDATA[{text}]]>"
    if text and rng.random() < 0.1:
        return f"&#{ord(text[0])};" + escape(text[1:])
    return escape(text)


def item_id(rng, space, name):
    node = Node(space, name, [["", "Id", rng.choice(IDENTIFIERS)]], type="t:ItemIdType")
    if rng.random() < 0.6:
        node.attributes.append(["", "ChangeKey", rng.choice(["EgAAAA==", "", "x"])])
    return node


def base_item_id(rng):
    kind = rng.random()
    if kind < 0.8:
        return item_id(rng, "t", "ItemId")
    if kind < 0.9:
        return Node("t", "OccurrenceItemId", [["", "RecurringMasterId", "x"], ["", "InstanceIndex", rng.choice(INTEGERS[:9])]],
                    type="t:OccurrenceItemIdType")
    if kind < 0.95:
        return Node("t", "RecurringMasterItemId", [["", "OccurrenceId", "x"]], type="t:RecurringMasterItemIdType")
    node = item_id(rng, "t", "RecurringMasterItemIdRanges")
    node.type = "t:RecurringMasterItemIdRangesType"
    if rng.random() < 0.8:
        ranges = [Node("t", "Range", [["", "Start", "2026-11-23T10:00:00Z"], ["", "Count", rng.choice(INTEGERS[:9])],
                                      ["", "CompareOriginalStartTime", rng.choice(["true", "0"])]][:rng.randrange(4)],
                       type="t:OccurrencesRangeType") for _ in range(rng.randrange(1, 3))]
        node.content.append(Node("t", "Ranges", content=ranges, type="t:ArrayOfOccurrenceRangesType"))
    return node


def extended_property(rng):
    node = Node("t", "ExtendedProperty", type="t:PathToExtendedFieldType")
    for name in ["PropertyType", *rng.sample(list(PROPERTY)[1:], rng.randrange(4))]:
        node.attributes.append(["", name, rng.choice(PROPERTY[name][:GOOD[name]])])
    return node


def child_of(rng, name, kind):
    if kind == ID:
        return item_id(rng, "m", name)
    node = Node("m", name, type="xs:boolean" if kind == BOOLEAN else f"t:{kind}")
    if kind == TEXT:
        node.content = [text_xml(rng, rng.choice(WORDS))]
    elif kind == BOOLEAN:
        node.content = [text_xml(rng, rng.choice(BOOLEANS[:7]))]
    else:
        node.content = [base_item_id(rng) if kind == IDS else extended_property(rng) for _ in range(rng.choice([1, 1, 2, 5]))]
    return node


def right_request(rng, operation):
    return Node("m", operation, type=f"m:{operation}Type", content=[
        child_of(rng, name, kind) for name, kind, required in OPERATIONS[operation] if required or rng.random() < 0.6])


# ---- Changes. Each takes the tree and returns False if it found nothing to change.

CHANGES = []


def change(function):
    CHANGES.append(function)
    return function


def pick(rng, root, condition=lambda node: True, inner=True):
    """(parent, node) of a random element that fulfils the condition; the operation itself is one only if not `inner`."""
    found = [(parent, node) for parent in root.all() for node in parent.elements() if condition(node)]
    if not inner and condition(root):
        found.append((None, root))
    return rng.choice(found) if found else (None, None)


def insert(rng, node, what):
    node.content.insert(rng.randrange(len(node.content) + 1), what)


@change
def drop_a_child(rng, root):
    parent, node = pick(rng, root)
    if node:
        parent.content.remove(node)
    return bool(node)


@change
def double_a_child(rng, root):
    parent, node = pick(rng, root)
    if node:
        insert(rng, parent, node.copy())
    return bool(node)


@change
def shuffle_children(rng, root):
    _, node = pick(rng, root, lambda node: len(node.elements()) > 1, inner=False)
    if node:
        rng.shuffle(node.content)
    return bool(node)


@change
def insert_an_element(rng, root):
    _, node = pick(rng, root, inner=False)
    names = {name for children in OPERATIONS.values() for name, _, _ in children} | {"ItemId", "ExtendedProperty", "Unknown", "AddImGroup"}
    insert(rng, node, Node(rng.choice("mmttx") if rng.random() < 0.9 else "", rng.choice(sorted(names)),
                           rng.choice([[], [["", "Id", "x"]], [["", "PropertyType", "String"]]]), rng.choice([[], ["x"]])))
    return True


@change
def rename_an_element(rng, root):
    _, node = pick(rng, root)
    if node:
        node.name = rng.choice([node.name.lower(), node.name[:-1] or "x", node.name + "s", "ItemId", "DisplayName", "GroupId", "ContactId"])
    return bool(node)


@change
def change_the_namespace(rng, root):
    _, node = pick(rng, root)
    if node:
        node.space = rng.choice([space for space in ("m", "t", "x", "") if space != node.space])
    return bool(node)


@change
def move_a_child_up(rng, root):
    parent, node = pick(rng, root)
    if node and parent is not root:
        parent.content.remove(node)
        insert(rng, root, node)
    return bool(node) and parent is not root


@change
def wrap_a_child(rng, root):
    parent, node = pick(rng, root)
    if node:
        parent.content[parent.content.index(node)] = Node(node.space, rng.choice([node.name, parent.name]), content=[node])
    return bool(node)


@change
def empty_an_element(rng, root):
    _, node = pick(rng, root, lambda node: node.content)
    if node:
        node.content = rng.choice([[], [], ["<!-- -->"], [" "], ["\n\t"], ["&#32;"], ["<?x?>"]])
    return bool(node)


@change
def add_text(rng, root):
    _, node = pick(rng, root, inner=False)
    insert(rng, node, rng.choice(["x", "&#160;", "\u2003", "0", "&amp;", "<![CDATA[x]]>", "<![CDATA[ ]]>"]))
    return True


@change
def add_white_space(rng, root):
    _, node = pick(rng, root, inner=False)
    insert(rng, node, rng.choice([" ", "\n", "\t", "\r\n", "&#10;", "&#13;", "&#32;&#9;", " \n\n  "]))
    return True


@change
def add_a_comment(rng, root):
    _, node = pick(rng, root, inner=False)
    insert(rng, node, rng.choice(["<!---->", "<!-- <x> & -->", "<?x?>", "<?target some data?>"]))
    return True


@change
def split_a_text(rng, root):
    _, node = pick(rng, root, lambda node: len(node.content) == 1 and node.content[0] in WORDS + BOOLEANS and len(node.content[0]) > 1)
    if node:
        text = node.content[0]
        at = rng.randrange(1, len(text))
        node.content = [text[:at], rng.choice(["<!--x-->", "<?x?>", "<![CDATA[]]>"]), text[at:]]
    return bool(node)


@change
def another_boolean(rng, root):
    _, node = pick(rng, root, lambda node: node.type == "xs:boolean")
    if node:
        node.content = [text_xml(rng, rng.choice(BOOLEANS))]
    return bool(node)


@change
def another_property(rng, root):
    _, node = pick(rng, root, lambda node: node.name == "ExtendedProperty")
    if node:
        name = rng.choice(list(PROPERTY))
        node.attributes = [a for a in node.attributes if a[1] != name] + [["", name, rng.choice(PROPERTY[name])]]
    return bool(node)


@change
def another_index(rng, root):
    _, node = pick(rng, root, lambda node: node.name == "OccurrenceItemId")
    if node:
        node.attributes = [["", "RecurringMasterId", ""], ["", "InstanceIndex", rng.choice(INTEGERS)]]
    return bool(node)


@change
def drop_an_attribute(rng, root):
    _, node = pick(rng, root, lambda node: node.attributes)
    if node:
        node.attributes.pop(rng.randrange(len(node.attributes)))
    return bool(node)


@change
def rename_an_attribute(rng, root):
    _, node = pick(rng, root, lambda node: node.attributes)
    if node:
        attribute = rng.choice(node.attributes)
        attribute[1] = rng.choice([attribute[1].lower(), attribute[1] + "s", "Id", "ChangeKey", "PropertyType"])
    return bool(node)


@change
def qualify_an_attribute(rng, root):
    _, node = pick(rng, root, lambda node: node.attributes)
    if node:
        rng.choice(node.attributes)[0] = rng.choice(["m", "t", "x"])
    return bool(node)


@change
def add_an_attribute(rng, root):
    _, node = pick(rng, root, inner=False)
    node.attributes.append(rng.choice([
        ["", "Unknown", "1"], ["", "Id", "x"], ["", "ChangeKey", "x"], ["x", "Id", "x"], ["t", "Id", "x"], ["m", "Id", "x"],
        ["xml", "lang", "en"], ["xml", "space", "preserve"], ["soap", "mustUnderstand", "1"], ["soap", "encodingStyle", ""],
        ["xsi", "other", "1"]]))
    return True


@change
def add_xsi(rng, root):
    _, node = pick(rng, root, inner=False)
    node.attributes.append(rng.choice([
        ["xsi", "type", node.type], ["xsi", "type", node.type], ["xsi", "type", "t:NonEmptyStringType"], ["xsi", "type", "t:FolderIdType"],
        ["xsi", "type", "t:Unknown"], ["xsi", "type", "xs:string"], ["xsi", "type", ""], ["xsi", "type", "nowhere:ItemIdType"],
        ["xsi", "nil", "true"], ["xsi", "nil", "false"], ["xsi", "nil", "x"],
        ["xsi", "schemaLocation", "urn:example:other nowhere.xsd"], ["xsi", "noNamespaceSchemaLocation", "nowhere.xsd"]]))
    return True


# ---- Writing it down

class Writer:
    """One envelope's style: prefixes, white space, quotes, empty elements, where namespaces are declared."""

    def __init__(self, rng):
        self.rng = rng
        self.scheme = "https" if rng.random() < 0.2 else "http"
        self.default = rng.choice(["", "m", "t", ""])
        self.indent = rng.random() < 0.3
        self.empty_tags = rng.random() < 0.7
        self.spaces = {"m": f"{self.scheme}://{SERVICES}/messages", "t": f"{self.scheme}://{SERVICES}/types", "x": OTHER, "": ""}
        self.names = rng.choice([{"m": "m", "t": "t"}, {"m": "ns1", "t": "ns2"}, {"m": "t", "t": "m"}]) | {
            "x": "x", "xsi": "xsi", "xs": "xs", "soap": "soap", "xml": "xml"}

    def declarations(self):
        names = self.names
        return (f' xmlns:{names["m"]}="{self.spaces["m"]}" xmlns:{names["t"]}=\'{self.spaces["t"]}\' xmlns:x="{OTHER}" '
                f'xmlns:xsi="{XSI}" xmlns:xs="http://www.w3.org/2001/XMLSchema"')

    def value(self, prefix, name, value):
        if (prefix, name) == ("xsi", "type") and ":" in value:
            space, _, local = value.partition(":")
            value = f"{self.names.get(space, space)}:{local}"
        return quoteattr(value, {"\n": "&#10;", "\t": "&#9;"})

    def write(self, node, level, declare=""):
        default = node.space == self.default != ""
        tag = node.name if default or not node.space else f"{self.names[node.space]}:{node.name}"
        out = [f"<{tag}{declare}"]
        if default:
            out.append(f' xmlns="{self.spaces[node.space]}"')
        elif not node.space:
            out.append(' xmlns=""')
        seen = set()
        for prefix, name, value in node.attributes:
            if (prefix, name) not in seen:  # else it would not be well-formed
                seen.add((prefix, name))
                full = f"{self.names[prefix]}:{name}" if prefix else name
                out.append(f"{self.rng.choice([' ', ' ', chr(10)])}{full}={self.value(prefix, name, value)}")
        if not node.content and self.empty_tags:
            return "".join(out) + "/>"
        out.append(">")
        indent = self.indent and node.content and all(isinstance(child, Node) for child in node.content)
        for child in node.content:
            if indent:
                out.append("\n" + "  " * level)
            out.append(self.write(child, level + 1) if isinstance(child, Node) else child)
        if indent:
            out.append("\n" + "  " * (level - 1))
        return "".join(out) + f"</{tag}>"

    def envelope(self, root):
        rng, above, own = self.rng, "", ""
        if rng.random() < 0.5:
            above = self.declarations()
        else:
            own = self.declarations()
        header = rng.choice(["", "<soap:Header/>", "<soap:Header> </soap:Header>"])
        text = (f'<soap:Envelope xmlns:soap="{SOAP}"{above}>{header}<soap:Body>{rng.choice(["", chr(10) + "  "])}'
                f"{self.write(root, 2, own)}</soap:Body></soap:Envelope>")
        declaration = rng.choice(["", '<?xml version="1.0"?>\r\n', '<?xml version="1.0" encoding="utf-8"?>\n'])
        return (declaration + text).encode()


def requests(seed, count):
    """`count` requests, the same ones for the same seed."""
    rng = random.Random(seed)
    names = [*OPERATIONS] + ["GetImItems", "GetImItemList", "SetImListMigrationCompleted"] * 3  # these have the most in them
    for _ in range(count):
        operation = rng.choice(names)
        root, labels = right_request(rng, operation), []
        for _ in range(rng.choice([0, 0, 0, 1, 1, 1, 1, 1, 2, 3])):
            function = next(change for change in rng.sample(CHANGES, len(CHANGES)) if change(rng, root))
            labels.append(function.__name__.replace("_", " "))
        yield Request(", ".join(labels) or "as it should be", operation, Writer(rng).envelope(root))
