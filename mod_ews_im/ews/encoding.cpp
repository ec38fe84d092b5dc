// SPDX-License-Identifier: Apache-2.0
#include "mod_ews_im/ews/encoding.h"

#include <cstdint>

#include "mod_ews_im/ews/xml_text.h"
#include "store/directory.h"

namespace ews_im::ews {
namespace {

constexpr std::size_t kMostHead = 512;  // bytes in which an XML declaration must end

enum class Encoding : std::uint8_t { Utf8, Utf16Little, Utf16Big };

struct Found {
  Encoding encoding;
  std::size_t mark;  // bytes of the byte order mark
};

/// From the first bytes.
Found encoding_of(std::string_view head) {
  constexpr unsigned kNoByte = 256;
  const auto byte = [&](std::size_t i) {
    return i < head.size() ? static_cast<unsigned char>(head[i]) : kNoByte;
  };
  if (byte(0) == 0xFF && byte(1) == 0xFE) return {Encoding::Utf16Little, 2};
  if (byte(0) == 0xFE && byte(1) == 0xFF) return {Encoding::Utf16Big, 2};
  if (byte(0) == '<' && byte(1) == 0 && byte(2) != 0 && byte(3) == 0) return {Encoding::Utf16Little, 0};
  if (byte(0) == 0 && byte(1) == '<' && byte(2) == 0 && byte(3) != 0) return {Encoding::Utf16Big, 0};
  if (byte(0) == 0xEF && byte(1) == 0xBB && byte(2) == 0xBF) return {Encoding::Utf8, 3};
  return {Encoding::Utf8, 0};
}

/// What begins otherwise is no document in UTF-8, and the library would take some of it for one in another encoding.
bool begins_a_document(std::string_view text) {
  if (text.empty()) return true;
  const bool begins = text[0] == '<' || kXmlSpace.find(text[0]) != std::string_view::npos;
  return begins && (text.size() == 1 || text[1] != '\0');
}

/// The declared encoding agrees with the one found. NUL bytes of UTF-16 are skipped: only the ASCII text
/// matters here.
bool declaration_agrees(std::string_view head, Encoding encoding) {
  std::string ascii;
  if (encoding != Encoding::Utf8) {
    for (const char c : head.substr(0, kMostHead)) {
      if (c != '\0') ascii.push_back(c);
    }
    head = ascii;
  }
  head = head.substr(0, kMostHead);
  const auto begin = head.find("<?xml");
  if (begin > 3) return true;  // there is none
  const auto end = head.find("?>");
  if (end == std::string_view::npos) return true;
  const std::string_view declaration = head.substr(begin, end - begin);
  const auto found = declaration.find("encoding");
  if (found == std::string::npos) return true;
  const auto open = declaration.find_first_of("\"'", found);
  if (open == std::string::npos) return true;  // ill-formed: the parser says so
  const std::string name = store::ascii_lower(
      declaration.substr(open + 1, declaration.find(declaration[open], open + 1) - open - 1));
  if (encoding != Encoding::Utf8) return name.starts_with("utf-16");
  return name == "utf-8" || name == "us-ascii" || name == "utf8";
}

}  // namespace

std::string_view DocumentDecoder::feed(std::string_view bytes, std::string_view& text) {
  if (head_done_) return decode(bytes, text);
  if (head_.empty() && bytes.size() >= kMostHead) return begin(bytes, text);
  head_ += bytes;
  return head_.size() >= kMostHead ? begin(head_, text) : std::string_view{};
}

std::string_view DocumentDecoder::finish(std::string_view& text) {
  if (!head_done_) {
    if (const auto problem = begin(head_, text); !problem.empty()) return problem;
  }
  return utf16_ && !utf16_->complete() ? "The text ends within a character." : std::string_view{};
}

std::string_view DocumentDecoder::begin(std::string_view head, std::string_view& text) {
  head_done_ = true;
  const auto [encoding, mark] = encoding_of(head);
  if (encoding != Encoding::Utf8) utf16_.emplace(encoding == Encoding::Utf16Big);
  // A parser that is used again would take the byte order mark for text.
  const std::string_view problem = decode(head.substr(mark), text);
  if (!declaration_agrees(head, encoding) || !begins_a_document(text))
    return "The encoding is neither UTF-8 nor UTF-16.";
  return problem;
}

std::string_view DocumentDecoder::decode(std::string_view bytes, std::string_view& text) {
  if (!utf16_) {
    text = bytes;
    return {};
  }
  utf8_.clear();
  const bool sound = utf16_->decode(bytes, utf8_);
  text = utf8_;
  return sound ? std::string_view{} : "The document holds half of a surrogate pair.";
}

}  // namespace ews_im::ews
