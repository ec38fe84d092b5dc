// SPDX-License-Identifier: Apache-2.0
// For LD_PRELOAD: makes syncing slower, as on another disk, or leaves it out. Knows only the calls that LMDB
// and the C library make: fdatasync, fsync, msync, and writes to files that were opened with O_DSYNC.
//
// BENCH_SYNC: microseconds added to each sync, or "off".
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdarg>
#include <cstdlib>
#include <cstring>

namespace {

const char* mode() {
  static const char* const value = std::getenv("BENCH_SYNC");
  return value != nullptr ? value : "0";
}

bool is_off() {
  static const bool off = std::strcmp(mode(), "off") == 0;
  return off;
}

void delay() {
  static const auto microseconds = static_cast<useconds_t>(std::strtoul(mode(), nullptr, 10));
  if (microseconds != 0) usleep(microseconds);
}

/// The function that would be called without this library.
#define NEXT(name) static const auto next = reinterpret_cast<decltype(&(name))>(dlsym(RTLD_NEXT, #name))

// Files that were opened with O_DSYNC: to ask the kernel at each write would take longer than some writes do.
constexpr int kMostFiles = 1024;
std::atomic<bool> synced[kMostFiles];

bool is_synced(int fd) { return fd >= 0 && fd < kMostFiles && synced[fd].load(std::memory_order_relaxed); }

int noted(int fd, int flags) {
  if (fd >= 0 && fd < kMostFiles) synced[fd].store((flags & O_DSYNC) == O_DSYNC && !is_off());
  return fd;
}

int kept(int flags) { return is_off() ? flags & ~O_DSYNC : flags; }

}  // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT int fdatasync(int fd) {
  NEXT(fdatasync);
  if (is_off()) return 0;
  delay();
  return next(fd);
}
EXPORT int fsync(int fd) {
  NEXT(fsync);
  if (is_off()) return 0;
  delay();
  return next(fd);
}
EXPORT int msync(void* begin, size_t size, int flags) {
  NEXT(msync);
  if (is_off()) return 0;
  delay();
  return next(begin, size, flags);
}
EXPORT ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  NEXT(pwrite);
  if (is_synced(fd)) delay();
  return next(fd, bytes, size, offset);
}
EXPORT ssize_t pwrite64(int fd, const void* bytes, size_t size, off_t offset) {
  NEXT(pwrite64);
  if (is_synced(fd)) delay();
  return next(fd, bytes, size, offset);
}
EXPORT int open(const char* path, int flags, ...) {
  NEXT(open);
  va_list arguments;
  va_start(arguments, flags);
  const auto permissions = va_arg(arguments, mode_t);
  va_end(arguments);
  return noted(next(path, kept(flags), permissions), flags);
}
EXPORT int open64(const char* path, int flags, ...) {
  NEXT(open64);
  va_list arguments;
  va_start(arguments, flags);
  const auto permissions = va_arg(arguments, mode_t);
  va_end(arguments);
  return noted(next(path, kept(flags), permissions), flags);
}
