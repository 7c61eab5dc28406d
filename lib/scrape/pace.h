#pragma once

#include <algorithm>
#include <chrono>

#include "base/clock.h"
#include "base/rng.h"

namespace inference::scrape {

/// An endpoint that does not answer is probed at least this often, unless its interval is longer.
inline constexpr base::Duration kMaxBackoff = std::chrono::seconds(1);

/// `d`, up to 10 % more or less: scrapes that began together drift apart.
inline base::Duration Jitter(base::Duration d, base::Rng& rng) {
  const double factor = 0.9 + 0.2 * rng.Unit();
  return base::Duration(static_cast<int64_t>(static_cast<double>(d.count()) * factor));
}

/// How much earlier than planned a scrape may begin, to go together with others: each wake-up that
/// is saved is a fifth of what a page costs.
inline base::Duration Slack(base::Duration interval) {
  return interval / 2;
}

/// Time from when a scrape was planned to the next one. The first failure does not slow down, so
/// that the second, which makes an endpoint unreachable, is soon known; then each doubles the time.
inline base::Duration Delay(base::Duration interval, int failures_in_a_row) {
  const base::Duration most = std::max(interval, kMaxBackoff);
  base::Duration delay = interval;
  for (int i = 1; i < failures_in_a_row && delay < most; ++i) delay *= 2;
  return std::min(delay, most);
}

}  // namespace inference::scrape
