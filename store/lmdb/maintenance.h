// SPDX-License-Identifier: Apache-2.0
// What an administrator does to an LMDB store: back up, restore, check, count, compact. Each function may be
// called while servers use the store, unless it says otherwise. Knows no command line: ews-imctl prints.
//
// A damaged page can end the process inside LMDB (SIGABRT or SIGBUS): run backup, restore and check in a
// child process and take its death as a finding.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "store/lmdb/lmdb_store.h"
#include "store/status.h"

namespace ews_im::store {

/// Called now and then, from another thread of this process maybe, with what is done and what there is to do,
/// in the unit that the function names. May be empty.
using Progress = std::function<void(std::uint64_t done, std::uint64_t total)>;
/// Called for each thing that is wrong, with one line of text without a line end.
using Finding = std::function<void(std::string_view line)>;

/// Writes a consistent, compact copy of the store into the new file `file`, mode 0600, while
/// servers read and write: into a temporary file beside it, flushed, checked (as check_lmdb_file does) and
/// then renamed. Progress: bytes, about. Faults: AlreadyExists (`file` is there), Full, NotFound, Denied,
/// Corrupt (the copy has findings: it is removed).
Status backup_lmdb_store(const LmdbOptions& options, const std::string& file, const Progress& progress);

/// Puts a backup in place as the store in the directory `path`, which may be missing or empty, or hold a
/// store, or what is left of one, if `replace` is true. The file is checked first; what was there stays until the copy is complete and
/// flushed. A store that is replaced must not be in use. Progress: bytes. Faults: AlreadyExists, Busy (in
/// use), Corrupt, TooNew, Full, NotFound, Denied.
Status restore_lmdb_store(const std::string& file, const std::string& path, bool replace,
                          const Progress& progress);

/// Writes the store at `path` anew without its free pages, whatever LMDB's list of them is like, and puts that in
/// place of the old. The store must not be in use: no other process and nothing in this one may have it open.
/// Progress: bytes. Faults: Busy (in use), as backup.
Status compact_lmdb_store(const std::string& path, const Progress& progress);

struct CheckSummary {
  std::uint64_t records = 0;
  std::uint64_t mailboxes = 0;
  std::uint64_t im_contacts = 0;
  std::uint64_t im_groups = 0;  ///< default groups too
  std::uint64_t findings = 0;
  bool records_read = false;  ///< false: damaged pages kept them from being read; the counts are 0 then
};

/// Looks at every page of one snapshot and, if they are sound, reads every record: checksum, form, references in both
/// directions, counters. Only unreadable stores are a fault; what is wrong goes to `finding`. Progress: records.
Result<CheckSummary> check_lmdb_store(const LmdbOptions& options, const Finding& finding,
                                      const Progress& progress);
/// The same for a backup, a file that nobody changes.
Result<CheckSummary> check_lmdb_file(const std::string& file, const Finding& finding,
                                     const Progress& progress);

struct LmdbStatistics {
  std::uint64_t map_size = 0;    ///< bytes of address space
  std::uint64_t file_size = 0;   ///< bytes, with the holes at its end
  std::uint64_t disk_size = 0;   ///< bytes that the file takes up on the disk
  std::uint64_t page_size = 0;   ///< bytes
  std::uint64_t pages = 0;       ///< in the file, free ones too
  std::uint64_t free_pages = 0;  ///< will be used again before the file grows
  std::uint64_t depth = 0;       ///< of the tree
  std::uint64_t branch_pages = 0;
  std::uint64_t leaf_pages = 0;
  std::uint64_t overflow_pages = 0;
  std::uint64_t last_transaction = 0;
  std::uint64_t readers = 0;       ///< reader slots in use, those of dead processes not counted
  std::uint64_t reader_slots = 0;  ///< how many there can be
  std::uint64_t mailboxes = 0;     ///< records of each kind, from here on
  std::uint64_t im_groups = 0;
  std::uint64_t im_contacts = 0;
  std::uint64_t addresses = 0;
  std::uint64_t names = 0;
  std::uint64_t distribution_groups = 0;
  std::uint64_t impersonation_rights = 0;
  std::uint64_t key_bytes = 0;  ///< of all records together
  std::uint64_t value_bytes = 0;
};

/// Counts what is in the store. Walks all records.
Result<LmdbStatistics> lmdb_statistics(const LmdbOptions& options);

}  // namespace ews_im::store
