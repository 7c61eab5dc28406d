#include "extproc/dispatcher.h"

#include <pthread.h>

namespace inference::extproc {
namespace {

/// Between two looks at pools that requests wait for.
constexpr auto kTurn = std::chrono::milliseconds(1);

}  // namespace

void Dispatcher::Start() {
  thread_ = std::thread([this] { Run(); });
  pthread_setname_np(thread_.native_handle(), "dispatch");
}

void Dispatcher::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Dispatcher::Watch(const std::shared_ptr<flowcontrol::Line>& line) {
  const std::lock_guard lock(mutex_);
  if (lines_.insert(line).second) changed_.notify_one();
}

void Dispatcher::Run() {
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    if (lines_.empty()) {
      changed_.wait(lock);
      continue;
    }
    std::set<std::shared_ptr<flowcontrol::Line>> lines = lines_;
    lock.unlock();
    Turn(lines);
    lock.lock();
    // One that somebody has entered since is watched on.
    for (const auto& line : lines) {
      if (line->waiting() == 0) lines_.erase(line);
    }
    changed_.wait_for(lock, kTurn, [this] { return stopped_; });
  }
}

void Dispatcher::Turn(std::set<std::shared_ptr<flowcontrol::Line>>& lines) {
  const auto runtime = runtime_.Get();
  const base::Time now = clock_.Now();
  for (const auto& line : lines) {
    size_t free = SIZE_MAX;  // of a pool that is gone: they are to be told
    for (const picker::PoolRuntime& pool : runtime->pools()) {
      if (pool.line == line) free = picker::RoomIn(pool, now, scratch_).free;
    }
    line->Turn(now, free);
  }
}

}  // namespace inference::extproc
