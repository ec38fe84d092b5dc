// SPDX-License-Identifier: Apache-2.0
#include "store/lmdb/exclusive_use.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "store/lmdb/files.h"
#include "store/lmdb/lmdb_store_impl.h"

namespace ews_im::store {

Result<ExclusiveUse> ExclusiveUse::take(const std::string& path) {
  if (auto status = check_directory(path, geteuid()); !status.ok()) return status;
  if (is_open_here(path)) return Status(Fault::Busy, path + ": this process has the store open");
  if (auto status = ensure_lock_file(path); !status.ok()) return status;
  const std::string file = lock_file(path);
  UniqueFd fd(open(file.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return errno_fault(errno, file);
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_len = 1;
  if (fcntl(fd.get(), F_SETLK, &lock) == 0) {
    // At once: whoever waits for the lock gets it however this ends, and would believe what a power cut has left here.
    // They find the file empty, which LMDB refuses; they open it again and set it up.
    if (ftruncate(fd.get(), 0) != 0) return errno_fault(errno, file);
    // Else a disk that is full by then keeps the store closed.
    if (auto status = reserve_lock_file(fd.get(), file, kLockFileSize); !status.ok()) return status;
    return ExclusiveUse(std::move(fd));
  }
  if (errno != EAGAIN && errno != EACCES) return errno_fault(errno, file);
  std::string detail = path + ": the store is in use";
  if (fcntl(fd.get(), F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK) {
    detail += " by process " + std::to_string(lock.l_pid);
  }
  return Status(Fault::Busy, detail + "; stop all servers that use it");
}

}  // namespace ews_im::store
