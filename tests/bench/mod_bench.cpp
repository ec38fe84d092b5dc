// SPDX-License-Identifier: Apache-2.0
// What the benchmark compares the module with, in the same server: a handler that reads the body and sends the
// bytes of a file, and a kind of store that commits each change for itself. For measurements only: whoever
// connects may say who he is.
#include <mutex>
#include <string>
#include <string_view>

#include "mod_ews_im/apache.h"
#include "mod_ews_im/stores.h"

extern "C" __attribute__((visibility("default"))) struct module_struct bench_module;

namespace {

using ews_im::StoreProvider;
namespace store = ews_im::store;

// ---- BenchBody FILE in <Location>: the handler

struct Place {
  std::string_view body;
};

void* create_place(apr_pool_t* pool, char*) { return new (apr_palloc(pool, sizeof(Place))) Place; }

const char* set_body(cmd_parms* cmd, void* place, const char* file) {
  apr_file_t* opened = nullptr;
  apr_finfo_t about;
  if (apr_file_open(&opened, file, APR_FOPEN_READ, 0, cmd->pool) != APR_SUCCESS ||
      apr_file_info_get(&about, APR_FINFO_SIZE, opened) != APR_SUCCESS) {
    return "BenchBody must name a file";
  }
  auto size = static_cast<apr_size_t>(about.size);
  char* bytes = static_cast<char*>(apr_palloc(cmd->pool, size));
  if (apr_file_read_full(opened, bytes, size, nullptr) != APR_SUCCESS) return "BenchBody cannot be read";
  apr_file_close(opened);
  static_cast<Place*>(place)->body = {bytes, size};
  return nullptr;
}

std::string_view body_of(const request_rec* r) {
  return static_cast<Place*>(ap_get_module_config(r->per_dir_config, &bench_module))->body;
}

// The configuration of the location is known when the URL is translated, but not when it is mapped.
int note_claim(request_rec* r) {
  if (!body_of(r).empty()) ap_set_module_config(r->request_config, &bench_module, r);
  return DECLINED;
}

int claim(request_rec* r) {
  return ap_get_module_config(r->request_config, &bench_module) == nullptr ? DECLINED : OK;
}

/// Both sides of a comparison take their user from here, so that no password check weighs on either.
int take_user(request_rec* r) {
  if (const char* user = apr_table_get(r->headers_in, "X-Bench-User")) r->user = const_cast<char*>(user);
  return DECLINED;
}

int send_body(request_rec* r) {
  const std::string_view body = body_of(r);
  if (body.empty()) return DECLINED;
  if (const int status = ap_discard_request_body(r); status != OK) return status;
  ap_set_content_type(r, "text/xml; charset=utf-8");
  ap_set_content_length(r, static_cast<apr_off_t>(body.size()));
  apr_bucket_alloc_t* allocator = r->connection->bucket_alloc;
  apr_bucket_brigade* brigade = apr_brigade_create(r->pool, allocator);
  APR_BRIGADE_INSERT_TAIL(brigade, apr_bucket_immortal_create(body.data(), body.size(), allocator));
  APR_BRIGADE_INSERT_TAIL(brigade, apr_bucket_eos_create(allocator));
  return ap_pass_brigade(r->output_filters, brigade) == APR_SUCCESS ? OK : AP_FILTER_ERROR;
}

const command_rec kDirectives[] = {
    AP_INIT_TAKE1("BenchBody", set_body, nullptr, ACCESS_CONF, "a file: what is sent for every request"),
    {nullptr, {nullptr}, nullptr, 0, RAW_ARGS, nullptr}};

// ---- EWSImStore lmdb_each ...: the LMDB store, with a lock around each change

class EachForItself final : public store::Store {
 public:
  explicit EachForItself(std::shared_ptr<store::Store> inner) : inner_(std::move(inner)) {}

  store::Status snapshot(const store::SnapshotFunction& function) override {
    return inner_->snapshot(function);
  }
  store::Status write(const store::Guid& mailbox, store::Deadline deadline,
                      const store::WriteFunction& function) override {
    const std::lock_guard lock(mutex_);
    return inner_->write(mailbox, deadline, function);
  }
  using Store::find;
  store::Result<std::optional<store::DirectoryEntry>> find(const store::Guid& mailbox) override {
    return inner_->find(mailbox);
  }

  // The benchmark asks for nothing else.
  store::Status add_mailbox(const store::DirectoryEntry&, store::Deadline) override { return unused(); }
  store::Status change_mailbox(const store::Guid&, store::Deadline, const store::EntryFunction&) override {
    return unused();
  }
  store::Status remove_mailbox(const store::Guid&, store::Deadline) override { return unused(); }
  store::Result<std::vector<store::DirectoryEntry>> mailboxes(const std::optional<store::Guid>&,
                                                              std::size_t) override {
    return unused();
  }
  store::Result<store::Settings> settings() override { return unused(); }
  store::Status change_settings(store::Deadline, const store::SettingsFunction&) override { return unused(); }
  store::Result<std::vector<store::DistributionGroup>> distribution_groups() override { return unused(); }
  store::Status add_distribution_group(const store::DistributionGroup&, store::Deadline) override {
    return unused();
  }
  store::Status remove_distribution_group(std::string_view, store::Deadline) override { return unused(); }
  store::Status grant_impersonation(const store::ImpersonationRight&, store::Deadline) override {
    return unused();
  }
  store::Status revoke_impersonation(const store::ImpersonationRight&, store::Deadline) override {
    return unused();
  }

 private:
  static store::Status unused() { return {store::Fault::Internal, "not for the benchmark"}; }

  std::shared_ptr<store::Store> inner_;
  std::mutex mutex_;
};

const StoreProvider* grouped = nullptr;  // the module's own

store::Result<std::shared_ptr<store::Store>> open_each(const void* settings) {
  auto inner = grouped->open(settings);
  if (!inner.ok()) return inner.status();
  return std::shared_ptr<store::Store>(std::make_shared<EachForItself>(std::move(inner.value())));
}

void register_hooks(apr_pool_t* pool) {
  ap_hook_translate_name(note_claim, nullptr, nullptr, APR_HOOK_FIRST);
  ap_hook_map_to_storage(claim, nullptr, nullptr, APR_HOOK_FIRST);
  ap_hook_fixups(take_user, nullptr, nullptr, APR_HOOK_FIRST);
  ap_hook_handler(send_body, nullptr, nullptr, APR_HOOK_FIRST);
  // mod_ews_im was loaded before; without it there is only the handler.
  grouped = static_cast<const StoreProvider*>(
      ap_lookup_provider(ews_im::kStoreProviderGroup, "lmdb", ews_im::kStoreProviderVersion));
  if (grouped == nullptr) return;
  auto* each = static_cast<StoreProvider*>(apr_pmemdup(pool, grouped, sizeof *grouped));
  each->open = open_each;
  ap_register_provider(pool, ews_im::kStoreProviderGroup, "lmdb_each", ews_im::kStoreProviderVersion, each);
}

}  // namespace

struct module_struct bench_module = {
    STANDARD20_MODULE_STUFF, create_place,        nullptr, nullptr, nullptr, kDirectives,
    register_hooks,          AP_MODULE_FLAG_NONE,
};
