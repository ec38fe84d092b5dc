// SPDX-License-Identifier: Apache-2.0
#include "store/lmdb/records.h"

#include <vector>

#include "store/lmdb/page.h"

namespace ews_im::store {
namespace {

// Changing a record copies the pages from the root down to it, and may split each of them.
constexpr std::uint64_t kPagesOfAChange = 16;
constexpr std::size_t kSmallestPage = 4096;

// Whether the record behind the leaf of `key`, where the cursor is, is out of order: then the branch above leads
// to a wrong leaf. `step` is MDB_NEXT or MDB_PREV. Leaves the last key that was looked at in `key`.
bool leads_astray(MDB_cursor* cursor, MDB_val& key, MDB_cursor_op step, std::size_t page_size) {
  const auto page = [&] { return reinterpret_cast<std::uintptr_t>(key.mv_data) / page_size; };
  const std::uintptr_t first = page();
  MDB_val record{};
  while (page() == first) {
    const std::string_view last = to_view(key);
    if (mdb_cursor_get(cursor, &key, &record, step) != 0) return false;
    if (step == MDB_NEXT ? to_view(key) <= last : to_view(key) >= last) return true;
  }
  return false;
}

}  // namespace

void Records::fail(Status status) {
  if (status_.ok()) status_ = std::move(status);
}

void Records::fail_corrupt(std::string_view key, std::string_view why) {
  fail({Fault::Corrupt, env_->path() + ": " + describe_key(key) + ": " + std::string(why)});
}

bool Records::failed(int error, const Key& key) {
  if (error == 0) return false;
  map_full_ = map_full_ || error == MDB_MAP_FULL;
  fail(env_->fault(error, describe_key(key.view())));
  return true;
}

bool Records::look_beside(std::string_view sought, int error, const MDB_val& beside, const MDB_val& record,
                          bool before) {
  if (error == MDB_NOTFOUND) return true;
  if (error != 0) {
    fail(env_->fault(error, describe_key(sought)));
    return false;
  }
  const std::string_view key = to_view(beside);
  if (before ? key >= sought : key <= sought) {
    fail_corrupt(key, kOutOfOrder);
  } else if (!payload_of(key, to_view(record))) {
    fail_corrupt(key, "its checksum is wrong");
  } else if (access_ == Access::Reading && !leaf_is_sound(key, env_->page_size())) {
    fail_corrupt(key, "its page is damaged");
  }
  return status_.ok();
}

void Records::look_around(const Key& sought) {
  int error = 0;
  const Cursor cursor(txn_, error);
  MDB_val key{};
  MDB_val record{};
  if (error == 0) error = seek(cursor.get(), sought, key, record);
  if (!status_.ok() || !look_beside(sought.view(), error, key, record, false)) return;
  if (access_ != Access::Reading) return;
  if (error == 0 && leads_astray(cursor.get(), key, MDB_NEXT, env_->page_size())) {
    return fail_corrupt(to_view(key), kOutOfOrder);
  }
  key = to_value(sought.view());
  error = mdb_cursor_get(cursor.get(), &key, &record, MDB_SET_RANGE);
  error = mdb_cursor_get(cursor.get(), &key, &record, error == 0 ? MDB_PREV : MDB_LAST);
  if (error == 0 && leads_astray(cursor.get(), key, MDB_PREV, env_->page_size())) {
    fail_corrupt(to_view(key), kOutOfOrder);
  }
}

int Records::seek(MDB_cursor* cursor, const Key& from, MDB_val& key, MDB_val& record) {
  key = to_value(from.view());
  int error = mdb_cursor_get(cursor, &key, &record, MDB_SET_RANGE);
  if (error != 0 && error != MDB_NOTFOUND) return error;
  MDB_val before{};
  MDB_val its_record{};
  const bool at_end = error == MDB_NOTFOUND;
  const int back = mdb_cursor_get(cursor, &before, &its_record, at_end ? MDB_LAST : MDB_PREV);
  if (!look_beside(from.view(), back, before, its_record, true)) return MDB_CORRUPTED;
  if (at_end) return error;
  return mdb_cursor_get(cursor, &key, &record, back == MDB_NOTFOUND ? MDB_FIRST : MDB_NEXT);
}

void Records::count_pages(std::size_t size) { pages_ += kPagesOfAChange + size / kSmallestPage; }

std::optional<std::string_view> Records::get(const Key& key) {
  if (!status_.ok()) return std::nullopt;
  MDB_val key_value = to_value(key.view());
  MDB_val record{};
  const int error = mdb_get(txn_, kMainDatabase, &key_value, &record);
  if (error == MDB_NOTFOUND) look_around(key);
  if (error == MDB_NOTFOUND || failed(error, key)) return std::nullopt;
  const auto payload = payload_of(key.view(), to_view(record));
  if (!payload) fail_corrupt(key.view(), "its checksum is wrong");
  return payload;
}

void Records::put(const Key& key, RecordWriter record) {
  if (!status_.ok()) return;
  const std::string_view bytes = record.seal(key.view());
  count_pages(bytes.size());
  MDB_val key_value = to_value(key.view());
  MDB_val value = to_value(bytes);
  failed(mdb_put(txn_, kMainDatabase, &key_value, &value, 0), key);
}

void Records::erase(const Key& key) {
  if (!status_.ok()) return;
  count_pages(0);
  MDB_val key_value = to_value(key.view());
  const int error = mdb_del(txn_, kMainDatabase, &key_value, nullptr);
  if (error != MDB_NOTFOUND) failed(error, key);
}

void Records::erase_all(const Key& prefix) {
  std::vector<std::string> keys;
  walk_raw(prefix, prefix, [&](std::string_view key, std::string_view record) {
    count_pages(record.size());
    keys.emplace_back(key);
    return true;
  });
  for (const std::string& key : keys) {
    if (!status_.ok()) return;
    MDB_val key_value = to_value(key);
    failed(mdb_del(txn_, kMainDatabase, &key_value, nullptr), prefix);
  }
}

}  // namespace ews_im::store
