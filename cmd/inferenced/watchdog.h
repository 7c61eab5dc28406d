#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace inferenced {

/// Feeds the service manager's watchdog while every event loop turns: in each round all loops are
/// asked to run a task, and only when all have is it fed. A loop that hangs ends the feeding, and
/// the service manager ends us. One thread calls Tick(); the tasks run on any.
class Watchdog {
 public:
  struct Loop {
    std::string name;                                // "reactor 0"
    std::function<void(std::function<void()>)> ask;  // has the loop run that, soon
  };

  /// `within`: it must be fed in this time.
  Watchdog(inference::base::Duration within, std::vector<Loop> loops, std::function<void()> feed);

  /// Call at least every period().
  void Tick(inference::base::Time now);
  inference::base::Duration period() const { return within_ / 8; }

  /// Loops that owe an answer for more than half of the time, when that is found out first; else
  /// empty.
  std::vector<std::string> TakeLate(inference::base::Time now);

 private:
  /// Lives until the last task has run, which may be after us.
  struct Round {
    explicit Round(size_t loops) : turned(loops), missing(loops) {}
    std::vector<std::atomic<bool>> turned;
    std::atomic<size_t> missing;
  };

  void Begin(inference::base::Time now);

  const inference::base::Duration within_;
  const std::vector<Loop> loops_;
  const std::function<void()> feed_;
  std::shared_ptr<Round> round_;  // null: none is under way
  inference::base::Time begun_{};
  bool told_ = false;  // that this round is late
};

}  // namespace inferenced
