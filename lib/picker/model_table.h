#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/kinds.h"
#include "picker/weighted_choice.h"

namespace inference::picker {

/// How much a request matters. A sheddable one is refused while the pool is saturated.
struct Priority {
  int value = 0;  // higher is more important
  bool sheddable = false;

  bool operator==(const Priority&) const = default;
};

/// One rule of an InferenceModelRewrite, or an InferenceModel with targets. Immutable.
struct ModelRule {
  std::string kind;
  std::string object;               // "namespace/name"
  size_t index = 0;                 // in the object's rules
  std::vector<std::string> models;  // that it matches; empty: all
  WeightedChoice choice;
};

/// What a pool knows of models and objectives. Immutable; thread-safe.
///
/// Of several rules for one model the winner is one that names the model before one that takes all,
/// then the one of the oldest object (those that don't know their age are the youngest), then of
/// the first by namespace/name, then the first in its object.
/// Source: gateway-api-inference-extension.md 1.7; the order of ties is ours.
class ModelTable {
 public:
  /// Of the objects given, takes those for pool `pool_key`.
  ModelTable(const std::vector<api::ModelRewrite>& rewrites,
             const std::vector<api::Objective>& objectives, const std::string& pool_key,
             ShareBook& shares, base::WallTime now);

  /// The rule that acts on requests for `model`, which may be empty (the body names none); null
  /// when there is none.
  const ModelRule* FindRule(std::string_view model) const;
  /// By the objective that a request names, else by the criticality of its InferenceModel, else 0.
  /// An unknown objective counts as none.
  Priority PriorityOf(std::string_view objective, std::string_view model) const;
  /// All rules, in the order in which they win.
  const std::vector<std::shared_ptr<const ModelRule>>& rules() const { return rules_; }

 private:
  template <typename V>
  using Map = std::map<std::string, V, std::less<>>;

  std::vector<std::shared_ptr<const ModelRule>> rules_;
  Map<const ModelRule*> exact_;
  const ModelRule* generic_ = nullptr;
  Map<Priority> models_;      // of InferenceModels
  Map<Priority> objectives_;  // by name
};

}  // namespace inference::picker
