// SPDX-License-Identifier: Apache-2.0
// How a stored contact is shown as a t:Persona (MS-OXWSPERS), and a group as a t:ImGroup
// (MS-OXWSCOS 2.2.4.2).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "mod_ews_im/ews/extended_property.h"
#include "mod_ews_im/ews/item_id.h"
#include "mod_ews_im/ews/output.h"
#include "store/model.h"

namespace ews_im::ews {

/// Writes, or counts, what is in a Persona element, in the schema's order. `id`: the contact's item id.
void write_persona(Output& out, const IdWriter& ids, const store::ImContactView& contact, const IdText& id,
                   std::span<const AskedProperty> asked);
void write_persona(Counter& out, const IdWriter& ids, const store::ImContactView& contact, const IdText& id,
                   std::span<const AskedProperty> asked);

/// The same of an ImGroup element, for Output or Counter; `members`: their item ids in the order of joining.
template <class Out>
void write_im_group(Out& out, const IdWriter& ids, const store::ImGroup& group,
                    std::span<const IdText* const> members, std::span<const AskedProperty> asked);

/// GroupType, for instance "IPM.DistList.MOC.UserGroup".
[[nodiscard]] std::string_view group_type_name(store::GroupType type);
/// The mail address that an IM address is, without "sip:"; empty unless it has exactly one '@'.
[[nodiscard]] std::string_view email_address(const store::ImContactView& contact);
struct DateTime {
  char text[20];
  [[nodiscard]] std::string_view view() const { return {text, sizeof text}; }
};
/// xs:dateTime in UTC, whole seconds: 2012-01-05T23:06:58Z.
[[nodiscard]] DateTime date_time(std::int64_t seconds);

}  // namespace ews_im::ews
