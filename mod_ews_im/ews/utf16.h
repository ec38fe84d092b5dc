// SPDX-License-Identifier: Apache-2.0
// UTF-16 to UTF-8, as bytes arrive. Our own because libxml2 tells of broken input through its process-wide
// error handler, and glibc's iconv loads conversion modules into the process.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ews_im::ews {

class Utf16Decoder {
 public:
  explicit Utf16Decoder(bool big_endian) : big_endian_(big_endian) {}

  /// Appends what `bytes` say to `out`; a character may be split between calls. False: an unpaired surrogate.
  [[nodiscard]] bool decode(std::string_view bytes, std::string& out);
  /// True unless the input ended within a character.
  [[nodiscard]] bool complete() const { return !half_ && high_ == 0; }

 private:
  [[nodiscard]] bool take(std::uint32_t unit, std::string& out);

  bool big_endian_;
  bool half_ = false;  ///< the first byte of a unit has come
  std::uint8_t first_ = 0;
  std::uint32_t high_ = 0;  ///< a high surrogate that waits for its low one; 0: none
};

}  // namespace ews_im::ews
