// SPDX-License-Identifier: Apache-2.0
// As whom a store is used. Run by root, ews-imctl becomes the owner of the store's directory before it opens
// anything, so that no file is left that Apache cannot open. Knows users and directories, no store.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "store/status.h"

namespace ews_im::store::ctl {

struct Owner {
  uid_t uid = 0;
  gid_t gid = 0;
};

/// For people: "www-data", or "uid 33" if the number has no name.
[[nodiscard]] std::string user_name(uid_t uid);

/// The owner of a file or directory; symbolic links are followed. nullopt: it is not there, or cannot be
/// looked at.
[[nodiscard]] std::optional<Owner> owner_of(const std::string& path);

/// If this process is root: becomes the owner of `path`, for good and with the owner's groups. Nothing
/// happens if `path` is not there, or is root's. Fault: Denied.
Status become_owner_of(const std::string& path);

/// For a store that is to be made in the directory `path`. If this process is root: chooses the owner, makes
/// the directory if it is missing, gives an empty directory of root's to the owner, and becomes the owner.
/// The owner is `wanted` (USER[:GROUP]), or else that of the directory, of its parent, or www-data, whichever
/// of them is first there and not root. If this process is not root, only checks that `wanted` is not
/// somebody else. Faults: Invalid (no such user or group), Denied, Unavailable.
Status become_owner_to_be(const std::string& path, const std::optional<std::string>& wanted);

}  // namespace ews_im::store::ctl
