// SPDX-License-Identifier: Apache-2.0
#include "store/model.h"

#include <algorithm>

#include "store/directory.h"

namespace ews_im::store {
namespace {

template <class To, class Memberships, class From>
To converted(const From& from, Memberships memberships) {
  To to;
  to.number = from.number;
  to.change_number = from.change_number;
  to.persona_id = from.persona_id;
  to.creation_time = from.creation_time;
  to.kind = from.kind;
  to.display_name = from.display_name;
  to.im_address = from.im_address;
  to.tel_uri_address = from.tel_uri_address;
  to.im_contact_sip_uri_address = from.im_contact_sip_uri_address;
  to.im_telephone_number = from.im_telephone_number;
  to.memberships = std::move(memberships);
  return to;
}

bool is_number(std::uint64_t number) { return number >= 1 && number <= kLargestCounter; }

// An address may serve as display name, however long it is.
bool is_name(std::string_view text, std::string_view address) {
  return is_xml_text(text) && (character_count(text) <= kLongestDisplayName || text == address);
}

bool is_address(std::string_view text) { return is_xml_text(text) && text.size() <= kLongestAddress; }

bool have_twice(std::vector<Membership> memberships) {
  std::sort(memberships.begin(), memberships.end());
  const auto same_group = [](const Membership& a, const Membership& b) { return a.group == b.group; };
  return std::adjacent_find(memberships.begin(), memberships.end(), same_group) != memberships.end();
}

}  // namespace

ImContact to_im_contact(const ImContactView& view) {
  return converted<ImContact>(view,
                              std::vector<Membership>(view.memberships.begin(), view.memberships.end()));
}

ImContactView to_view(const ImContact& contact) {
  return converted<ImContactView>(contact, std::span<const Membership>(contact.memberships));
}

std::size_t sip_scheme_size(std::string_view address) {
  constexpr std::string_view kScheme = "sip:";
  constexpr char kLower = 'a' - 'A';
  if (address.size() < kScheme.size()) return 0;
  for (std::size_t i = 0; i + 1 < kScheme.size(); ++i) {
    if (address[i] != kScheme[i] && address[i] != kScheme[i] - kLower) return 0;
  }
  return address[kScheme.size() - 1] == ':' ? kScheme.size() : 0;
}

std::string address_key(ContactKind kind, std::string_view address) {
  if (kind == ContactKind::TelUri) return std::string(address);
  return ascii_lower(address.substr(sip_scheme_size(address)));
}

std::string_view what_is_wrong(const ImGroup& group) {
  if (!is_number(group.number)) return "a group's number is out of range";
  if (group.type < GroupType::OtherContacts || group.type > GroupType::DistributionGroup)
    return "no such group type";
  if (!is_name(group.display_name, group.smtp_address))
    return "a group's display name is too long or cannot be carried by XML";
  if ((group.type == GroupType::DistributionGroup) != !group.smtp_address.empty()) {
    return "a distribution group, and no other, has an address";
  }
  if (!is_address(group.smtp_address)) return "a group's address is too long or cannot be carried by XML";
  return {};
}

std::string_view what_is_wrong(const ImContact& contact) {
  if (!is_number(contact.number)) return "a contact's number is out of range";
  if (contact.change_number > kLargestCounter) return "a contact's change number is out of range";
  const bool im = contact.kind == ContactKind::Im;
  if (!im && contact.kind != ContactKind::TelUri) return "no such kind of contact";
  const bool has_im = !contact.display_name.empty() || !contact.im_address.empty();
  const bool has_tel = !contact.tel_uri_address.empty() || !contact.im_contact_sip_uri_address.empty() ||
                       !contact.im_telephone_number.empty();
  if (im ? has_tel : has_im) return "a contact has fields of the other kind";
  if ((im ? contact.im_address : contact.tel_uri_address).empty()) return "a contact has no address";
  if (!is_name(contact.display_name, contact.im_address))
    return "a contact's display name is too long or cannot be carried by XML";
  if (!is_address(contact.im_address) || !is_address(contact.tel_uri_address) ||
      !is_address(contact.im_contact_sip_uri_address) || !is_address(contact.im_telephone_number)) {
    return "a contact's address is too long or cannot be carried by XML";
  }
  if (contact.memberships.empty()) return "a contact is in no group";
  const bool in_range =
      std::all_of(contact.memberships.begin(), contact.memberships.end(),
                  [](const Membership& m) { return is_number(m.group) && m.joined <= kLargestCounter; });
  if (!in_range || have_twice(contact.memberships))
    return "a contact's memberships name a group twice or none";
  return {};
}

}  // namespace ews_im::store
