#pragma once

#include <memory>

#include "api/plugin_catalogue.h"
#include "scheduling/plugin.h"

namespace inference::scheduling {

/// `label-selector-filter`: keeps endpoints whose labels match all of matchLabels and
/// matchExpressions (In, NotIn, Exists, DoesNotExist as in a Kubernetes label selector). Empty
/// matches all.
std::unique_ptr<Filter> MakeLabelSelectorFilter(const api::PluginSpec& spec, api::Diagnostics& out);

}  // namespace inference::scheduling
