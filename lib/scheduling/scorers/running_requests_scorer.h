#pragma once

#include <memory>

#include "api/plugin_catalogue.h"
#include "scheduling/plugin.h"

namespace inference::scheduling {

/// `running-requests-size-scorer`: (max - r) / (max - min) over the candidates, r: requests that
/// run. Known values that are all equal score 1.
std::unique_ptr<Scorer> MakeRunningRequestsScorer(const api::PluginSpec& spec,
                                                  api::Diagnostics& out);

}  // namespace inference::scheduling
