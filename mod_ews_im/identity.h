// SPDX-License-Identifier: Apache-2.0
// From the authenticated user, and the one it wants to act for, to a mailbox. Everything is read for each
// request; nothing is kept on a connection. Who a caller is has been settled by Apache's authentication
// before.
#pragma once

#include <functional>
#include <variant>

#include "mod_ews_im/config.h"
#include "mod_ews_im/ews/envelope.h"
#include "mod_ews_im/ews/error.h"
#include "store/store.h"

namespace ews_im {

/// The request concerns no mailbox of this store.
struct NotHere {};

/// The mailbox to work on; none; a refusal; or why the store could not tell.
using Identified = std::variant<store::Guid, NotHere, ews::SoapFault, store::Status>;

/// What can be done with a mailbox in the snapshot in which it was found; as the function of Store::snapshot().
using InSnapshot = std::function<void(store::Reader&, const store::Guid&)>;

/// Finds the mailbox of a request, and calls `then` with it, unless it must be created first (EWSImAutoCreate).
/// REQUIRES: r->user
[[nodiscard]] Identified identify(request_rec* r, const ServerConfig& config, Mode mode, store::Store& store,
                                  const ews::Envelope& envelope, store::Deadline deadline,
                                  const InSnapshot& then);

}  // namespace ews_im
