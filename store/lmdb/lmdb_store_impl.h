// SPDX-License-Identifier: Apache-2.0
// The class behind the contract, for this folder alone: brings environment, writer and records together.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "store/lmdb/gate.h"
#include "store/lmdb/lmdb_env.h"
#include "store/lmdb/writer.h"
#include "store/store.h"

namespace ews_im::store {

class LmdbStore final : public Store {
 public:
  static Result<std::unique_ptr<LmdbStore>> open(const LmdbOptions& options);
  /// Closes if nothing is going on; else leaves everything to the end of the process.
  ~LmdbStore() override;

  /// Closes for good if nothing is going on; says whether it is closed now.
  [[nodiscard]] bool try_close();
  [[nodiscard]] pid_t process() const { return process_; }
  /// REQUIRES: not closed.
  [[nodiscard]] LmdbEnv& env() { return *env_; }

  Status snapshot(const SnapshotFunction& function) override;
  Status write(const Guid& mailbox, Deadline deadline, const WriteFunction& function) override;
  using Store::find;
  Result<std::optional<DirectoryEntry>> find(const Guid& mailbox) override;
  Status add_mailbox(const DirectoryEntry& entry, Deadline deadline) override;
  Status change_mailbox(const Guid& mailbox, Deadline deadline, const EntryFunction& function) override;
  Status remove_mailbox(const Guid& mailbox, Deadline deadline) override;
  Result<std::vector<DirectoryEntry>> mailboxes(const std::optional<Guid>& after, std::size_t most) override;
  Result<Settings> settings() override;
  Status change_settings(Deadline deadline, const SettingsFunction& function) override;
  Result<std::vector<DistributionGroup>> distribution_groups() override;
  Status add_distribution_group(const DistributionGroup& group, Deadline deadline) override;
  Status remove_distribution_group(std::string_view smtp_address, Deadline deadline) override;
  Status grant_impersonation(const ImpersonationRight& right, Deadline deadline) override;
  Status revoke_impersonation(const ImpersonationRight& right, Deadline deadline) override;

 private:
  class Leave {
   public:
    explicit Leave(Gate& gate) : gate_(&gate) {}
    ~Leave() { gate_->leave(); }
    Leave(const Leave&) = delete;
    Leave& operator=(const Leave&) = delete;

   private:
    Gate* gate_;
  };

  explicit LmdbStore(std::unique_ptr<LmdbEnv> env);
  [[nodiscard]] bool enter();
  template <class Function>
  Status in_transaction(const Function& function);
  Status writing(Deadline deadline, const Change& change);
  template <class T, class Function>
  Result<T> answer(const Function& function);
  template <class Function>
  Status change(Deadline deadline, const Function& function);

  Gate gate_;
  std::unique_ptr<LmdbEnv> env_;
  std::unique_ptr<Writer> writer_;
  pid_t process_;
};

/// open_lmdb_store, with the class.
Result<std::shared_ptr<LmdbStore>> open_shared(const LmdbOptions& options);
/// Whether this process has the store in the directory `path` open.
[[nodiscard]] bool is_open_here(const std::string& path);

}  // namespace ews_im::store
