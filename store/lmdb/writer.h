// SPDX-License-Identifier: Apache-2.0
// Grouped writes: one thread runs the changes of all threads that wait, each in a nested transaction, and
// commits once for all of them. Knows no contract of stores beyond Outcome.
//
// Who finds nobody at work and the store free runs the first batch, which spares the way to another thread
// and back when there is a single client. What arrives meanwhile, and all that has to wait for another
// process, is left to a thread of the writer's own. The queue is taken only when the write lock is held, so
// that what arrives before is in the same commit, and who waits can give up while another process holds the
// lock. What arrives while the changes are run is in that commit too, and it waits for more where that pays.
#pragma once

#include <pthread.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>

#include "store/lmdb/gate.h"
#include "store/lmdb/lmdb_env.h"
#include "store/lmdb/patience.h"
#include "store/lmdb/records.h"
#include "store/store.h"

namespace ews_im::store {

/// Changes records, maybe several times over (each time from the same state). Faults are left in the records.
using Change = std::function<Outcome(Records&)>;

class Writer {
 public:
  /// `gate` is entered while the thread may be at work for nobody who still waits in run().
  Writer(LmdbEnv& env, Gate& gate) : env_(&env), gate_(&gate) {}
  /// Ends the thread. REQUIRES: nobody is in run().
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// Runs `change` and returns when it is durable, or refused and all that it saw is durable. Faults: those
  /// that `change` leaves; Busy: `deadline` passed before it was begun, or too many wait; those of the
  /// environment.
  Status run(Deadline deadline, const Change& change);

 private:
  struct Job;
  // A queue of jobs that belong to the threads that wait for them.
  class Queue {
   public:
    [[nodiscard]] bool empty() const { return first_ == nullptr; }
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] Job* first() const { return first_; }
    void push(Job& job);
    void remove(Job& job);

   private:
    Job* first_ = nullptr;
    Job* last_ = nullptr;
    std::size_t size_ = 0;
  };

  static void* thread_main(void* writer);
  void serve();
  /// Those whom nobody is left to serve: there is no thread. REQUIRES: mutex_ is held.
  [[nodiscard]] Queue hand_over();
  Status withdraw(Job& job);
  void take(Queue& batch, std::size_t most);  // REQUIRES: mutex_ is held
  void take_first(Queue& batch);
  void take_more(Queue& batch, bool may_wait);
  enum class Run { Done, MapFull, NotFree };
  /// What hit all of the batch alike goes to `status`. NotFree: another process writes, and `wait` is false.
  Run run_batch(bool wait, Queue& batch, Status& status);
  void run_batch_guarded(bool wait, Queue& batch, Status& status);
  /// MapFull: `turn` is the turn to write, for another try.
  Run run_jobs(bool wait, Queue& batch, FileLock& turn, Status& status);
  Run run_job(Job& job, LmdbTxn& parent, std::uint64_t& pages);
  static void set_status(Job& job, const Status& status);
  static void finish(Queue& batch, const Status& status);

  LmdbEnv* env_;
  Gate* gate_;
  std::mutex mutex_;  // for what follows
  std::condition_variable wake_;
  std::condition_variable more_;  // so many as are wanted are in the queue
  Queue queue_;
  std::size_t wanted_ = 0;
  Patience patience_;
  bool at_work_ = false;      // some thread runs batches
  bool handed_over_ = false;  // it is to be thread_
  bool started_ = false;
  bool stop_ = false;
  pthread_t thread_{};
  std::chrono::steady_clock::time_point readers_checked_{};  // of who is at work
};

}  // namespace ews_im::store
