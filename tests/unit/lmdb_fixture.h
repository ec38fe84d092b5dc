// SPDX-License-Identifier: Apache-2.0
// Temporary directories, LMDB stores in them, and access to the same files by LMDB alone, past the software
// under test.
#pragma once

#include <lmdb.h>

#include <memory>
#include <string>
#include <string_view>

#include "store/lmdb/lmdb_store.h"
#include "tests/unit/store_contract.h"

namespace ews_im::tests {

/// Removed with all that is in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// An empty store.
class LmdbPlace : public StorePlace {
 public:
  explicit LmdbPlace(std::uint64_t map_size = store::kDefaultMapSize);
  std::shared_ptr<store::Store> open() override;
  [[nodiscard]] const store::LmdbOptions& options() const { return options_; }
  [[nodiscard]] const std::string& path() const { return options_.path; }
  [[nodiscard]] std::string data() const { return path() + "/data.mdb"; }
  [[nodiscard]] std::string lock() const { return path() + "/lock.mdb"; }
  [[nodiscard]] const std::string& folder() const { return directory_.path(); }

 private:
  TemporaryDirectory directory_;
  store::LmdbOptions options_;
};

/// The files of a store by LMDB alone. Not while this process has the store open.
class RawStore {
 public:
  explicit RawStore(const std::string& path);
  ~RawStore();
  RawStore(const RawStore&) = delete;
  RawStore& operator=(const RawStore&) = delete;

  void put(std::string_view key, std::string_view value);
  void erase(std::string_view key);
  /// Empty if there is none.
  std::string get(std::string_view key);
  std::size_t last_transaction();
  [[nodiscard]] MDB_env* env() { return env_; }

 private:
  MDB_env* env_ = nullptr;
};

/// A child process that stays until it is told to go, in the state in which `prepare` left it (true: well).
class HeldProcess {
 public:
  explicit HeldProcess(const std::function<bool()>& prepare);
  ~HeldProcess();
  HeldProcess(const HeldProcess&) = delete;
  HeldProcess& operator=(const HeldProcess&) = delete;
  void kill();
  void stop();
  void resume();

 private:
  pid_t child_ = -1;
};

/// Adds the mailboxes of entry_of(1), with so many contacts, and entry_of(2), a distribution group and a right.
void fill(LmdbPlace& place, int contacts);
/// Adds a contact to the mailbox of entry_of(1).
store::Status add(store::Store& store, const std::string& address, store::Deadline deadline = soon());
/// Gives a group of that mailbox another number, or takes it away for none, past the store.
void renumber_im_group(const LmdbPlace& place, store::ItemNumber number, store::ItemNumber other);
/// How many contacts that mailbox has.
std::uint64_t contacts(store::Store& store);
[[nodiscard]] inline bool is_corrupt(const store::Status& status) {
  return !status.ok() && status.fault() == store::Fault::Corrupt;
}
/// Fails unless a check of the whole store finds nothing.
void require_sound(const std::string& path);

void write_file(const std::string& file, const std::string& content);
std::string read_file(const std::string& file);

}  // namespace ews_im::tests
