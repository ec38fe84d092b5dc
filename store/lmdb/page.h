// SPDX-License-Identifier: Apache-2.0
// The form of LMDB's pages in the data file, to tell a sound leaf from a damaged one and which pages are in use: LMDB
// has no checksums, and finds what the page says. Pure functions: knows no transaction.
//
// What they are given lies in the map, as a cursor returned it: not in pages changed by the transaction, which lie
// elsewhere. Of pages larger than those of memory the begin cannot be told.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace ews_im::store {

/// Whether the leaf page in which `key` lies is sound in itself: its records fill it without a gap, in ascending
/// order. True if its begin cannot be told.
[[nodiscard]] bool leaf_is_sound(std::string_view key, std::size_t page_size);

/// The numbers of the pages in which a record lies: the one of its key, and those of its value if that lies
/// elsewhere. Empty if their begins cannot be told.
[[nodiscard]] std::vector<std::size_t> pages_of(std::string_view key, std::string_view value,
                                                std::size_t page_size);

}  // namespace ews_im::store
