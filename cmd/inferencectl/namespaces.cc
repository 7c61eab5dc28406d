#include "inferencectl/namespaces.h"

#include <algorithm>

namespace inference::ctl {
namespace {

template <typename List, typename Keep>
void KeepIf(List& list, Keep keep) {
  list.erase(
      std::remove_if(list.begin(), list.end(), [&](const auto& each) { return !keep(each); }),
      list.end());
}

}  // namespace

std::string InNamespace(const Invocation& run, const std::string& name) {
  const std::string& ns = run.args.Text("namespace");
  return ns.empty() || name.empty() || name.find('/') != std::string::npos ? name : ns + "/" + name;
}

void KeepNamespace(const Invocation& run, admin::v1::ListPoolsResponse& list) {
  const std::string& ns = run.args.Text("namespace");
  if (ns.empty()) return;
  KeepIf(*list.mutable_pools(), [&](const auto& pool) { return pool.key().starts_with(ns + "/"); });
}

void KeepNamespace(const Invocation& run, admin::v1::ListObjectsResponse& list) {
  const std::string& ns = run.args.Text("namespace");
  if (ns.empty()) return;
  KeepIf(*list.mutable_objects(),
         [&](const auto& object) { return object.key().namespace_() == ns; });
}

void KeepNamespace(const Invocation& run, const std::vector<std::string>& names,
                   admin::v1::ListEndpointsResponse& list) {
  const std::string& ns = run.args.Text("namespace");
  if (ns.empty()) return;
  std::vector<std::string> lost;
  const auto named = [](const admin::v1::Endpoint& endpoint, const std::string& name) {
    return endpoint.name() == name || endpoint.address() == name;
  };
  for (const std::string& name : names) {
    bool elsewhere = false, here = false;
    for (const auto& endpoint : list.endpoints()) {
      if (named(endpoint, name)) (endpoint.namespace_() == ns ? here : elsewhere) = true;
    }
    if (elsewhere && !here) lost.push_back(name);
  }
  KeepIf(*list.mutable_endpoints(), [&](const auto& e) { return e.namespace_() == ns; });
  for (const std::string& name : lost) list.add_unknown_names(name);
}

}  // namespace inference::ctl
