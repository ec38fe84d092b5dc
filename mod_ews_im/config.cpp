// SPDX-License-Identifier: Apache-2.0
// Reading and inheriting the directives. A function returns nullptr, or what is wrong: httpd adds file and
// line.
#include "mod_ews_im/config.h"

#include <charconv>
#include <limits>

namespace ews_im {
namespace {

template <class T>
void inherit(T& value, const T& outer, const T& unset = {}) {
  if (value == unset) value = outer;
}

template <class T>
void inherit(std::optional<T>& value, const std::optional<T>& outer) {
  if (!value) value = outer;
}

ServerConfig& config_of(const cmd_parms* cmd) { return server_config(cmd->server); }

const char* set_mode(cmd_parms* cmd, void* location, const char* text) {
  if (const char* error =
          ap_check_cmd_context(cmd, NOT_IN_DIRECTORY | NOT_IN_FILES | NOT_IN_LIMIT | NOT_IN_PROXY)) {
    return error;
  }
  Mode mode = Mode::Unset;
  if (apr_strnatcasecmp(text, "off") == 0) mode = Mode::Off;
  if (apr_strnatcasecmp(text, "on") == 0) mode = Mode::On;
  if (apr_strnatcasecmp(text, "alone") == 0) mode = Mode::Alone;
  if (mode == Mode::Unset) return "EWSIm must be Off, On or Alone";
  static_cast<LocationConfig*>(location)->mode = mode;
  if (mode != Mode::Off) note_switch(cmd);
  return nullptr;
}

const char* set_store(cmd_parms* cmd, void*, int count, char* const arguments[]) {
  if (const char* error = ap_check_cmd_context(cmd, NOT_IN_DIR_CONTEXT)) return error;
  if (count < 1) return "EWSImStore needs the kind of store and its arguments: EWSImStore lmdb path=DIR";
  ServerConfig& config = config_of(cmd);
  const auto* provider = static_cast<const StoreProvider*>(
      ap_lookup_provider(kStoreProviderGroup, arguments[0], kStoreProviderVersion));
  if (provider == nullptr) {
    return apr_psprintf(cmd->pool, "EWSImStore: there is no kind of store with the name '%s'; there is lmdb",
                        arguments[0]);
  }
  if (config.store != nullptr && config.store->server() == cmd->server) {
    return apr_psprintf(cmd->pool, "EWSImStore stands twice in this server, first at %s:%d",
                        config.store->file(), config.store->line());
  }
  const void* settings = nullptr;
  if (const char* error = provider->configure(cmd, count - 1, arguments + 1, &settings)) return error;
  config.store = StoreSpec::create(cmd->pool, arguments[0], *provider, settings, *cmd);
  return nullptr;
}

const char* set_server_version(cmd_parms* cmd, void*, const char* text) {
  ews::ServerVersion version;
  if (!ews::parse_server_version(text, version)) {
    return "EWSImServerVersion must be like \"15.0.578.11 Exchange2013\"";
  }
  config_of(cmd).version = std::move(version);
  return nullptr;
}

const char* set_body_limit(cmd_parms* cmd, void*, const char* text) {
  const auto limit = parse_size(text);
  if (!limit || *limit < kSmallestBodyLimit || *limit > kLargestBodyLimit) {
    return "EWSImBodyLimit must be a number of bytes from 1K to 256M, for instance 1000000 or 2M";
  }
  config_of(cmd).body_limit = static_cast<apr_size_t>(*limit);
  return nullptr;
}

const char* set_expression(cmd_parms* cmd, const char* text, unsigned int flags,
                           ap_expr_info_t*& expression) {
  const char* error = nullptr;
  expression = ap_expr_parse_cmd(cmd, text, flags | AP_EXPR_FLAG_DONT_VARY, &error, nullptr);
  if (error == nullptr) return nullptr;
  return apr_psprintf(cmd->pool, "%s: cannot read the expression '%s': %s", cmd->directive->directive, text,
                      error);
}

const char* set_mailbox(cmd_parms* cmd, void*, const char* text) {
  return set_expression(cmd, text, AP_EXPR_FLAG_STRING_RESULT, config_of(cmd).mailbox);
}

const char* set_impersonation(cmd_parms* cmd, void*, const char* text) {
  return set_expression(cmd, text, 0, config_of(cmd).impersonation);
}

const char* set_auto_create(cmd_parms* cmd, void*, int on) {
  config_of(cmd).auto_create = on != 0;
  return nullptr;
}

const char* set_wsdl(cmd_parms* cmd, void*, int on) {
  config_of(cmd).wsdl = on != 0;
  return nullptr;
}

const char* set_wsdl_path(cmd_parms* cmd, void*, const char* text) {
  const char* path = ap_server_root_relative(cmd->pool, text);
  if (path == nullptr) return "EWSImWsdlPath must name a directory";
  apr_finfo_t about;
  const char* file = apr_pstrcat(cmd->pool, path, "/Services.wsdl", nullptr);
  const apr_status_t status = apr_stat(&about, file, APR_FINFO_TYPE, cmd->pool);
  if (status != APR_SUCCESS) {
    char reason[120];
    return apr_psprintf(cmd->pool, "EWSImWsdlPath: %s: %s", file,
                        apr_strerror(status, reason, sizeof reason));
  }
  config_of(cmd).wsdl_path = path;
  return nullptr;
}

const char* set_write_timeout(cmd_parms* cmd, void*, const char* text) {
  apr_interval_time_t timeout = 0;
  if (ap_timeout_parameter_parse(text, &timeout, "s") != APR_SUCCESS || timeout < apr_time_from_msec(10) ||
      timeout > apr_time_from_sec(3600)) {
    return "EWSImWriteTimeout must be a time from 10ms to 3600s, for instance 10 (seconds) or 500ms";
  }
  config_of(cmd).write_timeout = std::chrono::microseconds(timeout);
  return nullptr;
}

}  // namespace

const LocationConfig& location_config(const request_rec* r) {
  return *static_cast<const LocationConfig*>(ap_get_module_config(r->per_dir_config, &ews_im_module));
}

ServerConfig& server_config(const server_rec* s) {
  return *static_cast<ServerConfig*>(ap_get_module_config(s->module_config, &ews_im_module));
}

void* create_location_config(apr_pool_t* pool, char*) { return new_in_pool<LocationConfig>(pool); }

void* merge_location_config(apr_pool_t* pool, void* outer, void* inner) {
  auto* merged = new_in_pool<LocationConfig>(pool, *static_cast<LocationConfig*>(inner));
  inherit(merged->mode, static_cast<LocationConfig*>(outer)->mode);
  return merged;
}

void* create_server_config(apr_pool_t* pool, server_rec*) { return new_in_pool<ServerConfig>(pool); }

void* merge_server_config(apr_pool_t* pool, void* outer, void* inner) {
  auto* merged = new_in_pool<ServerConfig>(pool, *static_cast<ServerConfig*>(inner));
  const auto& base = *static_cast<ServerConfig*>(outer);
  inherit(merged->store, base.store);
  inherit(merged->version, base.version);
  inherit(merged->body_limit, base.body_limit);
  inherit(merged->mailbox, base.mailbox);
  inherit(merged->impersonation, base.impersonation);
  inherit(merged->auto_create, base.auto_create);
  inherit(merged->wsdl, base.wsdl);
  inherit(merged->wsdl_path, base.wsdl_path);
  inherit(merged->write_timeout, base.write_timeout);
  return merged;
}

const command_rec kDirectives[] = {
    AP_INIT_TAKE1("EWSIm", set_mode, nullptr, ACCESS_CONF,
                  "Off; On: answer the IM list operations, pass everything else on; Alone: the URL is ours"),
    AP_INIT_TAKE_ARGV("EWSImStore", set_store, nullptr, RSRC_CONF, "the store: lmdb path=DIR [mapsize=SIZE]"),
    AP_INIT_TAKE1("EWSImServerVersion", set_server_version, nullptr, RSRC_CONF,
                  "what ServerVersionInfo says, for instance \"15.0.578.11 Exchange2013\""),
    AP_INIT_TAKE1("EWSImBodyLimit", set_body_limit, nullptr, RSRC_CONF,
                  "the longest body of an operation of ours, in bytes or with K or M"),
    AP_INIT_TAKE1("EWSImMailbox", set_mailbox, nullptr, RSRC_CONF,
                  "an expression for the caller's SMTP address, UPN or account name; default %{REMOTE_USER}"),
    AP_INIT_FLAG("EWSImAutoCreate", set_auto_create, nullptr, RSRC_CONF,
                 "On: a caller without a mailbox gets one at the first request"),
    AP_INIT_TAKE1("EWSImImpersonation", set_impersonation, nullptr, RSRC_CONF,
                  "an expression that is true for callers who may act for every mailbox"),
    AP_INIT_FLAG("EWSImWsdl", set_wsdl, nullptr, RSRC_CONF,
                 "whether GET is answered with the WSDL, its schemas and a page for people; default: with "
                 "EWSIm Alone only"),
    AP_INIT_TAKE1("EWSImWsdlPath", set_wsdl_path, nullptr, RSRC_CONF,
                  "the directory with Services.wsdl, messages.xsd and types.xsd"),
    AP_INIT_TAKE1("EWSImWriteTimeout", set_write_timeout, nullptr, RSRC_CONF,
                  "how long a change waits for its turn, in seconds or with a unit, before ErrorServerBusy"),
    {},
};

std::optional<std::uint64_t> parse_size(std::string_view text) {
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc()) return std::nullopt;
  if (rest == end) return number;
  const std::size_t unit = std::string_view("kmgt").find(static_cast<char>(apr_tolower(*rest)));
  if (unit == std::string_view::npos || rest + 1 != end) return std::nullopt;
  const auto shift = 10 * (unit + 1);
  if (number > (std::numeric_limits<std::uint64_t>::max() >> shift)) return std::nullopt;
  return number << shift;
}

}  // namespace ews_im
