// SPDX-License-Identifier: Apache-2.0
// GET: the WSDL and the schemas that SOAP toolkits ask for beside Exchange.asmx, and a page for people at
// that URL itself.
#pragma once

#include "mod_ews_im/config.h"

namespace ews_im {

/// For a request with a claim. True if its path ends in Exchange.asmx, in any case of letters.
[[nodiscard]] bool is_service(const request_rec* r);

/// For a request with a claim. Returns what the handler must return; DECLINED if there is nothing of that name.
[[nodiscard]] int answer_get(request_rec* r, const ServerConfig& config);

}  // namespace ews_im
