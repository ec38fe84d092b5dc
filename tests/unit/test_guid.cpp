// SPDX-License-Identifier: Apache-2.0
#include <set>
#include <string>

#include "store/guid.h"
#include "tests/unit/cases.h"

namespace ews_im::tests {
namespace {

using store::Guid;

constexpr const char* kDns = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";

struct ParseRow {
  const char* name;
  std::string text;
  bool good;
};

const ParseRow kParse[] = {
    {"lower case", "0f8fad5b-d9cb-469f-a165-70867728950e", true},
    {"upper case", "0F8FAD5B-D9CB-469F-A165-70867728950E", true},
    {"zeros", "00000000-0000-0000-0000-000000000000", true},
    {"empty", "", false},
    {"too short", "0f8fad5b-d9cb-469f-a165-70867728950", false},
    {"too long", "0f8fad5b-d9cb-469f-a165-70867728950e0", false},
    {"without hyphens", "0f8fad5bd9cb469fa16570867728950e", false},
    {"in braces", "{0f8fad5b-d9cb-469f-a165-70867728950e}", false},
    {"hyphen moved", "0f8fad5bd-9cb-469f-a165-70867728950e", false},
    {"no hex digit", "0g8fad5b-d9cb-469f-a165-70867728950e", false},
    {"blank", "0f8fad5b-d9cb-469f-a165-7086772895 e", false},
    {"NUL inside", std::string("0f8fad5b-d9cb-469f-a165-7086772895\0e", 36), false},
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const ParseRow& row : kParse) {
    all.push_back({std::string("parse ") + row.name, [&row] {
                     const auto guid = Guid::parse(row.text);
                     CPPUNIT_ASSERT_EQUAL(row.good, guid.has_value());
                     if (!guid) return;
                     std::string lower = row.text;
                     for (char& c : lower) c = c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c;
                     CPPUNIT_ASSERT_EQUAL(lower, guid->text());
                   }});
  }
  all.push_back({"bytes stand in the order of the text", [] {
                   const auto guid = Guid::parse("00112233-4455-6677-8899-aabbccddeeff");
                   for (unsigned i = 0; i < 16; ++i) CPPUNIT_ASSERT_EQUAL(i * 0x11, unsigned{guid->bytes[i]});
                 }});
  all.push_back({"append_text appends", [] {
                   std::string text = "id=";
                   Guid{}.append_text(text);
                   CPPUNIT_ASSERT_EQUAL(std::string("id=00000000-0000-0000-0000-000000000000"), text);
                 }});
  all.push_back({"random ones differ and are of version 4", [] {
                   std::set<Guid> seen;
                   for (int i = 0; i < 1000; ++i) {
                     const Guid guid = Guid::random();
                     CPPUNIT_ASSERT_EQUAL(4, guid.bytes[6] >> 4);
                     CPPUNIT_ASSERT_EQUAL(2, guid.bytes[8] >> 6);
                     CPPUNIT_ASSERT(seen.insert(guid).second);
                   }
                 }});
  all.push_back({"random() of the process stays as it is", [] {
                   srandom(1);
                   const long next = random();
                   srandom(1);
                   (void)Guid::random();
                   CPPUNIT_ASSERT_EQUAL(next, random());
                 }});
  all.push_back({"of a text: the example of RFC 9562", [] {
                   const Guid guid = Guid::of_text(*Guid::parse(kDns), "www.example.com");
                   CPPUNIT_ASSERT_EQUAL(std::string("2ed6657d-e927-568b-95e1-2665a8aea6a2"), guid.text());
                 }});
  all.push_back({"of a text with NUL: all of it counts", [] {
                   const Guid space = *Guid::parse(kDns);
                   CPPUNIT_ASSERT(Guid::of_text(space, std::string_view("a\0b", 3)) !=
                                  Guid::of_text(space, "a"));
                 }});
  return all;
}

const RegisteredSuite suite("guid", cases);

}  // namespace
}  // namespace ews_im::tests
