#pragma once

#include <memory>

#include "api/plugin_catalogue.h"
#include "scheduling/plugin.h"

namespace inference::scheduling {

/// `max-score-picker`: the highest totals, equal ones in random order.
std::unique_ptr<Picker> MakeMaxScorePicker(const api::PluginSpec& spec, api::Diagnostics& out);

}  // namespace inference::scheduling
