// SPDX-License-Identifier: Apache-2.0
// Ends the loop in which each new child dies of the same damaged page of a store: LMDB trusts its pages, and one
// that points outside the file is the end of the process. Lies in memory that the parent shares with its
// children; each child notes the calls it is in, and the parent looks what a child was doing when it died.
// Knows nothing of what a store is.
//
// A module cannot learn by which signal a child died, and handlers of signals belong to the server. So what counts
// is not how children die but that one call is never survived: somebody who kills children, or a lack of memory
// that does, meets a call now and then, and the same call goes well when the client tries again.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "mod_ews_im/apache.h"

namespace ews_im {

class CrashGuard {
 public:
  /// So many deaths, one after the other, in the same call without one that was survived, or in any calls without
  /// any that was survived, trip the guard.
  static constexpr std::uint32_t kDeaths = 5;

  /// For the parent, before it makes children. Lives until the pool goes, in children longer. nullptr: no memory.
  [[nodiscard]] static CrashGuard* create(apr_pool_t* pool);

  /// Whether the store must be left alone until the server is restarted.
  [[nodiscard]] bool tripped() const { return tripped_; }
  /// For the parent. True if this death has tripped the guard.
  bool child_died(pid_t child);

  /// While it lives, the thread is in a call of the store. `what` and `who` together say which: the same call,
  /// tried again, has the same.
  class Call {
   public:
    /// `guard` may be nullptr.
    Call(CrashGuard* guard, std::string_view what, std::string_view who = {});
    ~Call();
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    CrashGuard* guard_;
    std::size_t entry_ = kEntries;
    std::uint64_t key_ = 0;
  };

 private:
  static constexpr std::size_t kEntries = 1024;  // calls at one time; those above are not watched
  static constexpr std::size_t kProbes = 64;
  static constexpr std::size_t kSuspects = 256;
  static constexpr std::uint64_t kAny = 2;  // the key that stands for all calls; others are odd

  struct alignas(64) Entry {
    std::atomic<pid_t> process;      // 0: free
    std::atomic<std::uint64_t> key;  // 0: not in a call
    // Suspect::events of this call, and of any call, when it began.
    std::atomic<std::uint64_t> events;
    std::atomic<std::uint64_t> any_events;
  };
  /// A call that a child did not survive. Its place is that of its key; a later one with the same place takes it.
  /// The parent looks at the dead once a second at most, and finds several at once if somebody kills: those who
  /// were in their calls at the same time count once, as no one of them has tried again what the other did.
  struct Suspect {
    std::atomic<std::uint64_t> key;
    std::atomic<std::uint64_t> events;  // deaths that counted, and survivals after the first
    std::uint64_t last;                 // the parent's: the number of the last death among the events,
    std::uint32_t deaths;               // and how many there were without a survival
  };

  [[nodiscard]] Suspect& suspect(std::uint64_t key) { return suspects_[key % kSuspects]; }
  void died_in(std::uint64_t key, std::uint64_t events);
  void survived(std::uint64_t key);

  std::array<Entry, kEntries> entries_{};
  std::array<Suspect, kSuspects> suspects_{};
  std::atomic<bool> tripped_ = false;

  static_assert(std::atomic<std::uint64_t>::is_always_lock_free);  // other processes do not share locks
};

}  // namespace ews_im
