// SPDX-License-Identifier: Apache-2.0
#include "mod_ews_im/ews/output.h"

#include <array>

#include "store/directory.h"

namespace ews_im::ews {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

constexpr std::array<bool, 256> make_special() {
  std::array<bool, 256> special{};
  for (unsigned c = 0; c < 0x20; ++c) special[c] = true;
  for (const char c : {'&', '<', '>', '"', '\''}) special[static_cast<unsigned char>(c)] = true;
  return special;
}
constexpr auto kSpecial = make_special();

std::string_view escape(char c) {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&apos;";
    case '\t':
      return "&#9;";
    case '\n':
      return "&#10;";
    case '\r':
      return "&#13;";
    default:
      return kReplacement;
  }
}

}  // namespace

Output& Output::raw(std::string_view xml) {
  count_ += xml.size();
  if (target_ != nullptr) {
    target_->append(xml);
  } else if (sink_ != nullptr && !stopped_) {
    if (buffer_.size() + xml.size() > kPiece) flush();
    buffer_ += xml;
  }
  return *this;
}

Output& Output::text(std::string_view text) {
  std::size_t done = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!kSpecial[static_cast<unsigned char>(text[i])]) continue;
    raw(text.substr(done, i - done)).raw(escape(text[i]));
    done = i + 1;
  }
  return raw(text.substr(done));
}

void Output::flush() {
  if (sink_ != nullptr && !stopped_ && !buffer_.empty()) stopped_ = !(*sink_)(buffer_);
  buffer_.clear();
}

}  // namespace ews_im::ews
