// SPDX-License-Identifier: Apache-2.0
#include "mod_ews_im/ews/extended_property.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "mod_ews_im/ews/persona.h"
#include "mod_ews_im/ews/xml_text.h"
#include "store/directory.h"

namespace ews_im::ews {
namespace {

constexpr std::string_view kAddressSet = "00062004-0000-0000-c000-000000000046";  // PSETID_Address

using ContactValue = std::string (*)(const store::ImContactView&);
using GroupValue = std::string (*)(const store::ImGroup&);

/// A property by its tag, or by its number in PSETID_Address; an empty value is one that the item lacks.
struct Row {
  std::uint32_t tag;
  std::int32_t address_id;
  std::string_view type;
  ContactValue contact;
  GroupValue group;
};

std::string none(const store::ImGroup&) { return {}; }
std::string contact_class(const store::ImContactView&) { return "IPM.Contact"; }
std::string contact_name(const store::ImContactView& contact) {
  return std::string(contact.kind == store::ContactKind::TelUri ? contact.im_telephone_number
                                                                : contact.display_name);
}
std::string contact_im_address(const store::ImContactView& contact) {
  return std::string(contact.im_address);
}
std::string contact_email(const store::ImContactView& contact) { return std::string(email_address(contact)); }
std::string contact_telephone(const store::ImContactView& contact) {
  return std::string(contact.im_telephone_number);
}
std::string contact_email_name(const store::ImContactView& contact) {
  return email_address(contact).empty() ? std::string() : std::string(contact.display_name);
}
std::string contact_email_type(const store::ImContactView& contact) {
  return email_address(contact).empty() ? "" : "SMTP";
}
std::string contact_created(const store::ImContactView& contact) {
  return std::string(date_time(contact.creation_time).view());
}
std::string no_contact(const store::ImContactView&) { return {}; }
std::string group_name(const store::ImGroup& group) { return group.display_name; }
std::string group_class(const store::ImGroup& group) { return std::string(group_type_name(group.type)); }
std::string group_address(const store::ImGroup& group) { return group.smtp_address; }

constexpr std::array kRows{
    Row{0x3001, 0, "String", contact_name, group_name},    // PidTagDisplayName
    Row{0x001A, 0, "String", contact_class, group_class},  // PidTagMessageClass
    Row{0x3007, 0, "SystemTime", contact_created, none},   // PidTagCreationTime
    Row{0x3A1F, 0, "String", contact_telephone, none},     // PidTagOtherTelephoneNumber
    Row{0x39FE, 0, "String", no_contact, group_address},   // PidTagSmtpAddress
    Row{0, 0x8062, "String", contact_im_address, none},    // PidLidInstantMessagingAddress
    Row{0, 0x8080, "String", contact_email_name, none},    // PidLidEmail1DisplayName
    Row{0, 0x8082, "String", contact_email_type, none},    // PidLidEmail1AddressType
    Row{0, 0x8083, "String", contact_email, none},         // PidLidEmail1EmailAddress
    Row{0, 0x8084, "String", contact_email, none},         // PidLidEmail1OriginalDisplayName
};

/// A number in the form that the schema allows.
std::int64_t number(std::string_view text) {
  text = trim_xml_space(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  if (hex) text.remove_prefix(2);
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
  return value;
}

std::string hex(std::uint32_t value) {
  char digits[8];
  const auto end = std::to_chars(digits, digits + sizeof digits, value, 16).ptr;
  return "0x" + std::string(digits, end);
}

}  // namespace

std::variant<std::vector<AskedProperty>, ResponseCode> read_asked_properties(const Element& request) {
  std::vector<AskedProperty> asked;
  const Element* properties = request.child(Namespace::Messages, "ExtendedProperties");
  if (properties == nullptr) return asked;
  for (const Element* path : properties->children) {
    const Attribute* tag = path->attribute("PropertyTag");
    const Attribute* distinguished = path->attribute("DistinguishedPropertySetId");
    const Attribute* set = path->attribute("PropertySetId");
    const Attribute* name = path->attribute("PropertyName");
    const Attribute* id = path->attribute("PropertyId");
    const std::string_view type = path->attribute("PropertyType")->value;
    const bool in_set = (distinguished != nullptr) != (set != nullptr) &&
                        (name != nullptr) != (id != nullptr) && tag == nullptr;
    const bool by_tag =
        tag != nullptr && distinguished == nullptr && set == nullptr && name == nullptr && id == nullptr;
    if (!in_set && !by_tag) return ResponseCode::ErrorInvalidExtendedProperty;
    const bool address_set =
        in_set && (distinguished != nullptr ? distinguished->value == "Address"
                                            : store::ascii_lower(set->value) == kAddressSet);
    for (std::size_t row = 0; row < kRows.size(); ++row) {
      const bool found = by_tag ? kRows[row].tag != 0 && number(tag->value) == kRows[row].tag
                                : address_set && id != nullptr && kRows[row].address_id != 0 &&
                                      number(id->value) == kRows[row].address_id;
      if (!found || kRows[row].type != type) continue;
      std::string uri = "<t:ExtendedFieldURI ";
      if (by_tag) {
        uri += "PropertyTag=\"" + hex(kRows[row].tag) + "\"";
      } else {
        uri += distinguished != nullptr ? std::string("DistinguishedPropertySetId=\"Address\"")
                                        : "PropertySetId=\"" + std::string(kAddressSet) + "\"";
        uri += " PropertyId=\"" + std::to_string(kRows[row].address_id) + "\"";
      }
      uri += " PropertyType=\"" + std::string(type) + "\"/>";
      const bool known = std::any_of(asked.begin(), asked.end(),
                                     [&](const AskedProperty& other) { return other.field_uri == uri; });
      if (!known) asked.push_back({row, std::move(uri)});
    }
  }
  return asked;
}

std::optional<std::string> property_value(const AskedProperty& asked, const store::ImContactView& contact) {
  std::string value = kRows[asked.row].contact(contact);
  if (value.empty()) return std::nullopt;
  return value;
}

std::optional<std::string> property_value(const AskedProperty& asked, const store::ImGroup& group) {
  std::string value = kRows[asked.row].group(group);
  if (value.empty()) return std::nullopt;
  return value;
}

}  // namespace ews_im::ews
