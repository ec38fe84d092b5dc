// SPDX-License-Identifier: Apache-2.0
#include "store/lmdb/key.h"

#include <endian.h>

#include <algorithm>
#include <cstring>

namespace ews_im::store {
namespace {

// The name space of all hashes in keys: drawn once, for ever.
constexpr Guid kHashes{
    {0x9a, 0x1e, 0x6c, 0x53, 0x40, 0xf7, 0x4b, 0x0d, 0x8c, 0x25, 0x71, 0xd2, 0xe8, 0x36, 0xbf, 0x04}};

Guid hash_of(std::uint8_t kind, std::string_view text) {
  std::string input(1, static_cast<char>(kind));
  input += text;
  return Guid::of_text(kHashes, input);
}

// Takes a key apart from its front; `ok` turns false when it is too short.
struct Scanner {
  std::string_view rest;
  bool ok = true;

  std::uint8_t byte() {
    ok = ok && !rest.empty();
    if (!ok) return 0;
    const auto result = static_cast<std::uint8_t>(rest[0]);
    rest.remove_prefix(1);
    return result;
  }
  Guid guid() {
    Guid result;
    for (std::uint8_t& b : result.bytes) b = byte();
    return result;
  }
  std::uint64_t number() {
    std::uint64_t result = 0;
    for (int i = 0; i < 8; ++i) result = result << 8 | byte();
    return result;
  }
};

std::string hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text += kDigits[static_cast<unsigned char>(c) >> 4];
    text += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

}  // namespace

Key& Key::add(const Guid& guid) {
  std::copy(guid.view().begin(), guid.view().end(), bytes_.begin() + static_cast<std::ptrdiff_t>(size_));
  size_ += guid.bytes.size();
  return *this;
}

Key& Key::add_number(std::uint64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8) add(static_cast<std::uint8_t>(number >> shift));
  return *this;
}

Key format_key() { return Key(Table::Format); }
Key settings_key() { return Key(Table::Settings); }
Key mailbox_prefix(const Guid& mailbox) { return Key(Table::Mailbox).add(mailbox); }
Key mailbox_key(const Guid& mailbox) { return part_prefix(mailbox, MailboxPart::Head); }

Key part_prefix(const Guid& mailbox, MailboxPart part) {
  return mailbox_prefix(mailbox).add(static_cast<std::uint8_t>(part));
}

Key im_group_key(const Guid& mailbox, ItemNumber number) {
  return part_prefix(mailbox, MailboxPart::Group).add_number(number);
}

Key im_contact_key(const Guid& mailbox, ItemNumber number) {
  return part_prefix(mailbox, MailboxPart::Contact).add_number(number);
}

Key address_index_key(const Guid& mailbox, ContactKind kind, std::string_view address_key) {
  return part_prefix(mailbox, MailboxPart::Address)
      .add(hash_of(static_cast<std::uint8_t>(kind), address_key));
}

Key directory_key(const Guid& mailbox) { return Key(Table::Directory).add(mailbox); }

Key name_key_of(NameKind kind, std::string_view folded) {
  const auto byte = static_cast<std::uint8_t>(kind);
  return Key(Table::Names).add(byte).add(hash_of(byte, folded));
}

Key distribution_group_key(std::string_view folded) {
  return Key(Table::DistributionGroups).add(hash_of(0, folded));
}

Key rights_prefix(std::string_view folded) { return Key(Table::Rights).add(hash_of(0, folded)); }

Key right_key(const ImpersonationRight& right) {
  return rights_prefix(ascii_lower(right.caller)).add(right.mailbox.value_or(Guid{}));
}

std::optional<ParsedKey> parse_key(std::string_view key) {
  Scanner in{key};
  ParsedKey result;
  result.table = static_cast<Table>(in.byte());
  switch (result.table) {
    case Table::Format:
    case Table::Settings:
      break;
    case Table::Mailbox:
      result.guid = in.guid();
      result.part = static_cast<MailboxPart>(in.byte());
      if (result.part == MailboxPart::Group || result.part == MailboxPart::Contact) {
        result.number = in.number();
      } else if (result.part == MailboxPart::Address) {
        result.hash = in.guid();
      } else if (result.part != MailboxPart::Head) {
        return std::nullopt;
      }
      break;
    case Table::Directory:
      result.guid = in.guid();
      break;
    case Table::Names:
      result.kind = static_cast<NameKind>(in.byte());
      if (result.kind < NameKind::SmtpAddress || result.kind > NameKind::Account) return std::nullopt;
      result.hash = in.guid();
      break;
    case Table::DistributionGroups:
      result.hash = in.guid();
      break;
    case Table::Rights:
      result.hash = in.guid();
      result.guid = in.guid();
      break;
    default:
      return std::nullopt;
  }
  if (!in.ok || !in.rest.empty()) return std::nullopt;
  return result;
}

std::optional<std::uint64_t> number_after(const Key& prefix, std::string_view key) {
  if (key.size() != prefix.view().size() + 8) return std::nullopt;
  std::uint64_t number = 0;
  std::memcpy(&number, key.data() + prefix.view().size(), sizeof number);
  return be64toh(number);
}

std::string describe_key(std::string_view key) {
  const auto parsed = parse_key(key);
  if (!parsed) return "record with the unknown key " + hex(key);
  switch (parsed->table) {
    case Table::Format:
      return "format record";
    case Table::Settings:
      return "settings record";
    case Table::Directory:
      return "directory entry of mailbox " + parsed->guid.text();
    case Table::Names:
      return "name " + hex(key.substr(1));
    case Table::DistributionGroups:
      return "distribution group " + hex(key.substr(1));
    case Table::Rights:
      return "impersonation right " + hex(key.substr(1));
    case Table::Mailbox:
      break;
  }
  const std::string of_mailbox = " of mailbox " + parsed->guid.text();
  switch (parsed->part) {
    case MailboxPart::Head:
      return "head" + of_mailbox;
    case MailboxPart::Group:
      return "group " + std::to_string(parsed->number) + of_mailbox;
    case MailboxPart::Contact:
      return "contact " + std::to_string(parsed->number) + of_mailbox;
    case MailboxPart::Address:
      return "address " + parsed->hash.text() + of_mailbox;
  }
  return "record";
}

}  // namespace ews_im::store
