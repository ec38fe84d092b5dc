// SPDX-License-Identifier: Apache-2.0
#include "store/lmdb/record_copy.h"

#include <lmdb.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <utility>

#include "store/lmdb/files.h"
#include "store/lmdb/key.h"
#include "store/lmdb/records.h"

namespace ews_im::store {
namespace {

constexpr std::size_t kSpareMap = std::size_t{64} << 20;

// A data file under construction. All calls return what LMDB returns.
class NewData {
 public:
  explicit NewData(std::size_t commit_step) : commit_step_(commit_step) {}
  ~NewData() {
    if (txn_ != nullptr) mdb_txn_abort(txn_);
    if (env_ != nullptr) mdb_env_close(env_);
  }
  NewData(const NewData&) = delete;
  NewData& operator=(const NewData&) = delete;

  int open(int fd, std::size_t map_size) {
    int error = mdb_env_create(&env_);
    if (error != 0) return error;
    error = mdb_env_set_mapsize(env_, map_size);
    // LMDB opens by name alone, and the file's own may be another's by now.
    const std::string name = "/proc/self/fd/" + std::to_string(fd);
    if (error == 0) error = mdb_env_open(env_, name.c_str(), MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC, 0600);
    return error != 0 ? error : begin();
  }

  /// REQUIRES: the key is above all that are there.
  int append(std::string_view key, std::string_view record) {
    MDB_val key_value = to_value(key);
    MDB_val value = to_value(record);
    int error = mdb_put(txn_, kMainDatabase, &key_value, &value, MDB_APPEND);
    in_memory_ += key.size() + record.size();
    if (error != 0 || in_memory_ < commit_step_) return error;
    error = commit();
    return error != 0 ? error : begin();
  }

  int commit() {
    in_memory_ = 0;
    return mdb_txn_commit(std::exchange(txn_, nullptr));
  }

  /// Bytes that the file must have, once all is committed.
  [[nodiscard]] std::uint64_t size() const {
    MDB_envinfo info{};
    MDB_stat about{};
    mdb_env_info(env_, &info);
    mdb_env_stat(env_, &about);
    return (std::uint64_t{info.me_last_pgno} + 1) * about.ms_psize;
  }

 private:
  int begin() {
    const int error = mdb_txn_begin(env_, nullptr, 0, &txn_);
    MDB_dbi database = 0;
    return error != 0 ? error : mdb_dbi_open(txn_, nullptr, 0, &database);
  }

  MDB_env* env_ = nullptr;
  MDB_txn* txn_ = nullptr;
  std::size_t commit_step_;
  std::size_t in_memory_ = 0;
};

// Where the disk has room for a part of what LMDB writes, LMDB says input/output error. One byte more says why.
int find_cause(int error, int fd) {
  const auto end = size_of(fd);
  if (error != EIO || !end) return error;
  return pwrite(fd, "", 1, static_cast<off_t>(*end)) == 1 ? error : errno;
}

}  // namespace

Status copy_records(LmdbTxn& txn, int fd, const std::string& file, std::size_t commit_step) {
  const Meta& meta = txn.tree().meta();
  const auto fault = [&](int error) { return txn.env().fault(find_cause(error, fd), "copy to " + file); };
  NewData data(commit_step);
  // Pages split elsewhere than in the old file, and commits leave some free: never as many again.
  const std::size_t map_size = 2 * (meta.last_page + 1) * txn.env().page_size() + kSpareMap;
  if (const int error = data.open(fd, map_size); error != 0) return fault(error);
  Records records(txn);
  std::size_t copied = 0;
  for (const Table table : kTables) {
    records.walk_raw(Key(table), Key(table), [&](std::string_view key, std::string_view record) {
      ++copied;
      if (!payload_of(key, record)) {
        records.fail_corrupt(key, "its checksum is wrong");
      } else if (const int error = data.append(key, record); error != 0) {
        records.fail(fault(error));
      }
      return records.status().ok();
    });
  }
  if (!records.status().ok()) return records.status();
  if (copied != meta.main.records) {
    return {Fault::Corrupt, txn.env().path() + ": there are " + std::to_string(meta.main.records) +
                                " records, and " + std::to_string(copied) + " of them can be copied"};
  }
  if (const int error = data.commit(); error != 0) return fault(error);
  // Free pages at the end may never have been written.
  const auto present = size_of(fd);
  if (!present || (*present < data.size() && ftruncate(fd, static_cast<off_t>(data.size())) != 0))
    return errno_fault(errno, file);
  return {};
}

}  // namespace ews_im::store
