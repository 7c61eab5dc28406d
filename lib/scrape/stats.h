#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "telemetry/counters.h"

namespace inference::scrape {

/// kShortage is ours, not the endpoint's: no file descriptor or no memory for a connection.
enum class Failure : uint8_t {
  kConnect,
  kTls,
  kTimeout,
  kStatus,
  kTooLarge,
  kBadPage,
  kShortage,
  kOther
};
inline constexpr size_t kNumFailures = 8;

/// "connect", "tls", "timeout", "status", "too_large", "bad_page", "shortage", "other": label
/// values.
std::string_view FailureName(Failure failure);

/// Seconds from 0.5 ms to 5 s.
std::span<const double> ScrapeSecondsBounds();

/// What the scraper did. Written by its thread, read by any.
struct Stats {
  telemetry::Counter pages;        // applied
  telemetry::Counter bytes;        // of their bodies
  telemetry::Counter bad_series;   // on applied pages, left out
  telemetry::Counter connections;  // opened
  std::array<telemetry::Counter, kNumFailures> failures;
  telemetry::Counter targets;                           // now
  telemetry::Histogram seconds{ScrapeSecondsBounds()};  // of applied pages, from send to applied

  const telemetry::Counter& Failed(Failure f) const { return failures[static_cast<size_t>(f)]; }
};

}  // namespace inference::scrape
