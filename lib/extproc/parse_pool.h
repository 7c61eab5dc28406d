#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "extproc/parse_job.h"

namespace inference::extproc {

/// Threads that parse large bodies, first come, first served. Lifecycle: Start, Stop; the jobs
/// belong to whoever submitted them and must outlive Stop or their `done`. Thread-safe, but for
/// Start and Stop, which one thread calls.
class ParsePool {
 public:
  /// `clock` must outlive the pool.
  ParsePool(const base::Clock& clock, size_t threads) : clock_(clock), n_threads_(threads) {}
  ~ParsePool() { Stop(); }
  ParsePool(const ParsePool&) = delete;
  ParsePool& operator=(const ParsePool&) = delete;

  void Start();
  /// Waits for the jobs that run; those that wait are forgotten, `done` isn't called for them.
  void Stop();

  /// Gives the job memory and runs it, then calls `done` on the worker's thread; never after Stop.
  void Submit(ParseJob& job, std::function<void()> done);
  /// Takes a job's memory back. A worker, not the caller, frees what a large body needed.
  void Recycle(std::unique_ptr<ParseMemory> memory);

 private:
  struct Entry {
    ParseJob* job;
    std::function<void()> done;
  };
  void Run();
  void RunJob(std::unique_lock<std::mutex>& lock);
  void TrimUsed(std::unique_lock<std::mutex>& lock);
  std::unique_ptr<ParseMemory> TakeMemory();

  const base::Clock& clock_;
  const size_t n_threads_;
  std::vector<std::thread> threads_;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::deque<Entry> jobs_;
  std::vector<std::unique_ptr<ParseMemory>> used_;   // as the last job left it
  std::vector<std::unique_ptr<ParseMemory>> spare_;  // trimmed
  bool stopped_ = false;
};

}  // namespace inference::extproc
