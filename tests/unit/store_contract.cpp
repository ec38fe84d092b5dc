// SPDX-License-Identifier: Apache-2.0

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>

#include "tests/unit/store_contract_fixture.h"

namespace ews_im::tests {

using namespace store;

Deadline soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(30); }

Status set_mailbox(Store& store, const DirectoryEntry& entry) {
  return store.change_mailbox(entry.guid, soon(), [&](DirectoryEntry& changed) { changed = entry; });
}

Status set_settings(Store& store, const Settings& settings) {
  return store.change_settings(soon(), [&](Settings& changed) { changed = settings; });
}

DirectoryEntry entry_of(unsigned number) {
  const std::string n = std::to_string(number);
  DirectoryEntry entry;
  entry.guid = Guid::of_text(Guid{}, "mailbox " + n);
  entry.primary_smtp_address = "User" + n + "@contoso.com";
  entry.aliases = {"alias" + n + "@contoso.com"};
  entry.user_principal_name = "user" + n + "@corp.contoso.com";
  entry.sid = "S-1-5-21-1-2-3-" + std::to_string(1000 + number);
  entry.account = "CONTOSO\\user" + n;
  return entry;
}

ImContact put_new_contact(MailboxTransaction& txn, const std::string& address, ItemNumber group) {
  ImContact contact;
  contact.number = txn.next_item_number();
  contact.change_number = txn.next_change_number();
  contact.persona_id = Guid::of_text(Guid{}, address);
  contact.creation_time = 1700000000;
  contact.display_name = "Name of " + address;
  contact.im_address = address;
  contact.memberships = {{group, contact.change_number}};
  txn.put(contact);
  return contact;
}

bool run_processes(unsigned count, const std::function<bool(unsigned)>& body) {
  std::vector<pid_t> children;
  for (unsigned i = 0; i < count; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      bool good = false;
      try {
        good = body(i);
      } catch (...) {
        good = false;
      }
      _exit(good ? 0 : 1);
    }
    if (child > 0) children.push_back(child);
  }
  bool all = children.size() == count;
  for (const pid_t child : children) {
    int status = 0;
    all = waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0 && all;
  }
  return all;
}

void require_ok(const Status& status) {
  if (status.ok()) return;
  CPPUNIT_FAIL(std::string(fault_name(status.fault())) + ": " + status.detail());
}

void require_fault(Fault expected, const Status& status, const std::string& said) {
  CPPUNIT_ASSERT_MESSAGE("success; expected " + std::string(fault_name(expected)), !status.ok());
  CPPUNIT_ASSERT_EQUAL_MESSAGE(status.detail(), std::string(fault_name(expected)),
                               std::string(fault_name(status.fault())));
  CPPUNIT_ASSERT_MESSAGE(status.detail(),
                         !status.detail().empty() && status.detail().find(said) != std::string::npos);
}

namespace {

bool same(const ImContact& a, const ImContact& b) {
  return a.number == b.number && a.change_number == b.change_number && a.persona_id == b.persona_id &&
         a.creation_time == b.creation_time && a.kind == b.kind && a.display_name == b.display_name &&
         a.im_address == b.im_address && a.tel_uri_address == b.tel_uri_address &&
         a.im_contact_sip_uri_address == b.im_contact_sip_uri_address &&
         a.im_telephone_number == b.im_telephone_number && a.memberships == b.memberships;
}

// ---- Mailboxes

void new_mailbox(Fixture& f) {
  const Mailbox mailbox = f.mailbox();
  CPPUNIT_ASSERT(mailbox.guid == f.guid());
  CPPUNIT_ASSERT(mailbox.provider_uid.bytes[0] != 0 && mailbox.provider_uid != Guid{});
  CPPUNIT_ASSERT(mailbox.database_guid != Guid{} && mailbox.database_guid != mailbox.provider_uid);
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, mailbox.im_contacts);
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, mailbox.im_groups);
  CPPUNIT_ASSERT(!mailbox.im_list_migration_completed);
  CPPUNIT_ASSERT(mailbox.folder >= 1 && mailbox.folder < mailbox.next_item);
  f.read([&](MailboxView& view) {
    const auto groups = view.im_groups();
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, groups.size());
    std::set<GroupType> types;
    for (const ImGroup& group : groups) {
      CPPUNIT_ASSERT(is_default(group.type) && types.insert(group.type).second);
      CPPUNIT_ASSERT(group.number != mailbox.folder && group.number < mailbox.next_item);
      CPPUNIT_ASSERT(!group.display_name.empty() && group.smtp_address.empty());
    }
    CPPUNIT_ASSERT(view.im_contacts().contacts.empty());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1000}, view.settings().im_contact_limit);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{64}, view.settings().im_group_limit);
  });
}

void no_such_mailbox(Fixture& f) {
  bool ran = false;
  require_fault(Fault::NotFound, f.store().read(entry_of(2).guid, [&](MailboxView&) { ran = true; }));
  require_fault(Fault::NotFound, f.store().write(entry_of(2).guid, soon(), [&](MailboxTransaction&) {
    ran = true;
    return Outcome::Commit;
  }));
  CPPUNIT_ASSERT(!ran);
}

void mailboxes_are_apart(Fixture& f) {
  require_ok(f.store().add_mailbox(entry_of(2), soon()));
  const ImContact contact = f.add_contact("a@contoso.com");
  require_ok(f.store().read(entry_of(2).guid, [&](MailboxView& view) {
    CPPUNIT_ASSERT(!view.im_contact(contact.number));
    CPPUNIT_ASSERT(!view.im_contact_by_address(ContactKind::Im, "a@contoso.com"));
    CPPUNIT_ASSERT(view.im_contacts().contacts.empty());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, view.mailbox().im_contacts);
  }));
}

// ---- Contacts and groups

void contact_comes_back(Fixture& f) {
  const ImContact contact = f.add_contact("Terry@contoso.com");
  f.reopen();
  f.read([&](MailboxView& view) {
    CPPUNIT_ASSERT(same(contact, view.im_contact(contact.number).value()));
    CPPUNIT_ASSERT(!view.im_contact(contact.number + 1));
    CPPUNIT_ASSERT(!view.im_contact(view.mailbox().folder));
    CPPUNIT_ASSERT(!view.im_group(contact.number));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, view.mailbox().im_contacts);
  });
}

void every_field_of_a_contact(Fixture& f) {
  const ItemNumber group = f.default_group(GroupType::Tagged);
  ImContact tel;
  f.write([&](MailboxTransaction& txn) {
    tel = {};
    tel.number = txn.next_item_number();
    tel.change_number = txn.next_change_number();
    tel.persona_id = *Guid::parse("00112233-4455-6677-8899-aabbccddeeff");
    tel.creation_time = -1;
    tel.kind = ContactKind::TelUri;
    tel.tel_uri_address = std::string(kLongestAddress, 't');
    tel.im_contact_sip_uri_address = "sip:j\xC3\xBCrgen@contoso.com";
    tel.im_telephone_number = "<&>\"'";
    tel.memberships = {{group, tel.change_number}, {group + 100000, 0}};
    txn.put(tel);
    return Outcome::Commit;
  });
  f.read([&](MailboxView& view) {
    CPPUNIT_ASSERT(same(tel, view.im_contact(tel.number).value()));
    const auto all = view.im_contacts();
    CPPUNIT_ASSERT(same(tel, to_im_contact(all.contacts.at(0))));
  });
}

struct AddressRow {
  ContactKind kind;
  const char* address;
  bool found;
};

void look_up_by_address(Fixture& f) {
  f.add_contact("sip:Terry@Contoso.com");
  constexpr AddressRow kRows[] = {
      {ContactKind::Im, "sip:Terry@Contoso.com", true},
      {ContactKind::Im, "terry@contoso.com", true},
      {ContactKind::Im, "SIP:TERRY@CONTOSO.COM", true},
      {ContactKind::Im, "terry@contoso.co", false},
      {ContactKind::Im, "sips:terry@contoso.com", false},
      {ContactKind::Im, "", false},
      {ContactKind::TelUri, "terry@contoso.com", false},
      {ContactKind::Im, "\xE2\x84\xAA@contoso.com", false},
  };
  for (const AddressRow& row : kRows) {
    CPPUNIT_ASSERT_EQUAL_MESSAGE(row.address, row.found, f.by_address(row.kind, row.address).has_value());
  }
}

void change_of_address(Fixture& f) {
  ImContact contact = f.add_contact("a@contoso.com");
  contact.im_address = "b@contoso.com";
  f.write([&](MailboxTransaction& txn) {
    txn.put(contact);
    CPPUNIT_ASSERT(!txn.im_contact_by_address(ContactKind::Im, "a@contoso.com"));
    CPPUNIT_ASSERT(txn.im_contact_by_address(ContactKind::Im, "b@contoso.com"));
    return Outcome::Commit;
  });
  CPPUNIT_ASSERT(!f.by_address(ContactKind::Im, "a@contoso.com"));
  CPPUNIT_ASSERT(f.by_address(ContactKind::Im, "b@contoso.com"));
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, f.mailbox().im_contacts);
  const ImContact other = f.add_contact("a@contoso.com");
  CPPUNIT_ASSERT(other.number != contact.number);
}

void two_contacts_with_one_address(Fixture& f) {
  f.add_contact("a@contoso.com");
  const Mailbox before = f.mailbox();
  const ItemNumber group = f.default_group(GroupType::OtherContacts);
  require_fault(Fault::Internal, f.store().write(f.guid(), soon(), [&](MailboxTransaction& txn) {
    put_new_contact(txn, "sip:A@contoso.com", group);
    return Outcome::Commit;
  }));
  CPPUNIT_ASSERT_EQUAL(before.next_item, f.mailbox().next_item);
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, f.mailbox().im_contacts);
}

void lists_ascend(Fixture& f) {
  std::vector<ItemNumber> numbers;
  for (const char* address : {"c@x", "a@x", "b@x"}) numbers.push_back(f.add_contact(address).number);
  f.read([&](MailboxView& view) {
    ImContacts moved = view.im_contacts();
    const ImContacts all = std::move(moved);
    CPPUNIT_ASSERT_EQUAL(numbers.size(), all.contacts.size());
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      CPPUNIT_ASSERT_EQUAL(numbers[i], all.contacts[i].number);
      CPPUNIT_ASSERT(same(view.im_contact(numbers[i]).value(), to_im_contact(all.contacts[i])));
    }
    const auto groups = view.im_groups();
    CPPUNIT_ASSERT(
        std::is_sorted(groups.begin(), groups.end(), [](auto& a, auto& b) { return a.number < b.number; }));
  });
}

void contacts_outlive_the_view(Fixture& f) {
  f.add_contact("a@x");
  std::optional<ImContacts> kept;
  f.read([&](MailboxView& view) { kept = view.im_contacts(); });
  f.write([](MailboxTransaction& txn) {
    txn.erase_im_contact(txn.im_contacts().contacts.at(0).number);
    return Outcome::Commit;
  });
  f.close();
  CPPUNIT_ASSERT_EQUAL(std::string("a@x"), std::string(kept->contacts.at(0).im_address));
  CPPUNIT_ASSERT_EQUAL(std::size_t{1}, kept->contacts.at(0).memberships.size());
}

void memory_is_used_again(Fixture& f) {
  for (const char* address : {"a@x", "b@x", "c@x"}) f.add_contact(address);
  ImContacts kept;
  f.read([&](MailboxView& view) { kept = view.im_contacts(); });
  f.write([](MailboxTransaction& txn) {
    txn.erase_im_contact(txn.im_contacts().contacts.at(0).number);
    return Outcome::Commit;
  });
  const void* const memory = kept.contacts.data();
  f.read([&](MailboxView& view) { kept = view.im_contacts(std::move(kept)); });
  CPPUNIT_ASSERT_EQUAL(memory, static_cast<const void*>(kept.contacts.data()));
  CPPUNIT_ASSERT_EQUAL(std::size_t{2}, kept.contacts.size());
  CPPUNIT_ASSERT_EQUAL(std::size_t{2}, kept.memberships.size());
  CPPUNIT_ASSERT_EQUAL(std::string("b@x"), std::string(kept.contacts[0].im_address));
  f.write([](MailboxTransaction& txn) {
    for (const ImContactView& contact : txn.im_contacts().contacts) txn.erase_im_contact(contact.number);
    return Outcome::Commit;
  });
  f.read([&](MailboxView& view) { kept = view.im_contacts(std::move(kept)); });
  CPPUNIT_ASSERT(kept.contacts.empty() && kept.memberships.empty() && kept.text.empty());
}

void erasing(Fixture& f) {
  const ImContact a = f.add_contact("a@x");
  const ImContact b = f.add_contact("b@x");
  f.write([&](MailboxTransaction& txn) {
    txn.erase_im_contact(a.number);
    txn.erase_im_contact(a.number);
    txn.erase_im_contact(123456);
    txn.erase_im_group(123456);
    return Outcome::Commit;
  });
  CPPUNIT_ASSERT(!f.by_address(ContactKind::Im, "a@x"));
  CPPUNIT_ASSERT(same(b, f.by_address(ContactKind::Im, "b@x").value()));
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, f.mailbox().im_contacts);
  CPPUNIT_ASSERT(f.add_contact("a@x").number > b.number);
}

void groups_are_counted(Fixture& f) {
  ImGroup user;
  ImGroup distribution;
  f.write([&](MailboxTransaction& txn) {
    user = {txn.next_item_number(), GroupType::UserGroup, "Work \xF0\x9F\x98\x80", ""};
    distribution = {txn.next_item_number(), GroupType::DistributionGroup, "All", "all@contoso.com"};
    txn.put(user);
    txn.put(distribution);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, txn.mailbox().im_groups);
    return Outcome::Commit;
  });
  f.reopen();
  f.read([&](MailboxView& view) {
    CPPUNIT_ASSERT_EQUAL(user.display_name, view.im_group(user.number).value().display_name);
    const ImGroup found = view.im_group(distribution.number).value();
    CPPUNIT_ASSERT(found.type == GroupType::DistributionGroup && found.smtp_address == "all@contoso.com");
    CPPUNIT_ASSERT_EQUAL(std::size_t{5}, view.im_groups().size());
    CPPUNIT_ASSERT(!view.im_contact(user.number));
  });
  f.write([&](MailboxTransaction& txn) {
    user.display_name = "Play";
    txn.put(user);
    txn.erase_im_group(distribution.number);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, txn.mailbox().im_groups);
    return Outcome::Commit;
  });
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, f.mailbox().im_groups);
  f.read([&](MailboxView& view) {
    CPPUNIT_ASSERT_EQUAL(std::string("Play"), view.im_group(user.number)->display_name);
  });
}

void a_thousand_contacts(Fixture& f) {
  const ItemNumber group = f.default_group(GroupType::OtherContacts);
  f.write([&](MailboxTransaction& txn) {
    for (int i = 0; i < 1000; ++i) put_new_contact(txn, "c" + std::to_string(i) + "@contoso.com", group);
    return Outcome::Commit;
  });
  f.read([&](MailboxView& view) {
    const ImContacts all = view.im_contacts();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1000}, all.contacts.size());
    for (std::size_t i = 0; i < all.contacts.size(); ++i) {
      CPPUNIT_ASSERT_EQUAL("c" + std::to_string(i) + "@contoso.com", std::string(all.contacts[i].im_address));
      CPPUNIT_ASSERT_EQUAL(group, all.contacts[i].memberships.front().group);
    }
  });
  f.write([&](MailboxTransaction& txn) {
    for (const ImContactView& contact : txn.im_contacts().contacts) {
      if (contact.number % 2 == 0) txn.erase_im_contact(contact.number);
    }
    return Outcome::Commit;
  });
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{500}, f.mailbox().im_contacts);
}

// ---- Transactions

void rollback_leaves_nothing(Fixture& f) {
  const ImContact old = f.add_contact("old@x");
  const Mailbox before = f.mailbox();
  f.write([&](MailboxTransaction& txn) {
    put_new_contact(txn, "new@x", old.memberships[0].group);
    txn.erase_im_contact(old.number);
    txn.put(ImGroup{txn.next_item_number(), GroupType::UserGroup, "Work", ""});
    txn.set_im_list_migration_completed(true);
    return Outcome::Rollback;
  });
  const Mailbox after = f.mailbox();
  CPPUNIT_ASSERT_EQUAL(before.next_item, after.next_item);
  CPPUNIT_ASSERT_EQUAL(before.last_change, after.last_change);
  CPPUNIT_ASSERT_EQUAL(before.im_contacts, after.im_contacts);
  CPPUNIT_ASSERT_EQUAL(before.im_groups, after.im_groups);
  CPPUNIT_ASSERT(!after.im_list_migration_completed);
  CPPUNIT_ASSERT(f.by_address(ContactKind::Im, "old@x") && !f.by_address(ContactKind::Im, "new@x"));
}

void sees_its_own_changes(Fixture& f) {
  const ItemNumber group = f.default_group(GroupType::Favorites);
  f.write([&](MailboxTransaction& txn) {
    const ImContact contact = put_new_contact(txn, "a@x", group);
    CPPUNIT_ASSERT(same(contact, txn.im_contact(contact.number).value()));
    CPPUNIT_ASSERT(same(contact, txn.im_contact_by_address(ContactKind::Im, "A@x").value()));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, txn.im_contacts().contacts.size());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, txn.mailbox().im_contacts);
    txn.set_im_list_migration_completed(true);
    CPPUNIT_ASSERT(txn.mailbox().im_list_migration_completed);
    return Outcome::Commit;
  });
  f.reopen();
  CPPUNIT_ASSERT(f.mailbox().im_list_migration_completed);
}

void numbers_never_come_again(Fixture& f) {
  std::set<ItemNumber> items;
  ChangeNumber last = f.mailbox().last_change;
  for (int i = 0; i < 10; ++i) {
    const ImContact contact = f.add_contact("a@x");
    CPPUNIT_ASSERT(items.insert(contact.number).second && contact.number <= kLargestCounter);
    CPPUNIT_ASSERT_EQUAL(last + 1, contact.change_number);
    last = contact.change_number;
    f.write([&](MailboxTransaction& txn) {
      txn.erase_im_contact(contact.number);
      return Outcome::Commit;
    });
    if (i % 3 == 0) f.reopen();
  }
  CPPUNIT_ASSERT(f.mailbox().next_item > *items.rbegin());
}

void a_number_alone_is_kept(Fixture& f) {
  ItemNumber drawn = 0;
  f.write([&](MailboxTransaction& txn) {
    drawn = txn.next_item_number();
    return Outcome::Commit;
  });
  f.reopen();
  f.write([&](MailboxTransaction& txn) {
    CPPUNIT_ASSERT_EQUAL(drawn + 1, txn.next_item_number());
    return Outcome::Rollback;
  });
}

struct BadPut {
  const char* name;
  void (*put)(MailboxTransaction&);
};

const BadPut kBadPuts[] = {
    {"control character",
     [](MailboxTransaction& txn) {
       ImContact contact = put_new_contact(txn, "a@x", 2);
       contact.display_name = "\x01";
       txn.put(contact);
     }},
    {"number that was never given",
     [](MailboxTransaction& txn) {
       txn.put(ImGroup{txn.mailbox().next_item, GroupType::UserGroup, "Work", ""});
     }},
    {"contact number that was never given",
     [](MailboxTransaction& txn) {
       ImContact contact = put_new_contact(txn, "a@x", 2);
       contact.number += 1;
       contact.im_address = "b@x";
       txn.put(contact);
     }},
    {"contact in no group",
     [](MailboxTransaction& txn) {
       ImContact contact = put_new_contact(txn, "a@x", 2);
       contact.memberships.clear();
       txn.put(contact);
     }},
    {"name too long",
     [](MailboxTransaction& txn) {
       txn.put(ImGroup{txn.next_item_number(), GroupType::UserGroup, std::string(300, 'x'), ""});
     }},
};

void the_first_fault_stays(Fixture& f, const BadPut& bad) {
  const Mailbox before = f.mailbox();
  bool blind = false;
  require_fault(Fault::Internal, f.store().write(f.guid(), soon(), [&](MailboxTransaction& txn) {
    bad.put(txn);
    blind = txn.im_groups().empty() && txn.im_contacts().contacts.empty() && !txn.im_group(2);
    put_new_contact(txn, "after@x", 2);
    return Outcome::Commit;
  }));
  CPPUNIT_ASSERT(blind);
  CPPUNIT_ASSERT_EQUAL(before.next_item, f.mailbox().next_item);
  f.read([](MailboxView& view) { CPPUNIT_ASSERT(view.im_contacts().contacts.empty()); });
  f.add_contact("later@x");
}

void exceptions_become_faults(Fixture& f) {
  const ItemNumber next = f.mailbox().next_item;
  require_fault(Fault::Internal, f.store().write(f.guid(), soon(), [](MailboxTransaction& txn) -> Outcome {
    txn.put(ImGroup{txn.next_item_number(), GroupType::UserGroup, "Work", ""});
    throw std::runtime_error("thrown by the test");
  }));
  require_fault(Fault::Internal,
                f.store().write(f.guid(), soon(), [](MailboxTransaction&) -> Outcome { throw 1; }));
  require_fault(Fault::Internal, f.store().read(f.guid(), [](MailboxView&) {
    throw std::runtime_error("thrown by the test");
  }));
  require_fault(Fault::Internal,
                f.store().snapshot([](Reader&) { throw std::runtime_error("thrown by the test"); }));
  CPPUNIT_ASSERT_EQUAL(next, f.mailbox().next_item);
}

void a_deadline_in_the_past(Fixture& f) {
  const auto past = std::chrono::steady_clock::now() - std::chrono::seconds(1);
  bool ran = false;
  require_fault(Fault::Busy, f.store().write(f.guid(), past, [&](MailboxTransaction&) {
    ran = true;
    return Outcome::Commit;
  }));
  require_fault(Fault::Busy, f.store().add_mailbox(entry_of(2), past));
  CPPUNIT_ASSERT(!ran);
  CPPUNIT_ASSERT(!f.store().find(entry_of(2).guid).value());
  require_ok(f.store().read(f.guid(), [](MailboxView&) {}));
}

void a_snapshot_stands_still(Fixture& f) {
  const ImContact contact = f.add_contact("a@x");
  std::uint64_t first = 0;
  std::size_t listed = 0;
  f.read([&](MailboxView& view) {
    first = view.mailbox().im_contacts;
    std::thread([&] { f.add_contact("b@x"); }).join();
    listed = view.im_contacts().contacts.size();
  });
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, first);
  CPPUNIT_ASSERT_EQUAL(std::size_t{1}, listed);
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, f.mailbox().im_contacts);
}

// ---- Several at a time

constexpr unsigned kThreads = 8;
constexpr unsigned kRounds = 25;

void many_threads(Fixture& f) {
  std::atomic<unsigned> wrong{0};
  std::atomic<bool> stop{false};
  std::thread reader([&] {
    while (!stop) {
      const Status status = f.store().read(f.guid(), [&](MailboxView& view) {
        if (view.mailbox().im_contacts != view.im_contacts().contacts.size()) ++wrong;
      });
      if (!status.ok()) ++wrong;
    }
  });
  std::vector<std::thread> writers;
  for (unsigned t = 0; t < kThreads; ++t) {
    writers.emplace_back([&, t] {
      for (unsigned i = 0; i < kRounds; ++i) {
        const bool keep = i % 5 != 0;
        const Status status = f.store().write(f.guid(), soon(), [&](MailboxTransaction& txn) {
          put_new_contact(txn, "t" + std::to_string(t) + "-" + std::to_string(i) + "@x", 2);
          return keep ? Outcome::Commit : Outcome::Rollback;
        });
        if (!status.ok()) ++wrong;
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  stop = true;
  reader.join();
  CPPUNIT_ASSERT_EQUAL(0U, wrong.load());
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{kThreads * kRounds * 4 / 5}, f.mailbox().im_contacts);
  const Mailbox mailbox = f.mailbox();
  CPPUNIT_ASSERT_EQUAL(mailbox.im_contacts, mailbox.last_change);
}

void many_processes(Fixture& f) {
  f.close();
  CPPUNIT_ASSERT(run_processes(4, [&](unsigned process) {
    const auto store = f.place().open();
    if (store == nullptr) return false;
    std::atomic<bool> good{true};
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < 3; ++t) {
      threads.emplace_back([&, t] {
        for (unsigned i = 0; i < kRounds; ++i) {
          const std::string address =
              std::to_string(process) + "." + std::to_string(t) + "." + std::to_string(i) + "@x";
          const Status status = store->write(entry_of(1).guid, soon(), [&](MailboxTransaction& txn) {
            put_new_contact(txn, address, 2);
            return Outcome::Commit;
          });
          std::optional<ImContact> found;
          const Status read = store->read(entry_of(1).guid, [&](MailboxView& view) {
            found = view.im_contact_by_address(ContactKind::Im, address);
          });
          if (!status.ok() || !read.ok() || !found) good = false;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    return good.load();
  }));
  f.reopen();
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{4 * 3 * kRounds}, f.mailbox().im_contacts);
}

// What was acknowledged is there although the process was killed without closing anything.
void killed_after_the_answer(Fixture& f) {
  f.close();
  CPPUNIT_ASSERT(run_processes(1, [&](unsigned) {
    const auto store = f.place().open();
    const Status status = store->write(entry_of(1).guid, soon(), [&](MailboxTransaction& txn) {
      put_new_contact(txn, "kept@x", 2);
      return Outcome::Commit;
    });
    if (status.ok()) _exit(0);
    return false;
  }));
  f.reopen();
  CPPUNIT_ASSERT(f.by_address(ContactKind::Im, "kept@x"));
}

}  // namespace

std::vector<Case> store_contract(const MakeStorePlace& make) {
  using Body = void (*)(Fixture&);
  constexpr std::pair<const char*, Body> kCases[] = {
      {"a new mailbox", new_mailbox},
      {"no such mailbox", no_such_mailbox},
      {"mailboxes are apart", mailboxes_are_apart},
      {"a contact comes back", contact_comes_back},
      {"every field of a contact", every_field_of_a_contact},
      {"look-up by address", look_up_by_address},
      {"change of address", change_of_address},
      {"two contacts with one address", two_contacts_with_one_address},
      {"lists ascend", lists_ascend},
      {"contacts outlive the view", contacts_outlive_the_view},
      {"memory is used again", memory_is_used_again},
      {"erasing", erasing},
      {"groups are counted", groups_are_counted},
      {"a thousand contacts", a_thousand_contacts},
      {"rollback leaves nothing", rollback_leaves_nothing},
      {"a transaction sees its own changes", sees_its_own_changes},
      {"numbers never come again", numbers_never_come_again},
      {"a number alone is kept", a_number_alone_is_kept},
      {"exceptions become faults", exceptions_become_faults},
      {"a deadline in the past", a_deadline_in_the_past},
      {"a snapshot stands still", a_snapshot_stands_still},
      {"many threads", many_threads},
      {"many processes", many_processes},
      {"killed after the answer", killed_after_the_answer},
  };
  std::vector<Case> all;
  add_cases(all, make, kCases);
  for (const BadPut& bad : kBadPuts) {
    all.push_back({std::string("the first fault stays, ") + bad.name, [make, &bad] {
                     Fixture fixture(make);
                     the_first_fault_stays(fixture, bad);
                   }});
  }
  for (Case& directory_case : directory_contract(make)) all.push_back(std::move(directory_case));
  return all;
}

}  // namespace ews_im::tests
