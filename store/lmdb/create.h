// SPDX-License-Identifier: Apache-2.0
// Puts a data file in place in a store's directory, whole or not at all. Knows nothing of what is in it.
#pragma once

#include <string>
#include <utility>

#include "store/lmdb/files.h"
#include "store/lmdb/unique_fd.h"
#include "store/status.h"

namespace ews_im::store {

class NewStore {
 public:
  /// Makes the directory `path` if it is missing, locks it against others who do the same, and makes a folder
  /// in it for the new data file. Faults: AlreadyExists (a store, unless `replace`, or anything else is
  /// there), Busy, those of check_directory.
  static Result<NewStore> begin(const std::string& path, bool replace);
  /// Removes what was not put in place.
  ~NewStore();
  NewStore(NewStore&& other) noexcept
      : path_(std::move(other.path_)),
        folder_(std::exchange(other.folder_, {})),
        directory_(std::move(other.directory_)) {}
  NewStore& operator=(NewStore&&) = delete;

  /// Where data.mdb is to be written.
  [[nodiscard]] const std::string& folder() const { return folder_; }
  /// Flushes folder()/data.mdb, gives it to the directory's owner, and renames it into the directory.
  Status put_in_place();

 private:
  NewStore(std::string path, std::string folder, UniqueFd directory)
      : path_(std::move(path)), folder_(std::move(folder)), directory_(std::move(directory)) {}

  std::string path_;
  std::string folder_;  // empty: nothing to remove
  UniqueFd directory_;
};

}  // namespace ews_im::store
