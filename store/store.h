// SPDX-License-Identifier: Apache-2.0
// The contract that every store keeps, LMDB today, others later. Knows no LMDB, SQL, XML or HTTP.
//
//   Result<...>: auto status = store.write(guid, deadline, [&](MailboxTransaction& txn) {
//     auto group = txn.im_group(number);
//     if (!group) return Outcome::Rollback;
//     group->display_name = name;
//     txn.put(*group);
//     return Outcome::Commit;
//   });
//
// A transaction keeps its first fault: from then on views answer "nothing", changes do nothing, and read() or
// write() returns that fault whatever the function returned. So functions need no check after each call.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/directory.h"
#include "store/model.h"
#include "store/status.h"

namespace ews_im::store {

using Deadline = std::chrono::steady_clock::time_point;

/// A copy of all contacts of a mailbox, independent of any transaction; made to be cheap for thousands of
/// them.
struct ImContacts {
  std::string text;                     ///< what the views refer to
  std::vector<Membership> memberships;  ///< likewise
  std::vector<ImContactView> contacts;  ///< ascending item numbers

  ImContacts() = default;
  ImContacts(const ImContacts&) = delete;  // the views point into this object
  ImContacts& operator=(const ImContacts&) = delete;
  /// Keeps the memory alone.
  void clear() {
    text.clear();
    memberships.clear();
    contacts.clear();
  }

  ImContacts(ImContacts&&) = default;
  ImContacts& operator=(ImContacts&&) = default;
};

/// One consistent snapshot of one mailbox. What it returns are copies.
class MailboxView {
 public:
  virtual ~MailboxView() = default;
  [[nodiscard]] virtual const Mailbox& mailbox() = 0;
  [[nodiscard]] virtual const Settings& settings() = 0;
  [[nodiscard]] virtual std::optional<ImGroup> im_group(ItemNumber number) = 0;
  /// All groups, the default ones too, ascending item numbers.
  [[nodiscard]] virtual std::vector<ImGroup> im_groups() = 0;
  [[nodiscard]] virtual std::optional<ImContact> im_contact(ItemNumber number) = 0;
  /// By its ImAddress or TelUriAddress, compared as address_key says.
  [[nodiscard]] virtual std::optional<ImContact> im_contact_by_address(ContactKind kind,
                                                                       std::string_view address) = 0;
  /// `used`: what another call has returned and nobody needs any more; its memory is used again.
  [[nodiscard]] virtual ImContacts im_contacts(ImContacts used) = 0;
  [[nodiscard]] ImContacts im_contacts() { return im_contacts(ImContacts()); }
  /// A distribution group of the directory, by address without ASCII case.
  [[nodiscard]] virtual std::optional<DistributionGroup> distribution_group(
      std::string_view smtp_address) = 0;
};

/// A snapshot that can be changed; sees its own changes. The counters of mailbox() follow the changes by
/// themselves.
class MailboxTransaction : public MailboxView {
 public:
  /// The next item number; never given again once committed.
  [[nodiscard]] virtual ItemNumber next_item_number() = 0;
  /// The next change number, one above the last.
  [[nodiscard]] virtual ChangeNumber next_change_number() = 0;
  /// Inserts, or replaces what has the same number. The address of a contact must not be another contact's.
  virtual void put(const ImGroup& group) = 0;
  virtual void put(const ImContact& contact) = 0;
  /// Does not touch the memberships that name the group: the caller does. Nothing happens if there is none.
  virtual void erase_im_group(ItemNumber number) = 0;
  virtual void erase_im_contact(ItemNumber number) = 0;
  virtual void set_im_list_migration_completed(bool completed) = 0;
};

enum class Outcome { Commit, Rollback };

using ReadFunction = std::function<void(MailboxView&)>;
using WriteFunction = std::function<Outcome(MailboxTransaction&)>;
using EntryFunction = std::function<void(DirectoryEntry&)>;
using SettingsFunction = std::function<void(Settings&)>;

/// What a request may read. Common faults: Unavailable, Corrupt, Internal, Denied; those of a call are named beside it.
class Reader {
 public:
  virtual ~Reader() = default;

  /// Runs `function` on a snapshot. Never waits for writers. `function` must not call the store. Fault
  /// NotFound: no mailbox has this GUID.
  virtual Status read(const Guid& mailbox, const ReadFunction& function) = 0;
  /// Nothing found is no fault.
  virtual Result<std::optional<DirectoryEntry>> find(NameKind kind, std::string_view name) = 0;
  /// The rights of one caller, by name without ASCII case; or of all, if `caller` is empty.
  virtual Result<std::vector<ImpersonationRight>> impersonation_rights(std::string_view caller) = 0;
};

using SnapshotFunction = std::function<void(Reader&)>;

/// All functions may be called from any thread at any time, and each call sees the latest state. Faults as those of
/// Reader.
class Store : public Reader {
 public:
  /// Runs `function` on one state of the store, the same for all that it reads, which costs less than a call of the
  /// store for each. It must not call the store, nor wait for anything, and nothing that it was given outlives it.
  /// Whatever it throws is a fault Internal; what its own calls return is its own business.
  virtual Status snapshot(const SnapshotFunction& function) = 0;
  Status read(const Guid& mailbox, const ReadFunction& function) final;
  Result<std::optional<DirectoryEntry>> find(NameKind kind, std::string_view name) final;
  Result<std::vector<ImpersonationRight>> impersonation_rights(std::string_view caller) final;

  /// Runs `function` on a transaction, maybe more than once, maybe on another thread, never at the same time
  /// as another writer of this mailbox: it must reset what it captured at entry, must not call the store and must not wait
  /// for anything. Returns when its changes are durable, or, after Outcome::Rollback, when all that the
  /// function saw is durable. Whatever is not a success has changed nothing. Faults: NotFound as above; Busy:
  /// `deadline` passed before the function was begun; Full.
  virtual Status write(const Guid& mailbox, Deadline deadline, const WriteFunction& function) = 0;

  // The directory. Changes are durable when the call returns; they wait for their turn at most until
  // `deadline`.

  /// Nothing found is no fault.
  virtual Result<std::optional<DirectoryEntry>> find(const Guid& mailbox) = 0;
  /// Creates a mailbox with its three default groups, empty of contacts. Faults: AlreadyExists (the detail
  /// names what is taken), Invalid.
  virtual Status add_mailbox(const DirectoryEntry& entry, Deadline deadline) = 0;
  /// Changes what a mailbox is called: `function` gets the entry as it stands and is run as that of write().
  /// The GUID stays. Faults: NotFound, AlreadyExists, Invalid.
  virtual Status change_mailbox(const Guid& mailbox, Deadline deadline, const EntryFunction& function) = 0;
  /// Removes a mailbox with all that is in it, its names and the rights that name it. Fault: NotFound.
  virtual Status remove_mailbox(const Guid& mailbox, Deadline deadline) = 0;
  /// Up to `most` entries with GUIDs above `after` (nullopt: from the first), ascending.
  virtual Result<std::vector<DirectoryEntry>> mailboxes(const std::optional<Guid>& after,
                                                        std::size_t most) = 0;

  virtual Result<Settings> settings() = 0;
  /// `function` gets the settings as they stand and is run as that of write(). Fault Invalid: a limit is out
  /// of range.
  virtual Status change_settings(Deadline deadline, const SettingsFunction& function) = 0;

  virtual Result<std::vector<DistributionGroup>> distribution_groups() = 0;
  /// Faults: AlreadyExists, Invalid.
  virtual Status add_distribution_group(const DistributionGroup& group, Deadline deadline) = 0;
  /// Fault: NotFound.
  virtual Status remove_distribution_group(std::string_view smtp_address, Deadline deadline) = 0;

  /// Faults: AlreadyExists, NotFound (no such mailbox), Invalid.
  virtual Status grant_impersonation(const ImpersonationRight& right, Deadline deadline) = 0;
  /// Fault: NotFound.
  virtual Status revoke_impersonation(const ImpersonationRight& right, Deadline deadline) = 0;
};

}  // namespace ews_im::store
