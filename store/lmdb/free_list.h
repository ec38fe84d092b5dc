// SPDX-License-Identifier: Apache-2.0
// LMDB's list of free pages, and which pages of the data file records lie in: to tell whether the next write would
// overwrite what is in use. Knows no record.
#pragma once

#include <lmdb.h>

#include <cstddef>
#include <optional>
#include <vector>

namespace ews_im::store {

/// The numbers of all pages that are free in the transaction's snapshot. nullopt: the list is damaged: a number is
/// above `last`, or there twice, or the list does not have its form.
[[nodiscard]] std::optional<std::vector<std::size_t>> free_pages(MDB_txn* txn, std::size_t last);

/// The numbers of the pages in which a record of the data file lies, as a cursor returned it: the one of its key, and
/// those of its value if that lies elsewhere. Not for pages changed by the transaction, or larger than those of
/// memory: empty for the latter.
[[nodiscard]] std::vector<std::size_t> pages_of(const MDB_val& key, const MDB_val& value,
                                                std::size_t page_size);

}  // namespace ews_im::store
