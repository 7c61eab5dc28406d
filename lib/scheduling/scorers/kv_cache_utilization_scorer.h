#pragma once

#include <memory>

#include "api/plugin_catalogue.h"
#include "scheduling/plugin.h"

namespace inference::scheduling {

/// `kv-cache-utilization-scorer`: 1 - used fraction of the KV cache.
std::unique_ptr<Scorer> MakeKvCacheUtilizationScorer(const api::PluginSpec& spec,
                                                     api::Diagnostics& out);

}  // namespace inference::scheduling
