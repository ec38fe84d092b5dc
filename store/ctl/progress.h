// SPDX-License-Identifier: Apache-2.0
// How far a long command has come, on standard error and for people alone: nothing is shown unless that is a
// terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

#include "store/lmdb/maintenance.h"

namespace ews_im::store::ctl {

/// Shows one line that changes, and takes it away at the end of its life. May be reported to from several
/// threads.
class ProgressLine {
 public:
  /// `doing`: what is going on, in a word. `unit`: of the numbers that are reported; bytes are shown as MiB.
  enum class Unit { Bytes, Records };
  ProgressLine(std::string doing, Unit unit);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// To hand on; empty if nothing is to be shown. This object must outlive it.
  [[nodiscard]] Progress function();

 private:
  void show(std::uint64_t done, std::uint64_t total);

  const std::string doing_;
  const Unit unit_;
  const bool is_shown_;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point next_{};
};

}  // namespace ews_im::store::ctl
