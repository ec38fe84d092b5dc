// SPDX-License-Identifier: Apache-2.0
// Which encoding an XML document is in, and its text in UTF-8. What comes out leaves the library nothing to guess: it would
// take EBCDIC, UCS-4 and more. Knows nothing of elements.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "mod_ews_im/ews/utf16.h"

namespace ews_im::ews {

/// For one document, from bytes as they arrive. UTF-8 and UTF-16 are read, with a byte order mark or without; what
/// the XML declaration says must agree.
class DocumentDecoder {
 public:
  /// `text` is what can be read now, without the byte order mark, valid until the next call. It is empty until
  /// enough has come to tell the encoding. Returns what is wrong with the document; empty: nothing. UTF-8 is not
  /// checked.
  [[nodiscard]] std::string_view feed(std::string_view bytes, std::string_view& text);
  /// The same for what is left when all has come.
  [[nodiscard]] std::string_view finish(std::string_view& text);

 private:
  [[nodiscard]] std::string_view begin(std::string_view head, std::string_view& text);
  [[nodiscard]] std::string_view decode(std::string_view bytes, std::string_view& text);

  std::string head_;
  bool head_done_ = false;
  std::optional<Utf16Decoder> utf16_;
  std::string utf8_;
};

}  // namespace ews_im::ews
