// SPDX-License-Identifier: Apache-2.0
// What stands around every answer: envelope, ServerVersionInfo, response element, code; and faults. Knows no
// operation's payload.
#pragma once

#include "mod_ews_im/ews/envelope.h"
#include "mod_ews_im/ews/output.h"
#include "mod_ews_im/ews/service.h"

namespace ews_im::ews {

/// Everything up to the payload of a success, and what follows it.
template <class Out>
void write_success_head(Out& out, const Envelope& envelope, const ServerVersion& version);
template <class Out>
void write_success_tail(Out& out, const Envelope& envelope);

/// A success without payload.
[[nodiscard]] Reply success_reply(const Envelope& envelope, const ServerVersion& version);

}  // namespace ews_im::ews
