// SPDX-License-Identifier: Apache-2.0
// group ...: the groups of one mailbox's list, by the rules that the operations keep.
#include "store/ctl/commands.h"
#include "store/ctl/list_view.h"
#include "store/ctl/session.h"

namespace ews_im::store::ctl {
namespace {

// A group that a rule has added goes to `added`, a refusal becomes words.
std::optional<std::string> take_group(Accepted<ImGroup> outcome, std::string_view what, ImGroup& added) {
  if (const auto* refusal = std::get_if<Refusal>(&outcome)) return refusal_text(*refusal, what);
  added = std::get<ImGroup>(std::move(outcome));
  return std::nullopt;
}

std::optional<std::string> take_done(const Accepted<Done>& outcome, std::string_view what) {
  if (const auto* refusal = std::get_if<Refusal>(&outcome)) return refusal_text(*refusal, what);
  return std::nullopt;
}

void print_added(const Invocation& invocation, const ImGroup& group) {
  if (invocation.json) {
    print_json(to_json(group));
  } else {
    print(std::to_string(group.number) + "  " + printable(group.display_name));
  }
}

}  // namespace

Exit group_add(const Invocation& invocation) {
  const std::string& name = invocation.arguments[1];
  if (const auto wrong = name_problem(name)) return fail(Exit::Usage, *wrong);
  const auto mailbox = open_mailbox(invocation, invocation.arguments[0]);
  if (!mailbox.ok()) return fail(mailbox.status());
  ImGroup added;
  const Exit exit = change_list(invocation, mailbox.value(), [&](MailboxTransaction& txn) {
    return take_group(add_im_group(txn, name), name, added);
  });
  if (exit == Exit::Ok) print_added(invocation, added);
  return exit;
}

Exit group_add_dl(const Invocation& invocation) {
  const std::string& address = invocation.arguments[1];
  const std::string name = invocation.value("name").value_or("");
  if (const auto wrong = address_problem(address)) return fail(Exit::Usage, *wrong);
  if (invocation.has("name")) {
    if (const auto wrong = name_problem(name)) return fail(Exit::Usage, *wrong);
  }
  const auto mailbox = open_mailbox(invocation, invocation.arguments[0]);
  if (!mailbox.ok()) return fail(mailbox.status());
  ImGroup added;
  const Exit exit = change_list(invocation, mailbox.value(), [&](MailboxTransaction& txn) {
    return take_group(add_distribution_group_to_im_list(txn, address, name), address, added);
  });
  if (exit == Exit::Ok) print_added(invocation, added);
  return exit;
}

Exit group_rename(const Invocation& invocation) {
  const std::string& name = invocation.arguments[2];
  if (const auto wrong = name_problem(name)) return fail(Exit::Usage, *wrong);
  const auto mailbox = open_mailbox(invocation, invocation.arguments[0]);
  if (!mailbox.ok()) return fail(mailbox.status());
  return change_list(invocation, mailbox.value(), [&](MailboxTransaction& txn) -> std::optional<std::string> {
    const auto picked = pick_group(txn, invocation.arguments[1]);
    if (const auto* problem = std::get_if<std::string>(&picked)) return *problem;
    const auto& group = std::get<ImGroup>(picked);
    const auto outcome = set_im_group(txn, group.number, name);
    const auto* refusal = std::get_if<Refusal>(&outcome);
    const bool of_name = refusal != nullptr && *refusal == Refusal::ImGroupDisplayNameAlreadyExists;
    return take_done(outcome, of_name ? name : group.display_name);
  });
}

Exit group_remove(const Invocation& invocation) {
  const auto mailbox = open_mailbox(invocation, invocation.arguments[0]);
  if (!mailbox.ok()) return fail(mailbox.status());
  return change_list(invocation, mailbox.value(), [&](MailboxTransaction& txn) -> std::optional<std::string> {
    const auto picked = pick_group(txn, invocation.arguments[1]);
    if (const auto* problem = std::get_if<std::string>(&picked)) return *problem;
    const auto& group = std::get<ImGroup>(picked);
    const bool is_dl = group.type == GroupType::DistributionGroup;
    return take_done(is_dl ? remove_distribution_group_from_im_list(txn, group.number)
                           : remove_im_group(txn, group.number),
                     group.display_name);
  });
}

}  // namespace ews_im::store::ctl
