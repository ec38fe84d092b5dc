// SPDX-License-Identifier: Apache-2.0
// The operations on contacts: AddNewImContactToGroup, AddNewTelUriContactToGroup, AddImContactToGroup,
// RemoveImContactFromGroup, RemoveContactFromImList (MS-OXWSCOS 3.1.4).
#include <ctime>

#include "mod_ews_im/ews/arguments.h"
#include "mod_ews_im/ews/persona.h"

namespace ews_im::ews {
namespace {

using store::Accepted;
using store::Done;
using store::ItemNumber;
using store::MailboxTransaction;

constexpr RefusalCodes kMissingIsNotFound{.no_such_group = ResponseCode::ErrorItemNotFound};
constexpr RefusalCodes kRemovalFromGroup{.no_such_group = ResponseCode::ErrorInvalidImGroupId,
                                         .no_such_contact = ResponseCode::ErrorInvalidImContactId,
                                         .failure = ResponseCode::ErrorUnableToRemoveImContactFromGroup};

void write_persona_payload(Output& out, const IdWriter& ids, const store::ImContact& contact) {
  out.raw("<m:Persona>");
  write_persona(out, ids, store::to_view(contact), ids.item_id(contact.number), {});
  out.raw("</m:Persona>");
}

store::Group group_number(const std::optional<ItemId>& id, MailboxTransaction& txn) {
  if (!id) return std::nullopt;
  return item_number(*id, txn.mailbox());
}

using AddRule =
    std::function<Accepted<store::ImContact>(MailboxTransaction&, store::Group, const store::Draw&)>;

/// Adds a contact to the group that GroupId names, if it does, and answers with its persona. `too_long`: a
/// text of the request is, which counts only where the id is sound.
Reply add_new(const Call& call, const std::optional<ErrorMessage>& too_long, const AddRule& rule) {
  const auto group = id_argument(call, "GroupId", Named::Group);
  if (const auto* error = std::get_if<ErrorMessage>(&group))
    return error_reply(call.envelope, call.version, *error);
  if (too_long) return error_reply(call.envelope, call.version, *too_long);
  const store::Draw draw{.creation_time = std::time(nullptr)};
  return run_rule<store::ImContact>(
      call, kMissingIsNotFound,
      [&](MailboxTransaction& txn) {
        return rule(txn, group_number(std::get<std::optional<ItemId>>(group), txn), draw);
      },
      write_persona_payload);
}

using MemberRule = std::function<Accepted<Done>(MailboxTransaction&, ItemNumber, store::Group)>;

/// Runs a rule on the contact and the group that ContactId and GroupId name.
Reply on_contact(const Call& call, const RefusalCodes& codes, const MemberRule& rule) {
  const auto contact = id_argument(call, "ContactId", Named::Contact);
  if (const auto* error = std::get_if<ErrorMessage>(&contact))
    return error_reply(call.envelope, call.version, *error);
  const auto group = id_argument(call, "GroupId", Named::Group);
  if (const auto* error = std::get_if<ErrorMessage>(&group))
    return error_reply(call.envelope, call.version, *error);
  return run_rule<Done>(
      call, codes,
      [&](MailboxTransaction& txn) {
        return rule(txn, item_number(*std::get<std::optional<ItemId>>(contact), txn.mailbox()),
                    group_number(std::get<std::optional<ItemId>>(group), txn));
      },
      nullptr);
}

}  // namespace

Reply add_new_im_contact_to_group(const Call& call) {
  const store::NewImContact contact{std::string(text_argument(call, "ImAddress")),
                                    std::string(text_argument(call, "DisplayName"))};
  auto too_long = check_address(contact.im_address);
  if (!too_long) too_long = check_display_name(contact.display_name);
  return add_new(call, too_long, [&](MailboxTransaction& txn, store::Group group, const store::Draw& draw) {
    return store::add_new_im_contact_to_group(txn, contact, group, draw);
  });
}

Reply add_new_tel_uri_contact_to_group(const Call& call) {
  const store::NewTelUriContact contact{std::string(text_argument(call, "TelUriAddress")),
                                        std::string(text_argument(call, "ImContactSipUriAddress")),
                                        std::string(text_argument(call, "ImTelephoneNumber"))};
  std::optional<ErrorMessage> too_long;
  for (const std::string* text :
       {&contact.tel_uri_address, &contact.im_contact_sip_uri_address, &contact.im_telephone_number}) {
    if (!too_long) too_long = check_address(*text);
  }
  return add_new(call, too_long, [&](MailboxTransaction& txn, store::Group group, const store::Draw& draw) {
    return store::add_new_tel_uri_contact_to_group(txn, contact, group, draw);
  });
}

Reply add_im_contact_to_group(const Call& call) {
  return on_contact(call, kMissingIsNotFound,
                    [](MailboxTransaction& txn, ItemNumber contact, store::Group group) {
                      return store::add_im_contact_to_group(txn, contact, group);
                    });
}

Reply remove_im_contact_from_group(const Call& call) {
  return on_contact(call, kRemovalFromGroup,
                    [](MailboxTransaction& txn, ItemNumber contact, store::Group group) {
                      return store::remove_im_contact_from_group(txn, contact, *group);
                    });
}

Reply remove_contact_from_im_list(const Call& call) {
  return on_contact(call, kMissingIsNotFound,
                    [](MailboxTransaction& txn, ItemNumber contact, store::Group /*none*/) {
                      return store::remove_contact_from_im_list(txn, contact);
                    });
}

}  // namespace ews_im::ews
