// SPDX-License-Identifier: Apache-2.0
#include "mod_ews_im/crash_guard.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <thread>

#include "store/process.h"

namespace ews_im {
namespace {

// Children run the cleanups of the parent's pools when they exit, while threads of them may still be in calls.
struct Mapping {
  void* memory;
  pid_t owner;
};

apr_status_t unmap(void* mapping) noexcept {
  const auto& it = *static_cast<const Mapping*>(mapping);
  if (it.owner == getpid()) munmap(it.memory, sizeof(CrashGuard));
  return APR_SUCCESS;
}

}  // namespace

CrashGuard* CrashGuard::create(apr_pool_t* pool) {
  void* memory = mmap(nullptr, sizeof(CrashGuard), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  auto* mapping = new (apr_palloc(pool, sizeof(Mapping))) Mapping{memory, getpid()};
  apr_pool_cleanup_register(pool, mapping, unmap, apr_pool_cleanup_null);
  return new (memory) CrashGuard;
}

bool CrashGuard::child_died(pid_t child) {
  bool in_call = false;
  std::uint64_t any_events = 0;
  for (Entry& entry : entries_) {
    if (entry.process != child) continue;
    if (const std::uint64_t key = entry.key.exchange(0); key != 0) {
      died_in(key, entry.events);
      any_events = std::max(any_events, entry.any_events.load());
      in_call = true;
    }
    entry.process = 0;
  }
  if (!in_call || tripped_) return false;
  died_in(kAny, any_events);
  for (const Suspect& suspect : suspects_) {
    if (suspect.deaths >= kDeaths) tripped_ = true;
  }
  return tripped_;
}

void CrashGuard::died_in(std::uint64_t key, std::uint64_t events) {
  Suspect& its = suspect(key);
  if (its.key.exchange(key) != key) {
    its.deaths = 1;
  } else if (events < its.last) {
    return;
  } else {
    its.deaths = events == its.last ? its.deaths + 1 : 1;
  }
  its.last = ++its.events;
}

void CrashGuard::survived(std::uint64_t key) {
  Suspect& its = suspect(key);
  if (its.key == key) ++its.events;
}

CrashGuard::Call::Call(CrashGuard* guard, std::string_view what, std::string_view who) : guard_(guard) {
  if (guard_ == nullptr) return;
  constexpr std::uint64_t kSpread = 0x9e3779b97f4a7c15;
  const std::hash<std::string_view> hash;
  key_ = (hash(what) * kSpread + hash(who)) | 1U;
  // A thread comes to the same place each time, to which no other is likely to come.
  const pid_t self = store::current_process();
  const std::uint64_t thread = std::hash<std::thread::id>{}(std::this_thread::get_id());
  const std::uint64_t first = ((thread + static_cast<std::uint64_t>(self)) * kSpread) >> 32U;
  for (std::size_t probe = 0; probe < kProbes; ++probe) {
    const std::size_t at = (first + probe) % kEntries;
    pid_t free = 0;
    if (!guard_->entries_[at].process.compare_exchange_strong(free, self)) continue;
    entry_ = at;
    guard_->entries_[at].events = guard_->suspect(key_).events.load();
    guard_->entries_[at].any_events = guard_->suspect(kAny).events.load();
    guard_->entries_[at].key = key_;
    return;
  }
}

CrashGuard::Call::~Call() {
  if (guard_ == nullptr) return;
  guard_->survived(key_);
  guard_->survived(kAny);
  if (entry_ == kEntries) return;
  guard_->entries_[entry_].key = 0;
  guard_->entries_[entry_].process = 0;
}

}  // namespace ews_im
