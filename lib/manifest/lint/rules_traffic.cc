#include <fmt/format.h>

#include <array>
#include <map>
#include <string>
#include <vector>

#include "api/codes.h"
#include "base/text.h"
#include "manifest/fields.h"
#include "manifest/lint/lint.h"

// Weights and precedence of rewrites, models and routes.
namespace inference::manifest::lint {
namespace {

namespace codes = api::codes;

// All targets have a weight, or none has.
void CheckWeights(const std::vector<Node>& targets, const std::string& owner,
                  api::Diagnostics& out) {
  const Node* without = nullptr;
  size_t with = 0;
  for (const Node& target : targets) {
    if (At(target, "weight") != nullptr) {
      ++with;
    } else if (without == nullptr) {
      without = &target;
    }
  }
  if (with == 0 || without == nullptr) return;
  Report(out, codes::kMixedWeights, without->at,
         fmt::format("{}: this target has no weight, others have", owner),
         "the reference picker sends it nothing; give all targets a weight, or none");
}

const std::vector<Node>& TargetsOf(const Node& rule) {
  return ItemsAt(rule, At(rule, "targets") != nullptr ? "targets" : "split");
}

void RewriteTargets(const Workspace& workspace, api::Diagnostics& out) {
  for (const Object* rewrite : workspace.OfKind("InferenceModelRewrite")) {
    const auto& rules = ItemsAt(*rewrite->node, "spec.rules");
    for (size_t i = 0; i < rules.size(); ++i) {
      const std::string owner = fmt::format("{} rule {}", rewrite->Title(), i);
      if (TargetsOf(rules[i]).empty()) {
        Report(out, codes::kNoTargets, rules[i].at, owner + " has no targets",
               "with the reference picker every request that it matches is answered 400");
      }
      CheckWeights(TargetsOf(rules[i]), owner, out);
    }
  }
  for (const Object* model : workspace.OfKind("InferenceModel")) {
    CheckWeights(ItemsAt(*model->node, "spec.targetModels"), model->Title(), out);
  }
}

/// A rule that takes requests for a model of a pool.
struct Claim {
  const Object* rewrite;
  const Node* at;
};

// Of two rules with the same match the older object's wins; of one object the first.
void CheckClaims(const std::string& what, const std::vector<Claim>& claims, api::Diagnostics& out) {
  for (size_t i = 1; i < claims.size(); ++i) {
    const Claim& first = claims[i - 1];
    const Claim& second = claims[i];
    const auto created = [](const Claim& claim) {
      return TextAt(*claim.rewrite->node, "metadata.creationTimestamp");
    };
    if (first.rewrite != second.rewrite && !created(first).empty() && !created(second).empty() &&
        created(first) != created(second)) {
      const bool second_loses = created(first) < created(second);  // RFC 3339 sorts as text
      const Claim& loser = second_loses ? second : first;
      const Claim& winner = second_loses ? first : second;
      Warn(out, codes::kShadowedRule, loser.at->at,
           fmt::format("{} never acts on {}: {} is older", loser.rewrite->Title(), what,
                       winner.rewrite->Title()),
           "the other rule is at " + winner.at->at.ToString());
      continue;
    }
    Warn(
        out, codes::kTiedRules, second.at->at,
        fmt::format("{} matches {}, as another rule does", second.rewrite->Title(), what),
        fmt::format("objects are ordered by their age in whole seconds and rules of one object not "
                    "reliably; the other rule is at {}",
                    first.at->at.ToString()));
  }
}

void Precedence(const Workspace& workspace, api::Diagnostics& out) {
  std::map<std::pair<std::string, std::string>, std::vector<Claim>> exact;  // by pool, model
  std::map<std::string, std::vector<Claim>> generic;                        // by pool
  for (const Object* rewrite : workspace.OfKind("InferenceModelRewrite")) {
    const std::string pool =
        rewrite->ns + "/" + std::string(TextAt(*rewrite->node, "spec.poolRef.name"));
    for (const Node& rule : ItemsAt(*rewrite->node, "spec.rules")) {
      const auto& matches = ItemsAt(rule, "matches");
      if (matches.empty()) generic[pool].push_back({rewrite, &rule});
      for (const Node& match : matches) {
        const std::string model(TextAt(match, "model.value"));
        exact[{pool, model}].push_back({rewrite, &match});
      }
    }
  }
  for (const auto& [key, claims] : exact) {
    CheckClaims("model '" + base::Printable(key.second, 80) + "'", claims, out);
  }
  for (const auto& [pool, claims] : generic) CheckClaims("every model", claims, out);
}

void ModelNames(const Workspace& workspace, api::Diagnostics& out) {
  std::map<std::pair<std::string, std::string>, const Object*> seen;
  for (const Object* model : workspace.OfKind("InferenceModel")) {
    const std::string pool =
        model->ns + "/" + std::string(TextAt(*model->node, "spec.poolRef.name"));
    const Node* name = At(*model->node, "spec.modelName");
    if (name == nullptr) continue;
    const auto [it, inserted] = seen.emplace(std::pair(pool, name->text), model);
    if (inserted) continue;
    Report(out, codes::kModelNameInUse, name->at,
           fmt::format("pool {} has two InferenceModels for '{}'", pool,
                       base::Printable(name->text, 80)),
           "the other one is at " + it->second->node->at.ToString());
  }
}

void RouteWeights(const Workspace& workspace, api::Diagnostics& out) {
  for (const Object* route : workspace.OfKind("HTTPRoute")) {
    for (const Node& rule : ItemsAt(*route->node, "spec.rules")) {
      const auto& backends = ItemsAt(rule, "backendRefs");
      const bool none = !backends.empty() &&
                        std::all_of(backends.begin(), backends.end(), [](const Node& backend) {
                          return IntAt(backend, "weight", 1) == 0;
                        });
      if (!none) continue;
      Report(out, codes::kNoWeight, rule.at,
             fmt::format("{}: all backends of this rule have weight 0", route->Title()),
             "the gateway answers 500 to its requests");
    }
  }
}

// Classes whose implementations have open reports of weights between pools that are not kept.
constexpr std::string_view kClassesThatDont[] = {"istio", "kgateway", "higress"};

// The first parent among the route's whose class is one of those.
const Object* ParentThatDoesNot(const Workspace& workspace, const Object& route) {
  for (const Node& parent : ItemsAt(*route.node, "spec.parentRefs")) {
    if (TextAt(parent, "kind", "Gateway") != "Gateway") continue;
    const Object* gateway = workspace.Find("*", "Gateway", TextAt(parent, "namespace", route.ns),
                                           TextAt(parent, "name"));
    if (gateway == nullptr) continue;
    const std::string_view name = TextAt(*gateway->node, "spec.gatewayClassName");
    if (std::find(std::begin(kClassesThatDont), std::end(kClassesThatDont), name) !=
        std::end(kClassesThatDont)) {
      return gateway;
    }
  }
  return nullptr;
}

void WeightedPools(const Workspace& workspace, api::Diagnostics& out) {
  for (const Object* route : workspace.OfKind("HTTPRoute")) {
    const Object* gateway = ParentThatDoesNot(workspace, *route);
    if (gateway == nullptr) continue;
    for (const Node& rule : ItemsAt(*route->node, "spec.rules")) {
      std::vector<const Node*> pools;
      for (const Node& backend : ItemsAt(rule, "backendRefs")) {
        const bool pool = TextAt(backend, "kind") == "InferencePool";
        if (pool && IntAt(backend, "weight", 1) > 0) pools.push_back(&backend);
      }
      if (pools.size() < 2) continue;
      Warn(out, codes::kWeightedPools, pools[1]->at,
           fmt::format("{} splits requests between {} pools, and its gateway is of class {}",
                       route->Title(), pools.size(),
                       TextAt(*gateway->node, "spec.gatewayClassName")),
           "releases of it are known not to keep such weights: measure the split before you rely "
           "on it");
    }
  }
}

}  // namespace

std::span<const Rule> TrafficRules() {
  static constexpr std::array<Rule, 5> kAll{&RewriteTargets, &Precedence, &ModelNames,
                                            &RouteWeights, &WeightedPools};
  return kAll;
}

}  // namespace inference::manifest::lint
