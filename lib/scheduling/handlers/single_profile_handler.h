#pragma once

#include <memory>

#include "api/plugin_catalogue.h"
#include "scheduling/plugin.h"

namespace inference::scheduling {

/// `single-profile-handler`: runs the only profile once.
std::unique_ptr<ProfileHandler> MakeSingleProfileHandler(const api::PluginSpec& spec,
                                                         api::Diagnostics& out);

}  // namespace inference::scheduling
