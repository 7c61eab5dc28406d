#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "api/codes.h"
#include "manifest/fields.h"
#include "manifest/lint/command_line.h"
#include "manifest/lint/lint.h"

// INF07xx: what can be reached that should not be, and what is there only once.
namespace inference::manifest::lint {
namespace {

namespace codes = api::codes;

constexpr std::string_view kDefaultMetricsPort = "9090";  // of the reference picker

using Labels = std::map<std::string, std::string, std::less<>>;

/// A container that runs a picker.
struct Picker {
  const Object* workload;
  const Node* pods;
  const Node* container;
};

std::vector<Picker> PickersOf(const Workspace& workspace, std::string_view ns) {
  std::vector<Picker> pickers;
  for (const Object* workload : workspace.Workloads(ns)) {
    for (const Node* pods : PodTemplatesOf(*workload)) {
      for (const Node& container : ItemsAt(*pods, "spec.containers")) {
        if (PoolNameOf(container)) pickers.push_back({workload, pods, &container});
      }
    }
  }
  return pickers;
}

// The number behind a Service's port: its targetPort, by name too.
std::string TargetPortOf(const Node& port, const Node& container) {
  const std::string text(TextAt(port, "targetPort", TextAt(port, "port")));
  for (const Node& declared : ItemsAt(container, "ports")) {
    if (TextAt(declared, "name") == text) return std::string(TextAt(declared, "containerPort"));
  }
  return text;
}

void OpenPorts(const Workspace& workspace, api::Diagnostics& out) {
  for (const Object* service : workspace.OfKind("Service")) {
    const std::string_view type = TextAt(*service->node, "spec.type");
    if (type != "NodePort" && type != "LoadBalancer") continue;
    const Labels selector = MapAt(*service->node, "spec.selector");
    for (const Picker& picker : PickersOf(workspace, service->ns)) {
      if (!Matches(selector, MapAt(*picker.pods, "metadata.labels"))) continue;
      const auto flag = FlagOf(*picker.container, "metrics-port");
      const std::string metrics = flag ? flag->first : std::string(kDefaultMetricsPort);
      for (const Node& port : ItemsAt(*service->node, "spec.ports")) {
        if (TargetPortOf(port, *picker.container) != metrics) continue;
        Warn(out, codes::kOpenAdminPort, port.at,
             fmt::format("{} of type {} opens the metrics port {} of {}", service->Title(), type,
                         metrics, picker.workload->Title()),
             "it shows models and endpoints to everybody who can reach a node; use a Service of "
             "type ClusterIP for it");
      }
    }
  }
}

bool HasBudget(const Workspace& workspace, const Object& workload, const Labels& labels) {
  const auto& budgets = workspace.OfKind("PodDisruptionBudget", workload.ns);
  return std::any_of(budgets.begin(), budgets.end(), [&](const Object* budget) {
    return Matches(MapAt(*budget->node, "spec.selector.matchLabels"), labels);
  });
}

void CheckReplicas(const Workspace& workspace, const Object& pool, const Object& service,
                   api::Diagnostics& out) {
  const Labels selector = MapAt(*service.node, "spec.selector");
  for (const Picker& picker : PickersOf(workspace, pool.ns)) {
    const Object& workload = *picker.workload;
    const std::string_view kind = workload.kind->kind;
    const Labels labels = MapAt(*picker.pods, "metadata.labels");
    const bool counted = kind == "Deployment" || kind == "StatefulSet" || kind == "ReplicaSet";
    if (!counted || !Matches(selector, labels)) continue;
    if (IntAt(*workload.node, "spec.replicas", 1) != 1 || HasBudget(workspace, workload, labels)) {
      continue;
    }
    const Node* replicas = At(*workload.node, "spec.replicas");
    Warn(out, codes::kSinglePicker, replicas != nullptr ? replicas->at : workload.node->at,
         fmt::format("{} is the only picker of pool {}, whose failureMode is FailClose",
                     workload.Title(), pool.key()),
         "no request is served while it restarts; run two, or give it a PodDisruptionBudget");
  }
}

void SinglePickers(const Workspace& workspace, api::Diagnostics& out) {
  for (const Object* pool : workspace.OfKind("InferencePool")) {
    const Node* ref = PickerRefOf(*pool);
    if (ref == nullptr || TextAt(*ref, "failureMode", "FailClose") != "FailClose") continue;
    const Object* service = workspace.Find("", "Service", pool->ns, TextAt(*ref, "name"));
    if (service != nullptr && service->sound) CheckReplicas(workspace, *pool, *service, out);
  }
}

}  // namespace

std::span<const Rule> AvailabilityRules() {
  static constexpr std::array<Rule, 2> kAll{&OpenPorts, &SinglePickers};
  return kAll;
}

}  // namespace inference::manifest::lint
