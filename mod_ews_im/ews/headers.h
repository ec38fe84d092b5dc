// SPDX-License-Identifier: Apache-2.0
// The version header (t:RequestServerVersion). Knows no operation.
#pragma once

#include <optional>

#include "mod_ews_im/ews/envelope.h"

namespace ews_im::ews {

/// Why the version that the request names cannot be served; nullopt if it can, or if it names none. Known
/// versions below Exchange2013, which brought the operations: ErrorIncorrectSchemaVersion; names that are
/// none: ErrorInvalidServerVersion.
[[nodiscard]] std::optional<SoapFault> check_version(const Envelope& envelope);

}  // namespace ews_im::ews
