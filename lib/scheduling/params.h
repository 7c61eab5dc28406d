#pragma once

#include "api/plugin_catalogue.h"

namespace inference::scheduling {

/// A plugin's parameters, read by the catalogue's table for its type. REQUIRES: the catalogue knows
/// spec.type, as it does for every type in RegisterBuiltins.
inline api::Params ReadParams(const api::PluginSpec& spec, api::Diagnostics& out) {
  return api::Params(*api::FindPlugin(spec.type), spec, out);
}

}  // namespace inference::scheduling
