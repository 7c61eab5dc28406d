#include "control/weights/slow_start.h"

#include <algorithm>

namespace inference::control {

void SlowStart::Observe(bool usable, bool others, const Settings& settings, base::Time now) {
  constexpr uint32_t kFull = datastore::Endpoint::kFullWeight;
  share_ = kFull;
  if (settings.window <= base::Duration(0)) {
    state_ = State::kWhole;
    return;
  }
  const uint32_t least = std::clamp<uint32_t>(settings.min_permille, 1, kFull);
  if (!usable) {
    if (!away_since_) away_since_ = now;
    if (now - *away_since_ >= kAway) state_ = State::kAway;
    // What is picked before the next look finds the small share already.
    if (state_ == State::kAway && others) share_ = least;
    return;
  }
  away_since_.reset();
  if (state_ == State::kAway) {
    state_ = others ? State::kRising : State::kWhole;
    begun_ = now;
  }
  if (state_ != State::kRising) return;
  const double part = std::chrono::duration<double>(now - begun_) / settings.window;
  if (part >= 1) {
    state_ = State::kWhole;
    return;
  }
  share_ = least + static_cast<uint32_t>(part * (kFull - least));
}

}  // namespace inference::control
