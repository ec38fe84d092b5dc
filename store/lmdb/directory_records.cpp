// SPDX-License-Identifier: Apache-2.0
#include "store/lmdb/directory_records.h"

#include <algorithm>
#include <string>

#include "store/lmdb/mailbox_records.h"

namespace ews_im::store {
namespace {

constexpr std::string_view kMalformed = "it does not have the form of its kind";

std::string_view kind_name(NameKind kind) {
  switch (kind) {
    case NameKind::SmtpAddress:
      return "address";
    case NameKind::UserPrincipalName:
      return "user principal name";
    case NameKind::Sid:
      return "SID";
    case NameKind::Account:
      return "account";
  }
  return "name";
}

std::optional<NameRecord> read_name(Records& records, const Key& key) {
  const auto payload = records.get(key);
  if (!payload) return std::nullopt;
  auto name = decode_name(*payload);
  if (!name) records.fail_corrupt(key.view(), kMalformed);
  return name;
}

void put_name(Records& records, const FoldedName& name, const Guid& mailbox) {
  const Key key = name_key_of(name.kind, name.folded);
  if (const auto taken = read_name(records, key)) {
    const auto owner = find_entry(records, taken->mailbox);
    records.fail(
        {Fault::AlreadyExists, "the " + std::string(kind_name(name.kind)) + " " + name.folded +
                                   " is that of mailbox " + taken->mailbox.text() +
                                   (owner ? " (" + owner->primary_smtp_address + ")" : std::string())});
  }
  records.put(key, encode(NameRecord{mailbox, name.folded}));
}

void fail_if_wrong(Records& records, std::string_view wrong) {
  if (!wrong.empty()) records.fail({Fault::Invalid, std::string(wrong)});
}

// Decodes each record below `prefix` by `decode`.
template <class T, class Decode>
std::vector<T> list(Records& records, const Key& prefix, const Decode& decode) {
  std::vector<T> result;
  records.walk(prefix, [&](std::string_view key, std::string_view payload) {
    auto value = decode(payload);
    if (!value) {
      records.fail_corrupt(key, kMalformed);
      return false;
    }
    result.push_back(*std::move(value));
    return true;
  });
  return result;
}

}  // namespace

std::vector<FoldedName> names_of(const DirectoryEntry& entry) {
  std::vector<FoldedName> names{{NameKind::SmtpAddress, ascii_lower(entry.primary_smtp_address)}};
  for (const std::string& alias : entry.aliases) names.push_back({NameKind::SmtpAddress, ascii_lower(alias)});
  if (!entry.user_principal_name.empty()) {
    names.push_back({NameKind::UserPrincipalName, ascii_lower(entry.user_principal_name)});
  }
  if (!entry.sid.empty()) names.push_back({NameKind::Sid, ascii_lower(entry.sid)});
  if (!entry.account.empty()) names.push_back({NameKind::Account, ascii_lower(entry.account)});
  return names;
}

std::optional<DirectoryEntry> find_entry(Records& records, const Guid& mailbox) {
  const Key key = directory_key(mailbox);
  const auto payload = records.get(key);
  if (!payload) return std::nullopt;
  auto entry = decode_directory_entry(mailbox, *payload);
  if (!entry) records.fail_corrupt(key.view(), kMalformed);
  return entry;
}

std::optional<DirectoryEntry> find_entry(Records& records, NameKind kind, std::string_view name) {
  const std::string folded = ascii_lower(name);
  const Key key = name_key_of(kind, folded);
  const auto found = read_name(records, key);
  if (!found || found->folded != folded) return std::nullopt;
  auto entry = find_entry(records, found->mailbox);
  if (!entry) records.fail_corrupt(key.view(), "the mailbox that it names is missing");
  return entry;
}

std::vector<DirectoryEntry> list_entries(Records& records, const std::optional<Guid>& after,
                                         std::size_t most) {
  std::vector<DirectoryEntry> entries;
  if (most == 0) return entries;
  const Key prefix(Table::Directory);
  const Key from = directory_key(after.value_or(Guid{}));
  records.walk_raw(prefix, from, [&](std::string_view key, std::string_view record) {
    const auto parsed = parse_key(key);
    const auto payload = payload_of(key, record);
    auto entry = parsed && payload ? decode_directory_entry(parsed->guid, *payload) : std::nullopt;
    if (!entry) {
      records.fail_corrupt(key, kMalformed);
      return false;
    }
    if (after != entry->guid) entries.push_back(*std::move(entry));
    return entries.size() < most;
  });
  return entries;
}

void add_entry(Records& records, const DirectoryEntry& entry, const Mailbox& drawn) {
  fail_if_wrong(records, what_is_wrong(entry));
  if (records.has(directory_key(entry.guid))) {
    records.fail({Fault::AlreadyExists, "the mailbox " + entry.guid.text() + " is there already"});
  }
  records.put(directory_key(entry.guid), encode(entry));
  for (const FoldedName& name : names_of(entry)) put_name(records, name, entry.guid);
  create_mailbox(records, drawn);
}

void set_entry(Records& records, const DirectoryEntry& old, const DirectoryEntry& entry) {
  fail_if_wrong(records, what_is_wrong(entry));
  const auto before = names_of(old);
  const auto after = names_of(entry);
  const auto is_among = [](const std::vector<FoldedName>& names, const FoldedName& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (const FoldedName& name : before) {
    if (!is_among(after, name)) records.erase(name_key_of(name.kind, name.folded));
  }
  for (const FoldedName& name : after) {
    if (!is_among(before, name)) put_name(records, name, entry.guid);
  }
  records.put(directory_key(entry.guid), encode(entry));
}

void remove_entry(Records& records, const Guid& mailbox) {
  const auto entry = find_entry(records, mailbox);
  if (!entry) return records.fail({Fault::NotFound, "no mailbox " + mailbox.text()});
  for (const FoldedName& name : names_of(*entry)) records.erase(name_key_of(name.kind, name.folded));
  for (const ImpersonationRight& right : list_rights(records, {})) {
    if (right.mailbox == mailbox) records.erase(right_key(right));
  }
  records.erase(directory_key(mailbox));
  records.erase_all(mailbox_prefix(mailbox));
}

std::vector<DistributionGroup> list_distribution_groups(Records& records) {
  return list<DistributionGroup>(records, Key(Table::DistributionGroups), decode_distribution_group);
}

void add_distribution_group(Records& records, const DistributionGroup& group) {
  fail_if_wrong(records, what_is_wrong(group));
  const Key key = distribution_group_key(ascii_lower(group.smtp_address));
  if (records.has(key)) {
    records.fail(
        {Fault::AlreadyExists, "the distribution group " + group.smtp_address + " is there already"});
  }
  records.put(key, encode(group));
}

void remove_distribution_group(Records& records, std::string_view smtp_address) {
  if (read_distribution_group(records, smtp_address)) {
    records.erase(distribution_group_key(ascii_lower(smtp_address)));
  } else {
    records.fail({Fault::NotFound, "no distribution group " + std::string(smtp_address)});
  }
}

std::vector<ImpersonationRight> list_rights(Records& records, std::string_view caller) {
  const std::string folded = ascii_lower(caller);
  const Key prefix = caller.empty() ? Key(Table::Rights) : rights_prefix(folded);
  auto rights = list<ImpersonationRight>(records, prefix, decode_impersonation_right);
  if (!caller.empty())
    std::erase_if(rights, [&](const auto& right) { return ascii_lower(right.caller) != folded; });
  return rights;
}

void grant_right(Records& records, const ImpersonationRight& right) {
  fail_if_wrong(records, what_is_wrong(right));
  if (right.mailbox && !records.has(directory_key(*right.mailbox))) {
    records.fail({Fault::NotFound, "no mailbox " + right.mailbox->text()});
  }
  const Key key = right_key(right);
  if (records.has(key)) records.fail({Fault::AlreadyExists, right.caller + " has this right already"});
  records.put(key, encode(right));
}

void revoke_right(Records& records, const ImpersonationRight& right) {
  const Key key = right_key(right);
  if (!records.has(key)) records.fail({Fault::NotFound, right.caller + " does not have this right"});
  records.erase(key);
}

}  // namespace ews_im::store
