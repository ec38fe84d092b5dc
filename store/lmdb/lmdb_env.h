// SPDX-License-Identifier: Apache-2.0
// One LMDB environment and its transactions: the one place that opens files by LMDB, translates its errors,
// watches the sizes of file and map, and moves the map. Knows no records but that of the format.
#pragma once

#include <lmdb.h>
#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "store/lmdb/checked_pages.h"
#include "store/lmdb/file_map.h"
#include "store/lmdb/files.h"
#include "store/lmdb/gate.h"
#include "store/lmdb/lmdb_store.h"
#include "store/lmdb/tree.h"
#include "store/lmdb/unique_fd.h"
#include "store/status.h"

namespace ews_im::store {

inline constexpr MDB_dbi kMainDatabase = 1;  ///< the handle that LMDB gives to the unnamed database, always
inline constexpr MDB_dbi kFreeDatabase = 0;  ///< the same of its list of free pages
inline constexpr unsigned kMaxReaders = 4096;
inline constexpr std::uint64_t kLockFileSize = 64 * (kMaxReaders + 2);  ///< bytes that LMDB takes for them
inline constexpr int kMostAttempts = 10;  ///< to begin a transaction while other processes are in the way

class LmdbEnv;

/// A transaction at the top, aborted at the end of its life unless it was committed. One thread at a time.
class LmdbTxn {
 public:
  LmdbTxn(LmdbEnv& env, MDB_txn* txn) : env_(&env), txn_(txn) {}
  LmdbTxn(LmdbTxn&& other) noexcept
      : env_(other.env_),
        txn_(std::exchange(other.txn_, nullptr)),
        tree_(std::move(other.tree_)),
        turn_(std::move(other.turn_)) {}
  LmdbTxn& operator=(LmdbTxn&&) = delete;
  ~LmdbTxn() { end(); }

  [[nodiscard]] MDB_txn* get() const { return txn_; }
  [[nodiscard]] LmdbEnv& env() const { return *env_; }
  /// The tree as the last commit left it: what a write transaction has changed is not in it.
  [[nodiscard]] Tree& tree() { return tree_; }
  /// Makes a write transaction durable, and ends it either way. `pages`: how many pages it may have changed
  /// or added, at most. `map_full` tells whether it failed for want of map space; nothing was changed then.
  /// The turn to write is given up, unless the map is full.
  Status commit(std::uint64_t pages, bool& map_full);
  void end();
  /// Ends it, if it has not ended, and keeps the turn to write, for another try.
  [[nodiscard]] FileLock end_within_turn();

 private:
  friend class LmdbEnv;
  LmdbEnv* env_;
  MDB_txn* txn_;
  Tree tree_;
  FileLock turn_;  // of a write transaction
};

class LmdbEnv {
 public:
  /// Opens a store that is there, after all checks. Faults as open_lmdb_store.
  static Result<std::unique_ptr<LmdbEnv>> open(const LmdbOptions& options);
  /// Opens a backup, a file that nobody changes, for reading alone. Faults: NotFound, Corrupt, TooNew.
  static Result<std::unique_ptr<LmdbEnv>> open_file(const std::string& file);
  /// REQUIRES: no transaction is live.
  ~LmdbEnv();
  LmdbEnv(const LmdbEnv&) = delete;
  LmdbEnv& operator=(const LmdbEnv&) = delete;

  Result<LmdbTxn> begin_read();
  /// Waits for writers of other processes without limit, or gives up at once if `wait` is false (Busy).
  /// LMDB's own write lock cannot be tried, so all writers take turns by a lock on the data file first: with
  /// `wait` false only a program that writes to the store by other means than this class can hold us up.
  /// REQUIRES: no other thread of the process writes. `turn`: of end_within_turn(), if it is the caller's still.
  Result<LmdbTxn> begin_write(bool wait, FileLock turn = {});
  /// Makes the map larger. The caller has no transaction. Faults: Full.
  Status grow();
  /// Frees the reader slots of processes that died, if that is possible. Throws nothing.
  void check_readers();
  /// Runs `function` on the environment as it stands, while the map stays where it is. `function` returns
  /// what LMDB returned.
  Status with(std::string_view doing, const std::function<int(MDB_env*)>& function);

  /// What an LMDB error is for those above; `doing` begins the detail.
  Status fault(int error, std::string_view doing);
  [[nodiscard]] const std::string& path() const { return options_.path; }
  /// Bytes.
  [[nodiscard]] unsigned page_size() const { return page_size_; }
  /// Whether a value in the map ends on the page where it begins: LMDB takes its length from that page, whatever it says,
  /// and the map reaches beyond the end of the file.
  [[nodiscard]] bool is_within_page(const MDB_val& value) const {
    return is_map_aligned_ &&
           reinterpret_cast<std::uintptr_t>(value.mv_data) % page_size_ + value.mv_size <= page_size_;
  }

 private:
  friend class LmdbTxn;
  explicit LmdbEnv(LmdbOptions options)
      : options_(std::move(options)),
        lock_file_(lock_file(options_.path)),
        data_file_(data_file(options_.path)) {}

  Status open_with_patience();
  /// REQUIRES: the process has not opened lock.mdb.
  Status make_room_for_readers();
  Status open_once(unsigned flags);
  Status check_format();
  Status after_open();
  /// Bytes that the file must have for what is in it now.
  std::uint64_t needed_size();
  Status check_file_size(std::uint64_t needed, std::uint64_t size);
  /// Whether the files are still those that were opened, and no shorter than they must be.
  Status check_files();
  /// The same, but whether they are still those at most once in a tick of the coarse clock (a few milliseconds) for
  /// all threads together. `tick`: its nanoseconds.
  Status check_files_to_read(std::int64_t tick);
  /// Maps the file for our own reading, as far as LMDB has mapped it; an errno.
  int map_file();
  /// The tree that a transaction begins with. Faults as Tree::of.
  Result<Tree> tree_of(MDB_txn* txn, bool reads, std::int64_t tick);
  /// Before a write, and not more than once in some minutes. Faults: Corrupt.
  Status check_free_list(LmdbTxn& txn);
  Status reserve_file(std::uint64_t pages);
  Status mend();
  Status resize(std::uint64_t size);
  Result<LmdbTxn> begin(unsigned flags);
  /// In the map: whoever waited to enter it may find that it could not be moved, and is gone.
  [[nodiscard]] bool usable() const { return env_ != nullptr && !broken_.load(std::memory_order_relaxed); }

  LmdbOptions options_;
  const std::string lock_file_;
  const std::string data_file_;
  bool is_backup_ = false;
  MDB_env* env_ = nullptr;  // changes only while map_lock_ is held alone
  int data_fd_ = -1;        // LMDB's own
  FileMap map_;             // the file once more, for Tree, as far as LMDB's map; changes as env_ does
  unsigned page_size_ = 0;
  bool is_map_aligned_ =
      false;  // to the pages of the file: not, if another machine made them larger than this one's
  FileIdentity lock_identity_;
  FileIdentity data_identity_;
  UniqueFd turn_file_;  // data.mdb once more, for the lock by which writers take turns
  MapLock map_lock_;
  CheckedPages checked_pages_;
  std::chrono::steady_clock::time_point free_list_sound_until_{};  // of who writes, in the map
  std::atomic<std::int64_t> checked_at_{0};                        // a tick of the coarse clock
  std::atomic<bool> broken_{false};  // LMDB wants the environment to be closed and opened again
};

}  // namespace ews_im::store
