# SPDX-License-Identifier: Apache-2.0
"""What the thirteen operations do to a list, and every refusal that their documentation names, through the socket."""

import time

import pytest

from tests.httpd import report, soap
from tests.httpd.ids import Id


def is_error(reply, code):
    assert (reply.status, reply.message.get("ResponseClass"), reply.code) == (200, "Error", code), reply.body
    children = [soap.local(child) for child in reply.message]
    assert children[:3] == ["MessageText", "ResponseCode", "DescriptiveLinkKey"] and reply.text
    assert soap.text_at(reply.message, "DescriptiveLinkKey") == "0"
    report.line("Refusals of the operations", soap.local(reply.message), code)
    return True


def address(name):
    return f"{name}@contoso.com"


@pytest.fixture
def limits(env):
    """Sets limits of the store for one test."""
    def change(**settings):
        for name, value in settings.items():
            env.ctl("settings", "set", name.replace("_", "-"), str(value))
    yield change
    change(im_contact_limit=1000, im_group_limit=64)


# ---- GetImItemList

def test_empty_list(account):
    everything = account.im_list()
    assert [(group.name, group.type) for group in everything.groups] == list(
        zip(["Other Contacts", "Tagged", "Favorites"], soap.DEFAULT_GROUPS))
    assert all(group.change_key == "EgAAAA==" and not group.members for group in everything.groups)
    assert everything.personas == []


def test_order_and_join_rule(account):
    groups = [account.add_group(name) for name in ("first", "second", "third")]
    added = [account.add_contact(address(name), group) for name, group in
             [("a", groups[0]), ("b", groups[1]), ("c", groups[0]), ("d", None)]]
    assert account.call("AddImContactToGroup", ContactId=added[1].id, GroupId=groups[0].id).ok
    everything = account.im_list()
    assert [group.name for group in everything.groups] == ["Other Contacts", "Tagged", "Favorites", "third", "second", "first"]
    assert everything.members("first") == [address(name) for name in "acb"]
    assert everything.members("second") == [address("b")]
    assert everything.members("Other Contacts") == [address("d")]
    assert everything.addresses == [address(name) for name in "dcba"]
    assert {persona.id for persona in everything.personas} == {persona.id for persona in added}
    assert everything == account.im_list(), "the same list reads differently"
    members = account.call("GetImItemList").tree.iterfind(".//{*}MemberCorrelationKey/{*}ItemId")
    assert {member.get("ChangeKey") for member in members} == {"EQAAAA=="}


def test_ids_survive_rename_and_membership(account):
    group, contact = account.add_group("old"), account.add_contact(address("x"))
    assert account.call("SetImGroup", GroupId=group.id, NewDisplayName="new").ok
    assert account.call("AddImContactToGroup", ContactId=contact.id, GroupId=(group.id, group.change_key)).ok
    everything = account.im_list()
    assert everything.group("new").id == group.id
    assert everything.personas[0].id == contact.id


# ---- Texts that need care

NAMES = {
    "markup": "A & B <x>", "quotes": "\"double\" and 'single'", "cdata end": "]]>", "entity": "&amp; &#65;",
    "white space inside": "a\tb  c\nd", "carriage return": "a\rb", "astral": "\U0001F600 \U00020000",
    "right to left": "\u05d0\u05d1", "decomposed": "e\u0301", "longest": "n" * 256, "longest astral": "\U0001F600" * 256,
    "highest of the plane": "\ud7ff\ue000\ufffd", "C1 controls": "\u0080\u0085\u009f", "line separator": "\u2028",
}


@pytest.mark.parametrize("case", NAMES)
def test_names_come_back(account, case):
    name = NAMES[case]
    reply = account.call("AddImGroup", DisplayName=name)
    assert reply.ok, reply.body
    contact = account.add_contact(address("x"), reply.group, name=name)
    everything = account.im_list()
    assert [reply.group.name, everything.groups[3].name, contact.name, everything.personas[0].name] == [name] * 4


@pytest.mark.parametrize("im_address, with_email", [
    ("tsmith@contoso.com", True), ("sip:tsmith@contoso.com", True), ("o'hara+x@contoso.com", True),
    ("no-at-sign", False), ("two@at@signs", False), ("j\u00fcrgen@contoso.com", True), ("a&b<c>@x", True),
    ("a" * 1012 + "@contoso.com", True)])
def test_addresses_come_back(account, im_address, with_email):
    persona = account.add_contact(im_address)
    assert (persona.address, persona.name) == (im_address, im_address)
    children = {soap.local(child) for child in persona.node}
    emails = {"EmailAddress", "EmailAddresses", "Emails1"}
    assert children & emails == (emails if with_email else set())
    assert account.im_list().personas == [persona]


def test_tel_uri_contact(account):
    group = account.add_group("Phones")
    reply = account.call("AddNewTelUriContactToGroup", TelUriAddress="tel:5625550100", ImContactSipUriAddress="sip:john@contoso.com",
                         ImTelephoneNumber="5625550100", GroupId=group.id)
    assert reply.ok, reply.body
    node = reply.persona.node
    names = [soap.text_at(node, name) for name in ("DisplayName", "DisplayNameFirstLast", "DisplayNameLastFirst")]
    assert names == ["", "5625550100", "5625550100"] and soap.text_at(node, "FileAsId") == "None"
    phone = soap.descend(node, "OtherTelephones", "PhoneNumberAttributedValue", "Value")
    assert [soap.text_at(phone, name) for name in ("Number", "Type")] == ["5625550100", "Other"]
    assert not {"ImAddress", "EmailAddress", "EmailAddresses", "DisplayNames"} & {soap.local(child) for child in node}
    attribution = soap.descend(node, "Attributions", "Attribution")
    assert [soap.text_at(attribution, name) for name in ("IsQuickContact", "IsHidden")] == ["true", "false"]
    assert account.im_list().group("Phones").members == [reply.persona.id]


# ---- Additions that are there already

@pytest.mark.parametrize("again", ["x@contoso.com", "X@Contoso.COM", "sip:x@contoso.com", "SIP:x@contoso.com"])
def test_same_address(account, again):
    friends, family = account.add_group("Friends"), account.add_group("Family")
    first = account.add_contact("x@contoso.com", friends, name="First Name")
    same, other = account.add_contact(again, friends, name="Other"), account.add_contact(again, family)
    assert first == same == other
    everything = account.im_list()
    assert everything.members("Friends") == everything.members("Family") == ["x@contoso.com"]
    assert everything.personas == [first]


@pytest.mark.parametrize("alike", ["\u212a@contoso.com", "k@contoso.com ", "\uff4b@contoso.com", "tel:k@contoso.com"])
def test_look_alike_address_is_another(account, alike):
    account.add_contact("k@contoso.com")
    account.add_contact(alike)
    assert len(account.im_list().personas) == 2


def test_group_left_out(account):
    """Other Contacts takes contacts that are in no group but Tagged."""
    everything = account.im_list()
    tagged, others = everything.group(soap.TAGGED), everything.group(soap.OTHER_CONTACTS)
    friends = account.add_group("Friends")
    in_group, in_tagged = account.add_contact("g@contoso.com", friends), account.add_contact("t@contoso.com", tagged)
    assert account.add_contact("g@contoso.com") == in_group
    assert account.call("AddImContactToGroup", ContactId=in_group.id).ok
    assert account.im_list().group(others.type).members == []
    assert account.add_contact("t@contoso.com") == in_tagged
    assert account.im_list().members(others.type) == ["t@contoso.com"]
    assert account.call("AddImContactToGroup", ContactId=in_tagged.id, GroupId=others.id).ok


@pytest.mark.parametrize("existing, again", [
    ("Friends", "Friends"), ("Friends", "fRIENDS"), ("\u00c4RGER", "\u00e4rger"), ("e\u0301t\u00e9", "\u00e9te\u0301"),
    ("Stra\u00dfe", "STRASSE"), (None, "Other Contacts"), (None, "favorites"), (None, "TAGGED")])
def test_group_name_taken(account, existing, again):
    if existing:
        account.add_group(existing)
    mine = account.add_group("Mine")
    assert is_error(account.call("AddImGroup", DisplayName=again), "ErrorImGroupDisplayNameAlreadyExists")
    assert is_error(account.call("SetImGroup", GroupId=mine.id, NewDisplayName=again), "ErrorImGroupDisplayNameAlreadyExists")
    assert account.im_list().group("Mine")


def test_group_name_of_its_own(account):
    mine = account.add_group("Mine")
    assert is_error(account.call("SetImGroup", GroupId=mine.id, NewDisplayName="Mine"), "ErrorImGroupDisplayNameAlreadyExists")
    assert account.call("SetImGroup", GroupId=mine.id, NewDisplayName="MINE").ok
    assert account.im_list().group("MINE").id == mine.id
    assert account.call("RemoveImGroup", GroupId=mine.id).ok
    again = account.add_group("mine")
    assert again.id != mine.id, "an id was given a second time"


def test_names_that_only_look_equal(account):
    for name in ("Friends", "Friends ", "\uff26riends", "Fr\u0131ends", "Friend\u200bs"):
        account.add_group(name)
    assert len(account.im_list().groups) == 8


# ---- Removals

@pytest.mark.parametrize("groups, removed_from, left", [
    (["A"], "A", None), (["A", "B"], "A", ["B"]), (["A", "Tagged"], "A", None), (["Tagged"], "Tagged", None),
    (["A", "Tagged"], "Tagged", ["A"]), (["A", "B", "Tagged"], "A", ["Tagged", "B"]), (["Favorites", "A"], "A", ["Favorites"]),
    (["Other Contacts"], "Other Contacts", None)])
def test_remove_im_contact_from_group(account, groups, removed_from, left):
    account.add_group("A"), account.add_group("B")
    everything = account.im_list()
    for name in groups:
        contact = account.add_contact("x@contoso.com", everything.group(name))
    assert account.call("RemoveImContactFromGroup", ContactId=contact.id, GroupId=everything.group(removed_from).id).ok
    after = account.im_list()
    assert [group.name for group in after.groups if group.members] == (left or [])
    assert after.addresses == (["x@contoso.com"] if left else [])
    if not left:
        assert account.add_contact("x@contoso.com").id != contact.id


def test_remove_im_group(account):
    """Members without another group go to Other Contacts, in their order; nobody is lost."""
    group, other = account.add_group("Leaving"), account.add_group("Staying")
    tagged = account.im_list().group(soap.TAGGED)
    for name in "cab":
        account.add_contact(address(name), group)
    account.add_contact(address("b"), other), account.add_contact(address("a"), tagged)
    assert account.call("RemoveImGroup", GroupId=group.id).ok
    after = account.im_list()
    assert after.group("Leaving") is None
    assert after.members("Other Contacts") == [address("c"), address("a")]
    assert after.members("Staying") == [address("b")] and after.members("Tagged") == [address("a")]


def test_remove_contact_from_im_list(account):
    contact = account.add_contact("x@contoso.com", account.add_group("A"))
    account.add_contact("x@contoso.com", account.add_group("B"))
    account.add_contact("y@contoso.com")
    assert account.call("RemoveContactFromImList", ContactId=(contact.id, contact.change_key)).ok
    assert account.im_list().addresses == ["y@contoso.com"]
    assert is_error(account.call("RemoveContactFromImList", ContactId=contact.id), "ErrorItemNotFound")


# ---- Distribution groups, migration flag

def test_distribution_groups(env, account):
    sales = f"sales{time.monotonic_ns()}@contoso.com"
    env.ctl("dl", "add", sales)
    for wrong in ("nobody@contoso.com", "no address", account.address):
        assert is_error(account.call("AddDistributionGroupToImList", SmtpAddress=wrong, DisplayName="x"),
                        "ErrorInvalidImDistributionGroupSmtpAddress")
    reply = account.call("AddDistributionGroupToImList", SmtpAddress=sales, DisplayName="Sales & Co")
    assert reply.ok and (reply.group.name, reply.group.type) == ("Sales & Co", soap.DISTRIBUTION_GROUP)
    again = account.call("AddDistributionGroupToImList", SmtpAddress=sales.upper(), DisplayName="Other")
    assert again.ok and again.group == reply.group
    listed = account.im_list().group("Sales & Co")
    assert (listed.id, listed.smtp_address, listed.members) == (reply.group.id, sales, [])
    assert account.call("RemoveDistributionGroupFromImList", GroupId=listed.id).ok
    assert is_error(account.call("RemoveDistributionGroupFromImList", GroupId=listed.id), "ErrorItemNotFound")
    unnamed = account.call("AddDistributionGroupToImList", SmtpAddress=sales)
    assert unnamed.ok and unnamed.group.name == sales


@pytest.mark.parametrize("value", ["true", "false", "1", "0", " true "])
def test_set_im_list_migration_completed(env, account, value):
    completed = value.strip() in ("true", "1")
    env.ctl("migration", "off" if completed else "on", account.address)
    before = account.im_list()
    assert account.call("SetImListMigrationCompleted", ImListMigrationCompleted=value).ok
    assert account.im_list() == before
    assert env.ctl("migration", "show", account.address) == ("on\n" if completed else "off\n")


# ---- Limits and sizes

def test_group_limit(env, account, limits):
    limits(im_group_limit=2)
    sales = f"limit{time.monotonic_ns()}@contoso.com"
    env.ctl("dl", "add", sales)
    first = account.add_group("1")
    assert account.call("AddDistributionGroupToImList", SmtpAddress=sales, DisplayName="dl").ok
    assert is_error(account.call("AddImGroup", DisplayName="3"), "ErrorImGroupLimitReached")
    assert account.call("RemoveImGroup", GroupId=first.id).ok
    account.add_group("3")
    other = f"limit{time.monotonic_ns()}@contoso.com"
    env.ctl("dl", "add", other)
    assert is_error(account.call("AddDistributionGroupToImList", SmtpAddress=other, DisplayName="x"), "ErrorImGroupLimitReached")
    assert account.call("AddDistributionGroupToImList", SmtpAddress=sales, DisplayName="dl").ok, "it is there already"
    assert len(account.im_list().groups) == 5


def test_contact_limit(account, limits):
    limits(im_contact_limit=2)
    group = account.add_group("A")
    one, _ = account.add_contact("1@x"), account.add_contact("2@x", group)
    for kind in ({"operation": "AddNewImContactToGroup", "ImAddress": "3@x"},
                 {"operation": "AddNewTelUriContactToGroup", "TelUriAddress": "tel:3", "ImContactSipUriAddress": "3@x",
                  "ImTelephoneNumber": "3"}):
        assert is_error(account.call(**kind), "ErrorImContactLimitReached")
        assert is_error(account.call(**kind, GroupId=group.id), "ErrorImContactLimitReached")
    assert account.call("AddImContactToGroup", ContactId=one.id, GroupId=group.id).ok
    account.add_contact("1@x", group)
    assert account.im_list().addresses == ["2@x", "1@x"]
    assert account.call("RemoveContactFromImList", ContactId=one.id).ok
    account.add_contact("3@x")


def test_the_usual_limits(account):
    for number in range(64):
        group = account.add_group(f"group {number}")
    assert is_error(account.call("AddImGroup", DisplayName="one more"), "ErrorImGroupLimitReached")
    for number in range(1000):
        account.add_contact(f"c{number}@contoso.com", group if number % 2 else None)
    assert is_error(account.call("AddNewImContactToGroup", ImAddress="one@more"), "ErrorImContactLimitReached")
    everything = account.im_list()
    assert (len(everything.groups), len(everything.personas)) == (67, 1000)
    assert everything.members("group 63") == [f"c{number}@contoso.com" for number in range(1, 1000, 2)]


TOO_LONG = {
    "group name": ("AddImGroup", {"DisplayName": "n" * 257}),
    "group name, astral": ("AddImGroup", {"DisplayName": "\U0001F600" * 257}),
    "contact name": ("AddNewImContactToGroup", {"ImAddress": "a@x", "DisplayName": "n" * 257}),
    "IM address": ("AddNewImContactToGroup", {"ImAddress": "a" * 1013 + "@contoso.com"}),
    "IM address in bytes": ("AddNewImContactToGroup", {"ImAddress": "\u00e4" * 512 + "@"}),
    "tel URI": ("AddNewTelUriContactToGroup",
                {"TelUriAddress": "t" * 1025, "ImContactSipUriAddress": "s", "ImTelephoneNumber": "1"}),
    "SIP URI": ("AddNewTelUriContactToGroup",
                {"TelUriAddress": "t", "ImContactSipUriAddress": "s" * 1025, "ImTelephoneNumber": "1"}),
    "telephone number": ("AddNewTelUriContactToGroup",
                         {"TelUriAddress": "t", "ImContactSipUriAddress": "s", "ImTelephoneNumber": "1" * 1025}),
    "too many ids": ("GetImItems", {"ContactIds": ["A"] * 2001}),
    "too many ids together": ("GetImItems", {"ContactIds": ["A"] * 1000, "GroupIds": ["A"] * 1001}),
}


@pytest.mark.parametrize("case", TOO_LONG)
def test_too_long(account, case):
    operation, children = TOO_LONG[case]
    assert is_error(account.call(operation, **children), "ErrorDataSizeLimitExceeded")
    everything = account.im_list()
    assert (len(everything.groups), everything.personas) == (3, [])


@pytest.mark.parametrize("operation, children", [
    ("SetImGroup", {"GroupId": "", "NewDisplayName": "n" * 257}),
    ("AddNewImContactToGroup", {"ImAddress": "a" * 1025, "GroupId": ""}),
    ("AddNewTelUriContactToGroup", {"TelUriAddress": "t" * 1025, "ImContactSipUriAddress": "s", "ImTelephoneNumber": "1",
                                    "GroupId": ""})])
def test_ids_before_sizes(account, operation, children):
    assert is_error(account.call(operation, **children), "ErrorInvalidIdEmpty")


def test_as_many_ids_as_allowed(account):
    contact = account.add_contact("x@contoso.com")
    reply = account.call("GetImItems", ContactIds=[contact.id] * 2000)
    assert reply.ok and reply.im_list.personas == [contact]


# ---- GetImItems, extended properties

def test_get_im_items(account):
    friends, family = account.add_group("Friends"), account.add_group("Family")
    a, b = account.add_contact("a@x", friends), account.add_contact("b@x", friends)
    nothing = account.call("GetImItems")
    assert nothing.ok and (nothing.im_list.groups, nothing.im_list.personas) == ([], [])
    only = account.call("GetImItems", ContactIds=[b.id], GroupIds=[friends.id]).im_list
    assert only.personas == [b] and [group.name for group in only.groups] == ["Friends"]
    assert only.groups[0].members == [a.id, b.id], "members are listed, not expanded"
    twice = account.call("GetImItems", ContactIds=[(a.id, "no change key"), b.id, a.id], GroupIds=[family.id, family.id]).im_list
    assert [persona.address for persona in twice.personas] == ["a@x", "b@x"] and len(twice.groups) == 1
    turned = account.call("GetImItems", ContactIds=[b.id, a.id], GroupIds=[family.id, friends.id]).im_list
    assert [persona.address for persona in turned.personas] == ["b@x", "a@x"], "in the order of the request"
    assert [group.name for group in turned.groups] == ["Family", "Friends"]
    mixed = account.call("GetImItems", ContactIds=[friends.id], GroupIds=[a.id, ""]).im_list
    assert (mixed.groups, mixed.personas) == ([], [])


DISPLAY_NAME, MESSAGE_CLASS = ({"PropertyTag": tag, "PropertyType": "String"} for tag in ("0x3001", "0x001A"))
UNKNOWN = {"PropertySetId": "00020329-0000-0000-c000-000000000046", "PropertyName": "nothing", "PropertyType": "String"}


def properties(node, *inner):
    """Values by property tag, in a group's or (below `inner`) a persona's form."""
    found = soap.descend(node, "ExtendedProperties")
    values = [soap.descend(item, *inner) for item in found] if found is not None else []
    return {int(value[0].get("PropertyTag"), 16): value[1].text for value in values}


@pytest.mark.parametrize("case, asked, tags", [
    ("display name", [DISPLAY_NAME], [0x3001]), ("decimal tag", [{"PropertyTag": "12289", "PropertyType": "String"}], [0x3001]),
    ("message class", [MESSAGE_CLASS], [0x1a]), ("both", [DISPLAY_NAME, MESSAGE_CLASS], [0x3001, 0x1a]),
    ("unknown", [UNKNOWN], []), ("unknown and known", [UNKNOWN, DISPLAY_NAME], [0x3001]),
    ("distinguished set", [{"DistinguishedPropertySetId": "Address", "PropertyId": "32866", "PropertyType": "String"}], None)])
@pytest.mark.parametrize("operation", ["GetImItemList", "GetImItems"])
def test_extended_properties(account, operation, case, asked, tags):
    group = account.add_group("Friends")
    contact = account.add_contact("x@contoso.com", group, name="Tony")
    ids = {"ContactIds": [contact.id], "GroupIds": [group.id]} if operation == "GetImItems" else {}
    reply = account.call(operation, **ids, ExtendedProperties=asked)
    assert reply.ok, reply.body
    found = reply.im_list
    assert found.personas == [contact]
    if tags is None:
        return
    node = next(node for node in reply.tree.iter("{*}ImGroup") if soap.text_at(node, "DisplayName") == "Friends")
    values = {0x3001: "Friends", 0x1a: soap.USER_GROUP}
    assert properties(node) == {tag: values[tag] for tag in tags}
    of_persona = properties(found.personas[0].node, "Value")
    assert of_persona.get(0x3001) == ("Tony" if 0x3001 in tags else None) and set(of_persona) <= set(tags)


@pytest.mark.parametrize("attributes", [
    {"PropertyType": "String"}, {"PropertyName": "x", "PropertyType": "String"},
    {"PropertyTag": "0x3001", "PropertyName": "x", "PropertyType": "String"},
    {"DistinguishedPropertySetId": "Address", "PropertyType": "String"},
    {"DistinguishedPropertySetId": "Address", "PropertyName": "x", "PropertyId": "1", "PropertyType": "String"},
    {"DistinguishedPropertySetId": "Address", "PropertySetId": "00020329-0000-0000-c000-000000000046", "PropertyId": "1",
     "PropertyType": "String"}])
def test_extended_property_combinations(account, attributes):
    for operation in ("GetImItemList", "GetImItems"):
        assert is_error(account.call(operation, ExtendedProperties=[attributes]), "ErrorInvalidExtendedProperty")


# ---- Ids: the matrix of situations and operations

OPERATIONS = {
    "AddNewIm": lambda c, g: ("AddNewImContactToGroup", {"ImAddress": "new@x", "GroupId": g}),
    "AddNewTel": lambda c, g: ("AddNewTelUriContactToGroup", {"TelUriAddress": "tel:1", "ImContactSipUriAddress": "s",
                                                              "ImTelephoneNumber": "1", "GroupId": g}),
    "AddIm": lambda c, g: ("AddImContactToGroup", {"ContactId": c, "GroupId": g}),
    "RemIm": lambda c, g: ("RemoveImContactFromGroup", {"ContactId": c, "GroupId": g}),
    "SetGrp": lambda c, g: ("SetImGroup", {"GroupId": g, "NewDisplayName": "New"}),
    "RemGrp": lambda c, g: ("RemoveImGroup", {"GroupId": g}),
    "RemDG": lambda c, g: ("RemoveDistributionGroupFromImList", {"GroupId": g}),
    "RemContact": lambda c, g: ("RemoveContactFromImList", {"ContactId": c}),
    "GetItems": lambda c, g: ("GetImItems", {"ContactIds": [c], "GroupIds": [g]}),
}
ABBREVIATIONS = {
    "IF": "ErrorItemNotFound", "IG": "ErrorInvalidImGroupId", "IC": "ErrorInvalidImContactId", "NM": "ErrorNonExistentMailbox",
    "Empty": "ErrorInvalidIdEmpty", "Malformed": "ErrorInvalidIdMalformed", "Legacy": "ErrorInvalidIdMalformedEwsLegacyIdFormat",
    "Folder": "ErrorCannotUseFolderIdForItemId", "TooLong": "ErrorInvalidIdStoreObjectIdTooLong",
    "MonikerTooLong": "ErrorInvalidIdMonikerTooLong", "ChangeKey": "ErrorInvalidChangeKey",
}
# Which argument is wrong ("group" or "contact"), the ids that are wrong so, and the code for each column; "-": the operation
# has no such argument, or the id is right for it. GetImItems leaves out what it cannot find.
ALL = ["AddNewIm", "AddNewTel", "AddIm", "RemIm", "SetGrp", "RemGrp", "RemDG", "RemContact", "GetItems"]
SAME_G = "{0} {0} {0} {0} {0} {0} {0} - omit"
SAME_C = "- - {0} {0} - - - {0} omit"
MATRIX = [
    ("group", "empty", SAME_G.format("Empty")),
    ("contact", "empty", SAME_C.format("Empty")),
    *((what, wrong, same.format("Malformed")) for what, same in (("group", SAME_G), ("contact", SAME_C))
      for wrong in ("no base64", "cut", "trailing byte", "unknown compression", "unknown storage type", "moniker no GUID")),
    *((what, wrong, same.format(code)) for what, same in (("group", SAME_G), ("contact", SAME_C)) for wrong, code in (
        ("storage type 0", "Legacy"), ("folder", "Folder"), ("another mailbox's", "NM"), ("unknown mailbox's", "NM"),
        ("above 512 characters", "TooLong"), ("long moniker", "MonikerTooLong"))),
    ("group", "bad change key", "ChangeKey ChangeKey ChangeKey ChangeKey ChangeKey ChangeKey ChangeKey - kept"),
    ("group", "empty change key", "ChangeKey ChangeKey ChangeKey ChangeKey ChangeKey ChangeKey ChangeKey - kept"),
    ("contact", "bad change key", "- - ChangeKey ChangeKey - - - ChangeKey kept"),
    ("contact", "empty change key", "- - ChangeKey ChangeKey - - - ChangeKey kept"),
    ("group", "no such item", "IF IF IF IG IG IG IF - omit"),
    ("group", "a contact", "IG IG IG IG IG IG IG - omit"),
    ("group", "a persona id", "IG IG IG IG IG IG IG - omit"),
    ("group", "distribution group", "IG IG IG IG IG IG - - kept"),
    ("group", "default group", "- - - - IG IG IG - kept"),
    ("group", "user group", "- - - - - - IG - kept"),
    ("contact", "no such item", "- - IF IC - - - IF omit"),
    ("contact", "a group", "- - IC IC - - - IC omit"),
    ("contact", "a persona id", "- - IC IC - - - IC omit"),
    ("contact", "not in the group", "- - - IC - - - - -"),
]
CELLS = [(what, wrong, column, code) for what, wrong, row in MATRIX
         for column, code in zip(ALL, row.split(), strict=True) if code != "-"]


@pytest.fixture(scope="module")
def world(env):
    """One mailbox with one thing of every kind, and every sort of wrong id made from them."""
    account = env.account()
    group, contact = account.add_group("Group"), account.add_contact("in@x")
    contact = account.add_contact("in@x", group)
    env.ctl("dl", "add", "matrix@contoso.com")
    dl = account.call("AddDistributionGroupToImList", SmtpAddress="matrix@contoso.com", DisplayName="DL").group
    outside = account.add_contact("out@x")
    gone = account.add_group("Gone")
    assert account.call("RemoveImGroup", GroupId=gone.id).ok
    other = env.account()
    theirs = {"group": other.add_group("Group").id, "contact": other.add_contact("in@x").id}
    ids = {"group": group.id, "contact": contact.id, "dl": dl.id}
    wrong = {("contact", "a group"): group.id, ("group", "a contact"): contact.id, ("group", "distribution group"): dl.id,
             ("group", "default group"): account.im_list().group(soap.FAVORITES).id, ("group", "user group"): group.id,
             ("contact", "not in the group"): outside.id}
    for what in ("group", "contact"):
        parsed = Id.parse(ids[what])
        raw = parsed.text(compressed=False)
        variants = {
            "empty": "", "no base64": "*" + raw[1:], "cut": raw[:-4],
            "trailing byte": parsed.change(store_id=parsed.store_id + b"\0").text(),
            "unknown compression": "Ag" + raw[2:], "unknown storage type": parsed.change(storage=9).text(),
            "moniker no GUID": parsed.change(moniker="x" * 36).text(), "storage type 0": parsed.change(storage=0).text(),
            "folder": parsed.folder().text(), "another mailbox's": theirs[what],
            "unknown mailbox's": parsed.change(moniker="00000000-1111-4222-8333-444444444444").text(),
            "above 512 characters": "AAAA" * 129, "long moniker": parsed.change(moniker="m" * 300, store_id=b"").text(False),
            "bad change key": (ids[what], "EQ=="), "empty change key": (ids[what], ""),
            "no such item": Id.parse(gone.id).text() if what == "group"
            else parsed.with_counter(parsed.counter + 1000).text(), "a persona id": contact.persona_id,
        }
        wrong |= {(what, name): value for name, value in variants.items()}
    return account, ids, wrong


@pytest.fixture(scope="module")
def table():
    """What was answered in each cell, reported when all are done."""
    cells = {}
    yield cells
    report.TABLES["Wrong ids"] = [f"{'':32}" + "".join(f"{column:>15}" for column in ALL)] + [
        f"{what + ': ' + wrong:32}" + "".join(f"{cells.get((what, wrong, column), '-'):>15}" for column in ALL)
        for what, wrong, _ in MATRIX]


@pytest.mark.parametrize("what, wrong, column, expected", CELLS, ids=lambda value: value.replace(" ", "-"))
def test_matrix(world, table, what, wrong, column, expected):
    account, ids, wrong_ids = world
    before = account.im_list()
    bad = wrong_ids[what, wrong]
    right = {"contact": ids["contact"], "group": ids["dl" if column == "RemDG" else "group"]}
    operation, children = OPERATIONS[column](*(right | {what: bad}).values())
    reply = account.call(operation, **children)
    if column == "GetItems":
        assert reply.ok, reply.body
        found = reply.im_list
        answer = "kept" if (found.groups if what == "group" else found.personas) else "omit"
        assert len(found.groups) + len(found.personas) == (2 if answer == "kept" else 1)
    else:
        answer = next((short for short, code in ABBREVIATIONS.items() if code == reply.code), reply.code)
        assert is_error(reply, reply.code)
        assert reply.value == (("MailboxGuid", Id.parse(bad).moniker) if answer == "NM" else None)
    table[what, wrong, column] = answer
    assert answer == expected
    assert account.im_list() == before, "a refused request changed the list"
