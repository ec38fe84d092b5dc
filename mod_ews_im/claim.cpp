// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "mod_ews_im/config.h"
#include "mod_ews_im/handler.h"

namespace ews_im {

int note_claim(request_rec* r) noexcept {
  if (location_config(r).mode == Mode::Alone)
    ap_set_module_config(r->request_config, &ews_im_module, apr_pstrdup(r->pool, r->uri));
  return DECLINED;
}

int claim(request_rec* r) noexcept {
  // A rewriting of the URL in between may have led elsewhere.
  const auto* claimed = static_cast<const char*>(ap_get_module_config(r->request_config, &ews_im_module));
  return claimed != nullptr && r->uri != nullptr && std::strcmp(claimed, r->uri) == 0 ? OK : DECLINED;
}

}  // namespace ews_im
