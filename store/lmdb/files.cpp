// SPDX-License-Identifier: Apache-2.0
#include "store/lmdb/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "store/lmdb/unique_fd.h"

namespace ews_im::store {
namespace {

constexpr off_t kSmallestDataFile = 2 * 4096;  // two meta pages

std::string octal(mode_t mode) {
  std::string text;
  for (unsigned shift = 9; shift <= 9; shift -= 3) text += static_cast<char>('0' + ((mode >> shift) & 7));
  return text;
}

std::optional<FileState> state_at(int fd, const char* file, int flags) {
  struct statx about {};
  if (statx(fd, file, flags, STATX_INO | STATX_SIZE, &about) != 0) return std::nullopt;
  return FileState{{makedev(about.stx_dev_major, about.stx_dev_minor), about.stx_ino}, about.stx_size};
}

// Whether the file is closed to all but its owner, or what to do about it.
Status check_mode(const std::string& file, const struct stat& about, mode_t wanted) {
  if ((about.st_mode & 077) == 0) return {};
  return {Fault::Denied, file + " has mode " + octal(about.st_mode & 07777) +
                             ", so that others than its owner can use it; expected " + octal(wanted) +
                             ": chmod " + octal(wanted) + " " + file};
}

Status check_file(const std::string& file, const struct stat& about, const struct stat& directory) {
  if (!S_ISREG(about.st_mode)) return {Fault::Denied, file + " is no regular file"};
  if (about.st_nlink != 1) {
    return {Fault::Denied,
            file + " has " + std::to_string(about.st_nlink) + " names (hard links); expected 1"};
  }
  if (about.st_uid != directory.st_uid) {
    return {Fault::Denied, file + " belongs to user " + std::to_string(about.st_uid) + "; expected " +
                               std::to_string(directory.st_uid) + ", who owns the directory: chown " +
                               std::to_string(directory.st_uid) + " " + file};
  }
  return check_mode(file, about, 0600);
}

Result<struct stat> look_at(const std::string& file) {
  struct stat about {};
  if (lstat(file.c_str(), &about) != 0) return errno_fault(errno, file);
  return about;
}

}  // namespace

bool is_foreign(std::string_view name) {
  return name != "." && name != ".." && name != "lost+found" && !name.starts_with(kAside);
}

std::optional<FileState> state_of(const std::string& file) { return state_at(AT_FDCWD, file.c_str(), 0); }

std::optional<FileIdentity> identity_of(const std::string& file) {
  const auto state = state_of(file);
  return state ? std::optional(state->identity) : std::nullopt;
}

std::optional<FileIdentity> identity_of(int fd) {
  const auto state = state_at(fd, "", AT_EMPTY_PATH);
  return state ? std::optional(state->identity) : std::nullopt;
}

std::optional<std::uint64_t> size_of(int fd) {
  const auto state = state_at(fd, "", AT_EMPTY_PATH);
  return state ? std::optional(state->size) : std::nullopt;
}

Status errno_fault(int error, const std::string& what) {
  const std::string detail = what + ": " + std::strerror(error);
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return {Fault::NotFound, detail};
    case EACCES:
    case EPERM:
    case EROFS:
    case ELOOP:
      return {Fault::Denied, detail};
    case EEXIST:
    case ENOTEMPTY:
      return {Fault::AlreadyExists, detail};
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return {Fault::Full, detail};
    default:
      return {Fault::Unavailable, detail};
  }
}

bool is_network_file_system(std::uint64_t type) {
  constexpr std::uint64_t kTypes[] = {
      0x6969,      // NFS
      0x517B,      // SMB
      0xFE534D42,  // SMB2
      0xFF534D42,  // CIFS
      0x01021997,  // 9P
      0x00C36400,  // Ceph
      0x5346414F,  // OpenAFS
      0x6B414653,  // AFS of the kernel
      0x73757245,  // Coda
      0x0BD00BD0,  // Lustre
      0x01161970,  // GFS2
      0x7461636F,  // OCFS2
      0x47504653,  // GPFS
      0x19830326,  // BeeGFS
      0x786F4256,  // VirtualBox shared folders
      0xBACBACBC,  // VMware shared folders
      0x65735546,  // FUSE: sshfs, GlusterFS and others
  };
  for (const std::uint64_t known : kTypes) {
    if (known == type) return true;
  }
  return false;
}

Status check_directory(const std::string& path, uid_t user) {
  const auto about = look_at(path);
  if (!about.ok()) return about.status();
  if (!S_ISDIR(about.value().st_mode)) {
    return {Fault::Denied,
            path + " is no directory" + (S_ISLNK(about.value().st_mode) ? " but a symbolic link" : "")};
  }
  if (user != 0 && about.value().st_uid != user) {
    return {Fault::Denied, path + " belongs to user " + std::to_string(about.value().st_uid) + "; expected " +
                               std::to_string(user) + ", as whom the store is used: chown -R " +
                               std::to_string(user) + " " + path};
  }
  if (auto status = check_mode(path, about.value(), 0700); !status.ok()) {
    if (identity_of(data_file(path))) return status;
    return {Fault::Denied,
            path + " has mode " + octal(about.value().st_mode & 07777) +
                ", so that others than its owner can use it; a store needs a directory of its own, "
                "with mode 0700"};
  }
  struct statfs file_system {};
  if (statfs(path.c_str(), &file_system) != 0) return errno_fault(errno, path);
  if (is_network_file_system(static_cast<std::uint64_t>(file_system.f_type) & 0xFFFFFFFF)) {
    return {
        Fault::Unavailable,
        path +
            " is on a file system of the network or of a user program, where the store's locks do not work; "
            "put it on a disk of this machine"};
  }
  return {};
}

Status check_store_files(const std::string& path, uid_t user) {
  if (auto status = check_directory(path, user); !status.ok()) {
    if (status.fault() != Fault::NotFound) return status;
    return {Fault::NotFound, status.detail() + "; ews-imctl --store " + path + " init creates a store"};
  }
  const auto directory = look_at(path);
  if (!directory.ok()) return directory.status();

  const auto data = look_at(data_file(path));
  if (!data.ok()) {
    if (data.status().fault() != Fault::NotFound) return data.status();
    return {Fault::NotFound,
            "there is no store in " + path + "; ews-imctl --store " + path + " init creates one"};
  }
  if (auto status = check_file(data_file(path), data.value(), directory.value()); !status.ok()) return status;
  if (auto status = check_data_size(data_file(path)); !status.ok()) return status;

  const auto lock = look_at(lock_file(path));
  if (!lock.ok()) return lock.status().fault() == Fault::NotFound ? Status() : lock.status();
  return check_file(lock_file(path), lock.value(), directory.value());
}

Status check_data_size(const std::string& file) {
  struct stat about {};
  if (stat(file.c_str(), &about) != 0) return errno_fault(errno, file);
  if (S_ISDIR(about.st_mode))
    return {Fault::Denied, file + " is a directory; to look at a store, give its directory with --store"};
  if (!S_ISREG(about.st_mode)) return {Fault::Denied, file + " is no regular file"};
  if (about.st_size >= kSmallestDataFile) return {};
  return {Fault::Corrupt, file + " has " + std::to_string(about.st_size) +
                              " bytes, too few for a store: it was cut off; restore a backup"};
}

Status ensure_lock_file(const std::string& path) {
  const auto directory = look_at(path);
  if (!directory.ok()) return directory.status();
  const std::string file = lock_file(path);
  const UniqueFd fd(open(file.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return errno == EEXIST ? Status() : errno_fault(errno, file);
  if (geteuid() != 0) return {};
  if (fchown(fd.get(), directory.value().st_uid, directory.value().st_gid) != 0)
    return errno_fault(errno, file);
  return {};
}

Status reserve_lock_file(int fd, const std::string& file, std::uint64_t size) {
  int result = 0;
  do {
    // A size other than 0 would be a table of readers to LMDB.
    result = fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(size));
  } while (result != 0 && errno == EINTR);
  return result == 0 || errno == EOPNOTSUPP || errno == ENOSYS ? Status() : errno_fault(errno, file);
}

Status sync_directory(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || fsync(fd.get()) != 0) return errno_fault(errno, path);
  return {};
}

}  // namespace ews_im::store
