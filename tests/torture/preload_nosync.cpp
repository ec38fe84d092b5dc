// SPDX-License-Identifier: Apache-2.0
// A preload library that makes every flush a lie: fsync, fdatasync and msync do nothing, and files are opened
// without O_SYNC and O_DSYNC. Under it the test of power cuts must find losses, or it proves nothing.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdarg>

namespace {

using Open = int (*)(const char*, int, ...);

int open_without_sync(const char* name, const char* path, int flags, mode_t mode) {
  const auto next = reinterpret_cast<Open>(dlsym(RTLD_NEXT, name));
  return next(path, flags & ~(O_SYNC | O_DSYNC), mode);
}

mode_t mode_of(int flags, va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

}  // namespace

extern "C" {

[[gnu::visibility("default")]] int fsync(int) { return 0; }
[[gnu::visibility("default")]] int fdatasync(int) { return 0; }
[[gnu::visibility("default")]] int msync(void*, std::size_t, int) { return 0; }

[[gnu::visibility("default")]] int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_without_sync("open", path, flags, mode);
}

[[gnu::visibility("default")]] int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_without_sync("open64", path, flags, mode);
}
}
