#include "admin/splits.h"

#include "admin/conversion.h"

namespace inference::admin {
namespace {

void FillSplit(std::string_view kind, std::string_view object, size_t rule,
               const picker::WeightedChoice& choice, v1::Split* out) {
  out->set_kind(std::string(kind));
  const size_t slash = object.find('/');
  out->set_namespace_(std::string(object.substr(0, slash)));
  out->set_name(std::string(object.substr(slash + 1)));
  out->set_rule(static_cast<uint32_t>(rule));
  for (const picker::WeightedTarget& target : choice.targets()) {
    v1::SplitTarget* to = out->add_targets();
    to->set_name(SafeText(target.name));
    if (target.weight) to->set_weight(*target.weight);
    to->set_fraction(target.fraction);
    to->set_requests(target.share->since_change());
    to->set_requests_total(target.share->total());
  }
  *out->mutable_since() = ToTimestamp(choice.targets().front().share->since());
}

}  // namespace

void FillSplits(const picker::Runtime& runtime, v1::ListSplitsResponse* out) {
  out->set_generation(runtime.generation());
  for (const auto& rule : runtime.route_rules()) {
    FillSplit("HTTPRoute", rule->route, rule->index, rule->pools, out->add_splits());
  }
  for (const picker::PoolRuntime& pool : runtime.pools()) {
    if (!pool.models) continue;
    for (const auto& rule : pool.models->rules()) {
      v1::Split* split = out->add_splits();
      FillSplit(rule->kind, rule->object, rule->index, rule->choice, split);
      split->set_pool(pool.pool->key());
      for (const std::string& model : rule->models) split->add_models(SafeText(model));
    }
  }
}

}  // namespace inference::admin
