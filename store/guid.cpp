// SPDX-License-Identifier: Apache-2.0
#include "store/guid.h"

#include <unistd.h>
#include <uuid/uuid.h>

#include <cerrno>
#include <system_error>

namespace ews_im::store {
namespace {

constexpr std::size_t kTextSize = 36;

constexpr bool is_hyphen_before(std::size_t byte) {
  return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string Guid::text() const {
  std::string out;
  append_text(out);
  return out;
}

void Guid::append_text(std::string& out) const {
  constexpr char kDigits[] = "0123456789abcdef";
  std::array<char, kTextSize> text;
  std::size_t at = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (is_hyphen_before(i)) text[at++] = '-';
    text[at++] = kDigits[bytes[i] >> 4];
    text[at++] = kDigits[bytes[i] & 15];
  }
  out.append(text.data(), text.size());
}

std::optional<Guid> Guid::parse(std::string_view text) {
  if (text.size() != kTextSize) return std::nullopt;
  Guid guid;
  std::size_t at = 0;
  for (std::size_t i = 0; i < guid.bytes.size(); ++i) {
    if (is_hyphen_before(i) && text[at++] != '-') return std::nullopt;
    const int high = hex_digit(text[at++]);
    const int low = hex_digit(text[at++]);
    if (high < 0 || low < 0) return std::nullopt;
    guid.bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return guid;
}

// Not by uuid_generate_random: it also seeds random() of the C library, which is the whole process's.
Guid Guid::random() {
  Guid guid;
  if (getentropy(guid.bytes.data(), guid.bytes.size()) != 0)
    throw std::system_error(errno, std::generic_category(), "getentropy");
  guid.bytes[6] = static_cast<std::uint8_t>((guid.bytes[6] & 0x0FU) | 0x40U);
  guid.bytes[8] = static_cast<std::uint8_t>((guid.bytes[8] & 0x3FU) | 0x80U);
  return guid;
}

Guid Guid::of_text(const Guid& name_space, std::string_view text) {
  Guid guid;
  uuid_generate_sha1(guid.bytes.data(), name_space.bytes.data(), text.data(), text.size());
  return guid;
}

}  // namespace ews_im::store
