// SPDX-License-Identifier: Apache-2.0
#include "mod_ews_im/ews/persona.h"

#include <algorithm>
#include <chrono>

#include "store/directory.h"

namespace ews_im::ews {
namespace {

constexpr std::string_view kAttributedEnd =
    "</t:Value><t:Attributions><t:Attribution>0</t:Attribution></t:Attributions>";

template <class Out>
[[gnu::always_inline]] inline void write_id(Out& out, const IdText& id) {
  out.raw(id.head()).raw(id.rest());
}

// Counting needs no text of an id.
template <class Out>
[[gnu::always_inline]] inline void write_persona_id(Out& out, const IdWriter& ids,
                                                    const store::Guid& persona) {
  write_id(out, ids.persona_id(persona));
}
void write_persona_id(Counter& out, const IdWriter& ids, const store::Guid& persona) {
  out.add(ids.persona_id_size(persona));
}
template <class Out>
[[gnu::always_inline]] inline void write_change_key(Out& out, const IdWriter& ids,
                                                    store::ChangeNumber change) {
  write_id(out, ids.contact_change_key(change));
}
void write_change_key(Counter& out, const IdWriter&, store::ChangeNumber) { out.add(kContactChangeKeySize); }

/// Escaping adds no '@', so `address` may be escaped or not.
std::string_view email_in(std::string_view address) {
  address.remove_prefix(store::sip_scheme_size(address));
  const std::size_t at = address.find('@');
  const bool once = at != std::string_view::npos && address.find('@', at + 1) == std::string_view::npos;
  return once ? address : std::string_view{};
}

/// The texts of a contact, each escaped once for all the places in which it stands.
struct Texts {
  explicit Texts(const store::ImContactView& contact)
      : name(contact.display_name),
        address(contact.im_address),
        email(email_in(address.view())),
        telephone(contact.im_telephone_number) {}
  Escaped name;
  Escaped address;
  std::string_view email;
  Escaped telephone;
};

template <class Out>
[[gnu::always_inline]] inline void write_mailbox(Out& out, const Texts& texts) {
  out.raw("<t:Name>").raw(texts.name.view()).raw("</t:Name><t:EmailAddress>").raw(texts.email);
  out.raw("</t:EmailAddress><t:RoutingType>SMTP</t:RoutingType>");
}

template <class Out>
[[gnu::always_inline]] inline void write_attributed(Out& out, std::string_view value) {
  out.raw("<t:StringAttributedValue><t:Value>").raw(value).raw(kAttributedEnd);
  out.raw("</t:StringAttributedValue>");
}

template <class Out>
[[gnu::always_inline]] inline void write_attribution(Out& out, const IdWriter& ids,
                                                     const store::ImContactView& contact, const IdText& id) {
  out.raw("<t:Attributions><t:Attribution><t:Id>0</t:Id><t:SourceId Id=\"");
  write_id(out, id);
  out.raw("\" ChangeKey=\"");
  write_change_key(out, ids, contact.change_number);
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

template <class Out>
[[gnu::always_inline]] inline void write_names(Out& out, const Texts& texts, bool tel) {
  if (tel) {
    out.raw("<t:DisplayName/><t:DisplayNameFirstLast>").raw(texts.telephone.view());
    out.raw("</t:DisplayNameFirstLast><t:DisplayNameLastFirst>").raw(texts.telephone.view());
    out.raw("</t:DisplayNameLastFirst><t:FileAs/><t:FileAsId>None</t:FileAsId>");
    return;
  }
  out.raw("<t:DisplayName>").raw(texts.name.view()).raw("</t:DisplayName><t:DisplayNameFirstLast>");
  out.raw(texts.name.view()).raw("</t:DisplayNameFirstLast><t:DisplayNameLastFirst>").raw(texts.name.view());
  out.raw("</t:DisplayNameLastFirst><t:FileAsId>None</t:FileAsId>");
}

template <class Out>
void write_extended(Out& out, const store::ImContactView& contact, std::span<const AskedProperty> asked) {
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

void put_digits(char* at, unsigned value, unsigned digits) {
  for (; digits != 0; value /= 10) at[--digits] = static_cast<char>('0' + value % 10);
}

template <class Out>
[[gnu::always_inline]] inline void write_all_but_extended(Out& out, const IdWriter& ids,
                                                          const store::ImContactView& contact,
                                                          const IdText& id, const Texts& texts) {
  const bool tel = contact.kind == store::ContactKind::TelUri;
  const bool email = !tel && !texts.email.empty();
  out.raw("<t:PersonaId Id=\"");
  write_persona_id(out, ids, contact.persona_id);
  out.raw("\"/><t:PersonaType>Person</t:PersonaType><t:CreationTime>");
  out.raw(date_time(contact.creation_time).view()).raw("</t:CreationTime>");
  write_names(out, texts, tel);
  if (email) {
    out.raw("<t:EmailAddress>");
    write_mailbox(out, texts);
    out.raw("</t:EmailAddress><t:EmailAddresses><t:Address>");
    write_mailbox(out, texts);
    out.raw("</t:Address></t:EmailAddresses>");
  }
  if (!tel) out.raw("<t:ImAddress>").raw(texts.address.view()).raw("</t:ImAddress>");
  out.raw("<t:RelevanceScore>2147483647</t:RelevanceScore>");
  write_attribution(out, ids, contact, id);
  if (!tel) {
    out.raw("<t:DisplayNames>");
    write_attributed(out, texts.name.view());
    out.raw("</t:DisplayNames>");
  }
  out.raw("<t:FileAsIds>");
  write_attributed(out, "None");
  out.raw("</t:FileAsIds>");
  if (tel) {
    out.raw("<t:OtherTelephones><t:PhoneNumberAttributedValue><t:Value><t:Number>");
    out.raw(texts.telephone.view()).raw("</t:Number><t:Type>Other</t:Type>").raw(kAttributedEnd);
    out.raw("</t:PhoneNumberAttributedValue></t:OtherTelephones>");
  }
  if (email) {
    out.raw("<t:Emails1><t:EmailAddressAttributedValue><t:Value>");
    write_mailbox(out, texts);
    out.raw(kAttributedEnd).raw("</t:EmailAddressAttributedValue></t:Emails1>");
  }
  if (!tel) {
    out.raw("<t:ImAddresses>");
    write_attributed(out, texts.address.view());
    out.raw("</t:ImAddresses>");
  }
}

}  // namespace

void write_persona(Output& out, const IdWriter& ids, const store::ImContactView& contact, const IdText& id,
                   std::span<const AskedProperty> asked) {
  // What surrounds the texts takes a quarter of this, and no text comes more than seven times.
  constexpr std::size_t kMostAround = 8192;
  constexpr std::size_t kMostTimes = 8;
  const Texts texts(contact);
  const std::size_t most =
      kMostAround +
      kMostTimes * (texts.name.view().size() + texts.address.view().size() + texts.telephone.view().size());
  if (char* const at = out.room(most)) {
    Pen pen(at);
    write_all_but_extended(pen, ids, contact, id, texts);
    out.take(pen.end());
  } else {
    write_all_but_extended(out, ids, contact, id, texts);
  }
  write_extended(out, contact, asked);
}

void write_persona(Counter& out, const IdWriter& ids, const store::ImContactView& contact, const IdText& id,
                   std::span<const AskedProperty> asked) {
  write_all_but_extended(out, ids, contact, id, Texts(contact));
  write_extended(out, contact, asked);
}

template <class Out>
void write_im_group(Out& out, const IdWriter& ids, const store::ImGroup& group,
                    std::span<const IdText* const> members, std::span<const AskedProperty> asked) {
  out.raw("<t:DisplayName>")
      .text(group.display_name)
      .raw("</t:DisplayName><t:GroupType>")
      .raw(group_type_name(group.type));
  out.raw("</t:GroupType><t:ExchangeStoreId Id=\"");
  write_id(out, ids.item_id(group.number));
  out.raw("\" ChangeKey=\"").raw(kGroupChangeKey).raw("\"/>");
  if (!members.empty()) {
    out.raw("<t:MemberCorrelationKey>");
    for (const IdText* const member : members) {
      out.raw("<t:ItemId Id=\"");
      write_id(out, *member);
      out.raw("\" ChangeKey=\"").raw(kMemberChangeKey).raw("\"/>");
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

template void write_im_group(Output&, const IdWriter&, const store::ImGroup&, std::span<const IdText* const>,
                             std::span<const AskedProperty>);
template void write_im_group(Counter&, const IdWriter&, const store::ImGroup&, std::span<const IdText* const>,
                             std::span<const AskedProperty>);

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

std::string_view email_address(const store::ImContactView& contact) { return email_in(contact.im_address); }

DateTime date_time(std::int64_t seconds) {
  DateTime result{"1970-01-01T00:00:00"};
  result.text[19] = 'Z';
  constexpr std::int64_t kFirst = -30578688000;  // 1001-01-01
  constexpr std::int64_t kLast = 253402300799;   // 9999-12-31
  if (seconds < kFirst || seconds > kLast) return result;
  const std::chrono::sys_seconds time{std::chrono::seconds(seconds)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const auto in_day = static_cast<unsigned>((time - day).count());
  put_digits(result.text, static_cast<unsigned>(static_cast<int>(date.year())), 4);
  put_digits(result.text + 5, static_cast<unsigned>(date.month()), 2);
  put_digits(result.text + 8, static_cast<unsigned>(date.day()), 2);
  put_digits(result.text + 11, in_day / 3600, 2);
  put_digits(result.text + 14, in_day / 60 % 60, 2);
  put_digits(result.text + 17, in_day % 60, 2);
  return result;
}

}  // namespace ews_im::ews
