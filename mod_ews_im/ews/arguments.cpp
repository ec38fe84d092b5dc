// SPDX-License-Identifier: Apache-2.0
#include "mod_ews_im/ews/arguments.h"

namespace ews_im::ews {

std::string_view text_argument(const Call& call, std::string_view name) {
  const Element* child = call.request.child(Namespace::Messages, name);
  return child == nullptr ? std::string_view{} : child->text;
}

std::optional<ErrorMessage> check_display_name(std::string_view text) {
  if (store::character_count(text) <= store::kLongestDisplayName) return std::nullopt;
  return ErrorMessage{.code = ResponseCode::ErrorDataSizeLimitExceeded};
}

std::optional<ErrorMessage> check_address(std::string_view text) {
  if (text.size() <= store::kLongestAddress) return std::nullopt;
  return ErrorMessage{.code = ResponseCode::ErrorDataSizeLimitExceeded};
}

std::variant<std::optional<ItemId>, ErrorMessage> id_argument(const Call& call, std::string_view name,
                                                              Named named) {
  const Element* child = call.request.child(Namespace::Messages, name);
  if (child == nullptr) return std::optional<ItemId>();
  auto decoded = decode_item_id(child->attribute("Id")->value);
  if (const auto* code = std::get_if<ResponseCode>(&decoded)) return ErrorMessage{.code = *code};
  ItemId& id = std::get<ItemId>(decoded);
  if (id.mailbox != call.mailbox) {
    return ErrorMessage{.code = ResponseCode::ErrorNonExistentMailbox,
                        .text = kNoMailboxWithSuchGuid,
                        .message_xml = MessageXmlValue{"MailboxGuid", id.mailbox.text()}};
  }
  if (id.kind == ItemId::Kind::Folder)
    return ErrorMessage{.code = ResponseCode::ErrorCannotUseFolderIdForItemId};
  if (id.kind == ItemId::Kind::Persona) {
    return ErrorMessage{.code = named == Named::Group ? ResponseCode::ErrorInvalidImGroupId
                                                      : ResponseCode::ErrorInvalidImContactId};
  }
  const Attribute* key = child->attribute("ChangeKey");
  if (key != nullptr && !is_change_key(key->value))
    return ErrorMessage{.code = ResponseCode::ErrorInvalidChangeKey};
  return std::optional<ItemId>(std::move(id));
}

ResponseCode refusal_code(store::Refusal refusal, const RefusalCodes& codes) {
  using store::Refusal;
  switch (refusal) {
    case Refusal::NoSuchGroup:
      return codes.no_such_group;
    case Refusal::NotAnImGroup:
    case Refusal::WrongGroupType:
      return ResponseCode::ErrorInvalidImGroupId;
    case Refusal::NoSuchContact:
      return codes.no_such_contact;
    case Refusal::NotAnImContact:
    case Refusal::ContactNotInGroup:
      return ResponseCode::ErrorInvalidImContactId;
    case Refusal::ImContactLimitReached:
      return ResponseCode::ErrorImContactLimitReached;
    case Refusal::ImGroupLimitReached:
      return ResponseCode::ErrorImGroupLimitReached;
    case Refusal::ImGroupDisplayNameAlreadyExists:
      return ResponseCode::ErrorImGroupDisplayNameAlreadyExists;
    case Refusal::NoSuchDistributionGroup:
      return ResponseCode::ErrorInvalidImDistributionGroupSmtpAddress;
  }
  return ResponseCode::ErrorInternalServerError;
}

}  // namespace ews_im::ews
