// SPDX-License-Identifier: Apache-2.0
// Whether a commit is worth holding up for those who have just been answered: a client that makes one change after
// another comes again at once, and if the commit goes without it, it waits for all of that and then for its own. Knows
// no queue, and no clock of its own.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace ews_im::store {

/// Not for several threads at a time.
class Patience {
 public:
  using Clock = std::chrono::steady_clock;

  /// Somebody has come with a change.
  void came(Clock::time_point now) {
    ++came_;
    last_came_ = now;
  }
  /// A commit, which took so long, is done, and `count` are about to be told.
  void answered(std::size_t count, Clock::duration commit, Clock::time_point now);
  /// The changes of the next commit are about to be run.
  void begin(Clock::time_point now) { end_ = now + bearable(); }

  struct Wait {
    std::size_t count = 0;  ///< how many are worth waiting for; 0: nobody
    Clock::time_point until{};
  };
  /// Waiting pays where all who were answered come again in much less time than a commit takes, and where it does not,
  /// it costs that time.
  [[nodiscard]] Wait wait(Clock::time_point now) const;

 private:
  static constexpr Clock::duration kLongest = std::chrono::milliseconds(50);  // others may wait for the store

  /// With half of a commit additions got slower where a commit took a millisecond, with a third no quicker where it took
  /// four.
  [[nodiscard]] Clock::duration bearable() const { return std::min(commit_ * 2 / 5, kLongest); }

  std::size_t answered_ = 0;  // by the last commit
  Clock::time_point answered_at_{};
  Clock::duration commit_{};
  std::size_t came_ = 0;  // since then
  Clock::time_point last_came_{};
  // Of all commits, older ones counting less and less: from the answers to the last who came, and how many came.
  Clock::duration time_{};
  double arrivals_ = 0;
  Clock::time_point end_{};
};

}  // namespace ews_im::store
