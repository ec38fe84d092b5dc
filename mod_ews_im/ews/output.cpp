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

constexpr std::size_t kBlock = 16;

/// Written so that compilers make vector instructions of it.
bool any_special(const char* block) {
  unsigned found = 0;
  for (std::size_t i = 0; i < kBlock; ++i) {
    const auto c = static_cast<unsigned char>(block[i]);
    found |= static_cast<unsigned>(c < 0x20) | static_cast<unsigned>(c == '&') |
             static_cast<unsigned>(c == '<') | static_cast<unsigned>(c == '>') |
             static_cast<unsigned>(c == '"') | static_cast<unsigned>(c == '\'');
  }
  return found != 0;
}

bool needs_escaping(std::string_view text) {
  for (; text.size() >= kBlock; text.remove_prefix(kBlock)) {
    if (any_special(text.data())) return true;
  }
  char rest[kBlock] = {' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '};
  std::memcpy(rest, text.data(), text.size());
  return any_special(rest);
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
