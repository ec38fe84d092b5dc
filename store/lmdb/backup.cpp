// SPDX-License-Identifier: Apache-2.0
// Backup, restore and compaction: all write a new data file aside, check it, and rename it into place.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "store/lmdb/create.h"
#include "store/lmdb/exclusive_use.h"
#include "store/lmdb/files.h"
#include "store/lmdb/free_list.h"
#include "store/lmdb/lmdb_env.h"
#include "store/lmdb/lmdb_store_impl.h"
#include "store/lmdb/maintenance.h"
#include "store/lmdb/record_copy.h"
#include "store/lmdb/unique_fd.h"

namespace ews_im::store {
namespace {

constexpr auto kProgressStep = std::chrono::milliseconds(200);
constexpr std::size_t kCopyStep = std::size_t{1} << 20;

// Reports the growing size of a file, from a thread of its own, as long as it lives.
class Watch {
 public:
  Watch(int fd, std::uint64_t total, const Progress& progress) {
    if (!progress) return;
    thread_ = std::thread([this, fd, total, &progress] {
      std::unique_lock lock(mutex_);
      while (!ended_.wait_for(lock, kProgressStep, [this] { return end_; }))
        progress(size_of(fd).value_or(0), total);
    });
  }
  ~Watch() {
    {
      const std::lock_guard lock(mutex_);
      end_ = true;
      ended_.notify_one();
    }
    if (thread_.joinable()) thread_.join();
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  bool end_ = false;
  std::thread thread_;
};

// Bytes of all pages in use, about as many as a compact copy has.
std::uint64_t used_bytes(LmdbEnv& env) {
  MDB_stat about{};
  if (!env.with("sizes", [&](MDB_env* raw) { return mdb_env_stat(raw, &about); }).ok()) return 0;
  return (std::uint64_t{2} + about.ms_branch_pages + about.ms_leaf_pages + about.ms_overflow_pages) *
         about.ms_psize;
}

// A compact copy by LMDB, which copies pages. True: it has written all of it. False: its list of free pages is not what
// LMDB believes when it copies; the file is empty, or holds anything.
Result<bool> copy_pages(LmdbEnv& env, int fd, const std::string& file) {
  int error = MDB_MAP_RESIZED;
  Status status;
  for (int attempt = 0; attempt < kMostAttempts && error == MDB_MAP_RESIZED; ++attempt) {
    // Takes over a map that another process has made larger, before LMDB begins a transaction of its own: that writes
    // nothing if the map has grown once more.
    auto txn = env.begin_read();
    if (!txn.ok()) return txn.status();
    if (!read_free_list(txn.value().tree()).ok()) return false;
    txn.value().end();
    status = env.with("copy to " + file, [&](MDB_env* raw) {
      error = mdb_env_copyfd2(raw, fd, MDB_CP_COMPACT);
      return error;
    });
  }
  if (error == MDB_INCOMPATIBLE) return false;
  if (!status.ok()) return status;
  return true;
}

Status copy_records_anew(LmdbEnv& env, int fd, const std::string& file) {
  if (ftruncate(fd, 0) != 0) return errno_fault(errno, file);
  auto txn = env.begin_read();
  if (!txn.ok()) return txn.status();
  return copy_records(txn.value(), fd, file);
}

// Writes a compact copy into the open, empty file and flushes it.
Status copy_compact(LmdbEnv& env, int fd, const std::string& file, const Progress& progress) {
  const std::uint64_t total = used_bytes(env);
  {
    const Watch watch(fd, total, progress);
    const auto copied = copy_pages(env, fd, file);
    if (!copied.ok()) return copied.status();
    if (!copied.value()) {
      if (auto status = copy_records_anew(env, fd, file); !status.ok()) return status;
    }
  }
  if (fsync(fd) != 0) return errno_fault(errno, file);
  if (progress) progress(size_of(fd).value_or(0), size_of(fd).value_or(0));
  return {};
}

Status copy_bytes(int from, int to, const std::string& file, const Progress& progress) {
  const std::uint64_t total = size_of(from).value_or(0);
  std::vector<char> buffer(kCopyStep);
  std::uint64_t done = 0;
  while (true) {
    const ssize_t got = read(from, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_fault(errno, "reading the backup");
    if (got == 0) return {};
    for (ssize_t written = 0; written < got;) {
      const ssize_t n = write(to, buffer.data() + written, static_cast<std::size_t>(got - written));
      if (n < 0 && errno != EINTR) return errno_fault(errno, file);
      written += std::max<ssize_t>(n, 0);
    }
    done += static_cast<std::uint64_t>(got);
    if (progress) progress(done, total);
  }
}

// Corrupt if the file has findings; the detail holds the first.
Status require_sound(const std::string& file) {
  std::string first;
  const auto summary = check_lmdb_file(file,
                                       [&](std::string_view line) {
                                         if (first.empty()) first = line;
                                       },
                                       {});
  if (!summary.ok()) return summary.status();
  if (summary.value().findings == 0) return {};
  return {Fault::Corrupt,
          file + ": " + std::to_string(summary.value().findings) + " findings, the first: " + first};
}

Status there_already(const std::string& file) { return {Fault::AlreadyExists, file + " is there already"}; }

Status require_new(const std::string& file) {
  struct stat about {};
  return lstat(file.c_str(), &about) == 0 ? there_already(file) : Status();
}

// Removes a file at the end of its life unless it was renamed.
class TemporaryFile {
 public:
  static Result<TemporaryFile> make_beside(const std::string& file) {
    std::string name = file + ".XXXXXX";
    const std::size_t slash = file.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : file.substr(0, slash);
    UniqueFd directory(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory) return errno_fault(errno, folder);
    UniqueFd fd(mkostemp(name.data(), O_CLOEXEC));
    if (!fd) return errno_fault(errno, file);
    return TemporaryFile(std::move(name), std::move(fd), std::move(directory));
  }
  TemporaryFile(TemporaryFile&& other) noexcept
      : name_(std::exchange(other.name_, {})),
        fd_(std::move(other.fd_)),
        directory_(std::move(other.directory_)) {}
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  ~TemporaryFile() {
    if (!name_.empty()) unlink(name_.c_str());
  }

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] int fd() const { return fd_.get(); }
  /// Durably, to a name that nothing has. Faults: AlreadyExists, and those of the file system.
  Status rename_to(const std::string& file) {
    int error = renameat2(AT_FDCWD, name_.c_str(), AT_FDCWD, file.c_str(), RENAME_NOREPLACE) == 0 ? 0 : errno;
    // Not all file systems can: these are looked at once more.
    if (error == EINVAL || error == ENOSYS) {
      if (auto status = require_new(file); !status.ok()) return status;
      error = rename(name_.c_str(), file.c_str()) == 0 ? 0 : errno;
    }
    if (error == EEXIST) return there_already(file);
    if (error != 0) return errno_fault(error, file);
    name_.clear();
    if (fsync(directory_.get()) != 0) return errno_fault(errno, file);
    return {};
  }

 private:
  TemporaryFile(std::string name, UniqueFd fd, UniqueFd directory)
      : name_(std::move(name)), fd_(std::move(fd)), directory_(std::move(directory)) {}
  std::string name_;
  UniqueFd fd_;
  UniqueFd directory_;
};

// Makes folder()/data.mdb by `write`, checks it and puts it in place.
Status put_in_place(NewStore& store, const std::function<Status(int, const std::string&)>& write) {
  const std::string file = data_file(store.folder());
  const UniqueFd fd(open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return errno_fault(errno, file);
  if (auto status = write(fd.get(), file); !status.ok()) return status;
  if (auto status = require_sound(file); !status.ok()) return status;
  return store.put_in_place();
}

}  // namespace

Status backup_lmdb_store(const LmdbOptions& options, const std::string& file, const Progress& progress) {
  if (auto status = require_new(file); !status.ok()) return status;
  const auto store = open_shared(options);
  if (!store.ok()) return store.status();
  auto temporary = TemporaryFile::make_beside(file);
  if (!temporary.ok()) return temporary.status();
  LmdbEnv& env = store.value()->env();
  if (auto status = copy_compact(env, temporary.value().fd(), file, progress); !status.ok()) return status;
  if (auto status = require_sound(temporary.value().name()); !status.ok()) return status;
  return temporary.value().rename_to(file);
}

Status restore_lmdb_store(const std::string& file, const std::string& path, bool replace,
                          const Progress& progress) {
  if (auto status = require_sound(file); !status.ok()) return status;
  const UniqueFd from(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!from) return errno_fault(errno, file);
  auto store = NewStore::begin(path, replace);
  if (!store.ok()) return store.status();
  std::optional<ExclusiveUse> use;
  if (replace && (identity_of(data_file(path)) || identity_of(lock_file(path)))) {
    auto taken = ExclusiveUse::take(path);
    if (!taken.ok()) return taken.status();
    use.emplace(std::move(taken.value()));
  }
  auto status = put_in_place(store.value(), [&](int fd, const std::string& name) {
    return copy_bytes(from.get(), fd, name, progress);
  });
  if (!status.ok() || use) return status;
  return ensure_lock_file(path);
}

Status compact_lmdb_store(const std::string& path, const Progress& progress) {
  const auto use = ExclusiveUse::take(path);
  if (!use.ok()) return use.status();
  // Without LMDB's locks, since closing them would end ours.
  const auto env = LmdbEnv::open_file(data_file(path));
  if (!env.ok()) return env.status();
  auto store = NewStore::begin(path, true);
  if (!store.ok()) return store.status();
  return put_in_place(store.value(), [&](int fd, const std::string& name) {
    return copy_compact(*env.value(), fd, name, progress);
  });
}

}  // namespace ews_im::store
