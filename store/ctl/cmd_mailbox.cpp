// SPDX-License-Identifier: Apache-2.0
// init, mailbox ..., alias ...: stores, mailboxes and what they are called.
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <iostream>

#include "store/ctl/as_owner.h"
#include "store/ctl/commands.h"
#include "store/ctl/session.h"

namespace ews_im::store::ctl {
namespace {

constexpr std::size_t kAtATime = 1000;

Json to_json(const DirectoryEntry& entry) {
  return {{"guid", entry.guid.text()}, {"address", entry.primary_smtp_address},
          {"aliases", entry.aliases},  {"user_principal_name", entry.user_principal_name},
          {"sid", entry.sid},          {"account", entry.account}};
}

void print_entry(const Invocation& invocation, const DirectoryEntry& entry, const Mailbox* mailbox) {
  if (invocation.json) {
    Json json = to_json(entry);
    if (mailbox != nullptr) {
      json["im_groups"] = mailbox->im_groups;
      json["im_contacts"] = mailbox->im_contacts;
      json["im_list_migration_completed"] = mailbox->im_list_migration_completed;
    }
    print_json(json);
    return;
  }
  const auto line = [](std::string_view name, std::string_view value) {
    if (!value.empty()) print(std::string(name) + ": " + printable(value));
  };
  line("address", entry.primary_smtp_address);
  for (const auto& alias : entry.aliases) line("alias", alias);
  line("user principal name", entry.user_principal_name);
  line("SID", entry.sid);
  line("account", entry.account);
  line("GUID", entry.guid.text());
  if (mailbox == nullptr) return;
  line("groups besides the default ones", std::to_string(mailbox->im_groups));
  line("contacts", std::to_string(mailbox->im_contacts));
  line("list migrated", mailbox->im_list_migration_completed ? "yes" : "no");
}

// Takes over the names that were given.
void apply_names(const Invocation& invocation, DirectoryEntry& entry) {
  if (auto name = invocation.value("upn")) entry.user_principal_name = *std::move(name);
  if (auto sid = invocation.value("sid")) entry.sid = *std::move(sid);
  if (auto account = invocation.value("account")) entry.account = *std::move(account);
}

Result<std::shared_ptr<Store>> open_or_create_store(const Invocation& invocation) {
  if (owner_of(invocation.store + "/data.mdb")) return open_store(invocation);
  auto store = create_store(invocation);
  if (!store.ok() && store.status().fault() == Fault::AlreadyExists) return open_store(invocation);
  if (store.ok()) note("made an empty store in " + invocation.store);
  return store;
}

// What is wrong with the change is for `function` to say: nullopt, or why nothing is to be changed.
Exit change_entry(const Invocation& invocation,
                  const std::function<std::optional<std::string>(DirectoryEntry&)>& function) {
  const auto mailbox = open_mailbox(invocation, invocation.arguments[0]);
  if (!mailbox.ok()) return fail(mailbox.status());
  const auto& [store, found] = mailbox.value();
  DirectoryEntry changed;
  std::optional<std::string> problem;
  const auto status = store->change_mailbox(found.guid, invocation.deadline, [&](DirectoryEntry& entry) {
    changed = entry;
    problem = function(changed);
    if (!problem) entry = changed;
  });
  if (!status.ok()) return fail(status);
  if (problem) return fail(Exit::Refused, *problem);
  print_entry(invocation, changed, nullptr);
  return Exit::Ok;
}

bool same_address(const std::string& one, const std::string& other) {
  return ascii_lower(one) == ascii_lower(other);
}

bool has_alias(const DirectoryEntry& entry, const std::string& address) {
  return std::ranges::any_of(entry.aliases, [&](const auto& alias) { return same_address(alias, address); });
}

// Whether a person at a terminal does not want it.
bool is_called_off(const DirectoryEntry& entry) {
  note("remove the mailbox " + entry.primary_smtp_address + " with all that is in it? [y/N]");
  std::string answer;
  std::getline(std::cin, answer);
  return answer != "y" && answer != "Y" && answer != "yes";
}

}  // namespace

Exit init(const Invocation& invocation) {
  auto store = create_store(invocation);
  if (!store.ok()) return fail(store.status());
  const std::string owner = user_name(geteuid());
  if (invocation.json) {
    print_json(Json{{"store", invocation.store}, {"owner", owner}});
  } else {
    print("made an empty store in " + printable(invocation.store) + " for " + owner);
  }
  return Exit::Ok;
}

Exit mailbox_add(const Invocation& invocation) {
  DirectoryEntry entry;
  entry.guid = Guid::random();
  if (const auto text = invocation.value("guid")) {
    const auto guid = Guid::parse(*text);
    if (!guid)
      return fail(Exit::Usage, "--guid takes a GUID like 6f1e2a34-0c1b-4d8e-9a57-3b1f2c4d5e6f, not " + *text);
    entry.guid = *guid;
  }
  entry.primary_smtp_address = invocation.arguments[0];
  entry.aliases = invocation.values("alias");
  apply_names(invocation, entry);
  if (const auto wrong = what_is_wrong(entry); !wrong.empty()) return fail(Exit::Usage, wrong);

  auto store = open_or_create_store(invocation);
  if (!store.ok()) return fail(store.status());
  if (auto status = store.value()->add_mailbox(entry, invocation.deadline); !status.ok()) return fail(status);
  print_entry(invocation, entry, nullptr);
  return Exit::Ok;
}

Exit mailbox_show(const Invocation& invocation) {
  const auto mailbox = open_mailbox(invocation, invocation.arguments[0]);
  if (!mailbox.ok()) return fail(mailbox.status());
  const auto& [store, entry] = mailbox.value();
  Mailbox head;
  if (auto status = store->read(entry.guid, [&](MailboxView& view) { head = view.mailbox(); });
      !status.ok()) {
    return fail(status);
  }
  print_entry(invocation, entry, &head);
  return Exit::Ok;
}

Exit mailbox_list(const Invocation& invocation) {
  auto store = open_store(invocation);
  if (!store.ok()) return fail(store.status());
  std::optional<Guid> after;
  while (true) {
    const auto entries = store.value()->mailboxes(after, kAtATime);
    if (!entries.ok()) return fail(entries.status());
    if (invocation.json && !after) print("[");
    for (const auto& entry : entries.value()) {
      if (invocation.json) {
        print((after ? "," : "") + to_json(entry).dump(-1, ' ', true, Json::error_handler_t::replace));
      } else {
        std::string line = entry.guid.text() + "  " + printable(entry.primary_smtp_address);
        for (const auto& alias : entry.aliases) line += "  " + printable(alias);
        print(line);
      }
      after = entry.guid;
    }
    if (entries.value().size() < kAtATime) break;
  }
  if (invocation.json) print("]");
  return Exit::Ok;
}

Exit mailbox_set(const Invocation& invocation) {
  return change_entry(invocation, [&](DirectoryEntry& entry) -> std::optional<std::string> {
    if (auto address = invocation.value("address")) {
      if (has_alias(entry, *address)) return *address + " is an alias of this mailbox; take it away first";
      entry.primary_smtp_address = *std::move(address);
    }
    apply_names(invocation, entry);
    return std::nullopt;
  });
}

Exit mailbox_remove(const Invocation& invocation) {
  const auto mailbox = open_mailbox(invocation, invocation.arguments[0]);
  if (!mailbox.ok()) return fail(mailbox.status());
  const auto& [store, entry] = mailbox.value();
  if (!invocation.has("yes") && isatty(STDIN_FILENO) != 0 && is_called_off(entry)) {
    return fail(Exit::Refused, "nothing was removed");
  }
  // The deadline began before the question.
  const Deadline deadline =
      std::max(invocation.deadline, std::chrono::steady_clock::now() + std::chrono::seconds(1));
  if (auto status = store->remove_mailbox(entry.guid, deadline); !status.ok()) return fail(status);
  if (invocation.json) print_json(to_json(entry));
  return Exit::Ok;
}

Exit alias_add(const Invocation& invocation) {
  return change_entry(invocation, [&](DirectoryEntry& entry) -> std::optional<std::string> {
    const std::string& address = invocation.arguments[1];
    if (same_address(entry.primary_smtp_address, address) || has_alias(entry, address))
      return address + " is an address of this mailbox already";
    entry.aliases.push_back(address);
    return std::nullopt;
  });
}

Exit alias_remove(const Invocation& invocation) {
  return change_entry(invocation, [&](DirectoryEntry& entry) -> std::optional<std::string> {
    const auto is_meant = [&](const auto& alias) { return same_address(alias, invocation.arguments[1]); };
    if (std::erase_if(entry.aliases, is_meant) != 0) return std::nullopt;
    return invocation.arguments[1] + " is no alias of " + entry.primary_smtp_address;
  });
}

}  // namespace ews_im::store::ctl
