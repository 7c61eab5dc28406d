#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "inference/result.h"

namespace inference::metrics {

/// Which series of a page are meant: a metric name and labels that a series must have.
struct MetricSpec {
  struct Match {
    std::string label;
    std::string value;  // empty: the label is absent or empty, as Prometheus has it
    bool operator==(const Match&) const = default;
  };
  static constexpr size_t kMaxText = 1024;
  static constexpr size_t kMaxMatches = 16;

  std::string name;
  std::vector<Match> matches;
};

/// Reads `name` or `name{label=value,label="value"}`. Quotes are optional, blanks don't count
/// outside of them, \" \\ and \n are escapes inside. Errors (INVALID_ARGUMENT) say what is wrong
/// and where in the text.
Result<MetricSpec> ParseMetricSpec(std::string_view text);

}  // namespace inference::metrics
