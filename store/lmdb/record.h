// SPDX-License-Identifier: Apache-2.0
// The bytes of the records, on disk for ever: a change needs a new format number. Pure functions: knows no
// LMDB.
//
// A record is: the version of its form (1 byte, 1), the CRC-32C of key, version and payload (4 bytes, most
// significant first), the payload. In payloads numbers are varints (7 bits a byte, least significant first,
// shortest form), a time is zigzagged first, text has its length in bytes before it. A payload is read whole
// or not at all: nothing may follow.
//
// What the key says is not repeated in the payload, except the text of which the key holds a hash.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/directory.h"
#include "store/model.h"

namespace ews_im::store {

inline constexpr std::uint64_t kFormat = 1;  ///< the format that this software writes
inline constexpr std::size_t kRecordHeaderSize = 5;

/// A record under construction: room for the header, then the payload; seal() fills in the header.
class RecordWriter {
 public:
  RecordWriter() : bytes_(kRecordHeaderSize, '\0') {}
  void number(std::uint64_t value);
  void time(std::int64_t seconds);
  void text(std::string_view value);
  void guid(const Guid& value) { bytes_ += value.view(); }
  void byte(std::uint8_t value) { bytes_ += static_cast<char>(value); }
  /// The finished record, to be kept under `key`.
  [[nodiscard]] std::string_view seal(std::string_view key);

 private:
  std::string bytes_;
};

/// The payload of `record` if its version and checksum are right, else nullopt.
[[nodiscard]] std::optional<std::string_view> payload_of(std::string_view key, std::string_view record);
/// The same with the checksum of the key given, for walks in which keys begin alike.
[[nodiscard]] std::optional<std::string_view> payload_of(std::uint32_t key_checksum, std::string_view record);

struct NameRecord {
  Guid mailbox;
  std::string folded;  ///< the name, as ascii_lower makes it
};

[[nodiscard]] RecordWriter encode_format(std::uint64_t format);
[[nodiscard]] RecordWriter encode(const Settings& settings);
[[nodiscard]] RecordWriter encode(const Mailbox& mailbox);
[[nodiscard]] RecordWriter encode(const ImGroup& group);
[[nodiscard]] RecordWriter encode(const ImContact& contact);
[[nodiscard]] RecordWriter encode_address(ItemNumber contact);
[[nodiscard]] RecordWriter encode(const DirectoryEntry& entry);
[[nodiscard]] RecordWriter encode(const NameRecord& name);
[[nodiscard]] RecordWriter encode(const DistributionGroup& group);
[[nodiscard]] RecordWriter encode(const ImpersonationRight& right);

// Decoders take payloads. nullopt: not what encode makes.
[[nodiscard]] std::optional<std::uint64_t> decode_format(std::string_view payload);
[[nodiscard]] std::optional<Settings> decode_settings(std::string_view payload);
[[nodiscard]] std::optional<Mailbox> decode_mailbox(const Guid& guid, std::string_view payload);
[[nodiscard]] std::optional<ImGroup> decode_im_group(ItemNumber number, std::string_view payload);
[[nodiscard]] std::optional<ImContact> decode_im_contact(ItemNumber number, std::string_view payload);
/// Fills `contact`, whose text then refers to `payload`, and appends its memberships to `memberships`; leaves
/// contact.memberships to the caller, since the vector may move. False: not what encode makes.
[[nodiscard]] bool decode_im_contact(ItemNumber number, std::string_view payload, ImContactView& contact,
                                     std::vector<Membership>& memberships);
[[nodiscard]] std::optional<ItemNumber> decode_address(std::string_view payload);
[[nodiscard]] std::optional<DirectoryEntry> decode_directory_entry(const Guid& guid,
                                                                   std::string_view payload);
[[nodiscard]] std::optional<NameRecord> decode_name(std::string_view payload);
[[nodiscard]] std::optional<DistributionGroup> decode_distribution_group(std::string_view payload);
[[nodiscard]] std::optional<ImpersonationRight> decode_impersonation_right(std::string_view payload);

}  // namespace ews_im::store
