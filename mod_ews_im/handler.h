// SPDX-License-Identifier: Apache-2.0
// The hooks of a request.
#pragma once

#include "mod_ews_im/apache.h"

namespace ews_im {

/// child_init: sets up the parsers while the child has a single thread.
void prepare_parsers(apr_pool_t* pchild, server_rec* first);

/// handler: answers what is ours, and passes the rest on or gives it the local answer.
int handle_request(request_rec* r) noexcept;

}  // namespace ews_im
