// SPDX-License-Identifier: Apache-2.0
// Work on a store that may be damaged so badly that LMDB ends the process: done in a child, whose death is an
// answer too.
#pragma once

#include <functional>
#include <string_view>

#include "store/ctl/command.h"
#include "store/status.h"

namespace ews_im::store::ctl {

using SendLine = std::function<void(std::string_view line)>;

/// Runs `work` in a child process. Each line that it sends, from any thread, is handed to `receive` in this
/// process, with control characters made printable. REQUIRES: this process has no threads and no store open.
Status run_in_child(const std::function<Status(const SendLine&)>& work, const SendLine& receive);

/// From now on this process is killed when its parent ends. A change of the user ends that.
void end_with_parent();

/// Runs a whole command in a child process and returns its exit code; if the child died, says so.
Exit run_guarded(const std::function<Exit()>& command);

}  // namespace ews_im::store::ctl
