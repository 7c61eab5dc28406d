#include <fmt/format.h>

#include "api/codes.h"
#include "base/text.h"
#include "manifest/kinds.h"

// HTTPRoute, gateway.networking.k8s.io: the pools behind its rules and their weights. Matches,
// filters, timeouts and backends of other kinds are the gateway's, and not read.
namespace inference::manifest {
namespace {

namespace codes = api::codes;

constexpr int64_t kMaxWeight = 1'000'000;
constexpr size_t kMaxRules = 1000;
constexpr size_t kMaxBackends = 1000;

bool IsPool(const Node& backend) {
  for (const NodeMember& member : backend.members) {
    if (member.key == "kind") return member.value.text == "InferencePool";
  }
  return false;
}

std::optional<api::HttpRoute::Backend> ReadBackend(const Node& node, const std::string& path,
                                                   const std::string& ns, api::Diagnostics& out) {
  MapReader map(node, path, out);
  if (!map.ok() || !IsPool(node)) return std::nullopt;
  map.Ignore({"kind", "filters", "port"});
  api::HttpRoute::Backend backend;
  backend.origin = node.at;
  std::string pool_ns = ns;
  if (const Node* other = map.Find("namespace")) {
    pool_ns = ReadString(*other, map.Path("namespace"), 1, 63, out).value_or(ns);
  }
  if (const Node* group = map.Find("group")) {
    const std::optional<std::string> text = ReadString(*group, map.Path("group"), 0, 253, out);
    if (text && !text->starts_with("inference.networking.")) {
      Report(out, codes::kUnknownKind, group->at,
             fmt::format("there is no InferencePool in the group '{}'", base::Printable(*text, 80)),
             "its group is inference.networking.k8s.io");
    }
  }
  if (const Node* name = map.Need("name")) {
    backend.pool = pool_ns + "/" + ReadString(*name, map.Path("name"), 1, 253, out).value_or("");
  }
  if (const Node* weight = map.Find("weight")) {
    backend.weight =
        static_cast<int>(ReadInt(*weight, map.Path("weight"), 0, kMaxWeight, out).value_or(1));
  }
  map.Done();
  return backend;
}

api::HttpRoute::Rule ReadRule(const Node& node, const std::string& path, const std::string& ns,
                              api::Diagnostics& out) {
  api::HttpRoute::Rule rule;
  rule.origin = node.at;
  MapReader map(node, path, out);
  if (!map.ok()) return rule;
  const Node* backends = map.Find("backendRefs");
  if (!backends) return rule;
  const std::string list = map.Path("backendRefs");
  const auto* items = ReadList(*backends, list, 0, kMaxBackends, out);
  if (!items) return rule;
  int64_t total = 0;
  for (size_t i = 0; i < items->size(); ++i) {
    auto backend = ReadBackend((*items)[i], fmt::format("{}[{}]", list, i), ns, out);
    if (!backend) continue;
    total += backend->weight;
    rule.pools.push_back(std::move(*backend));
  }
  if (!rule.pools.empty() && rule.pools.size() == items->size() && total == 0) {
    Report(out, codes::kNoWeight, backends->at, fmt::format("all weights in {} are 0", list),
           "no pool could be chosen");
  }
  return rule;
}

}  // namespace

api::HttpRoute ReadHttpRoute(const Node& document, api::Diagnostics& out) {
  api::HttpRoute route;
  MapReader map(document, "", out);
  route.meta = ReadObjectMeta(map);
  const Node* spec = map.Need("spec");
  map.ReportMissing();
  if (!spec) return route;
  MapReader fields(*spec, "spec", out);
  if (!fields.ok()) return route;
  const Node* rules = fields.Find("rules");
  const auto* items = rules ? ReadList(*rules, "spec.rules", 0, kMaxRules, out) : nullptr;
  for (size_t i = 0; items && i < items->size(); ++i) {
    route.rules.push_back(
        ReadRule((*items)[i], fmt::format("spec.rules[{}]", i), route.meta.ns, out));
  }
  return route;
}

}  // namespace inference::manifest
