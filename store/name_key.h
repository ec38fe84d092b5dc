// SPDX-License-Identifier: Apache-2.0
// When two display names count as the same: Unicode normalisation and case folding. Knows nothing of groups
// or stores.
#pragma once

#include <string>
#include <string_view>

namespace ews_im::store {

/// Equal for two names that differ only in case (full Unicode case folding) or in how their characters are
/// composed (NFC). For comparison alone, never for display. Text that is not UTF-8 is its own key.
[[nodiscard]] std::string name_key(std::string_view name);

}  // namespace ews_im::store
