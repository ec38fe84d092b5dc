// SPDX-License-Identifier: Apache-2.0
// To be preloaded: makes the n-th call of one function fail, as its program asks (failing.h). Knows no store.
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <string_view>

#define EXPORTED extern "C" __attribute__((visibility("default")))

// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): the C library's own names
EXPORTED void* __libc_malloc(size_t size);
EXPORTED void* __libc_calloc(size_t count, size_t size);
EXPORTED void* __libc_realloc(void* memory, size_t size);
EXPORTED void* __libc_memalign(size_t alignment, size_t size);
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)

namespace {

enum Call {
  Malloc,
  Open,
  Pwrite,
  Writev,
  Ftruncate,
  Fallocate,
  Fdatasync,
  Fsync,
  Mmap,
  Fcntl,
  Flock,
  Rename,
  Statx,
  Mkdtemp,
  Thread,
  Memory,
  None
};
constexpr std::array<std::string_view, None> kNames{
    "malloc", "open",  "pwrite", "writev", "ftruncate", "fallocate", "fdatasync",      "fsync",
    "mmap",   "fcntl", "flock",  "rename", "statx",     "mkdtemp",   "pthread_create", "memory"};

std::atomic<int> armed = None;
std::atomic<long> calls = 0;
long target = 0;
int failure = 0;
bool all_after = false;

bool fails(Call call) {
  const int which = armed.load();
  const bool with_memory = which == Memory && call == Malloc;
  if (which != call && !with_memory && !(which == Memory && call == Mmap)) return false;
  const long number = with_memory ? calls.load() - 1 : ++calls;
  if (number != target && (!all_after || number < target)) return false;
  errno = failure;
  return true;
}

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

EXPORTED long ews_im_fail_arm(const char* call, long n, int error, bool all) {
  armed = None;
  const long count = calls.exchange(0);
  target = n;
  failure = error;
  all_after = all;
  for (std::size_t i = 0; call != nullptr && i < kNames.size(); ++i) {
    if (kNames[i] == call) armed = static_cast<int>(i);
  }
  return count;
}

EXPORTED void* malloc(size_t size) noexcept { return fails(Malloc) ? nullptr : __libc_malloc(size); }
EXPORTED void* calloc(size_t count, size_t size) noexcept {
  return fails(Malloc) ? nullptr : __libc_calloc(count, size);
}
EXPORTED void* realloc(void* memory, size_t size) noexcept {
  return fails(Malloc) ? nullptr : __libc_realloc(memory, size);
}
EXPORTED int posix_memalign(void** memory, size_t alignment, size_t size) noexcept {
  void* result = fails(Malloc) ? nullptr : __libc_memalign(alignment, size);
  if (result == nullptr) return ENOMEM;
  *memory = result;
  return 0;
}

#define OPEN(name)                                                     \
  EXPORTED int name(const char* path, int flags, ...) {                \
    va_list rest;                                                      \
    va_start(rest, flags);                                             \
    const mode_t mode = va_arg(rest, mode_t);                          \
    va_end(rest);                                                      \
    if (fails(Open)) return -1;                                        \
    return real<int(const char*, int, ...)>(#name)(path, flags, mode); \
  }
OPEN(open)
OPEN(open64)

#define PWRITE(name)                                                           \
  EXPORTED ssize_t name(int fd, const void* data, size_t size, off_t offset) { \
    const auto call = real<ssize_t(int, const void*, size_t, off_t)>(#name);   \
    if (!fails(Pwrite)) return call(fd, data, size, offset);                   \
    return failure == 0 ? call(fd, data, size / 2, offset) : -1;               \
  }
PWRITE(pwrite)
PWRITE(pwrite64)

EXPORTED ssize_t writev(int fd, const iovec* parts, int count) {
  const auto call = real<ssize_t(int, const iovec*, int)>("writev");
  if (!fails(Writev)) return call(fd, parts, count);
  return failure == 0 ? call(fd, parts, count / 2) : -1;
}

#define FTRUNCATE(name)                                                    \
  EXPORTED int name(int fd, off_t size) noexcept {                         \
    return fails(Ftruncate) ? -1 : real<int(int, off_t)>(#name)(fd, size); \
  }
FTRUNCATE(ftruncate)
FTRUNCATE(ftruncate64)

#define FALLOCATE(name)                                           \
  EXPORTED int name(int fd, int mode, off_t offset, off_t size) { \
    const auto call = real<int(int, int, off_t, off_t)>(#name);   \
    return fails(Fallocate) ? -1 : call(fd, mode, offset, size);  \
  }
FALLOCATE(fallocate)
FALLOCATE(fallocate64)

EXPORTED int fdatasync(int fd) { return fails(Fdatasync) ? -1 : real<int(int)>("fdatasync")(fd); }
EXPORTED int fsync(int fd) { return fails(Fsync) ? -1 : real<int(int)>("fsync")(fd); }

#define MMAP(name)                                                                                       \
  EXPORTED void* name(void* address, size_t size, int protection, int flags, int fd,                     \
                      off_t offset) noexcept {                                                           \
    if (fails(Mmap)) return MAP_FAILED;                                                                  \
    return real<void*(void*, size_t, int, int, int, off_t)>(#name)(address, size, protection, flags, fd, \
                                                                   offset);                              \
  }
MMAP(mmap)
MMAP(mmap64)

#define FCNTL(name)                                                                    \
  EXPORTED int name(int fd, int command, ...) {                                        \
    va_list rest;                                                                      \
    va_start(rest, command);                                                           \
    void* argument = va_arg(rest, void*);                                              \
    va_end(rest);                                                                      \
    return fails(Fcntl) ? -1 : real<int(int, int, ...)>(#name)(fd, command, argument); \
  }
FCNTL(fcntl)
FCNTL(fcntl64)

EXPORTED int flock(int fd, int operation) noexcept {
  return fails(Flock) ? -1 : real<int(int, int)>("flock")(fd, operation);
}
EXPORTED int rename(const char* from, const char* to) noexcept {
  return fails(Rename) ? -1 : real<int(const char*, const char*)>("rename")(from, to);
}
EXPORTED int statx(int folder, const char* path, int flags, unsigned mask, struct statx* about) noexcept {
  if (fails(Statx)) return -1;
  return real<int(int, const char*, int, unsigned, struct statx*)>("statx")(folder, path, flags, mask, about);
}
EXPORTED char* mkdtemp(char* path) noexcept {
  return fails(Mkdtemp) ? nullptr : real<char*(char*)>("mkdtemp")(path);
}
EXPORTED int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                            void* argument) noexcept {
  if (fails(Thread)) return failure;
  return real<int(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*)>("pthread_create")(
      thread, attributes, start, argument);
}
