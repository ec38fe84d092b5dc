// SPDX-License-Identifier: Apache-2.0
// settings ..., dl ..., right ...: what holds for all mailboxes.
#include <algorithm>

#include "store/ctl/commands.h"
#include "store/ctl/session.h"

namespace ews_im::store::ctl {
namespace {

void print_settings(const Invocation& invocation, const Settings& settings) {
  if (invocation.json) {
    print_json(
        Json{{"im_contact_limit", settings.im_contact_limit}, {"im_group_limit", settings.im_group_limit}});
    return;
  }
  print("im-contact-limit " + std::to_string(settings.im_contact_limit));
  print("im-group-limit " + std::to_string(settings.im_group_limit));
}

// The right that the arguments CALLER [MAILBOX] name.
Result<ImpersonationRight> named_right(Store& store, const Invocation& invocation) {
  ImpersonationRight right;
  right.caller = invocation.arguments[0];
  if (invocation.arguments.size() > 1) {
    const auto entry = find_mailbox(store, invocation.arguments[1]);
    if (!entry.ok()) return entry.status();
    right.mailbox = entry.value().guid;
  }
  return right;
}

}  // namespace

Exit settings_show(const Invocation& invocation) {
  auto store = open_store(invocation);
  if (!store.ok()) return fail(store.status());
  const auto settings = store.value()->settings();
  if (!settings.ok()) return fail(settings.status());
  print_settings(invocation, settings.value());
  return Exit::Ok;
}

Exit settings_set(const Invocation& invocation) {
  std::string name = invocation.arguments[0];
  std::replace(name.begin(), name.end(), '_', '-');
  const bool of_contacts = name == "im-contact-limit";
  if (!of_contacts && name != "im-group-limit") {
    return fail(Exit::Usage,
                "there is no setting " + name + "; there are im-contact-limit and im-group-limit");
  }
  const std::uint64_t largest = of_contacts ? kLargestImContactLimit : kLargestImGroupLimit;
  const auto value = parse_number(invocation.arguments[1]);
  if (!value || *value > largest)
    return fail(Exit::Usage, name + " takes a number from 0 to " + std::to_string(largest));

  auto store = open_store(invocation);
  if (!store.ok()) return fail(store.status());
  Settings changed;
  const auto status = store.value()->change_settings(invocation.deadline, [&](Settings& settings) {
    (of_contacts ? settings.im_contact_limit : settings.im_group_limit) = *value;
    changed = settings;
  });
  if (!status.ok()) return fail(status);
  print_settings(invocation, changed);
  return Exit::Ok;
}

Exit dl_add(const Invocation& invocation) {
  const DistributionGroup group{invocation.arguments[0], invocation.value("name").value_or("")};
  auto store = open_store(invocation);
  if (!store.ok()) return fail(store.status());
  if (auto status = store.value()->add_distribution_group(group, invocation.deadline); !status.ok())
    return fail(status);
  if (invocation.json)
    print_json(Json{{"address", group.smtp_address}, {"display_name", group.display_name}});
  return Exit::Ok;
}

Exit dl_remove(const Invocation& invocation) {
  auto store = open_store(invocation);
  if (!store.ok()) return fail(store.status());
  auto status = store.value()->remove_distribution_group(invocation.arguments[0], invocation.deadline);
  return status.ok() ? Exit::Ok : fail(status);
}

Exit dl_list(const Invocation& invocation) {
  auto store = open_store(invocation);
  if (!store.ok()) return fail(store.status());
  auto groups = store.value()->distribution_groups();
  if (!groups.ok()) return fail(groups.status());
  std::sort(groups.value().begin(), groups.value().end(), [](const auto& a, const auto& b) {
    return ascii_lower(a.smtp_address) < ascii_lower(b.smtp_address);
  });
  Json json = Json::array();
  for (const auto& group : groups.value()) {
    if (invocation.json) {
      json.push_back({{"address", group.smtp_address}, {"display_name", group.display_name}});
    } else {
      const std::string name = group.display_name.empty() ? "" : "  " + group.display_name;
      print(printable(group.smtp_address + name));
    }
  }
  if (invocation.json) print_json(json);
  return Exit::Ok;
}

Exit right_grant(const Invocation& invocation) {
  auto store = open_store(invocation);
  if (!store.ok()) return fail(store.status());
  const auto right = named_right(*store.value(), invocation);
  if (!right.ok()) return fail(right.status());
  auto status = store.value()->grant_impersonation(right.value(), invocation.deadline);
  return status.ok() ? Exit::Ok : fail(status);
}

Exit right_revoke(const Invocation& invocation) {
  auto store = open_store(invocation);
  if (!store.ok()) return fail(store.status());
  const auto right = named_right(*store.value(), invocation);
  if (!right.ok()) return fail(right.status());
  auto status = store.value()->revoke_impersonation(right.value(), invocation.deadline);
  return status.ok() ? Exit::Ok : fail(status);
}

Exit right_list(const Invocation& invocation) {
  auto store = open_store(invocation);
  if (!store.ok()) return fail(store.status());
  const std::string caller = invocation.arguments.empty() ? "" : invocation.arguments[0];
  const auto rights = store.value()->impersonation_rights(caller);
  if (!rights.ok()) return fail(rights.status());
  Json json = Json::array();
  for (const auto& right : rights.value()) {
    std::string address;
    if (right.mailbox) {
      const auto entry = store.value()->find(*right.mailbox);
      if (!entry.ok()) return fail(entry.status());
      address = entry.value() ? entry.value()->primary_smtp_address : right.mailbox->text();
    }
    if (invocation.json) {
      json.push_back({{"caller", right.caller},
                      {"mailbox", right.mailbox ? Json(right.mailbox->text()) : Json(nullptr)},
                      {"address", right.mailbox ? Json(address) : Json(nullptr)}});
    } else {
      print(printable(right.caller) + "  " + (right.mailbox ? printable(address) : "(every mailbox)"));
    }
  }
  if (invocation.json) print_json(json);
  return Exit::Ok;
}

}  // namespace ews_im::store::ctl
