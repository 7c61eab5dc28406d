#include "telemetry/counters.h"

#include <algorithm>
#include <array>

namespace inference::telemetry {

Histogram::Histogram(std::span<const double> bounds)
    : bounds_(bounds), buckets_(bounds.size() + 1) {}

void Histogram::Observe(double value) {
  const auto it = std::lower_bound(bounds_.begin(), bounds_.end(), value);
  buckets_[static_cast<size_t>(it - bounds_.begin())].Add();
  sum_.store(sum_.load(std::memory_order_relaxed) + value, std::memory_order_relaxed);
}

std::span<const double> PickSecondsBounds() {
  static constexpr std::array kBounds = {5e-6,   10e-6, 20e-6, 50e-6, 100e-6, 200e-6, 500e-6, 1e-3,
                                         2.5e-3, 5e-3,  10e-3, 25e-3, 50e-3,  0.1,    0.5,    2.5};
  return kBounds;
}

std::span<const double> RequestSecondsBounds() {
  static constexpr std::array kBounds = {0.001, 0.0025, 0.005, 0.01,  0.025, 0.05,
                                         0.1,   0.25,   0.5,   1.0,   2.5,   5.0,
                                         10.0,  30.0,   60.0,  120.0, 300.0, 600.0};
  return kBounds;
}

std::span<const double> TokenGapSecondsBounds() {
  static constexpr std::array kBounds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                         0.1,   0.25,   0.5,   1.0,  2.5,   10.0};
  return kBounds;
}

std::span<const double> TokenCountBounds() {
  static constexpr std::array kBounds = {1.0,      2.0,      4.0,      8.0,     16.0,    32.0,
                                         64.0,     128.0,    256.0,    512.0,   1024.0,  2048.0,
                                         4096.0,   8192.0,   16384.0,  32768.0, 65536.0, 131072.0,
                                         262144.0, 524288.0, 1048576.0};
  return kBounds;
}

}  // namespace inference::telemetry
