// SPDX-License-Identifier: Apache-2.0
// Id and ChangeKey strings in Exchange's binary format (MS-OXWSITEMID 2.1), strict both ways. Ids are
// functions of stored values, so a string stays the same for ever; they are no secret and no capability: who
// uses one must compare its mailbox with the caller's before anything is looked up.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

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

/// Makes the ids of one mailbox; a copy of what it needs is kept.
class IdWriter {
 public:
  explicit IdWriter(const store::Mailbox& mailbox);

  /// Appends the Id of a group or contact.
  void append_item_id(std::string& out, store::ItemNumber number) const;
  /// The Id of the Quick Contacts folder. Lives as long as the writer.
  [[nodiscard]] const std::string& folder_id() const { return folder_id_; }
  void append_persona_id(std::string& out, const store::Guid& persona) const;
  /// Appends the 30-byte ChangeKey of a contact's SourceId.
  void append_contact_change_key(std::string& out, store::ChangeNumber change) const;

 private:
  std::string payload_;          ///< of an item id, counter zero
  std::string base64_prefix_;    ///< of the uncompressed form, up to the counter
  std::size_t tail_start_ = 0;   ///< where the last run of equal bytes before the counter begins
  std::size_t prefix_cost_ = 0;  ///< compressed size of what is before it
  std::string persona_prefix_;
  std::string change_key_prefix_;
  std::string folder_id_;
};

/// The keys that never change: of groups, of members, of the folder.
inline constexpr std::string_view kGroupChangeKey = "EgAAAA==";
inline constexpr std::string_view kMemberChangeKey = "EQAAAA==";
inline constexpr std::string_view kFolderChangeKey = "AQAAAA==";

/// The run-length form (MS-OXWSITEMID 2.1.3.1) of `payload`, whether shorter or not; and back, nullopt if it
/// is malformed or larger than an id may be.
[[nodiscard]] std::string compress(std::string_view payload);
[[nodiscard]] std::optional<std::string> decompress(std::string_view compressed);

}  // namespace ews_im::ews
