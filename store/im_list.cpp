// SPDX-License-Identifier: Apache-2.0
// The rules of the IM list, operation by operation. A lookup that finds nothing because the transaction has a
// fault reads as a refusal here; the store then returns the fault, so nothing below asks for faults.
#include "store/im_list.h"

#include <algorithm>
#include <utility>

#include "store/name_key.h"

namespace ews_im::store {
namespace {

Accepted<ImGroup> find_group(MailboxView& view, ItemNumber number) {
  if (auto group = view.im_group(number)) return *std::move(group);
  if (view.mailbox().folder == number || view.im_contact(number)) return Refusal::NotAnImGroup;
  return Refusal::NoSuchGroup;
}

Accepted<ImContact> find_contact(MailboxView& view, ItemNumber number) {
  if (auto contact = view.im_contact(number)) return *std::move(contact);
  if (view.mailbox().folder == number || view.im_group(number)) return Refusal::NotAnImContact;
  return Refusal::NoSuchContact;
}

// A group that the operation wants to be of one type.
Accepted<ImGroup> find_group_of_type(MailboxView& view, ItemNumber number, GroupType type) {
  auto group = find_group(view, number);
  const auto* found = std::get_if<ImGroup>(&group);
  if (found != nullptr && found->type != type) return Refusal::WrongGroupType;
  return group;
}

// A group that contacts can be in: any but a distribution group, whose members the directory knows.
Accepted<ImGroup> find_group_for_contacts(MailboxView& view, ItemNumber number) {
  auto group = find_group(view, number);
  const auto* found = std::get_if<ImGroup>(&group);
  if (found != nullptr && found->type == GroupType::DistributionGroup) return Refusal::WrongGroupType;
  return group;
}

// It is made with the mailbox, right after the folder. Only where it is not there all groups are read: they tell
// whether something is missing.
Accepted<ImGroup> other_contacts(MailboxView& view) {
  auto first = view.im_group(view.mailbox().folder + 1);
  if (first && first->type == GroupType::OtherContacts) return *std::move(first);
  for (auto& group : view.im_groups()) {
    if (group.type == GroupType::OtherContacts) return std::move(group);
  }
  return Refusal::NoSuchGroup;
}

// Where a contact goes: into the group that was named, or into Other Contacts.
Accepted<ImGroup> target_group(MailboxView& view, Group group) {
  return group ? find_group_for_contacts(view, *group) : other_contacts(view);
}

bool is_tagged(MailboxView& view, ItemNumber number) {
  const auto group = view.im_group(number);
  return group && group->type == GroupType::Tagged;
}

bool has_group_besides_tagged(MailboxView& view, const ImContact& contact) {
  return std::any_of(contact.memberships.begin(), contact.memberships.end(),
                     [&](const Membership& membership) { return !is_tagged(view, membership.group); });
}

auto membership_in(ImContact& contact, ItemNumber group) {
  return std::find_if(contact.memberships.begin(), contact.memberships.end(),
                      [&](const Membership& membership) { return membership.group == group; });
}

// Whether `contact`, which is there already, has still to join `target`. One that has a group does not move
// to Other Contacts merely because no group was named.
bool has_to_join(MailboxView& view, ImContact& contact, Group named, const ImGroup& target) {
  if (membership_in(contact, target.number) != contact.memberships.end()) return false;
  return named.has_value() || !has_group_besides_tagged(view, contact);
}

void join(MailboxTransaction& txn, ImContact& contact, ItemNumber group) {
  contact.memberships.push_back({group, txn.next_change_number()});
  txn.put(contact);
}

// `contact` holds what the caller sent; what identifies it is filled in here.
Accepted<ImContact> add_new_contact(MailboxTransaction& txn, ImContact contact, Group named,
                                    const Draw& draw) {
  const auto target = target_group(txn, named);
  if (const auto* refusal = std::get_if<Refusal>(&target)) return *refusal;
  const auto& group = std::get<ImGroup>(target);

  const auto& address = contact.kind == ContactKind::Im ? contact.im_address : contact.tel_uri_address;
  if (auto existing = txn.im_contact_by_address(contact.kind, address)) {
    if (has_to_join(txn, *existing, named, group)) join(txn, *existing, group.number);
    return *std::move(existing);
  }

  if (txn.mailbox().im_contacts >= txn.settings().im_contact_limit) return Refusal::ImContactLimitReached;
  contact.number = txn.next_item_number();
  contact.change_number = txn.next_change_number();
  contact.persona_id = draw.persona_id;
  contact.creation_time = draw.creation_time;
  contact.memberships = {{group.number, contact.change_number}};
  txn.put(contact);
  return contact;
}

bool is_name_taken(MailboxView& view, std::string_view display_name, ItemNumber except) {
  const std::string key = name_key(display_name);
  const auto groups = view.im_groups();
  return std::any_of(groups.begin(), groups.end(), [&](const ImGroup& group) {
    return group.number != except && name_key(group.display_name) == key;
  });
}

bool is_im_group_limit_reached(MailboxView& view) {
  return view.mailbox().im_groups >= view.settings().im_group_limit;
}

}  // namespace

Accepted<ImContact> add_new_im_contact_to_group(MailboxTransaction& txn, const NewImContact& contact,
                                                Group group, const Draw& draw) {
  ImContact wanted;
  wanted.kind = ContactKind::Im;
  wanted.im_address = contact.im_address;
  wanted.display_name = contact.display_name.empty() ? contact.im_address : contact.display_name;
  return add_new_contact(txn, std::move(wanted), group, draw);
}

Accepted<ImContact> add_new_tel_uri_contact_to_group(MailboxTransaction& txn, const NewTelUriContact& contact,
                                                     Group group, const Draw& draw) {
  ImContact wanted;
  wanted.kind = ContactKind::TelUri;
  wanted.tel_uri_address = contact.tel_uri_address;
  wanted.im_contact_sip_uri_address = contact.im_contact_sip_uri_address;
  wanted.im_telephone_number = contact.im_telephone_number;
  return add_new_contact(txn, std::move(wanted), group, draw);
}

Accepted<Done> add_im_contact_to_group(MailboxTransaction& txn, ItemNumber contact, Group group) {
  const auto target = target_group(txn, group);
  if (const auto* refusal = std::get_if<Refusal>(&target)) return *refusal;
  auto found = find_contact(txn, contact);
  if (const auto* refusal = std::get_if<Refusal>(&found)) return *refusal;

  const auto& joined = std::get<ImGroup>(target);
  auto& im_contact = std::get<ImContact>(found);
  if (has_to_join(txn, im_contact, group, joined)) join(txn, im_contact, joined.number);
  return Done{};
}

Accepted<Done> remove_im_contact_from_group(MailboxTransaction& txn, ItemNumber contact, ItemNumber group) {
  const auto source = find_group_for_contacts(txn, group);
  if (const auto* refusal = std::get_if<Refusal>(&source)) return *refusal;
  auto found = find_contact(txn, contact);
  if (const auto* refusal = std::get_if<Refusal>(&found)) return *refusal;

  auto& im_contact = std::get<ImContact>(found);
  const auto membership = membership_in(im_contact, group);
  if (membership == im_contact.memberships.end()) return Refusal::ContactNotInGroup;
  im_contact.memberships.erase(membership);

  // Tagged alone does not keep a contact; one that was taken out of Tagged has its other groups still.
  if (has_group_besides_tagged(txn, im_contact)) {
    txn.put(im_contact);
  } else {
    txn.erase_im_contact(contact);
  }
  return Done{};
}

Accepted<Done> remove_contact_from_im_list(MailboxTransaction& txn, ItemNumber contact) {
  const auto found = find_contact(txn, contact);
  if (const auto* refusal = std::get_if<Refusal>(&found)) return *refusal;
  txn.erase_im_contact(contact);
  return Done{};
}

// The name is checked before the limit: a client that repeats an addition learns that the group is there.
Accepted<ImGroup> add_im_group(MailboxTransaction& txn, std::string_view display_name) {
  if (is_name_taken(txn, display_name, 0)) return Refusal::ImGroupDisplayNameAlreadyExists;
  if (is_im_group_limit_reached(txn)) return Refusal::ImGroupLimitReached;
  const ImGroup group{txn.next_item_number(), GroupType::UserGroup, std::string(display_name), {}};
  txn.put(group);
  return group;
}

Accepted<Done> set_im_group(MailboxTransaction& txn, ItemNumber group, std::string_view new_display_name) {
  auto found = find_group_of_type(txn, group, GroupType::UserGroup);
  if (const auto* refusal = std::get_if<Refusal>(&found)) return *refusal;
  auto& im_group = std::get<ImGroup>(found);
  if (im_group.display_name == new_display_name || is_name_taken(txn, new_display_name, group)) {
    return Refusal::ImGroupDisplayNameAlreadyExists;
  }
  im_group.display_name = new_display_name;
  txn.put(im_group);
  return Done{};
}

Accepted<Done> remove_im_group(MailboxTransaction& txn, ItemNumber group) {
  const auto found = find_group_of_type(txn, group, GroupType::UserGroup);
  if (const auto* refusal = std::get_if<Refusal>(&found)) return *refusal;
  const auto others = other_contacts(txn);
  if (const auto* refusal = std::get_if<Refusal>(&others)) return *refusal;

  // In the order of joining, so that those who move on to Other Contacts keep it.
  std::vector<std::pair<ChangeNumber, ImContact>> members;
  const ImContacts all = txn.im_contacts();
  for (const auto& view : all.contacts) {
    for (const auto& membership : view.memberships) {
      if (membership.group == group) members.emplace_back(membership.joined, to_im_contact(view));
    }
  }
  std::sort(members.begin(), members.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (auto& [joined, contact] : members) {
    contact.memberships.erase(membership_in(contact, group));
    if (has_group_besides_tagged(txn, contact)) {
      txn.put(contact);
    } else {
      join(txn, contact, std::get<ImGroup>(others).number);
    }
  }
  txn.erase_im_group(group);
  return Done{};
}

Accepted<ImGroup> add_distribution_group_to_im_list(MailboxTransaction& txn, std::string_view smtp_address,
                                                    std::string_view display_name) {
  auto distribution_group = txn.distribution_group(smtp_address);
  if (!distribution_group) return Refusal::NoSuchDistributionGroup;
  const std::string key = ascii_lower(distribution_group->smtp_address);
  for (auto& group : txn.im_groups()) {
    if (group.type == GroupType::DistributionGroup && ascii_lower(group.smtp_address) == key)
      return std::move(group);
  }
  if (is_im_group_limit_reached(txn)) return Refusal::ImGroupLimitReached;
  const ImGroup group{txn.next_item_number(), GroupType::DistributionGroup,
                      display_name.empty() ? distribution_group->smtp_address : std::string(display_name),
                      distribution_group->smtp_address};
  txn.put(group);
  return group;
}

Accepted<Done> remove_distribution_group_from_im_list(MailboxTransaction& txn, ItemNumber group) {
  const auto found = find_group_of_type(txn, group, GroupType::DistributionGroup);
  if (const auto* refusal = std::get_if<Refusal>(&found)) return *refusal;
  txn.erase_im_group(group);
  return Done{};
}

void sort_im_groups(std::vector<ImGroup>& groups) {
  const auto rank = [](const ImGroup& group) {
    return is_default(group.type) ? static_cast<int>(group.type) : 4;
  };
  std::sort(groups.begin(), groups.end(), [&](const ImGroup& a, const ImGroup& b) {
    const int rank_a = rank(a);
    const int rank_b = rank(b);
    return rank_a != rank_b ? rank_a < rank_b : a.number > b.number;
  });
}

}  // namespace ews_im::store
