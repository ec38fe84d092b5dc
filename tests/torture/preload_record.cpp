// SPDX-License-Identifier: Apache-2.0
// To be preloaded: records what a process does to the files below one folder (recording.h), each entry when
// the call has succeeded. One call at a time, so that the log has the order in which things happened. Knows
// no store.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <string_view>

#include "tests/torture/recording.h"

#define EXPORTED extern "C" __attribute__((visibility("default")))

namespace {

using ews_im::tests::Act;
using ews_im::tests::EntryHead;

std::mutex mutex;

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

const std::string& folder() {
  static const std::string* const path = [] {
    const char* value = std::getenv(ews_im::tests::kRecordFolder);
    return new std::string(value != nullptr ? value : "");
  }();
  return *path;
}

bool is_ours(std::string_view path) {
  return !folder().empty() && path.starts_with(folder()) &&
         (path.size() == folder().size() || path[folder().size()] == '/');
}

std::string path_of(int fd) {
  char path[PATH_MAX];
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t size = readlink(link.c_str(), path, sizeof path);
  return size > 0 ? std::string(path, static_cast<std::size_t>(size)) : std::string();
}

// A log that cannot be written would make the test worthless.
void append(EntryHead head, std::string_view path, std::string_view data) {
  static const int log = [] {
    const char* name = std::getenv(ews_im::tests::kRecordLog);
    return name == nullptr ? -1
                           : real<int(const char*, int, ...)>("open")(
                                 name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  }();
  if (is_ours(path)) path.remove_prefix(folder().size());
  if (path.starts_with('/')) path.remove_prefix(1);
  head.name_size = static_cast<std::uint16_t>(path.size());
  head.data_size = static_cast<std::uint32_t>(data.size());
  const iovec parts[] = {{&head, sizeof head},
                         {const_cast<char*>(path.data()), path.size()},
                         {const_cast<char*>(data.data()), data.size()}};
  const auto size = static_cast<ssize_t>(sizeof head + path.size() + data.size());
  if (real<ssize_t(int, const iovec*, int)>("writev")(log, parts, 3) != size) {
    std::perror("the log of the recorder");
    _exit(99);
  }
}

void append(Act act, int fd, const std::string& path, std::uint64_t offset, std::string_view data) {
  struct stat about {};
  fstat(fd, &about);
  const bool durable = (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
  append({.act = act, .durable = durable, .file = about.st_ino, .offset = offset}, path, data);
}

int open_recorded(const char* function, const char* path, int flags, mode_t mode) {
  const auto call = real<int(const char*, int, ...)>(function);
  if (!is_ours(path) || (flags & O_CREAT) == 0) return call(path, flags, mode);
  const std::lock_guard lock(mutex);
  const bool is_new = access(path, F_OK) != 0;
  const int fd = call(path, flags, mode);
  if (fd >= 0 && is_new) append(Act::MakeFile, fd, path, 0, {});
  return fd;
}

template <class Call>
ssize_t write_recorded(int fd, std::uint64_t offset, const iovec* parts, int count, const Call& call) {
  const std::string path = path_of(fd);
  if (!is_ours(path)) return call();
  const std::lock_guard lock(mutex);
  const ssize_t size = call();
  if (size <= 0) return size;
  std::string data;
  for (int i = 0; i < count; ++i) data.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
  data.resize(static_cast<std::size_t>(size));
  append(Act::Write, fd, path, offset, data);
  return size;
}

template <class Call>
int file_recorded(Act act, int fd, std::uint64_t offset, const Call& call) {
  const std::string path = path_of(fd);
  if (!is_ours(path)) return call();
  const std::lock_guard lock(mutex);
  const int result = call();
  if (result == 0) append(act, fd, path, offset, {});
  return result;
}

template <class Call>
int name_recorded(Act act, std::string_view path, std::string_view to, const Call& call) {
  if (!is_ours(path)) return call();
  const std::lock_guard lock(mutex);
  const int result = call();
  if (result == 0) {
    if (is_ours(to)) to.remove_prefix(folder().size() + 1);
    append({.act = act}, path, to);
  }
  return result;
}

std::uint64_t here(int fd) { return static_cast<std::uint64_t>(lseek(fd, 0, SEEK_CUR)); }

}  // namespace

#define OPEN(name)                                      \
  EXPORTED int name(const char* path, int flags, ...) { \
    va_list rest;                                       \
    va_start(rest, flags);                              \
    const mode_t mode = va_arg(rest, mode_t);           \
    va_end(rest);                                       \
    return open_recorded(#name, path, flags, mode);     \
  }
OPEN(open)
OPEN(open64)

#define PWRITE(name)                                                                        \
  EXPORTED ssize_t name(int fd, const void* data, size_t size, off_t offset) {              \
    const iovec part{const_cast<void*>(data), size};                                        \
    return write_recorded(fd, static_cast<std::uint64_t>(offset), &part, 1, [&] {           \
      return real<ssize_t(int, const void*, size_t, off_t)>(#name)(fd, data, size, offset); \
    });                                                                                     \
  }
PWRITE(pwrite)
PWRITE(pwrite64)

EXPORTED ssize_t write(int fd, const void* data, size_t size) {
  const iovec part{const_cast<void*>(data), size};
  return write_recorded(fd, here(fd), &part, 1,
                        [&] { return real<ssize_t(int, const void*, size_t)>("write")(fd, data, size); });
}

EXPORTED ssize_t writev(int fd, const iovec* parts, int count) {
  return write_recorded(fd, here(fd), parts, count,
                        [&] { return real<ssize_t(int, const iovec*, int)>("writev")(fd, parts, count); });
}

#define FTRUNCATE(name)                                                           \
  EXPORTED int name(int fd, off_t size) noexcept {                                \
    return file_recorded(Act::Truncate, fd, static_cast<std::uint64_t>(size),     \
                         [&] { return real<int(int, off_t)>(#name)(fd, size); }); \
  }
FTRUNCATE(ftruncate)
FTRUNCATE(ftruncate64)

EXPORTED int fsync(int fd) {
  return file_recorded(Act::Sync, fd, 0, [&] { return real<int(int)>("fsync")(fd); });
}

EXPORTED int fdatasync(int fd) {
  return file_recorded(Act::Sync, fd, 0, [&] { return real<int(int)>("fdatasync")(fd); });
}

EXPORTED int mkdir(const char* path, mode_t mode) noexcept {
  return name_recorded(Act::MakeFolder, path, {},
                       [&] { return real<int(const char*, mode_t)>("mkdir")(path, mode); });
}

EXPORTED char* mkdtemp(char* path) noexcept {
  const int result = name_recorded(Act::MakeFolder, path, {},
                                   [&] { return real<char*(char*)>("mkdtemp")(path) != nullptr ? 0 : -1; });
  return result == 0 ? path : nullptr;
}

EXPORTED int rename(const char* from, const char* to) noexcept {
  return name_recorded(Act::Rename, from, to,
                       [&] { return real<int(const char*, const char*)>("rename")(from, to); });
}

EXPORTED int unlink(const char* path) noexcept {
  return name_recorded(Act::Remove, path, {}, [&] { return real<int(const char*)>("unlink")(path); });
}

EXPORTED int rmdir(const char* path) noexcept {
  return name_recorded(Act::Remove, path, {}, [&] { return real<int(const char*)>("rmdir")(path); });
}

EXPORTED void ews_im_record_note(const char* text, std::uint32_t size) {
  const std::lock_guard lock(mutex);
  append({}, {}, {text, size});
}
