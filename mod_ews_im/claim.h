// SPDX-License-Identifier: Apache-2.0
// Whose a URL is, kept as it was before anything leads the request elsewhere. Knows no body and no answer.
#pragma once

#include "mod_ews_im/apache.h"
#include "mod_ews_im/config.h"

namespace ews_im {

/// A URL, and the EWSIm of its location.
struct Claim {
  const char* uri;
  Mode mode;
};

/// The claim of a request that is being handled; nullptr: it is none of ours.
[[nodiscard]] const Claim* claim_of(const request_rec* r);

/// translate_name: notes that a URL is ours alone, since map_to_storage cannot see the location's
/// configuration.
int note_claim_early(request_rec* r) noexcept;
/// map_to_storage: spares a URL that is ours alone the walk through directories that it does not have.
int skip_directories(request_rec* r) noexcept;
/// fixups, before all others: FallbackResource and the like put another URL and its location in the place of these.
int note_claim(request_rec* r) noexcept;

}  // namespace ews_im
