// SPDX-License-Identifier: Apache-2.0
// The directory, settings and rights within an LMDB transaction. Faults of the contract go into the status of
// the records.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "store/directory.h"
#include "store/lmdb/records.h"
#include "store/model.h"

namespace ews_im::store {

/// A name of an entry, folded: its key in the table of names.
struct FoldedName {
  NameKind kind = NameKind::SmtpAddress;
  std::string folded;
  auto operator<=>(const FoldedName&) const = default;
};
/// All names of an entry.
[[nodiscard]] std::vector<FoldedName> names_of(const DirectoryEntry& entry);

[[nodiscard]] std::optional<DirectoryEntry> find_entry(Records& records, const Guid& mailbox);
[[nodiscard]] std::optional<DirectoryEntry> find_entry(Records& records, NameKind kind,
                                                       std::string_view name);
[[nodiscard]] std::vector<DirectoryEntry> list_entries(Records& records, const std::optional<Guid>& after,
                                                       std::size_t most);
/// `drawn`: the head of the new mailbox, with its random identifiers.
void add_entry(Records& records, const DirectoryEntry& entry, const Mailbox& drawn);
void set_entry(Records& records, const DirectoryEntry& old, const DirectoryEntry& entry);
void remove_entry(Records& records, const Guid& mailbox);

[[nodiscard]] std::vector<DistributionGroup> list_distribution_groups(Records& records);
void add_distribution_group(Records& records, const DistributionGroup& group);
void remove_distribution_group(Records& records, std::string_view smtp_address);

/// Of one caller, or of all if `caller` is empty.
[[nodiscard]] std::vector<ImpersonationRight> list_rights(Records& records, std::string_view caller);
void grant_right(Records& records, const ImpersonationRight& right);
void revoke_right(Records& records, const ImpersonationRight& right);

}  // namespace ews_im::store
