// SPDX-License-Identifier: Apache-2.0
#include "store/ctl/list_view.h"

#include <algorithm>

#include "store/im_list.h"

namespace ews_im::store::ctl {

Result<ListView> read_list(Store& store, const Guid& mailbox) {
  ListView list;
  std::vector<ImGroup> groups;
  auto status = store.read(mailbox, [&](MailboxView& view) {
    list.mailbox = view.mailbox();
    groups = view.im_groups();
    list.contacts = view.im_contacts();
  });
  if (!status.ok()) return status;

  sort_im_groups(groups);
  for (auto& group : groups) list.groups.push_back({std::move(group), {}});
  for (const auto& contact : list.contacts.contacts) {
    for (const auto& membership : contact.memberships) {
      const auto found =
          std::find_if(list.groups.begin(), list.groups.end(),
                       [&](const ListView::Group& shown) { return shown.group.number == membership.group; });
      if (found != list.groups.end()) found->members.emplace_back(membership.joined, &contact);
    }
  }
  for (auto& shown : list.groups) {
    std::sort(shown.members.begin(), shown.members.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
  }
  return list;
}

std::string_view group_type_name(GroupType type) {
  switch (type) {
    case GroupType::OtherContacts:
      return "IPM.DistList.MOC.OtherContacts";
    case GroupType::Tagged:
      return "IPM.DistList.MOC.Tagged";
    case GroupType::Favorites:
      return "IPM.DistList.MOC.Favorites";
    case GroupType::UserGroup:
      return "IPM.DistList.MOC.UserGroup";
    case GroupType::DistributionGroup:
      return "IPM.DistList.MOC.DG";
  }
  return "?";
}

Json to_json(const ImGroup& group) {
  Json json{
      {"number", group.number}, {"display_name", group.display_name}, {"type", group_type_name(group.type)}};
  if (group.type == GroupType::DistributionGroup) json["smtp_address"] = group.smtp_address;
  return json;
}

Json to_json(const ListView::Group& group) {
  Json json = to_json(group.group);
  json["members"] = Json::array();
  for (const auto& [joined, contact] : group.members) json["members"].push_back(contact->number);
  return json;
}

Json to_json(const ImContactView& contact) {
  Json json{{"number", contact.number}};
  if (contact.kind == ContactKind::Im) {
    json["kind"] = "Im";
    json["display_name"] = contact.display_name;
    json["im_address"] = contact.im_address;
  } else {
    json["kind"] = "TelUri";
    json["tel_uri_address"] = contact.tel_uri_address;
    json["im_contact_sip_uri_address"] = contact.im_contact_sip_uri_address;
    json["im_telephone_number"] = contact.im_telephone_number;
  }
  json["persona_id"] = contact.persona_id.text();
  json["creation_time"] = time_text(contact.creation_time);
  json["groups"] = Json::array();
  for (const auto& membership : contact.memberships) json["groups"].push_back(membership.group);
  return json;
}

std::string to_line(const ImContactView& contact) {
  const std::string number = std::to_string(contact.number) + "  ";
  if (contact.kind == ContactKind::TelUri) {
    return number + printable(contact.im_telephone_number) + "  <" + printable(contact.tel_uri_address) +
           ">  " + printable(contact.im_contact_sip_uri_address);
  }
  return number + printable(contact.display_name) + "  <" + printable(contact.im_address) + ">";
}

std::string to_line(const ListView::Group& group) {
  std::string line = std::to_string(group.group.number) + "  " + printable(group.group.display_name) + "  (" +
                     std::string(group_type_name(group.group.type));
  if (group.group.type == GroupType::DistributionGroup)
    return line + ", " + printable(group.group.smtp_address) + ")";
  const std::size_t count = group.members.size();
  return line + ", " + std::to_string(count) + (count == 1 ? " contact)" : " contacts)");
}

}  // namespace ews_im::store::ctl
