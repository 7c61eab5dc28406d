#pragma once

#include <memory>

#include "api/plugin_catalogue.h"
#include "scheduling/plugin.h"

namespace inference::scheduling {

/// `queue-scorer`: (max - q) / (max - min) over the candidates, q: requests that wait. Known values
/// that are all equal score 1.
std::unique_ptr<Scorer> MakeQueueScorer(const api::PluginSpec& spec, api::Diagnostics& out);

}  // namespace inference::scheduling
