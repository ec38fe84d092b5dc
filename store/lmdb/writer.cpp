// SPDX-License-Identifier: Apache-2.0
#include "store/lmdb/writer.h"

#include <semaphore.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <exception>
#include <string>
#include <utility>

namespace ews_im::store {
namespace {

constexpr std::size_t kMostInBatch = 256;
constexpr std::size_t kMostWaiting = 8192;
constexpr std::size_t kStackSize = std::size_t{1} << 20;
constexpr char kNoThread[] = "no new thread";
constexpr char kNoMemory[] = "out of memory";  // these are short enough for a string that needs no memory
constexpr auto kBetweenReaderChecks = std::chrono::minutes(1);

// Runs `change`; whatever it throws stays here.
Outcome run_guarded(const Change& change, Records& records) {
  try {
    return change(records);
  } catch (const std::exception& error) {
    records.fail({Fault::Internal, std::string("exception in a transaction: ") + error.what()});
  } catch (...) {
    records.fail({Fault::Internal, "exception in a transaction"});
  }
  return Outcome::Rollback;
}

}  // namespace

// A semaphore takes one call of the kernel to wait and one to wake; a condition takes its mutex besides, for which
// whoever is woken must often wait again.
struct Writer::Job {
  explicit Job(const Change& its_change) : change(&its_change) { sem_init(&semaphore, 0, 0); }
  ~Job() { sem_destroy(&semaphore); }
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  /// False: `deadline` has passed. True once for each job.
  bool wait(Deadline deadline) {
    using std::chrono::duration_cast;
    const auto since_epoch = std::max(deadline.time_since_epoch(), Deadline::duration::zero());
    const auto seconds = duration_cast<std::chrono::seconds>(since_epoch);
    const timespec time{
        static_cast<time_t>(seconds.count()),
        static_cast<long>(duration_cast<std::chrono::nanoseconds>(since_epoch - seconds).count())};
    int result = 0;
    do {
      result = sem_clockwait(&semaphore, CLOCK_MONOTONIC, &time);
    } while (result != 0 && errno == EINTR);
    return result == 0 && done.load(std::memory_order_acquire);
  }
  void wait() {
    while (sem_wait(&semaphore) != 0) {
    }
    (void)done.load(std::memory_order_acquire);
  }
  /// From this on the job may be gone.
  void tell() {
    done.store(true, std::memory_order_release);
    sem_post(&semaphore);
  }

  const Change* change;
  Job* previous = nullptr;
  Job* next = nullptr;
  bool taken = false;  // under the writer's mutex_
  Status status;       // the writer's until tell()
  sem_t semaphore{};
  std::atomic<bool> done = false;  // orders nothing that the semaphore does not: sanitizers know it better
};

void Writer::Queue::push(Job& job) {
  job.previous = last_;
  job.next = nullptr;
  (last_ != nullptr ? last_->next : first_) = &job;
  last_ = &job;
  ++size_;
}

void Writer::Queue::remove(Job& job) {
  (job.previous != nullptr ? job.previous->next : first_) = job.next;
  (job.next != nullptr ? job.next->previous : last_) = job.previous;
  --size_;
}

Writer::~Writer() {
  {
    const std::lock_guard lock(mutex_);
    if (!started_) return;
    stop_ = true;
    wake_.notify_one();
  }
  pthread_join(thread_, nullptr);
}

// Wakes the thread to go on with the queue; starts it first if need be.
Writer::Queue Writer::hand_over() {
  if (!started_) {
    // Signals are the business of the server's own threads.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, kStackSize);
    started_ = pthread_create(&thread_, &attributes, thread_main, this) == 0;
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  handed_over_ = started_;
  at_work_ = started_;
  Queue left;
  if (started_) {
    wake_.notify_one();
  } else {
    take(left, queue_.size());
  }
  return left;
}

Status Writer::run(Deadline deadline, const Change& change) {
  const auto now = std::chrono::steady_clock::now();
  if (now >= deadline) return {Fault::Busy, env_->path() + ": no time left"};
  Job job(change);
  bool leads = false;
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= kMostWaiting) return {Fault::Busy, env_->path() + ": too many changes are waiting"};
    queue_.push(job);
    patience_.came(now);
    if (wanted_ != 0 && queue_.size() >= wanted_) more_.notify_one();
    leads = !std::exchange(at_work_, true);
  }
  if (leads) {
    Queue batch;
    Status status;
    run_batch_guarded(false, batch, status);
    finish(batch, status);
    Queue left;
    {
      const std::lock_guard lock(mutex_);
      at_work_ = false;
      if (!queue_.empty()) left = hand_over();
    }
    finish(left, Status(Fault::Unavailable, kNoThread));
  }
  if (!job.wait(deadline)) {
    if (auto status = withdraw(job); !status.ok()) return status;
    job.wait();
  }
  return std::move(job.status);
}

// Busy, if nobody has taken the job; it is not in the queue any more then.
Status Writer::withdraw(Job& job) {
  const std::lock_guard lock(mutex_);
  if (job.taken) return {};
  queue_.remove(job);
  return {Fault::Busy, env_->path() + ": another writer holds the store"};
}

void* Writer::thread_main(void* writer) {
  static_cast<Writer*>(writer)->serve();
  return nullptr;
}

void Writer::serve() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stop_ || handed_over_; });
    if (stop_) return;
    lock.unlock();
    Queue batch;
    Status status;
    // False only if all who waited have given up and the store is being closed.
    if (gate_->enter()) {
      run_batch_guarded(true, batch, status);
      // Whoever is told that all is done may close the store at once.
      gate_->leave();
      finish(batch, status);
    }
    lock.lock();
    handed_over_ = at_work_ = !queue_.empty();
  }
}

// Want of memory ends a batch, not the process, and not the work for those who come later. Whoever waits is
// told, since trying again at once would most likely end the same way.
void Writer::run_batch_guarded(bool wait, Queue& batch, Status& status) {
  try {
    (void)run_batch(wait, batch, status);
  } catch (const std::exception&) {
    take_first(batch);
    status = Status(Fault::Unavailable, kNoMemory);
  }
}

Writer::Run Writer::run_batch(bool wait, Queue& batch, Status& status) {
  FileLock turn;
  Run run = run_jobs(wait, batch, turn, status);
  // Another process that took its turn now could hold up a batch that can no longer be given up.
  while (run == Run::MapFull) {
    status = env_->grow();
    if (!status.ok()) return Run::Done;
    run = run_jobs(true, batch, turn, status);
  }
  const auto now = std::chrono::steady_clock::now();
  if (now - readers_checked_ > kBetweenReaderChecks) {
    env_->check_readers();
    readers_checked_ = now;
  }
  return run;
}

void Writer::take(Queue& batch, std::size_t most) {
  while (!queue_.empty() && batch.size() < most) {
    Job& job = *queue_.first();
    queue_.remove(job);
    job.taken = true;
    batch.push(job);
  }
}

void Writer::take_first(Queue& batch) {
  if (!batch.empty()) return;
  const std::lock_guard lock(mutex_);
  take(batch, kMostInBatch);
  patience_.begin(std::chrono::steady_clock::now());
}

// Whoever comes while others are run, or is worth waiting for. What half of those have brought is run while the others
// are on their way.
void Writer::take_more(Queue& batch, bool may_wait) {
  std::unique_lock lock(mutex_);
  if (batch.size() >= kMostInBatch) return;
  if (may_wait && queue_.empty()) {
    const Patience::Wait wait = patience_.wait(std::chrono::steady_clock::now());
    wanted_ = std::min((wait.count + 1) / 2, kMostInBatch - batch.size());
    if (wanted_ != 0) more_.wait_until(lock, wait.until, [this] { return queue_.size() >= wanted_; });
    wanted_ = 0;
  }
  take(batch, kMostInBatch);
}

Writer::Run Writer::run_jobs(bool wait, Queue& batch, FileLock& turn, Status& status) {
  auto txn = env_->begin_write(wait, std::exchange(turn, FileLock()));
  if (!txn.ok() && !wait && txn.status().fault() == Fault::Busy) return Run::NotFree;
  take_first(batch);
  if (!txn.ok()) {
    status = txn.status();
    return Run::Done;
  }
  std::uint64_t pages = 0;
  for (Job* job = batch.first(); job != nullptr; job = job->next) {
    if (run_job(*job, txn.value(), pages) == Run::MapFull) {
      turn = txn.value().end_within_turn();
      return Run::MapFull;
    }
    if (job->next == nullptr) take_more(batch, pages != 0);
  }
  if (pages == 0) return Run::Done;
  bool map_full = false;
  const auto begun = std::chrono::steady_clock::now();
  status = txn.value().commit(pages, map_full);
  if (map_full) {
    turn = txn.value().end_within_turn();
    return Run::MapFull;
  }
  const auto now = std::chrono::steady_clock::now();
  const std::lock_guard lock(mutex_);
  patience_.answered(batch.size(), now - begun, now);
  return Run::Done;
}

Writer::Run Writer::run_job(Job& job, LmdbTxn& parent, std::uint64_t& pages) {
  MDB_txn* txn = nullptr;
  if (const int error = mdb_txn_begin(mdb_txn_env(parent.get()), parent.get(), 0, &txn); error != 0) {
    job.status = env_->fault(error, "begin");
    return Run::Done;
  }
  Records records(parent, txn);
  const Outcome outcome = run_guarded(*job.change, records);
  job.status = records.status();
  if (outcome == Outcome::Commit && job.status.ok() && records.changed()) {
    const int error = mdb_txn_commit(txn);
    if (error != 0) job.status = env_->fault(error, "commit");
    pages += records.pages();
    return error == MDB_MAP_FULL ? Run::MapFull : Run::Done;
  }
  mdb_txn_abort(txn);
  return records.map_full() ? Run::MapFull : Run::Done;
}

void Writer::set_status(Job& job, const Status& status) {
  try {
    job.status = status;
  } catch (const std::exception&) {
    job.status = Status(status.fault(), kNoMemory);
  }
}

void Writer::finish(Queue& batch, const Status& status) {
  while (!batch.empty()) {
    Job& job = *batch.first();
    batch.remove(job);
    if (!status.ok()) set_status(job, status);
    job.tell();
  }
}

}  // namespace ews_im::store
