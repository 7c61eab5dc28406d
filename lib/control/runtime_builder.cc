#include "control/runtime_builder.h"

#include <algorithm>
#include <set>

#include "manifest/reader.h"

namespace inference::control {
namespace {

const api::PoolConfig* PoolConfigOf(const api::DaemonConfig& daemon, const std::string& key) {
  const auto it = daemon.pools.find(key);
  return it == daemon.pools.end() ? nullptr : &it->second;
}

const api::ScrapeConfig& ScrapeConfigOf(const api::DaemonConfig& daemon, const std::string& key) {
  const api::PoolConfig* pool = PoolConfigOf(daemon, key);
  return pool && pool->scrape ? *pool->scrape : daemon.scrape;
}

flowcontrol::LineLimits LimitsOf(const api::PoolConfig* pool) {
  if (pool == nullptr) return {};
  return {static_cast<size_t>(*pool->parking.max_requests),
          static_cast<uint64_t>(*pool->parking.max_bytes), *pool->parking.max_wait};
}

// IPv4 when the name has any, else IPv6: a dual-stack name is one server, not two.
std::vector<std::string> OneFamily(const std::vector<std::string>& addresses) {
  std::vector<std::string> v4, v6;
  for (const std::string& address : addresses) {
    (address.find(':') == std::string::npos ? v4 : v6).push_back(address);
  }
  return v4.empty() ? v6 : v4;
}

datastore::EndpointInfo InfoOf(const api::EndpointSet& set,
                               const api::EndpointSet::Endpoint& endpoint) {
  datastore::EndpointInfo info;
  info.name = endpoint.name;
  info.ns = set.meta.ns;
  info.labels = endpoint.labels;
  info.labels.insert(set.meta.labels.begin(), set.meta.labels.end());  // the endpoint's own win
  info.annotations = endpoint.annotations;
  info.annotations.insert(set.meta.annotations.begin(), set.meta.annotations.end());
  return info;
}

}  // namespace

std::vector<std::string> DnsNames(const std::vector<api::EndpointSet>& sets) {
  std::vector<std::string> names;
  for (const api::EndpointSet& set : sets) {
    for (const api::EndpointSet::Endpoint& endpoint : set.endpoints) {
      if (!endpoint.dns.empty()) names.push_back(endpoint.dns);
    }
  }
  return names;
}

std::vector<datastore::KnownEndpoint> Flatten(
    const std::vector<api::EndpointSet>& sets,
    const std::map<std::string, std::vector<std::string>>& dns) {
  std::vector<datastore::KnownEndpoint> out;
  for (const api::EndpointSet& set : sets) {
    for (const api::EndpointSet::Endpoint& endpoint : set.endpoints) {
      std::vector<std::string> addresses{endpoint.address};
      if (!endpoint.dns.empty()) {
        const auto found = dns.find(endpoint.dns);
        addresses = found == dns.end() ? std::vector<std::string>() : OneFamily(found->second);
      }
      for (const std::string& address : addresses) {
        datastore::KnownEndpoint known{InfoOf(set, endpoint)};
        known.info.address = address;
        if (!endpoint.dns.empty()) known.info.name += "@" + address;
        if (endpoint.ports.empty()) out.push_back(known);
        for (size_t rank = 0; rank < endpoint.ports.size(); ++rank) {
          datastore::KnownEndpoint ported = known;
          ported.info.port = *endpoint.ports[rank];
          ported.info.rank = static_cast<int>(rank);
          if (endpoint.ports.size() > 1) ported.info.name += "/" + std::to_string(rank);
          out.push_back(std::move(ported));
        }
      }
    }
  }
  return out;
}

RuntimeBuilder::RuntimeBuilder(const base::Clock& clock) : clock_(clock) {
  scheduling::RegisterBuiltins(registry_);
}

std::shared_ptr<flowcontrol::Line> RuntimeBuilder::LineOf(const std::string& key) const {
  const auto it = compiled_.find(key);
  return it == compiled_.end() ? std::make_shared<flowcontrol::Line>() : it->second.line;
}

bool RuntimeBuilder::CompilePool(const Inputs& inputs, const api::InferencePool& pool,
                                 CompiledPool& out, api::Diagnostics& diagnostics) {
  const std::string key = pool.meta.key();
  const api::PoolConfig* own = PoolConfigOf(*inputs.daemon, key);
  const std::string& path =
      own && !own->picker_config->empty() ? *own->picker_config : *inputs.daemon->picker_config;
  std::string text;
  if (!path.empty()) {
    const auto found = inputs.picker_configs.find(path);
    if (found == inputs.picker_configs.end()) return false;  // reading it failed and said so
    text = path + "\n" + found->second;
  }
  // The scheduler holds the pool's prefix index: unchanged text keeps it.
  if (const auto it = compiled_.find(key);
      it != compiled_.end() && it->second.config_text == text) {
    out = it->second;
    return true;
  }
  std::optional<api::EndpointPickerConfig> config = scheduling::DefaultConfig();
  if (!path.empty()) {
    config = manifest::ReadPickerConfig(path, inputs.picker_configs.at(path), diagnostics);
  }
  if (!config) return false;
  out.config_text = std::move(text);
  out.scheduler = scheduling::Compile(*config, registry_, diagnostics);
  if (!out.scheduler) return false;
  out.line = LineOf(key);
  out.saturation = flowcontrol::ReadSaturationLimits(*config);
  out.columns_id = picker::ColumnNames::Intern(*out.scheduler);
  out.pool_id = pool_ids_.emplace(key, static_cast<uint32_t>(pool_ids_.size())).first->second;
  return true;
}

void RuntimeBuilder::AddTargets(const api::DaemonConfig& daemon,
                                const std::vector<picker::PoolRuntime>& pools,
                                const metrics::EngineMaps& maps,
                                std::vector<scrape::Target>& targets) const {
  std::set<const datastore::Endpoint*> seen;  // an endpoint of two pools is scraped once
  for (const picker::PoolRuntime& pool : pools) {
    const api::ScrapeConfig& config = ScrapeConfigOf(daemon, pool.pool->key());
    for (const std::shared_ptr<datastore::Endpoint>& endpoint : pool.pool->endpoints()) {
      if (!seen.insert(endpoint.get()).second) continue;
      targets.push_back({endpoint, config, maps.For(endpoint->info(), config)});
    }
  }
}

bool RuntimeBuilder::CompileAll(const Inputs& inputs, CompiledPools& out,
                                api::Diagnostics& diagnostics) {
  // What refers to something that couldn't be read would only repeat the first mistake.
  if (!api::HasErrors(diagnostics)) {
    manifest::CheckReferences(inputs.manifests, diagnostics);
    manifest::CheckReferences(inputs.manifests, *inputs.daemon, diagnostics);
  }
  for (const api::InferencePool& pool : inputs.manifests.pools) {
    CompiledPool one;
    if (CompilePool(inputs, pool, one, diagnostics)) out[pool.meta.key()] = std::move(one);
  }
  return !api::HasErrors(diagnostics) && out.size() == inputs.manifests.pools.size();
}

bool RuntimeBuilder::Check(const Inputs& inputs, api::Diagnostics& diagnostics) {
  CompiledPools compiled;
  const bool good = CompileAll(inputs, compiled, diagnostics);
  metrics::EngineMaps::Make(inputs.daemon->engines, diagnostics);
  return good && !api::HasErrors(diagnostics);
}

std::unique_ptr<Built> RuntimeBuilder::Build(const Inputs& inputs, uint64_t generation,
                                             api::Diagnostics& diagnostics) {
  CompiledPools compiled;
  const bool good = CompileAll(inputs, compiled, diagnostics);
  const metrics::EngineMaps maps = metrics::EngineMaps::Make(inputs.daemon->engines, diagnostics);
  if (!good || api::HasErrors(diagnostics)) return nullptr;

  auto built = std::make_unique<Built>();
  const base::WallTime now = clock_.WallNow();
  std::vector<picker::PoolRuntime> runtimes;
  for (auto& pool :
       pools_.Build(inputs.manifests.pools, Flatten(inputs.manifests.endpoint_sets, inputs.dns))) {
    const CompiledPool& parts = compiled.at(pool->key());
    const api::PoolConfig* own = PoolConfigOf(*inputs.daemon, pool->key());
    picker::PoolRuntime runtime;
    runtime.scheduler = parts.scheduler;
    runtime.saturation = parts.saturation;
    const flowcontrol::LineLimits limits = LimitsOf(own);
    parts.line->SetLimits(limits);
    if (limits.enabled()) runtime.line = parts.line;
    runtime.models = std::make_shared<const picker::ModelTable>(
        inputs.manifests.rewrites, inputs.manifests.objectives, pool->key(), shares_, now);
    runtime.columns_id = parts.columns_id;
    runtime.pool_id = parts.pool_id;
    runtime.read.stale_after = *ScrapeConfigOf(*inputs.daemon, pool->key()).stale_after;
    if (own) {
      runtime.read.inflight_correction = *own->inflight_correction;
      runtime.destination_list = static_cast<size_t>(*own->destination_list);
      runtime.response_tracking = *own->response_tracking;
      runtime.outlier_detection = own->outlier_detection;
      runtime.slow_start = own->slow_start;
    }
    runtime.pool = std::move(pool);
    runtimes.push_back(std::move(runtime));
  }
  AddTargets(*inputs.daemon, runtimes, maps, built->targets);
  std::unordered_map<std::string, std::string> routes;
  for (const auto& [route, pool] : inputs.daemon->routes) routes[route] = *pool;
  built->runtime = std::make_shared<const picker::Runtime>(
      generation, std::move(runtimes), std::move(routes),
      picker::MakeRouteRules(inputs.manifests.routes, shares_, now));
  compiled_ = std::move(compiled);
  return built;
}

}  // namespace inference::control
