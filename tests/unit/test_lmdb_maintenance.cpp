// SPDX-License-Identifier: Apache-2.0
// Backup, restore, compaction, check and statistics of LMDB stores, at rest and in use.
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "store/lmdb/exclusive_use.h"
#include "store/lmdb/key.h"
#include "store/lmdb/maintenance.h"
#include "store/lmdb/record.h"
#include "tests/unit/lmdb_fixture.h"

namespace ews_im::tests {
namespace {

using namespace store;
namespace fs = std::filesystem;

const Guid kMailbox = entry_of(1).guid;

void fill(LmdbPlace& place, int contacts) {
  const auto store = place.open();
  require_ok(store->add_mailbox(entry_of(1), soon()));
  require_ok(store->add_mailbox(entry_of(2), soon()));
  require_ok(store->add_distribution_group({"all@x", "All"}, soon()));
  require_ok(store->grant_impersonation({"svc", kMailbox}, soon()));
  require_ok(store->write(kMailbox, soon(), [&](MailboxTransaction& txn) {
    for (int i = 0; i < contacts; ++i) put_new_contact(txn, "c" + std::to_string(i) + "@contoso.com", 2);
    return Outcome::Commit;
  }));
}

std::uint64_t contacts_of(const std::string& path) {
  LmdbOptions options;
  options.path = path;
  const auto store = open_lmdb_store(options);
  if (!store.ok()) require_ok(store.status());
  return contacts(*store.value());
}

std::size_t names_in(const std::string& folder) {
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(folder)) count += entry.path().empty() ? 0 : 1;
  return count;
}

// ---- Backup and restore

void there_and_back() {
  LmdbPlace place;
  fill(place, 500);
  TemporaryDirectory directory;
  const std::string file = directory.path() + "/backup";
  std::uint64_t done = 0;
  std::uint64_t total = 0;
  const Progress progress = [&](std::uint64_t d, std::uint64_t t) {
    done = d;
    total = t;
  };
  require_ok(backup_lmdb_store(place.options(), file, progress));
  CPPUNIT_ASSERT(done == total && done == fs::file_size(file));
  struct stat about {};
  CPPUNIT_ASSERT(stat(file.c_str(), &about) == 0 && (about.st_mode & 07777) == 0600);
  CPPUNIT_ASSERT_EQUAL(std::size_t{1}, names_in(directory.path()));
  require_fault(Fault::AlreadyExists, backup_lmdb_store(place.options(), file, {}));

  const std::string copy = directory.path() + "/copy";
  require_ok(restore_lmdb_store(file, copy, false, progress));
  CPPUNIT_ASSERT(done == total && done == fs::file_size(file));
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{500}, contacts_of(copy));
  require_ok(check_lmdb_store_path(copy, geteuid()));
  require_fault(Fault::AlreadyExists, restore_lmdb_store(file, copy, false, {}));

  require_ok(add(*place.open(), "later@x"));
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{501}, contacts_of(place.path()));
  require_ok(restore_lmdb_store(file, place.path(), true, {}));
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{500}, contacts_of(place.path()));
  require_ok(add(*place.open(), "again@x"));
}

void restored_over_damage() {
  LmdbPlace place;
  fill(place, 10);
  const std::string file = place.folder() + "/backup";
  require_ok(backup_lmdb_store(place.options(), file, {}));
  fs::resize_file(place.data(), 4096);
  require_ok(restore_lmdb_store(file, place.path(), true, {}));
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{10}, contacts_of(place.path()));
  // Only lock.mdb is left.
  fs::remove(place.data());
  require_fault(Fault::AlreadyExists, restore_lmdb_store(file, place.path(), false, {}));
  require_ok(restore_lmdb_store(file, place.path(), true, {}));
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{10}, contacts_of(place.path()));
}

void not_while_in_use() {
  LmdbPlace place;
  fill(place, 10);
  const std::string file = place.folder() + "/backup";
  require_ok(backup_lmdb_store(place.options(), file, {}));
  {
    const auto store = place.open();
    require_fault(Fault::Busy, restore_lmdb_store(file, place.path(), true, {}), "this process");
    require_fault(Fault::Busy, compact_lmdb_store(place.path(), {}), "this process");
    CPPUNIT_ASSERT(store->settings().ok());
  }
  {
    HeldProcess user([&] { return (new std::shared_ptr<Store>(place.open()))->get()->settings().ok(); });
    require_fault(Fault::Busy, restore_lmdb_store(file, place.path(), true, {}), "in use by process");
    require_fault(Fault::Busy, compact_lmdb_store(place.path(), {}), "in use by process");
    // The refused attempt has not ended the user's locks.
    require_fault(Fault::Busy, compact_lmdb_store(place.path(), {}), "in use by process");
  }
  require_ok(compact_lmdb_store(place.path(), {}));
  require_ok(restore_lmdb_store(file, place.path(), true, {}));
}

struct BadBackup {
  const char* name;
  void (*spoil)(const std::string& file);
  Fault fault;
};

const BadBackup kBadBackups[] = {
    {"missing", [](const std::string& file) { fs::remove(file); }, Fault::NotFound},
    {"empty", [](const std::string& file) { write_file(file, ""); }, Fault::Corrupt},
    {"text", [](const std::string& file) { write_file(file, std::string(10000, 'x')); }, Fault::Corrupt},
    {"cut off", [](const std::string& file) { fs::resize_file(file, fs::file_size(file) - 4096); },
     Fault::Corrupt},
    {"a changed byte",
     [](const std::string& file) {
       std::string content = read_file(file);
       const std::size_t at = content.find("c7@contoso.com");
       CPPUNIT_ASSERT(at != std::string::npos);
       content[at] = 'd';
       write_file(file, content);
     },
     Fault::Corrupt},
};

void bad_backup(const BadBackup& row) {
  LmdbPlace place;
  fill(place, 50);
  const std::string file = place.folder() + "/backup";
  require_ok(backup_lmdb_store(place.options(), file, {}));
  row.spoil(file);
  const std::string fresh = place.folder() + "/fresh";
  require_fault(row.fault, restore_lmdb_store(file, fresh, false, {}));
  CPPUNIT_ASSERT(!fs::exists(fresh + "/data.mdb"));
  require_fault(row.fault, restore_lmdb_store(file, place.path(), true, {}));
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{50}, contacts_of(place.path()));
}

void a_damaged_store_gives_no_backup() {
  LmdbPlace place;
  fill(place, 5);
  RawStore(place.path()).put(im_contact_key(kMailbox, 5).view(), "rubbish");
  const std::string file = place.folder() + "/backup";
  require_fault(Fault::Corrupt, backup_lmdb_store(place.options(), file, {}), "contact 5");
  CPPUNIT_ASSERT_EQUAL(std::size_t{1}, names_in(place.folder()));
}

void backup_under_load() {
  LmdbPlace place(1 << 20);
  fill(place, 0);
  HeldProcess load([&] {
    std::thread([&] {
      const auto store = place.open();
      for (int i = 0; add(*store, std::to_string(i) + "@contoso.com").ok(); ++i) {
      }
    }).detach();
    return true;
  });
  std::uint64_t before = 0;
  for (int i = 0; i < 10; ++i) {
    const std::string file = place.folder() + "/backup" + std::to_string(i);
    require_ok(backup_lmdb_store(place.options(), file, {}));
    const auto summary = check_lmdb_file(file, {}, {});
    CPPUNIT_ASSERT(summary.ok() && summary.value().findings == 0);
    CPPUNIT_ASSERT(summary.value().im_contacts >= before);
    before = summary.value().im_contacts;
  }
  CPPUNIT_ASSERT(before > 0);
}

// ---- Compaction

void compaction() {
  LmdbPlace place;
  fill(place, 3000);
  {
    const auto store = place.open();
    require_ok(store->write(kMailbox, soon(), [](MailboxTransaction& txn) {
      for (const ImContactView& contact : txn.im_contacts().contacts) {
        if (contact.number % 10 != 0) txn.erase_im_contact(contact.number);
      }
      return Outcome::Commit;
    }));
  }
  const auto before = lmdb_statistics(place.options()).value();
  require_ok(compact_lmdb_store(place.path(), {}));
  const auto after = lmdb_statistics(place.options()).value();
  CPPUNIT_ASSERT(after.pages < before.pages / 2);
  CPPUNIT_ASSERT_EQUAL(before.im_contacts, after.im_contacts);
  CPPUNIT_ASSERT_EQUAL(before.value_bytes, after.value_bytes);
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, after.free_pages);
  require_ok(add(*place.open(), "later@x"));
  CPPUNIT_ASSERT_EQUAL(before.im_contacts + 1, contacts_of(place.path()));
}

// Processes that open the store while it is being replaced get the old one or the new one, whole.
void compaction_while_others_open() {
  LmdbPlace place;
  fill(place, 200);
  CPPUNIT_ASSERT(run_processes(4, [&](unsigned process) {
    for (int i = 0; i < 30; ++i) {
      if (process == 0) {
        const Status status = compact_lmdb_store(place.path(), {});
        if (!status.ok() && status.fault() != Fault::Busy) return false;
        usleep(1000);
      } else {
        if (contacts_of(place.path()) < 200) return false;
        if (!add(*place.open(), std::to_string(process) + "." + std::to_string(i) + "@x").ok()) return false;
      }
    }
    return true;
  }));
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{200 + 3 * 30}, contacts_of(place.path()));
  const auto summary = check_lmdb_store(place.options(), {}, {});
  CPPUNIT_ASSERT(summary.ok() && summary.value().findings == 0);
}

// Processes that wait at the door while the store is replaced see the new one, with a new table of readers.
// LMDB keeps the number of the last transaction in that table, so odd and even numbers go different ways.
void waiting_while_the_store_is_replaced(int lost) {
  LmdbPlace place;
  fill(place, 230);
  const std::string file = place.folder() + "/backup";
  require_ok(backup_lmdb_store(place.options(), file, {}));
  for (int i = 0; i < lost; ++i) require_ok(add(*place.open(), std::to_string(i) + "@x"));
  int answer[2];
  CPPUNIT_ASSERT(pipe(answer) == 0);
  auto taken = ExclusiveUse::take(place.path());
  CPPUNIT_ASSERT(taken.ok());
  std::optional<ExclusiveUse> use(std::move(taken.value()));
  HeldProcess waiting([&] {
    std::thread([&] {
      bool good = false;
      try {
        good = contacts_of(place.path()) == 230 && add(*place.open(), "new@x").ok() &&
               contacts_of(place.path()) == 231;
      } catch (...) {
        good = false;
      }
      const char byte = good ? 'y' : 'n';
      if (write(answer[1], &byte, 1) != 1) _exit(1);
    }).detach();
    return true;
  });
  usleep(100000);
  fs::rename(file, place.data());
  require_ok(use->forget_readers());
  use.reset();
  char byte = 0;
  CPPUNIT_ASSERT(read(answer[0], &byte, 1) == 1);
  CPPUNIT_ASSERT_EQUAL('y', byte);
  close(answer[0]);
  close(answer[1]);
  const auto summary = check_lmdb_store(place.options(), {}, {});
  CPPUNIT_ASSERT(summary.ok() && summary.value().findings == 0 && summary.value().im_contacts == 231);
}

// ---- Check

std::string findings_in(const std::string& file) {
  std::string findings;
  const auto summary =
      check_lmdb_file(file, [&](std::string_view line) { findings += std::string(line) + "\n"; }, {});
  require_ok(summary.ok() ? Status() : summary.status());
  return findings;
}

constexpr std::size_t kPage = 4096;

// The key that stands between two leaves is raised, in a file in which every page is in use: what is first in the
// second leaf is looked for in the first.
void a_branch_that_leads_astray() {
  LmdbPlace place;
  fill(place, 300);
  const std::string file = place.folder() + "/backup";
  require_ok(backup_lmdb_store(place.options(), file, {}));
  CPPUNIT_ASSERT_EQUAL(std::string(), findings_in(file));
  std::string content = read_file(file);
  std::size_t page = 2 * kPage;
  while (content[page + 10] != 1) page += kPage;  // the flags of a branch
  const auto place_of_second =
      static_cast<std::uint8_t>(content[page + 18]) +
      (static_cast<std::size_t>(static_cast<std::uint8_t>(content[page + 19])) << 8U);
  const std::size_t record = page + place_of_second;
  ++content[record + 8 + static_cast<std::uint8_t>(content[record + 6]) - 1];  // the last byte of its key
  write_file(file, content);
  const std::string findings = findings_in(file);
  CPPUNIT_ASSERT_MESSAGE(findings, findings.find("not found by its key") != std::string::npos);
}

// LMDB's own list of free pages as it lies in the file, and a page with records.
struct FreeList {
  std::size_t offset = 0;
  std::vector<std::size_t> words;  // how many there are, then their numbers, the largest first
  std::size_t used = 0;
};

std::size_t page_at(const MDB_val& place) {
  const auto* begin = static_cast<const char*>(place.mv_data);
  std::size_t number = 0;
  std::memcpy(&number, begin - reinterpret_cast<std::uintptr_t>(begin) % kPage, sizeof number);
  return number;
}

FreeList free_list_of(const std::string& path) {
  RawStore raw(path);
  MDB_txn* txn = nullptr;
  MDB_cursor* cursor = nullptr;
  CPPUNIT_ASSERT_EQUAL(0, mdb_txn_begin(raw.env(), nullptr, MDB_RDONLY, &txn));
  CPPUNIT_ASSERT_EQUAL(0, mdb_cursor_open(txn, 0, &cursor));
  FreeList found;
  MDB_val key{};
  MDB_val list{};
  while (mdb_cursor_get(cursor, &key, &list, MDB_NEXT) == 0) {
    if (list.mv_size < 4 * sizeof(std::size_t)) continue;
    found.words.resize(list.mv_size / sizeof(std::size_t));
    std::memcpy(found.words.data(), list.mv_data, list.mv_size);
    found.offset = page_at(list) * kPage + reinterpret_cast<std::uintptr_t>(list.mv_data) % kPage;
  }
  mdb_cursor_close(cursor);
  const Key contact = im_contact_key(kMailbox, 6);
  key = {contact.view().size(), const_cast<char*>(contact.view().data())};
  MDB_dbi database = 0;
  CPPUNIT_ASSERT_EQUAL(0, mdb_dbi_open(txn, nullptr, 0, &database));
  CPPUNIT_ASSERT_EQUAL(0, mdb_get(txn, database, &key, &list));
  found.used = page_at(list);
  mdb_txn_abort(txn);
  return found;
}

void a_free_page_in_use(bool twice) {
  LmdbPlace place;
  fill(place, 300);
  for (int i = 0; i < 5; ++i) require_ok(add(*place.open(), std::to_string(i) + "@x"));
  FreeList list = free_list_of(place.path());
  CPPUNIT_ASSERT(list.words.size() >= 4);
  std::size_t at = 1;
  while (at < list.words[0] && list.words[at + 1] > list.used) ++at;
  list.words[at] = twice ? list.words[at == 1 ? 2 : at - 1] : list.used;
  std::string content = read_file(place.data());
  std::memcpy(content.data() + list.offset, list.words.data(), list.words.size() * sizeof(std::size_t));
  write_file(place.data(), content);
  std::string findings;
  CPPUNIT_ASSERT(
      check_lmdb_store(place.options(), [&](std::string_view line) { findings += line; }, {}).ok());
  const char* expected = twice ? "the list of free pages is damaged" : "in the list of free pages";
  CPPUNIT_ASSERT_MESSAGE(findings, findings.find(expected) != std::string::npos);
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
      {"there and back", there_and_back},
      {"restored over damage", restored_over_damage},
      {"not while in use", not_while_in_use},
      {"a damaged store gives no backup", a_damaged_store_gives_no_backup},
      {"backup under load", backup_under_load},
      {"compaction", compaction},
      {"compaction while others open", compaction_while_others_open},
      {"waiting while the store is replaced, odd", [] { waiting_while_the_store_is_replaced(7); }},
      {"waiting while the store is replaced, even", [] { waiting_while_the_store_is_replaced(8); }},
      {"a sound store is counted", a_sound_store_is_counted},
      {"a branch that leads astray", a_branch_that_leads_astray},
      {"a free page in use", [] { a_free_page_in_use(false); }},
      {"a free page twice", [] { a_free_page_in_use(true); }},
  };
  for (const BadBackup& row : kBadBackups) {
    all.push_back({std::string("bad backup, ") + row.name, [&row] { bad_backup(row); }});
  }
  for (const PlantedRow& row : kPlanted) {
    all.push_back({std::string("check finds, ") + row.name, [&row] { planted(row); }});
  }
  return all;
}

const RegisteredSuite suite("lmdb maintenance", cases);

}  // namespace
}  // namespace ews_im::tests
