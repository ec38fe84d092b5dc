// SPDX-License-Identifier: Apache-2.0
// To be preloaded: sets the wall clock of a process back by an hour as long as the file $CLOCK_SET_BACK is there.
#include <dlfcn.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdlib>

extern "C" __attribute__((visibility("default"))) int gettimeofday(timeval* time, void* zone) noexcept {
  static const auto real = reinterpret_cast<int (*)(timeval*, void*)>(dlsym(RTLD_NEXT, "gettimeofday"));
  static const char* const file = getenv("CLOCK_SET_BACK");
  const int result = real(time, zone);
  constexpr time_t kHour = 3600;
  if (result == 0 && file != nullptr && access(file, F_OK) == 0) time->tv_sec -= kHour;
  return result;
}
