// SPDX-License-Identifier: Apache-2.0
// What a mailbox's instant-messaging list consists of (MS-OXWSCOS 2.2.4), as plain values. Says nothing of
// how they are kept or shown. Text is UTF-8 that XML 1.0 can carry; nothing else may be put into a store.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/guid.h"

namespace ews_im::store {

/// Numbers an item of one mailbox: a group, a contact or the folder. Never used again. Ids carry 48 bits of
/// it.
using ItemNumber = std::uint64_t;
/// Counts the changes of one mailbox, upwards. Ids carry 48 bits of it.
using ChangeNumber = std::uint64_t;

inline constexpr std::uint64_t kLargestCounter = (std::uint64_t{1} << 48) - 1;

/// The head of a mailbox: what its ids are made of, its counters, its flag.
struct Mailbox {
  Guid guid;              ///< the moniker in every id
  Guid provider_uid;      ///< random; first byte is never zero
  Guid database_guid;     ///< random; stands in entry ids and change keys
  ItemNumber folder = 0;  ///< the Quick Contacts folder
  ItemNumber next_item = 1;
  ChangeNumber last_change = 0;
  std::uint64_t im_contacts = 0;  ///< how many there are
  std::uint64_t im_groups = 0;    ///< how many user groups and distribution groups; not the default groups
  bool im_list_migration_completed = false;
};

/// GroupType of MS-OXWSCOS 2.2.4.2. The values are on disk: never change them.
enum class GroupType : std::uint8_t {
  OtherContacts = 1,
  Tagged = 2,
  Favorites = 3,
  UserGroup = 4,
  DistributionGroup = 5
};

/// True for the three groups that every mailbox has from its creation.
[[nodiscard]] constexpr bool is_default(GroupType type) {
  return type == GroupType::OtherContacts || type == GroupType::Tagged || type == GroupType::Favorites;
}

struct ImGroup {
  ItemNumber number = 0;
  GroupType type = GroupType::UserGroup;
  std::string display_name;
  std::string smtp_address;  ///< of a distribution group; else empty
};

/// That a contact is in a group. `joined` orders the members of a group: the change number at which it
/// joined.
struct Membership {
  ItemNumber group = 0;
  ChangeNumber joined = 0;
  auto operator<=>(const Membership&) const = default;
};

/// The values are on disk: never change them.
enum class ContactKind : std::uint8_t { Im = 1, TelUri = 2 };

/// Fields that both forms of a contact have. Text is std::string in ImContact and std::string_view in
/// ImContactView.
template <class Text, class Memberships>
struct BasicImContact {
  ItemNumber number = 0;
  ChangeNumber change_number = 0;  ///< in the ChangeKey; not touched by memberships
  Guid persona_id;                 ///< the link id in PersonaId
  std::int64_t creation_time = 0;  ///< seconds since 1970, UTC
  ContactKind kind = ContactKind::Im;
  Text display_name{};     ///< empty for TelUri
  Text im_address{};       ///< as the client sent it; empty for TelUri
  Text tel_uri_address{};  ///< the next three: empty for Im
  Text im_contact_sip_uri_address{};
  Text im_telephone_number{};
  Memberships memberships{};  ///< at least one, each group at most once; in no order
};

using ImContact = BasicImContact<std::string, std::vector<Membership>>;
/// A contact whose text and memberships belong to something that outlives it.
using ImContactView = BasicImContact<std::string_view, std::span<const Membership>>;

/// Copies.
[[nodiscard]] ImContact to_im_contact(const ImContactView& view);
/// Refers to `contact`, which must outlive the result.
[[nodiscard]] ImContactView to_view(const ImContact& contact);

/// 4 if `address` begins with "sip:", in any case; else 0.
[[nodiscard]] std::size_t sip_scheme_size(std::string_view address);

/// Where an address is looked up: IM addresses compare without a leading "sip:" and without ASCII case; tel
/// URIs as they are.
[[nodiscard]] std::string address_key(ContactKind kind, std::string_view address);

/// What forbids keeping a group or contact, as a short phrase; empty if nothing does: text, lengths, the
/// fields of its kind, memberships.
[[nodiscard]] std::string_view what_is_wrong(const ImGroup& group);
[[nodiscard]] std::string_view what_is_wrong(const ImContact& contact);

/// The same for all mailboxes of a store, so that every writer sees the same limits.
struct Settings {
  std::uint64_t im_contact_limit = 1000;  ///< contacts of a mailbox
  std::uint64_t im_group_limit = 64;      ///< user groups and distribution groups of a mailbox, together
};

inline constexpr std::uint64_t kLargestImContactLimit = 100000;
inline constexpr std::uint64_t kLargestImGroupLimit = 1000;

/// Lengths of what may be kept: characters for names, bytes for addresses.
inline constexpr std::size_t kLongestDisplayName = 256;
inline constexpr std::size_t kLongestAddress = 1024;

}  // namespace ews_im::store
