#include "extproc/parse_pool.h"

#include <pthread.h>

#include <chrono>
#include <csignal>
#include <utility>

#include "base/thread_priority.h"

namespace inference::extproc {
namespace {

/// Fresh pages cost more than the parsing: a run of large bodies goes on using the same ones, which
/// are given back after a pause of this length.
constexpr auto kKeepPages = std::chrono::seconds(1);

}  // namespace

void ParsePool::Start() {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // signals are for the main thread
  for (size_t i = 0; i < n_threads_; ++i) {
    threads_.emplace_back([this] { Run(); });
    pthread_setname_np(threads_.back().native_handle(), ("parser-" + std::to_string(i)).c_str());
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void ParsePool::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    jobs_.clear();
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void ParsePool::Submit(ParseJob& job, std::function<void()> done) {
  {
    std::lock_guard lock(mutex_);
    if (stopped_) return;
    jobs_.push_back({&job, std::move(done)});
  }
  changed_.notify_one();
}

void ParsePool::Recycle(std::unique_ptr<ParseMemory> memory) {
  if (!memory) return;
  {
    std::lock_guard lock(mutex_);
    used_.push_back(std::move(memory));
  }
  changed_.notify_one();
}

void ParsePool::Run() {
  base::GiveWay();  // a large body takes longer than its neighbours may wait
  std::unique_lock lock(mutex_);
  const auto ready = [&] { return stopped_ || !jobs_.empty(); };
  while (true) {
    if (used_.empty()) changed_.wait(lock, [&] { return ready() || !used_.empty(); });
    const bool busy = ready() || changed_.wait_for(lock, kKeepPages, ready);
    if (stopped_) return;
    if (busy) {
      RunJob(lock);
    } else {
      TrimUsed(lock);
    }
  }
}

void ParsePool::RunJob(std::unique_lock<std::mutex>& lock) {
  Entry entry = std::move(jobs_.front());
  jobs_.pop_front();
  std::unique_ptr<ParseMemory> memory = TakeMemory();
  lock.unlock();
  if (!memory) memory = std::make_unique<ParseMemory>();
  entry.job->memory = std::move(memory);
  entry.job->Run(clock_);
  entry.done();
  lock.lock();
}

std::unique_ptr<ParseMemory> ParsePool::TakeMemory() {
  std::vector<std::unique_ptr<ParseMemory>>& from = used_.empty() ? spare_ : used_;
  if (from.empty()) return nullptr;
  std::unique_ptr<ParseMemory> memory = std::move(from.back());
  from.pop_back();
  return memory;
}

void ParsePool::TrimUsed(std::unique_lock<std::mutex>& lock) {
  std::vector<std::unique_ptr<ParseMemory>> used = std::exchange(used_, {});
  lock.unlock();
  for (std::unique_ptr<ParseMemory>& memory : used) {
    memory->request = {};
    memory->parser.Trim();
  }
  lock.lock();
  while (!used.empty() && spare_.size() < n_threads_) {
    spare_.push_back(std::move(used.back()));
    used.pop_back();
  }
  lock.unlock();
  used.clear();
  lock.lock();
}

}  // namespace inference::extproc
