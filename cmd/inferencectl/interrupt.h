#pragma once

#include <signal.h>

#include <chrono>
#include <functional>
#include <thread>

namespace inference::ctl {

/// While it lives, the first SIGINT or SIGTERM calls `on_signal` on a thread of its own, and a
/// second one ends the process at once. One at a time in a process.
class Interrupt {
 public:
  explicit Interrupt(std::function<void()> on_signal);
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  /// The signal that came, or 0.
  int signal() const;

 private:
  struct sigaction old_int_{};
  struct sigaction old_term_{};
  int read_fd_ = -1;
  std::thread thread_;
};

/// Sleeps that long. Gives the signal that ended it before its time, or 0.
int SleepUnlessInterrupted(std::chrono::milliseconds time);

}  // namespace inference::ctl
