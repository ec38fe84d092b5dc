// SPDX-License-Identifier: Apache-2.0
// libxml2's SAX2 push parser behind EnvelopeReader. Everything is set on the parser's own context: the
// library is shared with other modules of the process. No document type, no entity but the five of XML.
#include "mod_ews_im/ews/envelope.h"

#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <libxml/uri.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <list>

#include "mod_ews_im/ews/encoding.h"
#include "mod_ews_im/ews/operation.h"
#include "mod_ews_im/ews/xml_text.h"

namespace ews_im::ews {
namespace {

constexpr std::size_t kPiece = 4096;  // bytes given to the parser at once
constexpr std::size_t kLongestSilence =
    12288;  // bytes without an event: bounds a start tag, a comment, an instruction
constexpr std::size_t kMostDepth = 32;
constexpr int kMostAttributes = 64;            // of an element, name space declarations counted
constexpr std::size_t kMostElements = 100000;  // and attributes
constexpr int kMostNames = 512;                // that a parser keeps which is used again
constexpr std::size_t kMostNameBytes = 65536;  // the memory of these
constexpr std::size_t kFirstMemory = 6144;     // enough for a usual request

constexpr std::string_view kSoap11 = "http://schemas.xmlsoap.org/soap/envelope/";
constexpr std::string_view kSoap12 = "http://www.w3.org/2003/05/soap-envelope";
constexpr std::string_view kMessages = "://schemas.microsoft.com/exchange/services/2006/messages";
constexpr std::string_view kTypes = "://schemas.microsoft.com/exchange/services/2006/types";
constexpr std::string_view kXmlUri = "http://www.w3.org/XML/1998/namespace";
constexpr std::string_view kXsi = "http://www.w3.org/2001/XMLSchema-instance";
constexpr std::string_view kNextActor = "http://schemas.xmlsoap.org/soap/actor/next";

std::string_view view(const xmlChar* text) {
  return text == nullptr ? std::string_view{} : reinterpret_cast<const char*>(text);
}

/// `https`, if it is wanted: whether that is the spelling.
Namespace namespace_of(std::string_view uri, bool* https = nullptr) {
  if (uri.empty()) return Namespace::None;
  if (uri == kSoap11) return Namespace::Soap;
  if (uri == kSoap12) return Namespace::Soap12;
  if (uri == kXmlUri) return Namespace::Xml;
  if (uri == kXsi) return Namespace::Xsi;
  std::string_view rest = uri;
  const bool secure = rest.starts_with("https");
  if (!rest.starts_with("http")) return Namespace::Other;
  rest.remove_prefix(secure ? 5 : 4);
  if (rest != kMessages && rest != kTypes) return Namespace::Other;
  if (https != nullptr) *https = secure;
  return rest == kMessages ? Namespace::Messages : Namespace::Types;
}

bool is_known_header(const Element& header) {
  return header.ns == Namespace::Types &&
         (header.local_name == "RequestServerVersion" || header.local_name == "ExchangeImpersonation" ||
          header.local_name == "MailboxCulture" || header.local_name == "TimeZoneContext");
}

const Attribute* soap_attribute(const Element& element, std::string_view name) {
  for (const Attribute& attribute : element.attributes) {
    if (attribute.ns == Namespace::Soap && attribute.local_name == name) return &attribute;
  }
  return nullptr;
}

bool must_be_understood(const Element& header) {
  const Attribute* actor = soap_attribute(header, "actor");
  if (actor != nullptr && !actor->value.empty() && actor->value != kNextActor) return false;
  const Attribute* insists = soap_attribute(header, "mustUnderstand");
  return insists != nullptr &&
         (trim_xml_space(insists->value) == "1" || trim_xml_space(insists->value) == "true");
}

}  // namespace

const Attribute* Element::attribute(std::string_view name) const {
  for (const Attribute& candidate : attributes) {
    if (candidate.ns == Namespace::None && candidate.local_name == name) return &candidate;
  }
  return nullptr;
}

const Element* Element::child(Namespace child_ns, std::string_view name) const {
  for (const Element* candidate : children) {
    if (candidate->ns == child_ns && candidate->local_name == name) return candidate;
  }
  return nullptr;
}

// What libxml2 would otherwise set up at its first use, it does not set up safely if threads do so at once.
ParserStock::ParserStock() { xmlInitParser(); }

ParserStock::~ParserStock() {
  while (void* const parser = take()) xmlFreeParserCtxt(static_cast<xmlParserCtxtPtr>(parser));
}

// A warning of the parser, which is all that its error number tells then; want of memory can cause it, too.
constexpr int kRelativeUri = XML_WAR_NS_URI_RELATIVE;

class EnvelopeReader::Impl {
 public:
  explicit Impl(ParserStock* stock) : stock_(stock) {
    xmlResetLastError();
    open_.reserve(kMostDepth);
    parser_ = stock_ != nullptr ? static_cast<xmlParserCtxtPtr>(stock_->take()) : nullptr;
    if (parser_ != nullptr) {
      parser_->userData = this;  // to whom even the reset tells of want of memory
      if (xmlCtxtResetPush(parser_, nullptr, 0, nullptr, nullptr) != 0) free_parser();
    }
    if (parser_ == nullptr) parser_ = make_parser();
    if (parser_ == nullptr) {
      refuse(SoapFault{.code = ResponseCode::ErrorInternalServerError});
    } else {
      xmlCtxtUseOptions(parser_, XML_PARSE_NONET | XML_PARSE_IGNORE_ENC);
    }
  }
  /// A parser that read a whole document is as good as new. It also keeps every name that it has seen, so
  /// one that has seen many, or long ones, which only an odd client sends, is not used again.
  ~Impl() {
    const bool clean = stock_ != nullptr && whole_ && parser_->nsNr == 0 && parser_->nameNr == 0 &&
                       xmlDictSize(parser_->dict) <= kMostNames &&
                       xmlDictGetUsage(parser_->dict) <= kMostNameBytes;
    if (clean) parser_->userData = nullptr;
    if (!clean || !stock_->give(parser_)) free_parser();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Verdict feed(std::string_view bytes) {
    if (verdict_ == Verdict::NotOurs) return verdict_;
    total_ += bytes.size();
    std::string_view text;
    const std::string_view problem = decoder_.feed(bytes, text);
    return parse(text, problem);
  }

  Verdict finish() {
    if (verdict_ == Verdict::NotOurs) return verdict_;
    if (total_ == 0) return invalid_request();
    std::string_view text;
    const std::string_view problem = decoder_.finish(text);
    if (parse(text, problem) == Verdict::NotOurs) return verdict_;
    const int error = xmlParseChunk(parser_, nullptr, 0, 1);
    if (verdict_ == Verdict::NotOurs) return verdict_;
    if (error != 0 && lacks_memory(error)) return no_memory();
    if ((error != 0 && error != kRelativeUri) || parser_->wellFormed == 0)
      return violate("The document is not well-formed.");
    if (verdict_ == Verdict::Undecided) return invalid_request();
    whole_ = true;
    return verdict_;
  }

  Verdict verdict_ = Verdict::Undecided;
  SoapFault refusal_;
  Envelope envelope_;

 private:
  /// For the parser's calls: no exception may pass through a library in C.
  template <class Work>
  static void guarded(void* self, const Work& work) noexcept {
    auto& impl = *static_cast<Impl*>(self);
    try {
      work(impl);
    } catch (const std::exception&) {
      impl.no_memory();
    }
  }

  xmlParserCtxtPtr make_parser() {
    xmlSAXHandler sax{};
    sax.initialized = XML_SAX2_MAGIC;
    sax.startElementNs = [](void* self, const xmlChar* name, const xmlChar* prefix, const xmlChar* uri,
                            int namespaces, const xmlChar** declared, int attributes, int /*defaulted*/,
                            const xmlChar** values) {
      guarded(self, [&](Impl& impl) {
        impl.start_element(view(name), view(prefix), view(uri), namespaces, declared, attributes, values);
      });
    };
    sax.endElementNs = [](void* self, const xmlChar*, const xmlChar*, const xmlChar*) {
      guarded(self, [](Impl& impl) { impl.end_element(); });
    };
    sax.characters = [](void* self, const xmlChar* text, int length) {
      guarded(self, [&](Impl& impl) {
        impl.characters({reinterpret_cast<const char*>(text), static_cast<std::size_t>(length)});
      });
    };
    sax.ignorableWhitespace = sax.characters;
    sax.cdataBlock = sax.characters;
    sax.comment = [](void* self, const xmlChar*) { static_cast<Impl*>(self)->silence_ = 0; };
    sax.processingInstruction = [](void* self, const xmlChar*, const xmlChar*) {
      static_cast<Impl*>(self)->silence_ = 0;
    };
    sax.internalSubset = [](void* self, const xmlChar*, const xmlChar*, const xmlChar*) {
      guarded(self, [](Impl& impl) { impl.violate("A document type declaration is not allowed."); });
    };
    sax.getEntity = [](void*, const xmlChar* name) { return xmlGetPredefinedEntity(name); };
    sax.serror = [](void* self, xmlErrorPtr error) {
      guarded(self, [&](Impl& impl) { impl.parser_error(*error); });
    };
    return xmlCreatePushParserCtxt(&sax, this, nullptr, 0, nullptr);
  }

  void free_parser() {
    xmlFreeParserCtxt(parser_);
    parser_ = nullptr;
  }

  /// A piece of the document, and what the decoder found wrong after it.
  Verdict parse(std::string_view bytes, std::string_view problem) {
    if (bytes.find('\0') != std::string_view::npos)
      return violate("The document holds a character that XML does not allow.");
    while (!bytes.empty() && verdict_ != Verdict::NotOurs) {
      const std::string_view piece = bytes.substr(0, kPiece);
      bytes.remove_prefix(piece.size());
      const bool epilog = !elements_.empty() && open_.empty();
      if (!epilog || piece.find_first_not_of(kXmlSpace) != std::string_view::npos) silence_ += piece.size();
      const int error = xmlParseChunk(parser_, piece.data(), static_cast<int>(piece.size()), 0);
      if (error != 0 && lacks_memory(error)) no_memory();
      if (error != 0 && error != kRelativeUri) violate("The document is not well-formed.");
      if (silence_ > kLongestSilence) violate("A tag or comment is too long.");
    }
    return problem.empty() ? verdict_ : violate(std::string(problem));
  }

  void start_element(std::string_view name, std::string_view prefix, std::string_view uri, int namespaces,
                     const xmlChar** declared, int attributes, const xmlChar** values) {
    silence_ = 0;
    if (verdict_ == Verdict::NotOurs) return;
    if (open_.size() >= kMostDepth || attributes + namespaces > kMostAttributes ||
        elements_.size() + attributes_ >= kMostElements) {
      violate("The document is too deep, or has too many elements or attributes.");
      return;
    }
    const std::size_t depth = open_.size() + 1;
    for (int i = 0; i < namespaces; ++i)
      bindings_.push_back({depth, keep(view(declared[2 * i])), namespace_of(view(declared[2 * i + 1]))});
    if (!prefix.empty() && uri.empty()) {
      violate("The prefix of an element is not declared.");
      return;
    }
    Element& element = elements_.emplace_back();
    element.local_name = keep(name);
    element.ns = namespace_of(uri, &element.https);
    element.line = static_cast<std::uint32_t>(parser_->input->line);
    element.column = static_cast<std::uint32_t>(parser_->input->col);
    element.attributes.reserve(static_cast<std::size_t>(attributes));
    attributes_ += static_cast<std::size_t>(attributes);
    for (int i = 0; i < attributes; ++i) add_attribute(element, values + std::ptrdiff_t{5} * i);
    if (!open_.empty()) open_.back()->children.push_back(&element);
    texts_[open_.size()].clear();
    open_.push_back(&element);
    place(element);
  }

  void add_attribute(Element& element, const xmlChar** fields) {
    Attribute& attribute = element.attributes.emplace_back();
    attribute.local_name = keep(view(fields[0]));
    attribute.ns = namespace_of(view(fields[2]));
    std::string_view value(reinterpret_cast<const char*>(fields[3]),
                           static_cast<std::size_t>(fields[4] - fields[3]));
    // libxml2 gives each ampersand in a value in this form unless it is to replace entities.
    constexpr std::string_view kAmpersand = "&#38;";
    std::string plain;
    for (std::size_t at = 0; (at = value.find(kAmpersand)) != std::string_view::npos;) {
      plain.append(value.substr(0, at)).push_back('&');
      value.remove_prefix(at + kAmpersand.size());
    }
    attribute.value = keep(plain.empty() ? value : plain.append(value));
    if (attribute.ns == Namespace::Xsi && attribute.local_name == "type") resolve(attribute);
  }

  /// The value of xsi:type is a QName: its prefix means what it means here.
  void resolve(Attribute& attribute) {
    const std::string_view name = trim_xml_space(attribute.value);
    const auto colon = name.find(':');
    const std::string_view prefix =
        colon == std::string_view::npos ? std::string_view{} : name.substr(0, colon);
    attribute.value = colon == std::string_view::npos ? name : name.substr(colon + 1);
    for (auto binding = bindings_.rbegin(); binding != bindings_.rend(); ++binding) {
      if (binding->prefix != prefix) continue;
      attribute.value_ns = binding->ns;
      return;
    }
    attribute.value_ns = Namespace::Other;
  }

  /// Where the element stands decides what it is: SOAP 1.1 section 4.
  void place(const Element& element) {
    const std::size_t depth = open_.size();
    if (depth == 1) {
      if (element.local_name == "Envelope" && element.ns == Namespace::Soap12) {
        refuse(SoapFault{.kind = SoapFault::Kind::VersionMismatch,
                         .code = ResponseCode::ErrorInvalidRequest,
                         .text = "The envelope is not of SOAP 1.1."});
      } else if (element.ns != Namespace::Soap || element.local_name != "Envelope") {
        invalid_request();
      }
    } else if (depth == 2) {
      const bool is_header = element.ns == Namespace::Soap && element.local_name == "Header";
      const bool is_body = element.ns == Namespace::Soap && element.local_name == "Body";
      if ((is_header && (header_seen_ || body_seen_)) || (is_body && body_seen_) ||
          (!is_header && !is_body && !body_seen_))
        invalid_request();
      header_seen_ = header_seen_ || is_header;
      body_seen_ = body_seen_ || is_body;
    } else if (depth == 3 && open_[1]->ns == Namespace::Soap) {
      if (open_[1]->local_name == "Header") {
        place_header(element);
      } else if (open_[1]->local_name == "Body") {
        place_request(element);
      }
    }
  }

  void place_header(const Element& header) {
    envelope_.headers.push_back(&header);
    if (!is_known_header(header) && header.local_name != "ExchangeImpersonation" &&
        must_be_understood(header)) {
      refuse(SoapFault{.kind = SoapFault::Kind::MustUnderstand,
                       .code = ResponseCode::ErrorInvalidRequest,
                       .text = "A header that must be understood is not known here."});
    }
  }

  void place_request(const Element& request) {
    const Operation* operation =
        request.ns == Namespace::Messages ? find_operation(request.local_name) : nullptr;
    if (operation == nullptr || envelope_.request != nullptr) {
      invalid_request();
      return;
    }
    envelope_.operation = operation;
    envelope_.request = &request;
    envelope_.https = request.https;
    verdict_ = Verdict::Ours;
  }

  void end_element() {
    silence_ = 0;
    if (verdict_ == Verdict::NotOurs || open_.empty()) return;
    Element& element = *open_.back();
    while (!bindings_.empty() && bindings_.back().depth == open_.size()) bindings_.pop_back();
    open_.pop_back();
    element.text = keep(texts_[open_.size()]);
  }

  void characters(std::string_view text) {
    silence_ = 0;
    if (verdict_ == Verdict::NotOurs || open_.empty()) return;
    texts_[open_.size() - 1] += text;
    Element& element = *open_.back();
    element.has_text = element.has_text || text.find_first_not_of(kXmlSpace) != std::string_view::npos;
  }

  void parser_error(const xmlError& error) {
    if (lacks_memory(error.code) || calls_uri_bad(error)) no_memory();
    if (error.level == XML_ERR_WARNING || verdict_ == Verdict::NotOurs) return;
    // Name-space errors leave wellFormed alone but are errors all the same.
    const std::string text = error.code == XML_ERR_NAME_REQUIRED && view_contains(error.message, "EntityRef")
                                 ? "An error occurred while parsing EntityName."
                                 : "The document is not well-formed.";
    violate(text, static_cast<std::uint32_t>(std::max(error.line, 0)),
            static_cast<std::uint32_t>(std::max(error.int2, 0)));
  }

  static bool view_contains(const char* text, const char* part) {
    return text != nullptr && std::strstr(text, part) != nullptr;
  }

  Verdict violate(std::string text) {
    const bool known = parser_ != nullptr && parser_->input != nullptr;
    return violate(std::move(text), known ? static_cast<std::uint32_t>(parser_->input->line) : 1,
                   known ? static_cast<std::uint32_t>(parser_->input->col) : 1);
  }

  Verdict violate(std::string text, std::uint32_t line, std::uint32_t column) {
    line = std::max(line, 1U);
    column = std::max(column, 1U);
    text += " Line " + std::to_string(line) + ", position " + std::to_string(column) + ".";
    return refuse(SoapFault{.code = ResponseCode::ErrorSchemaValidation,
                            .violation = Violation{line, column, std::move(text)}});
  }

  /// Parts of the parser tell the thread of it, not their caller, who then finds another fault.
  static bool lacks_memory(int error) {
    if (error == XML_ERR_NO_MEMORY) return true;
    const xmlError* last = xmlGetLastError();
    return last != nullptr && last->code == XML_ERR_NO_MEMORY;
  }

  /// The parser takes want of memory for a fault of a name space's URI: true if it finds none the second
  /// time.
  static bool calls_uri_bad(const xmlError& error) {
    if (error.code != XML_WAR_NS_URI) return false;
    const char* text = error.str2 != nullptr ? error.str2 : error.str1;
    const std::unique_ptr<xmlURI, decltype(&xmlFreeURI)> uri(xmlParseURI(text), xmlFreeURI);
    return uri != nullptr;
  }

  /// Not the client's fault, and not to be told to him as one.
  Verdict no_memory() { return refuse(SoapFault{.code = ResponseCode::ErrorInternalServerError}); }

  Verdict invalid_request() { return refuse(SoapFault{.code = ResponseCode::ErrorInvalidRequest}); }

  Verdict refuse(SoapFault fault) {
    if (verdict_ == Verdict::NotOurs) return verdict_;
    verdict_ = Verdict::NotOurs;
    refusal_ = std::move(fault);
    if (parser_ != nullptr) xmlStopParser(parser_);
    return verdict_;
  }

  /// Copies into memory that lives as long as the reader: only what stands in the document as often as it is
  /// kept. The URI of a name space stands there once for any number of elements.
  std::string_view keep(std::string_view text) {
    if (text.empty()) return {};
    auto* const place_of = static_cast<char*>(memory_.allocate(text.size(), 1));
    std::memcpy(place_of, text.data(), text.size());
    return {place_of, text.size()};
  }

  /// What a prefix means from an element at this depth on.
  struct Binding {
    std::size_t depth;
    std::string_view prefix;
    Namespace ns;
  };

  ParserStock* stock_;
  xmlParserCtxtPtr parser_ = nullptr;
  bool whole_ = false;
  bool header_seen_ = false;
  bool body_seen_ = false;
  DocumentDecoder decoder_;
  std::size_t total_ = 0;
  std::size_t silence_ = 0;
  std::size_t attributes_ = 0;                 // of all elements
  std::array<std::string, kMostDepth> texts_;  // of the elements in open_
  std::array<std::byte, kFirstMemory> first_memory_;
  std::pmr::monotonic_buffer_resource memory_{first_memory_.data(), first_memory_.size()};
  std::pmr::list<Element> elements_{&memory_};
  std::pmr::vector<Element*> open_{&memory_};
  std::pmr::vector<Binding> bindings_{&memory_};
};

EnvelopeReader::EnvelopeReader(ParserStock* stock) : impl_(std::make_unique<Impl>(stock)) {}
EnvelopeReader::~EnvelopeReader() = default;
Verdict EnvelopeReader::feed(std::string_view bytes) { return impl_->feed(bytes); }
Verdict EnvelopeReader::finish() { return impl_->finish(); }
Verdict EnvelopeReader::verdict() const { return impl_->verdict_; }
const Operation* EnvelopeReader::operation() const { return impl_->envelope_.operation; }
const Envelope& EnvelopeReader::envelope() const { return impl_->envelope_; }
const SoapFault& EnvelopeReader::refusal() const { return impl_->refusal_; }
bool EnvelopeReader::https() const { return impl_->envelope_.https; }

}  // namespace ews_im::ews
