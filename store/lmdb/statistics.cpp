// SPDX-License-Identifier: Apache-2.0
// Counts what is in a store and how much room it takes.
#include <sys/stat.h>

#include <cstdio>
#include <utility>

#include "store/lmdb/free_list.h"
#include "store/lmdb/lmdb_store_impl.h"
#include "store/lmdb/maintenance.h"
#include "store/lmdb/records.h"

namespace ews_im::store {
namespace {

std::uint64_t* counter_of(LmdbStatistics& statistics, const ParsedKey& key) {
  switch (key.table) {
    case Table::Names:
      return &statistics.names;
    case Table::DistributionGroups:
      return &statistics.distribution_groups;
    case Table::Rights:
      return &statistics.impersonation_rights;
    case Table::Mailbox:
      break;
    default:
      return nullptr;
  }
  switch (key.part) {
    case MailboxPart::Head:
      return &statistics.mailboxes;
    case MailboxPart::Group:
      return &statistics.im_groups;
    case MailboxPart::Contact:
      return &statistics.im_contacts;
    case MailboxPart::Address:
      return &statistics.addresses;
  }
  return nullptr;
}

void count_records(Records& records, LmdbStatistics& statistics) {
  for (const Table table : kTables) {
    const Key prefix(table);
    records.walk_raw(prefix, prefix, [&](std::string_view key, std::string_view record) {
      statistics.key_bytes += key.size();
      statistics.value_bytes += record.size();
      const auto parsed = parse_key(key);
      if (std::uint64_t* counter = parsed ? counter_of(statistics, *parsed) : nullptr) ++*counter;
      return true;
    });
  }
}

// LMDB gives one line for each reader, "pid thread transaction" in columns, after a line of headings.
int count_reader(const char* line, void* count) {
  unsigned long long process = 0;
  if (std::sscanf(line, "%llu", &process) == 1) ++*static_cast<std::uint64_t*>(count);
  return 0;
}

}  // namespace

Result<LmdbStatistics> lmdb_statistics(const LmdbOptions& options) {
  const auto store = open_shared(options);
  if (!store.ok()) return store.status();
  LmdbEnv& env = store.value()->env();
  LmdbStatistics statistics;

  env.check_readers();
  MDB_stat about{};
  MDB_envinfo info{};
  std::uint64_t readers = 0;
  unsigned slots = 0;
  auto status = env.with("count", [&](MDB_env* raw) {
    mdb_env_info(raw, &info);
    mdb_env_get_maxreaders(raw, &slots);
    mdb_reader_list(raw, count_reader, &readers);
    return mdb_env_stat(raw, &about);
  });
  if (!status.ok()) return status;
  statistics.map_size = info.me_mapsize;
  statistics.page_size = about.ms_psize;
  statistics.pages = std::uint64_t{info.me_last_pgno} + 1;
  statistics.depth = about.ms_depth;
  statistics.branch_pages = about.ms_branch_pages;
  statistics.leaf_pages = about.ms_leaf_pages;
  statistics.overflow_pages = about.ms_overflow_pages;
  statistics.last_transaction = info.me_last_txnid;
  statistics.readers = readers;
  statistics.reader_slots = slots;
  struct stat file {};
  if (stat(data_file(options.path).c_str(), &file) == 0) {
    statistics.file_size = static_cast<std::uint64_t>(file.st_size);
    statistics.disk_size = static_cast<std::uint64_t>(file.st_blocks) * 512;
  }

  auto txn = env.begin_read();
  if (!txn.ok()) return txn.status();
  Records records(txn.value());
  if (const auto list = read_free_list(txn.value().tree()); list.ok())
    statistics.free_pages = list.value().pages.size();
  count_records(records, statistics);
  if (!records.status().ok()) return records.status();
  return statistics;
}

}  // namespace ews_im::store
