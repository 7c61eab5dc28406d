#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace inference::metrics {

/// A label as it stands on the page.
struct Label {
  std::string_view name;
  std::string_view raw;  // between the quotes
  bool escaped = false;  // `raw` has backslashes

  /// The value; `buffer` holds it when it had to be unescaped.
  std::string_view Value(std::string& buffer) const;
};

/// One line of a page behind its metric name. Views into the page.
struct Sample {
  static constexpr size_t kMaxLabels = 128;
  static constexpr int64_t kNoTime = INT64_MIN;

  std::array<Label, kMaxLabels> labels;
  size_t label_count = 0;
  double value = 0;        // may be NaN or infinite
  int64_t time = kNoTime;  // the timestamp's unit is the page's: only compared

  /// Null when there is none.
  const Label* Find(std::string_view name) const;
};

/// Reads `{labels} value [timestamp] [# exemplar]`, of the Prometheus text format 0.0.4 or of
/// OpenMetrics. False when the line is malformed, which includes more than kMaxLabels labels.
bool ParseSample(std::string_view text, Sample& out);

/// A whole decimal number, NaN and infinities included.
bool ParseNumber(std::string_view text, double& out);

}  // namespace inference::metrics
