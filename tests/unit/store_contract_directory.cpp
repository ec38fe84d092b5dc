// SPDX-License-Identifier: Apache-2.0
// The contract of stores: who is who, settings, rights.
#include <atomic>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/unit/store_contract_fixture.h"

namespace ews_im::tests {

using namespace store;

namespace {

constexpr unsigned kThreads = 8;

bool same(const DirectoryEntry& a, const DirectoryEntry& b) {
  return a.guid == b.guid && a.primary_smtp_address == b.primary_smtp_address && a.aliases == b.aliases &&
         a.user_principal_name == b.user_principal_name && a.sid == b.sid && a.account == b.account;
}

void one_name_many_takers(Fixture& f) {
  std::atomic<unsigned> taken{0};
  std::atomic<unsigned> refused{0};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      DirectoryEntry entry = entry_of(100 + t);
      entry.aliases = {"wanted@contoso.com"};
      const Status status = f.store().add_mailbox(entry, soon());
      if (status.ok()) ++taken;
      if (!status.ok() && status.fault() == Fault::AlreadyExists) ++refused;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CPPUNIT_ASSERT_EQUAL(1U, taken.load());
  CPPUNIT_ASSERT_EQUAL(kThreads - 1, refused.load());
  CPPUNIT_ASSERT_EQUAL(std::size_t{2}, f.store().mailboxes({}, 100).value().size());
}

void find_by_each_name(Fixture& f) {
  struct Row {
    NameKind kind;
    const char* name;
    bool found;
  };
  constexpr Row kRows[] = {
      {NameKind::SmtpAddress, "User1@contoso.com", true},
      {NameKind::SmtpAddress, "USER1@CONTOSO.COM", true},
      {NameKind::SmtpAddress, "alias1@contoso.com", true},
      {NameKind::SmtpAddress, "user1@corp.contoso.com", false},
      {NameKind::UserPrincipalName, "User1@Corp.contoso.com", true},
      {NameKind::UserPrincipalName, "user1@contoso.com", false},
      {NameKind::Sid, "S-1-5-21-1-2-3-1001", true},
      {NameKind::Sid, "S-1-5-21-1-2-3-1002", false},
      {NameKind::Account, "contoso\\USER1", true},
      {NameKind::Account, "user1", false},
      {NameKind::Account, "", false},
      {NameKind::SmtpAddress, "\xC5\xBFUser1@contoso.com", false},
  };
  f.reopen();
  for (const Row& row : kRows) {
    const auto found = f.store().find(row.kind, row.name);
    CPPUNIT_ASSERT(found.ok());
    CPPUNIT_ASSERT_EQUAL_MESSAGE(row.name, row.found, found.value().has_value());
    if (row.found) CPPUNIT_ASSERT(same(entry_of(1), *found.value()));
  }
  CPPUNIT_ASSERT(same(entry_of(1), *f.store().find(entry_of(1).guid).value()));
  CPPUNIT_ASSERT(!f.store().find(entry_of(2).guid).value());
}

struct TakenRow {
  const char* name;
  void (*take)(DirectoryEntry&);
  Fault fault;
  const char* named;  // in the detail
};

const TakenRow kTaken[] = {
    {"same GUID", [](DirectoryEntry& e) { e.guid = entry_of(1).guid; }, Fault::AlreadyExists,
     "is there already"},
    {"primary address of another", [](DirectoryEntry& e) { e.primary_smtp_address = "user1@CONTOSO.com"; },
     Fault::AlreadyExists, "user1@contoso.com"},
    {"primary address is an alias of another",
     [](DirectoryEntry& e) { e.primary_smtp_address = "alias1@contoso.com"; }, Fault::AlreadyExists,
     "alias1@contoso.com"},
    {"alias of another", [](DirectoryEntry& e) { e.aliases.push_back("Alias1@contoso.com"); },
     Fault::AlreadyExists, "alias1@contoso.com"},
    {"UPN of another", [](DirectoryEntry& e) { e.user_principal_name = "USER1@corp.contoso.com"; },
     Fault::AlreadyExists, "user1@corp.contoso.com"},
    {"SID of another", [](DirectoryEntry& e) { e.sid = "S-1-5-21-1-2-3-1001"; }, Fault::AlreadyExists,
     "1001"},
    {"account of another", [](DirectoryEntry& e) { e.account = "contoso\\User1"; }, Fault::AlreadyExists,
     "contoso\\user1"},
    {"no SMTP address", [](DirectoryEntry& e) { e.primary_smtp_address = "user2"; }, Fault::Invalid,
     "address"},
    {"bad SID", [](DirectoryEntry& e) { e.sid = "S-1"; }, Fault::Invalid, "SID"},
    {"zero GUID", [](DirectoryEntry& e) { e.guid = {}; }, Fault::Invalid, "GUID"},
};

void taken_names(Fixture& f, const TakenRow& row) {
  DirectoryEntry entry = entry_of(2);
  row.take(entry);
  const Status added = f.store().add_mailbox(entry, soon());
  require_fault(row.fault, added);
  CPPUNIT_ASSERT_MESSAGE(added.detail(), added.detail().find(row.named) != std::string::npos);
  CPPUNIT_ASSERT_EQUAL(std::size_t{1}, f.store().mailboxes({}, 10).value().size());
  for (const char* name : {"user2@contoso.com", "alias2@contoso.com"}) {
    CPPUNIT_ASSERT(!f.store().find(NameKind::SmtpAddress, name).value());
  }
  require_ok(f.store().add_mailbox(entry_of(2), soon()));
  if (entry.guid != entry_of(2).guid) return;
  require_fault(row.fault, set_mailbox(f.store(), entry));
  CPPUNIT_ASSERT(same(entry_of(2), *f.store().find(entry_of(2).guid).value()));
}

void new_names(Fixture& f) {
  const ImContact contact = f.add_contact("a@x");
  DirectoryEntry entry = entry_of(1);
  entry.primary_smtp_address = "alias1@contoso.com";
  entry.aliases = {"user1@contoso.com", "third@contoso.com"};
  entry.user_principal_name.clear();
  entry.sid = "S-1-5-21-1-2-3-9999";
  entry.account = "other";
  require_ok(set_mailbox(f.store(), entry));
  f.reopen();
  CPPUNIT_ASSERT(same(entry, *f.store().find(NameKind::SmtpAddress, "third@contoso.com").value()));
  CPPUNIT_ASSERT(same(entry, *f.store().find(NameKind::SmtpAddress, "user1@contoso.com").value()));
  CPPUNIT_ASSERT(same(entry, *f.store().find(NameKind::Account, "other").value()));
  CPPUNIT_ASSERT(!f.store().find(NameKind::Account, "CONTOSO\\user1").value());
  CPPUNIT_ASSERT(!f.store().find(NameKind::UserPrincipalName, "user1@corp.contoso.com").value());
  CPPUNIT_ASSERT(!f.store().find(NameKind::Sid, "S-1-5-21-1-2-3-1001").value());
  f.read([&](MailboxView& view) { CPPUNIT_ASSERT(view.im_contact(contact.number)); });
  require_fault(Fault::NotFound, set_mailbox(f.store(), entry_of(2)));
  DirectoryEntry second = entry_of(2);
  second.user_principal_name = "user1@corp.contoso.com";
  require_ok(f.store().add_mailbox(second, soon()));
}

void removing_a_mailbox(Fixture& f) {
  require_ok(f.store().add_mailbox(entry_of(2), soon()));
  require_ok(f.store().grant_impersonation({"svc", entry_of(1).guid}, soon()));
  require_ok(f.store().grant_impersonation({"svc", entry_of(2).guid}, soon()));
  require_ok(f.store().grant_impersonation({"svc", {}}, soon()));
  const ImContact contact = f.add_contact("a@x");
  const Mailbox before = f.mailbox();
  require_ok(f.store().remove_mailbox(entry_of(1).guid, soon()));
  require_fault(Fault::NotFound, f.store().remove_mailbox(entry_of(1).guid, soon()));
  f.reopen();
  require_fault(Fault::NotFound, f.store().read(f.guid(), [](MailboxView&) {}));
  CPPUNIT_ASSERT(!f.store().find(NameKind::SmtpAddress, "user1@contoso.com").value());
  CPPUNIT_ASSERT(!f.store().find(f.guid()).value());
  CPPUNIT_ASSERT_EQUAL(std::size_t{2}, f.store().impersonation_rights("svc").value().size());
  require_ok(f.store().read(entry_of(2).guid, [](MailboxView& view) {
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, view.im_groups().size());
  }));
  // The same names again make another mailbox, empty.
  require_ok(f.store().add_mailbox(entry_of(1), soon()));
  f.read([&](MailboxView& view) {
    CPPUNIT_ASSERT(!view.im_contact(contact.number) && view.im_contacts().contacts.empty());
    CPPUNIT_ASSERT(view.mailbox().database_guid != before.database_guid);
  });
}

void listing_mailboxes(Fixture& f) {
  std::set<Guid> guids{entry_of(1).guid};
  for (unsigned i = 2; i <= 25; ++i) {
    require_ok(f.store().add_mailbox(entry_of(i), soon()));
    guids.insert(entry_of(i).guid);
  }
  std::vector<Guid> listed;
  std::optional<Guid> after;
  while (true) {
    const auto page = f.store().mailboxes(after, 7).value();
    CPPUNIT_ASSERT(page.size() <= 7);
    if (page.empty()) break;
    for (const DirectoryEntry& entry : page) listed.push_back(entry.guid);
    after = listed.back();
  }
  CPPUNIT_ASSERT(std::vector<Guid>(guids.begin(), guids.end()) == listed);
  CPPUNIT_ASSERT(f.store().mailboxes({}, 0).value().empty());
  CPPUNIT_ASSERT_EQUAL(std::size_t{25}, f.store().mailboxes(Guid{}, 1000).value().size());
}

void one_state_for_all_that_is_read(Fixture& f) {
  require_ok(f.store().grant_impersonation({"svc", entry_of(1).guid}, soon()));
  f.add_contact("a@x");
  const auto look = [&](Reader& reader) {
    CPPUNIT_ASSERT(same(entry_of(1), *reader.find(NameKind::Account, "contoso\\user1").value()));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, reader.impersonation_rights("svc").value().size());
    std::size_t contacts = 0;
    require_ok(
        reader.read(f.guid(), [&](MailboxView& view) { contacts = view.im_contacts().contacts.size(); }));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, contacts);
    require_fault(Fault::NotFound, reader.read(entry_of(2).guid, [](MailboxView&) {}));  // and harms no other
  };
  unsigned looked = 0;
  require_ok(f.store().snapshot([&](Reader& reader) {
    look(reader);
    std::thread([&] {
      require_ok(f.store().remove_mailbox(entry_of(1).guid, soon()));
      require_ok(f.store().add_mailbox(entry_of(2), soon()));
    }).join();
    look(reader);
    looked = 2;
  }));
  CPPUNIT_ASSERT_EQUAL(2U, looked);
  require_ok(f.store().snapshot([&](Reader& reader) {
    CPPUNIT_ASSERT(!reader.find(NameKind::Account, "contoso\\user1").value());
    CPPUNIT_ASSERT(reader.impersonation_rights("svc").value().empty());
    require_fault(Fault::NotFound, reader.read(f.guid(), [](MailboxView&) {}));
    require_ok(reader.read(entry_of(2).guid, [](MailboxView&) {}));
    ++looked;
  }));
  CPPUNIT_ASSERT_EQUAL(3U, looked);
}

// Each change is made to what the others have left.
void changes_at_once(Fixture& f) {
  std::vector<std::thread> threads;
  std::atomic<int> failed{0};
  for (unsigned i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      const auto add = [&](DirectoryEntry& entry) {
        entry.aliases.push_back("also" + std::to_string(i) + "@contoso.com");
      };
      const auto raise = [](Settings& settings) { ++settings.im_group_limit; };
      if (!f.store().change_mailbox(entry_of(1).guid, soon(), add).ok()) ++failed;
      if (!f.store().change_settings(soon(), raise).ok()) ++failed;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CPPUNIT_ASSERT_EQUAL(0, failed.load());
  CPPUNIT_ASSERT_EQUAL(entry_of(1).aliases.size() + kThreads,
                       f.store().find(entry_of(1).guid).value()->aliases.size());
  for (unsigned i = 0; i < kThreads; ++i) {
    const std::string alias = "also" + std::to_string(i) + "@contoso.com";
    CPPUNIT_ASSERT(f.store().find(NameKind::SmtpAddress, alias).value());
  }
  CPPUNIT_ASSERT_EQUAL(Settings{}.im_group_limit + kThreads, f.store().settings().value().im_group_limit);
}

void settings(Fixture& f) {
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{1000}, f.store().settings().value().im_contact_limit);
  require_ok(set_settings(f.store(), {5, 0}));
  f.reopen();
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{5}, f.store().settings().value().im_contact_limit);
  f.read([](MailboxView& view) { CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, view.settings().im_group_limit); });
  require_ok(set_settings(f.store(), {kLargestImContactLimit, kLargestImGroupLimit}));
  require_fault(Fault::Invalid, set_settings(f.store(), {kLargestImContactLimit + 1, 1}));
  require_fault(Fault::Invalid, set_settings(f.store(), {1, kLargestImGroupLimit + 1}));
  CPPUNIT_ASSERT_EQUAL(kLargestImContactLimit, f.store().settings().value().im_contact_limit);
}

void distribution_groups(Fixture& f) {
  require_ok(f.store().add_distribution_group({"All@contoso.com", "Everybody"}, soon()));
  require_ok(f.store().add_distribution_group({"it@contoso.com", ""}, soon()));
  require_fault(Fault::AlreadyExists, f.store().add_distribution_group({"all@CONTOSO.com", "x"}, soon()));
  require_fault(Fault::Invalid, f.store().add_distribution_group({"all", "x"}, soon()));
  f.reopen();
  CPPUNIT_ASSERT_EQUAL(std::size_t{2}, f.store().distribution_groups().value().size());
  f.read([](MailboxView& view) {
    const auto group = view.distribution_group("ALL@contoso.com");
    CPPUNIT_ASSERT(group && group->smtp_address == "All@contoso.com" && group->display_name == "Everybody");
    CPPUNIT_ASSERT(!view.distribution_group("al@contoso.com") && !view.distribution_group(""));
  });
  require_ok(f.store().remove_distribution_group("ALL@contoso.com", soon()));
  require_fault(Fault::NotFound, f.store().remove_distribution_group("all@contoso.com", soon()));
  CPPUNIT_ASSERT_EQUAL(std::string("it@contoso.com"),
                       f.store().distribution_groups().value().at(0).smtp_address);
}

void impersonation_rights(Fixture& f) {
  require_ok(f.store().add_mailbox(entry_of(2), soon()));
  require_ok(f.store().grant_impersonation({"Svc IM", entry_of(1).guid}, soon()));
  require_ok(f.store().grant_impersonation({"svc im", entry_of(2).guid}, soon()));
  require_ok(f.store().grant_impersonation({"root", {}}, soon()));
  require_fault(Fault::AlreadyExists, f.store().grant_impersonation({"SVC IM", entry_of(1).guid}, soon()));
  require_fault(Fault::NotFound, f.store().grant_impersonation({"svc im", entry_of(3).guid}, soon()));
  require_fault(Fault::Invalid, f.store().grant_impersonation({"", {}}, soon()));
  f.reopen();
  CPPUNIT_ASSERT_EQUAL(std::size_t{2}, f.store().impersonation_rights("SVC im").value().size());
  CPPUNIT_ASSERT_EQUAL(std::size_t{0}, f.store().impersonation_rights("svc").value().size());
  CPPUNIT_ASSERT_EQUAL(std::size_t{3}, f.store().impersonation_rights("").value().size());
  CPPUNIT_ASSERT(!f.store().impersonation_rights("root").value().at(0).mailbox);
  require_ok(f.store().revoke_impersonation({"svc IM", entry_of(1).guid}, soon()));
  require_fault(Fault::NotFound, f.store().revoke_impersonation({"svc im", entry_of(1).guid}, soon()));
  require_fault(Fault::NotFound, f.store().revoke_impersonation({"svc im", {}}, soon()));
  CPPUNIT_ASSERT(f.store().impersonation_rights("svc im").value().at(0).mailbox == entry_of(2).guid);
}

}  // namespace

std::vector<Case> directory_contract(const MakeStorePlace& make) {
  using Body = void (*)(Fixture&);
  constexpr std::pair<const char*, Body> kCases[] = {
      {"one name, many takers", one_name_many_takers},
      {"find by each name", find_by_each_name},
      {"new names", new_names},
      {"removing a mailbox", removing_a_mailbox},
      {"listing mailboxes", listing_mailboxes},
      {"one state for all that is read", one_state_for_all_that_is_read},
      {"settings", settings},
      {"changes at once", changes_at_once},
      {"distribution groups", distribution_groups},
      {"impersonation rights", impersonation_rights},
  };
  std::vector<Case> all;
  add_cases(all, make, kCases);
  for (const TakenRow& row : kTaken) {
    all.push_back({std::string("refused entry, ") + row.name, [make, &row] {
                     Fixture fixture(make);
                     taken_names(fixture, row);
                   }});
  }
  return all;
}

}  // namespace ews_im::tests
