#include "telemetry/request_stats.h"

namespace inference::telemetry {

std::string_view OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kServed:
      return "served";
    case Outcome::kUnobserved:
      return "unobserved";
    case Outcome::kBadRequest:
      return "bad_request";
    case Outcome::kUnknownPool:
      return "unknown_pool";
    case Outcome::kSaturated:
      return "saturated";
    case Outcome::kUnavailable:
      return "unavailable";
    case Outcome::kTimeout:
      return "timeout";
    case Outcome::kClientClosed:
      return "client_closed";
    case Outcome::kProtocolError:
      return "protocol_error";
    case Outcome::kCount:
      break;
  }
  return "unknown";
}

RequestSeries::RequestSeries(std::string pool, std::string model)
    : pool_(std::move(pool)),
      model_(std::move(model)),
      pick_seconds_(PickSecondsBounds()),
      ttft_seconds_(RequestSecondsBounds()),
      gap_seconds_(TokenGapSecondsBounds()),
      duration_seconds_(RequestSecondsBounds()),
      prompt_tokens_(TokenCountBounds()),
      cached_tokens_(TokenCountBounds()),
      completion_tokens_(TokenCountBounds()) {}

void RequestSeries::Usage(int64_t prompt, int64_t cached, int64_t completion) {
  if (prompt >= 0) prompt_tokens_.Observe(static_cast<double>(prompt));
  if (cached >= 0) cached_tokens_.Observe(static_cast<double>(cached));
  if (completion >= 0) completion_tokens_.Observe(static_cast<double>(completion));
}

RequestSeries& Shard::Series(std::string_view pool, std::string_view model) {
  lookup_.assign(pool).append(1, '\n').append(model);
  if (const auto it = by_key_.find(lookup_); it != by_key_.end()) return *it->second;
  if (models_ >= kMaxModels && model != kOtherModel) return Series(pool, kOtherModel);
  ++models_;
  const std::lock_guard lock(grow_mutex_);
  RequestSeries& series = series_.emplace_back(std::string(pool), std::string(model));
  by_key_.emplace(lookup_, &series);
  return series;
}

}  // namespace inference::telemetry
