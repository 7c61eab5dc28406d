#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "datastore/endpoint.h"

namespace inference::control {

/// The share of requests of one endpoint that is new, or is there again after a while: it rises
/// evenly over the window. Pure, in the time that it is told.
class SlowStart {
 public:
  struct Settings {
    base::Duration window{0};  // 0: the share is whole at once
    uint32_t min_permille = 100;
  };
  /// Away for less than this is no reason to begin anew: a scrape or two that failed.
  static constexpr base::Duration kAway = std::chrono::seconds(1);

  /// `is_new`: nobody has sent it requests yet.
  explicit SlowStart(bool is_new) : state_(is_new ? State::kAway : State::kWhole) {}

  /// `usable`: may it be picked? `others`: can another endpoint, with its whole share, take what
  /// this one doesn't get?
  void Observe(bool usable, bool others, const Settings& settings, base::Time now);
  /// In permille, 1 to Endpoint::kFullWeight.
  uint32_t share() const { return share_; }
  bool rising() const { return state_ == State::kRising; }
  bool whole() const { return state_ == State::kWhole; }

 private:
  enum class State : uint8_t { kWhole, kAway, kRising };
  State state_;
  std::optional<base::Time> away_since_;
  base::Time begun_{};
  uint32_t share_ = datastore::Endpoint::kFullWeight;
};

}  // namespace inference::control
