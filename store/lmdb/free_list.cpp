// SPDX-License-Identifier: Apache-2.0
#include "store/lmdb/free_list.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <string>

namespace ews_im::store {
namespace {

constexpr std::size_t kWord = sizeof(std::size_t);

std::size_t word_at(std::string_view bytes, std::size_t at) {
  std::size_t word = 0;
  std::memcpy(&word, bytes.data() + at * kWord, kWord);
  return word;
}

// A record: its key is the transaction that freed the pages; how many there are, then their numbers, the largest first,
// maybe before words that are not used.
bool append(std::string_view key, std::string_view record, const Meta& meta,
            std::vector<std::size_t>& pages) {
  const std::size_t transaction = word_at(key, 0);
  const std::size_t words = record.size() / kWord;
  if (transaction == 0 || transaction > meta.transaction) return false;
  if (words == 0 || record.size() % kWord != 0 || word_at(record, 0) >= words) return false;
  // LMDB takes the last of them first.
  std::size_t below = kFirstPage - 1;
  for (std::size_t i = word_at(record, 0); i > 0; --i) {
    const std::size_t page = word_at(record, i);
    if (page <= below || page > meta.last_page) return false;
    pages.push_back(page);
    below = page;
  }
  return true;
}

}  // namespace

Result<FreeList> read_free_list(const Tree& tree) {
  FreeList list;
  std::string damage;
  std::size_t records = 0;
  const auto use = [&](std::size_t first, std::size_t count) {
    for (std::size_t page = first; page < first + count; ++page) list.own.push_back(page);
  };
  const auto find = [&](std::string_view what, std::string_view /*key*/) { damage = what; };
  const auto visit = [&](std::string_view key, std::string_view record) {
    ++records;
    if (!append(key, record, tree.meta(), list.pages)) damage = "a record does not have its form";
  };
  tree.of_free_list().look_at_all(use, find, visit);
  if (records != tree.meta().free_list.records && damage.empty()) damage = "records are missing";
  std::vector<bool> seen(tree.meta().last_page + 1);
  for (const auto* const pages : {&list.own, &list.pages}) {
    for (const std::size_t page : *pages) {
      if (seen[page] && damage.empty())
        damage = "page " + std::to_string(page) + " is there twice, or holds a part of it";
      seen[page] = true;
    }
  }
  if (!damage.empty()) return Status(Fault::Corrupt, "the list of free pages is damaged: " + damage);
  return list;
}

Status look_at_free_list(Tree& tree) {
  const auto list = read_free_list(tree);
  if (!list.ok()) return list.status();
  const auto& pages = list.value().pages;
  for (const std::size_t page : std::span(pages).first(std::min(pages.size(), kMostPagesLookedAt))) {
    if (tree.is_in_tree(page)) {
      return {Fault::Corrupt,
              "the list of free pages is damaged: page " + std::to_string(page) + " is in use"};
    }
  }
  return {};
}

}  // namespace ews_im::store
