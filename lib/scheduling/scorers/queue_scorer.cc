#include "scheduling/scorers/queue_scorer.h"

#include "scheduling/params.h"
#include "scheduling/scorers/min_max.h"

namespace inference::scheduling {
namespace {

class QueueScorer final : public Scorer {
 public:
  void Score(const PickContext&, std::span<const Candidate> candidates,
             std::span<float> scores) const override {
    ScoreLowest(candidates, &Candidate::waiting, scores);
  }
};

}  // namespace

std::unique_ptr<Scorer> MakeQueueScorer(const api::PluginSpec& spec, api::Diagnostics& out) {
  if (!ReadParams(spec, out).ok()) return nullptr;
  return std::make_unique<QueueScorer>();
}

}  // namespace inference::scheduling
