// SPDX-License-Identifier: Apache-2.0
// The stores that the configuration names, and their life in a child: opened there, never in the parent;
// tried again when that failed. Stores of a kind come from an httpd provider; nothing here knows which kinds
// there are.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>

#include "mod_ews_im/apache.h"
#include "mod_ews_im/crash_guard.h"
#include "store/store.h"

namespace ews_im {

/// A kind of store: EWSImStore NAME ... finds it by name in the group kStoreProviderGroup, version
/// kStoreProviderVersion.
struct StoreProvider {
  /// Reads the arguments after the name. Returns nullptr and fills `settings`, or returns what is wrong.
  const char* (*configure)(cmd_parms* cmd, int count, char* const* arguments, const void** settings);
  /// The directory that must not be published, or nullptr.
  const char* (*directory)(const void* settings);
  /// For a configuration test by a process that will not open it: can the user `uid` use the store?
  store::Status (*check)(const void* settings, uid_t uid);
  /// A text that two settings share exactly if they mean one store. Called after check() succeeded.
  const char* (*identity)(apr_pool_t* pool, const void* settings);
  /// Whether two settings of one store agree.
  bool (*equal)(const void* one, const void* other);
  /// The store stays open until the process ends, which must be able to end at any moment without loss.
  store::Result<std::shared_ptr<store::Store>> (*open)(const void* settings);
};

inline constexpr char kStoreProviderGroup[] = "ews_im_store";
inline constexpr char kStoreProviderVersion[] = "0";
extern const StoreProvider kLmdbStoreProvider;

/// One EWSImStore directive, and in a child the store that it names.
class StoreSpec {
 public:
  /// Lies in the pool, but is never destroyed: when a process ends, threads of it may still be at work.
  [[nodiscard]] static StoreSpec* create(apr_pool_t* pool, const char* kind, const StoreProvider& provider,
                                         const void* settings, const cmd_parms& cmd);

  [[nodiscard]] const char* kind() const { return kind_; }
  [[nodiscard]] const server_rec* server() const { return server_; }
  [[nodiscard]] const StoreProvider& provider() const { return *provider_; }
  [[nodiscard]] const void* settings() const { return settings_; }
  [[nodiscard]] const char* file() const { return file_; }
  [[nodiscard]] int line() const { return line_; }

  /// nullptr before watch(), and without memory for a guard.
  [[nodiscard]] CrashGuard* guard() const { return guard_; }
  /// For the parent, before it makes children.
  void watch(apr_pool_t* pool) { guard_ = CrashGuard::create(pool); }
  /// The open store, or nullptr, also when the guard says that it must be left alone. Tries to open it again
  /// when the last attempt is some seconds old.
  [[nodiscard]] store::Store* get(const server_rec* s);

 private:
  StoreSpec(const char* kind, const StoreProvider& provider, const void* settings, const cmd_parms& cmd)
      : kind_(kind),
        server_(cmd.server),
        provider_(&provider),
        settings_(settings),
        file_(cmd.directive->filename),
        line_(cmd.directive->line_num) {}

  /// Opens the store; whether that works is told to the log.
  void open(const server_rec* s);

  const char* kind_;
  const server_rec* server_;
  const StoreProvider* provider_;
  const void* settings_;
  const char* file_;
  int line_;
  CrashGuard* guard_ = nullptr;
  std::mutex mutex_;  // of the next two
  std::shared_ptr<store::Store> owner_;
  std::optional<std::chrono::steady_clock::time_point> last_attempt_;
  std::atomic<store::Store*> store_ = nullptr;
};

/// The post_config hook: tells the log which version serves which stores, and sets a guard on each.
int announce_stores(apr_pool_t* pconf, apr_pool_t* plog, apr_pool_t* ptemp, server_rec* first);
/// The child_status hook: a child that died in a call of a store may have been the last to try that.
void watch_children(server_rec* first, pid_t child, ap_generation_t generation, int slot,
                    mpm_child_status status);
/// The child_init hook: opens each store once. They stay open until the process ends.
void open_stores(apr_pool_t* pchild, server_rec* first);

}  // namespace ews_im
