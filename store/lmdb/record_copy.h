// SPDX-License-Identifier: Apache-2.0
// Copies a store record by record into a data file that LMDB makes anew, its list of free pages too: so a store can be
// copied whose own list is damaged, which LMDB believes when it copies. Knows records as bytes, not what they mean.
#pragma once

#include <cstddef>
#include <string>

#include "store/lmdb/lmdb_env.h"
#include "store/status.h"

namespace ews_im::store {

/// Bytes of records between two commits: they are in memory until then.
inline constexpr std::size_t kCommitStep = std::size_t{16} << 20;

/// Writes all records that `txn` sees into the open, empty file, and flushes nothing. No record is left out: one that is
/// damaged, or behind a damaged page, is a fault. `file` is for messages. Faults: Corrupt, Full, and others of the file
/// system.
Status copy_records(LmdbTxn& txn, int fd, const std::string& file, std::size_t commit_step = kCommitStep);

}  // namespace ews_im::store
