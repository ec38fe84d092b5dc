// SPDX-License-Identifier: Apache-2.0
// ews-imctl(8): the administrator's command. Runs the row of the table of commands that the command line
// names.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>
#include <variant>

#include "store/ctl/child.h"
#include "store/ctl/invocation.h"
#include "store/ctl/output.h"
#include "store/ctl/usage.h"

namespace {

constexpr const char* kDefaultStore = "/var/lib/mod_ews_im";

// Else the data file gets the number of a closed one when it is opened, and what is printed is written over it. What
// holds the place cannot be written to, so that lost output is told.
bool hold_standard_files() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd) return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace ews_im::store::ctl;  // NOLINT(google-build-using-namespace)
  if (!hold_standard_files()) return static_cast<int>(Exit::StoreUnusable);
  umask(077);
  // A limit on the size of files is told like a full disk.
  if (std::signal(SIGXFSZ, SIG_IGN) == SIG_ERR) return static_cast<int>(Exit::StoreUnusable);
  unsetenv("POSIXLY_CORRECT");  // options may stand behind words, whatever the environment says
  const char* store = std::getenv("EWS_IM_STORE");
  const auto parsed =
      parse_invocation(argc, argv, store != nullptr && *store != '\0' ? store : kDefaultStore);
  if (const auto* wrong = std::get_if<UsageError>(&parsed)) {
    note(wrong->message);
    note(wrong->command != nullptr ? "usage: " + usage_line(*wrong->command)
                                   : "'ews-imctl --help' shows all commands");
    return static_cast<int>(Exit::Usage);
  }

  const auto& invocation = std::get<Invocation>(parsed);
  Exit exit = Exit::Ok;
  if (invocation.help) {
    print(invocation.command != nullptr ? help(*invocation.command) : help());
  } else if (invocation.version) {
    print("ews-imctl " EWS_IM_VERSION);
  } else {
    exit = run_guarded([&] { return invocation.command->run(invocation); });
  }
  if (!finish_output() && exit == Exit::Ok) exit = fail(Exit::StoreUnusable, kOutputLost);
  return static_cast<int>(exit);
}
