// SPDX-License-Identifier: Apache-2.0
// crowd FOLDER: threads that change a store at the same time, while no further thread can be started (preload_fail.cpp):
// each must be told so soon, or be served, and once threads can be started all are served. Prints `N accepted, N refused,
// N late, N missing`. Knows the contract of stores alone.
#include <atomic>
#include <barrier>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "store/lmdb/lmdb_store.h"
#include "tests/torture/contents.h"
#include "tests/torture/failing.h"

namespace ews_im::tests {
namespace {

using namespace store;
using Clock = std::chrono::steady_clock;

constexpr unsigned kThreads = 8;
constexpr unsigned kEach = 1000;
constexpr auto kDeadline = std::chrono::seconds(10);
constexpr auto kLate = kDeadline / 2;

std::atomic<unsigned> accepted = 0;
std::atomic<unsigned> refused = 0;
std::atomic<unsigned> late = 0;

Status add(Store& store, const std::string& address) {
  return store.write(entry_of(1).guid, Clock::now() + kDeadline, [&](MailboxTransaction& txn) {
    ImContact contact;
    contact.number = txn.next_item_number();
    contact.change_number = txn.next_change_number();
    contact.persona_id = Guid::of_text(Guid{}, address);
    contact.im_address = contact.display_name = address;
    contact.memberships = {{txn.mailbox().folder + 1, contact.change_number}};
    txn.put(contact);
    return Outcome::Commit;
  });
}

// All begin each change at nearly the same time, so that whoever is forgotten is not found by one who comes later.
void change_often(Store& store, std::barrier<>& all, unsigned thread) {
  for (unsigned i = 0; i < kEach; ++i) {
    all.arrive_and_wait();
    std::this_thread::sleep_for(std::chrono::microseconds((i + 1) * (thread + 1) * 37 % 500));
    const auto begun = Clock::now();
    const Status status = add(store, std::to_string(thread) + "." + std::to_string(i) + "@contoso.com");
    ++(status.ok() ? accepted : refused);
    if (Clock::now() - begun > kLate) ++late;
  }
}

int run(const std::string& folder) {
  LmdbOptions options;
  options.path = folder + "/store";
  if (!create_lmdb_store(options).ok()) give_up("no store");
  auto opened = open_lmdb_store(options);
  if (!opened.ok() || !opened.value()->add_mailbox(entry_of(1), soon()).ok()) give_up("no mailbox");
  Store& store = *opened.value();
  std::atomic<bool> armed = false;
  std::barrier all(kThreads);
  std::vector<std::thread> threads;
  for (unsigned number = 0; number < kThreads; ++number) {
    threads.emplace_back([&, number] {
      armed.wait(false);
      change_often(store, all, number);
    });
  }
  fail_arm()("pthread_create", 1, EAGAIN, true);
  armed = true;
  armed.notify_all();
  for (std::thread& thread : threads) thread.join();
  fail_arm()(nullptr, 0, 0, false);
  const unsigned refused_without = refused;

  for (unsigned number = 0; number < kThreads; ++number)
    threads[number] = std::thread([&, number] { change_often(store, all, kThreads + number); });
  for (std::thread& thread : threads) thread.join();
  if (refused != refused_without) give_up("changes are refused though threads can be started");

  std::uint64_t found = 0;
  const Status status =
      store.read(entry_of(1).guid, [&](MailboxView& view) { found = view.mailbox().im_contacts; });
  if (!status.ok()) give_up(status.detail());
  std::printf("%u accepted, %u refused, %u late, %lld missing\n", accepted.load(), refused.load(),
              late.load(), static_cast<long long>(accepted) - static_cast<long long>(found));
  return 0;
}

}  // namespace
}  // namespace ews_im::tests

int main(int count, char** arguments) {
  if (count != 2) ews_im::tests::give_up("usage: crowd FOLDER");
  return ews_im::tests::run(arguments[1]);
}
