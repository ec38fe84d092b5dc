// SPDX-License-Identifier: Apache-2.0
// list show, group list, contact list, migration ...: an IM list as a whole.
#include "store/ctl/commands.h"
#include "store/ctl/list_view.h"
#include "store/ctl/session.h"

namespace ews_im::store::ctl {
namespace {

struct Shown {
  DirectoryEntry entry;
  ListView list;
};

Result<Shown> read_shown(const Invocation& invocation) {
  auto mailbox = open_mailbox(invocation, invocation.arguments[0]);
  if (!mailbox.ok()) return mailbox.status();
  auto list = read_list(*mailbox.value().store, mailbox.value().entry.guid);
  if (!list.ok()) return list.status();
  return Shown{std::move(mailbox.value().entry), std::move(list.value())};
}

Json groups_json(const ListView& list) {
  Json json = Json::array();
  for (const auto& group : list.groups) json.push_back(to_json(group));
  return json;
}

Json contacts_json(const ListView& list) {
  Json json = Json::array();
  const auto& contacts = list.contacts.contacts;
  for (auto contact = contacts.rbegin(); contact != contacts.rend(); ++contact)
    json.push_back(to_json(*contact));
  return json;
}

Exit set_migration(const Invocation& invocation, bool completed) {
  const auto mailbox = open_mailbox(invocation, invocation.arguments[0]);
  if (!mailbox.ok()) return fail(mailbox.status());
  return change_list(invocation, mailbox.value(), [&](MailboxTransaction& txn) -> std::optional<std::string> {
    txn.set_im_list_migration_completed(completed);
    return std::nullopt;
  });
}

}  // namespace

Exit list_show(const Invocation& invocation) {
  const auto shown = read_shown(invocation);
  if (!shown.ok()) return fail(shown.status());
  const auto& [entry, list] = shown.value();
  const bool migrated = list.mailbox.im_list_migration_completed;
  if (invocation.json) {
    print_json(Json{{"guid", entry.guid.text()},
                    {"address", entry.primary_smtp_address},
                    {"im_list_migration_completed", migrated},
                    {"groups", groups_json(list)},
                    {"contacts", contacts_json(list)}});
    return Exit::Ok;
  }
  print(printable(entry.primary_smtp_address) + (migrated ? "  (list migrated)" : ""));
  for (const auto& group : list.groups) {
    print(to_line(group));
    for (const auto& [joined, contact] : group.members) print("    " + to_line(*contact));
  }
  return Exit::Ok;
}

Exit group_list(const Invocation& invocation) {
  const auto shown = read_shown(invocation);
  if (!shown.ok()) return fail(shown.status());
  if (invocation.json) {
    print_json(groups_json(shown.value().list));
    return Exit::Ok;
  }
  for (const auto& group : shown.value().list.groups) print(to_line(group));
  return Exit::Ok;
}

Exit contact_list(const Invocation& invocation) {
  const auto shown = read_shown(invocation);
  if (!shown.ok()) return fail(shown.status());
  if (invocation.json) {
    print_json(contacts_json(shown.value().list));
    return Exit::Ok;
  }
  const auto& contacts = shown.value().list.contacts.contacts;
  for (auto contact = contacts.rbegin(); contact != contacts.rend(); ++contact) print(to_line(*contact));
  return Exit::Ok;
}

Exit migration_on(const Invocation& invocation) { return set_migration(invocation, true); }
Exit migration_off(const Invocation& invocation) { return set_migration(invocation, false); }

Exit migration_show(const Invocation& invocation) {
  const auto mailbox = open_mailbox(invocation, invocation.arguments[0]);
  if (!mailbox.ok()) return fail(mailbox.status());
  bool completed = false;
  auto status = mailbox.value().store->read(mailbox.value().entry.guid, [&](MailboxView& view) {
    completed = view.mailbox().im_list_migration_completed;
  });
  if (!status.ok()) return fail(status);
  if (invocation.json) {
    print_json(Json{{"im_list_migration_completed", completed}});
  } else {
    print(completed ? "on" : "off");
  }
  return Exit::Ok;
}

}  // namespace ews_im::store::ctl
