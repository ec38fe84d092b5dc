// SPDX-License-Identifier: Apache-2.0
// What ews-imctl says: results on standard output, as text or JSON, everything else on standard error. Text
// from a store or a command line can hold anything; what reaches a terminal here cannot steer it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "store/ctl/command.h"
#include "store/im_list.h"
#include "store/status.h"

namespace ews_im::store::ctl {

using Json = nlohmann::ordered_json;

/// Control characters, characters that change the direction of text, and bytes that are no UTF-8, as \xNN.
[[nodiscard]] std::string printable(std::string_view text);

/// A line of results. REQUIRES: what came from outside went through printable().
void print(std::string_view line);
void print_json(const Json& json);
/// A line on standard error, made printable.
void note(std::string_view message);

/// Says what is wrong on standard error and returns `exit`.
Exit fail(Exit exit, std::string_view message);
/// The same for a fault of the store, with the exit code that belongs to it.
Exit fail(const Status& status);

/// Seconds since 1970 as 2012-01-05T23:06:58Z.
[[nodiscard]] std::string time_text(std::int64_t seconds);
/// The words for a refusal; `what` says which group, contact or name it is about.
[[nodiscard]] std::string refusal_text(Refusal refusal, std::string_view what);

inline constexpr std::string_view kOutputLost =
    "the output could not be written; what was to be changed is changed";

/// True if all that was printed has reached its destination.
[[nodiscard]] bool finish_output();

}  // namespace ews_im::store::ctl
