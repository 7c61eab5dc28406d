#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace inference::sim {

/// A histogram kept as the page shows it: every bucket counts all values up to its bound.
class Histogram {
 public:
  /// `bounds` rising, without +Inf; they must outlive the histogram.
  explicit Histogram(std::span<const double> bounds);

  void Observe(double value);
  std::span<const double> bounds() const { return bounds_; }
  /// One per bound and one for +Inf; the latter is the count. Addresses stay valid.
  const std::vector<double>& cumulative() const { return cumulative_; }
  const double& count() const { return cumulative_.back(); }
  const double& sum() const { return sum_; }

 private:
  std::span<const double> bounds_;
  std::vector<double> cumulative_;
  double sum_ = 0;
};

enum class FinishReason : uint8_t { kStop, kLength, kAbort, kError };
inline constexpr size_t kFinishReasons = 4;

/// What the metrics page shows of an engine. Doubles, because the page has nothing else. Times are
/// in seconds of simulated time. The engine writes; readers are on its thread.
struct EngineStats {
  EngineStats();

  double running = 0;
  double waiting_for_capacity = 0;
  double waiting_deferred = 0;  // held back by the adapter limit
  double waiting = 0;           // the sum of the two
  double kv_usage = 0;          // 0..1

  double prefix_queries = 0;  // tokens
  double prefix_hits = 0;     // tokens
  double preemptions = 0;
  double prompt_tokens = 0;
  double prompt_tokens_computed = 0;
  double generation_tokens = 0;
  double rejected_requests = 0;
  std::array<double, kFinishReasons> finished{};

  Histogram request_prompt_tokens;
  Histogram request_generation_tokens;
  Histogram iteration_tokens;
  Histogram max_generation_tokens;
  Histogram params_n;
  Histogram params_max_tokens;
  Histogram time_to_first_token;
  Histogram inter_token_latency;
  Histogram time_per_output_token;
  Histogram e2e_latency;
  Histogram queue_time;
  Histogram inference_time;
  Histogram prefill_time;
  Histogram decode_time;
  Histogram request_preemptions;
  Histogram prefill_computed_tokens;
};

}  // namespace inference::sim
