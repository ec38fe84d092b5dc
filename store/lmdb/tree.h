// SPDX-License-Identifier: Apache-2.0
// The tree of pages of one snapshot, from the root down, read past LMDB: LMDB believes its pages, and where one is
// damaged a search ends at a wrong leaf. Knows records by their keys and checksums alone.
//
// The pages of a snapshot do not change while its transaction lives; a tree must not outlive that. Each is checked once
// and believed from then on; and for a moment, which CheckedPages remembers, by the trees of other transactions as well.
// What it cannot see is an older copy of a page in the place of a newer one: a page does not say which transaction wrote
// it. `check` finds that in the list of free pages.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/lmdb/checked_pages.h"
#include "store/lmdb/page.h"
#include "store/status.h"

namespace ews_im::store {

class Tree {
 public:
  /// No tree: nothing is looked at, and nothing found wrong.
  Tree() = default;
  /// The tree that transaction `when.transaction` left. `map`: the data file, and what is mapped behind it. Map and
  /// `checked` stay as long as the tree is used. Faults: Corrupt: the meta page is that of another transaction: a later
  /// commit has taken its place, or it is damaged.
  static Result<Tree> of(std::string_view map, std::size_t page_size, CheckedPages& checked,
                         const CheckedPages::When& when);

  /// Whether a search for `key` goes right: the pages on the way to its leaf are sound, and where it is not found,
  /// so are the records at both sides of its place. What was looked at is known, so that looking again costs little.
  [[nodiscard]] bool look_at(std::string_view key);
  /// Whether the pages are sound from the leaf of the last look up to that of `key`, which is not before it.
  [[nodiscard]] bool look_on(std::string_view key);
  /// Whether the pages on the way to `key` are sound and, where it is found, so is the length of its value.
  [[nodiscard]] bool look_at_value(std::string_view key);
  /// Whether it may be removed: LMDB then may join pages on the way with those beside them.
  [[nodiscard]] bool look_before_erase(std::string_view key);
  /// Whether the page is one of the tree's: then a search for a key in it goes through it. False as well for pages with
  /// a value that does not lie in a leaf, and behind a damaged page.
  [[nodiscard]] bool is_in_tree(std::size_t number);
  /// What the last look that returned false has found, after `where`: Corrupt.
  [[nodiscard]] Status fault(const std::string& where) const;

  [[nodiscard]] const Meta& meta() const { return meta_; }
  /// The tree with the numbers of the free pages, of the same snapshot: for look_at_all alone.
  [[nodiscard]] Tree of_free_list() const;
  /// Of a page, or a row of pages with one value: the first, and how many.
  using Use = std::function<void(std::size_t, std::size_t)>;
  /// What is wrong, and the key from which on the page belongs; empty: from the least.
  using Find = std::function<void(std::string_view, std::string_view)>;
  /// A record: its key and value.
  using Visit = std::function<void(std::string_view, std::string_view)>;
  /// Looks at all pages: calls `use` for all sound ones and `find` for each damaged one, below which nothing is looked
  /// at; and `visit`, if there is one, for the records in sound pages.
  void look_at_all(const Use& use, const Find& find, const Visit& visit = {});

 private:
  // A page on the way down, and the keys that belong below it: from `lower` up to `upper`, if there is one.
  struct Level {
    std::size_t number = 0;
    Page page;
    std::string_view lower;
    std::optional<std::string_view> upper;
  };
  // Which leaf: that of a key, or that of what lies just below the key.
  enum class Side { At, Below };

  [[nodiscard]] bool is_number(std::size_t number);
  static bool holds(const Level& level, std::string_view key, Side side);
  [[nodiscard]] bool descend(std::string_view key, Side side);
  /// nullopt: it is damaged.
  [[nodiscard]] std::optional<Page> page_at(std::size_t number, PageKind kind);
  [[nodiscard]] bool enter(std::size_t number, std::string_view lower, std::optional<std::string_view> upper);
  [[nodiscard]] bool enter_root();
  [[nodiscard]] bool enter_child(std::size_t entry);
  /// REQUIRES: is_number(number). What follows a page of a far value is part of it.
  [[nodiscard]] std::string_view bytes_at(std::size_t number, std::size_t size) const {
    return map_.substr(number * page_size_, size);
  }
  [[nodiscard]] std::optional<std::size_t> look_at_far_value(const FarValue& value);
  [[nodiscard]] std::optional<std::string_view> value_of(const Page& leaf, std::size_t entry);
  [[nodiscard]] bool look_at_record(std::size_t entry);
  // All false: what they keep is what fault() tells.
  bool fail(std::string damage);
  bool damaged(std::size_t number, std::string_view what);
  void look_below(const Use& use, const Find& find, const Visit& visit);

  std::string_view map_;
  std::size_t page_size_ = 0;
  CheckedPages* checked_ = nullptr;  // none for the list of free pages
  CheckedPages::When when_;
  Meta meta_;
  TreeMeta top_;
  KeyOrder order_ = KeyOrder::Bytes;
  std::vector<Level> levels_;
  std::size_t depth_ = 0;  // so many of the levels are as the last look left them
  std::string damage_;
};

}  // namespace ews_im::store
