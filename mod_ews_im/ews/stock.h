// SPDX-License-Identifier: Apache-2.0
// What the threads of a process take, use and give back, the last used first: that is still in the processor's
// cache. Knows nothing of what it keeps, and frees nothing.
#pragma once

#include <cstddef>
#include <mutex>
#include <vector>

namespace ews_im::ews {

/// For all threads; keeps no more than `kMost`.
template <class Thing, std::size_t kMost = 256>
class Stock {
 public:
  Stock() { things_.reserve(kMost); }

  /// nullptr: there is none. The caller owns it then.
  [[nodiscard]] Thing* take() {
    const std::lock_guard lock(mutex_);
    if (things_.empty()) return nullptr;
    Thing* const thing = things_.back();
    things_.pop_back();
    return thing;
  }
  /// False: there is no room, and the thing stays the caller's. Allocates nothing.
  [[nodiscard]] bool give(Thing* thing) {
    const std::lock_guard lock(mutex_);
    if (things_.size() == kMost) return false;
    things_.push_back(thing);
    return true;
  }

 private:
  std::mutex mutex_;
  std::vector<Thing*> things_;
};

}  // namespace ews_im::ews
