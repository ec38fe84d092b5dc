// SPDX-License-Identifier: Apache-2.0
#include "mod_ews_im/ews/base64.h"

#include <array>
#include <cstdint>
#include <cstring>

namespace ews_im::ews {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<int, 256> make_values() {
  std::array<int, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<int>(i);
  }
  return values;
}
constexpr auto kValues = make_values();

/// Two digits for each twelve bits.
constexpr auto make_pairs() {
  std::array<std::array<char, 2>, 4096> pairs{};
  for (std::size_t i = 0; i < pairs.size(); ++i) pairs[i] = {kAlphabet[i >> 6U], kAlphabet[i & 63U]};
  return pairs;
}
constexpr auto kPairs = make_pairs();

std::uint32_t byte_at(std::string_view bytes, std::size_t i) { return static_cast<unsigned char>(bytes[i]); }

}  // namespace

std::size_t encode_base64(char* out, std::string_view bytes) {
  char* next = out;
  std::size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) {
    const std::uint32_t group =
        byte_at(bytes, i) << 16U | byte_at(bytes, i + 1) << 8U | byte_at(bytes, i + 2);
    std::memcpy(next, kPairs[group >> 12U].data(), 2);
    std::memcpy(next + 2, kPairs[group & 4095U].data(), 2);
    next += 4;
  }
  const std::size_t left = bytes.size() - i;
  if (left != 0) {
    const std::uint32_t group = byte_at(bytes, i) << 16U | (left == 2 ? byte_at(bytes, i + 1) << 8U : 0U);
    *next++ = kAlphabet[group >> 18U];
    *next++ = kAlphabet[group >> 12U & 63U];
    *next++ = left == 2 ? kAlphabet[group >> 6U & 63U] : '=';
    *next++ = '=';
  }
  return static_cast<std::size_t>(next - out);
}

void append_base64(std::string& out, std::string_view bytes) {
  const std::size_t before = out.size();
  out.resize(before + base64_size(bytes.size()));
  (void)encode_base64(out.data() + before, bytes);
}

std::optional<std::string> decode_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t digits = text.size();
  while (digits > 0 && text.size() - digits < 2 && text[digits - 1] == '=') --digits;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    const int value = kValues[static_cast<unsigned char>(text[i])];
    if (value < 0) return std::nullopt;
    bits = bits << 6U | static_cast<std::uint32_t>(value);
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes.push_back(static_cast<char>(bits >> held & 0xFFU));
      bits &= (1U << held) - 1;
    }
  }
  if (held == 6 || bits != 0) return std::nullopt;
  return bytes;
}

}  // namespace ews_im::ews
