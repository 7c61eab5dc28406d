#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "api/codes.h"
#include "base/text.h"
#include "manifest/fields.h"
#include "manifest/lint/command_line.h"
#include "manifest/lint/lint.h"

// INF02xx: what objects say of each other by name and group.
namespace inference::manifest::lint {
namespace {

namespace codes = api::codes;

constexpr std::string_view kPoolGroup = "inference.networking.k8s.io";

std::string DidYouMean(std::string_view name, const std::vector<const Object*>& objects) {
  std::vector<std::string_view> names;
  for (const Object* object : objects) names.push_back(object->name);
  const std::string_view meant = base::ClosestMatch(name, names);
  return meant.empty() ? "" : fmt::format("did you mean '{}'?", meant);
}

/// A reference to a pool from an object of its own or another namespace.
struct PoolReference {
  const Node* name;  // where the name stands
  std::string group, ns;
  std::string_view wrong_group_code;
  std::string_view wrong_group_note;
};

void CheckPoolReference(const Workspace& workspace, const PoolReference& ref, std::string_view from,
                        api::Diagnostics& out) {
  // Without any pool at hand they are elsewhere: nothing can be said.
  if (workspace.OfKind("InferencePool").empty() || ref.name == nullptr) return;
  if (workspace.Find(ref.group, "InferencePool", ref.ns, ref.name->text) != nullptr) return;
  const Object* other = workspace.Find("*", "InferencePool", ref.ns, ref.name->text);
  if (other != nullptr) {
    Report(out, ref.wrong_group_code, ref.name->at,
           fmt::format("{} refers to pool {} in group '{}', which it is not in", from, other->key(),
                       ref.group),
           fmt::format("{}; the pool is in '{}'", ref.wrong_group_note,
                       schema::GroupOf(other->kind->api_version)));
    return;
  }
  Report(out, codes::kUnknownReference, ref.name->at,
         fmt::format("{} refers to pool {}/{}, which is not there", from, ref.ns,
                     base::Printable(ref.name->text, 80)),
         DidYouMean(ref.name->text, workspace.OfKind("InferencePool", ref.ns)));
}

void PoolRefs(const Workspace& workspace, api::Diagnostics& out) {
  for (const std::string_view kind :
       {"InferenceModelRewrite", "InferenceObjective", "InferenceModel"}) {
    const std::string_view fallback =
        kind == "InferenceModel" ? "inference.networking.x-k8s.io" : kPoolGroup;
    for (const Object* object : workspace.OfKind(kind)) {
      const Node* name = At(*object->node, "spec.poolRef.name");
      const std::string group(TextAt(*object->node, "spec.poolRef.group", fallback));
      CheckPoolReference(workspace,
                         {name, group, object->ns, codes::kPoolGroupMismatch,
                          "the reference picker then ignores this object without a word"},
                         object->Title(), out);
    }
  }
}

bool IsGranted(const Workspace& workspace, const Object& route, std::string_view ns,
               std::string_view pool) {
  for (const Object* grant : workspace.OfKind("ReferenceGrant", ns)) {
    const auto& from = ItemsAt(*grant->node, "spec.from");
    const auto& to = ItemsAt(*grant->node, "spec.to");
    const bool who = std::any_of(from.begin(), from.end(), [&](const Node& item) {
      return TextAt(item, "kind") == route.kind->kind && TextAt(item, "namespace") == route.ns;
    });
    const bool what = std::any_of(to.begin(), to.end(), [&](const Node& item) {
      const std::string_view name = TextAt(item, "name");
      return TextAt(item, "kind") == "InferencePool" && (name.empty() || name == pool);
    });
    if (who && what) return true;
  }
  return false;
}

void CheckBackend(const Workspace& workspace, const Object& route, const Node& backend,
                  api::Diagnostics& out) {
  if (TextAt(backend, "kind") != "InferencePool") return;
  const Node* name = At(backend, "name");
  const std::string ns(TextAt(backend, "namespace", route.ns));
  CheckPoolReference(workspace,
                     {name, std::string(TextAt(backend, "group")), ns, codes::kLegacyReference,
                      "the gateway finds no such backend"},
                     route.Title(), out);
  if (const Node* port = At(backend, "port")) {
    Warn(out, codes::kRoutePort, port->at,
         fmt::format("{} gives a port for an InferencePool", route.Title()),
         "the pool's targetPorts count; some gateways refuse such a route");
  }
  const bool known = name != nullptr && workspace.Find("*", "InferencePool", ns, name->text);
  if (known && ns != route.ns && !IsGranted(workspace, route, ns, name->text)) {
    Report(
        out, codes::kReferenceGrant, name->at,
        fmt::format("{} refers to pool {}/{} of another namespace", route.Title(), ns, name->text),
        fmt::format("namespace {} needs a ReferenceGrant from {}s of namespace {}", ns,
                    route.kind->kind, route.ns));
  }
}

void RouteRefs(const Workspace& workspace, api::Diagnostics& out) {
  for (const std::string_view kind : {"HTTPRoute", "GRPCRoute"}) {
    for (const Object* route : workspace.OfKind(kind)) {
      for (const Node& rule : ItemsAt(*route->node, "spec.rules")) {
        for (const Node& backend : ItemsAt(rule, "backendRefs")) {
          CheckBackend(workspace, *route, backend, out);
        }
      }
    }
  }
}

std::string PickerOf(const Object& pool) {
  const Node* ref = PickerRefOf(pool);
  return ref == nullptr ? "" : std::string(TextAt(*ref, "name"));
}

std::set<const Object*> WorkloadsOf(const Workspace& workspace, const Object& pool) {
  std::set<const Object*> out;
  const auto selector = SelectorOf(pool);
  for (const Object* workload : workspace.Workloads(pool.ns)) {
    for (const Node* pods : PodTemplatesOf(*workload)) {
      if (Matches(selector, MapAt(*pods, "metadata.labels"))) out.insert(workload);
    }
  }
  return out;
}

void ReportOverlap(const Object& pool, const Object& other, const Object& workload,
                   api::Diagnostics& out) {
  Warn(out, codes::kOverlappingPools, pool.node->at,
       fmt::format("pools {} and {} have different pickers and both select {}", other.key(),
                   pool.key(), workload.Title()),
       "each picker counts its own requests only; the other pool is at " +
           other.node->at.ToString());
}

void Selectors(const Workspace& workspace, api::Diagnostics& out) {
  std::map<const Object*, const Object*> first_pool;  // of each workload
  for (const Object* pool : workspace.OfKind("InferencePool")) {
    const auto own = WorkloadsOf(workspace, *pool);
    const auto& workloads = workspace.Workloads(pool->ns);
    // Pickers alone: the servers are elsewhere.
    const bool servers = std::any_of(workloads.begin(), workloads.end(),
                                     [](const Object* workload) { return !RunsPicker(*workload); });
    if (own.empty() && servers && workspace.OfKind("EndpointSet").empty()) {
      Warn(out, codes::kSelectsNothing, pool->node->at,
           fmt::format("pool {} selects no workload of these files", pool->key()),
           "its selector must match the labels of pods in the same namespace");
    }
    bool reported = false;
    for (const Object* workload : own) {
      const auto [it, inserted] = first_pool.emplace(workload, pool);
      if (inserted || reported || PickerOf(*it->second) == PickerOf(*pool)) continue;
      ReportOverlap(*pool, *it->second, *workload, out);
      reported = true;
    }
  }
}

}  // namespace

std::span<const Rule> ReferenceRules() {
  static constexpr std::array<Rule, 3> kAll{&PoolRefs, &RouteRefs, &Selectors};
  return kAll;
}

}  // namespace inference::manifest::lint
