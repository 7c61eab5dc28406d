#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "inferencesim/config.h"
#include "inferencesim/engine.h"
#include "inferencesim/http_stats.h"

namespace inference::sim {

/// What the process_* families show.
struct ProcessFacts {
  double cpu_seconds = 0;
  double resident_bytes = 0;
  double virtual_bytes = 0;
  double start_unix_seconds = 0;
  double open_fds = 0;
  double max_fds = 0;
};

/// Appends a number as the Python client writes it: "21.0", "1.5e+09", "0.25", "NaN".
void AppendValue(double value, std::string* out);
/// Appends a label value with the escapes of the exposition format, without the quotes.
std::string EscapeLabel(std::string_view value);
/// Appends "# HELP" and "# TYPE".
void AppendFamily(std::string_view name, std::string_view type, std::string_view help,
                  std::string* out);

/// The /metrics page of a vLLM server: its names, labels, order and size. All text but the numbers
/// is written once, at construction, so that rendering is copying and number formatting.
class MetricsPage {
 public:
  /// `engine` must outlive the page.
  MetricsPage(const InstanceConfig& config, const Engine& engine, double created_unix);
  // Lines point into the object.
  MetricsPage(const MetricsPage&) = delete;
  MetricsPage& operator=(const MetricsPage&) = delete;

  std::string Render(const ProcessFacts& process, const HttpStats& http);

 private:
  struct Line {
    std::string text;  // all since the last number
    const double* value;
  };

  void AddPythonAndProcess();
  void AddFlops();
  void AddScheduler();
  void AddCaches();
  void AddTokens();
  void AddHistograms();
  void AddFamily(std::string_view name, std::string_view type, std::string_view help);
  void Add(std::string_view name, std::string_view labels, const double* value);
  void AddCounter(std::string_view name, std::string_view help,
                  const std::vector<std::pair<std::string, const double*>>& series);
  void AddHistogram(std::string_view name, std::string_view help, const Histogram& histogram);
  void AppendLora(std::string* page) const;

  const Engine& engine_;
  const std::string model_label_;   // model_name="..."
  const std::string engine_label_;  // engine="0",
  const std::string base_labels_;   // both
  const std::string cache_config_;  // family and series, complete
  const double created_;
  ProcessFacts process_;
  double awake_ = 1;
  double weights_offloaded_ = 0;
  double discarded_ = 0;
  std::vector<Line> lines_;
  std::string pending_;  // text that waits for its number
};

}  // namespace inference::sim
