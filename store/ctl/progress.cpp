// SPDX-License-Identifier: Apache-2.0
#include "store/ctl/progress.h"

#include <unistd.h>

#include <cstdio>
#include <utility>

namespace ews_im::store::ctl {
namespace {

constexpr auto kStep = std::chrono::milliseconds(200);

}  // namespace

ProgressLine::ProgressLine(std::string doing, Unit unit)
    : doing_(std::move(doing)), unit_(unit), is_shown_(isatty(STDERR_FILENO) != 0) {}

ProgressLine::~ProgressLine() {
  if (is_shown_) std::fprintf(stderr, "\r\033[K");
}

Progress ProgressLine::function() {
  if (!is_shown_) return {};
  return [this](std::uint64_t done, std::uint64_t total) { show(done, total); };
}

void ProgressLine::show(std::uint64_t done, std::uint64_t total) {
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (now < next_) return;
  next_ = now + kStep;
  const unsigned shift = unit_ == Unit::Bytes ? 20 : 0;
  std::string line = doing_ + " " + std::to_string(done >> shift);
  if (total != 0) line += " of " + std::to_string(total >> shift);
  line += unit_ == Unit::Bytes ? " MiB" : " records";
  if (total != 0 && done <= total) line += ", " + std::to_string(done * 100 / total) + " %";
  std::fprintf(stderr, "\r\033[K%s", line.c_str());
}

}  // namespace ews_im::store::ctl
