// SPDX-License-Identifier: Apache-2.0
// The child writes lines to a pipe: a tag and text. The last one, its status, is missing if it died.
#include "store/ctl/child.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "store/ctl/output.h"

namespace ews_im::store::ctl {
namespace {

constexpr char kLine = 'L';
constexpr char kDone = 'D';
constexpr char kFault = 'A';  // and the letters after it: the fault's number is added

struct Closer {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Closer>;

void send(std::FILE* out, char tag, std::string_view text) {
  std::fprintf(out, "%c%s\n", tag, printable(text).c_str());
  std::fflush(out);
}

// What every child begins with.
void settle_in() {
  end_with_parent();
  const rlimit none{};
  setrlimit(RLIMIT_CORE, &none);  // a core file would hold people's contacts
}

// Want of memory or of threads is nothing that the store has done.
Status guarded(const std::function<Status(const SendLine&)>& work, const SendLine& send_line) {
  try {
    return work(send_line);
  } catch (const std::exception& error) {
    return {Fault::Unavailable, error.what()};
  }
}

[[noreturn]] void be_child(int fd, const std::function<Status(const SendLine&)>& work) {
  settle_in();
  const File out(fdopen(fd, "w"));
  if (out == nullptr) _exit(1);
  std::mutex mutex;
  const SendLine send_line = [&](std::string_view line) {
    const std::lock_guard lock(mutex);
    send(out.get(), kLine, line);
  };
  const Status status = guarded(work, send_line);
  if (status.ok()) {
    send(out.get(), kDone, "");
  } else {
    send(out.get(), static_cast<char>(kFault + static_cast<char>(status.fault())), "=" + status.detail());
  }
  _exit(0);
}

// One line without its end; false at the end of the file.
bool read_line(std::FILE* in, std::string& line) {
  line.clear();
  for (int c = std::getc(in); c != EOF; c = std::getc(in)) {
    if (c == '\n') return true;
    line += static_cast<char>(c);
  }
  return false;
}

bool is_crash(int signal) {
  return signal == SIGSEGV || signal == SIGBUS || signal == SIGABRT || signal == SIGFPE;
}

// Why a child ended without an answer. Damaged pages show as the signals of a crash; others come from
// outside.
Status death(int wait_status) {
  if (!WIFSIGNALED(wait_status))
    return {Fault::Internal, "the process that used the store ended without an answer"};
  const int signal = WTERMSIG(wait_status);
  const std::string name = strsignal(signal);
  if (is_crash(signal))
    return {Fault::Corrupt,
            "the store, or its disk, is damaged so badly that the process that read it died: " + name};
  return {Fault::Unavailable, "the process that used the store was ended: " + name};
}

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

void end_with_parent() { prctl(PR_SET_PDEATHSIG, SIGKILL); }

Status run_in_child(const std::function<Status(const SendLine&)>& work, const SendLine& receive) {
  std::fflush(nullptr);
  int ends[2];
  if (pipe(ends) != 0) return {Fault::Internal, std::string("pipe: ") + std::strerror(errno)};
  const pid_t child = fork();
  if (child < 0) {
    const int error = errno;
    close(ends[0]);
    close(ends[1]);
    return {Fault::Internal, std::string("fork: ") + std::strerror(error)};
  }
  if (child == 0) {
    close(ends[0]);
    be_child(ends[1], work);
  }
  close(ends[1]);

  std::optional<Status> answer;
  if (const File in(fdopen(ends[0], "r")); in != nullptr) {
    for (std::string line; read_line(in.get(), line);) {
      const std::string_view text = std::string_view(line).substr(line.empty() ? 0 : 1);
      if (line.starts_with(kLine)) {
        receive(text);
      } else if (line.starts_with(kDone) && text.empty()) {
        answer = Status();
      } else if (text.starts_with('=')) {
        answer = Status(static_cast<Fault>(line[0] - kFault), std::string(text.substr(1)));
      }
    }
  }
  const int wait_status = wait_for(child);
  return answer ? *answer : death(wait_status);
}

Exit run_guarded(const std::function<Exit()>& command) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) return fail(Exit::StoreUnusable, std::string("fork: ") + std::strerror(errno));
  if (child == 0) {
    settle_in();
    Exit exit = Exit::Ok;
    try {
      exit = command();
    } catch (const std::exception& error) {
      exit = fail(Exit::StoreUnusable, error.what());
    }
    if (!finish_output() && exit == Exit::Ok) exit = fail(Exit::StoreUnusable, kOutputLost);
    _exit(static_cast<int>(exit));
  }
  const int wait_status = wait_for(child);
  if (WIFEXITED(wait_status)) return static_cast<Exit>(WEXITSTATUS(wait_status));
  if (!is_crash(WTERMSIG(wait_status)))
    raise(WTERMSIG(wait_status));  // as if there were no child: SIGPIPE, SIGINT
  return fail(death(wait_status));
}

}  // namespace ews_im::store::ctl
