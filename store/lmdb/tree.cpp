// SPDX-License-Identifier: Apache-2.0
#include "store/lmdb/tree.h"

#include <algorithm>
#include <utility>

#include "store/lmdb/key.h"
#include "store/lmdb/record.h"

namespace ews_im::store {
namespace {

constexpr std::size_t kMostDepth = 32;  // what LMDB can follow
constexpr std::size_t kUsualDepth = 6;  // of a store with millions of mailboxes

// The first entry from `begin` on whose key is not below `key`.
std::size_t place_in(const Page& page, std::string_view key, std::size_t begin = 0) {
  std::size_t end = page.count();
  while (begin < end) {
    const std::size_t middle = (begin + end) / 2;
    if (page.key(middle) < key) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin;
}

}  // namespace

Result<Tree> Tree::of(std::string_view map, std::size_t page_size, CheckedPages& checked,
                      const CheckedPages::When& when) {
  const std::size_t transaction = when.transaction;
  Tree tree;
  tree.map_ = map;
  tree.page_size_ = page_size;
  tree.checked_ = &checked;
  tree.when_ = when;
  if (map.size() < kFirstPage * page_size) return Status(Fault::Corrupt, "there is no meta page");
  tree.meta_ = decode_meta(tree.bytes_at(transaction % 2, kMetaSize));
  tree.top_ = tree.meta_.main;
  if (tree.meta_.transaction != transaction)
    return Status(Fault::Corrupt, "the meta page is that of another transaction");
  if (tree.meta_.last_page >= map.size() / page_size ||
      (tree.top_.root && *tree.top_.root > tree.meta_.last_page))
    return Status(Fault::Corrupt, "the meta page is damaged");
  return tree;
}

Tree Tree::of_free_list() const {
  Tree tree;
  tree.map_ = map_;
  tree.page_size_ = page_size_;
  tree.meta_ = meta_;
  tree.top_ = meta_.free_list;
  tree.order_ = KeyOrder::Numbers;
  return tree;
}

bool Tree::fail(std::string damage) {
  damage_ = std::move(damage);
  return false;
}

bool Tree::damaged(std::size_t number, std::string_view what) {
  return fail("page " + std::to_string(number) + " " + std::string(what));
}

Status Tree::fault(const std::string& where) const { return {Fault::Corrupt, where + ": " + damage_}; }

bool Tree::is_number(std::size_t number) {
  return (number >= kFirstPage && number <= meta_.last_page) ||
         damaged(number, "cannot be: there is no such page");
}

bool Tree::holds(const Level& level, std::string_view key, Side side) {
  if (side == Side::At) return level.lower <= key && (!level.upper || key < *level.upper);
  return level.lower < key && (!level.upper || key <= *level.upper);
}

std::optional<Page> Tree::page_at(std::size_t number, PageKind kind) {
  const std::string_view bytes = bytes_at(number, page_size_);
  const unsigned is_leaf = kind == PageKind::Leaf ? 1 : 0;
  if (checked_ != nullptr && checked_->has(number, is_leaf, when_))
    return Page::of_checked(bytes, number, kind);
  auto page = Page::of(bytes, number, kind, order_);
  if (page && checked_ != nullptr) checked_->add(number, is_leaf, when_);
  return page;
}

bool Tree::enter(std::size_t number, std::string_view lower, std::optional<std::string_view> upper) {
  if (!is_number(number)) return false;
  const bool is_leaf = depth_ + 1 == top_.depth;
  const auto page = page_at(number, is_leaf ? PageKind::Leaf : PageKind::Branch);
  if (!page) return damaged(number, "is damaged");
  // Of a branch's first entry the key means nothing, and there are keys below the second.
  const bool is_in_place =
      (is_leaf ? !is_below(page->key(0), lower, order_) : is_below(lower, page->key(1), order_)) &&
      (!upper || is_below(page->key(page->count() - 1), *upper, order_));
  if (!is_in_place)
    return damaged(number, "is at a wrong place in the tree, or the page above it is damaged");
  if (levels_.empty()) levels_.reserve(kUsualDepth);
  if (levels_.size() == depth_) levels_.emplace_back();
  levels_[depth_++] = {number, *page, lower, upper};
  return true;
}

bool Tree::enter_root() {
  if (top_.depth == 0 || top_.depth > kMostDepth)
    return damaged(*top_.root, "cannot be the root: its depth is wrong");
  return enter(*top_.root, {}, {});
}

bool Tree::enter_child(std::size_t entry) {
  const Level& level = levels_[depth_ - 1];
  const bool is_last = entry + 1 == level.page.count();
  return enter(level.page.child(entry), entry == 0 ? level.lower : level.page.key(entry),
               is_last ? level.upper : std::optional(level.page.key(entry + 1)));
}

bool Tree::descend(std::string_view key, Side side) {
  std::size_t known = 0;
  while (known < depth_ && holds(levels_[known], key, side)) ++known;
  depth_ = known;
  if (depth_ == 0 && !enter_root()) return false;
  while (depth_ < top_.depth) {
    const Page& branch = levels_[depth_ - 1].page;
    const std::size_t place = place_in(branch, key, 1);
    const bool begins_there = side == Side::At && place < branch.count() && branch.key(place) == key;
    if (!enter_child(begins_there ? place : place - 1)) return false;
  }
  return true;
}

// How many pages it has; nullopt: they are damaged.
std::optional<std::size_t> Tree::look_at_far_value(const FarValue& value) {
  if (!is_number(value.page)) return std::nullopt;
  const auto pages = far_pages(bytes_at(value.page, kFarValueAt), value, page_size_);
  if (pages && *pages <= meta_.last_page - value.page + 1) return pages;
  damaged(value.page, "is damaged");
  return std::nullopt;
}

// nullopt: it lies elsewhere, and its pages are damaged.
std::optional<std::string_view> Tree::value_of(const Page& leaf, std::size_t entry) {
  const auto far_value = leaf.far_value(entry);
  if (!far_value) return leaf.value(entry);
  if (!look_at_far_value(*far_value)) return std::nullopt;
  return bytes_at(far_value->page, kFarValueAt + far_value->size).substr(kFarValueAt);
}

bool Tree::look_at_record(std::size_t entry) {
  const Page& leaf = levels_[depth_ - 1].page;
  const auto value = value_of(leaf, entry);
  if (!value) return false;
  if (payload_of(leaf.key(entry), *value)) return true;
  return fail("the checksum of the record beside it, " + describe_key(leaf.key(entry)) + ", is wrong");
}

// A damaged key stays at its place, or its leaf is out of order: so the records beside the place are those that may
// have had the key. A damaged key of a branch has moved the border of two leaves: then the place is at the border,
// and the leaf at its other side holds keys that do not belong there.
bool Tree::look_at(std::string_view key) {
  if (!top_.root) return true;
  if (!descend(key, Side::At)) return false;
  const Level& level = levels_[depth_ - 1];
  const std::size_t place = place_in(level.page, key);
  const bool at_begin = place == 0;
  const bool at_end = place == level.page.count();
  if (!at_end && level.page.key(place) == key) return true;
  if (!at_begin && !look_at_record(place - 1)) return false;
  if (!at_end && !look_at_record(place)) return false;
  if (at_begin && !level.lower.empty() && !descend(level.lower, Side::Below)) return false;
  if (at_end && level.upper && !descend(*level.upper, Side::At)) return false;
  return descend(key, Side::At);
}

bool Tree::look_on(std::string_view key) {
  while (depth_ != 0 && levels_[depth_ - 1].upper && *levels_[depth_ - 1].upper <= key) {
    if (!descend(*levels_[depth_ - 1].upper, Side::At)) return false;
  }
  return true;
}

bool Tree::is_in_tree(std::size_t number) {
  if (!top_.root || !is_number(number)) return false;
  const std::string_view bytes = bytes_at(number, page_size_);
  auto page = Page::of(bytes, number, PageKind::Leaf);
  const std::size_t entry = page ? 0 : 1;
  if (!page) page = Page::of(bytes, number, PageKind::Branch);
  if (!page || !descend(page->key(entry), Side::At)) return false;
  return std::any_of(levels_.begin(), levels_.begin() + static_cast<std::ptrdiff_t>(depth_),
                     [&](const Level& level) { return level.number == number; });
}

bool Tree::look_at_value(std::string_view key) {
  if (!top_.root) return true;
  if (!descend(key, Side::At)) return false;
  const Page& leaf = levels_[depth_ - 1].page;
  const std::size_t place = place_in(leaf, key);
  if (place == leaf.count() || leaf.key(place) != key) return true;
  const auto far_value = leaf.far_value(place);
  return !far_value || look_at_far_value(*far_value);
}

bool Tree::look_before_erase(std::string_view key) {
  if (!look_at_value(key)) return false;
  std::vector<std::string_view> lower;
  std::vector<std::string_view> upper;
  for (std::size_t level = 1; level < depth_; ++level) {
    if (!levels_[level].lower.empty()) lower.push_back(levels_[level].lower);
    if (levels_[level].upper) upper.push_back(*levels_[level].upper);
  }
  const auto below = [&](std::string_view border) { return descend(border, Side::Below); };
  const auto above = [&](std::string_view border) { return descend(border, Side::At); };
  return std::ranges::all_of(lower, below) && std::ranges::all_of(upper, above) &&
         (!top_.root || descend(key, Side::At));
}

void Tree::look_at_all(const Use& use, const Find& find, const Visit& visit) {
  depth_ = 0;
  if (!top_.root) return;
  if (!enter_root()) return find(damage_, {});
  use(*top_.root, 1);
  look_below(use, find, visit);
}

// Below the page of the last level, and back to it.
void Tree::look_below(const Use& use, const Find& find, const Visit& visit) {
  const Page page = levels_[depth_ - 1].page;
  const std::string_view lower = levels_[depth_ - 1].lower;
  const bool is_leaf = depth_ == top_.depth;
  for (std::size_t entry = 0; entry < page.count(); ++entry) {
    if (is_leaf) {
      const auto far_value = page.far_value(entry);
      const auto pages = far_value ? look_at_far_value(*far_value) : std::nullopt;
      if (far_value && !pages) {
        find(damage_, page.key(entry));
        continue;
      }
      if (pages) use(far_value->page, *pages);
      if (visit) visit(page.key(entry), *value_of(page, entry));
    } else if (enter_child(entry)) {
      use(page.child(entry), 1);
      look_below(use, find, visit);
      --depth_;
    } else {
      find(damage_, entry == 0 ? lower : page.key(entry));
    }
  }
}

}  // namespace ews_im::store
