// SPDX-License-Identifier: Apache-2.0
// CRC-32C (Castagnoli), by the processor's instruction where there is one. Knows nothing of records.
#pragma once

#include <cstdint>
#include <string_view>

namespace ews_im::store {

/// The checksum of what `crc` was computed from, followed by `data`. Starts at 0: crc32c(crc32c(0, a), b) is
/// that of a and b.
[[nodiscard]] std::uint32_t crc32c(std::uint32_t crc, std::string_view data);
/// The same by table, for processors without the instruction.
[[nodiscard]] std::uint32_t crc32c_by_table(std::uint32_t crc, std::string_view data);

}  // namespace ews_im::store
