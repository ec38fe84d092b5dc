// SPDX-License-Identifier: Apache-2.0
// The form of LMDB's pages in the data file, to tell a sound page from a damaged one: LMDB has no checksums, and
// finds what the page says. Pure functions on bytes: knows no file and no transaction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace ews_im::store {

enum class PageKind { Branch, Leaf };

/// How the keys of a tree are ordered: as bytes, or as numbers of the machine (a size_t each).
enum class KeyOrder { Bytes, Numbers };
/// An empty key is below all others. REQUIRES: keys of that order, or empty ones.
[[nodiscard]] bool is_below(std::string_view left, std::string_view key, KeyOrder order);

/// Pages at the end of the list of all pages that hold one value too large for a leaf.
struct FarValue {
  std::size_t page = 0;  ///< the first
  std::size_t size = 0;  ///< bytes of the value
};

/// A page that is sound in itself: its entries fill it without a gap, in ascending order. Refers to its bytes.
class Page {
 public:
  Page() = default;
  /// nullopt: `bytes` are not page `number`, or not of that kind, or damaged.
  static std::optional<Page> of(std::string_view bytes, std::size_t number, PageKind kind,
                                KeyOrder order = KeyOrder::Bytes);

  /// The same page again, as `of` has found it. nullopt: its head is another now; the rest is believed.
  static std::optional<Page> of_checked(std::string_view bytes, std::size_t number, PageKind kind);

  /// How many entries there are: one at least.
  [[nodiscard]] std::size_t count() const { return count_; }
  /// The key of an entry. That of a branch's first entry means nothing: whatever is below the second key is there.
  [[nodiscard]] std::string_view key(std::size_t entry) const;
  /// Of a branch: the number of the page below that entry.
  [[nodiscard]] std::size_t child(std::size_t entry) const;
  /// Of a leaf: the value of that entry; where it lies, if it is not in the leaf.
  [[nodiscard]] std::string_view value(std::size_t entry) const;
  [[nodiscard]] std::optional<FarValue> far_value(std::size_t entry) const;

 private:
  explicit Page(std::string_view bytes) : bytes_(bytes) {}
  [[nodiscard]] std::size_t half(std::size_t at) const;
  [[nodiscard]] std::size_t place(std::size_t entry) const;
  [[nodiscard]] std::size_t value_size(std::size_t at) const;
  /// Bytes of the entry at a place; 0: it has a form that is not used here.
  [[nodiscard]] std::size_t size_of_entry(std::size_t at, PageKind kind) const;

  std::string_view bytes_;
  std::size_t count_ = 0;
};

/// Bytes before a value in the first of its pages; all pages after that hold nothing but the value.
inline constexpr std::size_t kFarValueAt = sizeof(std::size_t) + 8;
/// How many pages a value has that does not lie in a leaf: what `head` says, the first kFarValueAt bytes of its first
/// page. They can be more than it needs, where a larger value was replaced. nullopt: the head is damaged.
[[nodiscard]] std::optional<std::size_t> far_pages(std::string_view head, const FarValue& value,
                                                   std::size_t page_size);

/// What a meta page says of a tree.
struct TreeMeta {
  std::optional<std::size_t> root;  ///< none: there are no records
  std::size_t depth = 0;            ///< of the tree: 1 if the root is a leaf
  std::size_t branch_pages = 0;
  std::size_t leaf_pages = 0;
  std::size_t far_pages = 0;
  std::size_t records = 0;
};
inline constexpr std::size_t kFirstPage = 2;  ///< after the two meta pages
struct Meta {
  std::size_t transaction = 0;  ///< that wrote it
  std::size_t last_page = 0;
  TreeMeta main;       ///< the tree of records
  TreeMeta free_list;  ///< the tree with the numbers of the free pages
};
inline constexpr std::size_t kMetaSize = 256;  ///< so many bytes of a meta page hold all of it
/// REQUIRES: kMetaSize bytes.
[[nodiscard]] Meta decode_meta(std::string_view page);

}  // namespace ews_im::store
