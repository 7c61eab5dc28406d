#include "inferencesim/engine_stats.h"

#include <algorithm>

namespace inference::sim {
namespace {

// The bounds that vLLM uses.
constexpr double kTokenCounts[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000};
constexpr double kIterationTokens[] = {1,   8,    16,   32,   64,   128,  256,
                                       512, 1024, 2048, 4096, 8192, 16384};
constexpr double kParamsN[] = {1, 2, 5, 10, 20};
constexpr double kPreemptions[] = {1, 2, 3, 4, 5, 10, 20};
constexpr double kFirstToken[] = {.001, .005, .01, .02, .04, .06, .08, .1, .25, .5,  .75,
                                  1,    2.5,  5,   7.5, 10,  20,  40,  80, 160, 640, 2560};
constexpr double kBetweenTokens[] = {.01, .025, .05, .075, .1,  .15, .2, .3, .4, .5,
                                     .75, 1,    2.5, 5,    7.5, 10,  20, 40, 80};
constexpr double kRequestTimes[] = {.3, .5, .8, 1,  1.5, 2,   2.5, 5,   10,   15,  20,
                                    30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680};

}  // namespace

Histogram::Histogram(std::span<const double> bounds)
    : bounds_(bounds), cumulative_(bounds.size() + 1) {}

void Histogram::Observe(double value) {
  const auto first = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
  for (size_t i = static_cast<size_t>(first); i < cumulative_.size(); ++i) cumulative_[i] += 1;
  sum_ += value;
}

EngineStats::EngineStats()
    : request_prompt_tokens(kTokenCounts),
      request_generation_tokens(kTokenCounts),
      iteration_tokens(kIterationTokens),
      max_generation_tokens(kTokenCounts),
      params_n(kParamsN),
      params_max_tokens(kTokenCounts),
      time_to_first_token(kFirstToken),
      inter_token_latency(kBetweenTokens),
      time_per_output_token(kBetweenTokens),
      e2e_latency(kRequestTimes),
      queue_time(kRequestTimes),
      inference_time(kRequestTimes),
      prefill_time(kRequestTimes),
      decode_time(kRequestTimes),
      request_preemptions(kPreemptions),
      prefill_computed_tokens(kTokenCounts) {}

}  // namespace inference::sim
