// SPDX-License-Identifier: Apache-2.0
// Ids and ChangeKeys: published ones as vectors, both ways, and what strict reading refuses.
#include <string>

#include "mod_ews_im/ews/base64.h"
#include "mod_ews_im/ews/item_id.h"
#include "tests/unit/cases.h"

namespace ews_im::tests {
namespace {

using ews::IdWriter;
using ews::ItemId;
using ews::ResponseCode;
using store::Guid;

constexpr const char* kMailboxGuid = "d522c10d-78ce-4097-8f59-b71634cdfdda";
constexpr const char* kSeedPersonaId =
    "AAQkAGQ1MjJjMTBkLTc4Y2UtNDA5Ny04ZjU5LWI3MTYzNGNkZmRkYQAQAJ3EkhEEXN5KufGbSYJanZk=";

std::string unhex(std::string_view digits) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16)));
  return bytes;
}

std::string base64(std::string_view bytes) {
  std::string text;
  ews::append_base64(text, bytes);
  return text;
}

store::Mailbox mailbox_of(const char* guid, const char* provider, const char* database,
                          std::uint64_t folder) {
  store::Mailbox mailbox;
  mailbox.guid = *Guid::parse(guid);
  mailbox.provider_uid = *Guid::parse(provider);
  mailbox.database_guid = *Guid::parse(database);
  mailbox.folder = folder;
  return mailbox;
}

/// The mailbox of the published example: its ids do not become shorter by run lengths.
store::Mailbox published() {
  return mailbox_of(kMailboxGuid, "9f0c1e2d-3b4a-4958-8776-655443322110",
                    "6d17ca08-ee25-4e41-ab6d-fdb850a136d6", 0xbd9);
}
/// One with long runs.
store::Mailbox monotonous() {
  return mailbox_of("aaaaaaaa-0000-4000-8000-000000000000", "11111111-1111-1111-1111-111111111111",
                    "22222222-2222-2222-2222-222222222222", 1);
}

std::string text_of(const ews::IdText& id) { return std::string(id.head()).append(id.rest()); }

std::string item_id(const store::Mailbox& mailbox, store::ItemNumber number) {
  const IdWriter ids(mailbox);
  return text_of(ids.item_id(number));
}

ItemId good(std::string_view text) {
  const auto decoded = ews::decode_item_id(text);
  CPPUNIT_ASSERT_MESSAGE(std::string(text), std::holds_alternative<ItemId>(decoded));
  return std::get<ItemId>(decoded);
}

void require_code(ResponseCode code, std::string_view text) {
  const auto decoded = ews::decode_item_id(text);
  CPPUNIT_ASSERT_MESSAGE(std::string(text), std::holds_alternative<ResponseCode>(decoded));
  CPPUNIT_ASSERT_EQUAL(std::string(ews::response_code_name(code)),
                       std::string(ews::response_code_name(std::get<ResponseCode>(decoded))));
}

/// An id by its parts, whether they fit together or not.
std::string id_of(std::string_view compression, std::string_view storage, std::string_view moniker,
                  std::string_view instruction, std::string_view store_id, int moniker_excess = 0,
                  int store_excess = 0) {
  std::string bytes = unhex(compression) + unhex(storage);
  const auto length = [&bytes](std::size_t size, int excess) {
    const auto value = static_cast<unsigned>(static_cast<int>(size) + excess);
    bytes.push_back(static_cast<char>(value & 0xFFU));
    bytes.push_back(static_cast<char>(value >> 8U));
  };
  length(moniker.size(), moniker_excess);
  bytes += moniker;
  bytes += unhex(instruction);
  length(store_id.size(), store_excess);
  bytes += store_id;
  return base64(bytes);
}

const std::string kItemEntry(70, 'i');
const std::string kFolderEntry(46, 'f');
const std::string kLink(16, 'p');

struct WrongRow {
  const char* name;
  ResponseCode code;
  std::string text;
};

const WrongRow kWrong[] = {
    {"empty", ResponseCode::ErrorInvalidIdEmpty, ""},
    {"no base64", ResponseCode::ErrorInvalidIdMalformed, "id!!"},
    {"white space", ResponseCode::ErrorInvalidIdMalformed, std::string(kSeedPersonaId) + " "},
    {"line break inside", ResponseCode::ErrorInvalidIdMalformed,
     std::string(kSeedPersonaId).insert(40, "\r\n")},
    {"no padding", ResponseCode::ErrorInvalidIdMalformed,
     std::string(kSeedPersonaId, std::string(kSeedPersonaId).size() - 1)},
    {"unused bits set", ResponseCode::ErrorInvalidIdMalformed,
     "AAQkAGQ1MjJjMTBkLTc4Y2UtNDA5Ny04ZjU5LWI3MTYzNGNkZmRkYQAQAJ3EkhEEXN5KufGbSYJanZl="},
    {"the alphabet of URLs", ResponseCode::ErrorInvalidIdMalformed, "AAMkA-__"},
    {"one byte", ResponseCode::ErrorInvalidIdMalformed, "AA=="},
    {"padding alone", ResponseCode::ErrorInvalidIdMalformed, "===="},
    {"513 characters", ResponseCode::ErrorInvalidIdStoreObjectIdTooLong, std::string(513, 'A')},
    {"unknown compression", ResponseCode::ErrorInvalidIdMalformed,
     id_of("02", "03", kMailboxGuid, "00", kItemEntry)},
    {"of Exchange 2007 RTM", ResponseCode::ErrorInvalidIdMalformedEwsLegacyIdFormat,
     id_of("00", "00", "tsmith@contoso.com", "00", kItemEntry)},
    {"of a public folder", ResponseCode::ErrorInvalidIdMalformed,
     id_of("00", "01", kMailboxGuid, "00", kItemEntry)},
    {"of Active Directory", ResponseCode::ErrorInvalidIdMalformed,
     id_of("00", "05", kMailboxGuid, "00", kItemEntry)},
    {"moniker too long", ResponseCode::ErrorInvalidIdMonikerTooLong,
     id_of("00", "03", std::string(kMailboxGuid) + "0", "00", kItemEntry)},
    {"moniker's length goes past the end", ResponseCode::ErrorInvalidIdMonikerTooLong,
     id_of("00", "03", kMailboxGuid, "00", kItemEntry, 60000)},
    {"moniker too short", ResponseCode::ErrorInvalidIdMalformed,
     id_of("00", "03", "d522c10d", "00", kItemEntry)},
    {"moniker in capitals", ResponseCode::ErrorInvalidIdMalformed,
     id_of("00", "03", "D522C10D-78CE-4097-8F59-B71634CDFDDA", "00", kItemEntry)},
    {"moniker no GUID", ResponseCode::ErrorInvalidIdMalformed,
     id_of("00", "03", "d522c10dx78ce-4097-8f59-b71634cdfdda", "00", kItemEntry)},
    {"of a recurring item", ResponseCode::ErrorInvalidIdMalformed,
     id_of("00", "03", kMailboxGuid, "01", kItemEntry)},
    {"store id longer than said", ResponseCode::ErrorInvalidIdMalformed,
     id_of("00", "03", kMailboxGuid, "00", kItemEntry, 0, -1)},
    {"store id shorter than said", ResponseCode::ErrorInvalidIdMalformed,
     id_of("00", "03", kMailboxGuid, "00", kItemEntry, 0, 1)},
    {"store id far too long", ResponseCode::ErrorInvalidIdStoreObjectIdTooLong,
     id_of("00", "03", kMailboxGuid, "00", kItemEntry, 0, 60000)},
    {"entry id of no known length", ResponseCode::ErrorInvalidIdMalformed,
     id_of("00", "03", kMailboxGuid, "00", std::string(69, 'i'))},
    {"link id of 17 bytes", ResponseCode::ErrorInvalidIdMalformed,
     id_of("00", "04", kMailboxGuid, "00", std::string(17, 'p'))},
    {"run without its length", ResponseCode::ErrorInvalidIdMalformed, base64(unhex("01") + "33")},
    {"runs of too many bytes", ResponseCode::ErrorInvalidIdMalformed, base64(unhex("010303ff0303ff"))},
};

struct RunRow {
  const char* name;
  std::string plain;
  std::string compressed;
};

const RunRow kRuns[] = {
    {"nothing", "", ""},
    {"one byte", "a", "a"},
    {"different bytes", "abc", "abc"},
    {"two the same", "aa", unhex("616100")},
    {"three the same", "aaa", unhex("616101")},
    {"two runs", "aabbb", unhex("616100626201")},
    {"the longest run", std::string(257, 'x'), unhex("7878ff")},
    {"one more", std::string(258, 'x'), unhex("7878ff78")},
    {"zeros", std::string(4, '\0'), unhex("000002")},
};

struct KeyRow {
  const char* name;
  std::string text;
  bool is_key;
};

const KeyRow kKeys[] = {
    {"of groups", std::string(ews::kGroupChangeKey), true},
    {"of members", std::string(ews::kMemberChangeKey), true},
    {"of the folder", std::string(ews::kFolderChangeKey), true},
    {"of a published contact", "EQAAABYAAABtF8oI7iVOQatt/bhQoTbWAAAAAAyg", true},
    {"empty", "", false},
    {"no base64", "EgAAAA=", false},
    {"three bytes", "EgAA", false},
    {"five bytes", "EgAAAAA=", false},
    {"29 bytes", base64(unhex("1100000016000000") + std::string(21, 'x')), false},
    {"31 bytes", base64(unhex("1100000016000000") + std::string(23, 'x')), false},
    {"another length inside", base64(unhex("1100000015000000") + std::string(22, 'x')), false},
    {"unused bits set", "EgAAAB==", false},
    {"very long", std::string(1000, 'A'), false},
};

/// What a changed id may be: refused, or of another mailbox, or not an item, or no item of ours, or another.
void require_harmless(const std::string& changed, const store::Mailbox& mailbox, store::ItemNumber number) {
  const auto decoded = ews::decode_item_id(changed);
  const auto* id = std::get_if<ItemId>(&decoded);
  if (id == nullptr || id->mailbox != mailbox.guid || id->kind != ItemId::Kind::Item) return;
  CPPUNIT_ASSERT_MESSAGE(changed, ews::item_number(*id, mailbox) != number);
}

void check_changes(const store::Mailbox& mailbox, store::ItemNumber number) {
  const std::string text = item_id(mailbox, number);
  const std::string bytes = *ews::decode_base64(text);
  for (std::size_t bit = 0; bit < 8 * text.size(); ++bit) {
    std::string changed = text;
    changed[bit / 8] = static_cast<char>(static_cast<unsigned char>(changed[bit / 8]) ^ 1U << bit % 8);
    require_harmless(changed, mailbox, number);
  }
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string changed = bytes;
    changed[bit / 8] = static_cast<char>(static_cast<unsigned char>(changed[bit / 8]) ^ 1U << bit % 8);
    require_harmless(base64(changed), mailbox, number);
  }
  for (std::size_t size = 0; size < text.size(); ++size)
    CPPUNIT_ASSERT(std::holds_alternative<ResponseCode>(ews::decode_item_id(text.substr(0, size))));
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CPPUNIT_ASSERT(std::holds_alternative<ResponseCode>(ews::decode_item_id(base64(bytes.substr(0, size)))));
}

const store::ItemNumber kNumbers[] = {1, 2, 0xbdc, 0x0101, 0x1111, 0xffffffff, store::kLargestCounter};

void add_vectors(std::vector<Case>& all) {
  all.push_back({"the published PersonaId, read", [] {
                   const ItemId id = good(kSeedPersonaId);
                   CPPUNIT_ASSERT(id.kind == ItemId::Kind::Persona);
                   CPPUNIT_ASSERT_EQUAL(std::string(kMailboxGuid), id.mailbox.text());
                   CPPUNIT_ASSERT(id.store_id == unhex("9dc49211045cde4ab9f19b49825a9d99"));
                 }});
  all.push_back({"the published PersonaId, written", [] {
                   const IdWriter ids(published());
                   const auto persona = *Guid::parse("9dc49211-045c-de4a-b9f1-9b49825a9d99");
                   CPPUNIT_ASSERT_EQUAL(std::string(kSeedPersonaId), text_of(ids.persona_id(persona)));
                 }});
  all.push_back({"the published SourceId, as far as it was printed", [] {
                   const std::string text = item_id(published(), 0xbdc);
                   CPPUNIT_ASSERT_EQUAL(std::size_t{152}, text.size());
                   CPPUNIT_ASSERT(text.starts_with("AAMkAGQ1MjJjMTBkLTc4Y2UtND"));
                   CPPUNIT_ASSERT(text.ends_with("BtF8oI7iVOQatt/bhQoTbWAAAAAAvcAAA="));
                 }});
  all.push_back({"the published ChangeKey", [] {
                   const IdWriter ids(published());
                   CPPUNIT_ASSERT_EQUAL(std::string("EQAAABYAAABtF8oI7iVOQatt/bhQoTbWAAAAAAyg"),
                                        text_of(ids.contact_change_key(0xca0)));
                 }});
  all.push_back({"the folder's id", [] {
                   const IdWriter ids(published());
                   CPPUNIT_ASSERT_EQUAL(std::size_t{120}, ids.folder_id().size());
                   CPPUNIT_ASSERT(good(ids.folder_id()).kind == ItemId::Kind::Folder);
                 }});
  all.push_back({"run lengths only where that is shorter", [] {
                   CPPUNIT_ASSERT(item_id(published(), 0xbdc).starts_with("AAMk"));
                   const std::string text = item_id(monotonous(), 1);
                   CPPUNIT_ASSERT(text.starts_with("AQM") && text.size() < 152);
                 }});
}

void add_round_trips(std::vector<Case>& all) {
  const std::pair<const char*, store::Mailbox (*)()> mailboxes[] = {{"published", published},
                                                                    {"monotonous", monotonous}};
  for (const auto& [name, make] : mailboxes) {
    all.push_back({std::string("there and back, ") + name, [make = make] {
                     const store::Mailbox mailbox = make();
                     for (const store::ItemNumber number : kNumbers) {
                       const ItemId id = good(item_id(mailbox, number));
                       CPPUNIT_ASSERT(id.kind == ItemId::Kind::Item && id.mailbox == mailbox.guid);
                       CPPUNIT_ASSERT_EQUAL(number, ews::item_number(id, mailbox));
                     }
                   }});
    all.push_back({std::string("compressed or not, it is the same item, ") + name, [make = make] {
                     const store::Mailbox mailbox = make();
                     std::string payload = ews::decode_base64(item_id(mailbox, 7))->substr(1);
                     if (item_id(mailbox, 7).starts_with("AQ")) payload = *ews::decompress(payload);
                     const std::string forms[] = {std::string(1, '\0') + payload,
                                                  std::string(1, '\1') + ews::compress(payload)};
                     for (const std::string& form : forms)
                       CPPUNIT_ASSERT_EQUAL(store::ItemNumber{7},
                                            ews::item_number(good(base64(form)), mailbox));
                   }});
    all.push_back({std::string("every changed bit and every truncation is harmless, ") + name, [make = make] {
                     for (const store::ItemNumber number : kNumbers) check_changes(make(), number);
                   }});
  }
  all.push_back(
      {"an item of another store is none of ours", [] {
         store::Mailbox other = published();
         other.database_guid = monotonous().database_guid;
         CPPUNIT_ASSERT_EQUAL(store::ItemNumber{0}, ews::item_number(good(item_id(other, 7)), published()));
         other = published();
         other.folder += 1;
         CPPUNIT_ASSERT_EQUAL(store::ItemNumber{0}, ews::item_number(good(item_id(other, 7)), published()));
       }});
}

std::vector<Case> cases() {
  std::vector<Case> all;
  add_vectors(all);
  add_round_trips(all);
  for (const WrongRow& row : kWrong)
    all.push_back({std::string("refused: ") + row.name, [&row] { require_code(row.code, row.text); }});
  all.push_back(
      {"the parts that the refused ones are made of are good", [] {
         CPPUNIT_ASSERT(good(id_of("00", "03", kMailboxGuid, "00", kItemEntry)).kind == ItemId::Kind::Item);
         CPPUNIT_ASSERT(good(id_of("00", "03", kMailboxGuid, "00", kFolderEntry)).kind ==
                        ItemId::Kind::Folder);
         CPPUNIT_ASSERT(good(id_of("00", "04", kMailboxGuid, "00", kLink)).kind == ItemId::Kind::Persona);
       }});
  for (const RunRow& row : kRuns) {
    all.push_back({std::string("run lengths: ") + row.name, [&row] {
                     CPPUNIT_ASSERT(ews::compress(row.plain) == row.compressed);
                     CPPUNIT_ASSERT(ews::decompress(row.compressed) == row.plain);
                   }});
  }
  for (const KeyRow& row : kKeys) {
    all.push_back({std::string("ChangeKey: ") + row.name,
                   [&row] { CPPUNIT_ASSERT_EQUAL(row.is_key, ews::is_change_key(row.text)); }});
  }
  return all;
}

const RegisteredSuite suite("item id", cases);

}  // namespace
}  // namespace ews_im::tests
