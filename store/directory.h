// SPDX-License-Identifier: Apache-2.0
// Who is who: which names lead to which mailbox, which distribution groups exist, who may act for whom. Plain
// values and the rules for their text; knows nothing of how they are kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/guid.h"

namespace ews_im::store {

/// What a mailbox is called. All texts compare without ASCII case (and no other folding, so that no
/// look-alike matches).
struct DirectoryEntry {
  Guid guid;
  std::string primary_smtp_address;  ///< never empty
  std::vector<std::string> aliases;  ///< further SMTP addresses
  std::string user_principal_name;   ///< may be empty, as the next two
  std::string sid;                   ///< SDDL text: S-1-...
  std::string account;               ///< for instance tsmith, or CONTOSO\tsmith
};

/// The kinds of names, each a name space of its own. The values are on disk: never change them.
enum class NameKind : std::uint8_t {
  SmtpAddress = 1,  ///< primary address or alias
  UserPrincipalName = 2,
  Sid = 3,
  Account = 4,
};

struct DistributionGroup {
  std::string smtp_address;
  std::string display_name;  ///< may be empty
};

/// That `caller` (the name by which Apache authenticated it) may act for a mailbox, or for every one.
struct ImpersonationRight {
  std::string caller;
  std::optional<Guid> mailbox;  ///< nullopt: every mailbox
};

/// What forbids keeping these, as a short phrase; empty if nothing does: syntax, lengths, a name given twice.
[[nodiscard]] std::string_view what_is_wrong(const DirectoryEntry& entry);
[[nodiscard]] std::string_view what_is_wrong(const DistributionGroup& group);
[[nodiscard]] std::string_view what_is_wrong(const ImpersonationRight& right);

/// Further SMTP addresses of one mailbox.
inline constexpr std::size_t kMostAliases = 400;

/// Something before one '@', something after it, no white space or control characters, at most
/// kLongestAddress bytes.
[[nodiscard]] bool is_smtp_address(std::string_view text);
/// SDDL text form S-1-<authority>(-<subauthority>){1,15}, decimal numbers in range.
[[nodiscard]] bool is_sid(std::string_view text);
/// Valid UTF-8 of characters that XML 1.0 can carry.
[[nodiscard]] bool is_xml_text(std::string_view text);
/// Number of characters (code points) of valid UTF-8.
[[nodiscard]] std::size_t character_count(std::string_view text);
/// A-Z to a-z; every other byte stays.
[[nodiscard]] std::string ascii_lower(std::string_view text);

}  // namespace ews_im::store
