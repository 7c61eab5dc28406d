#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "metrics/name_map.h"

namespace inference::metrics {

/// One row of a built-in engine's table; `spec` is what ParseMetricSpec reads.
struct BuiltInSource {
  Quantity quantity;
  std::string_view spec;
  std::string_view value_label = {};
};

struct BuiltInEngine {
  std::string_view name;
  std::span<const BuiltInSource> sources;
  std::span<const std::string_view> shard_labels;
};

/// Null when there is none of that name.
const BuiltInEngine* FindBuiltInEngine(std::string_view name);
std::vector<std::string_view> BuiltInEngineNames();

}  // namespace inference::metrics
