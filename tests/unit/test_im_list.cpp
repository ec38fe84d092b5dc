// SPDX-License-Identifier: Apache-2.0
// Every rule of the IM list, each against a mailbox of its own in an LMDB store. What is accepted is run
// twice, first to be rolled back, as a store may do; what is refused must leave the list as it was.
#include "store/im_list.h"

#include <algorithm>

#include "tests/unit/lmdb_fixture.h"

namespace ews_im::tests {
namespace {

using namespace store;  // NOLINT(google-build-using-namespace)

std::string text_of(Refusal refusal) { return "refusal " + std::to_string(static_cast<int>(refusal)); }

// One mailbox; what the cases are written with.
class List {
 public:
  explicit List(Settings settings = {}) : store_(place_.open()) {
    require_ok(set_settings(*store_, settings));
    const DirectoryEntry entry = entry_of(1);
    guid_ = entry.guid;
    require_ok(store_->add_mailbox(entry, soon()));
    require_ok(store_->add_distribution_group({"Sales@contoso.com", "All of sales"}, soon()));
    require_ok(store_->add_distribution_group({"dev@contoso.com", ""}, soon()));
  }

  // Runs a rule that must accept, and returns what it gave.
  template <class T>
  T accepts(const std::function<Accepted<T>(MailboxTransaction&)>& rule) {
    std::vector<Accepted<T>> outcomes;
    for (const Outcome outcome : {Outcome::Rollback, Outcome::Commit}) {
      require_ok(store_->write(guid_, soon(), [&](MailboxTransaction& txn) {
        outcomes.push_back(rule(txn));
        return outcome;
      }));
    }
    for (const auto& outcome : outcomes) {
      if (const auto* refusal = std::get_if<Refusal>(&outcome)) CPPUNIT_FAIL(text_of(*refusal));
    }
    return std::get<T>(outcomes.back());
  }

  template <class T>
  void refuses(Refusal expected, const std::function<Accepted<T>(MailboxTransaction&)>& rule) {
    const std::string before = show();
    std::optional<Accepted<T>> outcome;
    require_ok(store_->write(guid_, soon(), [&](MailboxTransaction& txn) {
      outcome = rule(txn);
      return Outcome::Rollback;
    }));
    const auto* refusal = std::get_if<Refusal>(&*outcome);
    CPPUNIT_ASSERT_EQUAL(text_of(expected), refusal != nullptr ? text_of(*refusal) : std::string("accepted"));
    CPPUNIT_ASSERT_EQUAL(before, show());
  }

  // Rules, by the numbers and names that cases use.
  ImContact add(const std::string& address, Group group = std::nullopt, const std::string& name = {}) {
    return accepts<ImContact>([&](auto& txn) {
      return add_new_im_contact_to_group(txn, {address, name}, group, draw_);
    });
  }
  ImContact add_tel(const std::string& uri, Group group = std::nullopt, const std::string& number = "1") {
    return accepts<ImContact>([&](auto& txn) {
      return add_new_tel_uri_contact_to_group(txn, {uri, "sip:x@contoso.com", number}, group, draw_);
    });
  }
  void copy(ItemNumber contact, Group group) {
    accepts<Done>([&](auto& txn) { return add_im_contact_to_group(txn, contact, group); });
  }
  void take_out(ItemNumber contact, ItemNumber group) {
    accepts<Done>([&](auto& txn) { return remove_im_contact_from_group(txn, contact, group); });
  }
  ItemNumber group(const std::string& name) {
    return accepts<ImGroup>([&](auto& txn) { return add_im_group(txn, name); }).number;
  }
  ItemNumber dl(const std::string& address, const std::string& name = {}) {
    return accepts<ImGroup>([&](auto& txn) { return add_distribution_group_to_im_list(txn, address, name); })
        .number;
  }
  void rename(ItemNumber number, const std::string& name) {
    accepts<Done>([&](auto& txn) { return set_im_group(txn, number, name); });
  }
  void remove(ItemNumber number) {
    accepts<Done>([&](auto& txn) { return remove_im_group(txn, number); });
  }
  void refuses_add(Refusal refusal, const std::string& address, Group group = std::nullopt) {
    refuses<ImContact>(refusal, [&](auto& txn) {
      return add_new_im_contact_to_group(txn, {address, {}}, group, draw_);
    });
  }
  void refuses_add_tel(Refusal refusal, const std::string& uri, Group group = std::nullopt) {
    refuses<ImContact>(refusal, [&](auto& txn) {
      return add_new_tel_uri_contact_to_group(txn, {uri, "sip:x", "1"}, group, draw_);
    });
  }
  void refuses_copy(Refusal refusal, ItemNumber contact, Group group) {
    refuses<Done>(refusal, [&](auto& txn) { return add_im_contact_to_group(txn, contact, group); });
  }
  void refuses_take_out(Refusal refusal, ItemNumber contact, ItemNumber group) {
    refuses<Done>(refusal, [&](auto& txn) { return remove_im_contact_from_group(txn, contact, group); });
  }
  void refuses_erase(Refusal refusal, ItemNumber contact) {
    refuses<Done>(refusal, [&](auto& txn) { return remove_contact_from_im_list(txn, contact); });
  }
  void refuses_group(Refusal refusal, const std::string& name) {
    refuses<ImGroup>(refusal, [&](auto& txn) { return add_im_group(txn, name); });
  }
  void refuses_rename(Refusal refusal, ItemNumber number, const std::string& name) {
    refuses<Done>(refusal, [&](auto& txn) { return set_im_group(txn, number, name); });
  }
  void refuses_remove(Refusal refusal, ItemNumber number) {
    refuses<Done>(refusal, [&](auto& txn) { return remove_im_group(txn, number); });
  }
  void refuses_dl(Refusal refusal, const std::string& address) {
    refuses<ImGroup>(refusal, [&](auto& txn) { return add_distribution_group_to_im_list(txn, address, {}); });
  }
  void refuses_remove_dl(Refusal refusal, ItemNumber number) {
    refuses<Done>(refusal, [&](auto& txn) { return remove_distribution_group_from_im_list(txn, number); });
  }

  ItemNumber of_type(GroupType type) {
    ItemNumber number = 0;
    require_ok(store_->read(guid_, [&](MailboxView& view) {
      for (const auto& found : view.im_groups()) {
        if (found.type == type) number = found.number;
      }
    }));
    return number;
  }
  ItemNumber others() { return of_type(GroupType::OtherContacts); }
  ItemNumber tagged() { return of_type(GroupType::Tagged); }
  ItemNumber favorites() { return of_type(GroupType::Favorites); }
  ItemNumber folder() { return head().folder; }
  Mailbox head() {
    Mailbox mailbox;
    require_ok(store_->read(guid_, [&](MailboxView& view) { mailbox = view.mailbox(); }));
    return mailbox;
  }
  void set(const Settings& settings) { require_ok(set_settings(*store_, settings)); }

  // "Other Contacts[a b] Tagged[] ...": groups as they are listed, addresses in the order of joining.
  std::string show() {
    std::string text;
    require_ok(store_->read(guid_, [&](MailboxView& view) {
      auto groups = view.im_groups();
      sort_im_groups(groups);
      const ImContacts all = view.im_contacts();
      for (const auto& shown : groups) {
        std::vector<std::pair<ChangeNumber, std::string>> members;
        for (const auto& contact : all.contacts) {
          for (const auto& membership : contact.memberships) {
            if (membership.group != shown.number) continue;
            members.emplace_back(membership.joined,
                                 std::string(contact.im_address) + std::string(contact.tel_uri_address));
          }
        }
        std::sort(members.begin(), members.end());
        text += (text.empty() ? "" : " ") + shown.display_name + "[";
        for (const auto& member : members) text += (text.back() == '[' ? "" : " ") + member.second;
        text += "]";
      }
    }));
    return text;
  }
  void shows(const std::string& expected) { CPPUNIT_ASSERT_EQUAL(expected, show()); }

 private:
  LmdbPlace place_;
  std::shared_ptr<Store> store_;
  Guid guid_;
  Draw draw_{Guid::of_text({}, "draw"), 1325804818};
};

struct Row {
  const char* name;
  void (*body)(List&);
};

constexpr ItemNumber kNone = 4711;

const Row kRows[] = {
    // AddNewImContactToGroup
    {"new contact: without a group, into Other Contacts",
     [](List& list) {
       const ImContact contact = list.add("a@b");
       list.shows("Other Contacts[a@b] Tagged[] Favorites[]");
       CPPUNIT_ASSERT_EQUAL(std::string("a@b"), contact.display_name);
       CPPUNIT_ASSERT(contact.kind == ContactKind::Im && contact.persona_id == Guid::of_text({}, "draw"));
       CPPUNIT_ASSERT_EQUAL(std::int64_t{1325804818}, contact.creation_time);
       CPPUNIT_ASSERT_EQUAL(contact.change_number, contact.memberships.at(0).joined);
       CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, list.head().im_contacts);
     }},
    {"new contact: with a name, address as it was sent",
     [](List& list) {
       const ImContact contact = list.add("SIP:A@b", std::nullopt, "Ann");
       CPPUNIT_ASSERT_EQUAL(std::string("Ann"), contact.display_name);
       CPPUNIT_ASSERT_EQUAL(std::string("SIP:A@b"), contact.im_address);
     }},
    {"new contact: into a group of each type that takes contacts",
     [](List& list) {
       list.add("u@b", list.group("Work"));
       list.add("f@b", list.favorites());
       list.add("t@b", list.tagged());
       list.add("o@b", list.others());
       list.shows("Other Contacts[o@b] Tagged[t@b] Favorites[f@b] Work[u@b]");
     }},
    {"new contact: not into a distribution group",
     [](List& list) { list.refuses_add(Refusal::WrongGroupType, "a@b", list.dl("dev@contoso.com")); }},
    {"new contact: no such group", [](List& list) { list.refuses_add(Refusal::NoSuchGroup, "a@b", kNone); }},
    {"new contact: the folder is no group",
     [](List& list) { list.refuses_add(Refusal::NotAnImGroup, "a@b", list.folder()); }},
    {"new contact: a contact is no group",
     [](List& list) { list.refuses_add(Refusal::NotAnImGroup, "a@b", list.add("c@d").number); }},
    {"existing contact: joins the group, keeps its name and number",
     [](List& list) {
       const ImContact first = list.add("a@b", std::nullopt, "Ann");
       const ImContact again = list.add("sip:A@B", list.favorites(), "Other");
       CPPUNIT_ASSERT_EQUAL(first.number, again.number);
       CPPUNIT_ASSERT_EQUAL(first.change_number, again.change_number);
       CPPUNIT_ASSERT_EQUAL(std::string("Ann"), again.display_name);
       CPPUNIT_ASSERT_EQUAL(std::string("a@b"), again.im_address);
       list.shows("Other Contacts[a@b] Tagged[] Favorites[a@b]");
     }},
    {"existing contact: member already, nothing changes",
     [](List& list) {
       list.add("a@b", list.favorites());
       const ChangeNumber before = list.head().last_change;
       list.add("a@b", list.favorites());
       CPPUNIT_ASSERT_EQUAL(before, list.head().last_change);
     }},
    {"existing contact: without a group, it stays where it is",
     [](List& list) {
       list.add("a@b", list.favorites());
       list.add("a@b");
       list.shows("Other Contacts[] Tagged[] Favorites[a@b]");
     }},
    {"existing contact: without a group, from Tagged alone to Other Contacts too",
     [](List& list) {
       list.add("a@b", list.tagged());
       list.add("a@b");
       list.shows("Other Contacts[a@b] Tagged[a@b] Favorites[]");
     }},
    {"existing contact: a group that is not there is refused all the same",
     [](List& list) {
       list.add("a@b");
       list.refuses_add(Refusal::NoSuchGroup, "a@b", kNone);
     }},
    {"contact limit: reached by all kinds together, existing contacts exempt",
     [](List& list) {
       list.set({2, 64});
       list.add("a@b");
       list.add_tel("tel:1");
       list.refuses_add(Refusal::ImContactLimitReached, "c@d");
       list.refuses_add_tel(Refusal::ImContactLimitReached, "tel:2");
       list.add("a@b", list.favorites());
       list.refuses_add(Refusal::NoSuchGroup, "c@d", kNone);
     }},
    {"contact limit: room again after a removal",
     [](List& list) {
       list.set({1, 64});
       const ItemNumber first = list.add("a@b").number;
       list.accepts<Done>([&](auto& txn) { return remove_contact_from_im_list(txn, first); });
       CPPUNIT_ASSERT(list.add("c@d").number > first);
     }},
    {"contact limit 0",
     [](List& list) {
       list.set({0, 64});
       list.refuses_add(Refusal::ImContactLimitReached, "a@b");
     }},

    // AddNewTelUriContactToGroup
    {"tel URI: no name, three addresses",
     [](List& list) {
       const ImContact contact = list.add_tel("tel:5625550100", list.favorites(), "5625550100");
       CPPUNIT_ASSERT(contact.kind == ContactKind::TelUri && contact.display_name.empty() &&
                      contact.im_address.empty());
       CPPUNIT_ASSERT_EQUAL(std::string("5625550100"), contact.im_telephone_number);
       CPPUNIT_ASSERT_EQUAL(std::string("sip:x@contoso.com"), contact.im_contact_sip_uri_address);
       list.shows("Other Contacts[] Tagged[] Favorites[tel:5625550100]");
     }},
    {"tel URI: the same again keeps what is stored",
     [](List& list) {
       const ImContact first = list.add_tel("tel:1", std::nullopt, "one");
       const ImContact again = list.add_tel("tel:1", list.favorites(), "two");
       CPPUNIT_ASSERT_EQUAL(first.number, again.number);
       CPPUNIT_ASSERT_EQUAL(std::string("one"), again.im_telephone_number);
       list.shows("Other Contacts[tel:1] Tagged[] Favorites[tel:1]");
     }},
    {"tel URI: compares exactly, and apart from IM addresses",
     [](List& list) {
       list.add_tel("tel:a");
       list.add_tel("TEL:a");
       list.add("tel:a");
       list.shows("Other Contacts[tel:a TEL:a tel:a] Tagged[] Favorites[]");
     }},
    {"tel URI: groups are checked likewise",
     [](List& list) {
       list.refuses_add_tel(Refusal::NoSuchGroup, "tel:1", kNone);
       list.refuses_add_tel(Refusal::NotAnImGroup, "tel:1", list.folder());
       list.refuses_add_tel(Refusal::WrongGroupType, "tel:1", list.dl("dev@contoso.com"));
     }},

    // AddImContactToGroup
    {"copy: one more group, Other Contacts is not left by itself",
     [](List& list) {
       list.copy(list.add("a@b").number, list.favorites());
       list.shows("Other Contacts[a@b] Tagged[] Favorites[a@b]");
     }},
    {"copy: member already",
     [](List& list) {
       const ImContact contact = list.add("a@b");
       list.copy(contact.number, list.others());
       CPPUNIT_ASSERT_EQUAL(contact.change_number, list.head().last_change);
     }},
    {"copy: without a group",
     [](List& list) {
       list.copy(list.add("a@b", list.favorites()).number, std::nullopt);
       list.copy(list.add("c@d", list.tagged()).number, std::nullopt);
       list.shows("Other Contacts[c@d] Tagged[c@d] Favorites[a@b]");
     }},
    {"copy: needs no room for a contact",
     [](List& list) {
       const ItemNumber contact = list.add("a@b").number;
       list.set({1, 64});
       list.copy(contact, list.favorites());
     }},
    {"copy: refusals",
     [](List& list) {
       const ItemNumber contact = list.add("a@b").number;
       list.refuses_copy(Refusal::NoSuchContact, kNone, list.favorites());
       list.refuses_copy(Refusal::NotAnImContact, list.others(), list.favorites());
       list.refuses_copy(Refusal::NotAnImContact, list.folder(), list.favorites());
       list.refuses_copy(Refusal::NoSuchGroup, contact, kNone);
       list.refuses_copy(Refusal::NotAnImGroup, contact, contact);
       list.refuses_copy(Refusal::WrongGroupType, contact, list.dl("dev@contoso.com"));
     }},

    // RemoveImContactFromGroup
    {"take out: of one of two groups",
     [](List& list) {
       const ItemNumber contact = list.add("a@b", list.favorites()).number;
       list.copy(contact, list.others());
       list.take_out(contact, list.favorites());
       list.shows("Other Contacts[a@b] Tagged[] Favorites[]");
     }},
    {"take out: of the only group removes the contact",
     [](List& list) {
       list.take_out(list.add("a@b", list.favorites()).number, list.favorites());
       list.shows("Other Contacts[] Tagged[] Favorites[]");
       CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, list.head().im_contacts);
     }},
    {"take out: of the only group besides Tagged removes the contact",
     [](List& list) {
       const ItemNumber contact = list.add("a@b", list.favorites()).number;
       list.copy(contact, list.tagged());
       list.take_out(contact, list.favorites());
       list.shows("Other Contacts[] Tagged[] Favorites[]");
     }},
    {"take out: of Tagged, with another group",
     [](List& list) {
       const ItemNumber contact = list.add("a@b", list.favorites()).number;
       list.copy(contact, list.tagged());
       list.take_out(contact, list.tagged());
       list.shows("Other Contacts[] Tagged[] Favorites[a@b]");
     }},
    {"take out: of Tagged alone removes the contact",
     [](List& list) {
       list.take_out(list.add("a@b", list.tagged()).number, list.tagged());
       CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, list.head().im_contacts);
     }},
    {"take out: refusals, the group first",
     [](List& list) {
       const ItemNumber contact = list.add("a@b").number;
       list.refuses_take_out(Refusal::ContactNotInGroup, contact, list.favorites());
       list.refuses_take_out(Refusal::NoSuchContact, kNone, list.favorites());
       list.refuses_take_out(Refusal::NotAnImContact, list.others(), list.favorites());
       list.refuses_take_out(Refusal::NoSuchGroup, kNone, kNone);
       list.refuses_take_out(Refusal::NotAnImGroup, kNone, contact);
       list.refuses_take_out(Refusal::NotAnImGroup, contact, list.folder());
       list.refuses_take_out(Refusal::WrongGroupType, kNone, list.dl("dev@contoso.com"));
     }},

    // RemoveContactFromImList
    {"erase: from all groups",
     [](List& list) {
       const ItemNumber contact = list.add("a@b", list.favorites()).number;
       list.copy(contact, list.others());
       list.add("c@d");
       list.accepts<Done>([&](auto& txn) { return remove_contact_from_im_list(txn, contact); });
       list.shows("Other Contacts[c@d] Tagged[] Favorites[]");
       list.refuses_erase(Refusal::NoSuchContact, contact);
     }},
    {"erase: groups and the folder are no contacts",
     [](List& list) {
       list.refuses_erase(Refusal::NotAnImContact, list.favorites());
       list.refuses_erase(Refusal::NotAnImContact, list.folder());
       list.refuses_erase(Refusal::NoSuchContact, 0);
     }},

    // AddImGroup
    {"group: newest first after the default groups",
     [](List& list) {
       list.group("One");
       list.dl("dev@contoso.com");
       list.group("Two");
       list.shows("Other Contacts[] Tagged[] Favorites[] Two[] dev@contoso.com[] One[]");
       CPPUNIT_ASSERT_EQUAL(std::uint64_t{3}, list.head().im_groups);
     }},
    {"group: name taken, in any case and composition, by any group",
     [](List& list) {
       list.group("B\xC3\xBCro \xC3\x9F");
       list.dl("dev@contoso.com", "Developers");
       for (const char* name : {"B\xC3\xBCro \xC3\x9F", "B\xC3\x9CRO SS", "Bu\xCC\x88ro ss", "favorites",
                                "TAGGED", "Other contacts", "developers"}) {
         list.refuses_group(Refusal::ImGroupDisplayNameAlreadyExists, name);
       }
       list.group("Buro ss");
       list.group("dev@contoso.com");
     }},
    {"group: free again after removal",
     [](List& list) {
       const ItemNumber first = list.group("Work");
       list.remove(first);
       CPPUNIT_ASSERT(list.group("work") > first);
     }},
    {"group limit: user and distribution groups together; the name is checked first",
     [](List& list) {
       list.set({1000, 2});
       list.group("One");
       list.dl("dev@contoso.com");
       list.refuses_group(Refusal::ImGroupLimitReached, "Two");
       list.refuses_group(Refusal::ImGroupDisplayNameAlreadyExists, "one");
       list.refuses_dl(Refusal::ImGroupLimitReached, "sales@contoso.com");
       list.dl("DEV@contoso.com");
     }},

    // SetImGroup
    {"rename",
     [](List& list) {
       list.rename(list.group("Work"), "Play");
       list.shows("Other Contacts[] Tagged[] Favorites[] Play[]");
     }},
    {"rename: only in case",
     [](List& list) {
       list.rename(list.group("work"), "WORK");
       list.shows("Other Contacts[] Tagged[] Favorites[] WORK[]");
     }},
    {"rename: to its own name, or that of another group",
     [](List& list) {
       const ItemNumber work = list.group("Work");
       list.group("Play");
       list.refuses_rename(Refusal::ImGroupDisplayNameAlreadyExists, work, "Work");
       list.refuses_rename(Refusal::ImGroupDisplayNameAlreadyExists, work, "PLAY");
       list.refuses_rename(Refusal::ImGroupDisplayNameAlreadyExists, work, "Favorites");
     }},
    {"rename: refusals",
     [](List& list) {
       list.refuses_rename(Refusal::WrongGroupType, list.others(), "x");
       list.refuses_rename(Refusal::WrongGroupType, list.tagged(), "x");
       list.refuses_rename(Refusal::WrongGroupType, list.favorites(), "Favorites");
       list.refuses_rename(Refusal::WrongGroupType, list.dl("dev@contoso.com"), "x");
       list.refuses_rename(Refusal::NoSuchGroup, kNone, "x");
       list.refuses_rename(Refusal::NotAnImGroup, list.folder(), "x");
       list.refuses_rename(Refusal::NotAnImGroup, list.add("a@b").number, "x");
     }},

    // RemoveImGroup
    {"remove: those in no other group but Tagged join Other Contacts, in their order",
     [](List& list) {
       const ItemNumber work = list.group("Work");
       const ItemNumber late = list.add("late@b", list.favorites()).number;
       list.add("both@b", work);
       list.add("both@b", list.favorites());
       list.add("only@b", work);
       list.add("tag@b", list.tagged());
       list.add("tag@b", work);
       list.copy(late, work);
       list.take_out(late, list.favorites());
       list.remove(work);
       list.shows("Other Contacts[only@b tag@b late@b] Tagged[tag@b] Favorites[both@b]");
       CPPUNIT_ASSERT_EQUAL(std::uint64_t{4}, list.head().im_contacts);
       CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, list.head().im_groups);
       list.refuses_remove(Refusal::NoSuchGroup, work);
     }},
    {"remove: refusals",
     [](List& list) {
       list.refuses_remove(Refusal::WrongGroupType, list.others());
       list.refuses_remove(Refusal::WrongGroupType, list.tagged());
       list.refuses_remove(Refusal::WrongGroupType, list.favorites());
       list.refuses_remove(Refusal::WrongGroupType, list.dl("dev@contoso.com"));
       list.refuses_remove(Refusal::NotAnImGroup, list.folder());
       list.refuses_remove(Refusal::NotAnImGroup, list.add("a@b").number);
     }},

    // AddDistributionGroupToImList, RemoveDistributionGroupFromImList
    {"distribution group: the address as the directory has it serves as name",
     [](List& list) {
       const auto group = list.accepts<ImGroup>(
           [](auto& txn) { return add_distribution_group_to_im_list(txn, "sales@CONTOSO.com", {}); });
       CPPUNIT_ASSERT_EQUAL(std::string("Sales@contoso.com"), group.display_name);
       CPPUNIT_ASSERT_EQUAL(std::string("Sales@contoso.com"), group.smtp_address);
       CPPUNIT_ASSERT(group.type == GroupType::DistributionGroup);
     }},
    {"distribution group: with a name, which may be taken; twice is once",
     [](List& list) {
       const ItemNumber first = list.dl("sales@contoso.com", "Favorites");
       CPPUNIT_ASSERT_EQUAL(first, list.dl("SALES@contoso.com", "Another"));
       list.shows("Other Contacts[] Tagged[] Favorites[] Favorites[]");
       CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, list.head().im_groups);
     }},
    {"distribution group: unknown",
     [](List& list) { list.refuses_dl(Refusal::NoSuchDistributionGroup, "nobody@contoso.com"); }},
    {"distribution group: removed",
     [](List& list) {
       const ItemNumber dl = list.dl("dev@contoso.com");
       list.accepts<Done>([&](auto& txn) { return remove_distribution_group_from_im_list(txn, dl); });
       list.shows("Other Contacts[] Tagged[] Favorites[]");
       list.refuses_remove_dl(Refusal::NoSuchGroup, dl);
     }},
    {"distribution group: nothing else is removed that way",
     [](List& list) {
       list.refuses_remove_dl(Refusal::WrongGroupType, list.group("Work"));
       list.refuses_remove_dl(Refusal::WrongGroupType, list.favorites());
       list.refuses_remove_dl(Refusal::NotAnImGroup, list.folder());
       list.refuses_remove_dl(Refusal::NotAnImGroup, list.add("a@b").number);
     }},
};

// Other Contacts is looked for where it is made, and among all groups if it is not there.
void other_contacts_elsewhere(ItemNumber number) {
  LmdbPlace place;
  fill(place, 0);
  ItemNumber made = 0;
  require_ok(place.open()->read(entry_of(1).guid, [&](MailboxView& view) {
    for (const ImGroup& group : view.im_groups())
      if (group.type == GroupType::OtherContacts) made = group.number;
  }));
  renumber_im_group(place, made, number);
  std::optional<ImContact> added;
  const Status status = place.open()->write(entry_of(1).guid, soon(), [&](MailboxTransaction& txn) {
    auto outcome = add_new_im_contact_to_group(txn, {"new@x", "New"}, std::nullopt, {entry_of(3).guid, 1});
    if (auto* contact = std::get_if<ImContact>(&outcome)) added = std::move(*contact);
    return added ? Outcome::Commit : Outcome::Rollback;
  });
  if (number == 0) return CPPUNIT_ASSERT(is_corrupt(status));
  require_ok(status);
  CPPUNIT_ASSERT_EQUAL(number, added->memberships.at(0).group);
}

std::vector<Case> cases() {
  std::vector<Case> result{
      {"Other Contacts has another number", [] { other_contacts_elsewhere(100); }},
      {"Other Contacts is missing", [] { other_contacts_elsewhere(0); }},
  };
  for (const Row& row : kRows) {
    result.push_back({row.name, [&row] {
                        List list;
                        row.body(list);
                      }});
  }
  return result;
}

const RegisteredSuite suite("im list", cases);

}  // namespace
}  // namespace ews_im::tests
