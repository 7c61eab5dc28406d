#pragma once

#include <memory>

#include "api/plugin_catalogue.h"
#include "scheduling/plugin.h"

namespace inference::scheduling {

/// `random-picker`: any candidates, evenly.
std::unique_ptr<Picker> MakeRandomPicker(const api::PluginSpec& spec, api::Diagnostics& out);

}  // namespace inference::scheduling
