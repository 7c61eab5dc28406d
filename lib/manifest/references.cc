#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "api/codes.h"
#include "base/text.h"
#include "manifest/fields.h"
#include "manifest/reader.h"

// What can only be said about all objects together.
namespace inference::manifest {
namespace {

namespace codes = api::codes;

// Groups and versions don't count: a kind's name stands for one object here.
void CheckDuplicates(const ManifestSet& set, api::Diagnostics& out) {
  std::map<std::pair<std::string_view, std::string>, api::Origin> seen;
  const auto check = [&](std::string_view kind, const api::ObjectMeta& meta) {
    const auto [it, inserted] = seen.emplace(std::pair(kind, meta.key()), meta.origin);
    if (inserted) return;
    Report(out, codes::kDuplicateObject, meta.origin,
           fmt::format("{} {} is defined twice", kind, meta.key()),
           "the first one is at " + it->second.ToString());
  };
  for (const auto& pool : set.pools) check("InferencePool", pool.meta);
  for (const auto& endpoints : set.endpoint_sets) check("EndpointSet", endpoints.meta);
  for (const auto& rewrite : set.rewrites) check(rewrite.kind, rewrite.meta);
  for (const auto& objective : set.objectives) check("InferenceObjective", objective.meta);
  for (const auto& route : set.routes) check("HTTPRoute", route.meta);
}

// What names a pool that isn't there. A rewrite or an objective may wait for its pool; a route's
// requests can't be sent anywhere.
void CheckPoolNames(const ManifestSet& set, api::Diagnostics& out) {
  std::vector<std::string> keys;
  for (const api::InferencePool& pool : set.pools) keys.push_back(pool.meta.key());
  const std::vector<std::string_view> names(keys.begin(), keys.end());
  const auto check = [&](api::Severity severity, std::string_view kind, const api::ObjectMeta& meta,
                         const std::string& pool, const api::Origin& at, std::string_view effect) {
    if (std::find(names.begin(), names.end(), pool) != names.end()) return;
    const std::string_view meant = base::ClosestMatch(pool, names);
    out.push_back({severity, std::string(codes::kUnknownReference), at,
                   fmt::format("{} {}: there is no pool {}", kind, meta.key(), pool),
                   meant.empty() ? std::string(effect) : fmt::format("did you mean '{}'?", meant)});
  };
  for (const api::ModelRewrite& rewrite : set.rewrites) {
    check(api::Severity::kWarning, rewrite.kind, rewrite.meta, rewrite.pool_key(),
          rewrite.pool.origin, "it acts on no request until there is one");
  }
  for (const api::Objective& objective : set.objectives) {
    check(api::Severity::kWarning, "InferenceObjective", objective.meta, objective.pool_key(),
          objective.pool.origin, "it acts on no request until there is one");
  }
  for (const api::HttpRoute& route : set.routes) {
    for (const api::HttpRoute::Rule& rule : route.rules) {
      for (const api::HttpRoute::Backend& backend : rule.pools) {
        check(api::Severity::kError, "HTTPRoute", route.meta, backend.pool, backend.origin,
              "its share of the requests could not be sent anywhere");
      }
    }
  }
}

// The endpoint's labels win over the set's.
bool Selects(const api::InferencePool& pool, const api::EndpointSet& set,
             const api::EndpointSet::Endpoint& endpoint) {
  if (pool.meta.ns != set.meta.ns || pool.match_labels.empty()) return false;
  for (const auto& [key, value] : pool.match_labels) {
    auto it = endpoint.labels.find(key);
    if (it == endpoint.labels.end()) {
      it = set.meta.labels.find(key);
      if (it == set.meta.labels.end()) return false;
    }
    if (it->second != value) return false;
  }
  return true;
}

// Finds host:port pairs that two endpoints of one pool share.
class AddressCheck {
 public:
  AddressCheck(const api::InferencePool& pool, api::Diagnostics& out) : pool_(pool), out_(out) {}

  void Add(const api::EndpointSet::Endpoint& endpoint) {
    ++endpoints_;
    const bool dns = endpoint.address.empty();
    const std::string host = dns ? base::ToLower(endpoint.dns) : endpoint.address;
    for (const api::Field<int>& port :
         endpoint.ports.empty() ? pool_.target_ports : endpoint.ports) {
      const auto [it, inserted] = seen_.emplace(std::pair(host, *port), &endpoint);
      if (inserted) continue;
      Report(out_, codes::kSharedAddress, endpoint.origin,
             fmt::format("endpoint '{}' has the address {} port {} of endpoint '{}' in pool {}",
                         endpoint.name, host, *port, it->second->name, pool_.meta.key()),
             "the other one is at " + it->second->origin.ToString());
    }
  }

  size_t endpoints() const { return endpoints_; }

 private:
  const api::InferencePool& pool_;
  api::Diagnostics& out_;
  size_t endpoints_ = 0;
  std::map<std::pair<std::string, int>, const api::EndpointSet::Endpoint*> seen_;
};

}  // namespace

void CheckReferences(const ManifestSet& set, api::Diagnostics& diagnostics) {
  CheckDuplicates(set, diagnostics);
  CheckPoolNames(set, diagnostics);
  std::set<const api::EndpointSet*> selected;
  for (const api::InferencePool& pool : set.pools) {
    AddressCheck check(pool, diagnostics);
    for (const api::EndpointSet& endpoints : set.endpoint_sets) {
      for (const api::EndpointSet::Endpoint& endpoint : endpoints.endpoints) {
        if (!Selects(pool, endpoints, endpoint)) continue;
        selected.insert(&endpoints);
        check.Add(endpoint);
      }
    }
    if (check.endpoints() == 0) {
      Warn(diagnostics, codes::kSelectsNothing, pool.meta.origin,
           fmt::format("pool {} selects no endpoint", pool.meta.key()),
           "its requests are answered with 503 until an EndpointSet of the same namespace matches");
    }
  }
  for (const api::EndpointSet& endpoints : set.endpoint_sets) {
    if (endpoints.endpoints.empty() || selected.count(&endpoints)) continue;
    Warn(diagnostics, codes::kUnselected, endpoints.meta.origin,
         fmt::format("no pool selects an endpoint of EndpointSet {}", endpoints.meta.key()),
         "a pool's selector.matchLabels must match the labels, in the same namespace");
  }
}

void CheckReferences(const ManifestSet& set, const api::DaemonConfig& config,
                     api::Diagnostics& diagnostics) {
  std::vector<std::string> keys;
  for (const api::InferencePool& pool : set.pools) keys.push_back(pool.meta.key());
  const std::vector<std::string_view> names(keys.begin(), keys.end());
  const auto check = [&](api::Severity severity, const std::string& pool, const api::Origin& at,
                         const std::string& where) {
    for (const std::string_view name : names) {
      if (name == pool) return;
    }
    const std::string_view meant = base::ClosestMatch(pool, names);
    diagnostics.push_back({severity, std::string(codes::kUnknownReference), at,
                           fmt::format("{}: there is no pool {}", where, pool),
                           meant.empty() ? "" : fmt::format("did you mean '{}'?", meant)});
  };
  for (const auto& [key, pool] : config.pools) {
    check(api::Severity::kWarning, key, pool.origin, "pools");
  }
  for (const auto& [route, pool] : config.routes) {
    check(api::Severity::kError, *pool, pool.origin, "routes." + base::Printable(route, 80));
  }
}

}  // namespace inference::manifest
