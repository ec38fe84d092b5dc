// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/lmdb_fixture.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "store/lmdb/key.h"
#include "store/lmdb/maintenance.h"
#include "store/lmdb/record.h"

namespace ews_im::tests {
namespace {

void require(int error) {
  if (error != 0) CPPUNIT_FAIL(mdb_strerror(error));
}

MDB_val to_value(std::string_view bytes) { return {bytes.size(), const_cast<char*>(bytes.data())}; }

}  // namespace

TemporaryDirectory::TemporaryDirectory()
    : path_((std::filesystem::temp_directory_path() / "ews-im-test-XXXXXX").string()) {
  CPPUNIT_ASSERT(mkdtemp(path_.data()) != nullptr);
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
}

LmdbPlace::LmdbPlace(std::uint64_t map_size) {
  options_.path = directory_.path() + "/store";
  options_.map_size = map_size;
  require_ok(store::create_lmdb_store(options_));
}

std::shared_ptr<store::Store> LmdbPlace::open() {
  auto opened = store::open_lmdb_store(options_);
  if (!opened.ok()) require_ok(opened.status());
  return opened.value();
}

RawStore::RawStore(const std::string& path) {
  require(mdb_env_create(&env_));
  mdb_env_set_maxreaders(env_, 4096);
  require(mdb_env_open(env_, path.c_str(), MDB_NOTLS, 0600));
}

RawStore::~RawStore() { mdb_env_close(env_); }

void RawStore::put(std::string_view key, std::string_view value) {
  MDB_txn* txn = nullptr;
  require(mdb_txn_begin(env_, nullptr, 0, &txn));
  MDB_dbi database = 0;
  require(mdb_dbi_open(txn, nullptr, 0, &database));
  MDB_val k = to_value(key);
  MDB_val v = to_value(value);
  require(mdb_put(txn, database, &k, &v, 0));
  require(mdb_txn_commit(txn));
}

void RawStore::erase(std::string_view key) {
  MDB_txn* txn = nullptr;
  require(mdb_txn_begin(env_, nullptr, 0, &txn));
  MDB_dbi database = 0;
  require(mdb_dbi_open(txn, nullptr, 0, &database));
  MDB_val k = to_value(key);
  require(mdb_del(txn, database, &k, nullptr));
  require(mdb_txn_commit(txn));
}

std::string RawStore::get(std::string_view key) {
  MDB_txn* txn = nullptr;
  require(mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn));
  MDB_dbi database = 0;
  require(mdb_dbi_open(txn, nullptr, 0, &database));
  MDB_val k = to_value(key);
  MDB_val v{};
  std::string value;
  if (mdb_get(txn, database, &k, &v) == 0) value.assign(static_cast<const char*>(v.mv_data), v.mv_size);
  mdb_txn_abort(txn);
  return value;
}

std::size_t RawStore::last_transaction() {
  MDB_envinfo info{};
  require(mdb_env_info(env_, &info));
  return info.me_last_txnid;
}

HeldProcess::HeldProcess(const std::function<bool()>& prepare) {
  int ready[2];
  CPPUNIT_ASSERT(pipe(ready) == 0);
  child_ = fork();
  CPPUNIT_ASSERT(child_ >= 0);
  if (child_ == 0) {
    close(ready[0]);
    bool good = false;
    try {
      good = prepare();
    } catch (...) {
      good = false;
    }
    const char answer = good ? 'y' : 'n';
    if (write(ready[1], &answer, 1) != 1) _exit(1);
    while (true) pause();
  }
  close(ready[1]);
  char answer = 0;
  const bool good = read(ready[0], &answer, 1) == 1 && answer == 'y';
  close(ready[0]);
  if (!good) kill();
  CPPUNIT_ASSERT(good);
}

HeldProcess::~HeldProcess() { kill(); }

void HeldProcess::kill() {
  if (child_ < 0) return;
  ::kill(child_, SIGKILL);
  waitpid(child_, nullptr, 0);
  child_ = -1;
}

void HeldProcess::stop() {
  ::kill(child_, SIGSTOP);
  waitpid(child_, nullptr, WUNTRACED);
}

void HeldProcess::resume() { ::kill(child_, SIGCONT); }

void fill(LmdbPlace& place, int contacts) {
  const auto opened = place.open();
  require_ok(opened->add_mailbox(entry_of(1), soon()));
  require_ok(opened->add_mailbox(entry_of(2), soon()));
  require_ok(opened->add_distribution_group({"all@x", "All"}, soon()));
  require_ok(opened->grant_impersonation({"svc", entry_of(1).guid}, soon()));
  require_ok(opened->write(entry_of(1).guid, soon(), [&](store::MailboxTransaction& txn) {
    for (int i = 0; i < contacts; ++i) put_new_contact(txn, "c" + std::to_string(i) + "@contoso.com", 2);
    return store::Outcome::Commit;
  }));
}

store::Status add(store::Store& store, const std::string& address, store::Deadline deadline) {
  return store.write(entry_of(1).guid, deadline, [&](store::MailboxTransaction& txn) {
    put_new_contact(txn, address, 2);
    return store::Outcome::Commit;
  });
}

void renumber_im_group(const LmdbPlace& place, store::ItemNumber number, store::ItemNumber other) {
  RawStore raw(place.path());
  const store::Key from = store::im_group_key(entry_of(1).guid, number);
  const store::Key to = store::im_group_key(entry_of(1).guid, other);
  const std::string record = raw.get(from.view());
  const auto group = store::decode_im_group(number, store::payload_of(from.view(), record).value());
  raw.erase(from.view());
  if (other != 0) raw.put(to.view(), store::encode(group.value()).seal(to.view()));
}

std::uint64_t contacts(store::Store& store) {
  std::uint64_t count = 0;
  require_ok(store.read(entry_of(1).guid, [&](store::MailboxView& view) {
    count = view.im_contacts().contacts.size();
    CPPUNIT_ASSERT_EQUAL(view.mailbox().im_contacts, count);
  }));
  return count;
}

void require_sound(const std::string& path) {
  std::string findings;
  const auto summary = store::check_lmdb_store(
      {.path = path}, [&](std::string_view line) { findings += std::string(line) + "\n"; }, {});
  if (!summary.ok()) require_ok(summary.status());
  CPPUNIT_ASSERT_EQUAL(std::string(), findings);
}

void write_file(const std::string& file, const std::string& content) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << content;
  CPPUNIT_ASSERT(out.good());
}

std::string read_file(const std::string& file) {
  std::string content(std::filesystem::file_size(file), '\0');
  std::ifstream in(file, std::ios::binary);
  in.read(content.data(), static_cast<std::streamsize>(content.size()));
  CPPUNIT_ASSERT(in.good());
  return content;
}

}  // namespace ews_im::tests
