// SPDX-License-Identifier: Apache-2.0
// One fixed scenario of a store, again and again: each time another call fails (preload_fail.cpp), until none
// is left. Each run is a process of its own. It must end in an orderly way, its store must work again once
// nothing fails any more, and what is then on the disk must be what each step said.
//
// call_faults FOLDER STRIDE store|service: through the contract of the store, or envelopes through the
// protocol. STRIDE: of the n that are tried for allocations. Prints `N runs, N failed steps, N misjudged, N
// bad`.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "store/im_list.h"
#include "store/lmdb/lmdb_store.h"
#include "store/lmdb/maintenance.h"
#include "tests/serve.h"
#include "tests/torture/contents.h"
#include "tests/torture/failing.h"

namespace ews_im::tests {
namespace {

using namespace store;

constexpr unsigned kSeconds = 6;  // a run that takes longer hangs
constexpr unsigned kMostComplaints = 20;

struct FaultRow {
  const char* call;
  int error;
  bool all;  // the calls after it fail too
};

const FaultRow kFaults[] = {
    {"pwrite", EIO, false},
    {"pwrite", ENOSPC, false},
    {"pwrite", ENOSPC, true},
    {"pwrite", EINTR, false},
    {"pwrite", 0, false},
    {"writev", EIO, false},
    {"writev", ENOSPC, true},
    {"writev", 0, false},
    {"ftruncate", ENOSPC, false},
    {"ftruncate", EIO, true},
    {"fallocate", ENOSPC, true},
    {"fallocate", EOPNOTSUPP, true},
    {"fallocate", EINTR, false},
    {"fdatasync", EIO, false},
    {"fdatasync", ENOSPC, false},
    {"fdatasync", EINTR, false},
    {"fsync", EIO, false},
    {"fsync", EINTR, false},
    {"mmap", ENOMEM, false},
    {"mmap", ENOMEM, true},
    {"open", EMFILE, false},
    {"open", EINTR, false},
    {"open", ENOSPC, true},
    {"fcntl", ENOLCK, false},
    {"fcntl", EINTR, false},
    {"flock", EINTR, false},
    {"flock", ENOLCK, false},
    {"rename", EIO, false},
    {"statx", EIO, false},
    {"mkdtemp", ENOSPC, false},
    {"pthread_create", EAGAIN, false},
    {"malloc", ENOMEM, false},
    {"malloc", ENOMEM, true},
    {"memory", ENOMEM, true},
};

enum class Ended : std::uint8_t { NotRun, Well, Failed };

constexpr std::size_t kSteps = 8;

/// What a run tells, in memory that it shares with the one who watches.
struct Told {
  Ended steps[kSteps];
  bool finished;
  char problem[200];
  long calls;
};

const Guid kGuid = entry_of(1).guid;

// ---- The scenario, by two ways

/// One step; what it throws, the server's glue would have caught.
void step(Told& told, std::size_t number, const std::function<bool()>& body) {
  try {
    told.steps[number] = body() ? Ended::Well : Ended::Failed;
  } catch (const std::exception&) {
    told.steps[number] = Ended::Failed;
  }
}

template <class T>
bool write(Store& store, const std::function<Accepted<T>(MailboxTransaction&)>& change) {
  bool accepted = false;
  const auto status = store.write(kGuid, soon(), [&](MailboxTransaction& txn) {
    accepted = std::holds_alternative<T>(change(txn));
    return accepted ? Outcome::Commit : Outcome::Rollback;
  });
  return status.ok() && accepted;
}

// Sound envelopes that were refused as malformed; shared by all processes.
unsigned long* misjudged = nullptr;
// Each process makes its own parser with the first envelope, and uses it again with the others.
ews::ParserStock* parsers = nullptr;

/// An envelope through the protocol; true if it was done.
bool call(Store& store, const std::string& operation, const std::string& children) {
  const std::string text =
      "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" "
      "xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\" "
      "xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\"><s:Header>"
      "<t:RequestServerVersion Version=\"Exchange2013\"/></s:Header><s:Body><m:" +
      operation + ">" + children + "</m:" + operation + "></s:Body></s:Envelope>";
  ews::EnvelopeReader reader(parsers);
  reader.feed(text);
  if (reader.finish() != ews::Verdict::Ours) {
    // Want of memory is no fault of the client's. The parser itself calls it one in a few places.
    if (reader.refusal().code != ews::ResponseCode::ErrorInternalServerError) ++*misjudged;
    return false;
  }
  const auto reply = serve(reader.envelope(), store, kGuid, soon());
  std::uint64_t size = 0;
  reply.write([&](std::string_view piece) {
    size += piece.size();
    return true;
  });
  if (size != reply.content_length()) give_up("an answer has another length than it says");
  if (reply.response_code() == ews::ResponseCode::ErrorSchemaValidation)
    give_up("a sound request was called malformed");
  return reply.response_code() == ews::ResponseCode::NoError;
}

bool add_contact(Store& store, bool service, const std::string& address) {
  if (service) {
    return call(store, "AddNewImContactToGroup",
                "<m:ImAddress>" + address + "</m:ImAddress><m:DisplayName>Name</m:DisplayName>");
  }
  const Draw draw{Guid::of_text(Guid{}, address), 1700000000};
  return write<ImContact>(store, [&](MailboxTransaction& txn) {
    return add_new_im_contact_to_group(txn, {address, "Name"}, std::nullopt, draw);
  });
}

bool add_group(Store& store, bool service) {
  if (service) return call(store, "AddImGroup", "<m:DisplayName>Friends</m:DisplayName>");
  return write<ImGroup>(store, [](MailboxTransaction& txn) { return add_im_group(txn, "Friends"); });
}

bool complete(Store& store, bool service) {
  if (service) {
    return call(store, "SetImListMigrationCompleted",
                "<m:ImListMigrationCompleted>true</m:ImListMigrationCompleted>");
  }
  return store
      .write(kGuid, soon(),
             [](MailboxTransaction& txn) {
               txn.set_im_list_migration_completed(true);
               return Outcome::Commit;
             })
      .ok();
}

bool list(Store& store, bool service) {
  if (service) return call(store, "GetImItemList", "");
  const auto text = mailbox_text(store, kGuid);
  return text.ok() && text.value() && directory_text(store).ok();
}

enum Step { Create, Open, Mailbox, Group, First, Second, List, Migration };

void run(const std::string& path, bool service, const FaultRow& row, long n, Told& told) {
  LmdbOptions options;
  options.path = path;
  options.map_size = 1;  // so that it must grow
  fail_arm()(row.call, n, row.error, row.all);
  step(told, Create, [&] { return create_lmdb_store(options).ok(); });
  {
    std::shared_ptr<Store> store;
    step(told, Open, [&] {
      auto opened = open_lmdb_store(options);
      if (opened.ok()) store = std::move(opened.value());
      return opened.ok();
    });
    if (store != nullptr) {
      step(told, Mailbox, [&] { return store->add_mailbox(entry_of(1), soon()).ok(); });
      step(told, Group, [&] { return add_group(*store, service); });
      step(told, First, [&] { return add_contact(*store, service, "first@contoso.com"); });
      step(told, Second, [&] { return add_contact(*store, service, "second@contoso.com"); });
      step(told, List, [&] { return list(*store, service); });
      step(told, Migration, [&] { return complete(*store, service); });
      told.calls = fail_arm()(nullptr, 0, 0, false);
      // Nothing fails any more: all works again, in this very process.
      if (auto status = store->add_mailbox(entry_of(2), soon()); !status.ok()) {
        std::snprintf(told.problem, sizeof told.problem, "it does not recover: %s", status.detail().c_str());
      }
      if (auto text = directory_text(*store); !text.ok()) {
        std::snprintf(told.problem, sizeof told.problem, "reading does not recover: %s",
                      text.status().detail().c_str());
      }
    }
  }
  if (told.calls == 0) told.calls = fail_arm()(nullptr, 0, 0, false);
  told.finished = true;
}

// ---- What is on the disk afterwards

std::string judge_item(bool found, Ended outcome, const char* what) {
  if (outcome == Ended::Well && !found) return std::string(what) + " is lost";
  if (outcome == Ended::NotRun && found) return std::string(what) + " comes from nowhere";
  return {};
}

std::string judge(const std::string& path, const Told& told) {
  LmdbOptions options;
  options.path = path;
  auto opened = open_lmdb_store(options);
  if (!opened.ok()) {
    if (opened.status().fault() != Fault::NotFound || told.steps[Create] == Ended::Well)
      return "open: " + opened.status().detail();
    auto status = create_lmdb_store(options);
    return status.ok() ? std::string() : "create: " + status.detail();
  }
  const auto text = mailbox_text(*opened.value(), kGuid);
  if (!text.ok()) return "read: " + text.status().detail();
  const std::string mailbox = text.value().value_or("");
  const auto holds = [&](const char* what) { return mailbox.find(what) != std::string::npos; };
  for (const auto& problem : {judge_item(text.value().has_value(), told.steps[Mailbox], "the mailbox"),
                              judge_item(holds("Friends"), told.steps[Group], "the group"),
                              judge_item(holds("first@"), told.steps[First], "the first contact"),
                              judge_item(holds("second@"), told.steps[Second], "the second contact"),
                              judge_item(holds(" completed"), told.steps[Migration], "the flag")}) {
    if (!problem.empty()) return problem;
  }
  opened = Status(Fault::NotFound, "closed");
  std::string findings;
  const auto summary = check_lmdb_store({.path = path}, [&](std::string_view line) { findings = line; }, {});
  if (!summary.ok()) return "check: " + summary.status().detail();
  return findings.empty() ? findings : "check: " + findings;
}

/// Runs `body` in a process of its own; what is wrong with its end, or nothing.
std::string in_child(const std::function<void()>& body) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    alarm(kSeconds);
    body();
    _exit(0);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) give_up("no process");
  if (WIFSIGNALED(status)) return std::string("it died: ") + strsignal(WTERMSIG(status));
  return WEXITSTATUS(status) == 0 ? std::string() : "it ended with " + std::to_string(WEXITSTATUS(status));
}

struct Totals {
  unsigned long runs = 0;
  unsigned long failed = 0;
  unsigned long bad = 0;
};

void run_row(const std::string& folder, bool service, const FaultRow& row, long stride, Totals& totals) {
  void* memory = mmap(nullptr, sizeof(Told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto& told = *static_cast<Told*>(memory);
  long reached = 0;
  long n = 1;
  for (;; n += std::strcmp(row.call, "malloc") == 0 ? stride : 1) {
    std::filesystem::remove_all(folder);
    std::memset(memory, 0, sizeof(Told));
    std::string problem = in_child([&] { run(folder, service, row, n, told); });
    if (problem.empty()) problem = told.problem;
    if (problem.empty()) {
      problem = in_child([&] {
        const std::string wrong = judge(folder, told);
        std::snprintf(told.problem, sizeof told.problem, "%s", wrong.c_str());
      });
      if (problem.empty()) problem = told.problem;
    }
    ++totals.runs;
    for (const Ended outcome : told.steps) totals.failed += outcome == Ended::Failed ? 1U : 0U;
    if (!problem.empty() && ++totals.bad <= kMostComplaints) {
      std::printf("%s %ld%s, error %d: %s\n", row.call, n, row.all ? " and all after" : "", row.error,
                  problem.c_str());
    }
    // A run that died did not say how many calls there are.
    if (told.finished) reached = told.calls;
    if (told.finished && reached < n) break;
    if (n > 100000) give_up("no end of calls");
  }
  std::printf("%s, error %d%s: %ld\n", row.call, row.error, row.all ? ", all after" : "", n - 1);
  munmap(memory, sizeof(Told));
}

}  // namespace
}  // namespace ews_im::tests

int main(int count, char** arguments) {
  using namespace ews_im::tests;
  if (count != 4) give_up("usage: call_faults FOLDER STRIDE store|service");
  const bool service = std::string(arguments[3]) == "service";
  const std::string folder = std::string(arguments[1]) + "/store";
  Totals totals;
  ews_im::ews::ParserStock stock;
  parsers = &stock;
  void* memory = mmap(nullptr, sizeof *misjudged, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  misjudged = static_cast<unsigned long*>(memory);
  for (const FaultRow& row : kFaults) run_row(folder, service, row, std::atol(arguments[2]), totals);
  std::printf("%lu runs, %lu failed steps, %lu misjudged, %lu bad\n", totals.runs, totals.failed, *misjudged,
              totals.bad);
}
