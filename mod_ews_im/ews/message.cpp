// SPDX-License-Identifier: Apache-2.0
#include "mod_ews_im/ews/message.h"

#include "mod_ews_im/ews/operation.h"

namespace ews_im::ews {
namespace {

constexpr std::string_view kDeclaration = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n";
constexpr std::string_view kXsiXsd =
    " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\"";

/// The answer spells the namespaces as the request did.
template <class Out>
void write_namespace(Out& out, const Envelope& envelope, std::string_view last) {
  out.raw(envelope.https ? "https" : "http")
      .raw("://schemas.microsoft.com/exchange/services/2006/")
      .raw(last)
      .raw("\"");
}

template <class Out>
void write_head(Out& out, const Envelope& envelope, const ServerVersion& version,
                std::string_view response_class) {
  out.raw(kDeclaration)
      .raw(
          "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Header><h:ServerVersionInfo");
  out.raw(" MajorVersion=\"").raw(std::to_string(version.major_version));
  out.raw("\" MinorVersion=\"").raw(std::to_string(version.minor_version));
  out.raw("\" MajorBuildNumber=\"").raw(std::to_string(version.major_build_number));
  out.raw("\" MinorBuildNumber=\"").raw(std::to_string(version.minor_build_number));
  if (!version.version.empty()) out.raw("\" Version=\"").text(version.version);
  out.raw("\" xmlns:h=\"");
  write_namespace(out, envelope, "types");
  out.raw(" xmlns=\"");
  write_namespace(out, envelope, "types");
  out.raw(kXsiXsd).raw("/></s:Header><s:Body").raw(kXsiXsd).raw("><m:").raw(envelope.operation->name);
  out.raw("Response ResponseClass=\"").raw(response_class).raw("\" xmlns:m=\"");
  write_namespace(out, envelope, "messages");
  out.raw(" xmlns:t=\"");
  write_namespace(out, envelope, "types");
  out.raw(">");
}

template <class Out>
void write_tail(Out& out, const Envelope& envelope) {
  out.raw("</m:").raw(envelope.operation->name).raw("Response></s:Body></s:Envelope>");
}

void write_value(Output& out, const MessageXmlValue& value) {
  out.raw("<t:Value Name=\"").text(value.name).raw("\">").text(value.value).raw("</t:Value>");
}

void write_detail(Output& out, std::string_view scheme, std::string_view name, std::string_view value) {
  out.raw("<e:").raw(name).raw(" xmlns:e=\"").raw(scheme);
  out.raw("://schemas.microsoft.com/exchange/services/2006/errors\">").text(value);
  out.raw("</e:").raw(name).raw(">");
}

}  // namespace

template <class Out>
void write_success_head(Out& out, const Envelope& envelope, const ServerVersion& version) {
  write_head(out, envelope, version, "Success");
  out.raw("<m:ResponseCode>NoError</m:ResponseCode>");
}

template void write_success_head(Output&, const Envelope&, const ServerVersion&);
template void write_success_head(Counter&, const Envelope&, const ServerVersion&);

template <class Out>
void write_success_tail(Out& out, const Envelope& envelope) {
  write_tail(out, envelope);
}

template void write_success_tail(Output&, const Envelope&);
template void write_success_tail(Counter&, const Envelope&);

Reply success_reply(const Envelope& envelope, const ServerVersion& version) {
  std::string body;
  Output out(body);
  write_success_head(out, envelope, version);
  write_tail(out, envelope);
  return {200, ResponseCode::NoError, std::move(body)};
}

Reply error_reply(const Envelope& envelope, const ServerVersion& version, const ErrorMessage& error) {
  std::string body;
  Output out(body);
  write_head(out, envelope, version, "Error");
  out.raw("<m:MessageText>").text(error.text.empty() ? message_text(error.code) : error.text);
  out.raw("</m:MessageText><m:ResponseCode>").raw(response_code_name(error.code));
  out.raw("</m:ResponseCode><m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>");
  if (error.message_xml) {
    out.raw("<m:MessageXml>");
    write_value(out, *error.message_xml);
    out.raw("</m:MessageXml>");
  }
  write_tail(out, envelope);
  return {200, error.code, std::move(body)};
}

Reply fault_reply(const SoapFault& fault, bool https) {
  const std::string_view scheme = https ? "https" : "http";
  const std::string_view message =
      fault.text.empty() ? message_text(fault.code) : std::string_view(fault.text);
  std::string body;
  Output out(body);
  out.raw(kDeclaration)
      .raw("<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><s:Fault>");
  if (fault.kind == SoapFault::Kind::Exchange) {
    out.raw("<faultcode xmlns:a=\"").raw(scheme);
    out.raw("://schemas.microsoft.com/exchange/services/2006/types\">a:")
        .raw(response_code_name(fault.code))
        .raw("</faultcode>");
  } else {
    out.raw(fault.kind == SoapFault::Kind::VersionMismatch ? "<faultcode>s:VersionMismatch</faultcode>"
                                                           : "<faultcode>s:MustUnderstand</faultcode>");
  }
  out.raw("<faultstring xml:lang=\"en-US\">");
  if (fault.violation) {
    out.raw("The request failed schema validation: ").text(fault.violation->text);
  } else {
    out.text(message);
  }
  out.raw("</faultstring>");
  // SOAP 1.1 keeps the detail for errors of the Body.
  if (fault.kind == SoapFault::Kind::Exchange) {
    out.raw("<detail>");
    write_detail(out, scheme, "ResponseCode", response_code_name(fault.code));
    write_detail(out, scheme, "Message", message);
    if (fault.violation || fault.message_xml) {
      out.raw("<t:MessageXml xmlns:t=\"").raw(scheme);
      out.raw("://schemas.microsoft.com/exchange/services/2006/types\">");
      if (fault.violation) {
        out.raw("<t:LineNumber>")
            .raw(std::to_string(fault.violation->line))
            .raw("</t:LineNumber><t:LinePosition>");
        out.raw(std::to_string(fault.violation->column)).raw("</t:LinePosition><t:Violation>");
        out.text(fault.violation->text).raw("</t:Violation>");
      }
      if (fault.message_xml) write_value(out, *fault.message_xml);
      out.raw("</t:MessageXml>");
    }
    out.raw("</detail>");
  }
  out.raw("</s:Fault></s:Body></s:Envelope>");
  return {500, fault.code, std::move(body)};
}

Reply store_fault_reply(const Envelope& envelope, const ServerVersion& version, const store::Status& status,
                        ResponseCode failure) {
  ResponseCode code = response_code(status.fault());
  if (code == ResponseCode::ErrorInternalServerError) code = failure;
  Reply reply =
      code == ResponseCode::ErrorServerBusy
          ? fault_reply(
                {.code = code,
                 .message_xml = MessageXmlValue{"BackOffMilliseconds", std::to_string(kBackOffMilliseconds)}},
                envelope.https)
          : error_reply(envelope, version, {.code = code});
  reply.set_detail(std::string(store::fault_name(status.fault())) + ": " + status.detail());
  return reply;
}

}  // namespace ews_im::ews
