#include "metrics/engine_maps.h"

#include <set>

namespace inference::metrics {

const std::string& EngineOf(const datastore::EndpointInfo& info, const api::ScrapeConfig& config) {
  for (const char* key : {"llm-d.ai/engine-type", "inference.networking.k8s.io/engine-type"}) {
    const auto label = info.labels.find(std::string_view(key));
    if (label != info.labels.end() && !label->second.empty()) return label->second;
  }
  return *config.engine;
}

EngineMaps EngineMaps::Make(const std::vector<api::EngineMap>& maps,
                            api::Diagnostics& diagnostics) {
  EngineMaps out;
  for (std::string_view engine : NameMap::BuiltInEngines()) {
    out.maps_.emplace(engine, NameMap::BuiltIn(engine));
  }
  std::set<std::string_view> seen;
  for (const api::EngineMap& map : maps) {
    if (map.name == "default" || !seen.insert(map.name).second) {
      const bool reserved = map.name == "default";
      diagnostics.push_back(
          {api::Severity::kError, "INF0522", map.origin,
           "engine '" + map.name + "' " + (reserved ? "has a reserved name" : "is defined twice"),
           "give it another name"});
      continue;
    }
    auto compiled = NameMap::FromEngineMap(map, diagnostics);
    if (compiled) out.maps_[map.name] = std::move(compiled);
  }
  return out;
}

std::shared_ptr<const NameMap> EngineMaps::Find(std::string_view engine) const {
  const auto found = maps_.find(engine);
  return found == maps_.end() ? nullptr : found->second;
}

std::shared_ptr<const NameMap> EngineMaps::For(const datastore::EndpointInfo& info,
                                               const api::ScrapeConfig& config) const {
  if (auto map = Find(EngineOf(info, config))) return map;
  if (auto map = Find(*config.engine)) return map;
  return Find("vllm");
}

std::vector<std::string> EngineMaps::names() const {
  std::vector<std::string> names;
  for (const auto& [name, map] : maps_) names.push_back(name);
  return names;
}

}  // namespace inference::metrics
