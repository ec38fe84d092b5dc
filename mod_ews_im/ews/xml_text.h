// SPDX-License-Identifier: Apache-2.0
// Small questions about XML text. Knows no element.
#pragma once

#include <string_view>

namespace ews_im::ews {

inline constexpr std::string_view kXmlSpace = " \t\r\n";

[[nodiscard]] inline std::string_view trim_xml_space(std::string_view text) {
  const auto begin = text.find_first_not_of(kXmlSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kXmlSpace) - begin + 1);
}

}  // namespace ews_im::ews
