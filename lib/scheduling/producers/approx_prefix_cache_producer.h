#pragma once

#include <memory>

#include "api/plugin_catalogue.h"
#include "scheduling/plugin.h"

namespace inference::scheduling {

/// `approx-prefix-cache-producer`: hashes the prompt into blocks, looks up which candidates got
/// such blocks lately, and remembers where the request went. Its memory lives as long as it does.
///
/// With autoTune a block is as large as the smallest that a candidate reports, and an endpoint
/// holds what it reports: its blocks * its block size / our block size. Never below 64 tokens a
/// block.
std::unique_ptr<Producer> MakeApproxPrefixCacheProducer(const api::PluginSpec& spec,
                                                        api::Diagnostics& out);

}  // namespace inference::scheduling
