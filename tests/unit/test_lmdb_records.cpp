// SPDX-License-Identifier: Apache-2.0
// Keys and records to the byte: what is on disk today must be read for ever.
#include <string>
#include <vector>

#include "store/lmdb/crc32c.h"
#include "store/lmdb/key.h"
#include "store/lmdb/record.h"
#include "tests/unit/cases.h"

namespace ews_im::tests {
namespace {

using namespace store;

const Guid kGuid = *Guid::parse("00112233-4455-6677-8899-aabbccddeeff");
const Guid kOther = *Guid::parse("ffeeddcc-bbaa-9988-7766-554433221100");

std::string hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text += kDigits[static_cast<unsigned char>(c) >> 4];
    text += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

std::string unhex(std::string_view text) {
  std::string bytes;
  std::string pair;
  for (const char c : text) {
    if (c == ' ') continue;
    pair += c;
    if (pair.size() < 2) continue;
    bytes += static_cast<char>(std::stoi(pair, nullptr, 16));
    pair.clear();
  }
  return bytes;
}

std::string without_blanks(std::string text) {
  std::erase(text, ' ');
  return text;
}

struct KeyRow {
  const char* name;
  Key key;
  const char* bytes;
  const char* description;
};

const KeyRow kKeys[] = {
    {"format", format_key(), "01", "format record"},
    {"settings", settings_key(), "02", "settings record"},
    {"mailbox", mailbox_key(kGuid), "03 00112233445566778899aabbccddeeff 03",
     "head of mailbox 00112233-4455-6677-8899-aabbccddeeff"},
    {"group", im_group_key(kGuid, 2), "03 00112233445566778899aabbccddeeff 01 0000000000000002",
     "group 2 of mailbox 00112233-4455-6677-8899-aabbccddeeff"},
    {"contact", im_contact_key(kGuid, 0x123456789ABC),
     "03 00112233445566778899aabbccddeeff 02 0000123456789abc",
     "contact 20015998343868 of mailbox 00112233-4455-6677-8899-aabbccddeeff"},
    {"address", address_index_key(kGuid, ContactKind::Im, "terry@contoso.com"),
     "03 00112233445566778899aabbccddeeff 04 2ea21779562c520eb8a7b66d34ff4826", nullptr},
    {"address, tel URI", address_index_key(kGuid, ContactKind::TelUri, "terry@contoso.com"),
     "03 00112233445566778899aabbccddeeff 04 e9139ed9f84059a2a5b97db8999df612", nullptr},
    {"directory entry", directory_key(kGuid), "04 00112233445566778899aabbccddeeff",
     "directory entry of mailbox 00112233-4455-6677-8899-aabbccddeeff"},
    {"name", name_key_of(NameKind::Sid, "s-1-5-18"), "05 03 e91216ab6f7c528db6f998786f5c4ad9", nullptr},
    {"distribution group", distribution_group_key("all@contoso.com"), "06 362267d893795ea9ad07814f2dfe5f25",
     nullptr},
    {"right for one", right_key({"Svc", kGuid}),
     "07 30515aa3b4f459fa9df67153fc96228b 00112233445566778899aabbccddeeff", nullptr},
    {"right for all", right_key({"svc", {}}),
     "07 30515aa3b4f459fa9df67153fc96228b 00000000000000000000000000000000", nullptr},
};

ImContact im() {
  ImContact contact;
  contact.number = 5;
  contact.change_number = 300;
  contact.persona_id = kOther;
  contact.creation_time = 1700000000;
  contact.display_name = "Terry";
  contact.im_address = "t@c.com";
  contact.memberships = {{2, 300}, {4, 1}};
  return contact;
}

ImContact tel() {
  ImContact contact;
  contact.number = 6;
  contact.kind = ContactKind::TelUri;
  contact.change_number = 1;
  contact.creation_time = -1;
  contact.tel_uri_address = "tel:1";
  contact.im_contact_sip_uri_address = "s";
  contact.memberships = {{2, 1}};
  return contact;
}

Mailbox mailbox() {
  Mailbox head;
  head.guid = kGuid;
  head.provider_uid = kOther;
  head.database_guid = kGuid;
  head.folder = 1;
  head.next_item = 1000;
  head.last_change = kLargestCounter;
  head.im_contacts = 17;
  head.im_groups = 3;
  head.im_list_migration_completed = true;
  return head;
}

DirectoryEntry entry() {
  DirectoryEntry result;
  result.guid = kGuid;
  result.primary_smtp_address = "t@c.com";
  result.aliases = {"a@c", "b@c"};
  result.sid = "S-1-5-18";
  result.account = "ts";
  return result;
}

// The decoders, each turned into "what it decodes, encoded again", so that all rows look alike. Empty:
// refused.
template <class T>
std::string again(const std::optional<T>& decoded) {
  if (!decoded) return {};
  RecordWriter writer = encode(*decoded);
  return std::string(writer.seal("").substr(kRecordHeaderSize));
}

struct RecordRow {
  const char* name;
  Key key;
  RecordWriter record;
  const char* bytes;
  std::string (*decode_and_encode)(std::string_view payload);
};

const RecordRow kRecords[] = {
    {"format", format_key(), encode_format(1), "01 24ec2a70 01",
     [](std::string_view p) {
       const auto format = decode_format(p);
       if (!format) return std::string();
       RecordWriter writer = encode_format(*format);
       return std::string(writer.seal("").substr(kRecordHeaderSize));
     }},
    {"settings", settings_key(), encode(Settings{1000, 64}), "01 4654e567 e807 40",
     [](std::string_view p) { return again(decode_settings(p)); }},
    {"mailbox", mailbox_key(kGuid), encode(mailbox()),
     "01 70ccdc59 ffeeddccbbaa99887766554433221100 00112233445566778899aabbccddeeff 01 e807 ffffffffffff3f "
     "11 03 01",
     [](std::string_view p) { return again(decode_mailbox(kGuid, p)); }},
    {"group", im_group_key(kGuid, 2), encode(ImGroup{2, GroupType::DistributionGroup, "All", "a@c"}),
     "01 2a14a47a 05 03416c6c 03614063", [](std::string_view p) { return again(decode_im_group(2, p)); }},
    {"IM contact", im_contact_key(kGuid, 5), encode(im()),
     "01 e3db6a30 01 ac02 ffeeddccbbaa99887766554433221100 80c49fd50c 055465727279 077440632e636f6d 02 "
     "02ac02 0401",
     [](std::string_view p) { return again(decode_im_contact(5, p)); }},
    {"tel contact", im_contact_key(kGuid, 6), encode(tel()),
     "01 753b189d 02 01 00000000000000000000000000000000 01 0574656c3a31 0173 00 01 0201",
     [](std::string_view p) { return again(decode_im_contact(6, p)); }},
    {"address", address_index_key(kGuid, ContactKind::Im, "t@c.com"), encode_address(5), "01 73a7ad86 05",
     [](std::string_view p) {
       const auto number = decode_address(p);
       if (!number) return std::string();
       RecordWriter writer = encode_address(*number);
       return std::string(writer.seal("").substr(kRecordHeaderSize));
     }},
    {"directory entry", directory_key(kGuid), encode(entry()),
     "01 094bff6f 077440632e636f6d 02 03614063 03624063 00 08532d312d352d3138 027473",
     [](std::string_view p) { return again(decode_directory_entry(kGuid, p)); }},
    {"name", name_key_of(NameKind::Account, "ts"), encode(NameRecord{kGuid, "ts"}),
     "01 d8ed0ec2 00112233445566778899aabbccddeeff 027473",
     [](std::string_view p) { return again(decode_name(p)); }},
    {"distribution group", distribution_group_key("a@c"), encode(DistributionGroup{"A@c", ""}),
     "01 c3023535 03414063 00", [](std::string_view p) { return again(decode_distribution_group(p)); }},
    {"right for one", right_key({"svc", kGuid}), encode(ImpersonationRight{"Svc", kGuid}),
     "01 0358c0a9 03537663 01 00112233445566778899aabbccddeeff",
     [](std::string_view p) { return again(decode_impersonation_right(p)); }},
    {"right for all", right_key({"svc", {}}), encode(ImpersonationRight{"Svc", {}}),
     "01 a1d5a62d 03537663 00", [](std::string_view p) { return again(decode_impersonation_right(p)); }},
};

struct BadRow {
  const char* name;
  const char* payload;
  bool (*refused)(std::string_view payload);
};

bool refuses_contact(std::string_view p) { return !decode_im_contact(1, p); }
bool refuses_number(std::string_view p) { return !decode_address(p); }

#define EWS_IM_ZEROS "00000000000000000000000000000000"

const BadRow kBad[] = {
    {"number, overlong zero", "8000", refuses_number},
    {"number, overlong one", "8100", refuses_number},
    {"number above 64 bits", "ffffffffffffffffff02", refuses_number},
    {"number of eleven bytes", "8080808080808080808001", refuses_number},
    {"number cut off", "80", refuses_number},
    {"two numbers", "0101", refuses_number},
    {"nothing", "", refuses_number},
    {"contact of kind 0", "00 01 " EWS_IM_ZEROS " 00 00 00 00", refuses_contact},
    {"contact of kind 3", "03 01 " EWS_IM_ZEROS " 00 00 00 00", refuses_contact},
    {"text longer than the record", "01 01 " EWS_IM_ZEROS " 00 05 41 00", refuses_contact},
    {"text of 2^64-1 bytes", "01 01 " EWS_IM_ZEROS " 00 ffffffffffffffffff01 41", refuses_contact},
    {"more memberships than bytes", "01 01 " EWS_IM_ZEROS " 00 00 00 02 0101", refuses_contact},
    {"2^60 memberships", "01 01 " EWS_IM_ZEROS " 00 00 00 808080808080808010 0101", refuses_contact},
    {"group of type 0", "00 00 00", [](std::string_view p) { return !decode_im_group(1, p); }},
    {"group of type 6", "06 00 00", [](std::string_view p) { return !decode_im_group(1, p); }},
    {"migration flag 2", EWS_IM_ZEROS EWS_IM_ZEROS " 01 05 00 00 00 02",
     [](std::string_view p) { return !decode_mailbox(kGuid, p); }},
    {"contact limit out of range", "a18d06 40", [](std::string_view p) { return !decode_settings(p); }},
    {"group limit out of range", "01 e907", [](std::string_view p) { return !decode_settings(p); }},
    {"right with flag 2", "0141 02 " EWS_IM_ZEROS,
     [](std::string_view p) { return !decode_impersonation_right(p); }},
    {"more aliases than bytes", "0141 ffffffff0f 00 00 00",
     [](std::string_view p) { return !decode_directory_entry(kGuid, p); }},
};

const char* const kBadKeys[] = {
    "",
    "00",
    "08",
    "0100",
    "03",
    "03 00112233445566778899aabbccddeeff",
    "03 00112233445566778899aabbccddeeff 00",
    "03 00112233445566778899aabbccddeeff 05",
    "03 00112233445566778899aabbccddeeff 03 00",
    "03 00112233445566778899aabbccddeeff 01 00000000000002",
    "03 00112233445566778899aabbccddeeff 02 000000000000000200",
    "04 00112233445566778899aabbccddee",
    "05 00 00112233445566778899aabbccddeeff",
    "05 05 00112233445566778899aabbccddeeff",
    "ff",
};

void check_record(const RecordRow& row) {
  RecordWriter record = row.record;
  const std::string key(row.key.view());
  const std::string sealed(record.seal(key));
  CPPUNIT_ASSERT_EQUAL(without_blanks(row.bytes), hex(sealed));
  const auto payload = payload_of(key, sealed);
  CPPUNIT_ASSERT(payload.has_value());
  CPPUNIT_ASSERT_EQUAL(hex(*payload), hex(row.decode_and_encode(*payload)));

  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    std::string flipped = sealed;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    CPPUNIT_ASSERT_MESSAGE("bit " + std::to_string(bit), !payload_of(key, flipped));
  }
  for (std::size_t bit = 0; bit < key.size() * 8; ++bit) {
    std::string flipped = key;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    CPPUNIT_ASSERT_MESSAGE("bit " + std::to_string(bit) + " of the key", !payload_of(flipped, sealed));
  }
  for (std::size_t size = 0; size < sealed.size(); ++size) {
    CPPUNIT_ASSERT(!payload_of(key, sealed.substr(0, size)));
  }
  for (std::size_t size = 0; size < payload->size(); ++size) {
    CPPUNIT_ASSERT_MESSAGE("cut to " + std::to_string(size),
                           row.decode_and_encode(payload->substr(0, size)).empty());
  }
  CPPUNIT_ASSERT(row.decode_and_encode(std::string(*payload) + '\0').empty());
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const KeyRow& row : kKeys) {
    all.push_back({std::string("key, ") + row.name, [&row] {
                     CPPUNIT_ASSERT_EQUAL(without_blanks(row.bytes), hex(row.key.view()));
                     CPPUNIT_ASSERT(parse_key(row.key.view()).has_value());
                     if (row.description != nullptr) {
                       CPPUNIT_ASSERT_EQUAL(std::string(row.description), describe_key(row.key.view()));
                     }
                   }});
  }
  for (const char* key : kBadKeys) {
    all.push_back({std::string("no key, ") + key, [key] { CPPUNIT_ASSERT(!parse_key(unhex(key))); }});
  }
  for (const RecordRow& row : kRecords) {
    all.push_back({std::string("record, ") + row.name, [&row] { check_record(row); }});
  }
  for (const BadRow& row : kBad) {
    all.push_back({std::string("bad payload, ") + row.name,
                   [&row] { CPPUNIT_ASSERT(row.refused(unhex(row.payload))); }});
  }
  all.push_back({"CRC-32C, the examples of RFC 3720", [] {
                   CPPUNIT_ASSERT_EQUAL(0x8a9136aaU, crc32c(0, std::string(32, '\0')));
                   CPPUNIT_ASSERT_EQUAL(0x62a8ab43U, crc32c(0, std::string(32, '\xff')));
                   std::string ascending;
                   for (char c = 0; c < 32; ++c) ascending += c;
                   CPPUNIT_ASSERT_EQUAL(0x46dd794eU, crc32c(0, ascending));
                   CPPUNIT_ASSERT_EQUAL(0xe3069283U, crc32c(0, "123456789"));
                   CPPUNIT_ASSERT_EQUAL(0U, crc32c(0, ""));
                 }});
  all.push_back({"CRC-32C, by instruction, by table and in parts alike", [] {
                   std::string data;
                   for (unsigned i = 0; i < 100; ++i) {
                     CPPUNIT_ASSERT_EQUAL(crc32c_by_table(0, data), crc32c(0, data));
                     const std::string_view view(data);
                     CPPUNIT_ASSERT_EQUAL(crc32c(0, view),
                                          crc32c(crc32c(0, view.substr(0, i / 3)), view.substr(i / 3)));
                     data += static_cast<char>(i * 37 + 11);
                   }
                 }});
  return all;
}

const RegisteredSuite suite("lmdb records", cases);

}  // namespace
}  // namespace ews_im::tests
