// SPDX-License-Identifier: Apache-2.0
#include "store/lmdb/page.h"

#include <cstring>

namespace ews_im::store {
namespace {

// A page: its number (as wide as a pointer), padding, flags, the end of the places of its entries, the begin of the
// entries; then the places, two bytes each. An entry of a leaf: the size of its value, flags, the size of its key;
// then the key and the value, or the number of the first page with the value. An entry of a branch: the number of the
// page below in the places of size and flags, the size of its key, the key. A page that begins a far value has the
// number of its pages where others have the ends. All numbers in the order of the machine.
constexpr std::size_t kPageNumber = sizeof(std::size_t);
constexpr std::size_t kFlagsAt = kPageNumber + 2;
constexpr std::size_t kLowerAt = kPageNumber + 4;
constexpr std::size_t kUpperAt = kPageNumber + 6;
constexpr std::size_t kPlacesAt = kPageNumber + 8;
constexpr std::size_t kEntryHeader = 8;
constexpr std::size_t kEntryFlagsAt = 4;
constexpr std::size_t kKeySizeAt = 6;
constexpr unsigned kBranch = 1;      // of a page
constexpr unsigned kLeaf = 2;        // of a page
constexpr unsigned kFar = 4;         // of a page
constexpr unsigned kValueFar = 1;    // of an entry
constexpr unsigned kOtherFlags = 6;  // of an entry: lists of values, which are not used here

template <class Number>
Number number_at(std::string_view bytes, std::size_t at) {
  Number number{};
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

// As LMDB declares them.
struct DatabaseInMeta {
  std::uint32_t padding;
  std::uint16_t flags;
  std::uint16_t depth;
  std::size_t branch_pages;
  std::size_t leaf_pages;
  std::size_t overflow_pages;
  std::size_t entries;
  std::size_t root;
};
struct MetaInPage {
  std::uint32_t magic;
  std::uint32_t version;
  void* address;
  std::size_t map_size;
  DatabaseInMeta free_pages;
  DatabaseInMeta main;
  std::size_t last_page;
  std::size_t transaction;
};
static_assert(kPlacesAt + sizeof(MetaInPage) <= kMetaSize);

TreeMeta decode(const DatabaseInMeta& in_page) {
  TreeMeta tree;
  if (in_page.root != ~std::size_t{0}) tree.root = in_page.root;
  tree.depth = in_page.depth;
  tree.branch_pages = in_page.branch_pages;
  tree.leaf_pages = in_page.leaf_pages;
  tree.far_pages = in_page.overflow_pages;
  tree.records = in_page.entries;
  return tree;
}

}  // namespace

std::size_t Page::half(std::size_t at) const { return number_at<std::uint16_t>(bytes_, at); }
std::size_t Page::place(std::size_t entry) const { return half(kPlacesAt + 2 * entry); }
std::size_t Page::value_size(std::size_t at) const { return number_at<std::uint32_t>(bytes_, at); }

std::size_t Page::size_of_entry(std::size_t at, PageKind kind) const {
  const std::size_t size = kEntryHeader + half(at + kKeySizeAt);
  if (kind == PageKind::Branch) return size;
  const std::size_t flags = half(at + kEntryFlagsAt);
  if ((flags & kOtherFlags) != 0) return 0;
  if ((flags & kValueFar) != 0) return size + kPageNumber;
  return value_size(at) > bytes_.size() ? 0 : size + value_size(at);
}

bool is_below(std::string_view left, std::string_view key, KeyOrder order) {
  if (order == KeyOrder::Bytes || left.empty() || key.empty()) return left < key;
  return number_at<std::size_t>(left, 0) < number_at<std::size_t>(key, 0);
}

// What the head of a page says, if it can be that of such a page.
std::optional<Page> Page::of_checked(std::string_view bytes, std::size_t number, PageKind kind) {
  Page page(bytes);
  if (bytes.size() < kPlacesAt || number_at<std::size_t>(bytes, 0) != number) return std::nullopt;
  const std::size_t lower = page.half(kLowerAt);
  const std::size_t upper = page.half(kUpperAt);
  if (page.half(kFlagsAt) != (kind == PageKind::Leaf ? kLeaf : kBranch) || lower % 2 != 0 ||
      lower <= kPlacesAt || lower > upper || upper > bytes.size())
    return std::nullopt;
  page.count_ = (lower - kPlacesAt) / 2;
  if (kind == PageKind::Branch && page.count_ < 2) return std::nullopt;
  return page;
}

std::optional<Page> Page::of(std::string_view bytes, std::size_t number, PageKind kind, KeyOrder order) {
  auto head = of_checked(bytes, number, kind);
  if (!head) return std::nullopt;
  const Page& page = *head;
  const std::size_t upper = page.half(kUpperAt);
  const std::size_t first_in_order = kind == PageKind::Leaf ? 1 : 2;
  std::size_t filled = 0;
  std::string_view last;
  for (std::size_t entry = 0; entry < page.count_; ++entry) {
    const std::size_t at = page.place(entry);
    if (at % 2 != 0 || at < upper || at + kEntryHeader > bytes.size()) return std::nullopt;
    const std::size_t size = page.size_of_entry(at, kind);
    if (size == 0 || at + size > bytes.size()) return std::nullopt;
    const std::string_view key = page.key(entry);
    const bool means_something = kind == PageKind::Leaf || entry != 0;
    if (means_something && order == KeyOrder::Numbers && key.size() != sizeof(std::size_t))
      return std::nullopt;
    if (entry >= first_in_order && !is_below(last, key, order)) return std::nullopt;
    last = key;
    filled += size + size % 2;
  }
  if (filled != bytes.size() - upper) return std::nullopt;
  return head;
}

std::string_view Page::key(std::size_t entry) const {
  const std::size_t at = place(entry);
  return bytes_.substr(at + kEntryHeader, half(at + kKeySizeAt));
}

std::size_t Page::child(std::size_t entry) const {
  const std::size_t at = place(entry);
  std::size_t number = number_at<std::uint32_t>(bytes_, at);
  if constexpr (sizeof(std::size_t) > 4) number |= half(at + kEntryFlagsAt) << 32;
  return number;
}

std::string_view Page::value(std::size_t entry) const {
  const std::size_t at = place(entry);
  return bytes_.substr(at + kEntryHeader + half(at + kKeySizeAt), value_size(at));
}

std::optional<FarValue> Page::far_value(std::size_t entry) const {
  const std::size_t at = place(entry);
  if ((half(at + kEntryFlagsAt) & kValueFar) == 0) return std::nullopt;
  return FarValue{number_at<std::size_t>(bytes_, at + kEntryHeader + half(at + kKeySizeAt)), value_size(at)};
}

std::optional<std::size_t> far_pages(std::string_view head, const FarValue& value, std::size_t page_size) {
  const std::uint64_t pages = number_at<std::uint32_t>(head, kLowerAt);
  if (number_at<std::size_t>(head, 0) != value.page || number_at<std::uint16_t>(head, kFlagsAt) != kFar ||
      pages * page_size < kFarValueAt + std::uint64_t{value.size})
    return std::nullopt;
  return static_cast<std::size_t>(pages);
}

Meta decode_meta(std::string_view page) {
  const auto in_page = number_at<MetaInPage>(page, kPlacesAt);
  return {in_page.transaction, in_page.last_page, decode(in_page.main), decode(in_page.free_pages)};
}

}  // namespace ews_im::store
