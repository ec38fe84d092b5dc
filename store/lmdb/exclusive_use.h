// SPDX-License-Identifier: Apache-2.0
// The sole use of a store whose data file is about to be replaced. Knows how LMDB marks a store as open:
// every process that has it open holds a shared fcntl lock on the first byte of lock.mdb.
#pragma once

#include <string>

#include "store/lmdb/unique_fd.h"
#include "store/status.h"

namespace ews_im::store {

/// Who opens the store meanwhile waits until this object is gone. This process must not open lock.mdb
/// meanwhile: that would end the lock.
class ExclusiveUse {
 public:
  /// Empties lock.mdb: who was waiting starts anew, with a new table of readers and new locks. Faults: Busy (some
  /// process has the store open), NotFound, Denied.
  static Result<ExclusiveUse> take(const std::string& path);

 private:
  explicit ExclusiveUse(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace ews_im::store
