#include "datastore/snapshot.h"

#include <charconv>

#include "base/text.h"

namespace inference::datastore {
namespace {

bool Matches(const api::Labels& selector, const api::Labels& labels) {
  for (const auto& [key, value] : selector) {
    const auto it = labels.find(key);
    if (it == labels.end() || it->second != value) return false;
  }
  return true;
}

// The annotation's list, or null when there is none (all ports are active).
const std::string* ActivePorts(const api::Labels& annotations) {
  for (std::string_view key :
       {"llm-d.ai/active-ports", "inference.networking.k8s.io/active-ports"}) {
    const auto it = annotations.find(key);
    if (it != annotations.end()) return &it->second;
  }
  return nullptr;
}

bool IsActive(const std::string* active, int port) {
  if (!active) return true;
  for (std::string_view piece : base::SplitTrimmed(*active, ',')) {
    int number = 0;
    const auto [end, error] = std::from_chars(piece.data(), piece.data() + piece.size(), number);
    if (error == std::errc() && end == piece.data() + piece.size() && number == port) return true;
  }
  return false;
}

}  // namespace

Pool::Pool(api::InferencePool spec, std::vector<std::shared_ptr<Endpoint>> endpoints)
    : spec_(std::move(spec)), key_(spec_.meta.key()), endpoints_(std::move(endpoints)) {
  for (size_t i = 0; i < endpoints_.size(); ++i) {
    by_host_port_.emplace(endpoints_[i]->info().host_port, i);
  }
}

const std::shared_ptr<Endpoint>* Pool::FindByHostPort(std::string_view host_port) const {
  const auto it = by_host_port_.find(host_port);
  return it == by_host_port_.end() ? nullptr : &endpoints_[it->second];
}

std::vector<std::shared_ptr<const Pool>> PoolBuilder::Build(
    const std::vector<api::InferencePool>& pools, const std::vector<KnownEndpoint>& endpoints) {
  std::vector<std::shared_ptr<const Pool>> built;
  std::unordered_map<std::string, std::weak_ptr<Endpoint>> next;
  for (const api::InferencePool& pool : pools) {
    std::vector<std::shared_ptr<Endpoint>> members;
    const auto add = [&](EndpointInfo info) {
      info.host_port = JoinHostPort(info.address, info.port);
      const std::string key = info.ns + "/" + info.name + "@" + info.host_port;
      // A pool before this one may have just made it; else the last generation has it.
      std::shared_ptr<Endpoint> endpoint;
      if (const auto it = next.find(key); it != next.end()) {
        endpoint = it->second.lock();
      } else if (const auto old = known_.find(key); old != known_.end()) {
        endpoint = old->second.lock();
      }
      if (!endpoint || endpoint->info() != info) {
        endpoint = std::make_shared<Endpoint>(std::move(info));
      }
      next[key] = endpoint;
      members.push_back(std::move(endpoint));
    };
    for (const KnownEndpoint& known : endpoints) {
      if (known.info.ns != pool.meta.ns || !Matches(pool.match_labels, known.info.labels)) continue;
      const std::string* active = ActivePorts(known.info.annotations);
      if (known.info.port != 0) {
        if (IsActive(active, known.info.port)) add(known.info);
        continue;
      }
      for (size_t rank = 0; rank < pool.target_ports.size(); ++rank) {
        const int port = *pool.target_ports[rank];
        if (!IsActive(active, port)) continue;
        EndpointInfo info = known.info;
        info.port = port;
        info.rank = static_cast<int>(rank);
        if (pool.target_ports.size() > 1) info.name += "/" + std::to_string(rank);
        add(std::move(info));
      }
    }
    built.push_back(std::make_shared<const Pool>(pool, std::move(members)));
  }
  known_ = std::move(next);
  return built;
}

}  // namespace inference::datastore
