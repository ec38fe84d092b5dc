// SPDX-License-Identifier: Apache-2.0
// Which pages were found sound a moment ago, so that the next transaction that sees the same commit need not check
// them once more. For all threads of a process; forgets at will. Knows no page.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace ews_im::store {

class CheckedPages {
 public:
  /// A commit, by its transaction, and a while, as short as what was found in it is to be believed. Commits 2^32 apart
  /// and whiles 512 apart are taken for one another.
  struct When {
    std::uint64_t transaction = 0;
    std::uint64_t time = 0;
  };

  /// Whether it was added for that commit in that while, with the same `kind`: 0 or 1.
  [[nodiscard]] bool has(std::size_t page, unsigned kind, const When& when) const {
    return marks_[page % kPlaces].load(std::memory_order_relaxed) == mark(page, kind, when);
  }
  void add(std::size_t page, unsigned kind, const When& when) {
    marks_[page % kPlaces].store(mark(page, kind, when), std::memory_order_relaxed);
  }
  /// For another file, or another map of it.
  void clear() {
    for (auto& place : marks_) place.store(0, std::memory_order_relaxed);
  }

 private:
  static constexpr std::size_t kPlaces = 4096;  // pages of the same place take it from one another

  /// Never 0, which stands in an empty place.
  static std::uint64_t mark(std::size_t page, unsigned kind, const When& when) {
    return std::uint64_t{page / kPlaces} << 43U | (when.transaction & 0xFFFFFFFFU) << 11U |
           (when.time & 0x1FFU) << 2U | kind << 1U | 1U;
  }

  std::array<std::atomic<std::uint64_t>, kPlaces> marks_{};
};

}  // namespace ews_im::store
