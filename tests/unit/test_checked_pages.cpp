// SPDX-License-Identifier: Apache-2.0
// What is believed of a page without looking at it again: only what was found of it in the same commit a moment ago.
#include <memory>
#include <string>

#include "store/lmdb/checked_pages.h"
#include "store/lmdb/tree.h"
#include "tests/unit/lmdb_fixture.h"

namespace ews_im::tests {
namespace {

using namespace store;
using When = CheckedPages::When;

constexpr std::size_t kPage = 4096;

struct MarkRow {
  const char* name;
  std::size_t page;
  unsigned kind;
  When when;
  bool known;
};

// Once page 5 was added as kind 1, in commit 9, at time 3.
const MarkRow kMarks[] = {
    {"the same", 5, 1, {9, 3}, true},         {"another kind", 5, 0, {9, 3}, false},
    {"another page", 6, 1, {9, 3}, false},    {"a page of the same place", 5 + 4096, 1, {9, 3}, false},
    {"a later commit", 5, 1, {10, 3}, false}, {"a later time", 5, 1, {9, 4}, false},
    {"an earlier time", 5, 1, {9, 2}, false},
};

void a_mark(const MarkRow& row) {
  const auto pages = std::make_unique<CheckedPages>();
  CPPUNIT_ASSERT(!pages->has(row.page, row.kind, row.when));
  pages->add(5, 1, {9, 3});
  CPPUNIT_ASSERT_EQUAL(row.known, pages->has(row.page, row.kind, row.when));
  pages->clear();
  CPPUNIT_ASSERT(!pages->has(row.page, row.kind, row.when));
}

void a_page_that_rots() {
  LmdbPlace place;
  fill(place, 1);
  std::string file = read_file(place.data());
  const std::size_t commit = RawStore(place.path()).last_transaction();
  const auto pages = std::make_unique<CheckedPages>();
  const auto is_sound = [&](std::uint64_t time) {
    auto tree = Tree::of(file, kPage, *pages, {commit, time});
    CPPUNIT_ASSERT(tree.ok());
    return tree.value().look_at("a key");
  };
  CPPUNIT_ASSERT(is_sound(1));
  const auto tree = Tree::of(file, kPage, *pages, {commit, 1});
  file[*tree.value().meta().main.root * kPage + 14] ^= 1;  // where the entries begin
  CPPUNIT_ASSERT(is_sound(1));
  CPPUNIT_ASSERT(!is_sound(2));
  CPPUNIT_ASSERT(!is_sound(2));  // what was found damaged is not believed
}

std::vector<Case> cases() {
  std::vector<Case> all{{"a page that rots is believed for a while", a_page_that_rots}};
  for (const MarkRow& row : kMarks) all.push_back({row.name, [&row] { a_mark(row); }});
  return all;
}

const RegisteredSuite suite("checked pages", cases);

}  // namespace
}  // namespace ews_im::tests
