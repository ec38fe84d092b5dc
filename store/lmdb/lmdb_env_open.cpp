// SPDX-License-Identifier: Apache-2.0
// How an environment is opened, and what is looked at before it is used.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>

#include "store/lmdb/key.h"
#include "store/lmdb/lmdb_env.h"
#include "store/lmdb/record.h"

namespace ews_im::store {
namespace {

constexpr auto kOpenPatience = std::chrono::seconds(5);

// Errors that pass when other processes that open, close or replace the store have done so.
bool may_pass(int error) {
  return error == EAGAIN || error == EINVAL || error == EINTR || error == EBUSY || error == MDB_PANIC;
}

}  // namespace

Result<std::unique_ptr<LmdbEnv>> LmdbEnv::open(const LmdbOptions& options) {
  if (auto status = check_store_files(options.path, geteuid()); !status.ok()) return status;
  if (auto status = ensure_lock_file(options.path); !status.ok()) return status;
  std::unique_ptr<LmdbEnv> env(new LmdbEnv(options));
  if (auto status = env->open_with_patience(); !status.ok()) return status;
  return env;
}

Result<std::unique_ptr<LmdbEnv>> LmdbEnv::open_file(const std::string& file) {
  if (auto status = check_data_size(file); !status.ok()) return status;
  LmdbOptions options;
  options.path = file;
  options.map_size = 1;  // LMDB makes it as large as the file needs, not as the store's was
  std::unique_ptr<LmdbEnv> env(new LmdbEnv(options));
  env->is_backup_ = true;
  if (auto status = env->open_once(MDB_NOSUBDIR | MDB_RDONLY | MDB_NOLOCK | MDB_NOTLS); !status.ok())
    return status;
  return env;
}

Status LmdbEnv::open_with_patience() {
  const unsigned flags = MDB_NOTLS | (options_.no_sync ? MDB_NOSYNC : 0U);
  std::optional<std::chrono::steady_clock::time_point> end;  // the first attempt may have waited long
  for (auto pause = std::chrono::milliseconds(1);;
       pause = std::min(2 * pause, std::chrono::milliseconds(200))) {
    turn_file_ = UniqueFd(::open(data_file(options_.path).c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (!turn_file_) return errno_fault(errno, data_file(options_.path));
    Status status = open_once(flags);
    if (status.ok() || !broken_.load()) return status;
    const auto now = std::chrono::steady_clock::now();
    if (!end) end = now + kOpenPatience;
    if (now >= *end) return status;
    std::this_thread::sleep_for(pause);
  }
}

Status LmdbEnv::make_room_for_readers() {
  const UniqueFd fd(::open(lock_file_.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return errno == ENOENT ? Status() : errno_fault(errno, lock_file_);
  return reserve_lock_file(fd.get(), lock_file_, kLockFileSize);
}

// Leaves broken_ set if trying again may help.
Status LmdbEnv::open_once(unsigned flags) {
  broken_.store(false);
  if (!is_backup_) {
    if (auto status = make_room_for_readers(); !status.ok()) return status;
  }
  int error = mdb_env_create(&env_);
  if (error != 0) {
    env_ = nullptr;
    return fault(error, "mdb_env_create");
  }
  error = mdb_env_set_maxreaders(env_, kMaxReaders);
  if (error == 0) error = mdb_env_set_mapsize(env_, options_.map_size);
  if (error == 0) error = mdb_env_open(env_, options_.path.c_str(), flags, 0600);
  Status status = error == 0 ? after_open() : fault(error, "open");
  if (status.ok()) {
    error = map_file();
    if (error != 0) status = fault(error, "map the data file");
  }
  if (error == ENOMEM) {
    status = Status(Fault::Unavailable, status.detail() + "; no address space for two maps of " +
                                            std::to_string(options_.map_size) +
                                            " bytes: raise the limit of virtual memory, or lower mapsize=");
  }
  if (status.ok()) return status;
  if (may_pass(error)) broken_.store(true);
  mdb_env_close(env_);
  env_ = nullptr;
  return status;
}

Status LmdbEnv::after_open() {
  mdb_env_get_fd(env_, &data_fd_);
  fcntl(data_fd_, F_SETFD, FD_CLOEXEC);
  MDB_stat about{};
  mdb_env_stat(env_, &about);
  page_size_ = about.ms_psize;
  is_map_aligned_ = page_size_ <= static_cast<unsigned long>(sysconf(_SC_PAGESIZE));
  if (!is_backup_) {
    const auto opened = identity_of(data_fd_);
    const auto lock = identity_of(lock_file_);
    if (!lock || !opened || opened != identity_of(turn_file_.get()) || opened != identity_of(data_file_)) {
      broken_.store(true);
      return {Fault::Unavailable, options_.path +
                                      ": the store was replaced while it was in use or being opened; if that "
                                      "stays so, stop all that use it, then start them again"};
    }
    lock_identity_ = *lock;
    data_identity_ = *opened;
    mdb_reader_check(env_, nullptr);
  }
  const std::uint64_t needed = needed_size();
  const auto size = size_of(data_fd_);
  if (!size) return errno_fault(errno, options_.path);
  if (auto status = check_file_size(needed, *size); !status.ok()) return status;
  return check_format();
}

Status LmdbEnv::check_format() {
  MDB_txn* txn = nullptr;
  int error = mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn);
  // Other processes may have added to the file since the size of the map was chosen.
  for (int attempt = 1; attempt < kMostAttempts && error == MDB_MAP_RESIZED; ++attempt) {
    error = mdb_env_set_mapsize(env_, 0);
    if (error == 0) error = mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn);
  }
  if (error != 0) {
    if (may_pass(error)) broken_.store(true);
    return fault(error, "begin");
  }
  const Key key = format_key();
  MDB_val key_value{key.view().size(), const_cast<char*>(key.view().data())};
  MDB_val record{};
  MDB_dbi database = 0;
  error = mdb_dbi_open(txn, nullptr, 0, &database);
  if (error == 0) error = mdb_get(txn, kMainDatabase, &key_value, &record);
  std::optional<std::uint64_t> format;
  if (error == 0 && (is_within_page(record) || !is_map_aligned_)) {
    const auto payload = payload_of(key.view(), {static_cast<const char*>(record.mv_data), record.mv_size});
    if (payload) format = decode_format(*payload);
  }
  mdb_txn_abort(txn);
  if (error == MDB_NOTFOUND)
    return {Fault::Corrupt, options_.path + ": this is no store of mod_ews_im: it has no format record"};
  if (error != 0) return fault(error, "read the format record");
  if (!format) return {Fault::Corrupt, options_.path + ": the format record is damaged"};
  if (*format > kFormat) {
    return {Fault::TooNew, options_.path + ": the store has format " + std::to_string(*format) +
                               "; this version of the software knows formats up to " +
                               std::to_string(kFormat)};
  }
  return {};
}

}  // namespace ews_im::store
