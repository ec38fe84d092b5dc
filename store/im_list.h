// SPDX-License-Identifier: Apache-2.0
// The rules of the IM list (MS-OXWSCOS 3.1.4): what each operation does to a mailbox, and when it refuses.
// One place for the SOAP operations and for the administrator's command. Knows no ids, XML or response codes.
//
// Each function works within one transaction and may run more than once. After a Refusal the caller must roll
// back.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "store/store.h"

namespace ews_im::store {

/// Why an operation of the IM list is refused; the operation decides which response code that is.
enum class Refusal {
  NoSuchGroup,     ///< no item has the number
  NotAnImGroup,    ///< the item is a contact or the folder
  WrongGroupType,  ///< a default group, distribution group or user group where the operation wants another
  NoSuchContact,   ///< no item has the number
  NotAnImContact,  ///< the item is a group or the folder
  ContactNotInGroup,
  ImContactLimitReached,
  ImGroupLimitReached,
  ImGroupDisplayNameAlreadyExists,
  NoSuchDistributionGroup,
};

template <class T>
using Accepted = std::variant<T, Refusal>;
struct Done {};

/// What must be drawn before a transaction first runs, so that running it again gives the same answer.
struct Draw {
  Guid persona_id = Guid::random();
  std::int64_t creation_time = 0;  ///< seconds since 1970, UTC
};

struct NewImContact {
  std::string im_address;
  std::string display_name;  ///< empty: the address serves as name
};

struct NewTelUriContact {
  std::string tel_uri_address;
  std::string im_contact_sip_uri_address;
  std::string im_telephone_number;
};

/// nullopt: left out, so Other Contacts for a contact without a group.
using Group = std::optional<ItemNumber>;

[[nodiscard]] Accepted<ImContact> add_new_im_contact_to_group(MailboxTransaction& txn,
                                                              const NewImContact& contact, Group group,
                                                              const Draw& draw);
[[nodiscard]] Accepted<ImContact> add_new_tel_uri_contact_to_group(MailboxTransaction& txn,
                                                                   const NewTelUriContact& contact,
                                                                   Group group, const Draw& draw);
[[nodiscard]] Accepted<Done> add_im_contact_to_group(MailboxTransaction& txn, ItemNumber contact,
                                                     Group group);
[[nodiscard]] Accepted<Done> remove_im_contact_from_group(MailboxTransaction& txn, ItemNumber contact,
                                                          ItemNumber group);
[[nodiscard]] Accepted<Done> remove_contact_from_im_list(MailboxTransaction& txn, ItemNumber contact);

[[nodiscard]] Accepted<ImGroup> add_im_group(MailboxTransaction& txn, std::string_view display_name);
[[nodiscard]] Accepted<Done> set_im_group(MailboxTransaction& txn, ItemNumber group,
                                          std::string_view new_display_name);
[[nodiscard]] Accepted<Done> remove_im_group(MailboxTransaction& txn, ItemNumber group);
/// `display_name` empty: the address serves as name. A group that is in the list already is returned as it
/// is.
[[nodiscard]] Accepted<ImGroup> add_distribution_group_to_im_list(MailboxTransaction& txn,
                                                                  std::string_view smtp_address,
                                                                  std::string_view display_name);
[[nodiscard]] Accepted<Done> remove_distribution_group_from_im_list(MailboxTransaction& txn,
                                                                    ItemNumber group);

/// The order in which groups are listed: Other Contacts, Tagged, Favorites, then the others, newest first.
void sort_im_groups(std::vector<ImGroup>& groups);

}  // namespace ews_im::store
