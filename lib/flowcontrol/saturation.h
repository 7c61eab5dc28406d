#pragma once

#include <cstddef>

#include "api/kinds.h"

namespace inference::flowcontrol {

/// What a full endpoint is. The reference's utilization-detector (llm-d-router.md 5.5).
struct SaturationLimits {
  double queue_depth = 5;  // requests waiting; above 0
  double kv_usage = 0.8;   // fraction of the KV cache; above 0, at most 1

  bool operator==(const SaturationLimits&) const = default;
};

/// Those of the configuration's utilization-detector, else the defaults. REQUIRES: the
/// configuration compiles.
SaturationLimits ReadSaturationLimits(const api::EndpointPickerConfig& config);

/// How full some endpoints are together: the mean of max(waiting / queue_depth, kv / kv_usage), 1
/// and above is saturated. An endpoint that doesn't tell both counts as full, no endpoint as well.
/// Source: llm-d-router.md 13.5.
class Saturation {
 public:
  explicit Saturation(const SaturationLimits& limits) : limits_(limits) {}

  /// NaN: unknown.
  void Add(float waiting, float kv_usage);
  double value() const { return count_ == 0 ? 1 : sum_ / static_cast<double>(count_); }
  bool saturated() const { return value() >= 1; }

 private:
  const SaturationLimits limits_;
  double sum_ = 0;
  size_t count_ = 0;
};

}  // namespace inference::flowcontrol
