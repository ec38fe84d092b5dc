// SPDX-License-Identifier: Apache-2.0
#include "store/lmdb/gate.h"

namespace ews_im::store {

bool Gate::enter() {
  std::uint32_t state = state_.load(std::memory_order_relaxed);
  while ((state & kClosed) == 0) {
    if (state_.compare_exchange_weak(state, state + 1, std::memory_order_acquire)) return true;
  }
  return false;
}

bool Gate::try_close() {
  std::uint32_t nobody = 0;
  return state_.compare_exchange_strong(nobody, kClosed, std::memory_order_acq_rel) || nobody == kClosed;
}

void MapLock::enter() {
  while ((state_.fetch_add(1, std::memory_order_acquire) & kAlone) != 0) {
    leave();
    std::unique_lock lock(mutex_);
    may_enter_.wait(lock, [this] { return (state_.load(std::memory_order_relaxed) & kAlone) == 0; });
  }
}

void MapLock::leave() {
  if (state_.fetch_sub(1, std::memory_order_release) != (kAlone | 1)) return;
  const std::lock_guard lock(mutex_);
  all_left_.notify_one();
}

void MapLock::enter_alone() {
  one_at_a_time_.lock();
  state_.fetch_or(kAlone, std::memory_order_acquire);
  std::unique_lock lock(mutex_);
  all_left_.wait(lock, [this] { return state_.load(std::memory_order_acquire) == kAlone; });
}

void MapLock::leave_alone() {
  {
    const std::lock_guard lock(mutex_);
    state_.fetch_and(~kAlone, std::memory_order_release);
    may_enter_.notify_all();
  }
  one_at_a_time_.unlock();
}

}  // namespace ews_im::store
