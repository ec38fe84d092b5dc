// SPDX-License-Identifier: Apache-2.0
#include "mod_ews_im/ews/persona.h"

#include <algorithm>
#include <ctime>

#include "store/directory.h"

namespace ews_im::ews {
namespace {

constexpr std::string_view kAttributedEnd =
    "</t:Value><t:Attributions><t:Attribution>0</t:Attribution></t:Attributions>";

void write_mailbox(Output& out, const store::ImContactView& contact) {
  out.raw("<t:Name>")
      .text(contact.display_name)
      .raw("</t:Name><t:EmailAddress>")
      .text(email_address(contact));
  out.raw("</t:EmailAddress><t:RoutingType>SMTP</t:RoutingType>");
}

void write_attributed(Output& out, std::string_view value) {
  out.raw("<t:StringAttributedValue><t:Value>")
      .text(value)
      .raw(kAttributedEnd)
      .raw("</t:StringAttributedValue>");
}

void write_attribution(Output& out, const IdWriter& ids, const store::ImContactView& contact) {
  std::string id;
  std::string key;
  ids.append_item_id(id, contact.number);
  ids.append_contact_change_key(key, contact.change_number);
  out.raw("<t:Attributions><t:Attribution><t:Id>0</t:Id><t:SourceId Id=\"")
      .raw(id)
      .raw("\" ChangeKey=\"")
      .raw(key);
  if (contact.kind == store::ContactKind::TelUri) {
    out.raw(
        "\"/><t:DisplayName>Lync Contacts</t:DisplayName><t:IsWritable>false</t:IsWritable>"
        "<t:IsQuickContact>true</t:IsQuickContact><t:IsHidden>false</t:IsHidden>");
  } else {
    out.raw(
        "\"/><t:DisplayName>Outlook</t:DisplayName><t:IsWritable>true</t:IsWritable>"
        "<t:IsQuickContact>true</t:IsQuickContact><t:IsHidden>false</t:IsHidden><t:FolderId Id=\"");
    out.raw(ids.folder_id()).raw("\" ChangeKey=\"").raw(kFolderChangeKey).raw("\"/>");
  }
  out.raw("</t:Attribution></t:Attributions>");
}

void write_names(Output& out, const store::ImContactView& contact) {
  if (contact.kind == store::ContactKind::TelUri) {
    out.raw("<t:DisplayName/><t:DisplayNameFirstLast>").text(contact.im_telephone_number);
    out.raw("</t:DisplayNameFirstLast><t:DisplayNameLastFirst>").text(contact.im_telephone_number);
    out.raw("</t:DisplayNameLastFirst><t:FileAs/><t:FileAsId>None</t:FileAsId>");
    return;
  }
  out.raw("<t:DisplayName>").text(contact.display_name).raw("</t:DisplayName><t:DisplayNameFirstLast>");
  out.text(contact.display_name)
      .raw("</t:DisplayNameFirstLast><t:DisplayNameLastFirst>")
      .text(contact.display_name);
  out.raw("</t:DisplayNameLastFirst><t:FileAsId>None</t:FileAsId>");
}

void write_extended(Output& out, const store::ImContactView& contact, std::span<const AskedProperty> asked) {
  bool open = false;
  for (const AskedProperty& property : asked) {
    const auto value = property_value(property, contact);
    if (!value) continue;
    if (!open) out.raw("<t:ExtendedProperties>");
    open = true;
    out.raw("<t:ExtendedPropertyAttributedValue><t:Value>")
        .raw(property.field_uri)
        .raw("<t:Value>")
        .text(*value);
    out.raw("</t:Value>").raw(kAttributedEnd).raw("</t:ExtendedPropertyAttributedValue>");
  }
  if (open) out.raw("</t:ExtendedProperties>");
}

}  // namespace

void write_persona(Output& out, const IdWriter& ids, const store::ImContactView& contact,
                   std::span<const AskedProperty> asked) {
  const bool tel = contact.kind == store::ContactKind::TelUri;
  const bool email = !tel && !email_address(contact).empty();
  std::string id;
  ids.append_persona_id(id, contact.persona_id);
  out.raw("<t:PersonaId Id=\"").raw(id).raw("\"/><t:PersonaType>Person</t:PersonaType><t:CreationTime>");
  out.raw(date_time(contact.creation_time)).raw("</t:CreationTime>");
  write_names(out, contact);
  if (email) {
    out.raw("<t:EmailAddress>");
    write_mailbox(out, contact);
    out.raw("</t:EmailAddress><t:EmailAddresses><t:Address>");
    write_mailbox(out, contact);
    out.raw("</t:Address></t:EmailAddresses>");
  }
  if (!tel) out.raw("<t:ImAddress>").text(contact.im_address).raw("</t:ImAddress>");
  out.raw("<t:RelevanceScore>2147483647</t:RelevanceScore>");
  write_attribution(out, ids, contact);
  if (!tel) {
    out.raw("<t:DisplayNames>");
    write_attributed(out, contact.display_name);
    out.raw("</t:DisplayNames>");
  }
  out.raw("<t:FileAsIds>");
  write_attributed(out, "None");
  out.raw("</t:FileAsIds>");
  if (tel) {
    out.raw("<t:OtherTelephones><t:PhoneNumberAttributedValue><t:Value><t:Number>")
        .text(contact.im_telephone_number);
    out.raw("</t:Number><t:Type>Other</t:Type>").raw(kAttributedEnd);
    out.raw("</t:PhoneNumberAttributedValue></t:OtherTelephones>");
  }
  if (email) {
    out.raw("<t:Emails1><t:EmailAddressAttributedValue><t:Value>");
    write_mailbox(out, contact);
    out.raw(kAttributedEnd).raw("</t:EmailAddressAttributedValue></t:Emails1>");
  }
  if (!tel) {
    out.raw("<t:ImAddresses>");
    write_attributed(out, contact.im_address);
    out.raw("</t:ImAddresses>");
  }
  write_extended(out, contact, asked);
}

void write_im_group(Output& out, const IdWriter& ids, const store::ImGroup& group,
                    std::span<const store::ItemNumber> members, std::span<const AskedProperty> asked) {
  std::string id;
  ids.append_item_id(id, group.number);
  out.raw("<t:DisplayName>")
      .text(group.display_name)
      .raw("</t:DisplayName><t:GroupType>")
      .raw(group_type_name(group.type));
  out.raw("</t:GroupType><t:ExchangeStoreId Id=\"")
      .raw(id)
      .raw("\" ChangeKey=\"")
      .raw(kGroupChangeKey)
      .raw("\"/>");
  if (!members.empty()) {
    out.raw("<t:MemberCorrelationKey>");
    for (const store::ItemNumber member : members) {
      id.clear();
      ids.append_item_id(id, member);
      out.raw("<t:ItemId Id=\"").raw(id).raw("\" ChangeKey=\"").raw(kMemberChangeKey).raw("\"/>");
    }
    out.raw("</t:MemberCorrelationKey>");
  }
  bool open = false;
  for (const AskedProperty& property : asked) {
    const auto value = property_value(property, group);
    if (!value) continue;
    if (!open) out.raw("<t:ExtendedProperties>");
    open = true;
    out.raw("<t:ExtendedProperty>").raw(property.field_uri).raw("<t:Value>").text(*value);
    out.raw("</t:Value></t:ExtendedProperty>");
  }
  if (open) out.raw("</t:ExtendedProperties>");
  if (!group.smtp_address.empty())
    out.raw("<t:SmtpAddress>").text(group.smtp_address).raw("</t:SmtpAddress>");
}

std::string_view group_type_name(store::GroupType type) {
  switch (type) {
    case store::GroupType::OtherContacts:
      return "IPM.DistList.MOC.OtherContacts";
    case store::GroupType::Tagged:
      return "IPM.DistList.MOC.Tagged";
    case store::GroupType::Favorites:
      return "IPM.DistList.MOC.Favorites";
    case store::GroupType::UserGroup:
      return "IPM.DistList.MOC.UserGroup";
    case store::GroupType::DistributionGroup:
      return "IPM.DistList.MOC.DG";
  }
  return {};
}

std::string_view email_address(const store::ImContactView& contact) {
  std::string_view address = contact.im_address;
  if (store::ascii_lower(address.substr(0, 4)) == "sip:") address.remove_prefix(4);
  return std::count(address.begin(), address.end(), '@') == 1 ? address : std::string_view{};
}

std::string date_time(std::int64_t seconds) {
  const std::time_t time = seconds;
  std::tm parts{};
  char text[32];
  if (gmtime_r(&time, &parts) == nullptr || parts.tm_year > 8099 || parts.tm_year < -899)
    return "1970-01-01T00:00:00Z";
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

}  // namespace ews_im::ews
