// SPDX-License-Identifier: Apache-2.0
// Damage in LMDB's own list of free pages: `check` finds it, no write takes a page that is in use, and copies are sound.
#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "store/lmdb/free_list.h"
#include "store/lmdb/key.h"
#include "store/lmdb/lmdb_env.h"
#include "store/lmdb/maintenance.h"
#include "store/lmdb/page.h"
#include "store/lmdb/record_copy.h"
#include "store/lmdb/unique_fd.h"
#include "tests/unit/lmdb_fixture.h"

namespace ews_im::tests {
namespace {

using namespace store;

constexpr std::size_t kPage = 4096;
const Guid kMailbox = entry_of(1).guid;

// A record of LMDB's own list of free pages as it lies in the file, and pages that are in use.
struct FreeListRecord {
  std::size_t offset = 0;
  std::vector<std::size_t>
      words;            // the transaction; how many there are, then their numbers, the largest first
  std::size_t own = 0;  // the page with the record
  std::size_t leaf = 0;
  std::size_t root = 0;
};

std::size_t page_at(const MDB_val& place) {
  const auto* begin = static_cast<const char*>(place.mv_data);
  std::size_t number = 0;
  std::memcpy(&number, begin - reinterpret_cast<std::uintptr_t>(begin) % kPage, sizeof number);
  return number;
}

enum class Which { First, Last };

// Of its records with some pages.
FreeListRecord free_list_of(const std::string& path, Which which) {
  RawStore raw(path);
  MDB_txn* txn = nullptr;
  MDB_cursor* cursor = nullptr;
  CPPUNIT_ASSERT_EQUAL(0, mdb_txn_begin(raw.env(), nullptr, MDB_RDONLY, &txn));
  CPPUNIT_ASSERT_EQUAL(0, mdb_cursor_open(txn, 0, &cursor));
  FreeListRecord found;
  MDB_val key{};
  MDB_val list{};
  while (mdb_cursor_get(cursor, &key, &list, MDB_NEXT) == 0) {
    if (list.mv_size < 4 * sizeof(std::size_t)) continue;
    found.words.resize(1 + list.mv_size / sizeof(std::size_t));
    std::memcpy(found.words.data(), key.mv_data, sizeof(std::size_t));
    std::memcpy(found.words.data() + 1, list.mv_data, list.mv_size);
    found.own = page_at(list);
    found.offset = found.own * kPage + reinterpret_cast<std::uintptr_t>(key.mv_data) % kPage;
    if (which == Which::First) break;
  }
  mdb_cursor_close(cursor);
  const Key contact = im_contact_key(kMailbox, 6);
  key = {contact.view().size(), const_cast<char*>(contact.view().data())};
  MDB_dbi database = 0;
  CPPUNIT_ASSERT_EQUAL(0, mdb_dbi_open(txn, nullptr, 0, &database));
  CPPUNIT_ASSERT_EQUAL(0, mdb_get(txn, database, &key, &list));
  found.leaf = page_at(list);
  found.root = *decode_meta(read_file(path + "/data.mdb").substr((mdb_txn_id(txn) % 2) * kPage)).main.root;
  mdb_txn_abort(txn);
  return found;
}

struct FreeListDamage {
  const char* name;
  std::function<void(FreeListRecord&)> damage;
  const char* finding;
  bool is_seen_before_a_write = true;
};

// In the place of a number, so that they stay in order.
void name_page(FreeListRecord& record, std::size_t page) {
  std::size_t at = 2;
  while (at <= record.words[1] && record.words[at + 1] > page) ++at;
  record.words[at] = page;
}

const FreeListDamage kMoreThanThereAre{
    "more than there are", [](FreeListRecord& r) { r.words[1] += 1 << 20; }, "does not have its form"};

const FreeListDamage kFreeListDamages[] = {
    {"a leaf", [](FreeListRecord& r) { name_page(r, r.leaf); }, "1 pages in use are in the list"},
    {"the root", [](FreeListRecord& r) { name_page(r, r.root); }, "1 pages in use are in the list"},
    {"a page of the list", [](FreeListRecord& r) { name_page(r, r.own); }, "or holds a part of it"},
    {"twice the same", [](FreeListRecord& r) { r.words[3] = r.words[2]; }, "does not have its form"},
    {"beyond the end", [](FreeListRecord& r) { r.words[2] |= std::size_t{1} << 28; },
     "does not have its form"},
    {"a meta page", [](FreeListRecord& r) { r.words[1 + r.words[1]] = 1; }, "does not have its form"},
    kMoreThanThereAre,
    {"of a later transaction", [](FreeListRecord& r) { r.words[0] |= 1 << 20; },
     "the list of free pages is damaged"},
    {"one fewer", [](FreeListRecord& r) { --r.words[1]; }, "1 pages are neither in use nor", false},
};

constexpr int kContacts = 300;

// A store of kContacts contacts, with or without room for many changes in its list of free pages.
void fill_and_change(LmdbPlace& place, bool much) {
  fill(place, kContacts);
  RawStore raw(place.path());
  mdb_env_set_flags(raw.env(), MDB_NOSYNC, 1);
  MDB_txn* reader = nullptr;
  if (much) CPPUNIT_ASSERT_EQUAL(0, mdb_txn_begin(raw.env(), nullptr, MDB_RDONLY, &reader));
  for (int i = 0; i < (much ? 400 : 5); ++i) {
    const Key key = im_contact_key(kMailbox, 5 + static_cast<ItemNumber>(i % kContacts));
    raw.put(key.view(), raw.get(key.view()));
  }
  if (reader != nullptr) mdb_txn_abort(reader);
}

std::string damage(const LmdbPlace& place, const FreeListDamage& how, Which which) {
  FreeListRecord record = free_list_of(place.path(), which);
  CPPUNIT_ASSERT(record.words.size() >= 5);
  how.damage(record);
  std::string content = read_file(place.data());
  std::memcpy(content.data() + record.offset, record.words.data(), record.words.size() * sizeof(std::size_t));
  write_file(place.data(), content);
  return content;
}

std::string findings_in(const std::string& file) {
  std::string findings;
  const auto summary = check_lmdb_file(file, [&](std::string_view line) { findings += line; }, {});
  CPPUNIT_ASSERT(summary.ok() && summary.value().records_read);
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{kContacts}, summary.value().im_contacts);
  return findings;
}

// The next write would take pages that hold something, or lie beyond the end.
void damaged_free_list(const FreeListDamage& how, bool much, Which which) {
  LmdbPlace place;
  fill_and_change(place, much);
  const std::string content = damage(place, how, which);
  const std::string findings = findings_in(place.data());
  CPPUNIT_ASSERT_MESSAGE(findings, findings.find(how.finding) != std::string::npos);

  const auto store = place.open();
  for (int i = 0; i < 2 && how.is_seen_before_a_write; ++i) {
    const Status status = add(*store, "new@x");
    CPPUNIT_ASSERT_MESSAGE(status.detail(), is_corrupt(status));
    CPPUNIT_ASSERT_MESSAGE(status.detail(), status.detail().find("ews-imctl compact") != std::string::npos);
  }
  const std::string backup = place.folder() + "/backup.mdb";
  require_ok(backup_lmdb_store(place.options(), backup, {}));
  CPPUNIT_ASSERT_EQUAL(std::string(), findings_in(backup));
  CPPUNIT_ASSERT(content == read_file(place.data()));
}

void made_good(const FreeListDamage& how, bool much, Which which) {
  LmdbPlace place;
  fill_and_change(place, much);
  damage(place, how, which);
  require_ok(compact_lmdb_store(place.path(), {}));
  CPPUNIT_ASSERT_EQUAL(std::string(), findings_in(place.data()));
  for (int i = 0; i < 20; ++i) require_ok(add(*place.open(), std::to_string(i) + "@x"));
  require_sound(place.path());
}

// Its tree has branches.
void a_long_list() {
  LmdbPlace place;
  fill_and_change(place, true);
  const FreeListRecord last = free_list_of(place.path(), Which::Last);
  const auto env = LmdbEnv::open_file(place.data());
  CPPUNIT_ASSERT(env.ok());
  auto txn = env.value()->begin_read();
  CPPUNIT_ASSERT(txn.ok());
  Tree& tree = txn.value().tree();
  CPPUNIT_ASSERT(tree.meta().free_list.depth > 1);
  const auto list = read_free_list(tree);
  CPPUNIT_ASSERT(list.ok());
  const auto& pages = list.value().pages;
  CPPUNIT_ASSERT(pages.size() > 1000);
  // Of a record LMDB takes the least number first, which is the last: those are looked at when not all are.
  const auto place_of_least = std::find(pages.begin(), pages.end(), last.words.at(1 + last.words[1]));
  CPPUNIT_ASSERT(place_of_least + 1 < pages.end());
  CPPUNIT_ASSERT_EQUAL(last.words.at(last.words[1]), *(place_of_least + 1));
  require_ok(look_at_free_list(tree));
  txn.value().end();
  require_sound(place.path());
  require_ok(add(*place.open(), "new@x"));
}

void a_damaged_record_is_not_left_out() {
  LmdbPlace place;
  fill_and_change(place, false);
  std::string content = damage(place, kMoreThanThereAre, Which::Last);
  for (std::size_t at = 0; (at = content.find("c250@contoso.com", at)) != std::string::npos; ++at)
    content[at + 3] = '9';
  write_file(place.data(), content);
  const std::string backup = place.folder() + "/backup.mdb";
  for (const Status& status :
       {compact_lmdb_store(place.path(), {}), backup_lmdb_store(place.options(), backup, {})}) {
    CPPUNIT_ASSERT(is_corrupt(status));
    // Found while it is copied, not only in the copy.
    CPPUNIT_ASSERT_MESSAGE(status.detail(), status.detail().find("findings") == std::string::npos);
  }
  CPPUNIT_ASSERT(content == read_file(place.data()));
  CPPUNIT_ASSERT(!std::filesystem::exists(backup));
}

void a_full_disk() {
  LmdbPlace place;
  fill_and_change(place, false);
  const std::string content = damage(place, kMoreThanThereAre, Which::Last);
  // In a process of its own, for the limit on the size of files holds for all of it.
  CPPUNIT_ASSERT(run_processes(1, [&](unsigned) {
    signal(SIGXFSZ, SIG_IGN);
    rlimit limit{};
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = 8 * kPage;
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
    const Status status = compact_lmdb_store(place.path(), {});
    return !status.ok() && status.fault() == Fault::Full;
  }));
  CPPUNIT_ASSERT(content == read_file(place.data()));
  require_ok(compact_lmdb_store(place.path(), {}));
  require_sound(place.path());
}

void a_commit_for_each_record() {
  LmdbPlace place;
  fill_and_change(place, false);
  const std::string copy = place.folder() + "/copy.mdb";
  const UniqueFd fd(open(copy.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  const auto env = LmdbEnv::open_file(place.data());
  CPPUNIT_ASSERT(env.ok());
  auto txn = env.value()->begin_read();
  CPPUNIT_ASSERT(txn.ok());
  require_ok(copy_records(txn.value(), fd.get(), copy, 1));
  CPPUNIT_ASSERT_EQUAL(std::string(), findings_in(copy));
}

std::vector<Case> cases() {
  std::vector<Case> all{
      {"a long list", a_long_list},
      {"a damaged record is not left out", a_damaged_record_is_not_left_out},
      {"a full disk while it is made good", a_full_disk},
      {"a commit for each record", a_commit_for_each_record},
  };
  struct Place {
    const char* name;
    bool much;
    Which which;
  };
  const Place places[] = {{"a short list", false, Which::Last},
                          {"the first record of a long list", true, Which::First},
                          {"the last record of a long list", true, Which::Last}};
  for (const FreeListDamage& how : kFreeListDamages) {
    for (const Place& at : places) {
      const std::string name = std::string(how.name) + " in " + at.name;
      all.push_back({name, [&how, at] { damaged_free_list(how, at.much, at.which); }});
      all.push_back({name + " is made good", [&how, at] { made_good(how, at.much, at.which); }});
    }
  }
  return all;
}

const RegisteredSuite suite("lmdb free list", cases);

}  // namespace
}  // namespace ews_im::tests
