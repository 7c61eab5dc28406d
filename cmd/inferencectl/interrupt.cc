#include "inferencectl/interrupt.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace inference::ctl {
namespace {

// All that a signal handler may touch.
std::atomic<int> g_write_fd{-1};
std::atomic<int> g_signal{0};
static_assert(std::atomic<int>::is_always_lock_free);

void OnSignal(int number) {
  if (g_signal.exchange(number) != 0) _exit(128 + number);
  const ssize_t written = write(g_write_fd.load(), "s", 1);
  static_cast<void>(written);  // a full or closed pipe changes nothing
}

}  // namespace

Interrupt::Interrupt(std::function<void()> on_signal) {
  int fds[2] = {-1, -1};
  if (pipe2(fds, O_CLOEXEC) != 0) return;  // then a signal ends the process, as without us
  read_fd_ = fds[0];
  g_signal = 0;
  g_write_fd = fds[1];
  thread_ = std::thread([fd = read_fd_, on_signal = std::move(on_signal)] {
    char byte = 0;
    if (read(fd, &byte, 1) == 1 && byte == 's') on_signal();
  });
  struct sigaction action{};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, &old_int_);
  sigaction(SIGTERM, &action, &old_term_);
}

Interrupt::~Interrupt() {
  if (read_fd_ < 0) return;
  sigaction(SIGINT, &old_int_, nullptr);
  sigaction(SIGTERM, &old_term_, nullptr);
  const int write_fd = g_write_fd.exchange(-1);
  [[maybe_unused]] const auto ignored = write(write_fd, "q", 1);
  thread_.join();
  close(write_fd);
  close(read_fd_);
}

int Interrupt::signal() const {
  return g_signal.load();
}

int SleepUnlessInterrupted(std::chrono::milliseconds time) {
  std::mutex mutex;
  std::condition_variable changed;
  bool stop = false;
  const Interrupt interrupt([&] {
    const std::lock_guard lock(mutex);
    stop = true;
    changed.notify_all();
  });
  std::unique_lock lock(mutex);
  changed.wait_for(lock, time, [&] { return stop; });
  return stop ? interrupt.signal() : 0;
}

}  // namespace inference::ctl
