// SPDX-License-Identifier: Apache-2.0
// Telling administrators what happened: the variables for the access log, and what keeps the error log from
// drowning in one message. Knows nothing of what is told.
#pragma once

#include <atomic>
#include <chrono>
#include <string_view>

#include "mod_ews_im/apache.h"

namespace ews_im {

/// Opens at most once a minute in each child. For variables of static storage.
class LogGate {
 public:
  [[nodiscard]] bool opens() {
    using Clock = std::chrono::steady_clock;
    const Clock::rep now = Clock::now().time_since_epoch().count();
    Clock::rep last = last_.load(std::memory_order_relaxed);
    const bool is_time = last == 0 || Clock::duration(now - last) >= std::chrono::minutes(1);
    return is_time && last_.compare_exchange_strong(last, now);
  }

 private:
  std::atomic<std::chrono::steady_clock::rep> last_ = 0;
};

/// What the access log can tell of a request, each as `LogFormat "%{NAME}e"`.
inline constexpr char kOperationNote[] = "EWS_IM_OPERATION";
inline constexpr char kResultNote[] = "EWS_IM_RESULT";
inline constexpr char kMailboxNote[] = "EWS_IM_MAILBOX";
inline constexpr char kActingUserNote[] = "EWS_IM_ACTING_USER";
inline constexpr char kMicrosecondsNote[] = "EWS_IM_USEC";

/// Sets one of these. They stand aside until the request is logged: as variables of the environment they would
/// reach a script or a FastCGI server behind.
inline void note(request_rec* r, const char* name, std::string_view value) {
  apr_table_setn(r->notes, name, apr_pstrmemdup(r->pool, value.data(), value.size()));
}

/// log_transaction, before those that log: makes variables of the notes.
int publish_notes(request_rec* r) noexcept;

/// Writes a body, or a piece of one, to the error log at the level trace8.
void trace_text(request_rec* r, const char* what, std::string_view text);

/// Warns, once in each child, of a password that came over the network in the clear.
void warn_of_plain_password(request_rec* r);

}  // namespace ews_im
