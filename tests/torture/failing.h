// SPDX-License-Identifier: Apache-2.0
// How a program tells the preloaded library that makes calls fail (preload_fail.cpp) which one is to fail.
// Knows no store.
#pragma once

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>

namespace ews_im::tests {

/// Makes the `n`-th call of `call` from now on fail with `error`, and all that follow if `all`; the error 0
/// stands for a write of half the bytes. `call` is the name of the function without 64 ("malloc" stands for
/// all that allocates, "memory" for mmap, and for malloc from the mmap on that follows), or nullptr: nothing
/// fails any more. Returns how many of the calls there were since the last time.
using FailArm = long (*)(const char* call, long n, int error, bool all);
inline constexpr char kFailArm[] = "ews_im_fail_arm";

inline FailArm fail_arm() {
  static const auto function = reinterpret_cast<FailArm>(dlsym(RTLD_DEFAULT, kFailArm));
  if (function != nullptr) return function;
  std::fputs("the library that makes calls fail is not preloaded\n", stderr);
  std::exit(2);
}

}  // namespace ews_im::tests
