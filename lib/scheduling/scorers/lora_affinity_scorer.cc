#include "scheduling/scorers/lora_affinity_scorer.h"

#include "scheduling/params.h"
#include "scheduling/scorers/min_max.h"

namespace inference::scheduling {
namespace {

constexpr float kRuns = 1.0F;
constexpr float kHasRoom = 0.8F;
constexpr float kWaits = 0.6F;

class LoraAffinityScorer final : public Scorer {
 public:
  void Score(const PickContext& context, std::span<const Candidate> candidates,
             std::span<float> scores) const override {
    const uint64_t adapter = datastore::LoraState::HashAdapter(context.request->target_model);
    for (size_t i = 0; i < candidates.size(); ++i) {
      const datastore::LoraState& lora = candidates[i].get().metrics.lora;
      scores[i] = lora.FreshnessAt(context.now, context.stale_after) == datastore::Freshness::kFresh
                      ? ScoreOne(lora, adapter)
                      : kUnknownScore;
    }
  }

 private:
  static float ScoreOne(const datastore::LoraState& lora, uint64_t adapter) {
    if (lora.IsRunning(adapter)) return kRuns;
    if (lora.running_count() + lora.waiting_count() < lora.max()) return kHasRoom;
    return lora.IsWaiting(adapter) ? kWaits : 0.0F;
  }
};

}  // namespace

std::unique_ptr<Scorer> MakeLoraAffinityScorer(const api::PluginSpec& spec, api::Diagnostics& out) {
  if (!ReadParams(spec, out).ok()) return nullptr;
  return std::make_unique<LoraAffinityScorer>();
}

}  // namespace inference::scheduling
