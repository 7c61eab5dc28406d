#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "api/diagnostic.h"
#include "api/kinds.h"
#include "datastore/snapshot.h"
#include "manifest/reader.h"
#include "metrics/engine_maps.h"
#include "picker/runtime.h"
#include "scheduling/scheduler.h"
#include "scrape/scraper.h"

namespace inference::control {

/// Everything that the running state is made from.
struct Inputs {
  std::shared_ptr<const api::DaemonConfig> daemon;
  manifest::ManifestSet files;                          // as the files have it
  manifest::ManifestSet applied;                        // as the store has it
  manifest::ManifestSet manifests;                      // both, by Join()
  std::map<std::string, std::vector<std::string>> dns;  // name -> addresses
  /// Text of each EndpointPickerConfig file that `daemon` names, by the path as written there.
  std::map<std::string, std::string> picker_configs;

  void Join() {
    manifests = files;
    manifests.Append(applied);
    manifests.objects.clear();  // the texts are in the two
  }
};

/// What came out: to be published as a whole.
struct Built {
  std::shared_ptr<const picker::Runtime> runtime;
  std::vector<scrape::Target> targets;
};

/// Inputs to running state. Keeps endpoints and compiled schedulers (with their prefix indexes)
/// that did not change. Not thread-safe; the control thread owns it.
class RuntimeBuilder {
 public:
  explicit RuntimeBuilder(const base::Clock& clock = base::Clock::Real());

  /// Checks the resulting whole, then builds. Null, with errors in `diagnostics`, when it can't be;
  /// nothing that was built before is touched then.
  std::unique_ptr<Built> Build(const Inputs& inputs, uint64_t generation,
                               api::Diagnostics& diagnostics);

  /// Says all that Build would say, and builds nothing.
  bool Check(const Inputs& inputs, api::Diagnostics& diagnostics);

 private:
  struct CompiledPool {
    std::string config_text;  // what the scheduler was compiled from
    std::shared_ptr<const scheduling::Scheduler> scheduler;
    flowcontrol::SaturationLimits saturation;
    std::shared_ptr<flowcontrol::Line> line;  // lives as long as the pool
    uint32_t columns_id = 0;
    uint32_t pool_id = 0;
  };

  using CompiledPools = std::map<std::string, CompiledPool, std::less<>>;  // by pool key

  std::shared_ptr<flowcontrol::Line> LineOf(const std::string& key) const;
  bool CompilePool(const Inputs& inputs, const api::InferencePool& pool, CompiledPool& out,
                   api::Diagnostics& diagnostics);
  bool CompileAll(const Inputs& inputs, CompiledPools& out, api::Diagnostics& diagnostics);
  void AddTargets(const api::DaemonConfig& daemon, const std::vector<picker::PoolRuntime>& pools,
                  const metrics::EngineMaps& maps, std::vector<scrape::Target>& targets) const;

  const base::Clock& clock_;  // when weights changed
  scheduling::PluginRegistry registry_;
  datastore::PoolBuilder pools_;
  CompiledPools compiled_;
  picker::ShareBook shares_;
  std::map<std::string, uint32_t, std::less<>> pool_ids_;
};

/// The DNS names in the sets, in file order.
std::vector<std::string> DnsNames(const std::vector<api::EndpointSet>& sets);

/// The endpoints of the sets, DNS names replaced by their addresses, in file order. An endpoint of
/// several addresses gets one entry each, named "name-<n>" from the second on.
std::vector<datastore::KnownEndpoint> Flatten(
    const std::vector<api::EndpointSet>& sets,
    const std::map<std::string, std::vector<std::string>>& dns);

}  // namespace inference::control
