// SPDX-License-Identifier: Apache-2.0
// What `check` finds: damaged pages, records that do not fit together; and the statistics of a sound store. Damaged
// pages hide nothing from who reads or writes, either.
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "store/lmdb/directory_records.h"
#include "store/lmdb/key.h"
#include "store/lmdb/maintenance.h"
#include "store/lmdb/page.h"
#include "store/lmdb/record.h"
#include "tests/unit/lmdb_fixture.h"

namespace {

std::atomic<bool> pread_fails{false};

}  // namespace

// In the place of the C library's: the disk, or its file system, has ceased to work.
extern "C" ssize_t pread(int fd, void* bytes, size_t size, off_t at) {
  if (!pread_fails) return syscall(SYS_pread64, fd, bytes, size, at);
  errno = EIO;
  return -1;
}

namespace ews_im::tests {
namespace {

using namespace store;

const Guid kMailbox = entry_of(1).guid;

std::string findings_in(const std::string& file) {
  std::string findings;
  const auto summary =
      check_lmdb_file(file, [&](std::string_view line) { findings += std::string(line) + "\n"; }, {});
  require_ok(summary.ok() ? Status() : summary.status());
  return findings;
}

// ---- Pages

constexpr std::size_t kPage = 4096;

std::uint16_t half_at(const std::string& content, std::size_t at) {
  std::uint16_t value = 0;
  std::memcpy(&value, content.data() + at, sizeof value);
  return value;
}

void set_half(std::string& content, std::size_t at, std::size_t value) {
  const auto half = static_cast<std::uint16_t>(value);
  std::memcpy(content.data() + at, &half, sizeof half);
}

// The root, which is a branch, and its entries as they lie in the file of a backup: that has no other branch.
struct Branch {
  std::string content;
  std::size_t at = 2 * kPage;

  explicit Branch(const std::string& file) : content(read_file(file)) {
    while (half_at(content, at + 10) != 1) at += kPage;
  }
  [[nodiscard]] std::size_t count() const { return (half_at(content, at + 12) - std::size_t{16}) / 2; }
  [[nodiscard]] std::size_t entry(std::size_t number) const {
    return at + half_at(content, at + 16 + 2 * number);
  }
  [[nodiscard]] std::size_t child(std::size_t number) const { return half_at(content, entry(number)); }
  // So many of the last entries of the page there.
  void hide(std::size_t page, std::size_t entries) {
    set_half(content, page + 12, half_at(content, page + 12) - 2 * entries);
  }
  // The hash in a key that stands between two leaves with addresses: those above it and a little more are looked for
  // in the second.
  char& border() {
    for (std::size_t number = 1;; ++number) {
      const std::size_t key = entry(number) + 8;
      if (content[key] == 3 && content[key + 17] == 4) return content[key + 18];
    }
  }
};

struct BranchRow {
  const char* name;
  void (*damage)(Branch&);
};

const BranchRow kBranches[] = {
    {"the last entries are hidden", [](Branch& b) { b.hide(b.at, 4); }},
    {"a border is raised", [](Branch& b) { b.border() = static_cast<char>(b.border() + 8); }},
    {"a border is lowered", [](Branch& b) { b.border() = static_cast<char>(b.border() - 8); }},
    {"two entries are exchanged",
     [](Branch& b) {
       const std::size_t first = half_at(b.content, b.at + 18);
       set_half(b.content, b.at + 18, half_at(b.content, b.at + 20));
       set_half(b.content, b.at + 20, first);
     }},
    {"an entry leads to its neighbour's page",
     [](Branch& b) { set_half(b.content, b.entry(2), b.child(3)); }},
    {"an entry leads beyond the file", [](Branch& b) { set_half(b.content, b.entry(2), 60000); }},
    {"an entry leads to a meta page", [](Branch& b) { set_half(b.content, b.entry(2), 1); }},
    {"an entry leads to the root", [](Branch& b) { set_half(b.content, b.entry(2), b.at / kPage); }},
    {"the last leaf has another number", [](Branch& b) { ++b.content[b.child(b.count() - 1) * kPage]; }},
    {"the last leaf hides its last record", [](Branch& b) { b.hide(b.child(b.count() - 1) * kPage, 1); }},
    {"a leaf in the middle hides a record", [](Branch& b) { b.hide(b.child(2) * kPage, 1); }},
};

template <class T>
Status status_of(const Result<T>& result) {
  return result.ok() ? Status() : result.status();
}

/// Whether what was asked for is not there, without a fault.
bool is_hidden(const Status& status, bool found) {
  return status.ok() ? !found : status.fault() != Fault::Corrupt;
}

// What a damaged page makes a server say that is not so; nothing, as it should be.
std::string untrue(LmdbPlace& place, int contacts, const std::set<int>& removed = {}) {
  const auto store = place.open();
  std::string text;
  for (unsigned mailbox : {1U, 2U}) {
    for (const FoldedName& name : names_of(entry_of(mailbox))) {
      const auto found = store->find(name.kind, name.folded);
      if (is_hidden(status_of(found), found.ok() && found.value())) text += "no " + name.folded + "; ";
    }
    const Status status =
        store->read(entry_of(mailbox).guid, [](MailboxView& view) { (void)view.im_groups(); });
    if (is_hidden(status, true)) text += "no mailbox; ";
  }
  for (int i = 0; i < contacts; ++i) {
    if (removed.contains(i)) continue;
    const std::string address = "c" + std::to_string(i) + "@contoso.com";
    bool found = false;
    const auto look = [&](MailboxView& view) {
      found = view.im_contact_by_address(ContactKind::Im, address).has_value();
      return Outcome::Rollback;
    };
    const Status read = store->read(kMailbox, [&](MailboxView& view) { (void)look(view); });
    if (is_hidden(read, found)) text += "no " + address + " to read; ";
    const Status write = store->write(kMailbox, soon(), look);
    if (is_hidden(write, found)) text += "no " + address + " to write; ";
  }
  const auto rights = store->impersonation_rights("svc");
  if (is_hidden(status_of(rights), rights.ok() && rights.value().size() == 1)) text += "no right; ";
  const auto entries = store->mailboxes(std::nullopt, 10);
  if (is_hidden(status_of(entries), entries.ok() && entries.value().size() == 2)) text += "no entries; ";
  return text;
}

// Makes LMDB split and join the leaves; whom it was told are gone.
std::set<int> change_all(LmdbPlace& place, int contacts) {
  const auto store = place.open();
  std::set<int> removed;
  for (int i = 0; i < contacts; ++i) {
    const std::string address = "c" + std::to_string(i) + "@contoso.com";
    const Status status = store->write(kMailbox, soon(), [&](MailboxTransaction& txn) {
      auto contact = txn.im_contact_by_address(ContactKind::Im, address);
      if (!contact) return Outcome::Rollback;
      if (i % 3 == 0) {
        txn.erase_im_contact(contact->number);
      } else {
        contact->display_name = std::string(250, 'x');
        txn.put(*contact);
      }
      return Outcome::Commit;
    });
    if (!status.ok()) CPPUNIT_ASSERT(status.fault() == Fault::Corrupt);
    if (status.ok() && i % 3 == 0) removed.insert(i);
  }
  return removed;
}

std::string sound_backup(const LmdbPlace& place) {
  std::string file = place.folder() + "/backup";
  require_ok(backup_lmdb_store(place.options(), file, {}));
  CPPUNIT_ASSERT_EQUAL(std::string(), findings_in(file));
  return file;
}

std::string filled_backup(LmdbPlace& place, int contacts) {
  fill(place, contacts);
  return sound_backup(place);
}

void a_damaged_branch(const BranchRow& row) {
  constexpr int kContacts = 300;
  LmdbPlace place;
  const std::string file = filled_backup(place, kContacts);
  Branch branch(file);
  CPPUNIT_ASSERT(branch.count() > 8);
  row.damage(branch);
  write_file(file, branch.content);
  CPPUNIT_ASSERT(!findings_in(file).empty());
  write_file(place.data(), branch.content);
  CPPUNIT_ASSERT_EQUAL(std::string(), untrue(place, kContacts));
  const std::set<int> removed = change_all(place, kContacts);
  CPPUNIT_ASSERT_EQUAL(std::string(), untrue(place, kContacts, removed));
}

// In a tree of three levels a border in the root is raised to the first border of the branch behind it: nothing belongs
// to that branch's first leaf any more.
void a_border_that_leaves_nothing() {
  constexpr int kContacts = 5000;
  LmdbPlace place;
  const std::string file = filled_backup(place, kContacts);
  Branch root(file);
  while (half_at(root.content, root.at + 10) != 1 || half_at(root.content, root.child(0) * kPage + 10) != 1)
    root.at += kPage;
  std::size_t number = 1;
  while (root.content[root.entry(number) + 8 + 17] != 4) ++number;
  Branch below = root;
  below.at = root.child(number) * kPage;
  CPPUNIT_ASSERT_EQUAL(half_at(root.content, below.entry(1) + 6),
                       half_at(root.content, root.entry(number) + 6));
  root.content.replace(root.entry(number) + 8, 34, below.content, below.entry(1) + 8, 34);
  write_file(file, root.content);
  CPPUNIT_ASSERT(!findings_in(file).empty());
  write_file(place.data(), root.content);
  CPPUNIT_ASSERT_EQUAL(std::string(), untrue(place, kContacts));
}

// Whatever the bytes are: with sanitizers this tells a look beyond them.
void pages_of_any_bytes() {
  LmdbPlace place;
  const std::string content = read_file(filled_backup(place, 300));
  std::mt19937 chance(1);
  std::size_t sound = 0;
  std::size_t bytes_seen = 0;
  for (int round = 0; round < 100000; ++round) {
    const std::size_t number = 2 + chance() % (content.size() / kPage - 2);
    std::vector<char> bytes(content.begin() + static_cast<std::ptrdiff_t>(number * kPage),
                            content.begin() + static_cast<std::ptrdiff_t>((number + 1) * kPage));
    for (unsigned flips = chance() % 4; flips > 0; --flips) {
      // Most of them in the head of the page or of an entry, where the numbers are.
      const std::size_t place_of_entry = half_at(content, number * kPage + 16 + 2 * (chance() % 8));
      const std::size_t at = chance() % 2 == 0 ? chance() % 40 : (place_of_entry + chance() % 8) % kPage;
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << (chance() % 8)));
    }
    for (const PageKind kind : {PageKind::Leaf, PageKind::Branch}) {
      const auto page = Page::of({bytes.data(), bytes.size()}, number, kind);
      if (!page) continue;
      ++sound;
      for (std::size_t entry = 0; entry < page->count(); ++entry) {
        for (const char byte : page->key(entry)) bytes_seen += byte != 0 ? 1 : 0;
        if (kind == PageKind::Branch) {
          bytes_seen += page->child(entry);
        } else if (!page->far_value(entry)) {
          for (const char byte : page->value(entry)) bytes_seen += byte != 0 ? 1 : 0;
        }
      }
    }
  }
  CPPUNIT_ASSERT(sound > 10000 && sound < 90000 && bytes_seen > 0);
}

// That is no damage, and may pass.
void a_file_that_cannot_be_read() {
  LmdbPlace place;
  fill(place, 3);
  pread_fails = true;
  const auto checked = check_lmdb_store(place.options(), {}, {});
  pread_fails = false;
  require_fault(Fault::Unavailable, checked.status(), "from byte 0 on");
  require_sound(place.path());
}

// LMDB leaves a value that became smaller in the same commit in as many pages as it had.
void a_value_that_became_smaller() {
  LmdbPlace place;
  fill(place, 1);
  require_ok(place.open()->write(kMailbox, soon(), [&](MailboxTransaction& txn) {
    auto contact = txn.im_contact_by_address(ContactKind::Im, "c0@contoso.com").value();
    const auto before = contact.memberships;
    for (int i = 0; i < 4000; ++i) {
      const ImGroup group{txn.next_item_number(), GroupType::UserGroup, "Group " + std::to_string(i), ""};
      txn.put(group);
      contact.memberships.push_back({group.number, contact.change_number});
    }
    txn.put(contact);
    contact.memberships.resize(before.size() + 1000);
    txn.put(contact);
    return Outcome::Commit;
  }));
  require_sound(place.path());
  (void)sound_backup(place);
}

template <class Value>
void put(const LmdbPlace& place, const Key& key, const Value& value) {
  RecordWriter record = encode(value);
  RawStore(place.path()).put(key.view(), record.seal(key.view()));
}

void put_address(const LmdbPlace& place, const std::string& address, ItemNumber number) {
  const Key key = address_index_key(kMailbox, ContactKind::Im, address);
  RecordWriter record = encode_address(number);
  RawStore(place.path()).put(key.view(), record.seal(key.view()));
}

void erase(const LmdbPlace& place, const Key& key) { RawStore(place.path()).erase(key.view()); }

void change_head(const LmdbPlace& place, void (*change)(Mailbox&)) {
  const Key key = mailbox_key(kMailbox);
  const std::string record = RawStore(place.path()).get(key.view());
  Mailbox head = decode_mailbox(kMailbox, *payload_of(key.view(), record)).value();
  change(head);
  put(place, key, head);
}

void change_contact(const LmdbPlace& place, void (*change)(ImContact&)) {
  const Key key = im_contact_key(kMailbox, 6);
  const std::string record = RawStore(place.path()).get(key.view());
  ImContact contact = decode_im_contact(6, *payload_of(key.view(), record)).value();
  change(contact);
  put(place, key, contact);
}

struct PlantedRow {
  const char* name;
  void (*plant)(const LmdbPlace&);
  const char* found;
};

const PlantedRow kPlanted[] = {
    {"unknown kind of record", [](const LmdbPlace& p) { RawStore(p.path()).put("\xFFx", "y"); },
     "no such kind of record"},
    {"settings missing", [](const LmdbPlace& p) { erase(p, settings_key()); },
     "settings record: it is missing"},
    {"head missing", [](const LmdbPlace& p) { erase(p, mailbox_key(kMailbox)); },
     ": it is missing or damaged"},
    {"head without entry", [](const LmdbPlace& p) { erase(p, directory_key(kMailbox)); },
     "it has no directory entry"},
    {"contacts miscounted", [](const LmdbPlace& p) { change_head(p, [](Mailbox& m) { ++m.im_contacts; }); },
     "it counts 4 contacts; there are 3"},
    {"groups miscounted", [](const LmdbPlace& p) { change_head(p, [](Mailbox& m) { ++m.im_groups; }); },
     "it counts 1 groups; there are 0"},
    {"counter of items too low",
     [](const LmdbPlace& p) { change_head(p, [](Mailbox& m) { m.next_item = 6; }); },
     "its number was never given"},
    {"counter of changes too low",
     [](const LmdbPlace& p) { change_head(p, [](Mailbox& m) { m.last_change = 1; }); },
     "its change number was never given"},
    {"folder out of range", [](const LmdbPlace& p) { change_head(p, [](Mailbox& m) { m.folder = 99; }); },
     "the number of its folder was never given"},
    {"folder is a contact", [](const LmdbPlace& p) { change_head(p, [](Mailbox& m) { m.folder = 6; }); },
     "it has the number of the folder"},
    {"provider UID begins with zero",
     [](const LmdbPlace& p) { change_head(p, [](Mailbox& m) { m.provider_uid = {}; }); },
     "begins with a zero byte"},
    {"default group missing", [](const LmdbPlace& p) { erase(p, im_group_key(kMailbox, 3)); },
     "a default group is not there exactly once"},
    {"default group twice",
     [](const LmdbPlace& p) {
       put(p, im_group_key(kMailbox, 3), ImGroup{3, GroupType::Favorites, "Favorites", ""});
     },
     "a default group is not there exactly once"},
    {"group that cannot be",
     [](const LmdbPlace& p) {
       put(p, im_group_key(kMailbox, 3), ImGroup{3, GroupType::Tagged, "Tagged", "x"});
     },
     "a distribution group, and no other, has an address"},
    {"member of a group that is missing",
     [](const LmdbPlace& p) { change_contact(p, [](ImContact& c) {
                                c.memberships.push_back({77, 1});
                              }); },
     "it is in group 77, which is missing"},
    {"joined in the future",
     [](const LmdbPlace& p) { change_contact(p, [](ImContact& c) { c.memberships[0].joined = 1000; }); },
     "it joined a group at a change that was never made"},
    {"contact in no group",
     [](const LmdbPlace& p) { change_contact(p, [](ImContact& c) { c.memberships.clear(); }); },
     "a contact is in no group"},
    {"contact with another address",
     [](const LmdbPlace& p) { change_contact(p, [](ImContact& c) { c.im_address = "other@x"; }); },
     "it is not found by its address"},
    {"contact and group with one number",
     [](const LmdbPlace& p) {
       put(p, im_group_key(kMailbox, 6), ImGroup{6, GroupType::UserGroup, "Work", ""});
     },
     "a group has the same number"},
    {"address missing",
     [](const LmdbPlace& p) { erase(p, address_index_key(kMailbox, ContactKind::Im, "c1@contoso.com")); },
     "contact 6 of mailbox "},
    {"address of a contact that is missing",
     [](const LmdbPlace& p) { erase(p, im_contact_key(kMailbox, 6)); }, "its contact 6 is missing"},
    {"address of another contact", [](const LmdbPlace& p) { put_address(p, "c1@contoso.com", 5); },
     "its contact 5 has another address"},
    {"entry without mailbox",
     [](const LmdbPlace& p) { put(p, directory_key(entry_of(3).guid), entry_of(3)); },
     "its mailbox is missing"},
    {"entry without name",
     [](const LmdbPlace& p) { erase(p, name_key_of(NameKind::SmtpAddress, "alias1@contoso.com")); },
     "it is not found by the name alias1@contoso.com"},
    {"name of another mailbox",
     [](const LmdbPlace& p) {
       put(p, name_key_of(NameKind::SmtpAddress, "alias1@contoso.com"),
           NameRecord{entry_of(2).guid, "alias1@contoso.com"});
     },
     "is not called alias1@contoso.com"},
    {"name of no mailbox",
     [](const LmdbPlace& p) {
       put(p, name_key_of(NameKind::Account, "x"), NameRecord{entry_of(9).guid, "x"});
     },
     "is missing"},
    {"name under another hash",
     [](const LmdbPlace& p) {
       put(p, name_key_of(NameKind::Account, "x"), NameRecord{kMailbox, "contoso\\user1"});
     },
     "does not belong to its key"},
    {"distribution group under another hash",
     [](const LmdbPlace& p) {
       put(p, distribution_group_key("x@x"), DistributionGroup{"y@x", ""});
     },
     "does not belong to its key"},
    {"right for a mailbox that is missing",
     [](const LmdbPlace& p) {
       const ImpersonationRight right{"svc", entry_of(9).guid};
       put(p, right_key(right), right);
     },
     "of the right of svc is missing"},
    {"right under another hash",
     [](const LmdbPlace& p) {
       put(p, right_key({"a", {}}), ImpersonationRight{"b", {}});
     },
     "does not belong to its key"},
};

void planted(const PlantedRow& row) {
  LmdbPlace place;
  fill(place, 3);
  row.plant(place);
  std::string findings;
  const auto summary = check_lmdb_store(
      place.options(), [&](std::string_view line) { findings += std::string(line) + "\n"; }, {});
  CPPUNIT_ASSERT(summary.ok());
  CPPUNIT_ASSERT_MESSAGE(findings, findings.find(row.found) != std::string::npos);
  CPPUNIT_ASSERT(summary.value().findings > 0);
}

// No count goes below zero, and becomes enormous there.
void items_that_were_not_counted() {
  LmdbPlace place;
  fill(place, 3);
  require_ok(place.open()->write(kMailbox, soon(), [](MailboxTransaction& txn) {
    txn.put(ImGroup{txn.next_item_number(), GroupType::UserGroup, "Group", {}});
    return Outcome::Commit;
  }));
  change_head(place, [](Mailbox& head) { head.im_contacts = head.im_groups = 0; });
  const auto store = place.open();
  for (const auto erase : {+[](MailboxTransaction& txn) { txn.erase_im_contact(6); },
                           +[](MailboxTransaction& txn) { txn.erase_im_group(8); }}) {
    CPPUNIT_ASSERT(is_corrupt(store->write(kMailbox, soon(), [&](MailboxTransaction& txn) {
      erase(txn);
      return Outcome::Commit;
    })));
  }
  require_ok(store->read(kMailbox, [](MailboxView& view) {
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, view.mailbox().im_contacts);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, view.mailbox().im_groups);
    CPPUNIT_ASSERT(view.im_contact(6).has_value() && view.im_group(8).has_value());
  }));
}

void a_sound_store_is_counted() {
  LmdbPlace place;
  fill(place, 100);
  std::uint64_t done = 0;
  std::uint64_t total = 0;
  const auto summary = check_lmdb_store(place.options(), {}, [&](std::uint64_t d, std::uint64_t t) {
    done = d;
    total = t;
  });
  CPPUNIT_ASSERT(summary.ok());
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, summary.value().findings);
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, summary.value().mailboxes);
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{6}, summary.value().im_groups);
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{100}, summary.value().im_contacts);
  CPPUNIT_ASSERT(done == summary.value().records && total == done);

  const auto statistics = lmdb_statistics(place.options()).value();
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, statistics.mailboxes);
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{6}, statistics.im_groups);
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{100}, statistics.im_contacts);
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{100}, statistics.addresses);
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{10}, statistics.names);
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, statistics.distribution_groups);
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, statistics.impersonation_rights);
  CPPUNIT_ASSERT_EQUAL(kDefaultMapSize, statistics.map_size);
  CPPUNIT_ASSERT_EQUAL(summary.value().records, std::uint64_t{2 + 2 + 6 + 200 + 2 + 10 + 1 + 1});
  CPPUNIT_ASSERT(statistics.pages >
                 2 + statistics.free_pages + statistics.branch_pages + statistics.leaf_pages);
}

std::vector<Case> cases() {
  std::vector<Case> all{
      {"a sound store is counted", a_sound_store_is_counted},
      {"items that were not counted", items_that_were_not_counted},
      {"pages of any bytes", pages_of_any_bytes},
      {"a file that cannot be read", a_file_that_cannot_be_read},
      {"a border that leaves nothing", a_border_that_leaves_nothing},
      {"a value that became smaller", a_value_that_became_smaller},
  };
  for (const BranchRow& row : kBranches) {
    all.push_back({std::string("a damaged page, ") + row.name, [&row] { a_damaged_branch(row); }});
  }
  for (const PlantedRow& row : kPlanted) {
    all.push_back({std::string("found, ") + row.name, [&row] { planted(row); }});
  }
  return all;
}

const RegisteredSuite suite("lmdb check", cases);

}  // namespace
}  // namespace ews_im::tests
