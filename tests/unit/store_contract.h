// SPDX-License-Identifier: Apache-2.0
// What every store must do (store/store.h), as tests that run against any of them. Knows no particular store.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "store/store.h"
#include "tests/unit/cases.h"

namespace ews_im::tests {

/// A fresh, empty store in a place of its own, removed with this object.
class StorePlace {
 public:
  virtual ~StorePlace() = default;
  /// Opens the store; in one process all share what is open. Works in a child process that was forked before
  /// any opening.
  virtual std::shared_ptr<store::Store> open() = 0;
};

using MakeStorePlace = std::function<std::unique_ptr<StorePlace>()>;

/// The suite, each case with a place of its own.
std::vector<Case> store_contract(const MakeStorePlace& make);

/// A deadline that no sound store misses.
store::Deadline soon();
/// All of an entry, all settings.
store::Status set_mailbox(store::Store& store, const store::DirectoryEntry& entry);
store::Status set_settings(store::Store& store, const store::Settings& settings);
/// An entry that differs from that of each other number in all names.
store::DirectoryEntry entry_of(unsigned number);
/// A contact with the next numbers, in the group `group`; put into `txn`.
store::ImContact put_new_contact(store::MailboxTransaction& txn, const std::string& address,
                                 store::ItemNumber group);
/// Runs `count` child processes, each with its number from 0, and waits; `body` says whether all went well.
/// True if all said so.
bool run_processes(unsigned count, const std::function<bool(unsigned)>& body);
/// For use on any thread: fails the test if `status` is a fault, with its text.
void require_ok(const store::Status& status);
/// Fails the test unless `status` is this fault, and its text contains `said`.
void require_fault(store::Fault expected, const store::Status& status, const std::string& said = {});

}  // namespace ews_im::tests
