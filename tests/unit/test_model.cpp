// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include "store/model.h"
#include "tests/unit/cases.h"

namespace ews_im::tests {
namespace {

using namespace store;

struct KeyRow {
  const char* name;
  ContactKind kind;
  const char* address;
  const char* key;
};

const KeyRow kKeys[] = {
    {"plain", ContactKind::Im, "terry@contoso.com", "terry@contoso.com"},
    {"upper case", ContactKind::Im, "Terry@Contoso.COM", "terry@contoso.com"},
    {"sip", ContactKind::Im, "sip:terry@contoso.com", "terry@contoso.com"},
    {"SIP", ContactKind::Im, "SIP:terry@contoso.com", "terry@contoso.com"},
    {"sip twice: one is taken off", ContactKind::Im, "sip:sip:terry", "sip:terry"},
    {"sips is another scheme", ContactKind::Im, "sips:terry@contoso.com", "sips:terry@contoso.com"},
    {"beyond ASCII as it is", ContactKind::Im, "\xC3\x9C@b", "\xC3\x9C@b"},
    {"tel URI as it is", ContactKind::TelUri, "TEL:+1555", "TEL:+1555"},
    {"tel URI with sip as it is", ContactKind::TelUri, "sip:A", "sip:A"},
};

ImContact im() {
  ImContact contact;
  contact.number = 5;
  contact.change_number = 7;
  contact.display_name = "Terry";
  contact.im_address = "terry@contoso.com";
  contact.memberships = {{2, 7}};
  return contact;
}

ImContact tel() {
  ImContact contact = im();
  contact.kind = ContactKind::TelUri;
  contact.display_name.clear();
  contact.im_address.clear();
  contact.tel_uri_address = "tel:+1555";
  return contact;
}

struct ContactRow {
  const char* name;
  ImContact contact;
  void (*spoil)(ImContact&);
  bool good;
};

const ContactRow kContacts[] = {
    {"IM", im(), [](ImContact&) {}, true},
    {"tel URI", tel(), [](ImContact&) {}, true},
    {"tel URI with all fields", tel(),
     [](ImContact& c) {
       c.im_contact_sip_uri_address = "sip:terry@contoso.com";
       c.im_telephone_number = "+1 555";
     },
     true},
    {"longest name in characters", im(),
     [](ImContact& c) {
       c.display_name.clear();
       for (std::size_t i = 0; i < kLongestDisplayName; ++i) c.display_name += "\xC3\xBC";
     },
     true},
    {"name too long", im(), [](ImContact& c) { c.display_name.assign(kLongestDisplayName + 1, 'x'); }, false},
    {"long address as name", im(),
     [](ImContact& c) { c.display_name = c.im_address = std::string(kLongestAddress, 'x'); }, true},
    {"address too long", im(), [](ImContact& c) { c.im_address.assign(kLongestAddress + 1, 'x'); }, false},
    {"no address", im(), [](ImContact& c) { c.im_address.clear(); }, false},
    {"tel URI without address", tel(), [](ImContact& c) { c.tel_uri_address.clear(); }, false},
    {"number 0", im(), [](ImContact& c) { c.number = 0; }, false},
    {"number too large", im(), [](ImContact& c) { c.number = kLargestCounter + 1; }, false},
    {"change number too large", im(), [](ImContact& c) { c.change_number = kLargestCounter + 1; }, false},
    {"IM with a telephone number", im(), [](ImContact& c) { c.im_telephone_number = "1"; }, false},
    {"tel URI with a name", tel(), [](ImContact& c) { c.display_name = "Terry"; }, false},
    {"unknown kind", im(), [](ImContact& c) { c.kind = static_cast<ContactKind>(3); }, false},
    {"control character", im(), [](ImContact& c) { c.display_name = "a\x02"; }, false},
    {"broken UTF-8", tel(), [](ImContact& c) { c.im_telephone_number = "\xFF"; }, false},
    {"in no group", im(), [](ImContact& c) { c.memberships.clear(); }, false},
    {"in two groups", im(),
     [](ImContact& c) {
       c.memberships = {{3, 1}, {2, 1}};
     },
     true},
    {"in a group twice", im(),
     [](ImContact& c) {
       c.memberships = {{2, 1}, {3, 1}, {2, 5}};
     },
     false},
    {"in group 0", im(),
     [](ImContact& c) {
       c.memberships = {{0, 1}};
     },
     false},
};

struct GroupRow {
  const char* name;
  ImGroup group;
  bool good;
};

const GroupRow kGroups[] = {
    {"user group", {6, GroupType::UserGroup, "Work", ""}, true},
    {"distribution group", {6, GroupType::DistributionGroup, "All", "all@contoso.com"}, true},
    {"distribution group named by a long address",
     {6, GroupType::DistributionGroup, std::string(500, 'x'), std::string(500, 'x')},
     true},
    {"distribution group without address", {6, GroupType::DistributionGroup, "All", ""}, false},
    {"user group with address", {6, GroupType::UserGroup, "Work", "all@contoso.com"}, false},
    {"number 0", {0, GroupType::UserGroup, "Work", ""}, false},
    {"unknown type", {6, static_cast<GroupType>(6), "Work", ""}, false},
    {"type 0", {6, static_cast<GroupType>(0), "Work", ""}, false},
    {"name too long", {6, GroupType::UserGroup, std::string(257, 'x'), ""}, false},
    {"name that XML cannot carry", {6, GroupType::UserGroup, "\x0B", ""}, false},
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const KeyRow& row : kKeys) {
    all.push_back({std::string("address key, ") + row.name, [&row] {
                     CPPUNIT_ASSERT_EQUAL(std::string(row.key), address_key(row.kind, row.address));
                   }});
  }
  for (const ContactRow& row : kContacts) {
    all.push_back({std::string("contact, ") + row.name, [&row] {
                     ImContact contact = row.contact;
                     row.spoil(contact);
                     CPPUNIT_ASSERT_EQUAL(row.good, what_is_wrong(contact).empty());
                   }});
  }
  for (const GroupRow& row : kGroups) {
    all.push_back({std::string("group, ") + row.name,
                   [&row] { CPPUNIT_ASSERT_EQUAL(row.good, what_is_wrong(row.group).empty()); }});
  }
  all.push_back({"a contact survives the way through its view", [] {
                   ImContact contact = tel();
                   contact.im_telephone_number = "+1 555";
                   contact.im_contact_sip_uri_address = "sip:a@b";
                   contact.creation_time = -5;
                   contact.persona_id = Guid::random();
                   const ImContact copy = to_im_contact(to_view(contact));
                   CPPUNIT_ASSERT(copy.number == contact.number &&
                                  copy.change_number == contact.change_number);
                   CPPUNIT_ASSERT(copy.persona_id == contact.persona_id && copy.creation_time == -5);
                   CPPUNIT_ASSERT(copy.kind == contact.kind && copy.memberships == contact.memberships);
                   CPPUNIT_ASSERT_EQUAL(contact.tel_uri_address, copy.tel_uri_address);
                   CPPUNIT_ASSERT_EQUAL(contact.im_contact_sip_uri_address, copy.im_contact_sip_uri_address);
                   CPPUNIT_ASSERT_EQUAL(contact.im_telephone_number, copy.im_telephone_number);
                 }});
  return all;
}

const RegisteredSuite suite("model", cases);

}  // namespace
}  // namespace ews_im::tests
