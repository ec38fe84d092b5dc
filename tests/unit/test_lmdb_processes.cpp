// SPDX-License-Identifier: Apache-2.0
// The LMDB store among other threads and processes: grouped writes, growth, reader slots, stopped and killed
// writers.
#include <unistd.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "store/lmdb/gate.h"
#include "store/lmdb/maintenance.h"
#include "tests/unit/lmdb_fixture.h"

namespace ews_im::tests {
namespace {

using namespace store;

constexpr std::uint64_t kTinyMap = 16 * 4096;

const Guid kMailbox = entry_of(1).guid;

Deadline after(int milliseconds) {
  return std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
}

// For a process that is in the middle of a write and stays there.
bool stay_in_a_write(LmdbPlace& place) {
  const auto store = place.open();
  static std::atomic<bool> inside{false};
  std::thread([store] {
    (void)store->write(kMailbox, soon(), [](MailboxTransaction& txn) {
      put_new_contact(txn, "lost@x", 2);
      inside = true;
      while (true) pause();
      return Outcome::Commit;
    });
  }).detach();
  while (!inside) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return true;
}

// ---- Grouped writes

void one_commit_for_all_who_wait() {
  LmdbPlace place;
  require_ok(place.open()->add_mailbox(entry_of(1), soon()));
  HeldProcess writer([&] { return stay_in_a_write(place); });
  const auto store = place.open();
  constexpr int kWriters = 40;
  std::atomic<int> committed{0};
  std::atomic<int> rolled_back{0};
  std::atomic<int> failed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kWriters; ++i) {
    threads.emplace_back([&, i] {
      const Status status = store->write(kMailbox, soon(), [&](MailboxTransaction& txn) {
        put_new_contact(txn, std::to_string(i) + "@x", 2);
        if (i % 4 == 2) throw std::runtime_error("thrown by the test");
        if (i % 4 == 3) txn.put(ImGroup{});
        return i % 4 == 1 ? Outcome::Rollback : Outcome::Commit;
      });
      ++(!status.ok() ? failed : i % 4 == 1 ? rolled_back : committed);
    });
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const auto before = lmdb_statistics(place.options()).value().last_transaction;
  writer.kill();
  for (std::thread& thread : threads) thread.join();
  CPPUNIT_ASSERT_EQUAL(kWriters / 4, committed.load());
  CPPUNIT_ASSERT_EQUAL(kWriters / 4, rolled_back.load());
  CPPUNIT_ASSERT_EQUAL(kWriters / 2, failed.load());
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{kWriters / 4}, contacts(*store));
  const auto commits = lmdb_statistics(place.options()).value().last_transaction - before;
  CPPUNIT_ASSERT_MESSAGE(std::to_string(commits) + " commits", commits >= 1 && commits <= 2);
  require_sound(place.path());
}

void nothing_changed_nothing_committed() {
  LmdbPlace place;
  const auto store = place.open();
  require_ok(store->add_mailbox(entry_of(1), soon()));
  const auto before = lmdb_statistics(place.options()).value().last_transaction;
  require_ok(store->write(kMailbox, soon(), [](MailboxTransaction&) { return Outcome::Commit; }));
  require_ok(store->write(kMailbox, soon(), [](MailboxTransaction& txn) {
    put_new_contact(txn, "a@x", 2);
    return Outcome::Rollback;
  }));
  CPPUNIT_ASSERT(!set_mailbox(*store, entry_of(2)).ok());
  CPPUNIT_ASSERT_EQUAL(before, lmdb_statistics(place.options()).value().last_transaction);
}

void a_stopped_writer() {
  LmdbPlace place;
  require_ok(place.open()->add_mailbox(entry_of(1), soon()));
  HeldProcess writer([&] { return stay_in_a_write(place); });
  writer.stop();
  const auto store = place.open();
  bool ran = false;
  const auto start = std::chrono::steady_clock::now();
  require_fault(Fault::Busy, store->add_mailbox(entry_of(2), after(100)), "another writer");
  require_fault(Fault::Busy, store->write(kMailbox, after(50), [&](MailboxTransaction&) {
    ran = true;
    return Outcome::Commit;
  }));
  CPPUNIT_ASSERT(std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, contacts(*store));
  std::thread patient([&] { require_ok(add(*store, "patient@x")); });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  writer.kill();
  patient.join();
  CPPUNIT_ASSERT(!ran);
  require_ok(add(*store, "a@x", after(5000)));
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, contacts(*store));
}

void killed_writers() {
  LmdbPlace place;
  require_ok(place.open()->add_mailbox(entry_of(1), soon()));
  for (int round = 0; round < 10; ++round) {
    HeldProcess writer([&] { return stay_in_a_write(place); });
    const auto store = place.open();
    std::thread waiting([&] { require_ok(add(*store, std::to_string(round) + "@x")); });
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    writer.kill();
    waiting.join();
    CPPUNIT_ASSERT_EQUAL(static_cast<std::uint64_t>(round) + 1, contacts(*store));
  }
  require_sound(place.path());
}

// Giving up ends when the function begins: it refers to what is its caller's.
void a_deadline_that_passes_during_the_function() {
  LmdbPlace place;
  const auto store = place.open();
  require_ok(store->add_mailbox(entry_of(1), soon()));
  std::atomic<bool> begun{false};
  std::thread first([&] {
    require_ok(store->write(kMailbox, soon(), [&](MailboxTransaction&) {
      begun = true;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      return Outcome::Rollback;
    }));
  });
  while (!begun) std::this_thread::yield();
  const Status status = store->write(kMailbox, after(200), [&](MailboxTransaction& txn) {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    put_new_contact(txn, "late@x", 2);
    return Outcome::Commit;
  });
  first.join();
  require_ok(status);
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, contacts(*store));
}

// ---- Growth

void growth_in_one_process() {
  LmdbPlace place(kTinyMap);
  const auto store = place.open();
  require_ok(store->add_mailbox(entry_of(1), soon()));
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        const Status status = store->read(kMailbox, [&](MailboxView& view) {
          if (view.im_contacts().contacts.size() != view.mailbox().im_contacts) ++wrong;
        });
        if (!status.ok()) ++wrong;
      }
    });
  }
  std::vector<std::thread> writers;
  for (int t = 0; t < 4; ++t) {
    writers.emplace_back([&, t] {
      for (int i = 0; i < 250; ++i) {
        if (!add(*store, std::to_string(t) + "." + std::to_string(i) + "@x").ok()) ++wrong;
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  stop = true;
  for (std::thread& reader : readers) reader.join();
  CPPUNIT_ASSERT_EQUAL(0, wrong.load());
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{1000}, contacts(*store));
  CPPUNIT_ASSERT(lmdb_statistics(place.options()).value().map_size > kTinyMap);
  require_sound(place.path());
}

void one_change_larger_than_the_map() {
  LmdbPlace place(kTinyMap);
  const auto store = place.open();
  require_ok(store->add_mailbox(entry_of(1), soon()));
  int runs = 0;
  require_ok(store->write(kMailbox, soon(), [&](MailboxTransaction& txn) {
    ++runs;
    for (int i = 0; i < 5000; ++i) put_new_contact(txn, "c" + std::to_string(i) + "@contoso.com", 2);
    return Outcome::Commit;
  }));
  CPPUNIT_ASSERT(runs > 1);
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{5000}, contacts(*store));
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{5000}, lmdb_statistics(place.options()).value().addresses);
}

void growth_in_many_processes() {
  LmdbPlace place(kTinyMap);
  require_ok(place.open()->add_mailbox(entry_of(1), soon()));
  constexpr unsigned kProcesses = 5;
  constexpr int kEach = 200;
  CPPUNIT_ASSERT(run_processes(kProcesses, [&](unsigned process) {
    const auto store = place.open();
    for (int i = 0; i < kEach; ++i) {
      if (!add(*store, std::to_string(process) + "." + std::to_string(i) + "@contoso.com").ok()) return false;
      if (contacts(*store) < static_cast<std::uint64_t>(i)) return false;
    }
    return true;
  }));
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{kProcesses * kEach}, contacts(*place.open()));
  require_sound(place.path());
}

void others_growth_is_taken_over() {
  LmdbPlace place(kTinyMap);
  require_ok(place.open()->add_mailbox(entry_of(1), soon()));
  int go[2];
  int done[2];
  CPPUNIT_ASSERT(pipe(go) == 0 && pipe(done) == 0);
  HeldProcess other([&] {
    // Opens while the map is small, and reads on when it is not.
    const auto store = place.open();
    bool good = store->settings().ok();
    std::thread([store, &go, &done, good]() mutable {
      char byte = 0;
      good = good && ::read(go[0], &byte, 1) == 1 && contacts(*store) == 2000 && add(*store, "other@x").ok();
      byte = good ? 'y' : 'n';
      if (::write(done[1], &byte, 1) != 1) _exit(1);
    }).detach();
    return good;
  });
  const auto store = place.open();
  require_ok(store->write(kMailbox, soon(), [](MailboxTransaction& txn) {
    for (int i = 0; i < 2000; ++i) put_new_contact(txn, "c" + std::to_string(i) + "@contoso.com", 2);
    return Outcome::Commit;
  }));
  char byte = 'g';
  CPPUNIT_ASSERT(::write(go[1], &byte, 1) == 1);
  CPPUNIT_ASSERT(::read(done[0], &byte, 1) == 1 && byte == 'y');
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{2001}, contacts(*store));
  for (const int fd : {go[0], go[1], done[0], done[1]}) close(fd);
}

// ---- Readers

bool take_all_reader_slots(const std::string& path) {
  auto* raw = new RawStore(path);
  MDB_txn* txn = nullptr;
  int error = 0;
  for (int i = 0; error == 0 && i < 5000; ++i) error = mdb_txn_begin(raw->env(), nullptr, MDB_RDONLY, &txn);
  return error == MDB_READERS_FULL;
}

void no_reader_slot_left() {
  LmdbPlace place;
  const auto store = place.open();
  HeldProcess readers([&] { return take_all_reader_slots(place.path()); });
  require_fault(Fault::Unavailable, store->settings().status(), "4096 readers");
  readers.kill();
  CPPUNIT_ASSERT(store->settings().ok());
  {
    LmdbPlace other;
    HeldProcess more([&] { return take_all_reader_slots(other.path()); });
    HeldProcess keeps_it_open([&] { return (new RawStore(other.path()))->last_transaction() > 0; });
    more.kill();
    CPPUNIT_ASSERT(other.open()->settings().ok());  // opened among the slots of the dead
  }
  CPPUNIT_ASSERT(lmdb_statistics(place.options()).value().readers <= 1);
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{4096}, lmdb_statistics(place.options()).value().reader_slots);
}

void readers_leave_no_slot() {
  LmdbPlace place;
  const auto store = place.open();
  require_ok(store->add_mailbox(entry_of(1), soon()));
  for (int i = 0; i < 10000; ++i) CPPUNIT_ASSERT(store->settings().ok());
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, lmdb_statistics(place.options()).value().readers);
}

// ---- Locks

void map_lock_alone_is_alone() {
  MapLock lock;
  std::atomic<int> inside{0};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 3000; ++i) {
        if (t < 4) {
          lock.enter();
          if (inside.fetch_add(1) < 0) ++wrong;
          inside.fetch_sub(1);
          lock.leave();
        } else {
          lock.enter_alone();
          if (inside.exchange(-1000) != 0) ++wrong;
          inside.store(0);
          lock.leave_alone();
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CPPUNIT_ASSERT_EQUAL(0, wrong.load());
}

void gate_closes_once_empty() {
  Gate gate;
  CPPUNIT_ASSERT(gate.enter() && gate.enter());
  gate.leave();
  CPPUNIT_ASSERT(!gate.try_close());
  gate.leave();
  CPPUNIT_ASSERT(gate.try_close() && gate.try_close());
  CPPUNIT_ASSERT(!gate.enter());
}

std::vector<Case> cases() {
  return {
      {"one commit for all who wait", one_commit_for_all_who_wait},
      {"nothing changed, nothing committed", nothing_changed_nothing_committed},
      {"a stopped writer", a_stopped_writer},
      {"killed writers", killed_writers},
      {"a deadline that passes during the function", a_deadline_that_passes_during_the_function},
      {"growth in one process", growth_in_one_process},
      {"one change larger than the map", one_change_larger_than_the_map},
      {"growth in many processes", growth_in_many_processes},
      {"growth by others is taken over", others_growth_is_taken_over},
      {"no reader slot left", no_reader_slot_left},
      {"readers leave no slot", readers_leave_no_slot},
      {"the map lock is held alone", map_lock_alone_is_alone},
      {"the gate closes once empty", gate_closes_once_empty},
  };
}

const RegisteredSuite suite("lmdb processes", cases);

}  // namespace
}  // namespace ews_im::tests
