#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "api/plugin_catalogue.h"
#include "base/rng.h"
#include "scheduling/decision.h"
#include "scheduling/params.h"

namespace inference::scheduling {

/// Most endpoints that a picker with this parameter ranks: `maxNumOfEndpoints` when it is written
/// (values below 1 count as 1), else as many as the pool wants.
inline size_t ReadMaxEndpoints(const api::Params& params) {
  if (!params.Raw("maxNumOfEndpoints")) return kMaxRanked;
  return static_cast<size_t>(
      std::clamp<int64_t>(params.Int("maxNumOfEndpoints"), 1, int64_t{kMaxRanked}));
}

/// Positions of the `want` highest of n keys, highest first, equal ones in random order. key(i) is
/// asked once for each i.
template <typename Key>
void RankHighest(size_t n, Key key, size_t want, base::Rng& rng, std::vector<uint32_t>& ranked) {
  struct Entry {
    double key;
    uint64_t tie;
    uint32_t position;
    bool Before(const Entry& other) const {
      return key != other.key ? key > other.key : tie > other.tie;
    }
  };
  want = std::min({want, n, kMaxRanked});
  std::array<Entry, kMaxRanked> best;
  size_t size = 0;
  for (size_t i = 0; i < n; ++i) {
    const Entry entry{key(i), rng.Next(), static_cast<uint32_t>(i)};
    if (size == want && !entry.Before(best[size - 1])) continue;
    if (size < want) ++size;
    size_t at = size - 1;
    for (; at > 0 && entry.Before(best[at - 1]); --at) best[at] = best[at - 1];
    best[at] = entry;
  }
  ranked.clear();
  for (size_t i = 0; i < size; ++i) ranked.push_back(best[i].position);
}

}  // namespace inference::scheduling
