// SPDX-License-Identifier: Apache-2.0
// Two small locks of the LMDB store: Gate, by which a store closes for good, and MapLock, under which its
// memory map moves. Know no LMDB.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace ews_im::store {

/// Counts what is going on in a store, so that it can be closed when nothing is. Never waits.
class Gate {
 public:
  /// False: the gate is closed. Otherwise leave() is due.
  [[nodiscard]] bool enter();
  void leave() { state_.fetch_sub(1, std::memory_order_release); }
  /// Closes the gate for good if nobody is inside, or says that somebody is. True as well if it is closed
  /// already.
  [[nodiscard]] bool try_close();

 private:
  static constexpr std::uint32_t kClosed = std::uint32_t{1} << 31;
  std::atomic<std::uint32_t> state_{0};
};

/// Held shared during each transaction; held alone while the map is moved. Who wants it alone goes first, so
/// that a stream of readers cannot keep the map from growing. Not recursive.
class MapLock {
 public:
  void enter();
  void leave();
  /// Waits until all others have left; keeps new ones out meanwhile.
  void enter_alone();
  void leave_alone();

 private:
  static constexpr std::uint32_t kAlone = std::uint32_t{1} << 31;
  // kAlone: wanted or held alone. The rest counts those who hold it shared.
  std::atomic<std::uint32_t> state_{0};
  std::mutex one_at_a_time_;  // held alone
  std::mutex mutex_;          // for the two conditions
  std::condition_variable may_enter_;
  std::condition_variable all_left_;
};

/// Hold it for the life of an object, so that want of memory in between does not leave it held.
class InMap {
 public:
  explicit InMap(MapLock& lock) : lock_(&lock) { lock.enter(); }
  ~InMap() { lock_->leave(); }
  InMap(const InMap&) = delete;
  InMap& operator=(const InMap&) = delete;

 private:
  MapLock* lock_;
};

class AloneInMap {
 public:
  explicit AloneInMap(MapLock& lock) : lock_(&lock) { lock.enter_alone(); }
  ~AloneInMap() { lock_->leave_alone(); }
  AloneInMap(const AloneInMap&) = delete;
  AloneInMap& operator=(const AloneInMap&) = delete;

 private:
  MapLock* lock_;
};

}  // namespace ews_im::store
