#pragma once

#include <memory>

#include "api/plugin_catalogue.h"
#include "scheduling/plugin.h"

namespace inference::scheduling {

/// `load-aware-scorer`: 0.5 * (1 - min(q, threshold) / threshold), q: requests that wait; so an
/// idle endpoint scores 0.5, and an unknown one the middle of this range, 0.25.
std::unique_ptr<Scorer> MakeLoadAwareScorer(const api::PluginSpec& spec, api::Diagnostics& out);

}  // namespace inference::scheduling
