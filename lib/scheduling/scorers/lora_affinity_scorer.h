#pragma once

#include <memory>

#include "api/plugin_catalogue.h"
#include "scheduling/plugin.h"

namespace inference::scheduling {

/// `lora-affinity-scorer`: 1 where the adapter (the target model) runs, 0.8 where there is room for
/// one more, 0.6 where it waits to be loaded, else 0; 0.5 where adapters are unknown.
std::unique_ptr<Scorer> MakeLoraAffinityScorer(const api::PluginSpec& spec, api::Diagnostics& out);

}  // namespace inference::scheduling
