// SPDX-License-Identifier: Apache-2.0
// LMDB's list of free pages, from which the next write takes its pages: whatever is in them is lost then. Knows no
// record.
#pragma once

#include <cstddef>
#include <vector>

#include "store/lmdb/tree.h"
#include "store/status.h"

namespace ews_im::store {

struct FreeList {
  std::vector<std::size_t>
      pages;                     ///< the numbers of all that are free, in the order in which LMDB takes them
  std::vector<std::size_t> own;  ///< of the pages that hold the list
};

/// The list in the snapshot of which `tree` is the tree of records. Faults: Corrupt: a page of it is damaged, or it does
/// not have its form, or a number cannot be, or is there twice, or is that of a page of the list.
[[nodiscard]] Result<FreeList> read_free_list(const Tree& tree);

inline constexpr std::size_t kMostPagesLookedAt = 4096;

/// Whether a write may take pages from the list: it is sound, and none of the first kMostPagesLookedAt is in use, as far
/// as the pages themselves tell. To look at a page takes microseconds, or a read of the disk, while all writers wait, and
/// there may be millions; what a busy store takes behind the first ones before it looks again is known by its form alone.
/// Faults: Corrupt.
[[nodiscard]] Status look_at_free_list(Tree& tree);

}  // namespace ews_im::store
