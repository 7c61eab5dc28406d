#pragma once

#include <memory>

#include "api/plugin_catalogue.h"
#include "scheduling/plugin.h"

namespace inference::scheduling {

/// `weighted-random-picker`: candidates drawn without putting back, each with a chance in
/// proportion to its total (A-Res: the highest U^(1/total)); those of total 0 last, in random
/// order.
std::unique_ptr<Picker> MakeWeightedRandomPicker(const api::PluginSpec& spec,
                                                 api::Diagnostics& out);

}  // namespace inference::scheduling
