#include "flowcontrol/saturation.h"

#include <algorithm>
#include <cmath>

#include "api/plugin_catalogue.h"

namespace inference::flowcontrol {

SaturationLimits ReadSaturationLimits(const api::EndpointPickerConfig& config) {
  SaturationLimits limits;
  for (const api::PluginSpec& plugin : config.plugins) {
    if (plugin.type != "utilization-detector") continue;
    api::Diagnostics said;  // by whoever compiled it
    const api::Params params(*api::FindPlugin(plugin.type), plugin, said);
    limits.queue_depth = static_cast<double>(params.Int("queueDepthThreshold"));
    limits.kv_usage = params.Number("kvCacheUtilThreshold");
  }
  return limits;
}

void Saturation::Add(float waiting, float kv_usage) {
  ++count_;
  if (std::isnan(waiting) || std::isnan(kv_usage)) {
    sum_ += 1;
  } else {
    sum_ += std::max(static_cast<double>(waiting) / limits_.queue_depth,
                     static_cast<double>(kv_usage) / limits_.kv_usage);
  }
}

}  // namespace inference::flowcontrol
