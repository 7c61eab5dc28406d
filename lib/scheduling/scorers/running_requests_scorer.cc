#include "scheduling/scorers/running_requests_scorer.h"

#include "scheduling/params.h"
#include "scheduling/scorers/min_max.h"

namespace inference::scheduling {
namespace {

class RunningRequestsScorer final : public Scorer {
 public:
  void Score(const PickContext&, std::span<const Candidate> candidates,
             std::span<float> scores) const override {
    ScoreLowest(candidates, &Candidate::running, scores);
  }
};

}  // namespace

std::unique_ptr<Scorer> MakeRunningRequestsScorer(const api::PluginSpec& spec,
                                                  api::Diagnostics& out) {
  if (!ReadParams(spec, out).ok()) return nullptr;
  return std::make_unique<RunningRequestsScorer>();
}

}  // namespace inference::scheduling
