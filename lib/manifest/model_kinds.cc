#include <fmt/format.h>

#include "api/codes.h"
#include "api/text_values.h"
#include "base/text.h"
#include "manifest/kinds.h"

// InferenceModelRewrite, InferenceModel and InferenceObjective of all their versions.
namespace inference::manifest {
namespace {

namespace codes = api::codes;

constexpr int64_t kMaxWeight = 1'000'000;
constexpr size_t kMaxRules = 1000;
constexpr size_t kMaxMatches = 1000;
constexpr size_t kMaxTargets = 1000;
constexpr size_t kMaxModelName = 4096;

// The pool's name. Which group it is of makes no difference: a name stands for one pool here.
api::Field<std::string> ReadPoolRef(MapReader& spec, api::Diagnostics& out) {
  api::Field<std::string> pool;
  const Node* node = spec.Need("poolRef");
  if (!node) return pool;
  MapReader ref(*node, spec.Path("poolRef"), out);
  if (!ref.ok()) return pool;
  if (const Node* name = ref.Need("name")) {
    Assign(*name, ReadString(*name, ref.Path("name"), 1, 253, out), pool);
  }
  if (const Node* group = ref.Find("group")) {
    const std::optional<std::string> text = ReadString(*group, ref.Path("group"), 0, 253, out);
    if (text && !text->empty() && !api::IsDnsSubdomain(*text)) {
      Report(out, codes::kBadName, group->at,
             fmt::format("{} '{}' is not an API group", ref.Path("group"),
                         base::Printable(*text, 80)));
    }
  }
  if (const Node* kind = ref.Find("kind")) {
    ReadEnum(*kind, ref.Path("kind"), {"InferencePool"}, out);
  }
  ref.Done();
  return pool;
}

// One list of weighted targets; `name_field` is what the kind calls a target's model.
std::vector<api::ModelRewrite::Target> ReadTargets(const Node& node, const std::string& path,
                                                   std::string_view name_field, int64_t min_weight,
                                                   api::Diagnostics& out) {
  std::vector<api::ModelRewrite::Target> targets;
  const auto* items = ReadList(node, path, 1, kMaxTargets, out);
  if (!items) return targets;
  int64_t total = 0;
  size_t weighted = 0;
  for (size_t i = 0; i < items->size(); ++i) {
    MapReader map((*items)[i], fmt::format("{}[{}]", path, i), out);
    if (!map.ok()) continue;
    api::ModelRewrite::Target target;
    target.origin = (*items)[i].at;
    if (const Node* name = map.Need(name_field)) {
      target.model = ReadString(*name, map.Path(name_field), 1, kMaxModelName, out).value_or("");
    }
    if (const Node* weight = map.Find("weight")) {
      api::Diagnostics found;
      const auto value = ReadInt(*weight, map.Path("weight"), min_weight, kMaxWeight, found);
      for (api::Diagnostic& d : found) {
        if (d.code == codes::kOutOfRange) d.code = codes::kTargetWeight;
        out.push_back(std::move(d));
      }
      ++weighted;
      if (value) {
        target.weight = static_cast<int>(*value);
        total += *value;
      }
    }
    map.Done();
    targets.push_back(std::move(target));
  }
  if (weighted != 0 && weighted != items->size()) {
    Report(out, codes::kMixedWeights, node.at,
           fmt::format("{} of {} targets in {} have a weight", weighted, items->size(), path),
           "give each of them a weight, or none");
  } else if (weighted != 0 && total == 0 && min_weight == 0) {
    Report(out, codes::kTargetWeight, node.at, fmt::format("the weights in {} are all 0", path),
           "no target could be chosen");
  }
  return targets;
}

void ReadMatches(const Node& node, const std::string& path, api::ModelRewrite::Rule& rule,
                 api::Diagnostics& out) {
  const auto* items = ReadList(node, path, 0, kMaxMatches, out);
  if (!items) return;
  for (size_t i = 0; i < items->size(); ++i) {
    MapReader map((*items)[i], fmt::format("{}[{}]", path, i), out);
    if (!map.ok()) continue;
    if (const Node* model = map.Need("model")) {
      MapReader inner(*model, map.Path("model"), out);
      if (inner.ok()) {
        if (const Node* type = inner.Find("type")) {
          ReadEnum(*type, inner.Path("type"), {"Exact"}, out);
        }
        if (const Node* value = inner.Need("value")) {
          rule.models.push_back(
              ReadString(*value, inner.Path("value"), 1, kMaxModelName, out).value_or(""));
        }
        inner.Done();
      }
    }
    map.Done();
  }
}

api::ModelRewrite::Rule ReadRule(const Node& node, const std::string& path, api::Diagnostics& out) {
  api::ModelRewrite::Rule rule;
  rule.origin = node.at;
  MapReader map(node, path, out);
  if (!map.ok()) return rule;
  if (const Node* matches = map.Find("matches")) {
    ReadMatches(*matches, map.Path("matches"), rule, out);
  }
  const Node* targets = map.Find("targets");
  const Node* split = map.Find("split");  // its name in release 1.2
  if (targets && split) {
    Report(out, codes::kBadValue, map.KeyOrigin("split"),
           fmt::format("{} has both targets and split", path),
           "split is the older name of targets");
  }
  const Node* list = targets ? targets : split;
  if (list) {
    rule.targets = ReadTargets(*list, map.Path(targets ? "targets" : "split"), "modelRewrite",
                               /*min_weight=*/1, out);
  } else if (!map.HasMisspelt("targets")) {
    Report(out, codes::kNoTargets, node.at, fmt::format("{} has no targets", path),
           "add targets: [{modelRewrite: NAME}]");
  }
  map.Done();
  return rule;
}

}  // namespace

api::ModelRewrite ReadModelRewrite(const Node& document, api::Diagnostics& out) {
  api::ModelRewrite rewrite;
  rewrite.kind = "InferenceModelRewrite";
  MapReader map(document, "", out);
  rewrite.meta = ReadObjectMeta(map);
  if (const Node* node = map.Need("spec")) {
    MapReader spec(*node, "spec", out);
    if (spec.ok()) {
      rewrite.pool = ReadPoolRef(spec, out);
      const Node* rules = spec.Need("rules");
      spec.Done();
      const auto* items = rules ? ReadList(*rules, "spec.rules", 0, kMaxRules, out) : nullptr;
      for (size_t i = 0; items && i < items->size(); ++i) {
        rewrite.rules.push_back(ReadRule((*items)[i], fmt::format("spec.rules[{}]", i), out));
      }
    }
  }
  map.Ignore({"apiVersion", "kind", "status"});
  map.Done();
  return rewrite;
}

api::ModelRewrite ReadInferenceModel(const Node& document, std::string_view version,
                                     api::Diagnostics& out) {
  api::ModelRewrite model;
  model.kind = "InferenceModel";
  model.criticality = api::Criticality::kStandard;
  MapReader map(document, "", out);
  model.meta = ReadObjectMeta(map);
  if (const Node* node = map.Need("spec")) {
    MapReader spec(*node, "spec", out);
    if (spec.ok()) {
      api::ModelRewrite::Rule rule;
      rule.origin = node->at;
      model.pool = ReadPoolRef(spec, out);
      if (const Node* name = spec.Need("modelName")) {
        rule.models.push_back(ReadString(*name, "spec.modelName", 1, 256, out).value_or(""));
      }
      if (const Node* criticality = spec.Find("criticality")) {
        const auto text =
            ReadEnum(*criticality, "spec.criticality", {"Critical", "Standard", "Sheddable"}, out);
        if (text == "Critical") model.criticality = api::Criticality::kCritical;
        if (text == "Sheddable") model.criticality = api::Criticality::kSheddable;
      }
      if (const Node* targets = spec.Find("targetModels")) {
        // The first version knew 0: a name that is kept for later.
        rule.targets =
            ReadTargets(*targets, "spec.targetModels", "name", version == "v1alpha1" ? 0 : 1, out);
      }
      spec.Done();
      model.rules.push_back(std::move(rule));
    }
  }
  map.Ignore({"apiVersion", "kind", "status"});
  map.Done();
  return model;
}

api::Objective ReadObjective(const Node& document, api::Diagnostics& out) {
  api::Objective objective;
  MapReader map(document, "", out);
  objective.meta = ReadObjectMeta(map);
  if (const Node* node = map.Need("spec")) {
    MapReader spec(*node, "spec", out);
    if (spec.ok()) {
      objective.pool = ReadPoolRef(spec, out);
      if (const Node* priority = spec.Find("priority")) {
        objective.priority = static_cast<int>(
            ReadInt(*priority, "spec.priority", INT32_MIN, INT32_MAX, out).value_or(0));
      }
      spec.Done();
    }
  }
  map.Ignore({"apiVersion", "kind", "status"});
  map.Done();
  return objective;
}

}  // namespace inference::manifest
