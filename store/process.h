// SPDX-License-Identifier: Apache-2.0
// Which process this is, without asking the kernel each time.
#pragma once

#include <sys/types.h>

namespace ews_im::store {

/// What getpid() returns, in the child of a fork as well. The first call in a process takes a page of memory that is
/// never given back, so this is not for code that is unloaded again.
[[nodiscard]] pid_t current_process();

}  // namespace ews_im::store
