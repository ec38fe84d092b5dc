// SPDX-License-Identifier: Apache-2.0
// The SOAP headers that change what a request means: for whom, and in which version.
#include <array>

#include "mod_ews_im/ews/envelope.h"
#include "mod_ews_im/ews/headers.h"
#include "mod_ews_im/ews/xml_text.h"

namespace ews_im::ews {
namespace {

struct SidRow {
  std::string_view name;
  ConnectingSid::Kind kind;
};
constexpr std::array<SidRow, 4> kSidRows{{{"PrincipalName", ConnectingSid::Kind::PrincipalName},
                                          {"SID", ConnectingSid::Kind::Sid},
                                          {"PrimarySmtpAddress", ConnectingSid::Kind::PrimarySmtpAddress},
                                          {"SmtpAddress", ConnectingSid::Kind::SmtpAddress}}};

SoapFault bad_impersonation() { return {.code = ResponseCode::ErrorInvalidExchangeImpersonationHeaderData}; }

bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

constexpr std::array<std::string_view, 7> kOldVersions{"Exchange2007", "Exchange2007_SP1", "Exchange2009",
                                                       "Exchange2010", "Exchange2010_SP1", "Exchange2010_SP2",
                                                       "Exchange2012"};

/// Exchange<year>[_SP<digit>] from 2013 on, or V<year>_<month>_<day>.
bool is_served(std::string_view version) {
  if (version.starts_with("Exchange")) {
    version.remove_prefix(8);
    const std::string_view year = version.substr(0, 4);
    const std::string_view rest = version.size() > 4 ? version.substr(4) : std::string_view{};
    return year.size() == 4 && is_digits(year) && year >= "2013" &&
           (rest.empty() || (rest.size() == 4 && rest.starts_with("_SP") && is_digits(rest.substr(3))));
  }
  return version.size() == 11 && version[0] == 'V' && is_digits(version.substr(1, 4)) && version[5] == '_' &&
         is_digits(version.substr(6, 2)) && version[8] == '_' && is_digits(version.substr(9, 2));
}

}  // namespace

std::variant<std::monostate, ConnectingSid, SoapFault> read_impersonation(const Envelope& envelope) {
  const Element* header = nullptr;
  for (const Element* candidate : envelope.headers) {
    if (candidate->local_name != "ExchangeImpersonation") continue;
    if (header != nullptr || candidate->ns != Namespace::Types) return bad_impersonation();
    header = candidate;
  }
  if (header == nullptr) return std::monostate{};
  if (header->children.size() != 1) return bad_impersonation();
  const Element& sid = *header->children.front();
  if (sid.ns != Namespace::Types || sid.local_name != "ConnectingSID" || sid.children.size() != 1)
    return bad_impersonation();
  const Element& name = *sid.children.front();
  for (const SidRow& row : kSidRows) {
    if (name.ns != Namespace::Types || name.local_name != row.name) continue;
    const std::string_view value = trim_xml_space(name.text);
    if (value.empty() || !name.children.empty()) return bad_impersonation();
    return ConnectingSid{row.kind, std::string(value)};
  }
  return bad_impersonation();
}

std::optional<SoapFault> check_version(const Envelope& envelope) {
  const Element* header = nullptr;
  for (const Element* candidate : envelope.headers) {
    if (candidate->ns != Namespace::Types || candidate->local_name != "RequestServerVersion") continue;
    if (header != nullptr) return SoapFault{.code = ResponseCode::ErrorInvalidServerVersion};
    header = candidate;
  }
  if (header == nullptr) return std::nullopt;
  const Attribute* version = header->attribute("Version");
  if (version == nullptr) return SoapFault{.code = ResponseCode::ErrorInvalidServerVersion};
  for (const std::string_view old : kOldVersions) {
    if (version->value == old) return SoapFault{.code = ResponseCode::ErrorIncorrectSchemaVersion};
  }
  if (!is_served(version->value)) return SoapFault{.code = ResponseCode::ErrorInvalidServerVersion};
  return std::nullopt;
}

}  // namespace ews_im::ews
