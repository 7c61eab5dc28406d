#include "scheduling/scorers/load_aware_scorer.h"

#include <algorithm>
#include <cmath>

#include "scheduling/params.h"

namespace inference::scheduling {
namespace {

constexpr float kIdle = 0.5F;
constexpr int64_t kDefaultThreshold = 128;

class LoadAwareScorer final : public Scorer {
 public:
  explicit LoadAwareScorer(float threshold) : threshold_(threshold) {}

  void Score(const PickContext&, std::span<const Candidate> candidates,
             std::span<float> scores) const override {
    for (size_t i = 0; i < candidates.size(); ++i) {
      const float waiting = candidates[i].waiting;
      scores[i] = std::isnan(waiting) ? kIdle / 2
                                      : kIdle * (1.0F - std::min(waiting, threshold_) / threshold_);
    }
  }

 private:
  const float threshold_;
};

}  // namespace

std::unique_ptr<Scorer> MakeLoadAwareScorer(const api::PluginSpec& spec, api::Diagnostics& out) {
  const api::Params params = ReadParams(spec, out);
  if (!params.ok()) return nullptr;
  const int64_t threshold = params.Int("threshold");
  return std::make_unique<LoadAwareScorer>(
      static_cast<float>(threshold > 0 ? threshold : kDefaultThreshold));
}

}  // namespace inference::scheduling
