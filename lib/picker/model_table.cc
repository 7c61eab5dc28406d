#include "picker/model_table.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace inference::picker {
namespace {

// Critical requests were served however full a pool was, all others were shed then
// (gateway-api-inference-extension.md 9.2). The numbers are those of our converter.
Priority PriorityOf(api::Criticality criticality) {
  switch (criticality) {
    case api::Criticality::kCritical:
      return {2, false};
    case api::Criticality::kStandard:
      return {1, true};
    case api::Criticality::kSheddable:
      return {-1, true};
  }
  return {};
}

bool Older(const api::ModelRewrite* a, const api::ModelRewrite* b) {
  const auto key = [](const api::ModelRewrite& r) {
    return std::tuple(r.meta.created.empty(), std::string_view(r.meta.created), r.meta.key(),
                      std::string_view(r.kind));
  };
  return key(*a) < key(*b);
}

std::shared_ptr<const ModelRule> MakeRule(const api::ModelRewrite& object, size_t index,
                                          ShareBook& shares, base::WallTime now) {
  const api::ModelRewrite::Rule& rule = object.rules[index];
  std::vector<WeightedTarget> targets;
  for (const api::ModelRewrite::Target& target : rule.targets) {
    targets.push_back({target.model, target.weight, 0, nullptr});
  }
  const std::string key = object.meta.key();
  shares.Fill(object.kind + " " + key + " " + std::to_string(index), targets, now);
  return std::make_shared<const ModelRule>(
      ModelRule{object.kind, key, index, rule.models, WeightedChoice(std::move(targets))});
}

}  // namespace

ModelTable::ModelTable(const std::vector<api::ModelRewrite>& rewrites,
                       const std::vector<api::Objective>& objectives, const std::string& pool_key,
                       ShareBook& shares, base::WallTime now) {
  std::vector<const api::ModelRewrite*> mine;
  for (const api::ModelRewrite& rewrite : rewrites) {
    if (rewrite.pool_key() == pool_key) mine.push_back(&rewrite);
  }
  std::stable_sort(mine.begin(), mine.end(), Older);
  for (const api::ModelRewrite* object : mine) {
    for (size_t i = 0; i < object->rules.size(); ++i) {
      const api::ModelRewrite::Rule& rule = object->rules[i];
      if (object->criticality) {
        for (const std::string& model : rule.models) {
          models_.emplace(model, picker::PriorityOf(*object->criticality));
        }
      }
      if (rule.targets.empty()) continue;
      rules_.push_back(MakeRule(*object, i, shares, now));
      const ModelRule* made = rules_.back().get();
      for (const std::string& model : rule.models) exact_.emplace(model, made);
      if (rule.models.empty() && generic_ == nullptr) generic_ = made;
    }
  }
  for (const api::Objective& objective : objectives) {
    if (objective.pool_key() != pool_key) continue;
    objectives_.emplace(objective.meta.name, Priority{objective.priority, objective.priority < 0});
  }
}

const ModelRule* ModelTable::FindRule(std::string_view model) const {
  const auto exact = exact_.find(model);
  return exact == exact_.end() ? generic_ : exact->second;
}

Priority ModelTable::PriorityOf(std::string_view objective, std::string_view model) const {
  if (!objective.empty()) {
    const auto found = objectives_.find(objective);
    if (found != objectives_.end()) return found->second;
  }
  const auto found = models_.find(model);
  return found == models_.end() ? Priority{} : found->second;
}

}  // namespace inference::picker
