// SPDX-License-Identifier: Apache-2.0
// The records as one LMDB transaction sees and changes them, each with its checksum. Keeps the first fault:
// from then on it finds nothing and changes nothing. Knows keys and payloads as bytes, not what they mean.
#pragma once

#include <lmdb.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "store/lmdb/crc32c.h"
#include "store/lmdb/key.h"
#include "store/lmdb/lmdb_env.h"
#include "store/lmdb/record.h"

namespace ews_im::store {

/// A cursor, closed at the end of its life.
class Cursor {
 public:
  Cursor(MDB_txn* txn, int& error) { error = mdb_cursor_open(txn, kMainDatabase, &cursor_); }
  ~Cursor() {
    if (cursor_ != nullptr) mdb_cursor_close(cursor_);
  }
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;
  [[nodiscard]] MDB_cursor* get() const { return cursor_; }

 private:
  MDB_cursor* cursor_ = nullptr;
};

class Records {
 public:
  explicit Records(LmdbTxn& txn) : Records(txn, txn.get()) {}
  /// What `nested`, a transaction within `txn`, sees and changes.
  Records(LmdbTxn& txn, MDB_txn* nested) : env_(&txn.env()), tree_(&txn.tree()), txn_(nested) {}

  [[nodiscard]] const Status& status() const { return status_; }
  /// Keeps the fault unless there is one already.
  void fail(Status status);
  void fail_corrupt(std::string_view key, std::string_view why);

  /// The payload, in the map: good until the next change. nullopt: no such record, or a fault.
  /// That there is none is believed only where the tree of pages is sound.
  [[nodiscard]] std::optional<std::string_view> get(const Key& key);
  [[nodiscard]] bool has(const Key& key) { return get(key).has_value(); }
  void put(const Key& key, RecordWriter record);
  void erase(const Key& key);
  void erase_all(const Key& prefix);

  /// Calls visit(key, record) for each record whose key begins with `prefix` and is not below `from`,
  /// ascending, as they lie in the map, until `visit` returns false. The pages on the way are checked, and what lies
  /// before and behind the records; not their checksums. `visit` must read and change nothing else.
  template <class Visit>
  void walk_raw(const Key& prefix, const Key& from, const Visit& visit);
  /// The same with visit(key, payload), checked.
  template <class Visit>
  void walk(const Key& prefix, const Visit& visit);

  [[nodiscard]] bool changed() const { return pages_ != 0; }
  /// No more than this many pages were changed or added.
  [[nodiscard]] std::uint64_t pages() const { return pages_; }
  /// The fault is that the map is full.
  [[nodiscard]] bool map_full() const { return map_full_; }

 private:
  bool failed(int error, std::string_view key);
  void erase(std::string_view key);
  /// LMDB has no checksums of its own: where a page is damaged, a search ends at a wrong place, and a record is
  /// not found though it is there. These look at the pages for a place, or up to it from the one before.
  bool look_at(std::string_view key) { return is_sound(tree_->look_at(key), key); }
  bool look_on(std::string_view key) { return is_sound(tree_->look_on(key), key); }
  /// LMDB writes anew what it sees of a page that it changes: what was hidden would be lost.
  bool look_before_put(std::string_view key) { return is_sound(tree_->look_at_value(key), key); }
  bool look_before_erase(std::string_view key) { return is_sound(tree_->look_before_erase(key), key); }
  bool has_sound_length(std::string_view key, const MDB_val& record) {
    return env_->is_within_page(record) || is_sound(tree_->look_at_value(key), key);
  }
  bool is_sound(bool sound, std::string_view key);
  void count_pages(std::size_t size);

  LmdbEnv* env_;
  Tree* tree_;
  MDB_txn* txn_;
  Status status_;
  std::uint64_t pages_ = 0;
  bool map_full_ = false;
};

inline MDB_val to_value(std::string_view bytes) { return {bytes.size(), const_cast<char*>(bytes.data())}; }
inline std::string_view to_view(const MDB_val& value) {
  return {static_cast<const char*>(value.mv_data), value.mv_size};
}

/// The least of the keys that are above all that begin with `prefix`.
[[nodiscard]] inline std::string end_of(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && end.back() == '\xFF') end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

template <class Visit>
void Records::walk_raw(const Key& prefix, const Key& from, const Visit& visit) {
  if (!status_.ok() || !look_at(from.view())) return;
  int error = 0;
  const Cursor cursor(txn_, error);
  MDB_val key = to_value(from.view());
  MDB_val record{};
  if (error == 0) error = mdb_cursor_get(cursor.get(), &key, &record, MDB_SET_RANGE);
  while (error == 0 && to_view(key).starts_with(prefix.view())) {
    if (!look_on(to_view(key)) || !has_sound_length(to_view(key), record)) return;
    if (!visit(to_view(key), to_view(record))) return;
    error = mdb_cursor_get(cursor.get(), &key, &record, MDB_NEXT);
  }
  if (error != MDB_NOTFOUND && failed(error, prefix.view())) return;
  const std::string end = end_of(prefix.view());
  if (look_on(end)) look_at(end);
}

template <class Visit>
void Records::walk(const Key& prefix, const Visit& visit) {
  const std::uint32_t prefix_checksum = crc32c(0, prefix.view());
  walk_raw(prefix, prefix, [&](std::string_view key, std::string_view record) {
    const auto payload = payload_of(crc32c(prefix_checksum, key.substr(prefix.view().size())), record);
    if (payload) return static_cast<bool>(visit(key, *payload));
    fail_corrupt(key, "its checksum is wrong");
    return false;
  });
}

}  // namespace ews_im::store
