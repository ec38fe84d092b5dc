// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include "mod_ews_im/ews/base64.h"
#include "mod_ews_im/ews/output.h"
#include "tests/unit/cases.h"

namespace ews_im::tests {
namespace {

using ews::Output;

struct TextRow {
  const char* name;
  std::string text;
  std::string xml;
};

const TextRow kTexts[] = {
    {"empty", "", ""},
    {"plain", "Tony Smith", "Tony Smith"},
    {"markup", "<a href='b' c=\"d\"> & </a>",
     "&lt;a href=&apos;b&apos; c=&quot;d&quot;&gt; &amp; &lt;/a&gt;"},
    {"the end of CDATA", "]]>", "]]&gt;"},
    {"an entity is text", "&amp;", "&amp;amp;"},
    {"white space that a parser would change", "a\tb\nc\rd", "a&#9;b&#10;c&#13;d"},
    {"what XML cannot carry", std::string("a\0b\x01\x1F", 5),
     "a\xEF\xBF\xBD"
     "b\xEF\xBF\xBD\xEF\xBF\xBD"},
    {"other alphabets stay", "\xC3\x85 \xF0\x9F\x98\x80 \xE2\x80\xA8",
     "\xC3\x85 \xF0\x9F\x98\x80 \xE2\x80\xA8"},
    {"C1 controls and DEL are XML", "\x7F\xC2\x85", "\x7F\xC2\x85"},
};

struct Base64Row {
  const char* name;
  std::string text;
  bool good;
};

const Base64Row kBase64[] = {
    {"empty", "", true},           {"one byte", "Zg==", true},       {"two bytes", "Zm8=", true},
    {"three bytes", "Zm9v", true}, {"four bytes", "Zm9vYg==", true}, {"all bits", "////", true},
    {"no padding", "Zg", false},   {"half of it", "Zg=", false},     {"too much", "Zm9v====", false},
    {"inside", "Zg==Zg==", false}, {"unused bits", "Zh==", false},   {"unused bits of two", "Zm9=", false},
    {"space", "Zm9 ", false},      {"line end", "Zm9v\n", false},    {"NUL", std::string("Zm9\0", 4), false},
    {"for URLs", "-_-_", false},   {"high bit", "Zm9\xF6", false},   {"one digit", "Z===", false},
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const TextRow& row : kTexts) {
    all.push_back({std::string("escaped: ") + row.name, [&row] {
                     std::string written;
                     Output out(written);
                     out.text(row.text);
                     CPPUNIT_ASSERT_EQUAL(row.xml, written);
                     ews::Counter counter;
                     counter.text(row.text);
                     CPPUNIT_ASSERT_EQUAL(std::uint64_t{row.xml.size()}, counter.count());
                   }});
  }
  for (const Base64Row& row : kBase64) {
    all.push_back({std::string("base64: ") + row.name, [&row] {
                     const auto bytes = ews::decode_base64(row.text);
                     CPPUNIT_ASSERT_EQUAL(row.good, bytes.has_value());
                     if (!bytes) return;
                     std::string again;
                     ews::append_base64(again, *bytes);
                     CPPUNIT_ASSERT_EQUAL(row.text, again);
                   }});
  }
  all.push_back({"pieces make up the whole", [] {
                   std::string whole;
                   std::size_t pieces = 0;
                   const ews::Sink sink = [&](std::string_view piece) {
                     whole += piece;
                     ++pieces;
                     return true;
                   };
                   char buffer[1000];
                   Output out(sink, buffer);
                   ews::Counter counter;
                   for (int i = 0; i < 20000; ++i) {
                     out.raw("<a>").text("<&>").raw("</a>");
                     counter.raw("<a>").text("<&>").raw("</a>");
                   }
                   out.flush();
                   CPPUNIT_ASSERT(pieces > 1);
                   CPPUNIT_ASSERT_EQUAL(counter.count(), std::uint64_t{whole.size()});
                   CPPUNIT_ASSERT_EQUAL(std::size_t{20000 * 20}, whole.size());
                 }});
  all.push_back({"a sink that refuses is not asked again", [] {
                   int asked = 0;
                   const ews::Sink sink = [&](std::string_view) {
                     ++asked;
                     return false;
                   };
                   char buffer[1000];
                   Output out(sink, buffer);
                   while (!out.stopped()) out.raw("0123456789");
                   out.raw(std::string(1000000, 'x'));
                   out.flush();
                   CPPUNIT_ASSERT_EQUAL(1, asked);
                 }});
  return all;
}

const RegisteredSuite suite("output", cases);

}  // namespace
}  // namespace ews_im::tests
