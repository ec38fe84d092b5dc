// SPDX-License-Identifier: Apache-2.0
// contact ...: the contacts of one mailbox's list, by the rules that the operations keep.
#include <ctime>

#include "store/ctl/commands.h"
#include "store/ctl/list_view.h"
#include "store/ctl/session.h"

namespace ews_im::store::ctl {
namespace {

using Problem = std::optional<std::string>;

// The group that --group names; left out, none.
Problem pick_target(const Invocation& invocation, MailboxView& view, Group& target) {
  target.reset();
  const auto text = invocation.value("group");
  if (!text) return std::nullopt;
  auto picked = pick_group(view, *text);
  if (auto* problem = std::get_if<std::string>(&picked)) return std::move(*problem);
  target = std::get<ImGroup>(picked).number;
  return std::nullopt;
}

using AddFunction = std::function<Accepted<ImContact>(MailboxTransaction&, Group)>;

Exit add_contact(const Invocation& invocation, const AddFunction& add) {
  const auto mailbox = open_mailbox(invocation, invocation.arguments[0]);
  if (!mailbox.ok()) return fail(mailbox.status());
  ImContact added;
  const Exit exit = change_list(invocation, mailbox.value(), [&](MailboxTransaction& txn) -> Problem {
    Group target;
    if (auto problem = pick_target(invocation, txn, target)) return problem;
    auto outcome = add(txn, target);
    if (const auto* refusal = std::get_if<Refusal>(&outcome)) {
      return refusal_text(*refusal, invocation.value("group").value_or("Other Contacts"));
    }
    added = std::get<ImContact>(std::move(outcome));
    return std::nullopt;
  });
  if (exit != Exit::Ok) return exit;
  if (invocation.json) {
    print_json(to_json(to_view(added)));
  } else {
    print(to_line(to_view(added)));
  }
  return exit;
}

Draw draw_now() {
  Draw draw;
  draw.creation_time = std::time(nullptr);
  return draw;
}

// Runs a change on the contact that the second argument names.
using ContactChange = std::function<Problem(MailboxTransaction&, const ImContact&)>;

Exit change_contact(const Invocation& invocation, const ContactChange& change) {
  const auto mailbox = open_mailbox(invocation, invocation.arguments[0]);
  if (!mailbox.ok()) return fail(mailbox.status());
  return change_list(invocation, mailbox.value(), [&](MailboxTransaction& txn) -> Problem {
    const auto picked = pick_contact(txn, invocation.arguments[1]);
    if (const auto* problem = std::get_if<std::string>(&picked)) return *problem;
    return change(txn, std::get<ImContact>(picked));
  });
}

// Applies a rule that takes a contact and a group, to the group of that name or number.
using GroupRule = Accepted<Done> (*)(MailboxTransaction&, ItemNumber, ItemNumber);

Problem apply(MailboxTransaction& txn, GroupRule rule, const ImContact& contact, const std::string& group) {
  const auto picked = pick_group(txn, group);
  if (const auto* problem = std::get_if<std::string>(&picked)) return *problem;
  const auto& found = std::get<ImGroup>(picked);
  const auto outcome = rule(txn, contact.number, found.number);
  if (const auto* refusal = std::get_if<Refusal>(&outcome)) return refusal_text(*refusal, found.display_name);
  return std::nullopt;
}

Accepted<Done> join_group(MailboxTransaction& txn, ItemNumber contact, ItemNumber group) {
  return add_im_contact_to_group(txn, contact, group);
}

}  // namespace

Exit contact_add(const Invocation& invocation) {
  const NewImContact contact{invocation.arguments[1], invocation.value("name").value_or("")};
  if (const auto wrong = address_problem(contact.im_address)) return fail(Exit::Usage, *wrong);
  if (invocation.has("name")) {
    if (const auto wrong = name_problem(contact.display_name)) return fail(Exit::Usage, *wrong);
  }
  const Draw draw = draw_now();
  return add_contact(invocation, [&](MailboxTransaction& txn, Group group) {
    return add_new_im_contact_to_group(txn, contact, group, draw);
  });
}

Exit contact_add_tel(const Invocation& invocation) {
  const NewTelUriContact contact{invocation.arguments[1], invocation.arguments[2], invocation.arguments[3]};
  for (const auto& address :
       {contact.tel_uri_address, contact.im_contact_sip_uri_address, contact.im_telephone_number}) {
    if (const auto wrong = address_problem(address)) return fail(Exit::Usage, *wrong);
  }
  const Draw draw = draw_now();
  return add_contact(invocation, [&](MailboxTransaction& txn, Group group) {
    return add_new_tel_uri_contact_to_group(txn, contact, group, draw);
  });
}

Exit contact_copy(const Invocation& invocation) {
  return change_contact(invocation, [&](MailboxTransaction& txn, const ImContact& contact) {
    return apply(txn, join_group, contact, invocation.arguments[2]);
  });
}

Exit contact_move(const Invocation& invocation) {
  return change_contact(invocation, [&](MailboxTransaction& txn, const ImContact& contact) -> Problem {
    const auto from = pick_group(txn, invocation.arguments[2]);
    const auto to = pick_group(txn, invocation.arguments[3]);
    if (from.index() == 0 && to.index() == 0 &&
        std::get<ImGroup>(from).number == std::get<ImGroup>(to).number) {
      return "the contact cannot move from a group to the same group";
    }
    if (auto problem = apply(txn, join_group, contact, invocation.arguments[3])) return problem;
    if (auto problem = apply(txn, remove_im_contact_from_group, contact, invocation.arguments[2]))
      return problem;
    if (txn.im_contact(contact.number)) return std::nullopt;
    return "the contact would be in no group but Tagged and so leave the list; copy it to Tagged instead";
  });
}

Exit contact_remove(const Invocation& invocation) {
  return change_contact(invocation, [&](MailboxTransaction& txn, const ImContact& contact) -> Problem {
    if (const auto group = invocation.value("group"))
      return apply(txn, remove_im_contact_from_group, contact, *group);
    const auto outcome = remove_contact_from_im_list(txn, contact.number);
    if (const auto* refusal = std::get_if<Refusal>(&outcome))
      return refusal_text(*refusal, invocation.arguments[1]);
    return std::nullopt;
  });
}

}  // namespace ews_im::store::ctl
