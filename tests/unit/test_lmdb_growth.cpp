// SPDX-License-Identifier: Apache-2.0
// The file of an LMDB store grows while others look at it, and the map where there is no room for it.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "store/lmdb/maintenance.h"
#include "store/lmdb/unique_fd.h"
#include "tests/unit/lmdb_fixture.h"

namespace {

std::atomic<bool> slow_statx{false};

}  // namespace

// In the place of the C library's: as if the thread had lost its processor just after the call.
extern "C" int statx(int fd, const char* path, int flags, unsigned mask, struct statx* about) noexcept {
  const long result = syscall(SYS_statx, fd, path, flags, mask, about);
  if (slow_statx) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  return static_cast<int>(result);
}

namespace ews_im::tests {
namespace {

using namespace store;

const Guid kMailbox = entry_of(1).guid;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;  // takes address space as it likes
#else
constexpr bool kSanitized = false;
#endif

Status add_many(Store& store, int round, int count) {
  return store.write(kMailbox, soon(), [&](MailboxTransaction& txn) {
    const std::string end = std::string(200, 'a') + "@contoso.com";
    for (int i = 0; i < count; ++i)
      put_new_contact(txn, std::to_string(round) + "." + std::to_string(i) + end, 2);
    return Outcome::Commit;
  });
}

constexpr int kRounds = 1500;
constexpr int kEach = 40;
constexpr std::uint64_t kAll = std::uint64_t{kRounds} * kEach;

// A process of its own that makes the mailbox, and the file with it, grow, several steps at a time while others look.
HeldProcess growing(LmdbPlace& place) {
  require_ok(place.open()->add_mailbox(entry_of(1), soon()));
  return HeldProcess([&] {
    LmdbOptions options = place.options();
    options.no_sync = true;
    const auto store = open_lmdb_store(options).value();
    std::thread([store] {
      for (int round = 0; round < kRounds; ++round) {
        if (!add_many(*store, round, kEach).ok()) _exit(1);
      }
    }).detach();
    return true;
  });
}

// Calls look(seen), which sets how many contacts it saw, until it has seen all that the process adds.
template <class Look>
void look_on(const Look& look) {
  Status status;
  std::uint64_t seen = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (status.ok() && seen < kAll && std::chrono::steady_clock::now() < end) status = look(seen);
  require_ok(status);
  CPPUNIT_ASSERT_EQUAL(kAll, seen);
}

Status count(Store& store, std::uint64_t& seen) {
  return store.read(kMailbox, [&](MailboxView& view) { seen = view.mailbox().im_contacts; });
}

void a_file_that_grows_is_not_cut_off() {
  LmdbPlace place;
  const HeldProcess writer = growing(place);
  const auto store = place.open();
  look_on([&](std::uint64_t& seen) {
    slow_statx = true;
    Status status = count(*store, seen);
    slow_statx = false;
    return status;
  });
}

// With a small map LMDB makes one that is just large enough for the file as it stands at that moment.
void a_file_that_grows_is_opened() {
  LmdbPlace place;
  const HeldProcess writer = growing(place);
  LmdbOptions options = place.options();
  options.map_size = 1;
  look_on([&](std::uint64_t& seen) {
    const auto store = open_lmdb_store(options);
    return store.ok() ? count(*store.value(), seen) : store.status();
  });
}

void a_file_that_grows_is_copied() {
  LmdbPlace place;
  const HeldProcess writer = growing(place);
  LmdbOptions options = place.options();
  options.map_size = 1;
  const std::string file = place.folder() + "/backup";
  look_on([&](std::uint64_t& seen) {
    std::filesystem::remove(file);
    Status copied = backup_lmdb_store(options, file, {});
    if (!copied.ok()) return copied;
    const auto store = open_lmdb_store(options);
    return store.ok() ? count(*store.value(), seen) : store.status();
  });
}

constexpr std::uint64_t kMap = std::uint64_t{32} << 20;

// Leaves the map nearly full, without having grown.
void fill(LmdbPlace& place) {
  const auto store = place.open();
  for (int round = 0; lmdb_statistics(place.options()).value().pages * 4096 < kMap - (std::uint64_t{4} << 20);
       ++round)
    require_ok(add_many(*store, -round - 1, 1500));
}

// True unless something other than want of room was told. A transaction needs some megabytes itself.
bool write_without_room(LmdbPlace& place) {
  const auto store = place.open();
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        const Status status = store->read(kMailbox, [](MailboxView& view) { (void)view.mailbox(); });
        if (!status.ok() && status.fault() != Fault::Unavailable) ++wrong;
      }
    });
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  std::uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  rlimit limit{};
  getrlimit(RLIMIT_AS, &limit);
  limit.rlim_cur = pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) + (kMap * 3) / 4;
  const bool limited = setrlimit(RLIMIT_AS, &limit) == 0;
  for (int round = 0; round < 30 && limited; ++round) {
    const Status status = add_many(*store, round, 8000);
    if (status.ok() || status.fault() != Fault::Full) ++wrong;
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  return limited && wrong == 0;
}

void a_map_that_cannot_grow() {
  LmdbPlace place(kMap);
  require_ok(place.open()->add_mailbox(entry_of(1), soon()));
  fill(place);
  const std::uint64_t before = contacts(*place.open());
  CPPUNIT_ASSERT(run_processes(1, [&](unsigned) { return write_without_room(place); }));
  CPPUNIT_ASSERT_EQUAL(before, contacts(*place.open()));
  require_ok(add_many(*place.open(), 0, 8000));
  require_sound(place.path());
}

// Who waits for the turn to write gets it after a change, not between two runs of it: it may keep it for as long as it
// likes, and the change can no longer be given up.
void the_turn_is_kept_while_the_map_grows() {
  LmdbPlace place(1);
  const auto store = place.open();
  require_ok(store->add_mailbox(entry_of(1), soon()));
  int told[2];
  CPPUNIT_ASSERT(pipe2(told, O_NONBLOCK) == 0);
  std::optional<HeldProcess> other;
  int runs = 0;
  bool given_away = false;
  require_ok(store->write(kMailbox, soon(), [&](MailboxTransaction& txn) {
    if (++runs == 1) {
      other.emplace([&] {
        std::thread([&] {
          const FileLock turn(open(place.data().c_str(), O_RDWR), true);
          if (write(told[1], "x", 1) != 1) _exit(1);
          sleep(1);
        }).detach();
        usleep(100000);
        return true;
      });
    }
    char byte = 0;
    given_away = given_away || read(told[0], &byte, 1) == 1;
    const std::string end = std::string(200, 'a') + "@contoso.com";
    for (int i = 0; i < 5000; ++i) put_new_contact(txn, std::to_string(i) + end, 2);
    return Outcome::Commit;
  }));
  close(told[0]);
  close(told[1]);
  CPPUNIT_ASSERT(runs > 1);
  CPPUNIT_ASSERT(!given_away);
}

std::vector<Case> cases() {
  std::vector<Case> all{{"the turn is kept while the map grows", the_turn_is_kept_while_the_map_grows},
                        {"a file that grows is not cut off", a_file_that_grows_is_not_cut_off},
                        {"a file that grows is opened", a_file_that_grows_is_opened},
                        {"a file that grows is copied", a_file_that_grows_is_copied}};
  if (!kSanitized) all.push_back({"a map that cannot grow", a_map_that_cannot_grow});
  return all;
}

const RegisteredSuite suite("lmdb growth", cases);

}  // namespace
}  // namespace ews_im::tests
