// SPDX-License-Identifier: Apache-2.0
#include "mod_ews_im/ews/output.h"

#include <array>

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

// Sixteen bytes that are looked at together: compilers have the same notation for all processors.
using Block = unsigned char __attribute__((vector_size(16)));

bool any_special(const char* bytes) {
  Block block;
  std::memcpy(&block, bytes, sizeof block);
  const auto found =
      (block < 0x20) | (block == '&') | (block == '<') | (block == '>') | (block == '"') | (block == '\'');
  std::uint64_t halves[2];
  static_assert(sizeof halves == sizeof found);
  std::memcpy(halves, &found, sizeof halves);
  return (halves[0] | halves[1]) != 0;
}

bool needs_escaping(std::string_view text) {
  if (text.size() < sizeof(Block)) {
    char padded[sizeof(Block)];
    std::memset(padded, ' ', sizeof padded);
    std::memcpy(padded, text.data(), text.size());
    return any_special(padded);
  }
  for (std::size_t at = 0; at + sizeof(Block) < text.size(); at += sizeof(Block)) {
    if (any_special(text.data() + at)) return true;
  }
  return any_special(text.data() + text.size() - sizeof(Block));
}

}  // namespace

Escaped::Escaped(std::string_view text) : view_(text) {
  if (text.empty() || !needs_escaping(text)) return;
  std::size_t done = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!kSpecial[static_cast<unsigned char>(text[i])]) continue;
    own_.append(text.substr(done, i - done)).append(escape(text[i]));
    done = i + 1;
  }
  own_.append(text.substr(done));
  view_ = own_;
}

Output& Output::raw_in_parts(std::string_view xml) {
  if (target_ != nullptr) {
    target_->append(xml);
    return *this;
  }
  while (!xml.empty() && !stopped_) {
    const std::string_view part = xml.substr(0, static_cast<std::size_t>(end_ - next_));
    std::memcpy(next_, part.data(), part.size());
    next_ += part.size();
    xml.remove_prefix(part.size());
    if (next_ == end_) flush();
  }
  return *this;
}

void Output::flush() {
  if (next_ != begin_ && !stopped_) stopped_ = !(*sink_)({begin_, static_cast<std::size_t>(next_ - begin_)});
  next_ = begin_;
}

}  // namespace ews_im::ews
