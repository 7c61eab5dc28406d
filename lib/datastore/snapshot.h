#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "api/kinds.h"
#include "datastore/endpoint.h"

namespace inference::datastore {

/// One InferencePool with the endpoints its selector matches; immutable but for the endpoints' live
/// state. The position of an endpoint in `endpoints()` is its index in this pool.
class Pool {
 public:
  Pool(api::InferencePool spec, std::vector<std::shared_ptr<Endpoint>> endpoints);

  const std::string& key() const { return key_; }  // "namespace/name"
  const api::InferencePool& spec() const { return spec_; }
  const std::vector<std::shared_ptr<Endpoint>>& endpoints() const { return endpoints_; }
  /// By "ip:port" as in the destination header, or null.
  const std::shared_ptr<Endpoint>* FindByHostPort(std::string_view host_port) const;

 private:
  api::InferencePool spec_;
  std::string key_;
  std::vector<std::shared_ptr<Endpoint>> endpoints_;
  std::unordered_map<std::string_view, size_t> by_host_port_;  // views into the endpoints' infos
};

/// An endpoint that sources know of, before any pool selects it.
struct KnownEndpoint {
  EndpointInfo info;  // port 0: not fixed, the pool's targetPorts apply
};

/// Matches endpoints to pools and keeps identities: an endpoint whose EndpointInfo did not change
/// is the same object in the next generation, and one object for all pools that select it. Not
/// thread-safe; the control thread owns it.
class PoolBuilder {
 public:
  /// Pools in the order given, each with its endpoints in the order given. The annotation
  /// `inference.networking.k8s.io/active-ports` (or `llm-d.ai/active-ports`) restricts ports.
  std::vector<std::shared_ptr<const Pool>> Build(const std::vector<api::InferencePool>& pools,
                                                 const std::vector<KnownEndpoint>& endpoints);

 private:
  // by namespace, name and address; weak, so that what no snapshot holds goes
  std::unordered_map<std::string, std::weak_ptr<Endpoint>> known_;
};

}  // namespace inference::datastore
