# SPDX-License-Identifier: Apache-2.0
"""One user's dealings with his list, over all thirteen operations, through any client. After each step the whole list is read
again and compared with what it must be; refusals must leave it alone. Prints a line for each step."""

import uuid

from tests.httpd.ids import Id

DEFAULT = ["Other Contacts", "Tagged", "Favorites"]
OPERATIONS = {
    "AddDistributionGroupToImList", "AddImContactToGroup", "AddImGroup", "AddNewImContactToGroup", "AddNewTelUriContactToGroup",
    "GetImItemList", "GetImItems", "RemoveContactFromImList", "RemoveDistributionGroupFromImList", "RemoveImContactFromGroup",
    "RemoveImGroup", "SetImGroup", "SetImListMigrationCompleted"}
NAME = [{"PropertyTag": "0x3001", "PropertyType": "String"}]
ANNA, BOB, TEL = "anna.åkesson@fabrikam.com", "bob@fabrikam.com", "5625550100"


def key(item, with_change_key=True):
    """The id of a group or persona as an argument."""
    return {"Id": item.id, "ChangeKey": item.change_key} if with_change_key else {"Id": item.id}


class Scenario:
    def __init__(self, client, distribution_group, migration):
        """`migration()` tells how the server has recorded the migration: True or False."""
        self.client, self.distribution_group, self.migration = client, distribution_group, migration
        self.used, self.refused = set(), []
        self.groups = {name: [] for name in DEFAULT}  # name: members' IM addresses, a tel URI contact by its number

    # ---- Steps

    def call(self, operation, **arguments):
        self.used.add(operation)
        answer = self.client.call(operation, **arguments)
        print(f"{operation:36} {answer.code or answer.fault.code}")
        assert answer.fault or answer.version == "Exchange2013"
        return answer

    def done(self, operation, **arguments):
        answer = self.call(operation, **arguments)
        assert answer.ok and answer.text is None and answer.message_xml is None, answer
        return answer

    def refuse(self, code, text, operation, value=None, **arguments):
        answer = self.call(operation, **arguments)
        assert (answer.kind, answer.code, answer.text) == ("Error", code, text), answer
        assert value is None or ("MailboxGuid" in answer.message_xml and value in answer.message_xml), answer
        assert not answer.persona and not answer.group and not answer.list
        self.refused.append(code)
        self.check()

    def check(self):
        """The list as it is now, which must be as self.groups says."""
        everything = self.done("GetImItemList").list
        address = {persona.id: persona.address or persona.first_last for persona in everything.personas}
        found = {group.name: [address[member] for member in group.members] for group in everything.groups}
        assert found == self.groups, f"\nthere:    {found}\nexpected: {self.groups}"
        own = [name for name in self.groups if name not in DEFAULT]
        assert [group.name for group in everything.groups] == DEFAULT + own[::-1], "user groups come newest first"
        assert set(address) == {member for group in everything.groups for member in group.members}
        for persona in everything.personas:
            assert persona.id and persona.change_key and persona.persona_id and persona.quick and not persona.hidden
        return everything

    # ---- The story

    def run(self):
        everything = self.check()
        assert all(group.id and group.change_key for group in everything.groups)
        friends, work = self.groups_are_made()
        anna, bob, tel = self.contacts_are_added(friends)
        self.contact_is_moved(bob, work)
        self.distribution_group_is_listed()
        self.items_are_read(anna, friends)
        self.refusals(friends, anna)
        for flag in (True, False, True):
            self.done("SetImListMigrationCompleted", ImListMigrationCompleted=flag)
            assert self.migration() is flag
        self.everything_is_removed(friends, work, anna, bob, tel)
        assert self.used == OPERATIONS, OPERATIONS - self.used
        assert len(set(self.refused)) >= 6, self.refused

    def groups_are_made(self):
        made = []
        for name in ("Friends & <family>", "Work"):
            group = self.done("AddImGroup", DisplayName=name).group
            assert (group.name, group.type, group.members) == (name, "IPM.DistList.MOC.UserGroup", [])
            self.groups[name] = []
            made.append(next(other for other in self.check().groups if other.name == name))
            assert (group.id, group.change_key) == (made[-1].id, made[-1].change_key)
        return made

    def contacts_are_added(self, friends):
        anna = self.done("AddNewImContactToGroup", ImAddress=ANNA, DisplayName="Anna Å \U0001F600", GroupId=key(friends)).persona
        assert (anna.name, anna.address, anna.emails) == ("Anna Å \U0001F600", ANNA, [ANNA])
        self.groups[friends.name] = [ANNA]
        listed = self.check().personas[0]
        assert (listed.id, listed.persona_id, listed.name) == (anna.id, anna.persona_id, anna.name)

        bob = self.done("AddNewImContactToGroup", ImAddress=BOB).persona
        assert (bob.name, bob.address) == (BOB, BOB)
        self.groups["Other Contacts"] = [BOB]
        self.check()

        again = self.done("AddNewImContactToGroup", ImAddress="sip:" + ANNA.upper().replace("Å", "å"), GroupId=key(friends)).persona
        assert (again.id, again.name) == (anna.id, anna.name), "the contact that is there is given back"
        self.check()

        tel = self.done("AddNewTelUriContactToGroup", TelUriAddress=f"tel:{TEL}", ImContactSipUriAddress="sip:desk@fabrikam.com",
                        ImTelephoneNumber=TEL, GroupId=key(friends, with_change_key=False)).persona
        assert (tel.name or "", tel.first_last, tel.address, tel.phones) == ("", TEL, None, [TEL])
        self.groups[friends.name] = [ANNA, TEL]
        self.check()
        return anna, bob, tel

    def contact_is_moved(self, bob, work):
        self.done("AddImContactToGroup", ContactId=key(bob), GroupId=key(work))
        self.groups["Work"] = [BOB]
        self.check()
        other = next(group for group in self.check().groups if group.name == "Other Contacts")
        self.done("RemoveImContactFromGroup", ContactId=key(bob), GroupId=key(other))
        self.groups["Other Contacts"] = []
        self.check()
        self.done("SetImGroup", GroupId=key(work), NewDisplayName="Arbeit")
        self.groups = {"Arbeit" if name == "Work" else name: members for name, members in self.groups.items()}
        renamed = next(group for group in self.check().groups if group.name == "Arbeit")
        assert renamed.id == work.id

    def distribution_group_is_listed(self):
        made = self.done("AddDistributionGroupToImList", SmtpAddress=self.distribution_group, DisplayName="Sales").group
        assert (made.name, made.type, made.smtp_address) == ("Sales", "IPM.DistList.MOC.DG", self.distribution_group)
        self.groups["Sales"] = []
        self.check()

    def items_are_read(self, anna, friends):
        some = self.done("GetImItems", ContactIds=[key(anna, False)], GroupIds=[key(friends)], ExtendedProperties=NAME).list
        assert [persona.id for persona in some.personas] == [anna.id] and [group.id for group in some.groups] == [friends.id]
        assert len(some.groups[0].members) == 2 and some.groups[0].members[0] == anna.id
        assert some.groups[0].properties == [["0x3001", friends.name]]
        assert some.personas[0].properties == [["0x3001", anna.name]]
        nothing = self.done("GetImItems", ContactIds=[{"Id": "x"}], GroupIds=[{"Id": ""}]).list
        assert (nothing.personas, nothing.groups) == ([], [])
        everything = self.done("GetImItemList", ExtendedProperties=NAME).list
        assert all(group.properties == [["0x3001", group.name]] for group in everything.groups)

    def refusals(self, friends, anna):
        stranger = str(uuid.uuid4())
        foreign = {"Id": Id.parse(friends.id).change(moniker=stranger).text(), "ChangeKey": friends.change_key}
        contact = Id.parse(anna.id)
        absent = {"Id": contact.with_counter(contact.counter + 100000).text()}
        self.refuse("ErrorNonExistentMailbox", "No mailbox with such guid.", "AddNewImContactToGroup", value=stranger,
                    ImAddress="eve@fabrikam.com", DisplayName="Eve", GroupId=foreign)
        self.refuse("ErrorImGroupDisplayNameAlreadyExists", "An IM group with the specified display name already exists.",
                    "AddImGroup", DisplayName=friends.name.upper())
        self.refuse("ErrorInvalidIdMalformed", "Id is malformed.", "RemoveImGroup", GroupId={"Id": "x"})
        self.refuse("ErrorInvalidIdEmpty", "Id must be non-empty.", "RemoveContactFromImList", ContactId={"Id": ""})
        self.refuse("ErrorItemNotFound", "The specified object was not found in the store.", "RemoveContactFromImList",
                    ContactId=absent)
        self.refuse("ErrorInvalidImGroupId", "The specified Im Group Id is invalid.", "RemoveImGroup", GroupId=absent)
        self.refuse("ErrorInvalidImContactId", "The specified Im Contact Id is invalid.", "RemoveImContactFromGroup",
                    ContactId=key(anna), GroupId=key(next(g for g in self.check().groups if g.name == "Arbeit")))
        self.refuse("ErrorInvalidImDistributionGroupSmtpAddress", "The specified IM distribution group SMTP address is invalid.",
                    "AddDistributionGroupToImList", SmtpAddress="nobody@fabrikam.com", DisplayName="Nobody")
        fault = self.call("AddImGroup", version="Exchange2010", DisplayName="Too old").fault
        assert fault and fault.code.endswith(":ErrorIncorrectSchemaVersion"), fault
        assert fault.text.startswith("The request is valid but does not specify the correct server version"), fault
        self.check()

    def everything_is_removed(self, friends, work, anna, bob, tel):
        self.done("RemoveContactFromImList", ContactId=key(tel))
        self.groups[friends.name] = [ANNA]
        self.check()
        self.refuse("ErrorItemNotFound", "The specified object was not found in the store.", "RemoveContactFromImList",
                    ContactId=key(tel))
        self.done("RemoveImGroup", GroupId=key(work))
        del self.groups["Arbeit"]
        self.groups["Other Contacts"] = [BOB]
        sales = next(group for group in self.check().groups if group.name == "Sales")
        self.done("RemoveDistributionGroupFromImList", GroupId=key(sales, with_change_key=False))
        del self.groups["Sales"]
        self.check()
        self.refuse("ErrorItemNotFound", "The specified object was not found in the store.", "RemoveDistributionGroupFromImList",
                    GroupId=key(sales))
        self.done("RemoveImContactFromGroup", ContactId=key(anna), GroupId=key(friends))
        self.groups[friends.name] = []
        self.check()
        self.done("RemoveImGroup", GroupId=key(friends))
        del self.groups[friends.name]
        self.check()
        self.done("RemoveContactFromImList", ContactId=key(bob))
        self.groups["Other Contacts"] = []
        assert not self.check().personas
