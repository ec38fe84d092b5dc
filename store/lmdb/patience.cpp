// SPDX-License-Identifier: Apache-2.0
#include "store/lmdb/patience.h"

namespace ews_im::store {

void Patience::answered(std::size_t count, Clock::duration commit, Clock::time_point now) {
  if (answered_ != 0 && came_ != 0) {
    constexpr int kForgotten = 8;  // of each commit, one in so many parts is forgotten with the next
    // Who was away for an hour does not count for more than one who was too late, and whoever looked at the clock
    // before the answers for no less than one who came with them.
    time_ += std::clamp(last_came_ - answered_at_, Clock::duration::zero(), commit_) - time_ / kForgotten;
    arrivals_ += static_cast<double>(came_) - arrivals_ / kForgotten;
  }
  answered_ = count;
  answered_at_ = now;
  commit_ = commit;
  came_ = 0;
}

Patience::Wait Patience::wait(Clock::time_point now) const {
  if (came_ >= answered_) return {};
  Clock::time_point until = end_;
  if (arrivals_ > 0) {  // else a try tells
    const auto all =
        std::chrono::duration_cast<Clock::duration>(time_ * (static_cast<double>(answered_) / arrivals_));
    if (all >= bearable()) return {};
    constexpr int kLate = 4;  // who has not come in so many times that time does something else
    until = std::min(until, answered_at_ + kLate * all);
  }
  if (now >= until) return {};
  return {answered_ - came_, until};
}

}  // namespace ews_im::store
