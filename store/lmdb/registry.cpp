// SPDX-License-Identifier: Apache-2.0
// The stores that this process has open, one environment for each directory: LMDB breaks its own locks if a
// process opens a file twice. Nothing here has a destructor that runs at exit or at unloading.
#include <unistd.h>

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "store/lmdb/files.h"
#include "store/lmdb/lmdb_store_impl.h"

namespace ews_im::store {
namespace {

constexpr auto kClosingPatience = std::chrono::seconds(5);

struct Entry {
  LmdbStore* store = nullptr;  // alive until the entry is removed
  std::weak_ptr<LmdbStore> handle;
  pid_t process = 0;
};

// Closes the store with its last owner.
struct Owner {
  explicit Owner(const FileIdentity& its_identity) : identity(its_identity) {}
  ~Owner();
  Owner(const Owner&) = delete;
  Owner& operator=(const Owner&) = delete;

  FileIdentity identity;
  LmdbStore* store = nullptr;
};

struct Registry {
  std::mutex mutex;
  std::map<FileIdentity, Entry> entries;
};

// Made at first use, never destroyed.
Registry& registry() {
  static Registry* const instance = new Registry;
  return *instance;
}

// For the last owner of a store. A store that is still in use stays registered, and open, for ever.
void close_store(const FileIdentity& identity, LmdbStore* store) {
  const auto end = std::chrono::steady_clock::now() + kClosingPatience;
  while (store->process() == getpid()) {
    {
      const std::lock_guard lock(registry().mutex);
      if (store->try_close()) {
        registry().entries.erase(identity);
        delete store;
        return;
      }
    }
    if (std::chrono::steady_clock::now() >= end) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

Owner::~Owner() {
  if (store != nullptr) close_store(identity, store);
}

}  // namespace

Result<std::shared_ptr<LmdbStore>> open_shared(const LmdbOptions& options) {
  if (auto status = check_store_files(options.path, geteuid()); !status.ok()) return status;
  const auto identity = identity_of(options.path);
  if (!identity) return Status(Fault::NotFound, "there is no store in " + options.path);
  const auto end = std::chrono::steady_clock::now() + kClosingPatience;
  const auto owner = std::make_shared<Owner>(*identity);
  while (true) {
    {
      const std::lock_guard lock(registry().mutex);
      const auto found = registry().entries.find(*identity);
      if (found == registry().entries.end() || found->second.process != getpid()) {
        auto opened = LmdbStore::open(options);
        if (!opened.ok()) return opened.status();
        // The only step from here on that can fail for want of memory comes first.
        Entry& entry = registry().entries[*identity];
        owner->store = opened.value().release();
        std::shared_ptr<LmdbStore> handle(owner, owner->store);
        entry = Entry{owner->store, handle, getpid()};
        return handle;
      }
      if (auto handle = found->second.handle.lock()) return handle;
    }
    // Another thread is closing it.
    if (std::chrono::steady_clock::now() >= end) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return Status(Fault::Unavailable, options.path + ": the store was closed while in use by this process");
}

bool is_open_here(const std::string& path) {
  const auto identity = identity_of(path);
  const std::lock_guard lock(registry().mutex);
  if (!identity) return false;
  const auto found = registry().entries.find(*identity);
  return found != registry().entries.end() && found->second.process == getpid();
}

Result<std::shared_ptr<Store>> open_lmdb_store(const LmdbOptions& options) {
  auto store = open_shared(options);
  if (!store.ok()) return store.status();
  return std::shared_ptr<Store>(std::move(store.value()));
}

Status check_lmdb_store_path(const std::string& path, std::uint32_t uid) {
  return check_store_files(path, uid);
}

}  // namespace ews_im::store
