#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "api/codes.h"
#include "api/text_values.h"
#include "base/text.h"
#include "manifest/fields.h"
#include "manifest/lint/lint.h"

// INF032x and INF0331: rollout plans whose checks say nothing, whose steps make no sense, or whose
// weights somebody else writes.
namespace inference::manifest::lint {
namespace {

namespace codes = api::codes;

constexpr std::string_view kDefaultInterval = "30s";

std::optional<double> NumberAt(const Node& node, std::string_view path) {
  std::string_view text = TextAt(node, path);
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const bool good =
      !text.empty() &&
      std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc();
  return good ? std::optional(value) : std::nullopt;
}

std::chrono::nanoseconds DurationAt(const Node& node, std::string_view path,
                                    std::string_view fallback) {
  return api::ParseDuration(TextAt(node, path, fallback)).value_or(std::chrono::nanoseconds(0));
}

// --- checks ---

void CheckThreshold(const Node& check, api::Diagnostics& out) {
  const std::string_view metric = TextAt(check, "metric");
  const Node *max = At(check, "max"), *min = At(check, "min");
  const Node* ratio = At(check, "maxRatioToStable");
  const auto warn = [&](const Node& at, std::string message, std::string note) {
    Warn(out, codes::kCheckCannotFail, at.at, std::move(message), std::move(note));
  };
  if (At(check, "exec") != nullptr) return;
  if (max == nullptr && min == nullptr && ratio == nullptr) {
    return warn(check, "this check has no threshold, so it can never fail",
                "give it max, min or maxRatioToStable");
  }
  if (ratio != nullptr && NumberAt(check, "maxRatioToStable") == 0.0) {
    warn(*ratio, "maxRatioToStable 0 always fails", "1.2 lets the canary be a fifth worse");
  }
  if (metric.empty()) return;  // what a query's values mean is not known
  // All figures of ours are 0 or more, and less is better.
  if (max != nullptr && NumberAt(check, "max").value_or(0) < 0) {
    warn(*max, fmt::format("{} is never below 0, so this always fails", metric), "");
  }
  if (min != nullptr) {
    const bool never = NumberAt(check, "min").value_or(0) <= 0;
    warn(*min,
         never ? fmt::format("{} is never below 0, so this can never fail", metric)
               : fmt::format("a small {} is good, and min makes it fail", metric),
         "write max");
  }
  // A rate of successes taken for one of errors; it would have to be far worse than any accident.
  if (metric == "error_rate" && max != nullptr && NumberAt(check, "max").value_or(0) >= 0.5) {
    warn(*max, fmt::format("an error rate of {} is accepted", max->text),
         "error_rate is the part of requests that fail, 0 to 1: 0.01 is one in a hundred");
  }
}

// --- steps ---

// What a step needs so that its checks are looked at often enough.
std::chrono::nanoseconds NeededHold(const Node& plan) {
  int64_t looks = 2;
  for (const Node& check : ItemsAt(plan, "analysis.checks")) {
    looks = std::max(looks, IntAt(check, "consecutive", 1));
  }
  looks = std::min<int64_t>(looks, 100);  // times a year, in nanoseconds, still fits
  return DurationAt(plan, "analysis.warmup", "0s") +
         looks * DurationAt(plan, "analysis.interval", kDefaultInterval);
}

void CheckShape(const Node& step, std::optional<double> weight, double& highest,
                api::Diagnostics& out) {
  const bool gate = At(step, "gate") != nullptr;
  if (gate == weight.has_value()) {
    Report(out, codes::kBadStep, step.at,
           gate ? "this step has a weight and a gate" : "this step has neither a weight nor a gate",
           "write two steps: the weight, then the gate");
    return;
  }
  if (!weight) return;
  if (*weight <= highest && highest > 0) {
    Report(out, codes::kBadStep, At(step, "weight")->at,
           fmt::format("weight {} is not more than the {} of a step before", *weight, highest),
           "weights go up from step to step; going back is what onFail does");
  }
  highest = std::max(highest, *weight);
}

void CheckHold(const Node& plan, const Node& step, api::Diagnostics& out) {
  const Node* hold = At(step, "hold");
  if (hold == nullptr || ItemsAt(plan, "analysis.checks").empty()) return;
  const auto needed = NeededHold(plan);
  if (DurationAt(step, "hold", "0s") >= needed) return;
  Warn(out, codes::kShortStep, hold->at,
       fmt::format("hold {} is shorter than the {} that the checks need", hold->text,
                   api::FormatDuration(needed)),
       "warmup, then two intervals or as many as `consecutive` asks for");
}

// The rule of three: without an error in n requests, the rate is below 3/n (95 %).
void CheckSample(const Node& plan, const Node& step, api::Diagnostics& out) {
  const Node* requests = At(step, "minRequests");
  const int64_t n = IntAt(step, "minRequests", 0);
  if (requests == nullptr || n <= 0) return;
  for (const Node& check : ItemsAt(plan, "analysis.checks")) {
    const double max = NumberAt(check, "max").value_or(0);
    if (TextAt(check, "metric") != "error_rate" || max <= 0 || max >= 0.5) continue;
    // Exactly: (1 - max)^n <= 5 %; 299 for one in a hundred.
    const double wanted = std::ceil(std::log(0.05) / std::log1p(-max));
    if (static_cast<double>(n) >= wanted) continue;
    Warn(out, codes::kFewRequests, requests->at,
         fmt::format("{} requests without an error still allow an error rate above {}", n, max),
         fmt::format("to exclude it at 95 %, minRequests must be at least {}", wanted));
    return;
  }
}

void CheckSteps(const Node& plan, api::Diagnostics& out) {
  double highest = 0;
  bool nothing_yet = true;  // the canary has had no weight so far
  for (const Node& step : ItemsAt(plan, "steps")) {
    const auto weight = NumberAt(step, "weight");
    CheckShape(step, weight, highest, out);
    CheckHold(plan, step, out);
    CheckSample(plan, step, out);
    nothing_yet = nothing_yet && weight.value_or(0) == 0;
    if (nothing_yet && IntAt(step, "minRequests", 0) > 0) {
      Warn(out, codes::kCheckWithoutData, At(step, "minRequests")->at,
           "the canary gets no requests in this step, so it never ends",
           "give it a weight above 0");
    }
  }
}

void Plans(const Workspace& workspace, api::Diagnostics& out) {
  for (const Object* object : workspace.OfKind("RolloutPlan")) {
    const Node& plan = *object->node;
    for (const Node& check : ItemsAt(plan, "analysis.checks")) CheckThreshold(check, out);
    CheckSteps(plan, out);
    const Node* no_data = At(plan, "onNoData");
    if (no_data != nullptr && no_data->text == "pass") {
      Warn(out, codes::kCheckWithoutData, no_data->at,
           "a canary whose checks have no data would be promoted",
           "hold waits for data, fail rolls back");
    }
  }
}

// --- targets ---

// The name of the tool that owns the object's weights, and where that is written.
std::optional<std::pair<std::string, const Node*>> ManagerOf(const Object& object) {
  for (const Node& entry : ItemsAt(*object.node, "metadata.managedFields")) {
    const Node* manager = At(entry, "manager");
    if (manager == nullptr) continue;
    const std::string name = base::ToLower(manager->text);
    for (const std::string_view tool :
         {"argocd", "kustomize-controller", "helm-controller", "flux"}) {
      // The lists that carry weights are atomic: who owns the rules owns the weights.
      const bool rules = At(entry, "fieldsV1.f:spec.f:rules") != nullptr ||
                         At(entry, "fieldsV1.f:spec.f:targetModels") != nullptr;
      if (name.find(tool) != std::string::npos && rules) return {{manager->text, manager}};
    }
  }
  constexpr std::array<std::array<std::string_view, 3>, 3> kMarks{{
      {"annotations", "argocd.argoproj.io/tracking-id", "Argo CD"},
      {"labels", "kustomize.toolkit.fluxcd.io/name", "Flux"},
      {"labels", "helm.toolkit.fluxcd.io/name", "Flux"},
  }};
  const Node* metadata = At(*object.node, "metadata");
  for (const auto& [map, key, tool] : kMarks) {
    const Node* marks = metadata != nullptr ? At(*metadata, map) : nullptr;
    if (marks == nullptr) continue;
    for (const NodeMember& member : marks->members) {
      if (member.key == key) return {{std::string(tool), &member.value}};
    }
  }
  return std::nullopt;
}

void CheckTarget(const Workspace& workspace, const Object& plan, const Node& target,
                 api::Diagnostics& out) {
  const std::string_view kind = TextAt(target, "kind");
  const Node* name = At(target, "name");
  const auto& known = workspace.OfKind(kind, plan.ns);
  // Without any object of that kind they are elsewhere: nothing can be said.
  if (name == nullptr || known.empty()) return;
  const Object* object = workspace.Find("*", kind, plan.ns, name->text);
  if (object == nullptr) {
    std::vector<std::string_view> names;
    for (const Object* each : known) names.push_back(each->name);
    const std::string_view meant = base::ClosestMatch(name->text, names);
    Report(out, codes::kUnknownReference, name->at,
           fmt::format("{} refers to {} {}/{}, which is not there", plan.Title(), kind, plan.ns,
                       base::Printable(name->text, 80)),
           meant.empty() ? "" : fmt::format("did you mean '{}'?", meant));
    return;
  }
  const auto rules = static_cast<int64_t>(ItemsAt(*object->node, "spec.rules").size());
  if (const Node* rule = At(target, "rule");
      rule != nullptr && kind != "InferenceModel" && IntAt(target, "rule", 0) >= rules) {
    Report(out, codes::kUnknownReference, rule->at,
           fmt::format("{} has no rule {}", object->Title(), rule->text),
           fmt::format("it has {}; they are counted from 0", rules));
  }
  if (const auto manager = ManagerOf(*object)) {
    Warn(out, codes::kManagedWeights, manager->second->at,
         fmt::format("{} shifts weights of {}, which {} owns", plan.Title(), object->Title(),
                     base::Printable(manager->first, 60)),
         "it puts back what its repository says; change the weights there, or tell it to ignore "
         "them");
  }
}

void Targets(const Workspace& workspace, api::Diagnostics& out) {
  for (const Object* plan : workspace.OfKind("RolloutPlan")) {
    if (const Node* target = At(*plan->node, "target")) {
      CheckTarget(workspace, *plan, *target, out);
    }
  }
}

}  // namespace

std::span<const Rule> RolloutRules() {
  static constexpr std::array<Rule, 2> kAll{&Plans, &Targets};
  return kAll;
}

}  // namespace inference::manifest::lint
