// SPDX-License-Identifier: Apache-2.0
// What is in a store, as text to compare: of one mailbox, or of all that belongs to none. Knows the contract
// of stores alone.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "store/store.h"

namespace ews_im::tests {

/// A deadline that no sound store misses.
inline store::Deadline soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(30); }

/// An entry that differs from that of each other number in all names.
inline store::DirectoryEntry entry_of(unsigned number, unsigned aliases = 1) {
  const std::string n = std::to_string(number);
  store::DirectoryEntry entry;
  entry.guid = store::Guid::of_text(store::Guid{}, "mailbox " + n);
  entry.primary_smtp_address = "user" + n + "@contoso.com";
  for (unsigned i = 0; i < aliases; ++i) {
    entry.aliases.push_back("alias" + n + "." + std::to_string(i) + "@contoso.com");
  }
  entry.user_principal_name = "user" + n + "@corp.contoso.com";
  entry.sid = "S-1-5-21-1-2-3-" + std::to_string(1000 + number);
  entry.account = "CONTOSO\\user" + n;
  return entry;
}

inline std::string text_of(const store::ImGroup& group) {
  return "group " + std::to_string(group.number) + " " + std::to_string(static_cast<int>(group.type)) + " " +
         group.display_name + " " + group.smtp_address + "\n";
}

inline std::string text_of(const store::ImContactView& contact) {
  std::string text = "contact " + std::to_string(contact.number) + " " +
                     std::to_string(contact.change_number) + " " + contact.persona_id.text() + " " +
                     std::to_string(contact.creation_time);
  for (const std::string_view part : {contact.display_name, contact.im_address, contact.tel_uri_address,
                                      contact.im_contact_sip_uri_address, contact.im_telephone_number}) {
    text.append(" ").append(part);
  }
  std::vector<store::Membership> in(contact.memberships.begin(), contact.memberships.end());
  std::ranges::sort(in);
  for (const auto& one : in) text += " " + std::to_string(one.group) + ":" + std::to_string(one.joined);
  return text + "\n";
}

inline std::string text_of(const store::DirectoryEntry& entry) {
  std::string text = "entry " + entry.guid.text() + " " + entry.primary_smtp_address + " " +
                     entry.user_principal_name + " " + entry.sid + " " + entry.account;
  for (const auto& alias : entry.aliases) text += " " + alias;
  return text + "\n";
}

/// All of a mailbox; its contacts also looked up one by one, as operations do.
inline std::string text_of(store::MailboxView& view) {
  const store::Mailbox& head = view.mailbox();
  std::string text = "head " + head.guid.text() + " " + head.provider_uid.text() + " " +
                     head.database_guid.text() + " " + std::to_string(head.folder) + " " +
                     std::to_string(head.next_item) + " " + std::to_string(head.last_change) + " " +
                     std::to_string(head.im_contacts) + " " + std::to_string(head.im_groups) + " " +
                     (head.im_list_migration_completed ? "completed\n" : "\n");
  for (const auto& group : view.im_groups()) text += text_of(group);
  for (const auto& contact : view.im_contacts().contacts) {
    text += text_of(contact);
    const std::string_view address =
        contact.kind == store::ContactKind::Im ? contact.im_address : contact.tel_uri_address;
    const auto found = view.im_contact_by_address(contact.kind, address);
    if (!found || found->number != contact.number) text += "not found by address\n";
  }
  return text;
}

/// nullopt: there is no such mailbox.
inline store::Result<std::optional<std::string>> mailbox_text(store::Store& store, const store::Guid& guid) {
  std::string text;
  const auto status = store.read(guid, [&](store::MailboxView& view) { text = text_of(view); });
  if (status.ok()) return std::optional<std::string>(std::move(text));
  if (status.fault() == store::Fault::NotFound) return std::optional<std::string>();
  return status;
}

/// Settings, entries, distribution groups and rights.
inline store::Result<std::string> directory_text(store::Store& store) {
  std::string text;
  const auto settings = store.settings();
  if (!settings.ok()) return settings.status();
  text += "settings " + std::to_string(settings.value().im_contact_limit) + " " +
          std::to_string(settings.value().im_group_limit) + "\n";
  const auto entries = store.mailboxes(std::nullopt, 100000);
  if (!entries.ok()) return entries.status();
  for (const auto& entry : entries.value()) {
    text += text_of(entry);
    const auto found = store.find(store::NameKind::SmtpAddress, entry.primary_smtp_address);
    if (!found.ok()) return found.status();
    if (!found.value() || found.value()->guid != entry.guid) text += "not found by address\n";
  }
  const auto groups = store.distribution_groups();
  if (!groups.ok()) return groups.status();
  for (const auto& group : groups.value()) {
    text += "distribution group " + group.smtp_address + " " + group.display_name + "\n";
  }
  const auto rights = store.impersonation_rights("");
  if (!rights.ok()) return rights.status();
  for (const auto& right : rights.value()) {
    text += "right " + right.caller + " " + (right.mailbox ? right.mailbox->text() : "all") + "\n";
  }
  return text;
}

[[noreturn]] inline void give_up(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(2);
}

inline void require(const store::Status& status) {
  if (!status.ok()) give_up(std::string(store::fault_name(status.fault())) + ": " + status.detail());
}

template <class T>
T require(store::Result<T> result) {
  if (!result.ok()) require(result.status());
  return std::move(result.value());
}

}  // namespace ews_im::tests
