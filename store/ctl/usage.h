// SPDX-License-Identifier: Apache-2.0
// Help made from the tables of commands and options.
#pragma once

#include <string>

#include "store/ctl/command.h"

namespace ews_im::store::ctl {

/// All commands, options and exit codes.
[[nodiscard]] std::string help();
/// One command: how it is called, what it does, its options.
[[nodiscard]] std::string help(const Command& command);
/// "ews-imctl [OPTION]... NAME SYNOPSIS" without a line end.
[[nodiscard]] std::string usage_line(const Command& command);

}  // namespace ews_im::store::ctl
