// SPDX-License-Identifier: Apache-2.0
// A 16-byte GUID: mailbox names, persona ids, the two random identifiers of a mailbox. Knows nothing of
// stores or ids.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ews_im::store {

/// The bytes stand in the order in which the text form prints them (RFC 4122), not in Windows' mixed order.
struct Guid {
  std::array<std::uint8_t, 16> bytes{};

  auto operator<=>(const Guid&) const = default;

  /// 36 characters, lower case, hyphenated.
  [[nodiscard]] std::string text() const;
  /// Appends text() to `out`.
  void append_text(std::string& out) const;
  /// Accepts the hyphenated form in either case, nothing else; nullopt otherwise.
  [[nodiscard]] static std::optional<Guid> parse(std::string_view text);
  /// A random GUID (version 4) from the operating system. Throws std::system_error if that has no randomness.
  [[nodiscard]] static Guid random();
  /// The version 5 GUID of a text below a name space: 122 bits of SHA-1. Equal input gives equal output for
  /// ever.
  [[nodiscard]] static Guid of_text(const Guid& name_space, std::string_view text);

  [[nodiscard]] std::string_view view() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
};

}  // namespace ews_im::store
