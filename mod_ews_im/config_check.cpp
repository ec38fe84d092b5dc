// SPDX-License-Identifier: Apache-2.0
// What only all directives together can tell, at `apache2 -t` and before each start: a location without a
// store, a store that the server's user cannot use or that the server would publish, one store with two
// settings.
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "mod_ews_im/config.h"

namespace ews_im {
namespace {

constexpr char kSwitchesKey[] = "ews_im switches";

using Switches = std::vector<SwitchPlace>;

Switches& switches(apr_pool_t* pconf) {
  void* found = nullptr;
  apr_pool_userdata_get(&found, kSwitchesKey, pconf);
  if (found == nullptr) {
    found = new_in_pool<Switches>(pconf);
    apr_pool_userdata_setn(found, kSwitchesKey, nullptr, pconf);
  }
  return *static_cast<Switches*>(found);
}

uid_t run_user() { return geteuid() == 0 ? ap_unixd_config.user_id : geteuid(); }

/// The path without symbolic links, or as it is if that cannot be told.
std::string real(const char* path) {
  const std::unique_ptr<char, decltype(&std::free)> resolved(realpath(path, nullptr), std::free);
  return resolved ? resolved.get() : path;
}

bool is_below(std::string path, std::string folder) {
  if (!folder.ends_with('/')) folder += '/';
  path += '/';
  return path.starts_with(folder);
}

class Check {
 public:
  explicit Check(server_rec* first) : first_(first) {}

  bool run(const Switches& places) {
    for (const SwitchPlace& place : places) check_switch(place);
    for (server_rec* s = first_; s != nullptr; s = s->next) {
      StoreSpec*& spec = server_config(s).store;
      if (spec != nullptr) check_store(spec);
    }
    return good_;
  }

 private:
  // A location of the main server is one of every virtual host.
  void check_switch(const SwitchPlace& place) {
    if (server_config(place.server).store != nullptr) return;
    bool everywhere = place.server == first_ && first_->next != nullptr;
    for (const server_rec* s = first_->next; s != nullptr; s = s->next)
      everywhere &= server_config(s).store != nullptr;
    if (everywhere) return;
    good_ = false;
    ap_log_error(APLOG_MARK, APLOG_EMERG, 0, place.server,
                 EWSIM(0020) "%s:%d: EWSIm is switched on, but this server has no EWSImStore", place.file,
                 place.line);
  }

  void check_store(StoreSpec*& spec) {
    const auto [known, is_new] = stores_.emplace(spec, spec);
    if (is_new && check_alone(*spec)) known->second = check_against_others(spec);
    spec = known->second;
  }

  bool check_alone(const StoreSpec& spec) {
    const store::Status status = spec.provider().check(spec.settings(), run_user());
    if (!status.ok()) {
      good_ = false;
      ap_log_error(APLOG_MARK, APLOG_EMERG, 0, spec.server(), EWSIM(0021) "%s:%d: EWSImStore: %s",
                   spec.file(), spec.line(), status.detail().c_str());
      return false;
    }
    if (const char* directory = spec.provider().directory(spec.settings()))
      check_not_published(spec, directory);
    return true;
  }

  /// The one to use: an earlier directive for the same store, or `spec`.
  StoreSpec* check_against_others(StoreSpec* spec) {
    const std::string identity = spec->provider().identity(first_->process->pconf, spec->settings());
    const auto [same, is_new] = identities_.emplace(identity, spec);
    if (is_new) return spec;
    StoreSpec* other = same->second;
    if (spec->provider().equal(spec->settings(), other->settings())) return other;
    good_ = false;
    ap_log_error(APLOG_MARK, APLOG_EMERG, 0, spec->server(),
                 EWSIM(0022) "%s:%d: EWSImStore names the store of %s:%d with other settings", spec->file(),
                 spec->line(), other->file(), other->line());
    return spec;
  }

  void check_not_published(const StoreSpec& spec, const char* directory) {
    const std::string place = real(directory);
    for (const server_rec* s = first_; s != nullptr; s = s->next) {
      const auto* core = static_cast<core_server_config*>(ap_get_core_module_config(s->module_config));
      if (core->ap_document_root == nullptr || !is_below(place, real(core->ap_document_root))) continue;
      good_ = false;
      ap_log_error(APLOG_MARK, APLOG_EMERG, 0, spec.server(),
                   EWSIM(0023) "%s:%d: EWSImStore: the store lies below the DocumentRoot %s", spec.file(),
                   spec.line(), core->ap_document_root);
      return;
    }
  }

  server_rec* first_;
  std::map<StoreSpec*, StoreSpec*> stores_;
  std::map<std::string, StoreSpec*> identities_;
  bool good_ = true;
};

}  // namespace

void note_switch(const cmd_parms* cmd) {
  switches(cmd->server->process->pconf)
      .push_back({cmd->server, apr_pstrdup(cmd->pool, cmd->directive->filename), cmd->directive->line_num});
}

int check_config(apr_pool_t* pconf, apr_pool_t*, apr_pool_t*, server_rec* first) {
  return guarded(first, HTTP_INTERNAL_SERVER_ERROR,
                 [&] { return Check(first).run(switches(pconf)) ? OK : HTTP_INTERNAL_SERVER_ERROR; });
}

}  // namespace ews_im
