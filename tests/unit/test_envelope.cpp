// SPDX-License-Identifier: Apache-2.0
// Which bodies are requests of ours, which are not and why, and where an error is said to be. Every case is
// fed whole and byte by byte, and to a parser that has read another before.
#include <iconv.h>
#include <malloc.h>

#include <cstdlib>
#include <optional>
#include <string>

#include "mod_ews_im/ews/envelope.h"
#include "mod_ews_im/ews/operation.h"
#include "tests/unit/cases.h"

namespace ews_im::tests {
namespace {

using ews::ResponseCode;
using ews::SoapFault;
using ews::Verdict;

const std::string kSoap = "http://schemas.xmlsoap.org/soap/envelope/";
const std::string kMessages = "http://schemas.microsoft.com/exchange/services/2006/messages";
const std::string kTypes = "http://schemas.microsoft.com/exchange/services/2006/types";
const std::string kOpen =
    "<s:Envelope xmlns:s=\"" + kSoap + "\" xmlns:m=\"" + kMessages + "\" xmlns:t=\"" + kTypes + "\">";
const std::string kClose = "</s:Envelope>";
const std::string kList = "<m:GetImItemList/>";

std::string body(const std::string& inner) { return kOpen + "<s:Body>" + inner + "</s:Body>" + kClose; }
std::string with_header(const std::string& header) {
  return kOpen + "<s:Header>" + header + "</s:Header><s:Body>" + kList + "</s:Body>" + kClose;
}
std::string repeat(const std::string& text, std::size_t count) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += text;
  return all;
}
std::string attributes(std::size_t count) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += " a" + std::to_string(i) + "=\"\"";
  return all;
}
/// ASCII text as UTF-16.
std::string utf16(const std::string& text, bool big_endian, bool mark) {
  std::string wide = mark ? (big_endian ? "\xFE\xFF" : "\xFF\xFE") : "";
  for (const char c : text) wide += big_endian ? std::string{'\0', c} : std::string{c, '\0'};
  return wide;
}

std::string in_charset(const char* charset, std::string text) {
  iconv_t converter = iconv_open(charset, "US-ASCII");
  std::string result(4 * text.size(), '\0');
  char* from = text.data();
  char* to = result.data();
  std::size_t from_left = text.size();
  std::size_t to_left = result.size();
  if (iconv(converter, &from, &from_left, &to, &to_left) != 0) std::abort();
  iconv_close(converter);
  result.resize(result.size() - to_left);
  return result;
}

struct Row {
  const char* name;
  std::string body;
  const char* operation;  ///< nullptr: refused
  ResponseCode code = ResponseCode::ErrorInvalidRequest;
  SoapFault::Kind kind = SoapFault::Kind::Exchange;
};

constexpr auto kShape = ResponseCode::ErrorSchemaValidation;
const std::string kXml = "<?xml version=\"1.0\"?>";
const std::string kDeclared = "<?xml version=\"1.0\" encoding=\"utf-16\"?>";

const Row kRows[] = {
    {"plain", body(kList), "GetImItemList"},
    {"other prefixes",
     "<Envelope xmlns=\"" + kSoap + "\"><Body><x:AddImGroup xmlns:x=\"" + kMessages +
         "\"/></Body></Envelope>",
     "AddImGroup"},
    {"no prefix for the operation", body("<AddImGroup xmlns=\"" + kMessages + "\"/>"), "AddImGroup"},
    {"https namespaces", body("<x:AddImGroup xmlns:x=\"https" + kMessages.substr(4) + "\"/>"), "AddImGroup"},
    {"unknown header", with_header("<x:Y xmlns:x=\"urn:x\"><x:Z/></x:Y>"), "GetImItemList"},
    {"header for somebody else",
     with_header("<x:Y xmlns:x=\"urn:x\" s:mustUnderstand=\"1\" s:actor=\"urn:other\"/>"), "GetImItemList"},
    {"known header that must be understood",
     with_header("<t:RequestServerVersion s:mustUnderstand=\"1\" Version=\"Exchange2013\"/>"),
     "GetImItemList"},
    {"comments and instructions", "<!-- a -->" + body("<!-- b --><?c d?>" + kList) + "<!-- e -->\n",
     "GetImItemList"},
    {"references to characters and entities", body("<m:AddImGroup>&#65;&amp;&#x1F600;</m:AddImGroup>"),
     "AddImGroup"},
    {"a byte order mark", "\xEF\xBB\xBF" + body(kList), "GetImItemList"},
    {"declared as UTF-8", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>" + body(kList), "GetImItemList"},
    {"declared as ASCII", "<?xml version=\"1.0\" encoding=\"us-ascii\"?>" + body(kList), "GetImItemList"},
    {"UTF-16, little endian", utf16(kDeclared + body(kList), false, true), "GetImItemList"},
    {"UTF-16, big endian", utf16(kDeclared + body(kList), true, true), "GetImItemList"},
    {"UTF-16 without a mark", utf16(kDeclared + body(kList), false, false), "GetImItemList"},
    {"64 attributes", body("<m:GetImItemList" + attributes(64) + "/>"), "GetImItemList"},
    {"32 deep", body("<m:GetImItemList>" + repeat("<x>", 29) + repeat("</x>", 29) + "</m:GetImItemList>"),
     "GetImItemList"},
    {"a start tag of 8 KiB", body("<m:GetImItemList a=\"" + std::string(8150, 'a') + "\"/>"),
     "GetImItemList"},
    {"a long text", body("<m:AddImGroup>" + std::string(200000, 'a') + "</m:AddImGroup>"), "AddImGroup"},

    {"nothing", "", nullptr},
    {"another root", "<a/>", nullptr},
    {"SOAP 1.2", "<e:Envelope xmlns:e=\"http://www.w3.org/2003/05/soap-envelope\"><e:Body/></e:Envelope>",
     nullptr, ResponseCode::ErrorInvalidRequest, SoapFault::Kind::VersionMismatch},
    {"an unknown operation", body("<m:FindItem/>"), nullptr},
    {"an operation in the types namespace", body("<t:GetImItemList/>"), nullptr},
    {"a look-alike namespace", body("<x:GetImItemList xmlns:x=\"" + kMessages + "/\"/>"), nullptr},
    {"two operations", body(kList + kList), nullptr},
    {"no body", kOpen + kClose, nullptr},
    {"an empty body", body(""), nullptr},
    {"two bodies", kOpen + "<s:Body/><s:Body>" + kList + "</s:Body>" + kClose, nullptr},
    {"a header after the body", kOpen + "<s:Body>" + kList + "</s:Body><s:Header/>" + kClose, nullptr},
    {"a header that must be understood", with_header("<x:Y xmlns:x=\"urn:x\" s:mustUnderstand=\"1\"/>"),
     nullptr, ResponseCode::ErrorInvalidRequest, SoapFault::Kind::MustUnderstand},

    {"a document type", "<!DOCTYPE a>" + body(kList), nullptr, kShape},
    {"a document type with entities",
     "<!DOCTYPE a [<!ENTITY b \"c\"><!ENTITY d \"&b;&b;\">]>" + body("<m:AddImGroup>&d;</m:AddImGroup>"),
     nullptr, kShape},
    {"an unknown entity", body("<m:AddImGroup>&nbsp;</m:AddImGroup>"), nullptr, kShape},
    {"NUL", body(std::string("<m:AddImGroup>\0</m:AddImGroup>", 30)), nullptr, kShape},
    {"a control character", body("<m:AddImGroup>\x01</m:AddImGroup>"), nullptr, kShape},
    {"broken UTF-8", body("<m:AddImGroup>\xC3(</m:AddImGroup>"), nullptr, kShape},
    {"a surrogate in UTF-8", body("<m:AddImGroup>\xED\xA0\x80</m:AddImGroup>"), nullptr, kShape},
    {"half a surrogate pair in UTF-16", utf16(body(kList), false, true).insert(2, std::string("\x00\xD8", 2)),
     nullptr, kShape},
    {"UTF-16 that ends within a character", utf16(body(kList), false, true) + "a", nullptr, kShape},
    {"declared as UTF-16, but is not", kDeclared + body(kList), nullptr, kShape},
    {"another encoding", "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>" + body(kList), nullptr, kShape},
    {"UCS-4", std::string("\x00\x00\x00<", 4) + body(kList), nullptr, kShape},
    {"UCS-4, little endian", in_charset("UCS-4LE", body(kList)), nullptr, kShape},
    {"UCS-4 with a mark", std::string("\xFF\xFE\0\0", 4) + in_charset("UCS-4LE", body(kList)), nullptr,
     kShape},
    {"UCS-4 after a mark of UTF-8", "\xEF\xBB\xBF" + in_charset("UCS-4LE", body(kList)), nullptr, kShape},
    {"EBCDIC", in_charset("IBM037", kXml + body(kList)), nullptr, kShape},
    {"EBCDIC after a mark of UTF-8", "\xEF\xBB\xBF" + in_charset("IBM037", kXml + body(kList)), nullptr,
     kShape},
    {"two byte order marks", "\xEF\xBB\xBF\xEF\xBB\xBF" + body(kList), nullptr, kShape},
    {"two byte order marks, UTF-16", "\xFF\xFE" + utf16(body(kList), false, true), nullptr, kShape},
    {"a byte order mark alone", "\xEF\xBB\xBF", nullptr, kShape},
    {"text that is no XML", "GetImItemList", nullptr, kShape},
    {"an end that is missing", kOpen + "<s:Body>" + kList + "</s:Body>", nullptr, kShape},
    {"an end that does not match", kOpen + "<s:Body>" + kList + "</s:Bodyy>" + kClose, nullptr, kShape},
    {"something after the end", body(kList) + "<a/>", nullptr, kShape},
    {"an attribute twice", body("<m:GetImItemList a=\"\" a=\"\"/>"), nullptr, kShape},
    {"a prefix that is not declared", body("<m:GetImItemList><y:z/></m:GetImItemList>"), nullptr, kShape},
    {"65 attributes", body("<m:GetImItemList" + attributes(65) + "/>"), nullptr, kShape},
    {"33 deep", body("<m:GetImItemList>" + repeat("<x>", 30) + repeat("</x>", 30) + "</m:GetImItemList>"),
     nullptr, kShape},
    {"a start tag of 20 KiB", body("<m:GetImItemList a=\"" + std::string(20480, 'a') + "\"/>"), nullptr,
     kShape},
    {"a comment of 20 KiB", body("<!--" + std::string(20480, 'a') + "-->" + kList), nullptr, kShape},
    {"100,000 elements and attributes",
     body("<m:GetImItemList>" + repeat("<x a=\"\" b=\"\" c=\"\"/>", 26000) + "</m:GetImItemList>"), nullptr,
     kShape},
    {"100,000 elements", body("<m:GetImItemList>" + repeat("<x/>", 100000) + "</m:GetImItemList>"), nullptr,
     kShape},
};

Verdict feed(ews::EnvelopeReader& reader, const std::string& bytes, std::size_t piece) {
  for (std::size_t at = 0; at < bytes.size(); at += piece)
    reader.feed(std::string_view(bytes).substr(at, piece));
  return reader.finish();
}

void check(const Row& row, std::size_t piece, ews::ParserStock* stock = nullptr) {
  ews::EnvelopeReader reader(stock);
  const Verdict verdict = feed(reader, row.body, piece);
  if (row.operation != nullptr) {
    CPPUNIT_ASSERT(verdict == Verdict::Ours);
    CPPUNIT_ASSERT_EQUAL(std::string(row.operation), std::string(reader.envelope().operation->name));
    return;
  }
  CPPUNIT_ASSERT(verdict == Verdict::NotOurs);
  CPPUNIT_ASSERT_EQUAL(std::string(ews::response_code_name(row.code)),
                       std::string(ews::response_code_name(reader.refusal().code)));
  CPPUNIT_ASSERT(row.kind == reader.refusal().kind);
  CPPUNIT_ASSERT_EQUAL(row.code == kShape, reader.refusal().violation.has_value());
}

void check_with_a_used_parser(const Row& row) {
  ews::ParserStock stock;
  check(kRows[0], 4096, &stock);
  check(row, 4096, &stock);
}

// What is declared once may be meant by every element and attribute.
struct MemoryRow {
  const char* name;
  std::string body;
};

const std::string kLongUri = " xmlns:x=\"urn:" + std::string(11000, 'a') + "\"";

const MemoryRow kMemory[] = {
    {"a long URI, many elements",
     body("<m:GetImItemList" + kLongUri + ">" + repeat("<x:a/>", 90000) + "</m:GetImItemList>")},
    {"a long URI, many attributes",
     body("<m:GetImItemList" + kLongUri + ">" +
          repeat("<x:a x:b=\"\" x:c=\"\" x:d=\"\" x:e=\"\" x:f=\"\" x:g=\"\" x:h=\"\" x:i=\"\"/>", 11000) +
          "</m:GetImItemList>")},
    {"many elements", body("<m:GetImItemList>" + repeat("<a/>", 90000) + "</m:GetImItemList>")},
};

// A sanitizer's allocator tells 0, and is satisfied with anything.
std::size_t allocated() {
  const struct mallinfo2 about = mallinfo2();
  return about.uordblks + about.hblkhd;
}

void check(const MemoryRow& row) {
  constexpr std::size_t kMost = std::size_t{32} << 20;
  ews::EnvelopeReader reader;
  const std::size_t before = allocated();
  CPPUNIT_ASSERT(feed(reader, row.body, 4096) == Verdict::Ours);
  const std::size_t after = allocated();
  CPPUNIT_ASSERT_MESSAGE(std::to_string(after - before) + " bytes for " + std::to_string(row.body.size()),
                         after <= before + kMost);
}

// A parser keeps all names that it has seen.
void long_names_are_not_kept() {
  constexpr std::size_t kMost = std::size_t{256} << 10;
  ews::ParserStock stock;
  check(kRows[0], 4096, &stock);
  const std::size_t before = allocated();
  {
    std::string elements;
    for (char c = 'a'; c <= 'z'; ++c) elements += "<" + std::string(12000, c) + "/>";
    ews::EnvelopeReader reader(&stock);
    CPPUNIT_ASSERT(feed(reader, body("<m:GetImItemList>" + elements + "</m:GetImItemList>"), 4096) ==
                   Verdict::Ours);
  }
  const std::size_t after = allocated();
  CPPUNIT_ASSERT_MESSAGE(std::to_string(after - before) + " bytes are kept", after <= before + kMost);
}

struct PlaceRow {
  const char* name;
  std::string body;
  std::uint32_t line;
  std::uint32_t column;
};

const PlaceRow kPlaces[] = {
    {"a document type in the first line", "<!DOCTYPE a>" + body(kList), 1, 12},
    {"NUL is told where the parser is", std::string("<a>\n\n\0", 6), 1, 1},
    {"an entity in the third line", kOpen + "\n<s:Body>\n  <m:AddImGroup>&x;", 3, 20},
    {"an end that does not match", kOpen + "\n<s:Body>\n" + kList + "\n</s:Bodyy>", 4, 11},
};

void add_tree(std::vector<Case>& all) {
  all.push_back({"the tree has names, texts and places", [] {
                   ews::EnvelopeReader reader;
                   const std::string text = kOpen + "\n<s:Body>\n <m:AddImGroup>\n  <m:DisplayName>a&amp;" +
                                            "<![CDATA[<b>]]></m:DisplayName>\n </m:AddImGroup></s:Body>" +
                                            kClose;
                   CPPUNIT_ASSERT(feed(reader, text, 1) == Verdict::Ours);
                   const ews::Element& request = *reader.envelope().request;
                   CPPUNIT_ASSERT(request.ns == ews::Namespace::Messages && !request.has_text);
                   const ews::Element* name = request.child(ews::Namespace::Messages, "DisplayName");
                   CPPUNIT_ASSERT(name != nullptr && name->has_text);
                   CPPUNIT_ASSERT_EQUAL(std::string("a&<b>"), std::string(name->text));
                   CPPUNIT_ASSERT_EQUAL(4U, name->line);
                   CPPUNIT_ASSERT_EQUAL(17U, name->column);
                   CPPUNIT_ASSERT(request.child(ews::Namespace::Types, "DisplayName") == nullptr);
                 }});
  all.push_back(
      {"ampersands in a value", [] {
         ews::EnvelopeReader reader;
         feed(reader, body("<m:AddImGroup a=\"&amp;x&#38;y&amp;#38;&lt;\" b=\"&amp;\" c=\"d\"/>"), 1);
         const ews::Element& request = *reader.envelope().request;
         CPPUNIT_ASSERT_EQUAL(std::string("&x&y&#38;<"), std::string(request.attribute("a")->value));
         CPPUNIT_ASSERT_EQUAL(std::string("&"), std::string(request.attribute("b")->value));
         CPPUNIT_ASSERT_EQUAL(std::string("d"), std::string(request.attribute("c")->value));
       }});
  all.push_back({"the spelling of the namespace is kept", [] {
                   for (const bool https : {false, true}) {
                     ews::EnvelopeReader reader;
                     const std::string uri = https ? "https" + kMessages.substr(4) : kMessages;
                     feed(reader, body("<x:AddImGroup xmlns:x=\"" + uri + "\"/>"), 4096);
                     CPPUNIT_ASSERT_EQUAL(https, reader.envelope().https);
                   }
                 }});
  all.push_back({"a refusal is final", [] {
                   ews::EnvelopeReader reader;
                   CPPUNIT_ASSERT(feed(reader, "<a/>", 1) == Verdict::NotOurs);
                   CPPUNIT_ASSERT(reader.feed(body(kList)) == Verdict::NotOurs);
                   CPPUNIT_ASSERT(reader.finish() == Verdict::NotOurs);
                 }});
  all.push_back({"ours before the end, and then not", [] {
                   ews::EnvelopeReader reader;
                   const std::string text = kOpen + "<s:Body>" + kList + std::string(600, ' ');
                   CPPUNIT_ASSERT(reader.feed(text) == Verdict::Ours);
                   CPPUNIT_ASSERT_EQUAL(std::string("GetImItemList"), std::string(reader.operation()->name));
                   CPPUNIT_ASSERT(reader.feed(kList) == Verdict::NotOurs);
                   CPPUNIT_ASSERT(reader.operation() != nullptr);
                 }});
}

struct SidRow {
  const char* name;
  std::string header;
  const char* value;  ///< nullptr: a fault; "": nobody
  ews::ConnectingSid::Kind kind = ews::ConnectingSid::Kind::SmtpAddress;
};

std::string acting(const std::string& inner) {
  return "<t:ExchangeImpersonation><t:ConnectingSID>" + inner +
         "</t:ConnectingSID></t:ExchangeImpersonation>";
}
const std::string kSmtp = "<t:SmtpAddress>a@x</t:SmtpAddress>";

const SidRow kSids[] = {
    {"nobody", "", ""},
    {"by address", acting(kSmtp), "a@x"},
    {"by primary address", acting("<t:PrimarySmtpAddress> a@x\n</t:PrimarySmtpAddress>"), "a@x",
     ews::ConnectingSid::Kind::PrimarySmtpAddress},
    {"by principal name", acting("<t:PrincipalName>a@x</t:PrincipalName>"), "a@x",
     ews::ConnectingSid::Kind::PrincipalName},
    {"by SID", acting("<t:SID>S-1-5</t:SID>"), "S-1-5", ews::ConnectingSid::Kind::Sid},
    {"empty", acting("<t:SmtpAddress> </t:SmtpAddress>"), nullptr},
    {"without a child", acting(""), nullptr},
    {"two names", acting(kSmtp + kSmtp), nullptr},
    {"an unknown name", acting("<t:Name>a</t:Name>"), nullptr},
    {"a name of another namespace", acting("<m:SmtpAddress>a@x</m:SmtpAddress>"), nullptr},
    {"twice", acting(kSmtp) + acting(kSmtp), nullptr},
    {"in another namespace", "<x:ExchangeImpersonation xmlns:x=\"urn:x\"/>", nullptr},
};

void check(const SidRow& row) {
  ews::EnvelopeReader reader;
  CPPUNIT_ASSERT(feed(reader, with_header(row.header), 4096) == Verdict::Ours);
  const auto read = ews::read_impersonation(reader.envelope());
  if (row.value == nullptr) {
    const auto* fault = std::get_if<SoapFault>(&read);
    CPPUNIT_ASSERT(fault != nullptr);
    CPPUNIT_ASSERT(fault->code == ResponseCode::ErrorInvalidExchangeImpersonationHeaderData);
  } else if (*row.value == '\0') {
    CPPUNIT_ASSERT(std::holds_alternative<std::monostate>(read));
  } else {
    const auto* sid = std::get_if<ews::ConnectingSid>(&read);
    CPPUNIT_ASSERT(sid != nullptr && sid->kind == row.kind);
    CPPUNIT_ASSERT_EQUAL(std::string(row.value), sid->value);
  }
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const Row& row : kRows) {
    const std::string what = row.operation != nullptr ? "read: " : "refused: ";
    all.push_back({what + row.name, [&row] { check(row, row.body.size() + 1); }});
    all.push_back({what + row.name + ", byte by byte", [&row] { check(row, 1); }});
    all.push_back({what + row.name + ", with a used parser", [&row] { check_with_a_used_parser(row); }});
  }
  for (const MemoryRow& row : kMemory)
    all.push_back({std::string("memory is bounded: ") + row.name, [&row] { check(row); }});
  all.push_back({"long names are not kept", long_names_are_not_kept});
  for (const PlaceRow& row : kPlaces) {
    all.push_back({std::string("place of ") + row.name, [&row] {
                     ews::EnvelopeReader reader;
                     CPPUNIT_ASSERT(feed(reader, row.body, row.body.size()) == Verdict::NotOurs);
                     CPPUNIT_ASSERT(reader.refusal().violation.has_value());
                     CPPUNIT_ASSERT_EQUAL(row.line, reader.refusal().violation->line);
                     CPPUNIT_ASSERT_EQUAL(row.column, reader.refusal().violation->column);
                   }});
  }
  for (const SidRow& row : kSids)
    all.push_back({std::string("acting for: ") + row.name, [&row] { check(row); }});
  add_tree(all);
  return all;
}

const RegisteredSuite suite("envelope", cases);

}  // namespace
}  // namespace ews_im::tests
