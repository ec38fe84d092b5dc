// SPDX-License-Identifier: Apache-2.0
#include "mod_ews_im/note.h"

#include <cstring>
#include <string>

namespace ews_im {
namespace {

// httpd cuts longer messages off, and escaping can make four bytes of one.
constexpr std::size_t kTraceSize = 1500;

bool is_loopback(const apr_sockaddr_t* address) {
  const auto* bytes = static_cast<const unsigned char*>(address->ipaddr_ptr);
  if (address->family == APR_INET) return bytes[0] == 127;
#if APR_HAVE_IPV6
  if (address->family == APR_INET6) {
    static constexpr unsigned char kSelf[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    static constexpr unsigned char kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return std::memcmp(bytes, kSelf, sizeof kSelf) == 0 ||
           (std::memcmp(bytes, kMapped, sizeof kMapped) == 0 && bytes[12] == 127);
  }
#endif
  return true;  // a socket of this machine
}

}  // namespace

int publish_notes(request_rec* r) noexcept {
  // mod_log_config reads the variables of the last request that httpd made of this one (Action, ErrorDocument).
  request_rec* last = r;
  while (last->next != nullptr) last = last->next;
  for (const char* name : {kOperationNote, kResultNote, kMailboxNote, kActingUserNote, kMicrosecondsNote}) {
    const char* value = nullptr;
    for (const request_rec* at = last; at != nullptr && value == nullptr; at = at->prev)
      value = apr_table_get(at->notes, name);
    if (value != nullptr) apr_table_setn(last->subprocess_env, name, value);
  }
  return DECLINED;
}

void trace_text(request_rec* r, const char* what, std::string_view text) {
  if (!APLOG_R_IS_LEVEL(r, APLOG_TRACE8)) return;
  for (; !text.empty(); text.remove_prefix(std::min(text.size(), kTraceSize))) {
    ap_log_rerror(APLOG_MARK, APLOG_TRACE8, 0, r, EWSIM(0030) "%s: %s", what,
                  std::string(text.substr(0, kTraceSize)).c_str());
  }
}

void warn_of_plain_password(request_rec* r) {
  static std::atomic<bool> warned = false;
  if (r->ap_auth_type == nullptr || ap_cstr_casecmp(r->ap_auth_type, "Basic") != 0) return;
  if (std::strcmp(ap_http_scheme(r), "https") == 0 || is_loopback(r->useragent_addr) || warned.exchange(true))
    return;
  ap_log_rerror(
      APLOG_MARK, APLOG_WARNING, 0, r,
      EWSIM(0031) "a password came in the clear from %s: use TLS for this URL (SSLEngine, SSLRequireSSL)",
      r->useragent_ip);
}

}  // namespace ews_im
