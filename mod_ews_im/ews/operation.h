// SPDX-License-Identifier: Apache-2.0
// What a row of the table of operations holds. From a row follow dispatch, the check of the request, the kind
// of transaction, the reply's element, the value in the access log, and the list in the README.
#pragma once

#include <span>
#include <string_view>

#include "mod_ews_im/ews/envelope.h"
#include "mod_ews_im/ews/reply.h"
#include "mod_ews_im/ews/shape.h"
#include "store/store.h"

namespace ews_im::ews {

struct ServerVersion;

/// What an operation works with. Whatever it needs of the request is in `request`, which has passed the check
/// of its shape.
struct Call {
  const Envelope& envelope;
  const Element& request;
  store::Reader& reader;  ///< for operations that read
  store::Store& store;    ///< for those that write
  const store::Guid& mailbox;
  const ServerVersion& version;
  store::Deadline deadline;
};

struct Operation {
  std::string_view name;  ///< as in the WSDL
  bool writes;
  Shape shape;  ///< of the request
  Reply (*run)(const Call&);
};

/// The row with this name, or nullptr.
[[nodiscard]] const Operation* find_operation(std::string_view name);

Reply add_new_im_contact_to_group(const Call& call);
Reply add_new_tel_uri_contact_to_group(const Call& call);
Reply add_im_contact_to_group(const Call& call);
Reply remove_im_contact_from_group(const Call& call);
Reply remove_contact_from_im_list(const Call& call);
Reply add_im_group(const Call& call);
Reply set_im_group(const Call& call);
Reply remove_im_group(const Call& call);
Reply add_distribution_group_to_im_list(const Call& call);
Reply remove_distribution_group_from_im_list(const Call& call);
Reply get_im_item_list(const Call& call);
Reply get_im_items(const Call& call);
Reply set_im_list_migration_completed(const Call& call);

}  // namespace ews_im::ews
