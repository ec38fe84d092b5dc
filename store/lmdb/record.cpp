// SPDX-License-Identifier: Apache-2.0
#include "store/lmdb/record.h"

#include <algorithm>

#include "store/lmdb/crc32c.h"

namespace ews_im::store {
namespace {

constexpr char kVersion = 1;
constexpr std::string_view kVersionBytes(&kVersion, 1);

// Takes a payload apart from its front. After the first thing that does not fit, everything is zero and
// done() is false.
class RecordReader {
 public:
  explicit RecordReader(std::string_view payload) : at_(payload.data()), end_(at_ + payload.size()) {}

  std::uint8_t byte() {
    if (at_ == end_) return failed<std::uint8_t>();
    return static_cast<std::uint8_t>(*at_++);
  }
  std::uint64_t number() {
    std::uint64_t result = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint8_t b = byte();
      result |= static_cast<std::uint64_t>(b & 0x7F) << shift;
      if (b < 0x80) {
        const bool shortest = b != 0 || shift == 0;
        return shortest && (shift < 63 || b <= 1) ? result : failed<std::uint64_t>();
      }
    }
    return failed<std::uint64_t>();
  }
  std::int64_t time() {
    const std::uint64_t value = number();
    return static_cast<std::int64_t>((value >> 1) ^ (~(value & 1) + 1));
  }
  std::string_view text() {
    const std::uint64_t size = number();
    if (size > left()) return failed<std::string_view>();
    const std::string_view result(at_, static_cast<std::size_t>(size));
    at_ += size;
    return result;
  }
  Guid guid() {
    Guid result;
    if (left() < result.bytes.size()) return failed<Guid>();
    std::copy(at_, at_ + result.bytes.size(), result.bytes.begin());
    at_ += result.bytes.size();
    return result;
  }
  // A number of things of which each takes up at least `size` bytes.
  std::size_t count(std::size_t size) {
    const std::uint64_t result = number();
    return result <= left() / size ? static_cast<std::size_t>(result) : failed<std::size_t>();
  }
  std::uint8_t byte_up_to(std::uint8_t largest, std::uint8_t smallest = 0) {
    const std::uint8_t result = byte();
    return result >= smallest && result <= largest ? result : failed<std::uint8_t>();
  }
  void require(bool condition) {
    if (!condition) failed<bool>();
  }
  [[nodiscard]] bool done() const { return ok_ && at_ == end_; }

 private:
  [[nodiscard]] std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  template <class T>
  T failed() {
    ok_ = false;
    at_ = end_;
    return T{};
  }

  const char* at_;
  const char* end_;
  bool ok_ = true;
};

template <class T>
std::optional<T> whole(const RecordReader& in, T value) {
  if (!in.done()) return std::nullopt;
  return value;
}

}  // namespace

void RecordWriter::number(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) byte(static_cast<std::uint8_t>(value | 0x80));
  byte(static_cast<std::uint8_t>(value));
}

void RecordWriter::time(std::int64_t seconds) {
  const auto value = static_cast<std::uint64_t>(seconds);
  number((value << 1) ^ (seconds < 0 ? ~std::uint64_t{0} : 0));
}

void RecordWriter::text(std::string_view value) {
  number(value.size());
  bytes_ += value;
}

std::string_view RecordWriter::seal(std::string_view key) {
  std::uint32_t checksum = crc32c(crc32c(0, key), kVersionBytes);
  checksum = crc32c(checksum, std::string_view(bytes_).substr(kRecordHeaderSize));
  bytes_[0] = kVersion;
  for (unsigned i = 0; i < 4; ++i) bytes_[1 + i] = static_cast<char>(checksum >> (24 - 8 * i));
  return bytes_;
}

std::optional<std::string_view> payload_of(std::string_view key, std::string_view record) {
  return payload_of(crc32c(0, key), record);
}

std::optional<std::string_view> payload_of(std::uint32_t key_checksum, std::string_view record) {
  if (record.size() < kRecordHeaderSize || record[0] != kVersion) return std::nullopt;
  std::uint32_t stored = 0;
  for (std::size_t i = 1; i < kRecordHeaderSize; ++i)
    stored = stored << 8 | static_cast<std::uint8_t>(record[i]);
  const std::string_view payload = record.substr(kRecordHeaderSize);
  if (crc32c(crc32c(key_checksum, kVersionBytes), payload) != stored) return std::nullopt;
  return payload;
}

RecordWriter encode_format(std::uint64_t format) {
  RecordWriter out;
  out.number(format);
  return out;
}

RecordWriter encode(const Settings& settings) {
  RecordWriter out;
  out.number(settings.im_contact_limit);
  out.number(settings.im_group_limit);
  return out;
}

RecordWriter encode(const Mailbox& mailbox) {
  RecordWriter out;
  out.guid(mailbox.provider_uid);
  out.guid(mailbox.database_guid);
  out.number(mailbox.folder);
  out.number(mailbox.next_item);
  out.number(mailbox.last_change);
  out.number(mailbox.im_contacts);
  out.number(mailbox.im_groups);
  out.byte(mailbox.im_list_migration_completed ? 1 : 0);
  return out;
}

RecordWriter encode(const ImGroup& group) {
  RecordWriter out;
  out.byte(static_cast<std::uint8_t>(group.type));
  out.text(group.display_name);
  out.text(group.smtp_address);
  return out;
}

RecordWriter encode(const ImContact& contact) {
  RecordWriter out;
  out.byte(static_cast<std::uint8_t>(contact.kind));
  out.number(contact.change_number);
  out.guid(contact.persona_id);
  out.time(contact.creation_time);
  if (contact.kind == ContactKind::Im) {
    out.text(contact.display_name);
    out.text(contact.im_address);
  } else {
    out.text(contact.tel_uri_address);
    out.text(contact.im_contact_sip_uri_address);
    out.text(contact.im_telephone_number);
  }
  out.number(contact.memberships.size());
  for (const Membership& membership : contact.memberships) {
    out.number(membership.group);
    out.number(membership.joined);
  }
  return out;
}

RecordWriter encode_address(ItemNumber contact) {
  RecordWriter out;
  out.number(contact);
  return out;
}

RecordWriter encode(const DirectoryEntry& entry) {
  RecordWriter out;
  out.text(entry.primary_smtp_address);
  out.number(entry.aliases.size());
  for (const std::string& alias : entry.aliases) out.text(alias);
  out.text(entry.user_principal_name);
  out.text(entry.sid);
  out.text(entry.account);
  return out;
}

RecordWriter encode(const NameRecord& name) {
  RecordWriter out;
  out.guid(name.mailbox);
  out.text(name.folded);
  return out;
}

RecordWriter encode(const DistributionGroup& group) {
  RecordWriter out;
  out.text(group.smtp_address);
  out.text(group.display_name);
  return out;
}

RecordWriter encode(const ImpersonationRight& right) {
  RecordWriter out;
  out.text(right.caller);
  out.byte(right.mailbox ? 1 : 0);
  if (right.mailbox) out.guid(*right.mailbox);
  return out;
}

std::optional<std::uint64_t> decode_format(std::string_view payload) {
  RecordReader in(payload);
  const std::uint64_t format = in.number();
  return whole(in, format);
}

std::optional<Settings> decode_settings(std::string_view payload) {
  RecordReader in(payload);
  Settings settings;
  settings.im_contact_limit = in.number();
  settings.im_group_limit = in.number();
  in.require(settings.im_contact_limit <= kLargestImContactLimit &&
             settings.im_group_limit <= kLargestImGroupLimit);
  return whole(in, settings);
}

std::optional<Mailbox> decode_mailbox(const Guid& guid, std::string_view payload) {
  RecordReader in(payload);
  Mailbox mailbox;
  mailbox.guid = guid;
  mailbox.provider_uid = in.guid();
  mailbox.database_guid = in.guid();
  mailbox.folder = in.number();
  mailbox.next_item = in.number();
  mailbox.last_change = in.number();
  mailbox.im_contacts = in.number();
  mailbox.im_groups = in.number();
  mailbox.im_list_migration_completed = in.byte_up_to(1) == 1;
  return whole(in, mailbox);
}

std::optional<ImGroup> decode_im_group(ItemNumber number, std::string_view payload) {
  RecordReader in(payload);
  ImGroup group;
  group.number = number;
  group.type =
      static_cast<GroupType>(in.byte_up_to(static_cast<std::uint8_t>(GroupType::DistributionGroup), 1));
  group.display_name = in.text();
  group.smtp_address = in.text();
  return whole(in, std::move(group));
}

bool decode_im_contact(ItemNumber number, std::string_view payload, ImContactView& contact,
                       std::vector<Membership>& memberships) {
  RecordReader in(payload);
  contact.number = number;
  contact.kind = static_cast<ContactKind>(in.byte_up_to(static_cast<std::uint8_t>(ContactKind::TelUri), 1));
  contact.change_number = in.number();
  contact.persona_id = in.guid();
  contact.creation_time = in.time();
  if (contact.kind == ContactKind::Im) {
    contact.display_name = in.text();
    contact.im_address = in.text();
  } else {
    contact.tel_uri_address = in.text();
    contact.im_contact_sip_uri_address = in.text();
    contact.im_telephone_number = in.text();
  }
  for (std::size_t left = in.count(2); left > 0; --left) {
    const ItemNumber group = in.number();
    memberships.push_back({group, in.number()});
  }
  return in.done();
}

std::optional<ImContact> decode_im_contact(ItemNumber number, std::string_view payload) {
  ImContactView view;
  std::vector<Membership> memberships;
  if (!decode_im_contact(number, payload, view, memberships)) return std::nullopt;
  view.memberships = memberships;
  return to_im_contact(view);
}

std::optional<ItemNumber> decode_address(std::string_view payload) {
  RecordReader in(payload);
  const ItemNumber number = in.number();
  return whole(in, number);
}

std::optional<DirectoryEntry> decode_directory_entry(const Guid& guid, std::string_view payload) {
  RecordReader in(payload);
  DirectoryEntry entry;
  entry.guid = guid;
  entry.primary_smtp_address = in.text();
  for (std::size_t left = in.count(1); left > 0; --left) entry.aliases.emplace_back(in.text());
  entry.user_principal_name = in.text();
  entry.sid = in.text();
  entry.account = in.text();
  return whole(in, std::move(entry));
}

std::optional<NameRecord> decode_name(std::string_view payload) {
  RecordReader in(payload);
  NameRecord name;
  name.mailbox = in.guid();
  name.folded = in.text();
  return whole(in, std::move(name));
}

std::optional<DistributionGroup> decode_distribution_group(std::string_view payload) {
  RecordReader in(payload);
  DistributionGroup group;
  group.smtp_address = in.text();
  group.display_name = in.text();
  return whole(in, std::move(group));
}

std::optional<ImpersonationRight> decode_impersonation_right(std::string_view payload) {
  RecordReader in(payload);
  ImpersonationRight right;
  right.caller = in.text();
  if (in.byte_up_to(1) == 1) right.mailbox = in.guid();
  return whole(in, std::move(right));
}

}  // namespace ews_im::store
