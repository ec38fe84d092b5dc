// SPDX-License-Identifier: Apache-2.0
#include "store/lmdb/free_list.h"

#include <algorithm>
#include <cstring>

namespace ews_im::store {
namespace {

constexpr MDB_dbi kFreeDatabase = 0;   // the handle that LMDB gives to its list of free pages, always
constexpr std::size_t kFirstPage = 2;  // after the two meta pages

std::size_t number_at(const char* place) {
  std::size_t number = 0;
  std::memcpy(&number, place, sizeof number);
  return number;
}

// A record: how many there are, then their numbers, the largest first.
bool append(const MDB_val& record, std::size_t last, std::vector<std::size_t>& pages) {
  const auto* list = static_cast<const char*>(record.mv_data);
  const std::size_t words = record.mv_size / sizeof(std::size_t);
  if (words == 0 || record.mv_size % sizeof(std::size_t) != 0 || number_at(list) >= words) return false;
  std::size_t above = last + 1;
  for (std::size_t i = 1; i <= number_at(list); ++i) {
    const std::size_t page = number_at(list + i * sizeof(std::size_t));
    if (page < kFirstPage || page >= above) return false;
    pages.push_back(page);
    above = page;
  }
  return true;
}

}  // namespace

std::optional<std::vector<std::size_t>> free_pages(MDB_txn* txn, std::size_t last) {
  MDB_cursor* cursor = nullptr;
  if (mdb_cursor_open(txn, kFreeDatabase, &cursor) != 0) return std::nullopt;
  std::vector<std::size_t> pages;
  MDB_val key{};
  MDB_val record{};
  int error = mdb_cursor_get(cursor, &key, &record, MDB_FIRST);
  while (error == 0 && append(record, last, pages)) error = mdb_cursor_get(cursor, &key, &record, MDB_NEXT);
  mdb_cursor_close(cursor);
  if (error != MDB_NOTFOUND) return std::nullopt;
  std::sort(pages.begin(), pages.end());
  if (std::adjacent_find(pages.begin(), pages.end()) != pages.end()) return std::nullopt;
  return pages;
}

}  // namespace ews_im::store
