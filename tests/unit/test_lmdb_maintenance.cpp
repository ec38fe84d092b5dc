// SPDX-License-Identifier: Apache-2.0
// Backup, restore and compaction of LMDB stores, at rest and in use.
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "store/lmdb/exclusive_use.h"
#include "store/lmdb/key.h"
#include "store/lmdb/maintenance.h"
#include "tests/unit/lmdb_fixture.h"

namespace ews_im::tests {
namespace {

using namespace store;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

const Guid kMailbox = entry_of(1).guid;

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
void waiting_while_the_store_is_replaced(int lost, std::chrono::milliseconds how_long) {
  LmdbPlace place;
  fill(place, 230);
  const std::string file = place.folder() + "/backup";
  require_ok(backup_lmdb_store(place.options(), file, {}));
  for (int i = 0; i < lost; ++i) require_ok(add(*place.open(), std::to_string(i) + "@x"));
  int answer[2];
  CPPUNIT_ASSERT(pipe(answer) == 0);
  auto taken = ExclusiveUse::take(place.path());
  CPPUNIT_ASSERT(taken.ok());
  auto use = std::make_unique<ExclusiveUse>(std::move(taken.value()));
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
  std::this_thread::sleep_for(how_long);
  fs::rename(file, place.data());
  use.reset();
  char byte = 0;
  CPPUNIT_ASSERT(read(answer[0], &byte, 1) == 1);
  CPPUNIT_ASSERT_EQUAL('y', byte);
  close(answer[0]);
  close(answer[1]);
  const auto summary = check_lmdb_store(place.options(), {}, {});
  CPPUNIT_ASSERT(summary.ok() && summary.value().findings == 0 && summary.value().im_contacts == 231);
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
      {"waiting while the store is replaced, odd", [] { waiting_while_the_store_is_replaced(7, 100ms); }},
      {"waiting while the store is replaced, even", [] { waiting_while_the_store_is_replaced(8, 100ms); }},
      {"waiting longer than for others who open", [] { waiting_while_the_store_is_replaced(7, 5500ms); }},
  };
  for (const BadBackup& row : kBadBackups) {
    all.push_back({std::string("bad backup, ") + row.name, [&row] { bad_backup(row); }});
  }
  return all;
}

const RegisteredSuite suite("lmdb maintenance", cases);

}  // namespace
}  // namespace ews_im::tests
