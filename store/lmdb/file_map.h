// SPDX-License-Identifier: Apache-2.0
// Owns a mapping of a file into memory, for reading alone. Knows nothing else.
#pragma once

#include <sys/mman.h>

#include <cerrno>
#include <cstddef>
#include <string_view>
#include <utility>

namespace ews_im::store {

class FileMap {
 public:
  FileMap() = default;
  FileMap(FileMap&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  FileMap& operator=(FileMap&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~FileMap() { reset(); }

  /// Maps the first `size` bytes, which may reach beyond the end of the file: what lies there must not be read.
  /// Returns 0, or an errno; there is no mapping then.
  [[nodiscard]] int map(int fd, std::size_t size) {
    reset();
    void* const at = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) return errno;
    bytes_ = {static_cast<const char*>(at), size};
    return 0;
  }
  void reset() {
    if (!bytes_.empty()) munmap(const_cast<char*>(bytes_.data()), bytes_.size());
    bytes_ = {};
  }
  [[nodiscard]] std::string_view bytes() const { return bytes_; }

 private:
  std::string_view bytes_;
};

}  // namespace ews_im::store
