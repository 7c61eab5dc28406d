#include "telemetry/exposition.h"

#include <prometheus/text_serializer.h>

#include <map>
#include <sstream>
#include <tuple>

namespace inference::telemetry {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricType;

prometheus::MetricFamily& FamilyOf(Families& families, std::string_view name, std::string_view help,
                                   MetricType type) {
  // Samples of one family come in a row or close by: look from the end.
  for (auto it = families.rbegin(); it != families.rend(); ++it) {
    if (it->name == name) return *it;
  }
  prometheus::MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  return families.emplace_back(std::move(family));
}

// The sum of one histogram over the shards.
struct HistogramSum {
  std::vector<uint64_t> buckets;
  double sum = 0;

  void Add(const Histogram& h) {
    buckets.resize(h.bounds().size() + 1);
    for (size_t i = 0; i < buckets.size(); ++i) buckets[i] += h.bucket(i);
    sum += h.sum();
  }

  void Emit(Families& families, std::string_view name, std::string_view help, const Labels& labels,
            std::span<const double> bounds) const {
    ClientMetric metric;
    metric.label = labels;
    uint64_t cumulative = 0;
    for (size_t i = 0; i < bounds.size(); ++i) {
      cumulative += buckets[i];
      metric.histogram.bucket.push_back({cumulative, bounds[i]});
    }
    cumulative += buckets[bounds.size()];
    metric.histogram.bucket.push_back({cumulative, std::numeric_limits<double>::infinity()});
    metric.histogram.sample_count = cumulative;
    metric.histogram.sample_sum = sum;
    if (cumulative == 0) return;  // nothing seen: no series, rather than a row of zeros
    FamilyOf(families, name, help, MetricType::Histogram).metric.push_back(std::move(metric));
  }
};

}  // namespace

void AddGauge(Families& families, std::string_view name, std::string_view help, Labels labels,
              double value) {
  ClientMetric metric;
  metric.label = std::move(labels);
  metric.gauge.value = value;
  FamilyOf(families, name, help, MetricType::Gauge).metric.push_back(std::move(metric));
}

void AddCounter(Families& families, std::string_view name, std::string_view help, Labels labels,
                double value) {
  ClientMetric metric;
  metric.label = std::move(labels);
  metric.counter.value = value;
  FamilyOf(families, name, help, MetricType::Counter).metric.push_back(std::move(metric));
}

void AddHistogram(Families& families, std::string_view name, std::string_view help,
                  const Labels& labels, const Histogram& histogram) {
  HistogramSum sum;
  sum.Add(histogram);
  sum.Emit(families, name, help, labels, histogram.bounds());
}

void Exposition::Register(Collector collector) {
  const std::lock_guard lock(mutex_);
  collectors_.push_back(std::move(collector));
}

std::string Exposition::Render() const {
  Families families;
  {
    const std::lock_guard lock(mutex_);
    for (const Collector& collector : collectors_) collector(families);
  }
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families);
  return std::move(out).str();
}

struct RequestStatsCollector::Sum {
  HistogramSum pick, ttft, gap, duration, prompt, cached, completion;
  std::array<uint64_t, static_cast<size_t>(Outcome::kCount)> outcomes{};
};

void RequestStatsCollector::CollectSeries(Families& families) const {
  std::map<std::pair<std::string, std::string>, Sum> sums;
  for (const Shard* shard : shards_) {
    const std::lock_guard lock(shard->grow_mutex_);
    for (const RequestSeries& series : shard->series_) {
      Sum& sum = sums[{series.pool_, series.model_}];
      sum.pick.Add(series.pick_seconds_);
      sum.ttft.Add(series.ttft_seconds_);
      sum.gap.Add(series.gap_seconds_);
      sum.duration.Add(series.duration_seconds_);
      sum.prompt.Add(series.prompt_tokens_);
      sum.cached.Add(series.cached_tokens_);
      sum.completion.Add(series.completion_tokens_);
      for (size_t i = 0; i < sum.outcomes.size(); ++i)
        sum.outcomes[i] += series.outcomes_[i].value();
    }
  }
  for (const auto& [key, sum] : sums) {
    const Labels labels = {{"pool", key.first}, {"model", key.second}};
    for (size_t i = 0; i < sum.outcomes.size(); ++i) {
      if (sum.outcomes[i] == 0) continue;
      Labels with_outcome = labels;
      with_outcome.push_back({"outcome", std::string(OutcomeName(static_cast<Outcome>(i)))});
      AddCounter(families, "inferenced_requests_total", "Requests by how they ended.", with_outcome,
                 static_cast<double>(sum.outcomes[i]));
    }
  }
  for (const auto& [key, sum] : sums) {
    const Labels labels = {{"pool", key.first}, {"model", key.second}};
    sum.pick.Emit(families, "inferenced_pick_duration_seconds",
                  "From the end of the request body to the answer.", labels, PickSecondsBounds());
    sum.ttft.Emit(families, "inferenced_time_to_first_token_seconds",
                  "From the answer to the first byte of the response body.", labels,
                  RequestSecondsBounds());
    sum.gap.Emit(families, "inferenced_inter_token_seconds",
                 "Between two pieces of a streamed response.", labels, TokenGapSecondsBounds());
    sum.duration.Emit(families, "inferenced_request_duration_seconds",
                      "From the request headers to the end of the response.", labels,
                      RequestSecondsBounds());
    sum.prompt.Emit(families, "inferenced_prompt_tokens", "Prompt tokens that servers reported.",
                    labels, TokenCountBounds());
    sum.cached.Emit(families, "inferenced_prompt_cached_tokens",
                    "Prompt tokens that servers found in their prefix cache.", labels,
                    TokenCountBounds());
    sum.completion.Emit(families, "inferenced_completion_tokens",
                        "Completion tokens that servers reported.", labels, TokenCountBounds());
  }
}

void RequestStatsCollector::Collect(Families& families) const {
  CollectSeries(families);
  const auto total = [&](Counter Shard::* counter) {
    uint64_t sum = 0;
    for (const Shard* shard : shards_) sum += (shard->*counter).value();
    return static_cast<double>(sum);
  };
  AddCounter(families, "inferenced_streams_opened_total", "ext_proc streams opened.", {},
             total(&Shard::streams_opened));
  AddGauge(families, "inferenced_streams", "ext_proc streams open now.", {},
           total(&Shard::streams_opened) - total(&Shard::streams_closed));
  AddGauge(families, "inferenced_connections", "Gateway connections open now.", {},
           total(&Shard::connections_opened) - total(&Shard::connections_closed));
  AddCounter(families, "inferenced_messages_received_total", "ext_proc messages received.", {},
             total(&Shard::messages_in));
  AddCounter(families, "inferenced_received_bytes_total", "Bytes received from gateways.", {},
             total(&Shard::bytes_in));
  AddCounter(families, "inferenced_sent_bytes_total", "Bytes sent to gateways.", {},
             total(&Shard::bytes_out));
  AddCounter(families, "inferenced_protocol_errors_total",
             "Messages that did not fit the state of their stream.", {},
             total(&Shard::protocol_errors));
  AddCounter(families, "inferenced_observer_unmatched_total",
             "Observed responses whose request this process did not pick.", {},
             total(&Shard::observer_unmatched));
  AddCounter(families, "inferenced_body_budget_refusals_total",
             "Requests refused because too many body bytes were held.", {},
             total(&Shard::body_budget_refusals));
  AddGauge(families, "inferenced_parked_requests", "Requests that wait for a saturated pool now.",
           {}, total(&Shard::parked));
  AddGauge(families, "inferenced_held_body_bytes", "Request body bytes held now.", {},
           total(&Shard::held_bytes));
}

}  // namespace inference::telemetry
