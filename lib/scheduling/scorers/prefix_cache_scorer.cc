#include "scheduling/scorers/prefix_cache_scorer.h"

#include <algorithm>

#include "api/codes.h"
#include "scheduling/params.h"

namespace inference::scheduling {
namespace {

constexpr std::string_view kDefaultProducer = "approx-prefix-cache-producer";

class PrefixCacheScorer final : public Scorer {
 public:
  PrefixCacheScorer(std::string producer, float length_weight, float scale_tokens)
      : producer_(std::move(producer)),
        length_weight_(length_weight),
        scale_tokens_(scale_tokens) {}

  void Score(const PickContext& context, std::span<const Candidate> candidates,
             std::span<float> scores) const override {
    const auto total = static_cast<float>(context.prefix.total_blocks);
    if (total == 0) {
      std::fill(scores.begin(), scores.end(), 0.0F);
      return;
    }
    const auto block = static_cast<float>(context.prefix.block_tokens);
    for (size_t i = 0; i < candidates.size(); ++i) {
      const auto match = static_cast<float>(candidates[i].prefix_match);
      scores[i] = (1 - length_weight_) * (match / total);
      if (length_weight_ > 0) {
        const float length = std::min(1.0F, match * block / scale_tokens_);
        scores[i] += length_weight_ * length * length;
      }
    }
  }

  std::string_view Consumes() const override { return producer_; }

 private:
  const std::string producer_;
  const float length_weight_, scale_tokens_;
};

}  // namespace

std::unique_ptr<Scorer> MakePrefixCacheScorer(const api::PluginSpec& spec, api::Diagnostics& out) {
  const api::Params params = ReadParams(spec, out);
  if (!params.ok()) return nullptr;
  std::string producer = params.String("prefixMatchInfoProducerName");
  if (producer.empty()) producer = kDefaultProducer;
  const double weight = params.Number("matchLengthWeight");
  const int64_t scale = params.Int("matchLengthScaleTokens");
  if (weight > 0 && scale <= 0) {
    out.push_back({api::Severity::kError, std::string(api::codes::kParameterRange),
                   params.Raw("matchLengthScaleTokens")->origin(),
                   "parameter 'matchLengthScaleTokens' must be above 0 when matchLengthWeight is",
                   ""});
    return nullptr;
  }
  return std::make_unique<PrefixCacheScorer>(std::move(producer), static_cast<float>(weight),
                                             static_cast<float>(scale));
}

}  // namespace inference::scheduling
