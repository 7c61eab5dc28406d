#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "inferencesim/engine_stats.h"

namespace inference::sim {

/// The http_* families of the metrics page. Not thread-safe.
class HttpStats {
 public:
  HttpStats();

  /// One answered request. `handler` must be one of a few known paths: each becomes a label value.
  void Record(std::string_view handler, std::string_view method, int status, size_t request_bytes,
              size_t response_bytes, double seconds);
  /// Appends the families; `created` is their unix time of birth.
  void Render(double created, std::string* page) const;

 private:
  struct Route {
    Route();
    std::map<std::string, double> by_status;  // "2xx"
    double request_bytes = 0;
    double response_bytes = 0;
    Histogram duration;
  };
  using Key = std::pair<std::string, std::string>;  // handler, method

  void RenderCounts(double created, std::string* page) const;
  void RenderSizes(double created, std::string* page) const;
  void RenderDurations(double created, std::string* page) const;

  Histogram high_resolution_;
  std::map<Key, Route> routes_;
};

}  // namespace inference::sim
