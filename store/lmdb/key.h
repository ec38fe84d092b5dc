// SPDX-License-Identifier: Apache-2.0
// The keys of the LMDB store. One unnamed database holds everything: the first byte of a key says which table
// a record belongs to. All records of a mailbox stand side by side, so that a change of it touches few pages;
// its head, which nearly every change touches, stands beside its newest contact.
//
//   table                 key after the table byte
//   1 Format              -
//   2 Settings            -
//   3 Mailbox             GUID, then
//                           1, number: group
//                           2, number: contact
//                           3: head
//                           4, hash: address of a contact
//   4 Directory           GUID
//   5 Names               kind of name, hash of the name
//   6 DistributionGroups  hash of the address
//   7 Rights              hash of the caller, GUID of the mailbox or 16 zero bytes for all
//
// Numbers are 8 bytes, most significant first. A hash is the GUID of a text (Guid::of_text), since texts can
// be longer than a key of LMDB (511 bytes); the record repeats the text. All of this is on disk: never change
// it without a new format number.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "store/directory.h"
#include "store/model.h"

namespace ews_im::store {

enum class Table : std::uint8_t {
  Format = 1,
  Settings = 2,
  Mailbox = 3,
  Directory = 4,
  Names = 5,
  DistributionGroups = 6,
  Rights = 7,
};
/// All of them, in the order of their keys.
inline constexpr std::array kTables{Table::Format,    Table::Settings, Table::Mailbox,
                                    Table::Directory, Table::Names,    Table::DistributionGroups,
                                    Table::Rights};

enum class MailboxPart : std::uint8_t { Group = 1, Contact = 2, Head = 3, Address = 4 };

/// A key, or the beginning of keys, in a buffer of its own.
class Key {
 public:
  explicit Key(Table table) { add(static_cast<std::uint8_t>(table)); }

  Key& add(std::uint8_t byte) {
    bytes_[size_++] = static_cast<char>(byte);
    return *this;
  }
  Key& add(const Guid& guid);
  Key& add_number(std::uint64_t number);

  [[nodiscard]] std::string_view view() const { return {bytes_.data(), size_}; }

 private:
  std::array<char, 40> bytes_;
  std::size_t size_ = 0;
};

[[nodiscard]] Key format_key();
[[nodiscard]] Key settings_key();
[[nodiscard]] Key mailbox_prefix(const Guid& mailbox);
[[nodiscard]] Key mailbox_key(const Guid& mailbox);
[[nodiscard]] Key part_prefix(const Guid& mailbox, MailboxPart part);
[[nodiscard]] Key im_group_key(const Guid& mailbox, ItemNumber number);
[[nodiscard]] Key im_contact_key(const Guid& mailbox, ItemNumber number);
/// `address_key` as address_key() of the model makes it.
[[nodiscard]] Key address_index_key(const Guid& mailbox, ContactKind kind, std::string_view address_key);
[[nodiscard]] Key directory_key(const Guid& mailbox);
/// The next three: `folded` as ascii_lower makes it.
[[nodiscard]] Key name_key_of(NameKind kind, std::string_view folded);
[[nodiscard]] Key distribution_group_key(std::string_view folded);
[[nodiscard]] Key rights_prefix(std::string_view folded);
[[nodiscard]] Key right_key(const ImpersonationRight& right);

/// A key taken apart. Fields that its table does not have are zero.
struct ParsedKey {
  Table table = Table::Format;
  MailboxPart part = MailboxPart::Head;
  Guid guid;                 ///< of the mailbox
  std::uint64_t number = 0;  ///< of the item
  NameKind kind = NameKind::SmtpAddress;
  Guid hash;
};

/// nullopt: no key of this format.
[[nodiscard]] std::optional<ParsedKey> parse_key(std::string_view key);
/// The number that follows `prefix` in `key`, of which `prefix` is the beginning. nullopt: it is not 8 bytes
/// long.
[[nodiscard]] std::optional<std::uint64_t> number_after(const Key& prefix, std::string_view key);
/// For people, for instance "contact 17 of mailbox 0f8f...".
[[nodiscard]] std::string describe_key(std::string_view key);

}  // namespace ews_im::store
