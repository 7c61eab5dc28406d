#pragma once

#include <algorithm>
#include <cmath>
#include <span>

#include "scheduling/plugin.h"

namespace inference::scheduling {

/// What an unknown value scores where others are normalised.
inline constexpr float kUnknownScore = 0.5F;

/// Scores (max - v) / (max - min), v: `value` of a candidate. Unknown ones are left out of max and
/// min.
inline void ScoreLowest(std::span<const Candidate> candidates, float Candidate::* value,
                        std::span<float> scores) {
  float low = std::numeric_limits<float>::infinity(), high = -low;
  for (const Candidate& candidate : candidates) {
    if (std::isnan(candidate.*value)) continue;
    low = std::min(low, candidate.*value);
    high = std::max(high, candidate.*value);
  }
  for (size_t i = 0; i < candidates.size(); ++i) {
    const float v = candidates[i].*value;
    scores[i] = std::isnan(v) ? kUnknownScore : high > low ? (high - v) / (high - low) : 1.0F;
  }
}

}  // namespace inference::scheduling
