// SPDX-License-Identifier: Apache-2.0
// Puts a store in place, new or from a backup: built in a folder of its own within the directory, flushed,
// then renamed.
#include "store/lmdb/create.h"

#include <dirent.h>
#include <fcntl.h>
#include <lmdb.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <utility>

#include "store/lmdb/key.h"
#include "store/lmdb/lmdb_store.h"
#include "store/lmdb/record.h"
#include "store/lmdb/records.h"
#include "store/lmdb/unique_fd.h"

namespace ews_im::store {
namespace {

// Removes a folder that this file made, with what can be in it.
void remove_aside(const std::string& folder) {
  unlink((folder + "/data.mdb").c_str());
  unlink((folder + "/lock.mdb").c_str());
  rmdir(folder.c_str());
}

// The first name in the directory that does not belong to a store under construction; all folders of those that
// crashed are removed. REQUIRES: the directory is locked.
Result<std::string> foreign_name(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(path.c_str()), closedir);
  if (directory == nullptr) return errno_fault(errno, path);
  std::string foreign;
  while (const dirent* entry = readdir(directory.get())) {
    const std::string name = entry->d_name;
    if (name.starts_with(kAside)) {
      remove_aside(path + "/" + name);
    } else if (foreign.empty() && is_foreign(name)) {
      foreign = name;
    }
  }
  return foreign;
}

int put_record(MDB_txn* txn, const Key& key, RecordWriter record) {
  MDB_val key_value = to_value(key.view());
  MDB_val value = to_value(record.seal(key.view()));
  return mdb_put(txn, kMainDatabase, &key_value, &value, 0);
}

// Writes an empty store into `folder`.
Status build_empty(const std::string& folder) {
  MDB_env* env = nullptr;
  int error = mdb_env_create(&env);
  if (error != 0) return {Fault::Unavailable, folder + ": " + mdb_strerror(error)};
  MDB_txn* txn = nullptr;
  error = mdb_env_open(env, folder.c_str(), MDB_NOTLS, 0600);
  if (error == 0) error = mdb_txn_begin(env, nullptr, 0, &txn);
  MDB_dbi database = 0;
  if (error == 0) error = mdb_dbi_open(txn, nullptr, 0, &database);
  if (error == 0) error = put_record(txn, format_key(), encode_format(kFormat));
  if (error == 0) error = put_record(txn, settings_key(), encode(Settings{}));
  if (error == 0) {
    error = mdb_txn_commit(txn);
  } else if (txn != nullptr) {
    mdb_txn_abort(txn);
  }
  mdb_env_close(env);
  if (error == 0) return {};
  return error > 0 ? errno_fault(error, folder)
                   : Status(Fault::Internal, folder + ": " + mdb_strerror(error));
}

// Gives the file to the directory's owner and flushes it.
Status finish_file(const std::string& file, const struct stat& directory) {
  const UniqueFd fd(open(file.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return errno_fault(errno, file);
  if (fchmod(fd.get(), 0600) != 0) return errno_fault(errno, file);
  if (geteuid() == 0 && fchown(fd.get(), directory.st_uid, directory.st_gid) != 0)
    return errno_fault(errno, file);
  if (fsync(fd.get()) != 0) return errno_fault(errno, file);
  return {};
}

}  // namespace

Result<NewStore> NewStore::begin(const std::string& path, bool replace) {
  if (mkdir(path.c_str(), 0700) == 0) {
    const std::size_t slash = path.find_last_not_of('/') == std::string::npos
                                  ? std::string::npos
                                  : path.rfind('/', path.find_last_not_of('/'));
    const std::string parent = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
    if (auto status = sync_directory(parent); !status.ok()) return status;
  } else if (errno != EEXIST) {
    return errno_fault(errno, path);
  }
  if (auto status = check_directory(path, geteuid()); !status.ok()) return status;

  UniqueFd directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!directory) return errno_fault(errno, path);
  if (flock(directory.get(), LOCK_EX | LOCK_NB) != 0) {
    return Status(Fault::Busy, path + ": another process is putting a store in place here");
  }
  const auto foreign = foreign_name(path);
  if (!foreign.ok()) return foreign.status();
  // What is left of a store whose data file was lost is a store to be replaced.
  const bool is_store = identity_of(data_file(path)) || (replace && identity_of(lock_file(path)));
  if (is_store && !replace) return Status(Fault::AlreadyExists, "there is a store in " + path + " already");
  if (!is_store && !foreign.value().empty()) {
    return Status(Fault::AlreadyExists, path + " is not empty: it holds " + foreign.value());
  }

  std::string folder = path + "/" + std::string(kAside) + "XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) return errno_fault(errno, folder);
  return NewStore(path, std::move(folder), std::move(directory));
}

NewStore::~NewStore() {
  if (folder_.empty()) return;
  try {
    remove_aside(folder_);
  } catch (const std::exception&) {  // no memory: whoever makes a store here next removes it
  }
}

Status NewStore::put_in_place() {
  struct stat directory {};
  if (fstat(directory_.get(), &directory) != 0) return errno_fault(errno, path_);
  if (auto status = finish_file(data_file(folder_), directory); !status.ok()) return status;
  if (rename(data_file(folder_).c_str(), data_file(path_).c_str()) != 0)
    return errno_fault(errno, data_file(path_));
  remove_aside(folder_);
  folder_.clear();
  if (fsync(directory_.get()) != 0) return errno_fault(errno, path_);
  return {};
}

Status create_lmdb_store(const LmdbOptions& options) {
  auto store = NewStore::begin(options.path, false);
  if (!store.ok()) return store.status();
  if (auto status = build_empty(store.value().folder()); !status.ok()) return status;
  if (auto status = store.value().put_in_place(); !status.ok()) return status;
  return ensure_lock_file(options.path);
}

}  // namespace ews_im::store
