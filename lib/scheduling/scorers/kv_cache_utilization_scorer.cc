#include "scheduling/scorers/kv_cache_utilization_scorer.h"

#include <cmath>

#include "scheduling/params.h"
#include "scheduling/scorers/min_max.h"

namespace inference::scheduling {
namespace {

class KvCacheUtilizationScorer final : public Scorer {
 public:
  void Score(const PickContext&, std::span<const Candidate> candidates,
             std::span<float> scores) const override {
    for (size_t i = 0; i < candidates.size(); ++i) {
      const float usage = candidates[i].kv_usage;
      scores[i] = std::isnan(usage) ? kUnknownScore : 1.0F - usage;
    }
  }
};

}  // namespace

std::unique_ptr<Scorer> MakeKvCacheUtilizationScorer(const api::PluginSpec& spec,
                                                     api::Diagnostics& out) {
  if (!ReadParams(spec, out).ok()) return nullptr;
  return std::make_unique<KvCacheUtilizationScorer>();
}

}  // namespace inference::scheduling
