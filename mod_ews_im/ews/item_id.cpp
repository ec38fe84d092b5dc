// SPDX-License-Identifier: Apache-2.0
#include "mod_ews_im/ews/item_id.h"

#include <endian.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace ews_im::ews {
namespace {

// MS-OXWSITEMID 2.1: the values are on the wire.
constexpr char kUncompressed = 0;
constexpr char kRunLength = 1;
constexpr char kStorageLegacy = 0;
constexpr char kStorageItem = 3;
constexpr char kStorageConversation = 4;
constexpr char kInstructionNormal = 0;

constexpr std::size_t kMonikerLength = 36;
constexpr std::size_t kPayloadHead = 1 + 2 + kMonikerLength + 1 + 2;  // before the store id
constexpr std::size_t kItemEntryLength = 70;
constexpr std::size_t kFolderEntryLength = 46;
constexpr std::size_t kPersonaLength = 16;
constexpr std::size_t kCounterLength = 6;
constexpr std::size_t kLongestId = 512;
constexpr std::size_t kLongestPayload = 383;
constexpr std::size_t kLongestRun = 257;
constexpr std::uint32_t kTypeContact = 17;
constexpr std::uint32_t kVersionLength = 22;

using Prefix = ShortBytes<kLongestIdPrefix>;

void append_little_endian(Prefix& out, std::uint32_t value, unsigned bytes) {
  const std::uint32_t in_order = htole32(value);
  out.append(std::string_view(reinterpret_cast<const char*>(&in_order), bytes));
}

template <class Bytes>
void append_byte(Bytes& out, char byte) {
  out.append(std::string_view(&byte, 1));
}

/// Six bytes, the highest first, and two zeros. Written at once: who reads eight bytes that were written one by one
/// waits for the last of them.
struct GlobalCounter {
  explicit GlobalCounter(std::uint64_t value) {
    const std::uint64_t in_order = htobe64(value << 16U);
    std::memcpy(bytes, &in_order, sizeof bytes);
  }
  [[nodiscard]] std::string_view alone() const { return {bytes, kCounterLength}; }
  [[nodiscard]] std::string_view with_zeros() const { return {bytes, sizeof bytes}; }
  char bytes[kCounterLength + 2];
};

Prefix payload_prefix(char storage, const store::Guid& mailbox, std::size_t store_id_length) {
  Prefix out;
  append_byte(out, storage);
  append_little_endian(out, kMonikerLength, 2);
  out.append(mailbox.text());
  append_byte(out, kInstructionNormal);
  append_little_endian(out, static_cast<std::uint32_t>(store_id_length), 2);
  return out;
}

/// The entry id of a folder, or the part of an item's before its own database GUID and counter.
void append_entry_prefix(Prefix& out, const store::Mailbox& mailbox, char type) {
  append_little_endian(out, 0, 4);
  out.append(mailbox.provider_uid.view());
  append_byte(out, type);
  append_byte(out, '\0');
  out.append(mailbox.database_guid.view());
  out.append(GlobalCounter(mailbox.folder).with_zeros());
}

constexpr char kEntryItem = 7;
constexpr char kEntryFolder = 1;

/// What the entry ids of all items of a mailbox begin with.
void append_item_prefix(Prefix& out, const store::Mailbox& mailbox) {
  append_entry_prefix(out, mailbox, kEntryItem);
  out.append(mailbox.database_guid.view());
}

Prefix item_payload_prefix(const store::Mailbox& mailbox) {
  Prefix out = payload_prefix(kStorageItem, mailbox.guid, kItemEntryLength);
  append_item_prefix(out, mailbox);
  return out;
}
static_assert(kLongestIdPrefix == kPayloadHead + kItemEntryLength - sizeof(std::uint64_t));

std::size_t run_length(std::string_view bytes, std::size_t at) {
  std::size_t length = 1;
  while (at + length < bytes.size() && length < kLongestRun && bytes[at + length] == bytes[at]) ++length;
  return length;
}

std::size_t start_of_last_run(std::string_view bytes) {
  std::size_t start = bytes.size() - 1;
  while (start > 0 && bytes[start - 1] == bytes[start]) --start;
  return start;
}

Prefix change_key_prefix(const store::Mailbox& mailbox) {
  Prefix out;
  append_little_endian(out, kTypeContact, 4);
  append_little_endian(out, kVersionLength, 4);
  out.append(mailbox.database_guid.view());
  return out;
}

std::uint64_t eight_bytes(const char* bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof word);
  return le64toh(word);
}

/// How many bytes come before one that the next repeats: up to 8. REQUIRES: there are nine.
std::size_t before_a_run(const char* bytes) {
  const std::uint64_t differences = eight_bytes(bytes) ^ eight_bytes(bytes + 1);
  const std::uint64_t equal = (differences - 0x0101010101010101) & ~differences & 0x8080808080808080;
  return static_cast<std::size_t>(std::countr_zero(equal)) / 8;
}

/// Returns the size; `out` has room for three bytes for each two.
std::size_t compress_to(char* out, std::string_view payload) {
  char* next = out;
  for (std::size_t at = 0; at < payload.size();) {
    if (payload.size() - at > 8) {
      const std::size_t alone = before_a_run(payload.data() + at);
      std::memcpy(next, payload.data() + at, 8);
      at += alone;
      next += alone;
      if (alone == 8) continue;
    }
    const std::size_t run = run_length(payload, at);
    *next++ = payload[at];
    if (run > 1) {
      *next++ = payload[at];
      *next++ = static_cast<char>(run - 2);
    }
    at += run;
  }
  return static_cast<std::size_t>(next - out);
}

/// An id's bytes: its form, and what that makes of the payload.
ShortBytes<Base64Prefix::kMostBytes> compressed_form(std::string_view payload) {
  ShortBytes<Base64Prefix::kMostBytes> out;
  append_byte(out, kRunLength);
  out.set_size(1 + compress_to(out.data() + 1, payload));
  return out;
}

ShortBytes<1 + kLongestIdPrefix> plain_form(std::string_view payload) {
  ShortBytes<1 + kLongestIdPrefix> out;
  append_byte(out, kUncompressed);
  out.append(payload);
  return out;
}

}  // namespace

std::string compress(std::string_view payload) {
  std::string out(room_to_compress(payload.size()), '\0');
  out.resize(compress_to(out.data(), payload));
  return out;
}

std::optional<std::string> decompress(std::string_view compressed) {
  std::string out;
  for (std::size_t at = 0; at < compressed.size();) {
    const char byte = compressed[at];
    std::size_t run = 1;
    if (at + 1 < compressed.size() && compressed[at + 1] == byte) {
      if (at + 2 >= compressed.size()) return std::nullopt;
      run = static_cast<unsigned char>(compressed[at + 2]) + std::size_t{2};
      at += 3;
    } else {
      at += 1;
    }
    if (out.size() + run > kLongestPayload) return std::nullopt;
    out.append(run, byte);
  }
  return out;
}

std::variant<ItemId, ResponseCode> decode_item_id(std::string_view text) {
  constexpr auto kMalformed = ResponseCode::ErrorInvalidIdMalformed;
  if (text.empty()) return ResponseCode::ErrorInvalidIdEmpty;
  if (text.size() > kLongestId) return ResponseCode::ErrorInvalidIdStoreObjectIdTooLong;
  auto bytes = decode_base64(text);
  if (!bytes || bytes->size() < 2) return kMalformed;
  std::string payload = bytes->substr(1);
  if (bytes->front() == kRunLength) {
    auto decompressed = decompress(payload);
    if (!decompressed || decompressed->empty()) return kMalformed;
    payload = std::move(*decompressed);
  } else if (bytes->front() != kUncompressed) {
    return kMalformed;
  }
  const char storage = payload[0];
  if (storage == kStorageLegacy) return ResponseCode::ErrorInvalidIdMalformedEwsLegacyIdFormat;
  if (storage != kStorageItem && storage != kStorageConversation) return kMalformed;

  std::string_view rest = std::string_view(payload).substr(1);
  const auto take_length = [&rest]() -> std::optional<std::size_t> {
    if (rest.size() < 2) return std::nullopt;
    const std::size_t length =
        static_cast<unsigned char>(rest[0]) | std::size_t{static_cast<unsigned char>(rest[1])} << 8U;
    rest.remove_prefix(2);
    return length;
  };
  const auto moniker_length = take_length();
  if (!moniker_length) return kMalformed;
  if (*moniker_length > kMonikerLength) return ResponseCode::ErrorInvalidIdMonikerTooLong;
  if (*moniker_length < kMonikerLength || rest.size() < kMonikerLength + 1) return kMalformed;
  const std::string_view moniker = rest.substr(0, kMonikerLength);
  const auto mailbox = store::Guid::parse(moniker);
  if (!mailbox || mailbox->text() != moniker) return kMalformed;
  if (rest[kMonikerLength] != kInstructionNormal) return kMalformed;
  rest.remove_prefix(kMonikerLength + 1);
  const auto length = take_length();
  if (!length) return kMalformed;
  if (*length > kLongestPayload) return ResponseCode::ErrorInvalidIdStoreObjectIdTooLong;
  if (rest.size() != *length) return kMalformed;

  ItemId id;
  id.mailbox = *mailbox;
  id.store_id = std::string(rest);
  if (storage == kStorageConversation) {
    if (rest.size() != kPersonaLength) return kMalformed;
    id.kind = ItemId::Kind::Persona;
  } else if (rest.size() == kItemEntryLength) {
    id.kind = ItemId::Kind::Item;
  } else if (rest.size() == kFolderEntryLength) {
    id.kind = ItemId::Kind::Folder;
  } else {
    return kMalformed;
  }
  return id;
}

bool is_change_key(std::string_view text) {
  if (text.size() > kLongestId) return false;
  const auto bytes = decode_base64(text);
  if (!bytes) return false;
  if (bytes->size() == 4) return true;
  Prefix length;
  append_little_endian(length, kVersionLength, 4);
  return bytes->size() == 8 + kVersionLength && bytes->compare(4, 4, length.view()) == 0;
}

store::ItemNumber item_number(const ItemId& id, const store::Mailbox& mailbox) {
  Prefix expected;
  append_item_prefix(expected, mailbox);
  if (id.store_id.size() != kItemEntryLength || !id.store_id.starts_with(expected.view()) ||
      !id.store_id.ends_with(std::string_view("\0\0", 2))) {
    return 0;
  }
  store::ItemNumber number = 0;
  for (std::size_t i = 0; i < kCounterLength; ++i) {
    number = number << 8U | static_cast<unsigned char>(id.store_id[expected.view().size() + i]);
  }
  return number;
}

Base64Prefix::Base64Prefix(std::string_view bytes) {
  const std::size_t whole = bytes.size() / 3 * 3;
  text_.set_size(encode_base64(text_.data(), bytes.substr(0, whole)));
  left_.append(bytes.substr(whole));
}

IdText Base64Prefix::then(std::string_view end) const {
  // A run before `end` takes up to three bytes, each two of `end` as many.
  constexpr std::size_t kMost = 2 + 3 + room_to_compress(IdPrefix::kLongestEnd);
  static_assert(base64_size(kMost) <= IdText::kLongestRest);
  ShortBytes<kMost> bytes;
  bytes.append(left_.view());
  bytes.append(end);
  IdText result;
  result.head_ = text_.view();
  result.size_ = static_cast<std::uint8_t>(encode_base64(result.rest_, bytes.view()));
  return result;
}

IdPrefix::IdPrefix(std::string_view payload)
    : run_start_(start_of_last_run(payload)),
      compressed_bytes_(compressed_form(payload.substr(0, run_start_))) {
  payload_.append(payload);
}

/// Of the prefix and then `end`, eight bytes at a time: a run takes one byte, or three if it is longer than one.
std::size_t IdPrefix::compressed_size(std::string_view end) const {
  constexpr std::uint64_t kHigh = 0x8080808080808080;  // a bit for each byte
  const auto count = [](std::uint64_t bits) { return (bits >> 7U) * 0x0101010101010101U >> 56U; };
  const std::string_view payload = payload_.view();
  std::uint64_t last = static_cast<unsigned char>(payload.back());
  std::uint64_t repeated = payload.size() - run_start_ > 1 ? 1 : 0;   // was the last byte as the one before?
  std::size_t size = compressed_bytes_.view().size() + 2 * repeated;  // its form counts for the last byte
  for (std::size_t at = 0; at < end.size(); at += sizeof last) {
    const std::uint64_t bytes = eight_bytes(end.data() + at);
    const std::uint64_t differences = bytes ^ (bytes << 8U | last);
    const std::uint64_t begins = (((differences & ~kHigh) + ~kHigh) | differences) & kHigh;
    const std::uint64_t repeats = ~begins & kHigh;
    size += count(begins) + 2 * count(repeats & ~(repeats << 8U | repeated << 7U));
    last = bytes >> 56U;
    repeated = repeats >> 63U;
  }
  return size;
}

std::size_t IdPrefix::id_size(std::string_view end) const {
  return base64_size(1 + std::min(compressed_size(end), payload_.view().size() + end.size()));
}

IdText IdPrefix::id(std::string_view end) const {
  const std::string_view payload = payload_.view();
  ShortBytes<kLongestIdPrefix + kLongestEnd> tail;
  tail.append(payload.substr(run_start_));
  tail.append(end);
  ShortBytes<3 + room_to_compress(kLongestEnd)> compressed;
  compressed.set_size(compress_to(compressed.data(), tail.view()));
  if (compressed_bytes_.view().size() - 1 + compressed.view().size() >= payload.size() + end.size()) {
    if (!plain_) plain_.emplace(plain_form(payload).view());
    return plain_->then(end);
  }
  if (!compressed_) compressed_.emplace(compressed_bytes_.view());
  return compressed_->then(compressed.view());
}

IdWriter::IdWriter(const store::Mailbox& mailbox)
    : item_(item_payload_prefix(mailbox).view()),
      persona_(payload_prefix(kStorageConversation, mailbox.guid, kPersonaLength).view()),
      change_key_(change_key_prefix(mailbox).view()) {
  Prefix folder = payload_prefix(kStorageItem, mailbox.guid, kFolderEntryLength);
  append_entry_prefix(folder, mailbox, kEntryFolder);
  const auto compressed = compressed_form(folder.view());
  const auto plain = plain_form(folder.view());
  const bool is_shorter = compressed.view().size() < plain.view().size();
  folder_id_.set_size(encode_base64(folder_id_.data(), is_shorter ? compressed.view() : plain.view()));
}

IdText IdWriter::item_id(store::ItemNumber number) const {
  return item_.id(GlobalCounter(number).with_zeros());
}

IdText IdWriter::contact_change_key(store::ChangeNumber change) const {
  return change_key_.then(GlobalCounter(change).alone());
}

}  // namespace ews_im::ews
