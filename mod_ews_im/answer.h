// SPDX-License-Identifier: Apache-2.0
// Sending what a request is answered with: headers and body, in pieces, to the output filters. Knows no
// operation.
#pragma once

#include <functional>
#include <string_view>

#include "mod_ews_im/apache.h"
#include "mod_ews_im/ews/reply.h"

namespace ews_im {

/// Sends a reply of the protocol. Returns what the handler must return.
[[nodiscard]] int send_reply(request_rec* r, const ews::Reply& reply);

/// Sends a short text that is no reply of the protocol. Returns what the handler must return.
[[nodiscard]] int send_text(request_rec* r, int http_status, const char* content_type, std::string_view text);

/// What the handler must return when an answer breaks off after some of it has gone: nothing may come behind it, and the
/// client must see that its end is missing.
[[nodiscard]] int broken_off(request_rec* r);

/// Sends back the client's own name for the request, if it asks for that.
void echo_client_request_id(request_rec* r);

}  // namespace ews_im
