#include "picker/routes.h"

#include <utility>

namespace inference::picker {
namespace {

constexpr std::string_view kPrefix = "httproute/";

// The name without what follows the rule's number; all of it when there is no number.
std::string_view UpToRule(std::string_view name) {
  size_t at = 0;
  for (int slashes = 0; slashes < 5; ++slashes) {
    at = name.find('/', at);
    if (at == std::string_view::npos) return name;
    ++at;
  }
  return name.substr(0, at - 1);
}

}  // namespace

std::string RouteRule::Name() const {
  return std::string(kPrefix) + route + "/rule/" + std::to_string(index);
}

RouteTable::RouteTable(std::vector<std::shared_ptr<const RouteRule>> rules)
    : rules_(std::move(rules)) {
  const auto add = [&](std::string name, const RouteRule* rule) {
    const auto [it, inserted] = by_name_.emplace(std::move(name), rule);
    if (!inserted) it->second = nullptr;
  };
  for (const auto& rule : rules_) {
    add(rule->Name(), rule.get());
    add(rule->route, rule.get());
    add(std::string(kPrefix) + rule->route, rule.get());
    add(rule->route.substr(rule->route.find('/') + 1), rule.get());
  }
}

const RouteRule* RouteTable::Find(std::string_view name) const {
  auto found = by_name_.find(name);
  if (found == by_name_.end() && name.starts_with(kPrefix)) {
    found = by_name_.find(UpToRule(name));
  }
  return found == by_name_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<const RouteRule>> MakeRouteRules(
    const std::vector<api::HttpRoute>& routes, ShareBook& shares, base::WallTime now) {
  std::vector<std::shared_ptr<const RouteRule>> rules;
  for (const api::HttpRoute& route : routes) {
    for (size_t i = 0; i < route.rules.size(); ++i) {
      std::vector<WeightedTarget> pools;
      for (const api::HttpRoute::Backend& backend : route.rules[i].pools) {
        pools.push_back({backend.pool, backend.weight, 0, nullptr});
      }
      uint64_t total = 0;
      for (const WeightedTarget& pool : pools) total += static_cast<uint64_t>(*pool.weight);
      if (total == 0) continue;  // no pool, or all requests go to backends of other kinds
      const std::string key = route.meta.key();
      shares.Fill("HTTPRoute " + key + " " + std::to_string(i), pools, now);
      rules.push_back(
          std::make_shared<const RouteRule>(RouteRule{key, i, WeightedChoice(std::move(pools))}));
    }
  }
  return rules;
}

}  // namespace inference::picker
