// SPDX-License-Identifier: Apache-2.0
// Writes the XML of an answer: literal pieces and escaped text, into pieces for a Sink, or only counting
// their bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "mod_ews_im/ews/reply.h"

namespace ews_im::ews {

class Output {
 public:
  /// Only counts.
  Output() = default;
  /// Collects pieces of up to kPiece bytes; flush() hands over the rest.
  explicit Output(const Sink& sink) : sink_(&sink) { buffer_.reserve(kPiece); }
  /// Appends to `target`.
  explicit Output(std::string& target) : target_(&target) {}

  /// Text that is XML already.
  Output& raw(std::string_view xml);
  /// Character data or an attribute's value: escaped; what XML 1.0 cannot carry becomes U+FFFD.
  Output& text(std::string_view text);
  void flush();
  [[nodiscard]] std::uint64_t count() const { return count_; }
  /// True once the sink has refused: nothing more need be written.
  [[nodiscard]] bool stopped() const { return stopped_; }

 private:
  static constexpr std::size_t kPiece = std::size_t{128} * 1024;

  const Sink* sink_ = nullptr;
  std::string* target_ = nullptr;
  std::string buffer_;
  std::uint64_t count_ = 0;
  bool stopped_ = false;
};

}  // namespace ews_im::ews
