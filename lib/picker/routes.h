#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/kinds.h"
#include "picker/weighted_choice.h"

namespace inference::picker {

/// A rule of an HTTPRoute that leads to pools. The gateway chooses the rule, we the pool: both
/// pools' endpoints are behind the same listener. Immutable but for the counts.
struct RouteRule {
  std::string route;  // "namespace/name"
  size_t index = 0;   // in the route's rules
  WeightedChoice pools;

  /// "httproute/namespace/name/rule/0"
  std::string Name() const;
};

/// Rules of HTTPRoutes by the names that gateways give their routes. Immutable.
class RouteTable {
 public:
  RouteTable() = default;
  explicit RouteTable(std::vector<std::shared_ptr<const RouteRule>> rules);

  /// Takes "httproute/NAMESPACE/NAME/rule/N" and whatever follows a '/' behind it (as Envoy Gateway
  /// writes it), "NAMESPACE/NAME", "NAME" and "httproute/NAMESPACE/NAME"; the last three when they
  /// stand for one rule. Null when there is none.
  const RouteRule* Find(std::string_view name) const;
  const std::vector<std::shared_ptr<const RouteRule>>& rules() const { return rules_; }

 private:
  std::vector<std::shared_ptr<const RouteRule>> rules_;
  std::map<std::string, const RouteRule*, std::less<>> by_name_;  // null: stands for several
};

/// The rules of `routes` that lead to pools.
std::vector<std::shared_ptr<const RouteRule>> MakeRouteRules(
    const std::vector<api::HttpRoute>& routes, ShareBook& shares, base::WallTime now);

}  // namespace inference::picker
