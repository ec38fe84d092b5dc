// SPDX-License-Identifier: Apache-2.0
// The LMDB store: how to create and open one. Everything else is in the contract (store/store.h).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "store/store.h"

namespace ews_im::store {

inline constexpr std::uint64_t kDefaultMapSize = std::uint64_t{64} << 30;

struct LmdbOptions {
  std::string path;  ///< the directory
  std::uint64_t map_size =
      kDefaultMapSize;   ///< bytes of address space, taken twice; grows by itself when it is full
  bool no_sync = false;  ///< for measurements only: answers are not durable
};

/// Makes an empty store in the directory `options.path`, which may exist if it is empty; its parent must
/// exist. Built aside and put in place whole: after a crash there is a store or none. Files get the directory
/// owner's uid and gid, mode 0600, the directory 0700. Faults: AlreadyExists, Denied, Unavailable (network
/// file system).
Status create_lmdb_store(const LmdbOptions& options);

/// Opens a store that exists. One environment per store and process, whatever the path: a second call in the
/// same process shares the first one's. Not before a fork: the object works only in the process that opened
/// it. Starts one thread when writes have to wait for one another. Its last owner closes it; a process that
/// ends without closing it loses nothing. Faults: NotFound (the detail says how to create one), Denied,
/// Corrupt, TooNew, Unavailable.
Result<std::shared_ptr<Store>> open_lmdb_store(const LmdbOptions& options);

/// What can be told of a path without opening it, for a configuration test by a process that must not hold a
/// store: exists, is a store directory, belongs to `uid`, is closed to others, is on a local file system.
Status check_lmdb_store_path(const std::string& path, std::uint32_t uid);

}  // namespace ews_im::store
