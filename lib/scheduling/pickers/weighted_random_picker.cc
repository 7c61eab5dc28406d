#include "scheduling/pickers/weighted_random_picker.h"

#include <cmath>
#include <limits>

#include "scheduling/pickers/top.h"

namespace inference::scheduling {
namespace {

class WeightedRandomPicker final : public Picker {
 public:
  explicit WeightedRandomPicker(size_t most) : most_(most) {}

  void Pick(const PickContext& context, std::span<const double> totals, size_t want,
            std::vector<uint32_t>& ranked) const override {
    // log(U) / total orders as U^(1/total) does, without its underflow.
    const auto key = [&](size_t i) {
      return totals[i] > 0 ? std::log(1.0 - context.rng->Unit()) / totals[i]
                           : -std::numeric_limits<double>::infinity();
    };
    RankHighest(totals.size(), key, std::min(want, most_), *context.rng, ranked);
  }

 private:
  const size_t most_;
};

}  // namespace

std::unique_ptr<Picker> MakeWeightedRandomPicker(const api::PluginSpec& spec,
                                                 api::Diagnostics& out) {
  const api::Params params = ReadParams(spec, out);
  if (!params.ok()) return nullptr;
  return std::make_unique<WeightedRandomPicker>(ReadMaxEndpoints(params));
}

}  // namespace inference::scheduling
