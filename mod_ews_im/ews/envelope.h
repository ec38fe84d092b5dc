// SPDX-License-Identifier: Apache-2.0
// Reads a SOAP 1.1 envelope as it arrives: knows which operation it is as soon as the first child of
// soap:Body has been seen, and holds a small tree of the rest. Hostile input is expected: every size is
// bounded here. Knows no operation's rules, no HTTP, no store.
//
//   EnvelopeReader reader;
//   while (more) if (reader.feed(piece) == Verdict::NotOurs) pass_on();
//   if (reader.finish() == Verdict::Ours) serve(reader.envelope(), ...);
#pragma once

#include <cstdint>
#include <memory>
#include <memory_resource>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "mod_ews_im/ews/error.h"
#include "mod_ews_im/ews/stock.h"

namespace ews_im::ews {

struct Operation;

/// The namespaces that matter, those of the protocol whether spelled with http: or https:.
enum class Namespace : std::uint8_t { None, Soap, Soap12, Messages, Types, Xml, Xsi, Other };

struct Attribute {
  Namespace ns = Namespace::None;
  std::string_view local_name;
  std::string_view value;
  Namespace value_ns = Namespace::None;  ///< of xsi:type: its prefix resolved; `value` is then the local name
};

/// An element with what is in it. Everything belongs to the reader that made it.
struct Element {
  using allocator_type = std::pmr::polymorphic_allocator<>;
  explicit Element(const allocator_type& memory = {}) : attributes(memory), children(memory) {}

  Namespace ns = Namespace::None;
  bool https = false;      ///< its namespace was spelled with https:
  bool has_text = false;   ///< holds text that is not white space
  std::uint32_t line = 0;  ///< of the '>' or '/>' of its start tag, from 1
  std::uint32_t column = 0;
  std::string_view local_name;
  std::string_view text;  ///< all text directly in it, joined
  std::pmr::vector<Attribute> attributes;
  std::pmr::vector<Element*> children;

  /// The attribute of no namespace with this name, or nullptr.
  [[nodiscard]] const Attribute* attribute(std::string_view name) const;
  /// The first child with this name, or nullptr.
  [[nodiscard]] const Element* child(Namespace child_ns, std::string_view name) const;
};

struct Envelope {
  const Operation* operation = nullptr;
  const Element* request = nullptr;     ///< the element in soap:Body
  std::vector<const Element*> headers;  ///< the children of soap:Header
  bool https = false;                   ///< the request's element is in the https: spelling: so is the answer
};

enum class Verdict : std::uint8_t {
  Undecided,  ///< not enough has been read
  Ours,       ///< an operation of ours; after finish(): well-formed and alone in the Body
  NotOurs,    ///< something else; refusal() says what, for a server with nothing behind it
};

/// Parsers that have read a whole envelope, kept for the next ones of a process: making one costs more than
/// reading a usual request. For all threads; make it before they use libxml2.
class ParserStock : private Stock<void> {  // contexts of libxml2
 public:
  ParserStock();
  ~ParserStock();
  ParserStock(const ParserStock&) = delete;
  ParserStock& operator=(const ParserStock&) = delete;

 private:
  friend class EnvelopeReader;
};

/// One reader, one body. Not for several threads at once.
class EnvelopeReader {
 public:
  /// With a parser from `stock`, which must outlive the reader, or with one of its own.
  explicit EnvelopeReader(ParserStock* stock = nullptr);
  ~EnvelopeReader();
  EnvelopeReader(const EnvelopeReader&) = delete;
  EnvelopeReader& operator=(const EnvelopeReader&) = delete;

  /// Takes the next bytes of the body, any number. NotOurs is final. Ours can still become NotOurs.
  Verdict feed(std::string_view bytes);
  /// The body has ended. Never Undecided.
  Verdict finish();
  [[nodiscard]] Verdict verdict() const;

  /// Known once the verdict is Ours, and kept if it then turns to NotOurs; else nullptr.
  [[nodiscard]] const Operation* operation() const;
  /// The tree; lives as long as the reader. REQUIRES: finish() returned Ours.
  [[nodiscard]] const Envelope& envelope() const;
  /// What to answer if there is nobody to pass the request on to. REQUIRES: the verdict is NotOurs.
  [[nodiscard]] const SoapFault& refusal() const;
  /// How it is spelled: as the operation, if the verdict was Ours before.
  [[nodiscard]] bool https() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// ExchangeImpersonation (protocol of the t:ConnectingSIDType): whom the caller acts for.
struct ConnectingSid {
  enum class Kind : std::uint8_t { PrincipalName, Sid, PrimarySmtpAddress, SmtpAddress };
  Kind kind = Kind::SmtpAddress;
  std::string value;  ///< not empty
};

/// Nobody; or whom; or why the header cannot be understood (a fault: such a header is never ignored).
[[nodiscard]] std::variant<std::monostate, ConnectingSid, SoapFault> read_impersonation(
    const Envelope& envelope);

}  // namespace ews_im::ews
