#include "scheduling/pickers/random_picker.h"

#include "scheduling/pickers/top.h"

namespace inference::scheduling {
namespace {

class RandomPicker final : public Picker {
 public:
  explicit RandomPicker(size_t most) : most_(most) {}

  void Pick(const PickContext& context, std::span<const double> totals, size_t want,
            std::vector<uint32_t>& ranked) const override {
    RankHighest(
        totals.size(), [](size_t) { return 0.0; }, std::min(want, most_), *context.rng, ranked);
  }

 private:
  const size_t most_;
};

}  // namespace

std::unique_ptr<Picker> MakeRandomPicker(const api::PluginSpec& spec, api::Diagnostics& out) {
  const api::Params params = ReadParams(spec, out);
  if (!params.ok()) return nullptr;
  return std::make_unique<RandomPicker>(ReadMaxEndpoints(params));
}

}  // namespace inference::scheduling
