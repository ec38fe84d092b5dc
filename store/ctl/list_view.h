// SPDX-License-Identifier: Apache-2.0
// A whole IM list as it is shown: one snapshot in the order in which clients get it, and its pieces as text
// and JSON.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "store/ctl/output.h"
#include "store/store.h"

namespace ews_im::store::ctl {

struct ListView {
  struct Group {
    ImGroup group;
    std::vector<std::pair<ChangeNumber, const ImContactView*>>
        members;  ///< in the order of joining; into `contacts`
  };
  Mailbox mailbox;
  ImContacts contacts;        ///< ascending numbers: shown from the last to the first
  std::vector<Group> groups;  ///< in the order of sort_im_groups
};

Result<ListView> read_list(Store& store, const Guid& mailbox);

/// The type of a group as clients see it.
[[nodiscard]] std::string_view group_type_name(GroupType type);

[[nodiscard]] Json to_json(const ImGroup& group);
/// With the numbers of the members.
[[nodiscard]] Json to_json(const ListView::Group& group);
[[nodiscard]] Json to_json(const ImContactView& contact);
/// Number, name and addresses in one line.
[[nodiscard]] std::string to_line(const ImContactView& contact);
/// Number, name, type, and how many members.
[[nodiscard]] std::string to_line(const ListView::Group& group);

}  // namespace ews_im::store::ctl
