#include "inferencectl/validation/configurations.h"

#include "api/codes.h"
#include "metrics/engine_maps.h"
#include "scheduling/scheduler.h"

namespace inference::ctl {

void CheckConfigurations(const manifest::lint::Configurations& configurations,
                         api::Diagnostics& out) {
  scheduling::PluginRegistry registry;
  scheduling::RegisterBuiltins(registry);
  api::Diagnostics found;
  for (const api::EndpointPickerConfig& config : configurations.pickers) {
    // Null comes with diagnostics; the scheduler itself isn't needed.
    static_cast<void>(scheduling::Compile(config, registry, found));
  }
  for (api::Diagnostic& d : found) {
    const bool other_picker =
        d.code == api::codes::kPluginNotAvailable || d.code == api::codes::kFieldNotActedOn;
    if (other_picker && configurations.daemons.empty()) {
      d.severity = api::Severity::kInfo;
      d.note = "the reference picker has it; inferenced refuses the configuration";
    }
    out.push_back(std::move(d));
  }
  for (const api::DaemonConfig& config : configurations.daemons) {
    static_cast<void>(metrics::EngineMaps::Make(config.engines, out));
  }
}

}  // namespace inference::ctl
