// SPDX-License-Identifier: Apache-2.0
#include "mod_ews_im/stores.h"

#include <set>
#include <string>
#include <tuple>

#include "mod_ews_im/config.h"

namespace ews_im {
namespace {

constexpr auto kBetweenAttempts = std::chrono::seconds(5);

std::set<StoreSpec*> all_specs(const server_rec* first) {
  std::set<StoreSpec*> specs;
  for (const server_rec* s = first; s != nullptr; s = s->next) {
    if (StoreSpec* spec = server_config(s).store) specs.insert(spec);
  }
  return specs;
}

}  // namespace

StoreSpec* StoreSpec::create(apr_pool_t* pool, const char* kind, const StoreProvider& provider,
                             const void* settings, const cmd_parms& cmd) {
  return new (apr_palloc(pool, sizeof(StoreSpec))) StoreSpec(kind, provider, settings, cmd);
}

void StoreSpec::open(const server_rec* s) {
  // Whoever comes while another thread tries does not wait for it.
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock() || store_.load(std::memory_order_acquire) != nullptr) return;
  const auto now = std::chrono::steady_clock::now();
  const bool first = !last_attempt_;
  if (!first && now - *last_attempt_ < kBetweenAttempts) return;
  last_attempt_ = now;
  const CrashGuard::Call call(guard_, "open");
  auto opened = provider_->open(settings_);
  if (opened.ok()) {
    owner_ = std::move(opened.value());
    store_.store(owner_.get(), std::memory_order_release);
    if (!first) {
      ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s, EWSIM(0010) "the %s store of %s:%d is open now", kind_,
                   file_, line_);
    }
    return;
  }
  ap_log_error(APLOG_MARK, first ? APLOG_ERR : APLOG_INFO, 0, s,
               EWSIM(0011) "cannot open the %s store of %s:%d: %s: %s; requests for it get "
               "ErrorMailboxStoreUnavailable; this process tries again every %d seconds",
               kind_, file_, line_, std::string(store::fault_name(opened.status().fault())).c_str(),
               opened.status().detail().c_str(), static_cast<int>(kBetweenAttempts.count()));
}

store::Store* StoreSpec::get(const server_rec* s) {
  if (guard_ != nullptr && guard_->tripped()) return nullptr;
  if (store::Store* store = store_.load(std::memory_order_acquire)) return store;
  open(s);
  return store_.load(std::memory_order_acquire);
}

int announce_stores(apr_pool_t* pool, apr_pool_t*, apr_pool_t*, server_rec* first) {
  // The configuration is read twice at the start.
  if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) return OK;
  return guarded(first, HTTP_INTERNAL_SERVER_ERROR, [&] {
    for (StoreSpec* spec : all_specs(first)) {
      spec->watch(pool);
      const char* directory = spec->provider().directory(spec->settings());
      ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, first,
                   EWSIM(0012) "mod_ews_im " EWS_IM_VERSION " serves the %s store %s", spec->kind(),
                   directory != nullptr ? directory : "");
    }
    return OK;
  });
}

void watch_children(server_rec* first, pid_t child, ap_generation_t, int, mpm_child_status status) {
  if (status != MPM_CHILD_EXITED) return;
  std::ignore = guarded(first, false, [&] {
    for (const StoreSpec* spec : all_specs(first)) {
      if (spec->guard() == nullptr || !spec->guard()->child_died(child)) continue;
      const char* directory = spec->provider().directory(spec->settings());
      ap_log_error(APLOG_MARK, APLOG_CRIT, 0, first,
                   EWSIM(0013) "child processes die again and again while they use the %s store %s: it may be damaged, and "
                   "is left alone until the server is restarted or reloaded; requests for it get "
                   "ErrorMailboxStoreUnavailable. Look at it with ews-imctl check, stop the server, put a backup in place "
                   "with ews-imctl restore, and start the server",
                   spec->kind(), directory != nullptr ? directory : "");
    }
    return true;
  });
}

// Nothing closes them: a child of the prefork MPM destroys its pools inside a signal handler, which may have
// interrupted malloc or a call of a store.
void open_stores(apr_pool_t*, server_rec* first) {
  std::ignore = guarded(first, false, [&] {
    for (StoreSpec* spec : all_specs(first)) std::ignore = spec->get(first);
    return true;
  });
}

}  // namespace ews_im
