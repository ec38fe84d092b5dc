// SPDX-License-Identifier: Apache-2.0
#include "store/name_key.h"

#include <string>

#include "tests/unit/cases.h"

namespace ews_im::tests {
namespace {

using store::name_key;

struct NameRow {
  const char* name;
  const char* one;
  const char* other;
  bool same;
};

const NameRow kNames[] = {
    {"equal", "Work", "Work", true},
    {"ASCII case", "Work", "wORK", true},
    {"blanks count", "Work", "Work ", false},
    {"umlaut case", "\xC3\x9C", "\xC3\xBC", true},
    {"composed or not", "\xC3\xBC", "u\xCC\x88", true},
    {"composed or not, in other case", "\xC3\x9C", "u\xCC\x88", true},
    {"sharp s folds to two",
     "stra\xC3\x9F"
     "e",
     "STRASSE", true},
    {"final sigma", "\xCE\xA3", "\xCF\x82", true},
    {"accents count", "e", "\xC3\xA9", false},
    {"a ligature folds to its letters", "fi", "\xEF\xAC\x81", true},
    {"full width is another name", "A", "\xEF\xBC\xA1", false},
    {"Turkish dotless i is another name", "i", "\xC4\xB1", false},
    {"Cyrillic look-alike", "a", "\xD0\xB0", false},
    {"broken UTF-8 is its own key",
     "\xFF"
     "A",
     "\xFF"
     "a",
     false},
    {"empty", "", "", true},
};

std::vector<Case> cases() {
  std::vector<Case> result;
  for (const NameRow& row : kNames) {
    result.push_back(
        {row.name, [&row] { CPPUNIT_ASSERT_EQUAL(row.same, name_key(row.one) == name_key(row.other)); }});
  }
  return result;
}

const RegisteredSuite suite("name key", cases);

}  // namespace
}  // namespace ews_im::tests
