// SPDX-License-Identifier: Apache-2.0
#include "mod_ews_im/ews/utf16.h"

namespace ews_im::ews {
namespace {

void append_utf8(std::string& out, std::uint32_t c) {
  const auto tail = [c](unsigned shift) { return static_cast<char>(0x80U | (c >> shift & 0x3FU)); };
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0U | c >> 6U);
    out += tail(0);
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0U | c >> 12U);
    out += tail(6);
    out += tail(0);
  } else {
    out += static_cast<char>(0xF0U | c >> 18U);
    out += tail(12);
    out += tail(6);
    out += tail(0);
  }
}

}  // namespace

bool Utf16Decoder::take(std::uint32_t unit, std::string& out) {
  const bool is_low = unit >= 0xDC00 && unit < 0xE000;
  if (is_low != (high_ != 0)) return false;
  if (is_low) {
    append_utf8(out, 0x10000 + ((high_ - 0xD800) << 10U) + (unit - 0xDC00));
    high_ = 0;
  } else if (unit >= 0xD800 && unit < 0xDC00) {
    high_ = unit;
  } else {
    append_utf8(out, unit);
  }
  return true;
}

bool Utf16Decoder::decode(std::string_view bytes, std::string& out) {
  for (const char c : bytes) {
    const auto byte = static_cast<std::uint8_t>(c);
    half_ = !half_;
    if (half_) {
      first_ = byte;
      continue;
    }
    const std::uint32_t unit =
        big_endian_ ? std::uint32_t{first_} << 8U | byte : std::uint32_t{byte} << 8U | first_;
    if (!take(unit, out)) return false;
  }
  return true;
}

}  // namespace ews_im::ews
