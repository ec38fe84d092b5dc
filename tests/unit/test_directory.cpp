// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include "store/directory.h"
#include "store/model.h"
#include "tests/unit/cases.h"

namespace ews_im::tests {
namespace {

using namespace store;

struct TextRow {
  const char* name;
  std::string text;
  bool good;
};

const TextRow kAddresses[] = {
    {"plain", "terry@contoso.com", true},
    {"plus and dots", "terry.smith+im@mail.contoso.com", true},
    {"letters beyond ASCII", "j\xC3\xBCrgen@contoso.com", true},
    {"longest", std::string(kLongestAddress - 2, 'a') + "@b", true},
    {"too long", std::string(kLongestAddress - 1, 'a') + "@b", false},
    {"empty", "", false},
    {"no at", "terry", false},
    {"two ats", "terry@contoso@com", false},
    {"nothing before", "@contoso.com", false},
    {"nothing after", "terry@", false},
    {"blank", "terry smith@contoso.com", false},
    {"line end", "terry@contoso.com\n", false},
    {"DEL", "terry\x7F@contoso.com", false},
    {"NUL", std::string("terry\0@contoso.com", 18), false},
    {"broken UTF-8", "terry\xC3@contoso.com", false},
};

const TextRow kSids[] = {
    {"of a user", "S-1-5-21-3623811015-3361044348-30300820-1013", true},
    {"shortest", "S-1-5-18", true},
    {"largest numbers", "S-1-281474976710655-4294967295", true},
    {"15 subauthorities", "S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15", true},
    {"16 subauthorities", "S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15-16", false},
    {"no subauthority", "S-1-5", false},
    {"authority too large", "S-1-281474976710656-1", false},
    {"subauthority too large", "S-1-5-4294967296", false},
    {"leading zero", "S-1-5-021", false},
    {"lower case", "s-1-5-18", false},
    {"revision 2", "S-2-5-18", false},
    {"hyphen at the end", "S-1-5-18-", false},
    {"two hyphens", "S-1-5--18", false},
    {"blank", "S-1-5- 18", false},
    {"empty", "", false},
    {"endless digits", "S-1-5-" + std::string(1000, '9'), false},
};

const TextRow kXmlTexts[] = {
    {"empty", "", true},
    {"ASCII", "Terry Smith <&>", true},
    {"tab, line feed, carriage return", "a\tb\nc\r", true},
    {"two to four bytes", "\xC2\x80 \xDF\xBF \xE0\xA0\x80 \xEF\xBF\xBD \xF0\x90\x80\x80 \xF4\x8F\xBF\xBF",
     true},
    {"last before the surrogates", "\xED\x9F\xBF", true},
    {"first after the surrogates", "\xEE\x80\x80", true},
    {"NUL", std::string("a\0b", 3), false},
    {"control character", "a\x01", false},
    {"escape", "\x1B[2J", false},
    {"surrogate", "\xED\xA0\x80", false},
    {"last surrogate", "\xED\xBF\xBF", false},
    {"U+FFFE", "\xEF\xBF\xBE", false},
    {"U+FFFF", "\xEF\xBF\xBF", false},
    {"beyond U+10FFFF", "\xF4\x90\x80\x80", false},
    {"overlong slash", "\xC0\xAF", false},
    {"overlong in three bytes", "\xE0\x9F\xBF", false},
    {"overlong in four bytes", "\xF0\x8F\xBF\xBF", false},
    {"lone continuation", "\x80", false},
    {"cut off", "\xE2\x82", false},
    {"second byte is ASCII", "\xC3(", false},
    {"F5", "\xF5\x80\x80\x80", false},
};

DirectoryEntry good_entry() {
  DirectoryEntry entry;
  entry.guid = *Guid::parse("0f8fad5b-d9cb-469f-a165-70867728950e");
  entry.primary_smtp_address = "terry@contoso.com";
  entry.aliases = {"t.smith@contoso.com"};
  entry.user_principal_name = "terry@corp.contoso.com";
  entry.sid = "S-1-5-21-1-2-3-1013";
  entry.account = "CONTOSO\\terry smith";
  return entry;
}

struct EntryRow {
  const char* name;
  void (*spoil)(DirectoryEntry&);
  bool good;
};

const EntryRow kEntries[] = {
    {"complete", [](DirectoryEntry&) {}, true},
    {"only an address", [](DirectoryEntry& e) { e = {e.guid, e.primary_smtp_address, {}, {}, {}, {}}; },
     true},
    {"zero GUID", [](DirectoryEntry& e) { e.guid = {}; }, false},
    {"no address", [](DirectoryEntry& e) { e.primary_smtp_address.clear(); }, false},
    {"bad alias", [](DirectoryEntry& e) { e.aliases.push_back("x"); }, false},
    {"empty alias", [](DirectoryEntry& e) { e.aliases.emplace_back(); }, false},
    {"alias twice, in another case", [](DirectoryEntry& e) { e.aliases.push_back("T.SMITH@contoso.com"); },
     false},
    {"alias is the primary address", [](DirectoryEntry& e) { e.aliases.push_back("terry@contoso.com"); },
     false},
    {"most aliases",
     [](DirectoryEntry& e) {
       e.aliases.clear();
       for (std::size_t i = 0; i < kMostAliases; ++i) e.aliases.push_back("a" + std::to_string(i) + "@b");
     },
     true},
    {"too many aliases",
     [](DirectoryEntry& e) {
       for (std::size_t i = 0; i < kMostAliases; ++i) e.aliases.push_back("a" + std::to_string(i) + "@b");
     },
     false},
    {"bad SID", [](DirectoryEntry& e) { e.sid = "1013"; }, false},
    {"control character in the account", [](DirectoryEntry& e) { e.account = "a\nb"; }, false},
    {"blank before the UPN", [](DirectoryEntry& e) { e.user_principal_name = " a@b"; }, false},
    {"account too long", [](DirectoryEntry& e) { e.account = std::string(kLongestAddress + 1, 'a'); }, false},
};

std::vector<Case> cases() {
  std::vector<Case> all;
  const auto add = [&](const std::string& what, const auto& rows, bool (*function)(std::string_view)) {
    for (const TextRow& row : rows) {
      all.push_back(
          {what + ", " + row.name, [&row, function] { CPPUNIT_ASSERT_EQUAL(row.good, function(row.text)); }});
    }
  };
  add("SMTP address", kAddresses, is_smtp_address);
  add("SID", kSids, is_sid);
  add("XML text", kXmlTexts, is_xml_text);
  for (const EntryRow& row : kEntries) {
    all.push_back({std::string("entry, ") + row.name, [&row] {
                     DirectoryEntry entry = good_entry();
                     row.spoil(entry);
                     CPPUNIT_ASSERT_EQUAL(row.good, what_is_wrong(entry).empty());
                   }});
  }
  all.push_back(
      {"distribution group and right", [] {
         CPPUNIT_ASSERT(what_is_wrong(DistributionGroup{"all@contoso.com", ""}).empty());
         CPPUNIT_ASSERT(!what_is_wrong(DistributionGroup{"all", "All"}).empty());
         CPPUNIT_ASSERT(!what_is_wrong(DistributionGroup{"all@contoso.com", "\x01"}).empty());
         CPPUNIT_ASSERT(!what_is_wrong(DistributionGroup{"all@contoso.com", std::string(257, 'x')}).empty());
         CPPUNIT_ASSERT(what_is_wrong(ImpersonationRight{"svc im", {}}).empty());
         CPPUNIT_ASSERT(!what_is_wrong(ImpersonationRight{"", {}}).empty());
       }});
  all.push_back({"characters are counted, not bytes", [] {
                   CPPUNIT_ASSERT_EQUAL(std::size_t{3}, character_count("a\xC3\xBC\xF0\x9F\x98\x80"));
                   CPPUNIT_ASSERT_EQUAL(std::size_t{0}, character_count(""));
                 }});
  all.push_back({"only A to Z are folded", [] {
                   CPPUNIT_ASSERT_EQUAL(std::string("abz@[`{\xC3\x9C\xE2\x84\xAA"),
                                        ascii_lower("ABZ@[`{\xC3\x9C\xE2\x84\xAA"));
                 }});
  return all;
}

const RegisteredSuite suite("directory", cases);

}  // namespace
}  // namespace ews_im::tests
