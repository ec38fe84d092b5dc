// SPDX-License-Identifier: Apache-2.0
// Base64 as ids use it (RFC 4648 section 4), canonical both ways. Knows nothing of ids.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace ews_im::ews {

[[nodiscard]] constexpr std::size_t base64_size(std::size_t bytes) { return (bytes + 2) / 3 * 4; }
/// Writes the base64 form of `bytes`, with padding, to `out`, which has room for base64_size(); returns that.
std::size_t encode_base64(char* out, std::string_view bytes);
/// Appends the base64 form of `bytes`, with padding.
void append_base64(std::string& out, std::string_view bytes);

/// Only the one form that append_base64 writes: no white space, exact padding, unused bits zero. nullopt
/// otherwise.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

}  // namespace ews_im::ews
