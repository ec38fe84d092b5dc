// SPDX-License-Identifier: Apache-2.0
// The form of LMDB's leaf pages in the data file, to tell a sound page from a damaged one: LMDB has no checksums,
// and finds what the page says. Pure functions: knows no transaction.
#pragma once

#include <cstddef>
#include <string_view>

namespace ews_im::store {

/// Whether the leaf page of a data file in which `key` lies, as a cursor returned it, is sound in itself: its
/// records fill it without a gap, in ascending order. Not for pages changed by the transaction, which lie elsewhere
/// than in the map. True for pages larger than those of memory, of which the begin cannot be told.
[[nodiscard]] bool leaf_is_sound(std::string_view key, std::size_t page_size);

}  // namespace ews_im::store
