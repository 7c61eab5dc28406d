#include <fmt/format.h>

#include <limits>

#include "api/codes.h"
#include "api/text_values.h"
#include "manifest/kinds.h"

// The settings of one pool in a DaemonConfig.
namespace inference::manifest {
namespace {

namespace codes = api::codes;
using namespace std::chrono_literals;

void ReadParking(const Node& node, const std::string& path, api::ParkingConfig& parking,
                 api::Diagnostics& out) {
  MapReader map(node, path, out);
  if (!map.ok()) return;
  ReadInto(map, "maxRequests", 0, 1'000'000, parking.max_requests);
  if (const Node* f = map.Find("maxBytes")) {
    Assign(*f, ReadQuantity(*f, map.Path("maxBytes"), 0, std::numeric_limits<int64_t>::max(), out),
           parking.max_bytes);
  }
  ReadInto(map, "maxWait", 1ms, 1h, parking.max_wait);
  map.Done();
}

void ReadOutlierDetection(const Node& node, const std::string& path,
                          api::OutlierDetectionConfig& outlier, api::Diagnostics& out) {
  MapReader map(node, path, out);
  if (!map.ok()) return;
  ReadInto(map, "consecutive5xx", 0, 1'000'000, outlier.consecutive_5xx);
  ReadInto(map, "consecutiveConnectionFailures", 0, 1'000'000,
           outlier.consecutive_connection_failures);
  ReadInto(map, "baseEjectionTime", 10ms, 1h, outlier.base_ejection_time);
  ReadInto(map, "maxEjectionTime", 10ms, 24h, outlier.max_ejection_time);
  ReadInto(map, "maxEjectionPercent", 0, 100, outlier.max_ejection_percent);
  const auto &base = outlier.base_ejection_time, &max = outlier.max_ejection_time;
  if (*max < *base) {
    Report(out, codes::kBadValue, max.is_set() ? max.origin : base.origin,
           fmt::format("{} {} is shorter than {} {}", map.Path("maxEjectionTime"),
                       api::FormatDuration(*max), map.Path("baseEjectionTime"),
                       api::FormatDuration(*base)),
           "the time of an ejection begins with the one and doubles up to the other");
  }
  map.Done();
}

void ReadSlowStart(const Node& node, const std::string& path, api::SlowStartConfig& slow_start,
                   api::Diagnostics& out) {
  MapReader map(node, path, out);
  if (!map.ok()) return;
  ReadInto(map, "window", 0s, 24h, slow_start.window);
  ReadInto(map, "minWeightPercent", 1, 100, slow_start.min_weight_percent);
  map.Done();
}

}  // namespace

api::PoolConfig ReadPoolConfig(const Node& node, const std::string& path,
                               const api::ScrapeConfig& scrape, api::Diagnostics& out) {
  api::PoolConfig pool;
  pool.origin = node.at;
  MapReader map(node, path, out);
  if (!map.ok()) return pool;
  ReadInto(map, "pickerConfig", pool.picker_config);
  if (const Node* tracking = map.Find("responseTracking")) {
    const auto text =
        ReadEnum(*tracking, map.Path("responseTracking"), {"auto", "full", "none"}, out);
    const api::ResponseTracking value = text == "full"   ? api::ResponseTracking::kFull
                                        : text == "none" ? api::ResponseTracking::kNone
                                                         : api::ResponseTracking::kAuto;
    pool.response_tracking = api::Field<api::ResponseTracking>(value, tracking->at);
  }
  ReadInto(map, "destinationList", 1, 16, pool.destination_list);
  ReadInto(map, "inflightCorrection", pool.inflight_correction);
  if (const Node* f = map.Find("parking")) ReadParking(*f, map.Path("parking"), pool.parking, out);
  if (const Node* f = map.Find("outlierDetection")) {
    ReadOutlierDetection(*f, map.Path("outlierDetection"), pool.outlier_detection, out);
  }
  if (const Node* f = map.Find("slowStart")) {
    ReadSlowStart(*f, map.Path("slowStart"), pool.slow_start, out);
  }
  if (const Node* own = map.Find("scrape")) {
    pool.scrape = scrape;  // what the pool leaves out is the daemon's
    ReadScrape(*own, map.Path("scrape"), *pool.scrape, out);
  }
  map.Done();
  return pool;
}

}  // namespace inference::manifest
