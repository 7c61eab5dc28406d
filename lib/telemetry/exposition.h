#pragma once

#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <prometheus/metric_family.h>

#include "telemetry/request_stats.h"

namespace inference::telemetry {

using Families = std::vector<prometheus::MetricFamily>;
using Labels = std::vector<prometheus::ClientMetric::Label>;

/// Adds one sample to the family of that name in `families`, made when it is not the last one.
void AddGauge(Families& families, std::string_view name, std::string_view help, Labels labels,
              double value);
void AddCounter(Families& families, std::string_view name, std::string_view help, Labels labels,
                double value);

/// Nothing is added while the histogram has nothing.
void AddHistogram(Families& families, std::string_view name, std::string_view help,
                  const Labels& labels, const Histogram& histogram);

/// The metrics page: rooms and programs register what they can tell, each page asks them all.
/// Thread-safe; collectors are called on the thread that renders, one at a time.
class Exposition {
 public:
  using Collector = std::function<void(Families&)>;
  void Register(Collector collector);
  /// The page in Prometheus text format.
  std::string Render() const;

 private:
  mutable std::mutex mutex_;
  std::vector<Collector> collectors_;  // guarded by mutex_
};

/// Sums the shards of all reactors. `shards` must outlive the collector's use.
class RequestStatsCollector {
 public:
  explicit RequestStatsCollector(std::vector<const Shard*> shards) : shards_(std::move(shards)) {}
  void Collect(Families& families) const;

 private:
  struct Sum;
  void CollectSeries(Families& families) const;
  std::vector<const Shard*> shards_;
};

}  // namespace inference::telemetry
