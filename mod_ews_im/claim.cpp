// SPDX-License-Identifier: Apache-2.0
#include "mod_ews_im/claim.h"

#include <cstring>

namespace ews_im {
namespace {

void set_claim(request_rec* r, Mode mode) {
  auto* claim = static_cast<Claim*>(apr_palloc(r->pool, sizeof(Claim)));
  *claim = {apr_pstrdup(r->pool, r->uri), mode};
  ap_set_module_config(r->request_config, &ews_im_module, claim);
}

}  // namespace

const Claim* claim_of(const request_rec* r) {
  return static_cast<const Claim*>(ap_get_module_config(r->request_config, &ews_im_module));
}

int note_claim_early(request_rec* r) noexcept {
  if (location_config(r).mode == Mode::Alone) set_claim(r, Mode::Alone);
  return DECLINED;
}

int skip_directories(request_rec* r) noexcept {
  // A rewriting of the URL in between may have led elsewhere.
  const Claim* claim = claim_of(r);
  return claim != nullptr && r->uri != nullptr && std::strcmp(claim->uri, r->uri) == 0 ? OK : DECLINED;
}

int note_claim(request_rec* r) noexcept {
  const Mode mode = location_config(r).mode;
  if (mode == Mode::On || mode == Mode::Alone) {
    set_claim(r, mode);
  } else {
    ap_set_module_config(r->request_config, &ews_im_module, nullptr);
  }
  return DECLINED;
}

}  // namespace ews_im
