// SPDX-License-Identifier: Apache-2.0
#include "store/lmdb/lmdb_store_impl.h"

#include <exception>
#include <string>
#include <utility>

#include "store/lmdb/directory_records.h"
#include "store/lmdb/mailbox_records.h"
#include "store/process.h"

namespace ews_im::store {
namespace {

Status closed() { return {Fault::Unavailable, "the store is closed"}; }

// Each call keeps its own faults, since others may be none of its caller's business.
class SnapshotReader final : public Reader {
 public:
  explicit SnapshotReader(LmdbTxn& txn) : txn_(&txn) {}

  Status read(const Guid& mailbox, const ReadFunction& function) override {
    Records records(*txn_);
    MailboxRecords view(records, mailbox);
    if (records.status().ok()) function(view);
    return records.status();
  }
  Result<std::optional<DirectoryEntry>> find(NameKind kind, std::string_view name) override {
    Records records(*txn_);
    auto entry = find_entry(records, kind, name);
    if (!records.status().ok()) return records.status();
    return entry;
  }
  Result<std::vector<ImpersonationRight>> impersonation_rights(std::string_view caller) override {
    Records records(*txn_);
    auto rights = list_rights(records, caller);
    if (!records.status().ok()) return records.status();
    return rights;
  }

 private:
  LmdbTxn* txn_;
};

}  // namespace

Result<std::unique_ptr<LmdbStore>> LmdbStore::open(const LmdbOptions& options) {
  auto env = LmdbEnv::open(options);
  if (!env.ok()) return env.status();
  return std::unique_ptr<LmdbStore>(new LmdbStore(std::move(env.value())));
}

LmdbStore::LmdbStore(std::unique_ptr<LmdbEnv> env)
    : env_(std::move(env)), writer_(std::make_unique<Writer>(*env_, gate_)), process_(current_process()) {}

LmdbStore::~LmdbStore() {
  if (try_close()) return;
  // The environment is in use, or another process's: whatever LMDB would do at closing now does more harm
  // than leaving it.
  (void)writer_.release();
  (void)env_.release();
}

bool LmdbStore::try_close() {
  if (process_ != current_process() || !gate_.try_close()) return false;
  writer_.reset();
  env_.reset();
  return true;
}

bool LmdbStore::enter() { return process_ == current_process() && gate_.enter(); }

template <class Function>
Status LmdbStore::in_transaction(const Function& function) {
  if (!enter()) return closed();
  const Leave leave(gate_);
  auto txn = env_->begin_read();
  if (!txn.ok()) return txn.status();
  try {
    return function(txn.value());
  } catch (const std::exception& error) {
    return {Fault::Internal, std::string("exception while reading: ") + error.what()};
  } catch (...) {
    return {Fault::Internal, "exception while reading"};
  }
}

Status LmdbStore::writing(Deadline deadline, const Change& change) {
  if (!enter()) return closed();
  const Leave leave(gate_);
  return writer_->run(deadline, change);
}

template <class T, class Function>
Result<T> LmdbStore::answer(const Function& function) {
  T result{};
  Status status = in_transaction([&](LmdbTxn& txn) {
    Records records(txn);
    result = function(records);
    return records.status();
  });
  if (!status.ok()) return status;
  return result;
}

template <class Function>
Status LmdbStore::change(Deadline deadline, const Function& function) {
  return writing(deadline, [&](Records& records) {
    function(records);
    return Outcome::Commit;
  });
}

Status LmdbStore::snapshot(const SnapshotFunction& function) {
  return in_transaction([&](LmdbTxn& txn) {
    SnapshotReader reader(txn);
    function(reader);
    return Status();
  });
}

Status LmdbStore::write(const Guid& mailbox, Deadline deadline, const WriteFunction& function) {
  return writing(deadline, [&](Records& records) {
    MailboxRecords txn(records, mailbox);
    if (!records.status().ok()) return Outcome::Rollback;
    const Outcome outcome = function(txn);
    if (outcome == Outcome::Commit) txn.finish();
    return outcome;
  });
}

Result<std::optional<DirectoryEntry>> LmdbStore::find(const Guid& mailbox) {
  return answer<std::optional<DirectoryEntry>>(
      [&](Records& records) { return find_entry(records, mailbox); });
}

Status LmdbStore::add_mailbox(const DirectoryEntry& entry, Deadline deadline) {
  Mailbox drawn;
  drawn.guid = entry.guid;
  drawn.database_guid = Guid::random();
  do {
    drawn.provider_uid = Guid::random();
  } while (drawn.provider_uid.bytes[0] == 0);
  return change(deadline, [&](Records& records) { add_entry(records, entry, drawn); });
}

Status LmdbStore::change_mailbox(const Guid& mailbox, Deadline deadline, const EntryFunction& function) {
  return change(deadline, [&](Records& records) {
    const auto old = find_entry(records, mailbox);
    if (!old) return records.fail({Fault::NotFound, "no mailbox " + mailbox.text()});
    DirectoryEntry entry = *old;
    function(entry);
    entry.guid = mailbox;
    set_entry(records, *old, entry);
  });
}

Status LmdbStore::remove_mailbox(const Guid& mailbox, Deadline deadline) {
  return change(deadline, [&](Records& records) { remove_entry(records, mailbox); });
}

Result<std::vector<DirectoryEntry>> LmdbStore::mailboxes(const std::optional<Guid>& after, std::size_t most) {
  return answer<std::vector<DirectoryEntry>>(
      [&](Records& records) { return list_entries(records, after, most); });
}

Result<Settings> LmdbStore::settings() {
  return answer<Settings>([](Records& records) { return read_settings(records); });
}

Status LmdbStore::change_settings(Deadline deadline, const SettingsFunction& function) {
  return change(deadline, [&](Records& records) {
    Settings settings = read_settings(records);
    function(settings);
    if (settings.im_contact_limit > kLargestImContactLimit || settings.im_group_limit > kLargestImGroupLimit)
      records.fail({Fault::Invalid, "limits of a mailbox go up to " + std::to_string(kLargestImContactLimit) +
                                        " contacts and " + std::to_string(kLargestImGroupLimit) + " groups"});
    records.put(settings_key(), encode(settings));
  });
}

Result<std::vector<DistributionGroup>> LmdbStore::distribution_groups() {
  return answer<std::vector<DistributionGroup>>(
      [](Records& records) { return list_distribution_groups(records); });
}

Status LmdbStore::add_distribution_group(const DistributionGroup& group, Deadline deadline) {
  return change(deadline, [&](Records& records) { store::add_distribution_group(records, group); });
}

Status LmdbStore::remove_distribution_group(std::string_view smtp_address, Deadline deadline) {
  return change(deadline, [&](Records& records) { store::remove_distribution_group(records, smtp_address); });
}

Status LmdbStore::grant_impersonation(const ImpersonationRight& right, Deadline deadline) {
  return change(deadline, [&](Records& records) { grant_right(records, right); });
}

Status LmdbStore::revoke_impersonation(const ImpersonationRight& right, Deadline deadline) {
  return change(deadline, [&](Records& records) { revoke_right(records, right); });
}

}  // namespace ews_im::store
