#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace inference::telemetry {

/// A number that one thread writes and any thread may read: no locked instruction on the hot path.
class Counter {
 public:
  void Add(uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void Sub(uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) - n, std::memory_order_relaxed);
  }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

/// A Prometheus histogram of one writer and any readers. Bounds ascend; a value counts in the first
/// bucket whose bound is >= it. `bounds` must outlive the histogram (they are constant tables).
class Histogram {
 public:
  explicit Histogram(std::span<const double> bounds);
  void Observe(double value);

  std::span<const double> bounds() const { return bounds_; }
  /// Count of bucket i, not cumulative; i == bounds().size() is +Inf.
  uint64_t bucket(size_t i) const { return buckets_[i].value(); }
  double sum() const { return sum_.load(std::memory_order_relaxed); }

 private:
  std::span<const double> bounds_;
  std::vector<Counter> buckets_;
  std::atomic<double> sum_{0};
};

/// Seconds from 5 us to 2.5 s: how long a pick takes.
std::span<const double> PickSecondsBounds();
/// Seconds from 1 ms to 600 s: time to first token, request duration.
std::span<const double> RequestSecondsBounds();
/// Seconds from 1 ms to 10 s: time between tokens.
std::span<const double> TokenGapSecondsBounds();
/// Powers of two from 1 to 1 M: tokens per request.
std::span<const double> TokenCountBounds();

}  // namespace inference::telemetry
