// SPDX-License-Identifier: Apache-2.0
// One mailbox within an LMDB transaction: the view and the transaction of the contract. Knows no commit: what
// was changed is in the LMDB transaction after finish().
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "store/lmdb/records.h"
#include "store/store.h"

namespace ews_im::store {

class MailboxRecords final : public MailboxTransaction {
 public:
  /// Reads the head. `records` must outlive this object; its status says whether all went well (NotFound: no
  /// such mailbox).
  MailboxRecords(Records& records, const Guid& mailbox);

  [[nodiscard]] const Mailbox& mailbox() override { return mailbox_; }
  [[nodiscard]] const Settings& settings() override;
  [[nodiscard]] std::optional<ImGroup> im_group(ItemNumber number) override;
  [[nodiscard]] std::vector<ImGroup> im_groups() override;
  [[nodiscard]] std::optional<ImContact> im_contact(ItemNumber number) override;
  [[nodiscard]] std::optional<ImContact> im_contact_by_address(ContactKind kind,
                                                               std::string_view address) override;
  using MailboxView::im_contacts;
  [[nodiscard]] ImContacts im_contacts(ImContacts used) override;
  [[nodiscard]] std::optional<DistributionGroup> distribution_group(std::string_view smtp_address) override;

  [[nodiscard]] ItemNumber next_item_number() override;
  [[nodiscard]] ChangeNumber next_change_number() override;
  void put(const ImGroup& group) override;
  void put(const ImContact& contact) override;
  void erase_im_group(ItemNumber number) override;
  void erase_im_contact(ItemNumber number) override;
  void set_im_list_migration_completed(bool completed) override;

  /// Writes the head if it changed.
  void finish();

 private:
  [[nodiscard]] Key address_key_of(const ImContact& contact) const;
  void check_count(std::string_view what, std::uint64_t said, std::uint64_t found);
  void take_off(std::string_view what, std::uint64_t& count);
  void check_number(ItemNumber number);
  void fail_internal(std::string_view why);

  Records* records_;
  Mailbox mailbox_;
  bool head_changed_ = false;
  std::optional<Settings> settings_;
};

/// Writes a new mailbox: its head, and the three default groups.
void create_mailbox(Records& records, const Mailbox& drawn);
/// The settings of the store.
[[nodiscard]] Settings read_settings(Records& records);
[[nodiscard]] std::optional<DistributionGroup> read_distribution_group(Records& records,
                                                                       std::string_view smtp_address);

}  // namespace ews_im::store
