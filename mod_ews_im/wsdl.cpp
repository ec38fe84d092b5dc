// SPDX-License-Identifier: Apache-2.0
#include "mod_ews_im/wsdl.h"

#include <string>
#include <string_view>

#include "mod_ews_im/answer.h"
#include "mod_ews_im/claim.h"
#include "mod_ews_im/note.h"

namespace ews_im {
namespace {

constexpr const char* kFiles[] = {"Services.wsdl", "messages.xsd", "types.xsd"};
constexpr std::string_view kService = "Exchange.asmx";
constexpr std::string_view kPlaceholder = "@EWS_URL@";
constexpr apr_off_t kLargestFile = apr_off_t{4} << 20;

std::string_view last_segment(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool same_name(std::string_view one, std::string_view other) {
  return one.size() == other.size() && ap_cstr_casecmpn(one.data(), other.data(), one.size()) == 0;
}

/// The URL of the service as this client sees it, fit for XML and HTML.
const char* service_url(request_rec* r) {
  const std::string_view path = claim_of(r)->uri;
  const std::string_view last = last_segment(path);
  std::string service(path);
  if (!same_name(last, kService)) service.replace(path.size() - last.size(), last.size(), kService);
  return ap_escape_html(r->pool, ap_construct_url(r->pool, ap_escape_uri(r->pool, service.c_str()), r));
}

apr_status_t read_file(request_rec* r, const char* path, std::string& content) {
  apr_file_t* file = nullptr;
  apr_status_t status = apr_file_open(&file, path, APR_READ | APR_BINARY, APR_OS_DEFAULT, r->pool);
  if (status != APR_SUCCESS) return status;
  apr_finfo_t about;
  status = apr_file_info_get(&about, APR_FINFO_SIZE, file);
  if (status == APR_SUCCESS && about.size > kLargestFile) status = APR_ENOSPC;
  if (status == APR_SUCCESS) {
    content.resize(static_cast<std::size_t>(about.size));
    status = apr_file_read_full(file, content.data(), content.size(), nullptr);
  }
  apr_file_close(file);
  return status;
}

int send_file(request_rec* r, const ServerConfig& config, const char* name) {
  const char* directory = config.wsdl_path != nullptr ? config.wsdl_path : EWS_IM_WSDL_DIR;
  const char* path = apr_pstrcat(r->pool, directory, "/", name, nullptr);
  std::string content;
  const apr_status_t status = read_file(r, path, content);
  if (status != APR_SUCCESS) {
    static LogGate gate;
    if (gate.opens()) {
      ap_log_rerror(APLOG_MARK, APLOG_ERR, status, r, EWSIM(0060) "cannot read %s: see EWSImWsdlPath", path);
    }
    return HTTP_NOT_FOUND;
  }
  const std::size_t at = content.find(kPlaceholder);
  if (at != std::string::npos) content.replace(at, kPlaceholder.size(), service_url(r));
  return send_text(r, HTTP_OK, "text/xml; charset=utf-8", content);
}

int send_page(request_rec* r) {
  const std::string url = service_url(r);
  const std::string page =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Exchange Web Services: IM "
      "list</title></head>\n"
      "<body>\n<h1>Exchange Web Services: IM list</h1>\n"
      "<p>This address is for programs: they send SOAP 1.1 requests to it by HTTP POST. The operations of "
      "the Unified\n"
      "Contact Store (MS-OXWSCOS) are served by mod_ews_im.</p>\n"
      "<p>Service: <code>" +
      url +
      "</code></p>\n"
      "<p>Description: <a href=\"Services.wsdl\">Services.wsdl</a>, <a "
      "href=\"messages.xsd\">messages.xsd</a>,\n"
      "<a href=\"types.xsd\">types.xsd</a></p>\n</body>\n</html>\n";
  return send_text(r, HTTP_OK, "text/html; charset=utf-8", page);
}

}  // namespace

bool is_service(const request_rec* r) { return same_name(last_segment(claim_of(r)->uri), kService); }

int answer_get(request_rec* r, const ServerConfig& config) {
  const std::string_view name = last_segment(claim_of(r)->uri);
  for (const char* file : kFiles) {
    if (same_name(name, file)) return send_file(r, config, file);
  }
  if (!is_service(r)) return DECLINED;
  if (r->args != nullptr && ap_cstr_casecmp(r->args, "wsdl") == 0) return send_file(r, config, kFiles[0]);
  return send_page(r);
}

}  // namespace ews_im
