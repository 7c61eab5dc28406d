#include "scheduling/handlers/single_profile_handler.h"

#include "scheduling/params.h"

namespace inference::scheduling {
namespace {

class SingleProfileHandler final : public ProfileHandler {
 public:
  void Next(const PickContext&, std::span<const ProfileOutcome> outcomes,
            std::vector<size_t>& run) const override {
    if (!outcomes[0].ran) run.push_back(0);
  }
  size_t Primary(std::span<const ProfileOutcome>) const override { return 0; }
  std::string Problem(size_t profiles) const override {
    if (profiles == 1) return {};
    return "single-profile-handler runs one profile, and there are " + std::to_string(profiles);
  }
};

}  // namespace

std::unique_ptr<ProfileHandler> MakeSingleProfileHandler(const api::PluginSpec& spec,
                                                         api::Diagnostics& out) {
  if (!ReadParams(spec, out).ok()) return nullptr;
  return std::make_unique<SingleProfileHandler>();
}

}  // namespace inference::scheduling
