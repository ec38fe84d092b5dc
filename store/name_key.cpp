// SPDX-License-Identifier: Apache-2.0
// name_key by libutf8proc, with a shorter way for plain ASCII. Independent of any locale.
#include "store/name_key.h"

#include <algorithm>
#include <vector>

#include <utf8proc.h>

#include "store/directory.h"

namespace ews_im::store {

std::string name_key(std::string_view name) {
  if (std::all_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; })) {
    return ascii_lower(name);
  }
  constexpr auto kOptions =
      static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD);
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(name.data());
  const auto size = static_cast<utf8proc_ssize_t>(name.size());

  const utf8proc_ssize_t needed = utf8proc_decompose(bytes, size, nullptr, 0, kOptions);
  if (needed < 0) return std::string(name);
  // One more: utf8proc_reencode ends its output, which takes the place of its input, with a zero byte.
  std::vector<utf8proc_int32_t> buffer(static_cast<std::size_t>(needed) + 1);
  utf8proc_decompose(bytes, size, buffer.data(), needed, kOptions);
  const utf8proc_ssize_t length = utf8proc_reencode(buffer.data(), needed, kOptions);
  if (length < 0) return std::string(name);
  return {reinterpret_cast<const char*>(buffer.data()), static_cast<std::size_t>(length)};
}

}  // namespace ews_im::store
