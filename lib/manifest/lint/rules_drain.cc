#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>

#include "api/codes.h"
#include "base/text.h"
#include "manifest/fields.h"
#include "manifest/lint/lint.h"

// INF0407 and INF0410: drains by label, which hold only where every profile leaves the labelled
// endpoints out and no gateway passes by the picker.
namespace inference::manifest::lint {
namespace {

namespace codes = api::codes;

bool IsDrainLabel(std::string_view key) {
  const std::string lower = base::ToLower(key);
  return lower.find("drain") != std::string::npos || lower.find("cordon") != std::string::npos;
}

/// The labels that a filter keeps endpoints out by: `DoesNotExist` of a key that speaks of drains.
std::set<std::string> DrainLabelsOf(const Node& plugin) {
  std::set<std::string> keys;
  if (TextAt(plugin, "type") != "label-selector-filter") return keys;
  for (const Node& wanted : ItemsAt(plugin, "parameters.matchExpressions")) {
    const std::string key(TextAt(wanted, "key"));
    if (TextAt(wanted, "operator") == "DoesNotExist" && IsDrainLabel(key)) keys.insert(key);
  }
  return keys;
}

// A drain by label holds only where every profile leaves the labelled endpoints out.
void DrainFilters(const Workspace& workspace, api::Diagnostics& out) {
  for (const Object* config : workspace.OfKind("EndpointPickerConfig")) {
    std::map<std::string, std::string, std::less<>> label_of;  // by the plugin's name
    for (const Node& plugin : ItemsAt(*config->node, "plugins")) {
      const auto keys = DrainLabelsOf(plugin);
      if (!keys.empty())
        label_of.emplace(TextAt(plugin, "name", TextAt(plugin, "type")), *keys.begin());
    }
    const auto& profiles = ItemsAt(*config->node, "schedulingProfiles");
    const auto filter_of = [&](const Node& profile) -> const std::string* {
      for (const Node& entry : ItemsAt(profile, "plugins")) {
        const auto found = label_of.find(TextAt(entry, "pluginRef"));
        if (found != label_of.end()) return &found->second;
      }
      return nullptr;
    };
    // Where no profile has one, it is not used for drains here, or unused, which is said elsewhere.
    const auto with = std::find_if(profiles.begin(), profiles.end(), [&](const Node& profile) {
      return filter_of(profile) != nullptr;
    });
    if (with == profiles.end()) continue;
    for (const Node& profile : profiles) {
      const Node* name = At(profile, "name");
      if (name == nullptr || filter_of(profile) != nullptr) continue;
      Warn(out, codes::kProfileWithoutDrainLabel, name->at,
           fmt::format("profile '{}' has no filter for the label {}",
                       base::Printable(name->text, 60), *filter_of(*with)),
           fmt::format("its requests still go to endpoints that are labelled; profile '{}' has one",
                       TextAt(*with, "name")));
    }
  }
}

// What these manifests drain endpoints by: a label on pods that the pool selects, or a filter for
// it.
const Node* DrainOf(const Workspace& workspace, const Object& pool) {
  const auto selector = SelectorOf(pool);
  for (const Object* workload : workspace.Workloads(pool.ns)) {
    for (const Node* pods : PodTemplatesOf(*workload)) {
      const Node* labels = At(*pods, "metadata.labels");
      if (labels == nullptr || !Matches(selector, MapAt(*pods, "metadata.labels"))) continue;
      for (const NodeMember& member : labels->members) {
        if (IsDrainLabel(member.key)) return &member.value;
      }
    }
  }
  for (const Object* config : workspace.OfKind("EndpointPickerConfig")) {
    for (const Node& plugin : ItemsAt(*config->node, "plugins")) {
      if (!DrainLabelsOf(plugin).empty()) return &plugin;
    }
  }
  return nullptr;
}

void FailOpenDrains(const Workspace& workspace, api::Diagnostics& out) {
  for (const Object* pool : workspace.OfKind("InferencePool")) {
    const Node* ref = PickerRefOf(*pool);
    const Node* mode = ref != nullptr ? At(*ref, "failureMode") : nullptr;
    if (mode == nullptr || mode->text != "FailOpen") continue;
    const Node* drain = DrainOf(workspace, *pool);
    if (drain == nullptr) continue;
    Warn(out, codes::kFailOpenDrain, mode->at,
         fmt::format("pool {} fails open, and pods are drained by label", pool->key()),
         fmt::format("while the picker is away the gateway sends requests to drained pods too; the "
                     "place that says so is {}",
                     drain->at.ToString()));
  }
}

}  // namespace

std::span<const Rule> DrainRules() {
  static constexpr std::array<Rule, 2> kAll{&DrainFilters, &FailOpenDrains};
  return kAll;
}

}  // namespace inference::manifest::lint
