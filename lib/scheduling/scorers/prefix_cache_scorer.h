#pragma once

#include <memory>

#include "api/plugin_catalogue.h"
#include "scheduling/plugin.h"

namespace inference::scheduling {

/// `prefix-cache-scorer`: w * min(1, match * block tokens / scale)^2 + (1 - w) * match / total,
/// over the blocks of the prompt; 0 without a prompt. w: matchLengthWeight, scale:
/// matchLengthScaleTokens.
std::unique_ptr<Scorer> MakePrefixCacheScorer(const api::PluginSpec& spec, api::Diagnostics& out);

}  // namespace inference::scheduling
