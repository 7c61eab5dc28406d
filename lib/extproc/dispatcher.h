#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "base/clock.h"
#include "base/snapshot_holder.h"
#include "flowcontrol/line.h"
#include "picker/pick.h"
#include "picker/runtime.h"

namespace inference::extproc {

/// The thread that lets waiting requests go: each millisecond, while any wait, it looks how full
/// their pools are. Thread-safe, but for Start and Stop, which one thread calls.
class Dispatcher {
 public:
  /// Both must outlive it.
  Dispatcher(const base::SnapshotHolder<picker::Runtime>& runtime, const base::Clock& clock)
      : runtime_(runtime), clock_(clock) {}
  ~Dispatcher() { Stop(); }
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  void Start();
  /// Those that wait go on waiting, for ever: stop it when the reactors take no more requests.
  void Stop();
  /// Somebody waits in that line.
  void Watch(const std::shared_ptr<flowcontrol::Line>& line);

 private:
  void Run();
  /// One look at all lines; those that are empty are no longer watched.
  void Turn(std::set<std::shared_ptr<flowcontrol::Line>>& lines);

  const base::SnapshotHolder<picker::Runtime>& runtime_;
  const base::Clock& clock_;
  picker::PickScratch scratch_;  // of the thread
  std::thread thread_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::shared_ptr<flowcontrol::Line>> lines_;  // guarded by mutex_
  bool stopped_ = false;                                // guarded by mutex_
};

}  // namespace inference::extproc
