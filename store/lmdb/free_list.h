// SPDX-License-Identifier: Apache-2.0
// LMDB's list of free pages, from which the next write takes its pages. Knows no record.
#pragma once

#include <lmdb.h>

#include <cstddef>
#include <optional>
#include <vector>

namespace ews_im::store {

/// The numbers of all pages that are free in the transaction's snapshot. nullopt: the list is damaged: a number is
/// above `last`, or there twice, or the list does not have its form.
[[nodiscard]] std::optional<std::vector<std::size_t>> free_pages(MDB_txn* txn, std::size_t last);

}  // namespace ews_im::store
