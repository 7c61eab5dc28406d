#include "inferenced/watchdog.h"

#include <utility>

namespace inferenced {

using inference::base::Time;

Watchdog::Watchdog(inference::base::Duration within, std::vector<Loop> loops,
                   std::function<void()> feed)
    : within_(within), loops_(std::move(loops)), feed_(std::move(feed)) {}

void Watchdog::Begin(Time now) {
  begun_ = now;
  told_ = false;
  round_ = std::make_shared<Round>(loops_.size());
  for (size_t i = 0; i < loops_.size(); ++i) {
    loops_[i].ask([round = round_, i] {
      round->turned[i] = true;
      --round->missing;
    });
  }
}

// One round at a time: the queue of a loop that hangs does not grow.
void Watchdog::Tick(Time now) {
  if (round_ && round_->missing == 0) {
    round_.reset();
    feed_();
  }
  if (!round_ && now - begun_ >= within_ / 4) Begin(now);
}

std::vector<std::string> Watchdog::TakeLate(Time now) {
  std::vector<std::string> late;
  if (!round_ || told_ || now - begun_ < within_ / 2) return late;
  for (size_t i = 0; i < loops_.size(); ++i) {
    if (!round_->turned[i]) late.push_back(loops_[i].name);
  }
  told_ = !late.empty();
  return late;
}

}  // namespace inferenced
