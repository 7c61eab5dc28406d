#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/diagnostic.h"
#include "api/kinds.h"
#include "datastore/endpoint.h"
#include "metrics/name_map.h"

namespace inference::metrics {

/// Which engine an endpoint runs: its label llm-d.ai/engine-type, else the older
/// inference.networking.k8s.io/engine-type, else what the scrape settings say. The reference lives
/// as long as its owner, one of the arguments.
const std::string& EngineOf(const datastore::EndpointInfo& info, const api::ScrapeConfig& config);

/// The name maps of all engines: the built-in ones and those a user wrote. Immutable, so
/// thread-safe.
class EngineMaps {
 public:
  /// A user's map replaces the built-in one of its name. What is wrong with a map is added to
  /// `diagnostics`, and the map is left out.
  static EngineMaps Make(const std::vector<api::EngineMap>& maps, api::Diagnostics& diagnostics);

  /// Null when there is no engine of that name.
  std::shared_ptr<const NameMap> Find(std::string_view engine) const;
  /// The map for an endpoint. An engine that nobody knows (a label may say anything) is read with
  /// the map of `config.engine`, else with vLLM's. Never null.
  std::shared_ptr<const NameMap> For(const datastore::EndpointInfo& info,
                                     const api::ScrapeConfig& config) const;
  /// Sorted.
  std::vector<std::string> names() const;

 private:
  std::map<std::string, std::shared_ptr<const NameMap>, std::less<>> maps_;
};

}  // namespace inference::metrics
