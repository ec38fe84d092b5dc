// SPDX-License-Identifier: Apache-2.0
// The operations on groups: AddImGroup, SetImGroup, RemoveImGroup, AddDistributionGroupToImList,
// RemoveDistributionGroupFromImList (MS-OXWSCOS 3.1.4).
#include "mod_ews_im/ews/arguments.h"
#include "mod_ews_im/ews/persona.h"

namespace ews_im::ews {
namespace {

using store::Accepted;
using store::Done;
using store::MailboxTransaction;

void write_group_payload(Output& out, const IdWriter& ids, const store::ImGroup& group) {
  out.raw("<m:ImGroup>");
  write_im_group(out, ids, group, {}, {});
  out.raw("</m:ImGroup>");
}

/// Runs a rule on the group that the request's GroupId names. `too_long`: a text of the request is, which
/// counts only where the id is sound.
Reply on_group(const Call& call, const RefusalCodes& codes,
               const std::function<Accepted<Done>(MailboxTransaction&, store::ItemNumber)>& rule,
               const std::optional<ErrorMessage>& too_long = {}) {
  const auto group = id_argument(call, "GroupId", Named::Group);
  if (const auto* error = std::get_if<ErrorMessage>(&group))
    return error_reply(call.envelope, call.version, *error);
  if (too_long) return error_reply(call.envelope, call.version, *too_long);
  const ItemId& id = *std::get<std::optional<ItemId>>(group);
  return run_rule<Done>(
      call, codes, [&](MailboxTransaction& txn) { return rule(txn, item_number(id, txn.mailbox())); },
      nullptr);
}

}  // namespace

Reply add_im_group(const Call& call) {
  const std::string_view name = text_argument(call, "DisplayName");
  if (const auto error = check_display_name(name)) return error_reply(call.envelope, call.version, *error);
  return run_rule<store::ImGroup>(
      call, {}, [&](MailboxTransaction& txn) { return store::add_im_group(txn, name); }, write_group_payload);
}

Reply set_im_group(const Call& call) {
  const std::string_view name = text_argument(call, "NewDisplayName");
  return on_group(
      call, {},
      [&](MailboxTransaction& txn, store::ItemNumber group) { return store::set_im_group(txn, group, name); },
      check_display_name(name));
}

Reply remove_im_group(const Call& call) {
  return on_group(call, {}, [](MailboxTransaction& txn, store::ItemNumber group) {
    return store::remove_im_group(txn, group);
  });
}

Reply add_distribution_group_to_im_list(const Call& call) {
  const std::string_view address = text_argument(call, "SmtpAddress");
  const std::string_view name = text_argument(call, "DisplayName");
  if (const auto error = check_address(address)) return error_reply(call.envelope, call.version, *error);
  if (const auto error = check_display_name(name)) return error_reply(call.envelope, call.version, *error);
  return run_rule<store::ImGroup>(
      call, {},
      [&](MailboxTransaction& txn) { return store::add_distribution_group_to_im_list(txn, address, name); },
      write_group_payload);
}

Reply remove_distribution_group_from_im_list(const Call& call) {
  return on_group(call, {.no_such_group = ResponseCode::ErrorItemNotFound},
                  [](MailboxTransaction& txn, store::ItemNumber group) {
                    return store::remove_distribution_group_from_im_list(txn, group);
                  });
}

}  // namespace ews_im::ews
