// SPDX-License-Identifier: Apache-2.0
#include "store/directory.h"

#include <algorithm>
#include <set>

#include "store/model.h"

namespace ews_im::store {
namespace {

// The length in bytes of the well-formed UTF-8 sequence at the start of `text` if XML 1.0 can carry it, else
// 0.
std::size_t xml_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return first >= 0x20 || first == '\t' || first == '\n' || first == '\r' ? 1 : 0;
  const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < size) return 0;
  char32_t character = first & (0xFFU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    character = character << 6 | (byte(i) & 0x3F);
  }
  constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (character < kSmallest[size] || character > 0x10FFFF) return 0;
  if ((character >= 0xD800 && character <= 0xDFFF) || character == 0xFFFE || character == 0xFFFF) return 0;
  return size;
}

bool has_control_or_space(std::string_view text, bool space_too) {
  return std::any_of(text.begin(), text.end(), [&](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F || (space_too && byte == ' ');
  });
}

// A name by which a caller or a user is known to Apache or a directory service.
bool is_login_name(std::string_view text) {
  return !text.empty() && text.size() <= kLongestAddress && text.front() != ' ' && text.back() != ' ' &&
         !has_control_or_space(text, false) && is_xml_text(text);
}

// Decimal, without leading zeros, at most `largest`; takes what it reads off `text`.
bool take_number(std::string_view& text, std::uint64_t largest) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  if (digits == 0 || digits > 15 || (digits > 1 && text[0] == '0')) return false;
  std::uint64_t number = 0;
  for (const char c : text.substr(0, digits)) number = number * 10 + static_cast<std::uint64_t>(c - '0');
  text.remove_prefix(digits);
  return number <= largest;
}

}  // namespace

bool is_smtp_address(std::string_view text) {
  const std::size_t at = text.find('@');
  return at != std::string_view::npos && at > 0 && at + 1 < text.size() && text.rfind('@') == at &&
         text.size() <= kLongestAddress && !has_control_or_space(text, true) && is_xml_text(text);
}

bool is_sid(std::string_view text) {
  if (!text.starts_with("S-1-")) return false;
  text.remove_prefix(4);
  if (!take_number(text, (std::uint64_t{1} << 48) - 1)) return false;
  int subauthorities = 0;
  while (!text.empty()) {
    if (text[0] != '-') return false;
    text.remove_prefix(1);
    if (!take_number(text, 0xFFFFFFFF) || ++subauthorities > 15) return false;
  }
  return subauthorities > 0;
}

bool is_xml_text(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = xml_character(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

std::size_t character_count(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string ascii_lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

std::string_view what_is_wrong(const DirectoryEntry& entry) {
  if (entry.guid == Guid{}) return "the GUID is all zeros";
  if (!is_smtp_address(entry.primary_smtp_address)) return "the primary address is no SMTP address";
  if (entry.aliases.size() > kMostAliases) return "too many aliases";
  std::set<std::string> addresses{ascii_lower(entry.primary_smtp_address)};
  for (const std::string& alias : entry.aliases) {
    if (!is_smtp_address(alias)) return "an alias is no SMTP address";
    if (!addresses.insert(ascii_lower(alias)).second) return "an address is given twice";
  }
  if (!entry.user_principal_name.empty() && !is_login_name(entry.user_principal_name)) {
    return "the user principal name is too long, or holds control characters or outer blanks";
  }
  if (!entry.sid.empty() && !is_sid(entry.sid)) return "the SID does not have the form S-1-5-21-...";
  if (!entry.account.empty() && !is_login_name(entry.account)) {
    return "the account name is too long, or holds control characters or outer blanks";
  }
  return {};
}

std::string_view what_is_wrong(const DistributionGroup& group) {
  if (!is_smtp_address(group.smtp_address)) return "the address is no SMTP address";
  if (!is_xml_text(group.display_name)) return "the display name holds characters that XML cannot carry";
  if (character_count(group.display_name) > kLongestDisplayName) return "the display name is too long";
  return {};
}

std::string_view what_is_wrong(const ImpersonationRight& right) {
  if (!is_login_name(right.caller)) {
    return "the caller's name is empty or too long, or holds control characters or outer blanks";
  }
  return {};
}

}  // namespace ews_im::store
