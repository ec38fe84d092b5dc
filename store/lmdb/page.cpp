// SPDX-License-Identifier: Apache-2.0
#include "store/lmdb/page.h"

#include <unistd.h>

#include <cstdint>
#include <cstring>

namespace ews_im::store {
namespace {

// A page: its number (as wide as a pointer), padding, flags, the end of the places of its records, the begin of the
// records; then the places, two bytes each. A record: the size of its value, flags, the size of its key; then the
// key and the value, or the number of the pages with the value. All numbers in the order of the machine.
constexpr std::size_t kPageNumber = sizeof(std::size_t);
constexpr std::size_t kFlagsAt = kPageNumber + 2;
constexpr std::size_t kLowerAt = kPageNumber + 4;
constexpr std::size_t kUpperAt = kPageNumber + 6;
constexpr std::size_t kPlacesAt = kPageNumber + 8;
constexpr std::size_t kRecordHeader = 8;
constexpr unsigned kLeaf = 2;        // of a page
constexpr unsigned kValueFar = 1;    // of a record
constexpr unsigned kOtherFlags = 6;  // of a record: lists of values, which are not used here

// The begin of the page in which `place` lies; nullptr: it cannot be told.
const char* page_at(const char* place, std::size_t page_size) {
  static const auto memory_page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  if (page_size > memory_page) return nullptr;
  return place - reinterpret_cast<std::uintptr_t>(place) % page_size;
}

std::size_t number_of(const char* page) {
  std::size_t number = 0;
  std::memcpy(&number, page, sizeof number);
  return number;
}

}  // namespace

bool leaf_is_sound(std::string_view key, std::size_t page_size) {
  const char* page = page_at(key.data(), page_size);
  if (page == nullptr) return true;
  const auto half = [page](std::size_t at) -> std::size_t {
    std::uint16_t value = 0;
    std::memcpy(&value, page + at, sizeof value);
    return value;
  };
  const std::size_t lower = half(kLowerAt);
  const std::size_t upper = half(kUpperAt);
  if (half(kFlagsAt) != kLeaf || lower % 2 != 0 || lower <= kPlacesAt || lower > upper || upper > page_size)
    return false;
  std::size_t filled = 0;
  std::string_view last;
  for (std::size_t place = kPlacesAt; place < lower; place += 2) {
    const std::size_t at = half(place);
    if (at % 2 != 0 || at < upper || at + kRecordHeader > page_size) return false;
    const std::size_t flags = half(at + 4);
    const std::size_t key_size = half(at + 6);
    std::uint32_t value_size = 0;
    std::memcpy(&value_size, page + at, sizeof value_size);
    if ((flags & kOtherFlags) != 0) return false;
    const std::size_t size =
        kRecordHeader + key_size + ((flags & kValueFar) != 0 ? kPageNumber : std::size_t{value_size});
    if (at + size > page_size) return false;
    const std::string_view its_key(page + at + kRecordHeader, key_size);
    if (place != kPlacesAt && its_key <= last) return false;
    last = its_key;
    filled += size + size % 2;
  }
  return filled == page_size - upper;
}

std::vector<std::size_t> pages_of(std::string_view key, std::string_view value, std::size_t page_size) {
  const char* page = page_at(key.data(), page_size);
  const char* far_page = page_at(value.data(), page_size);
  if (page == nullptr) return {};
  std::vector<std::size_t> pages{number_of(page)};
  if (far_page == page) return pages;
  // The value begins behind the head of its first page and goes on through the others.
  for (std::size_t at = 0; at < kPlacesAt + value.size(); at += page_size)
    pages.push_back(number_of(far_page) + at / page_size);
  return pages;
}

}  // namespace ews_im::store
