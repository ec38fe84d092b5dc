// SPDX-License-Identifier: Apache-2.0
#include "store/lmdb/crc32c.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace ews_im::store {
namespace {

constexpr std::uint32_t kPolynomial = 0x82F63B78;  // of CRC-32C, bits reversed

constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    table[i] = crc;
  }
  return table;
}

constexpr std::array<std::uint32_t, 256> kTable = make_table();

#if defined(__x86_64__)
template <class Word>
Word take(const char*& data, std::size_t& size) {
  Word word;
  std::memcpy(&word, data, sizeof word);
  data += sizeof word;
  size -= sizeof word;
  return word;
}

__attribute__((target("sse4.2"))) std::uint32_t crc32c_by_instruction(std::uint32_t crc,
                                                                      std::string_view text) {
  const char* data = text.data();
  std::size_t size = text.size();
  std::uint64_t wide = ~crc;
  while (size >= 8) wide = _mm_crc32_u64(wide, take<std::uint64_t>(data, size));
  crc = static_cast<std::uint32_t>(wide);
  if (size >= 4) crc = _mm_crc32_u32(crc, take<std::uint32_t>(data, size));
  if (size >= 2) crc = _mm_crc32_u16(crc, take<std::uint16_t>(data, size));
  if (size >= 1) crc = _mm_crc32_u8(crc, take<std::uint8_t>(data, size));
  return ~crc;
}
#endif

}  // namespace

std::uint32_t crc32c_by_table(std::uint32_t crc, std::string_view data) {
  crc = ~crc;
  for (const char c : data) crc = kTable[(crc ^ static_cast<unsigned char>(c)) & 0xFF] ^ (crc >> 8);
  return ~crc;
}

std::uint32_t crc32c(std::uint32_t crc, std::string_view data) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2")) return crc32c_by_instruction(crc, data);
#endif
  return crc32c_by_table(crc, data);
}

}  // namespace ews_im::store
