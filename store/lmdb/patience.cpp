// SPDX-License-Identifier: Apache-2.0
#include "store/lmdb/patience.h"

#include <algorithm>

namespace ews_im::store {

void Patience::answered(std::size_t count, Clock::duration commit, Clock::time_point now) {
  if (came_ != 0) {
    constexpr int kForgotten = 8;  // of each commit, one in so many parts is forgotten with the next
    // Who came may have looked at the clock before that.
    time_ += std::max(last_came_ - answered_at_, Clock::duration::zero()) - time_ / kForgotten;
    arrivals_ += static_cast<double>(came_) - arrivals_ / kForgotten;
  }
  answered_ = count;
  answered_at_ = now;
  commit_ = commit;
  came_ = 0;
}

std::size_t Patience::expected(Clock::time_point now) const {
  if (now >= end_ || came_ >= answered_) return 0;
  // Nobody has ever come again: worth a try.
  if (arrivals_ == 0) return answered_ - came_;
  const auto all = time_ * (static_cast<double>(answered_) / arrivals_);
  constexpr int kLate = 4;  // who has not come in so many times that time does something else
  return all < bearable() && now - answered_at_ < kLate * all ? answered_ - came_ : 0;
}

}  // namespace ews_im::store
