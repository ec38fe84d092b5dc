// SPDX-License-Identifier: Apache-2.0
#include "store/ctl/as_owner.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <memory>

#include "store/ctl/child.h"
#include "store/ctl/invocation.h"
#include "store/ctl/output.h"
#include "store/lmdb/files.h"

namespace ews_im::store::ctl {
namespace {

constexpr const char* kApacheUser = "www-data";

Status denied(const std::string& what) { return {Fault::Denied, what + ": " + std::strerror(errno)}; }

// getpwnam and its like are used while there is one thread.
std::optional<uid_t> find_user(const std::string& name, gid_t& group) {
  if (const passwd* found = getpwnam(name.c_str())) {
    group = found->pw_gid;
    return found->pw_uid;
  }
  const auto number = parse_number(name);
  if (!number || *number >= std::numeric_limits<uid_t>::max()) return std::nullopt;
  const auto uid = static_cast<uid_t>(*number);
  const passwd* found = getpwuid(uid);
  group = found != nullptr ? found->pw_gid : static_cast<gid_t>(uid);
  return uid;
}

std::optional<gid_t> find_group(const std::string& name) {
  if (const ::group* found = getgrnam(name.c_str())) return found->gr_gid;
  const auto number = parse_number(name);
  if (!number || *number >= std::numeric_limits<gid_t>::max()) return std::nullopt;
  return static_cast<gid_t>(*number);
}

Result<Owner> parse_owner(const std::string& text) {
  const std::size_t colon = text.find(':');
  Owner owner;
  const auto uid = find_user(text.substr(0, colon), owner.gid);
  if (!uid) return {Fault::Invalid, "--owner: there is no user " + text.substr(0, colon)};
  owner.uid = *uid;
  if (colon == std::string::npos) return owner;
  const auto gid = find_group(text.substr(colon + 1));
  if (!gid) return {Fault::Invalid, "--owner: there is no group " + text.substr(colon + 1)};
  owner.gid = *gid;
  return owner;
}

Status become(const Owner& owner) {
  if (owner.uid == 0) return {};
  const passwd* user = getpwuid(owner.uid);
  const int groups = user != nullptr ? initgroups(user->pw_name, owner.gid) : setgroups(1, &owner.gid);
  if (groups != 0 || setgid(owner.gid) != 0 || setuid(owner.uid) != 0) {
    return denied("cannot become " + user_name(owner.uid) + ", who owns the store");
  }
  end_with_parent();  // the kernel has forgotten it
  return {};
}

std::string parent_of(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

bool is_empty_directory(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(path.c_str()), closedir);
  if (directory == nullptr) return false;
  while (const dirent* entry = readdir(directory.get())) {
    if (is_foreign(entry->d_name)) return false;
  }
  return true;
}

// Whether the owner can get to what is in `folder`.
bool can_enter(const Owner& owner, const std::string& folder) {
  const auto try_it = [&](const SendLine&) {
    Status status = become(owner);
    return !status.ok() || access(folder.c_str(), X_OK) == 0 ? status : denied(folder);
  };
  return run_in_child(try_it, {}).ok();
}

Owner choose_owner(const std::string& path) {
  if (const auto owner = owner_of(path); owner && owner->uid != 0) return *owner;
  if (const auto owner = owner_of(parent_of(path)); owner && owner->uid != 0) return *owner;
  Owner owner;
  if (const auto uid = find_user(kApacheUser, owner.gid)) owner.uid = *uid;
  return owner;
}

Status give_directory(const std::string& path, const Owner& owner) {
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return denied(path);
  const bool done = fchown(fd, owner.uid, owner.gid) == 0 && fchmod(fd, 0700) == 0 && fsync(fd) == 0;
  Status status = done ? Status() : denied("cannot give " + path + " to " + user_name(owner.uid));
  close(fd);
  return status;
}

}  // namespace

std::string user_name(uid_t uid) {
  const passwd* user = getpwuid(uid);
  return user != nullptr ? user->pw_name : "uid " + std::to_string(uid);
}

std::optional<Owner> owner_of(const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) return std::nullopt;
  return Owner{about.st_uid, about.st_gid};
}

Status become_owner_of(const std::string& path) {
  if (geteuid() != 0) return {};
  const auto owner = owner_of(path);
  return owner ? become(*owner) : Status();
}

Status become_owner_to_be(const std::string& path, const std::optional<std::string>& wanted) {
  Owner owner = choose_owner(path);
  if (wanted) {
    const auto parsed = parse_owner(*wanted);
    if (!parsed.ok()) return parsed.status();
    owner = parsed.value();
  }
  const bool names_group = wanted && wanted->find(':') != std::string::npos;
  if (geteuid() != 0) {
    if (!wanted || (owner.uid == geteuid() && (!names_group || owner.gid == getegid()))) return {};
    return {Fault::Denied,
            "only root can make a store for another user or group: leave --owner out, or run this as root"};
  }

  const auto current = owner_of(path);
  if (current && current->uid != 0) {
    const bool other_group = names_group && owner.gid != current->gid;
    if (other_group || (wanted && owner.uid != current->uid)) {
      return {Fault::Denied, path + " belongs to " + user_name(current->uid) + " and group " +
                                 std::to_string(current->gid) + ", not to " + *wanted +
                                 ": choose another directory, or change its owner first"};
    }
    return become(*current);
  }
  const std::string parent = parent_of(path);
  if (!owner_of(parent)) return {Fault::Denied, "cannot make " + path + ": there is no directory " + parent};
  if (!can_enter(owner, parent)) {
    return {Fault::Denied, user_name(owner.uid) + " cannot reach " + path + ": let that user enter " +
                               parent + ", or choose another directory or --owner"};
  }
  if (!current) {
    if (mkdir(path.c_str(), 0700) != 0) return denied("cannot make " + path);
    if (auto status = sync_directory(parent); !status.ok()) return status;  // its owner may not be able to
  } else if (!is_empty_directory(path)) {
    if (!wanted || owner.uid == 0) return {};
    return {Fault::Denied, path + " belongs to root and is not empty, so it is not given to " +
                               user_name(owner.uid) +
                               ": choose another directory, or change its owner first"};
  }
  if (owner.uid != 0) {
    if (auto status = give_directory(path, owner); !status.ok()) return status;
    note(path + " belongs to " + user_name(owner.uid) + " now");
  }
  return become(owner);
}

}  // namespace ews_im::store::ctl
