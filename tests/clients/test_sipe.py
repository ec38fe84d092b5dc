# SPDX-License-Identifier: Apache-2.0
"""A user of Pidgin with SIPE: his tours through the contact list, its bytes replayed, its demands on the answers checked.
After every act the list is read again over a second login, as SIPE reads it, and compared with what the server says itself."""

import pytest

from tests.clients.sipe import Sipe
from tests.httpd.backend import Backend
from tests.httpd.env import Env
from tests.schema.validate import validate_reply

DEFAULT = {"Other Contacts": [], "Tagged": [], "Favorites": []}


def valid(body):
    assert validate_reply(body) == []


@pytest.fixture
def user(env, account):
    """Two logins of one user: the one at work, and one that only looks."""
    logins = [Sipe(env.port, account.address, env.passwords[account.address], valid) for _ in range(2)]
    yield *logins, account
    for login in logins:
        login.close()


def sees(user, **groups):
    """What a fresh login shows, besides the default groups that are empty; names with _ for a blank."""
    _, other, account = user
    wanted = DEFAULT | {name.replace("_", " "): members for name, members in groups.items()}
    shown = other.log_in()
    assert {name: sorted(members) for name, members in shown.items()} == {name: sorted(members) for name, members in wanted.items()}
    everything = account.im_list()
    assert {group.name: everything.members(group.name) for group in everything.groups} == shown
    return True


def test_tour(user):
    sipe = user[0]
    assert sipe.log_in() == DEFAULT
    assert sipe.statuses == [401, 200], "the connection lives on after the 401 although a body came with it"

    assert sipe.add_buddy("bob@contoso.com", "Other Contacts") and sees(user, Other_Contacts=["bob@contoso.com"])
    assert sipe.add_buddy("eve@contoso.com", "R&D <1>", new_group=True)
    assert sees(user, **{"R&D <1>": ["eve@contoso.com"], "Other_Contacts": ["bob@contoso.com"]})
    assert sipe.add_buddy("joe@contoso.com", "R&D <1>")

    sipe.move_buddy("bob@contoso.com", "Other Contacts", "R&D <1>")
    assert sees(user, **{"R&D <1>": ["eve@contoso.com", "joe@contoso.com", "bob@contoso.com"]})

    sipe.rename_group("R&D <1>", "Ä & Ö")
    assert sees(user, **{"Ä & Ö": ["eve@contoso.com", "joe@contoso.com", "bob@contoso.com"]})

    sipe.copy_buddy("joe@contoso.com", "Favorites")
    assert sees(user, **{"Ä & Ö": ["eve@contoso.com", "joe@contoso.com", "bob@contoso.com"], "Favorites": ["joe@contoso.com"]})

    sipe.remove_buddy("eve@contoso.com", "Ä & Ö")
    assert sees(user, **{"Ä & Ö": ["joe@contoso.com", "bob@contoso.com"], "Favorites": ["joe@contoso.com"]})

    sipe.remove_group("Ä & Ö", ["joe@contoso.com", "bob@contoso.com"])
    assert sees(user, Favorites=["joe@contoso.com"])
    assert set(sipe.statuses[1:]) == {200}, "one 401 a connection is all"


def test_first_keys_serve_for_ever(user):
    """SIPE keeps the ChangeKeys of its login; other changes must not make them invalid."""
    sipe, _, account = user
    sipe.log_in()
    assert sipe.add_buddy("bob@contoso.com", "Work", new_group=True)
    for step in range(3):
        sipe.rename_group("Work" if step == 0 else f"Work {step - 1}", f"Work {step}")
        sipe.copy_buddy("bob@contoso.com", "Favorites")
        sipe.remove_buddy("bob@contoso.com", "Favorites")
        sees(user, **{f"Work {step}": ["bob@contoso.com"]})
    newer = account.im_list().personas[0]
    assert sipe.buddy("bob@contoso.com").key == newer.id
    sipe.remove_group("Work 2", ["bob@contoso.com"])
    assert sees(user)


def test_moves(user):
    """Into a group and out of it in every combination of where the buddy was and went; he is never lost on the way."""
    sipe = user[0]
    sipe.log_in()
    assert sipe.add_buddy("bob@contoso.com", "A", new_group=True)
    assert sipe.add_buddy("eve@contoso.com", "B", new_group=True)
    at = "A"
    for goal in ("B", "Favorites", "Other Contacts", "A", "Other Contacts", "Favorites", "A"):
        sipe.move_buddy("bob@contoso.com", at, goal)
        at = goal
        wanted = DEFAULT | {"A": [], "B": ["eve@contoso.com"]}
        wanted[goal] = sorted(wanted[goal] + ["bob@contoso.com"])
        assert sees(user, **wanted)
    sipe.copy_buddy("bob@contoso.com", "B")
    sipe.copy_buddy("bob@contoso.com", "B")
    sipe.remove_buddy("bob@contoso.com", "A")
    assert sees(user, A=[], B=["bob@contoso.com", "eve@contoso.com"])


def test_refusals_leave_the_session_alive(user):
    sipe = user[0]
    sipe.log_in()
    assert sipe.add_buddy("bob@contoso.com", "A", new_group=True)
    sipe.groups = [group for group in sipe.groups if group.name != "A"]
    assert not sipe.add_buddy("eve@contoso.com", "A", new_group=True), "the name is taken: no ImGroup comes back"
    assert sees(user, A=["bob@contoso.com"])
    sipe.log_in()
    gone = sipe.buddy("bob@contoso.com")
    sipe.remove_group("A", ["bob@contoso.com"])
    sipe.pair("RemoveImContactFromGroup", gone, sipe.group("Favorites"))
    assert sees(user) and set(sipe.statuses[1:]) == {200}


def test_tel_uri_contact_is_invisible(user):
    """It has no ImAddress, so SIPE leaves it out and the rest of the list stands."""
    sipe, _, account = user
    group = account.add_group("A")
    reply = account.call("AddNewTelUriContactToGroup", TelUriAddress="tel:5625550100", ImContactSipUriAddress="sip:john@contoso.com",
                         ImTelephoneNumber="5625550100", GroupId=group.id)
    assert reply.ok
    account.add_contact("bob@contoso.com", group)
    assert sipe.log_in() == DEFAULT | {"A": ["bob@contoso.com"]}


def test_reconnect(user):
    """A new connection in mid-session gets a 401 again, with the whole body on it, and goes on."""
    sipe = user[0]
    sipe.log_in()
    for number in range(3):
        sipe.close()
        assert sipe.add_buddy(f"b{number}@contoso.com", "Other Contacts")
    assert sipe.statuses == [401, 200] * 4


PHOTO = b"<e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/'><e:Body><GetUserPhotoResponse/></e:Body></e:Envelope>"
PROXY = 'ProxyPassMatch "(?i)^/ews/(.*)$" "http://127.0.0.1:{port}/EWS/$1"'


def test_photos_from_a_server_behind():
    """GetUserPhoto comes on the same connection, between our operations: it reaches the server behind as it was sent."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n" % len(PHOTO)
    with Backend(answer=head + PHOTO) as backend, Env(location="EWSIm On", modules=("proxy", "proxy_http"),
                                                      directives=PROXY.format(port=backend.port)) as env:
        account = env.account()
        sipe = Sipe(env.port, account.address, env.passwords[account.address])
        sipe.log_in()
        for number in range(3):
            name = f"b{number}@contoso.com"
            assert sipe.add_buddy(name, "Other Contacts")
            assert sipe.text(sipe.photo(name)) is None
            assert f"<m:Email>{name}</m:Email>".encode() in backend.take().body
        assert sipe.statuses == [401] + [200] * 7
        sipe.close()
        assert account.im_list().addresses == ["b2@contoso.com", "b1@contoso.com", "b0@contoso.com"]
        assert not env.check_log()


def test_photos_alone(user):
    """Nobody has photos: a fault, after which SIPE authenticates anew."""
    sipe = user[0]
    sipe.log_in()
    assert sipe.photo("bob@contoso.com") is None and sipe.add_buddy("bob@contoso.com", "Other Contacts")
    assert sipe.statuses == [401, 200, 500, 401, 200]


def test_wrong_password(env, account):
    env.expect_log(r"AH01617: user .*Password Mismatch")
    sipe = Sipe(env.port, account.address, "wrong")
    assert sipe.send("<m:GetImItemList/>") is None and sipe.statuses == [401, 401]
    sipe.close()
