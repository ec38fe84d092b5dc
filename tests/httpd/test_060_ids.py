# SPDX-License-Identifier: Apache-2.0
"""Ids that were tampered with: every changed bit and every truncation is refused or names another item of the same mailbox."""

import base64

import pytest

from tests.httpd import soap
from tests.httpd.ids import Id, compress, expand

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="


def encode(data):
    return base64.b64encode(data).decode()


def bit_flips(data):
    for bit in range(len(data) * 8):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        yield bytes(changed)


def flipped(text):
    """Every id one bit away from this one."""
    return [encode(flip) for flip in bit_flips(base64.b64decode(text))]


def mangled(text):
    """Every id one cut away, or one bit of a character (a few bits of the id then), or with something behind it."""
    data = base64.b64decode(text)
    changed = {encode(data[:size]) for size in range(len(data))} | {text[:size] for size in range(len(text))}
    # Of characters only those that XML can carry.
    changed |= {flip.decode() for flip in bit_flips(text.encode()) if set(flip) <= set(ALPHABET) | set(b" #*-_.~")}
    return sorted(changed | {text + tail for tail in ("A", "=", "AAAA", " ", text)})


@pytest.fixture(scope="module")
def world(env):
    """A mailbox with neighbours for every item, so that a changed counter can hit one."""
    account = env.account()
    groups = [account.add_group(f"group {n}") for n in range(6)]
    contacts = [account.add_contact(f"c{n}@x", groups[n % 3]) for n in range(12)]
    return account, groups, contacts


def by_counter(items):
    return {Id.parse(item.id).counter: item.id for item in items}


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("kind", ["group", "contact"])
def test_get_im_items(world, kind, compressed):
    account, groups, contacts = world
    items = groups if kind == "group" else contacts
    item = items[2]
    parsed = Id.parse(item.id)
    neighbours = by_counter(account.im_list().groups if kind == "group" else contacts)
    reachable = {id for counter, id in neighbours.items() if (counter ^ parsed.counter).bit_count() == 1}
    assert reachable, "no neighbour to hit: the test is too weak"
    text = parsed.text(compressed)

    def found(ids):
        reply = account.call("GetImItems", **{"GroupIds" if kind == "group" else "ContactIds": ids})
        assert reply.ok, reply.body
        return {one.id for one in reply.im_list.groups + reply.im_list.personas}

    one_bit = found(flipped(text))
    assert one_bit == reachable or compressed and one_bit <= reachable
    assert found(mangled(text)) <= set(neighbours.values()) - {item.id}


@pytest.mark.parametrize("kind", ["group", "contact"])
def test_add_im_contact_to_group(world, kind):
    """One request for each: refused by a code for ids, or another item of this mailbox was meant."""
    account, groups, contacts = world
    group, contact = groups[5], contacts[3]
    neighbours = by_counter(account.im_list().groups if kind == "group" else contacts)
    mine = Id.parse((group if kind == "group" else contact).id)
    codes = set()
    text = mine.text(compressed=False)
    for changed in flipped(text) + mangled(text):
        ids = {"ContactId": contact.id, "GroupId": group.id} | {"GroupId" if kind == "group" else "ContactId": changed}
        reply = account.call("AddImContactToGroup", **ids)
        assert reply.status == 200, reply.body
        if reply.ok:
            assert Id.parse(changed).counter in set(neighbours) - {mine.counter}
            assert Id.parse(changed).with_counter(mine.counter) == mine
        else:
            assert soap.text_at(reply.message, "MessageText")
            if reply.code == "ErrorNonExistentMailbox":
                moniker = Id.parse(changed).moniker
                assert reply.value == ("MailboxGuid", moniker) and moniker != mine.moniker
        codes.add(reply.code)
    assert codes <= {"NoError", "ErrorInvalidIdEmpty", "ErrorInvalidIdMalformed", "ErrorInvalidIdMalformedEwsLegacyIdFormat",
                     "ErrorInvalidIdMonikerTooLong", "ErrorInvalidIdStoreObjectIdTooLong", "ErrorNonExistentMailbox",
                     "ErrorItemNotFound", "ErrorInvalidImGroupId", "ErrorInvalidImContactId", "ErrorCannotUseFolderIdForItemId"}
    assert {"NoError", "ErrorInvalidIdEmpty", "ErrorInvalidIdMalformed", "ErrorNonExistentMailbox", "ErrorItemNotFound"} <= codes
    account.im_list()


@pytest.mark.parametrize("form", ["plain", "compressed"])
def test_both_forms_of_an_id(world, form):
    account, groups, _ = world
    text = Id.parse(groups[0].id).text(form == "compressed")
    assert account.call("GetImItems", GroupIds=[text]).im_list.groups[0].id == groups[0].id


HEAVY = {
    "a run of 257 twice": b"\1" + b"aa\xff" * 2,
    "as much as 512 characters can hold": b"\1" + b"aa\xff" * 127,
    "ends before the count": b"\1" + compress(b"\3\0\0")[:2],
    "only the compression": b"\1", "nothing": b"",
    "lengths beyond the end": b"\0\3\xff\xff" + b"a" * 40,
    "negative lengths": b"\0\3\0\x80" + b"a" * 40,
}


@pytest.mark.parametrize("case", HEAVY)
def test_heavy_ids(world, case):
    account, _, contacts = world
    text = encode(HEAVY[case])
    reply = account.call("RemoveContactFromImList", ContactId=text)
    assert reply.code.startswith("ErrorInvalidId"), reply.body
    assert account.call("GetImItems", ContactIds=[text, contacts[0].id]).im_list.personas == [contacts[0]]


def test_no_canonical_base64(world):
    """Bits behind the last byte, white space, padding left out or doubled, the alphabet of URLs."""
    account, groups, _ = world
    text = Id.parse(groups[0].id).text(compressed=False)
    assert text.endswith("=") and not text.endswith("==")
    last = ALPHABET.index(text[-2].encode())
    for wrong in (text[:-2] + chr(ALPHABET[last + 1]) + "=", text[:-1], text + "=", text[:76] + "\n" + text[76:], f" {text}",
                  text.replace("A", "-", 1), text[:4] + "=" + text[5:]):
        assert account.call("RemoveImGroup", GroupId=wrong).code == "ErrorInvalidIdMalformed", wrong


def test_codec_of_these_tests():
    for sample in (b"", b"a", b"aa", b"aaa", b"a" * 257, b"a" * 258, b"abba" * 9, bytes(range(256))):
        assert expand(compress(sample)) == sample
