// SPDX-License-Identifier: Apache-2.0
#include "store/ctl/session.h"

#include <unistd.h>

#include <utility>

#include "store/ctl/as_owner.h"
#include "store/lmdb/lmdb_store.h"
#include "store/name_key.h"

namespace ews_im::store::ctl {
namespace {

// A store that is not there is more than "not found" to a command that needs it.
Status unusable(const Status& status) {
  if (status.fault() == Fault::Busy) return status;
  const Fault fault = status.fault() == Fault::NotFound ? Fault::Unavailable : status.fault();
  std::string detail = status.detail();
  if (fault == Fault::Denied) detail += " (tried as " + user_name(geteuid()) + ")";
  return {fault, std::move(detail)};
}

}  // namespace

LmdbOptions lmdb_options(const Invocation& invocation) {
  LmdbOptions options;
  options.path = invocation.store;
  options.map_size = invocation.map_size.value_or(options.map_size);
  return options;
}

Result<std::shared_ptr<Store>> open_store(const Invocation& invocation) {
  if (auto status = become_owner_of(invocation.store); !status.ok()) return unusable(status);
  auto store = open_lmdb_store(lmdb_options(invocation));
  if (!store.ok()) return unusable(store.status());
  return store;
}

Result<std::shared_ptr<Store>> create_store(const Invocation& invocation) {
  if (auto status = become_owner_to_be(invocation.store, invocation.value("owner")); !status.ok())
    return status;
  if (auto status = create_lmdb_store(lmdb_options(invocation)); !status.ok()) {
    if (status.fault() == Fault::AlreadyExists) return status;
    return unusable(status);
  }
  return open_store(invocation);
}

Result<DirectoryEntry> find_mailbox(Store& store, const std::string& name) {
  if (const auto guid = Guid::parse(name)) {
    auto found = store.find(*guid);
    if (!found.ok()) return found.status();
    if (found.value()) return *std::move(found.value());
  }
  std::optional<DirectoryEntry> entry;
  for (const NameKind kind :
       {NameKind::SmtpAddress, NameKind::UserPrincipalName, NameKind::Account, NameKind::Sid}) {
    auto found = store.find(kind, name);
    if (!found.ok()) return found.status();
    if (!found.value()) continue;
    if (entry && entry->guid != found.value()->guid) {
      return {Fault::NotFound, name + " is a name of two mailboxes, " + entry->guid.text() + " and " +
                                   found.value()->guid.text() + ": give the GUID of one"};
    }
    entry = std::move(found.value());
  }
  if (entry) return *std::move(entry);
  return {Fault::NotFound, "there is no mailbox " + name + "; 'ews-imctl mailbox list' lists them"};
}

Result<OpenMailbox> open_mailbox(const Invocation& invocation, const std::string& name) {
  auto store = open_store(invocation);
  if (!store.ok()) return store.status();
  auto entry = find_mailbox(*store.value(), name);
  if (!entry.ok()) return entry.status();
  return OpenMailbox{std::move(store.value()), std::move(entry.value())};
}

Exit change_list(const Invocation& invocation, const OpenMailbox& mailbox, const Change& change) {
  std::optional<std::string> problem;
  const auto status =
      mailbox.store->write(mailbox.entry.guid, invocation.deadline, [&](MailboxTransaction& txn) {
        problem = change(txn);
        return problem ? Outcome::Rollback : Outcome::Commit;
      });
  if (!status.ok()) return fail(status);
  return problem ? fail(Exit::Refused, *problem) : Exit::Ok;
}

std::variant<ImGroup, std::string> pick_group(MailboxView& view, const std::string& text) {
  if (const auto number = parse_number(text)) {
    if (auto group = view.im_group(*number)) return *std::move(group);
  }
  std::optional<ImGroup> found;
  const std::string key = name_key(text);
  for (auto& group : view.im_groups()) {
    if (name_key(group.display_name) != key) continue;
    if (found) {
      return "more than one group has the name " + text + ": " + std::to_string(found->number) + " and " +
             std::to_string(group.number) + "; give the number instead";
    }
    found = std::move(group);
  }
  if (found) return *std::move(found);
  return "there is no group " + text + "; 'ews-imctl group list' lists them";
}

std::variant<ImContact, std::string> pick_contact(MailboxView& view, const std::string& text) {
  if (const auto number = parse_number(text)) {
    if (auto contact = view.im_contact(*number)) return *std::move(contact);
  }
  for (const ContactKind kind : {ContactKind::Im, ContactKind::TelUri}) {
    if (auto contact = view.im_contact_by_address(kind, text)) return *std::move(contact);
  }
  return "there is no contact " + text + "; 'ews-imctl contact list' lists them";
}

std::optional<std::string> name_problem(std::string_view name) {
  if (name.empty()) return "a name cannot be empty";
  if (!is_xml_text(name)) return "the name holds bytes or control characters that clients cannot be sent";
  if (character_count(name) > kLongestDisplayName) {
    return "the name has more than " + std::to_string(kLongestDisplayName) + " characters";
  }
  return std::nullopt;
}

std::optional<std::string> address_problem(std::string_view address) {
  if (address.empty()) return "an address cannot be empty";
  if (!is_xml_text(address))
    return "the address holds bytes or control characters that clients cannot be sent";
  if (address.size() > kLongestAddress)
    return "the address has more than " + std::to_string(kLongestAddress) + " bytes";
  return std::nullopt;
}

}  // namespace ews_im::store::ctl
