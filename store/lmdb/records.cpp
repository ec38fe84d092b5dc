// SPDX-License-Identifier: Apache-2.0
#include "store/lmdb/records.h"

#include <vector>

namespace ews_im::store {
namespace {

// Changing a record copies the pages from the root down to it, and may split each of them.
constexpr std::uint64_t kPagesOfAChange = 16;
constexpr std::size_t kSmallestPage = 4096;

}  // namespace

void Records::fail(Status status) {
  if (status_.ok()) status_ = std::move(status);
}

void Records::fail_corrupt(std::string_view key, std::string_view why) {
  fail({Fault::Corrupt, env_->path() + ": " + describe_key(key) + ": " + std::string(why)});
}

bool Records::failed(int error, std::string_view key) {
  if (error == 0) return false;
  map_full_ = map_full_ || error == MDB_MAP_FULL;
  fail(env_->fault(error, describe_key(key)));
  return true;
}

bool Records::is_sound(bool sound, std::string_view key) {
  if (!sound) fail(tree_->fault(env_->path() + ": " + describe_key(key)));
  return status_.ok();
}

void Records::count_pages(std::size_t size) { pages_ += kPagesOfAChange + size / kSmallestPage; }

std::optional<std::string_view> Records::get(const Key& key) {
  if (!status_.ok()) return std::nullopt;
  MDB_val key_value = to_value(key.view());
  MDB_val record{};
  const int error = mdb_get(txn_, kMainDatabase, &key_value, &record);
  if (error == MDB_NOTFOUND) look_at(key.view());
  if (error == MDB_NOTFOUND || failed(error, key.view()) || !has_sound_length(key.view(), record))
    return std::nullopt;
  const auto payload = payload_of(key.view(), to_view(record));
  if (!payload) fail_corrupt(key.view(), "its checksum is wrong");
  return payload;
}

void Records::put(const Key& key, RecordWriter record) {
  if (!status_.ok() || !look_before_put(key.view())) return;
  const std::string_view bytes = record.seal(key.view());
  count_pages(bytes.size());
  MDB_val key_value = to_value(key.view());
  MDB_val value = to_value(bytes);
  failed(mdb_put(txn_, kMainDatabase, &key_value, &value, 0), key.view());
}

void Records::erase(const Key& key) {
  if (!status_.ok()) return;
  count_pages(0);
  erase(key.view());
}

void Records::erase(std::string_view key) {
  if (!look_before_erase(key)) return;
  MDB_val key_value = to_value(key);
  const int error = mdb_del(txn_, kMainDatabase, &key_value, nullptr);
  if (error == MDB_NOTFOUND) {
    look_at(key);
  } else {
    failed(error, key);
  }
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
    erase(key);
  }
}

}  // namespace ews_im::store
