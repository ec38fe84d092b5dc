// SPDX-License-Identifier: Apache-2.0
// What the directory and the two files of an LMDB store must be like: owner, permissions, kind, file system.
// Knows no LMDB call; opens no file of a store, since closing lock.mdb would drop LMDB's locks.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "store/status.h"

namespace ews_im::store {

[[nodiscard]] inline std::string data_file(const std::string& path) { return path + "/data.mdb"; }
[[nodiscard]] inline std::string lock_file(const std::string& path) { return path + "/lock.mdb"; }

/// How the folders begin in which a store is made before it is put in place.
inline constexpr std::string_view kAside = ".new-";
/// Whether an entry of a store's directory is neither one that every directory has nor such a folder.
[[nodiscard]] bool is_foreign(std::string_view name);

// What follows asks for no times: a kernel that has told a time of a file keeps an exact one at the next
// write, and the next flush of the file takes a sixth longer for it.

/// Device and inode: the same for all paths that lead to a file.
using FileIdentity = std::pair<std::uint64_t, std::uint64_t>;
/// Follows symbolic links; nullopt if there is no such file.
[[nodiscard]] std::optional<FileIdentity> identity_of(const std::string& file);
[[nodiscard]] std::optional<FileIdentity> identity_of(int fd);
/// Both, in one call. nullopt: see errno.
struct FileState {
  FileIdentity identity;
  std::uint64_t size = 0;  ///< bytes
};
[[nodiscard]] std::optional<FileState> state_of(const std::string& file);
/// Of an open file. nullopt: see errno.
[[nodiscard]] std::optional<std::uint64_t> size_of(int fd);

/// A fault for what errno says: NotFound, Denied, AlreadyExists, Full, or Unavailable; `what` begins the
/// detail.
Status errno_fault(int error, const std::string& what);

/// Whether file systems of this type (f_type of statfs) are served by another machine or by a program: LMDB's
/// locks and memory maps do not work there, or nobody can tell.
[[nodiscard]] bool is_network_file_system(std::uint64_t type);

/// That `path` is a directory on a local file system, owned by `user` (anybody, if `user` is 0) and closed to
/// others. Faults: NotFound, Denied, Unavailable.
Status check_directory(const std::string& path, uid_t user);

/// That `path` is such a directory and holds a store: data.mdb, and lock.mdb if there is one, are regular
/// files with one link, of the directory's owner, closed to others. Faults as above, and Corrupt: data.mdb is
/// too short.
Status check_store_files(const std::string& path, uid_t user);

/// That the file is long enough for LMDB not to take it for a new one. Faults: NotFound, Corrupt.
Status check_data_size(const std::string& file);

/// Makes lock.mdb if it is missing, as the directory's owner's. REQUIRES: the process has not opened the
/// store.
Status ensure_lock_file(const std::string& path);

/// Sees to it that an open lock.mdb has room on the disk for `size` bytes, as far as the file system can; its size stays.
/// LMDB makes it a file with holes and writes it by a map: where the disk is full, that is the end of the process.
/// Faults: Full, Unavailable.
Status reserve_lock_file(int fd, const std::string& file, std::uint64_t size);

/// Flushes a directory, so that what was made or renamed in it lasts.
Status sync_directory(const std::string& path);

}  // namespace ews_im::store
