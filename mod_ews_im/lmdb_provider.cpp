// SPDX-License-Identifier: Apache-2.0
// `EWSImStore lmdb path=DIR [mapsize=SIZE]`: the LMDB store as a provider. Knows the store's options, not its
// inside.
#include <sys/stat.h>

#include <string>
#include <string_view>

#include "mod_ews_im/config.h"
#include "mod_ews_im/stores.h"
#include "store/lmdb/lmdb_store.h"

namespace ews_im {
namespace {

constexpr std::uint64_t kSmallestMapSize = std::uint64_t{1} << 20;
constexpr std::uint64_t kLargestMapSize = std::uint64_t{1} << 45;

const store::LmdbOptions& options(const void* settings) {
  return *static_cast<const store::LmdbOptions*>(settings);
}

const char* configure(cmd_parms* cmd, int count, char* const* arguments, const void** settings) {
  auto* result = new_in_pool<store::LmdbOptions>(cmd->pool);
  bool map_size_given = false;
  for (int i = 0; i < count; ++i) {
    const std::string_view argument = arguments[i];
    if (argument.starts_with("path=") && result->path.empty()) {
      const std::string_view path = argument.substr(5);
      const char* absolute =
          path.empty() ? nullptr : ap_server_root_relative(cmd->pool, std::string(path).c_str());
      if (absolute == nullptr) return "EWSImStore lmdb: path= must name a directory";
      result->path = absolute;
    } else if (argument.starts_with("mapsize=") && !map_size_given) {
      const auto size = parse_size(argument.substr(8));
      if (!size || *size < kSmallestMapSize || *size > kLargestMapSize) {
        return "EWSImStore lmdb: mapsize= must be a size from 1M to 32T, for instance mapsize=64G";
      }
      result->map_size = *size;
      map_size_given = true;
    } else {
      return apr_psprintf(
          cmd->pool, "EWSImStore lmdb: '%s' is unknown or given twice; it takes path=DIR and mapsize=SIZE",
          arguments[i]);
    }
  }
  if (result->path.empty()) return "EWSImStore lmdb needs path=DIR";
  *settings = result;
  return nullptr;
}

const char* directory(const void* settings) { return options(settings).path.c_str(); }

store::Status check(const void* settings, uid_t uid) {
  return store::check_lmdb_store_path(options(settings).path, uid);
}

const char* identity(apr_pool_t* pool, const void* settings) {
  struct stat about {};
  const std::string& path = options(settings).path;
  if (stat(path.c_str(), &about) != 0) return apr_pstrdup(pool, path.c_str());
  return apr_psprintf(pool, "lmdb %" APR_UINT64_T_FMT " %" APR_UINT64_T_FMT,
                      static_cast<apr_uint64_t>(about.st_dev), static_cast<apr_uint64_t>(about.st_ino));
}

bool equal(const void* one, const void* other) { return options(one).map_size == options(other).map_size; }

store::Result<std::shared_ptr<store::Store>> open(const void* settings) {
  return store::open_lmdb_store(options(settings));
}

}  // namespace

const StoreProvider kLmdbStoreProvider{configure, directory, check, identity, equal, open};

}  // namespace ews_im
