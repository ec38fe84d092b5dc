// SPDX-License-Identifier: Apache-2.0
// Id and ChangeKey strings in Exchange's binary format (MS-OXWSITEMID 2.1), strict both ways. Ids are
// functions of stored values, so a string stays the same for ever; they are no secret and no capability: who
// uses one must compare its mailbox with the caller's before anything is looked up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "mod_ews_im/ews/base64.h"
#include "mod_ews_im/ews/error.h"
#include "store/model.h"

namespace ews_im::ews {

/// What stands in a decoded id, its mailbox named but nothing looked up.
struct ItemId {
  enum class Kind : std::uint8_t { Item, Folder, Persona };
  Kind kind = Kind::Item;
  store::Guid mailbox;
  std::string store_id;  ///< entry id of an item (70 bytes) or folder (46), link id of a persona (16)
};

/// Decodes an Id attribute; an error's code is one of ErrorInvalidId...
[[nodiscard]] std::variant<ItemId, ResponseCode> decode_item_id(std::string_view text);

/// True for the base64 of 4 bytes (type) or 30 (type, length 22, GUID, counter).
[[nodiscard]] bool is_change_key(std::string_view text);

/// The number of the item that `id` names in the mailbox of that name; 0 if the id was not made by it: no
/// item has 0. REQUIRES: id.kind == Item and id.mailbox == mailbox.guid
[[nodiscard]] store::ItemNumber item_number(const ItemId& id, const store::Mailbox& mailbox);

/// An id or key as text: what the ids of a mailbox have in common, and the rest of this one. Refers to its
/// IdWriter.
class IdText {
 public:
  [[nodiscard]] std::string_view head() const { return head_; }
  [[nodiscard]] std::string_view rest() const { return {rest_, size_}; }
  [[nodiscard]] std::size_t size() const { return head_.size() + size_; }

 private:
  friend class Base64Prefix;
  static constexpr std::size_t kLongestRest = 44;

  std::string_view head_;
  std::uint8_t size_ = 0;
  char rest_[kLongestRest];  // the first size_ bytes; NOLINT(cppcoreguidelines-pro-type-member-init)
};

/// A few bytes in memory of their own: an IdWriter is made for each answer, and hardly allocates.
template <std::size_t kMost>
class ShortBytes {
 public:
  /// REQUIRES: no more than kMost bytes in all.
  void append(std::string_view bytes) {
    std::memcpy(bytes_ + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
  }
  /// The memory, for up to kMost bytes; set_size() tells how many were written.
  [[nodiscard]] char* data() { return bytes_; }
  void set_size(std::size_t size) { size_ = size; }
  [[nodiscard]] std::string_view view() const { return {bytes_, size_}; }

 private:
  std::size_t size_ = 0;
  char bytes_[kMost];  // the first size_ bytes; NOLINT(cppcoreguidelines-pro-type-member-init)
};

inline constexpr std::size_t kLongestIdPrefix = 104;  ///< bytes of a payload before what is one item's own
/// The run-length form makes three bytes of two at most.
[[nodiscard]] constexpr std::size_t room_to_compress(std::size_t size) { return size + size / 2; }

/// Bytes with which many texts begin, in base64 as far as that does not depend on what follows.
class Base64Prefix {
 public:
  static constexpr std::size_t kMostBytes = 1 + room_to_compress(kLongestIdPrefix);
  explicit Base64Prefix(std::string_view bytes);
  Base64Prefix(const Base64Prefix&) = delete;
  Base64Prefix& operator=(const Base64Prefix&) = delete;
  /// Base64 of the prefix and then `end`, which is short. Refers to this prefix.
  [[nodiscard]] IdText then(std::string_view end) const;

 private:
  ShortBytes<base64_size(kMostBytes)> text_;
  ShortBytes<2> left_;
};

/// Bytes with which many ids begin, in both forms, as far as these do not depend on what follows.
class IdPrefix {
 public:
  static constexpr std::size_t kLongestEnd = 16;

  /// REQUIRES: kLongestIdPrefix bytes at most.
  explicit IdPrefix(std::string_view payload);
  /// The shorter form of the id whose payload is the prefix and then `end`: 8 bytes, or 16.
  [[nodiscard]] IdText id(std::string_view end) const;
  /// How long that is.
  [[nodiscard]] std::size_t id_size(std::string_view end) const;

 private:
  [[nodiscard]] std::size_t compressed_size(std::string_view end) const;

  ShortBytes<kLongestIdPrefix> payload_;
  std::size_t run_start_;  // where the last run of equal bytes begins: `end` may prolong it
  ShortBytes<Base64Prefix::kMostBytes> compressed_bytes_;  // of what is before it, and its form
  // Each is made when the first id of its form is: most mailboxes need one.
  mutable std::optional<Base64Prefix> plain_;
  mutable std::optional<Base64Prefix> compressed_;
};

/// Makes the ids of one mailbox; a copy of what it needs is kept. Not for several threads at once.
class IdWriter {
 public:
  explicit IdWriter(const store::Mailbox& mailbox);
  IdWriter(const IdWriter&) = delete;
  IdWriter& operator=(const IdWriter&) = delete;

  /// The Id of a group or contact.
  [[nodiscard]] IdText item_id(store::ItemNumber number) const;
  /// The Id of the Quick Contacts folder. Lives as long as the writer.
  [[nodiscard]] std::string_view folder_id() const { return folder_id_.view(); }
  [[nodiscard]] IdText persona_id(const store::Guid& persona) const { return persona_.id(persona.view()); }
  [[nodiscard]] std::size_t persona_id_size(const store::Guid& persona) const {
    return persona_.id_size(persona.view());
  }
  /// The 30-byte ChangeKey of a contact's SourceId.
  [[nodiscard]] IdText contact_change_key(store::ChangeNumber change) const;

 private:
  IdPrefix item_;
  IdPrefix persona_;
  Base64Prefix change_key_;
  ShortBytes<base64_size(Base64Prefix::kMostBytes)> folder_id_;
};

inline constexpr std::size_t kContactChangeKeySize = 40;

/// The keys that never change: of groups, of members, of the folder.
inline constexpr std::string_view kGroupChangeKey = "EgAAAA==";
inline constexpr std::string_view kMemberChangeKey = "EQAAAA==";
inline constexpr std::string_view kFolderChangeKey = "AQAAAA==";

/// The run-length form (MS-OXWSITEMID 2.1.3.1) of `payload`, whether shorter or not; and back, nullopt if it
/// is malformed or larger than an id may be.
[[nodiscard]] std::string compress(std::string_view payload);
[[nodiscard]] std::optional<std::string> decompress(std::string_view compressed);

}  // namespace ews_im::ews
