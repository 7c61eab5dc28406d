#include <fmt/format.h>

#include <array>
#include <set>
#include <string>

#include "api/codes.h"
#include "base/text.h"
#include "manifest/fields.h"
#include "manifest/lint/lint.h"

// INF02xx: the picker's Service, and ports of pools, Services and containers.
namespace inference::manifest::lint {
namespace {

namespace codes = api::codes;

/// A pool of any version, as far as ports and the picker are concerned.
struct PoolView {
  explicit PoolView(const Object& pool) : object(pool) {
    const Node& node = *pool.node;
    const bool current = pool.kind->api_version == "inference.networking.k8s.io/v1";
    picker = At(node, current ? "spec.endpointPickerRef" : "spec.extensionRef");
    if (current) {
      for (const Node& port : ItemsAt(node, "spec.targetPorts")) {
        if (const Node* number = At(port, "number")) target_ports.push_back(number);
      }
    } else if (const Node* number = At(node, "spec.targetPortNumber")) {
      target_ports.push_back(number);
    }
    if (picker == nullptr) return;
    picker_port = At(*picker, current ? "port.number" : "portNumber");
    if (!current && picker_port == nullptr) picker_port = At(*picker, "targetPortNumber");
  }
  const Object& object;
  const Node* picker = nullptr;
  const Node* picker_port = nullptr;
  std::vector<const Node*> target_ports;
};

void CheckPickerPort(const PoolView& pool, const Object& service, api::Diagnostics& out) {
  if (pool.picker_port == nullptr) return;
  const std::string& port = pool.picker_port->text;
  for (const Node* target : pool.target_ports) {
    if (target->text != port) continue;
    Report(out, codes::kPickerPort, pool.picker_port->at,
           fmt::format("pool {} has port {} for its picker and for its model servers",
                       pool.object.key(), port),
           "the gateway speaks ext_proc to the picker, 9002 as a rule");
    return;
  }
  std::string known;
  for (const Node& item : ItemsAt(*service.node, "spec.ports")) {
    const std::string_view number = TextAt(item, "port");
    if (number == port) return;
    known += (known.empty() ? "" : ", ") + std::string(number);
  }
  Report(out, codes::kPickerPort, pool.picker_port->at,
         fmt::format("{} has no port {}", service.Title(), port),
         known.empty() ? "it has no ports" : "it has " + known);
}

void Pickers(const Workspace& workspace, api::Diagnostics& out) {
  for (const Object* object : workspace.OfKind("InferencePool")) {
    const PoolView pool(*object);
    if (pool.picker == nullptr || TextAt(*pool.picker, "kind", "Service") != "Service" ||
        !TextAt(*pool.picker, "group").empty()) {
      continue;
    }
    const Node* name = At(*pool.picker, "name");
    const auto& services = workspace.OfKind("Service", object->ns);
    // Without any Service of that namespace they are elsewhere: nothing can be said.
    if (name == nullptr || services.empty()) continue;
    const Object* service = workspace.Find("", "Service", object->ns, name->text);
    if (service == nullptr) {
      std::vector<std::string_view> names;
      for (const Object* each : services) names.push_back(each->name);
      const std::string_view meant = base::ClosestMatch(name->text, names);
      Report(out, codes::kPickerNotFound, name->at,
             fmt::format("the picker of pool {} is Service {}/{}, which is not there",
                         object->key(), object->ns, base::Printable(name->text, 80)),
             meant.empty() ? "" : fmt::format("did you mean '{}'?", meant));
    } else if (TextAt(*service->node, "spec.type") == "ExternalName") {
      Report(out, codes::kExternalName, name->at,
             fmt::format("the picker of pool {} is {} of type ExternalName", object->key(),
                         service->Title()),
             "use a Service with a selector");
    } else {
      CheckPickerPort(pool, *service, out);
    }
  }
}

/// Ports that the containers of a pod declare; as text.
std::set<std::string, std::less<>> DeclaredPorts(const Node& pods) {
  std::set<std::string, std::less<>> ports;
  for (const char* list : {"spec.containers", "spec.initContainers"}) {
    for (const Node& container : ItemsAt(pods, list)) {
      for (const Node& port : ItemsAt(container, "ports")) {
        ports.emplace(TextAt(port, "containerPort"));
      }
    }
  }
  return ports;
}

void TargetPorts(const Workspace& workspace, api::Diagnostics& out) {
  for (const Object* object : workspace.OfKind("InferencePool")) {
    const PoolView pool(*object);
    const auto selector = SelectorOf(*object);
    for (const Object* workload : workspace.Workloads(object->ns)) {
      for (const Node* pods : PodTemplatesOf(*workload)) {
        if (!Matches(selector, MapAt(*pods, "metadata.labels"))) continue;
        const auto declared = DeclaredPorts(*pods);
        if (declared.empty()) continue;  // to declare ports is optional
        for (const Node* port : pool.target_ports) {
          if (declared.contains(port->text)) continue;
          Report(out, codes::kPortNotExposed, port->at,
                 fmt::format("pool {} has target port {}, which no container of {} declares",
                             object->key(), port->text, workload->Title()),
                 fmt::format("it declares {}; the workload is at {}",
                             fmt::format("{}", fmt::join(declared, ", ")),
                             workload->node->at.ToString()));
        }
      }
    }
  }
}

}  // namespace

std::span<const Rule> PortRules() {
  static constexpr std::array<Rule, 2> kAll{&Pickers, &TargetPorts};
  return kAll;
}

}  // namespace inference::manifest::lint
