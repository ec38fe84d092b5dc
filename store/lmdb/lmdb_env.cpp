// SPDX-License-Identifier: Apache-2.0
#include "store/lmdb/lmdb_env.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "store/lmdb/free_list.h"

namespace ews_im::store {
namespace {

constexpr std::uint64_t kLargestMapSize = std::uint64_t{1} << 45;
constexpr std::int64_t kPagesBelievedFor =
    100'000'000;  // nanoseconds: how long a page need not be checked again
constexpr auto kBetweenFreeListChecks = std::chrono::minutes(10);
constexpr std::uint64_t kFileStep = std::uint64_t{1} << 20;
constexpr std::uint64_t kMostSpareRoom = std::uint64_t{8} << 20;  // at the end of the file

Fault fault_of(int error) {
  switch (error) {
    case MDB_MAP_FULL:
      return Fault::Full;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_CURSOR_FULL:  // pages that lead to one another
    case MDB_PAGE_FULL:
      return Fault::Corrupt;
    case MDB_VERSION_MISMATCH:
      return Fault::TooNew;
    case MDB_PANIC:
    case MDB_READERS_FULL:
    case MDB_MAP_RESIZED:
      return Fault::Unavailable;
    default:
      break;
  }
  return error > 0 ? errno_fault(error, {}).fault() : Fault::Internal;
}

// Nanoseconds; moves on every few milliseconds, and needs no call of the kernel.
std::int64_t coarse_tick() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

Status LmdbTxn::commit(std::uint64_t pages, bool& map_full) {
  map_full = false;
  if (auto status = env_->reserve_file(pages); !status.ok()) {
    end();
    return status;
  }
  const int error = mdb_txn_commit(std::exchange(txn_, nullptr));
  map_full = error == MDB_MAP_FULL;
  env_->map_lock_.leave();
  if (!map_full) turn_ = FileLock();
  return error == 0 ? Status() : env_->fault(error, "commit");
}

void LmdbTxn::end() {
  if (txn_ == nullptr) return;
  mdb_txn_abort(std::exchange(txn_, nullptr));
  env_->map_lock_.leave();
  turn_ = FileLock();
}

FileLock LmdbTxn::end_within_turn() {
  FileLock turn = std::move(turn_);
  end();
  return turn;
}

LmdbEnv::~LmdbEnv() {
  if (env_ != nullptr) mdb_env_close(env_);
}

Status LmdbEnv::fault(int error, std::string_view doing) {
  std::string detail = options_.path + ": " + std::string(doing) + ": " + mdb_strerror(error);
  if (error == MDB_READERS_FULL)
    detail += "; more than " + std::to_string(kMaxReaders) + " readers at a time";
  return {fault_of(error), std::move(detail)};
}

std::uint64_t LmdbEnv::needed_size() {
  MDB_envinfo info{};
  mdb_env_info(env_, &info);
  const std::uint64_t last = info.me_last_pgno;
  constexpr std::uint64_t kMost = std::numeric_limits<off_t>::max();
  return last < kMost / page_size_ ? (last + 1) * page_size_ : kMost;
}

// The map may reach beyond the end of the file, where reading is a SIGBUS. reserve_file sees to it that a
// sound file is long enough at each moment: for what was needed before the size was looked up, not for what
// other processes have added since.
Status LmdbEnv::check_file_size(std::uint64_t needed, std::uint64_t size) {
  if (size >= needed) return {};
  return {Fault::Corrupt, options_.path + ": the data file has " + std::to_string(size) +
                              " bytes; expected " + std::to_string(needed) +
                              ": it was cut off; restore a backup"};
}

// LMDB leaves pages at the end of the file unwritten if a transaction takes them and gives them back; then a
// sound file would look cut off. So the file grows first, by whole steps, and durably so, since the commit
// flushes it. What was far too much is cut off again before a later commit: nothing refers to it, and the
// caller holds the write lock.
Status LmdbEnv::reserve_file(std::uint64_t pages) {
  MDB_envinfo info{};
  mdb_env_info(env_, &info);
  const auto present = size_of(turn_file_.get());
  if (!present) return errno_fault(errno, options_.path);
  const std::uint64_t needed = (static_cast<std::uint64_t>(info.me_last_pgno) + 1 + pages) * page_size_;
  const std::uint64_t size = (needed + kFileStep - 1) / kFileStep * kFileStep;
  if (*present >= needed && *present <= size + kMostSpareRoom) return {};
  if (ftruncate(turn_file_.get(), static_cast<off_t>(size)) != 0) return errno_fault(errno, options_.path);
  return {};
}

// Processes that open the store now find other files than ours. They would not know of our readers and
// writers, nor we of theirs: even what we read could be overwritten under our hands.
Status LmdbEnv::check_files() {
  const std::uint64_t needed = needed_size();
  const bool same_lock = identity_of(lock_file_) == lock_identity_;
  const auto data = same_lock ? state_of(data_file_) : std::nullopt;
  if (data && data->identity == data_identity_) return check_file_size(needed, data->size);
  return {Fault::Unavailable, (same_lock ? data_file_ : lock_file_) +
                                  " was removed or replaced while in use: stop all that use the store, " +
                                  "then start them again"};
}

// Each look at the names costs two searches in the file system, a tenth of the time that a small list takes. A
// change always looks: it must not be acknowledged and then be lost.
Status LmdbEnv::check_files_to_read(std::int64_t tick) {
  if (checked_at_.load(std::memory_order_relaxed) == tick) {
    const std::uint64_t needed = needed_size();
    const auto size = size_of(data_fd_);
    return size ? check_file_size(needed, *size) : errno_fault(errno, options_.path);
  }
  Status status = check_files();
  if (status.ok()) checked_at_.store(tick, std::memory_order_relaxed);
  return status;
}

int LmdbEnv::map_file() {
  MDB_envinfo info{};
  mdb_env_info(env_, &info);
  checked_pages_.clear();
  return map_.map(data_fd_, info.me_mapsize);
}

// A meta page that is being written while it is read may be of two transactions; LMDB has a copy of its own.
Result<Tree> LmdbEnv::tree_of(MDB_txn* txn, bool reads, std::int64_t tick) {
  const CheckedPages::When when{mdb_txn_id(txn) - (reads ? 0 : 1),
                                static_cast<std::uint64_t>(tick / kPagesBelievedFor)};
  auto tree = Tree::of(map_.bytes(), page_size_, checked_pages_, when);
  if (!tree.ok()) return tree;
  const Meta& meta = tree.value().meta();
  for (const auto& [database, in_page] :
       {std::pair(kMainDatabase, &meta.main), std::pair(kFreeDatabase, &meta.free_list)}) {
    MDB_stat about{};
    if (const int error = mdb_stat(txn, database, &about); error != 0) return fault(error, "begin");
    if (in_page->depth != about.ms_depth || in_page->records != about.ms_entries ||
        in_page->leaf_pages != about.ms_leaf_pages || in_page->branch_pages != about.ms_branch_pages ||
        in_page->far_pages != about.ms_overflow_pages)
      return Status(Fault::Corrupt, "the meta page is of two transactions");
  }
  return tree;
}

// LMDB believes its list of free pages, and a damaged number would be a page that is in use, or far beyond the end of
// the file: one write, and records that nobody touched are gone. What writers put into the list is sound; what time
// does to the disk is looked for now and then.
Status LmdbEnv::check_free_list(LmdbTxn& txn) {
  const auto now = std::chrono::steady_clock::now();
  if (now < free_list_sound_until_) return {};
  if (auto status = look_at_free_list(txn.tree()); !status.ok()) {
    return {status.fault(),
            options_.path + ": " + status.detail() +
                "; nothing is written until it is made anew: stop all servers that use the store, " +
                "then ews-imctl compact"};
  }
  free_list_sound_until_ = now + kBetweenFreeListChecks;
  return {};
}

Result<LmdbTxn> LmdbEnv::begin(unsigned flags) {
  int error = 0;
  Status beginning;
  bool readers_checked = false;
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    if (broken_.load(std::memory_order_relaxed)) {
      if (auto status = mend(); !status.ok()) return status;
    }
    map_lock_.enter();
    MDB_txn* txn = nullptr;
    error = usable() ? mdb_txn_begin(env_, nullptr, flags, &txn) : MDB_PANIC;
    if (error == 0) {
      LmdbTxn result(*this, txn);
      const bool reads = flags == MDB_RDONLY;
      const std::int64_t tick = coarse_tick();
      auto tree = tree_of(txn, reads, tick);
      if (!is_backup_) {
        if (auto status = reads ? check_files_to_read(tick) : check_files(); !status.ok()) return status;
      }
      if (!tree.ok()) {
        beginning = Status(tree.status().fault(), options_.path + ": " + tree.status().detail());
        if (beginning.fault() == Fault::Corrupt) continue;  // two commits have passed already
        return beginning;
      }
      result.tree_ = std::move(tree.value());
      return result;
    }
    map_lock_.leave();
    if (error == MDB_MAP_RESIZED) {
      if (auto status = resize(0); !status.ok()) return status;
    } else if (error == MDB_PANIC) {
      broken_.store(true);
    } else if (error == MDB_READERS_FULL && !readers_checked) {
      check_readers();
      readers_checked = true;
    } else {
      break;
    }
  }
  return error != 0 ? fault(error, "begin") : beginning;
}

Result<LmdbTxn> LmdbEnv::begin_read() { return begin(MDB_RDONLY); }

Result<LmdbTxn> LmdbEnv::begin_write(bool wait, FileLock turn) {
  if (!turn.held()) turn = FileLock(turn_file_.get(), wait);
  if (!turn.held()) return Status(Fault::Busy, options_.path + ": another process writes");
  auto txn = begin(0);
  if (!txn.ok()) return txn;
  if (auto status = check_free_list(txn.value()); !status.ok()) return status;
  txn.value().turn_ = std::move(turn);
  return txn;
}

Status LmdbEnv::mend() {
  const AloneInMap alone(map_lock_);
  Status status;
  if (broken_.load()) {
    map_.reset();
    free_list_sound_until_ = {};  // it may be another file
    if (env_ != nullptr) mdb_env_close(env_);
    env_ = nullptr;
    status = check_store_files(options_.path, geteuid());
    try {
      if (status.ok()) status = open_once(MDB_NOTLS | (options_.no_sync ? MDB_NOSYNC : 0U));
    } catch (...) {  // no memory for what there is to say: what is half open must not be used
      broken_.store(true);
      throw;
    }
    if (!status.ok()) broken_.store(true);
  }
  return status;
}

// 0: as large as other processes made it.
Status LmdbEnv::resize(std::uint64_t size) {
  const AloneInMap alone(map_lock_);
  map_.reset();
  int error = env_ == nullptr ? MDB_PANIC : mdb_env_set_mapsize(env_, size);
  if (error == 0) error = map_file();
  if (error != 0) {
    // The old map is gone already: nothing but opening anew, with the old size, helps.
    broken_.store(true);
    return {Fault::Full, options_.path + ": the map cannot grow: " + mdb_strerror(error)};
  }
  MDB_envinfo info{};
  mdb_env_info(env_, &info);
  options_.map_size = info.me_mapsize;
  return {};
}

Status LmdbEnv::grow() {
  MDB_envinfo info{};
  if (auto status = with("size of the map", [&](MDB_env* env) { return mdb_env_info(env, &info); });
      !status.ok()) {
    return status;
  }
  const std::uint64_t size = std::max(std::uint64_t{info.me_mapsize} * 2, kFileStep);
  if (size > kLargestMapSize) {
    return {Fault::Full,
            options_.path + ": the map has " + std::to_string(info.me_mapsize) + " bytes and cannot grow"};
  }
  return resize(size);
}

void LmdbEnv::check_readers() {
  const InMap in_map(map_lock_);
  if (usable()) mdb_reader_check(env_, nullptr);
}

Status LmdbEnv::with(std::string_view doing, const std::function<int(MDB_env*)>& function) {
  const InMap in_map(map_lock_);
  const int error = usable() ? function(env_) : MDB_PANIC;
  return error == 0 ? Status() : fault(error, doing);
}

}  // namespace ews_im::store
