#include "picker/routes.h"

#include <catch2/catch.hpp>

namespace inference::picker {
namespace {

api::HttpRoute Route(const std::string& name,
                     std::vector<std::vector<std::pair<std::string, int>>> rules) {
  api::HttpRoute route;
  route.meta.ns = "llm";
  route.meta.name = name;
  for (const auto& pools : rules) {
    api::HttpRoute::Rule rule;
    for (const auto& [pool, weight] : pools) rule.pools.push_back({pool, weight, {}});
    route.rules.push_back(rule);
  }
  return route;
}

RouteTable Table(const std::vector<api::HttpRoute>& routes) {
  ShareBook shares;
  return RouteTable(MakeRouteRules(routes, shares, {}));
}

TEST_CASE("a rule is found by the names that gateways use") {
  const RouteTable table = Table({Route("chat", {{{"llm/blue", 90}, {"llm/green", 10}}})});
  const RouteRule* rule = table.rules().front().get();
  CHECK(rule->pools.targets()[1].fraction == Approx(0.1));
  for (const char* name :
       {"chat", "llm/chat", "httproute/llm/chat", "httproute/llm/chat/rule/0",
        "httproute/llm/chat/rule/0/match/0/example_com", "httproute/llm/chat/rule/0/"}) {
    INFO(name);
    CHECK(table.Find(name) == rule);
  }
  for (const char* name : {"", "chat2", "other/chat", "httproute/llm/chat/rule/1",
                           "httproute/llm/chat/rule/01", "httproute/llm/chat/rule/0x"}) {
    INFO(name);
    CHECK(table.Find(name) == nullptr);
  }
}

TEST_CASE("a name that stands for several rules stands for none") {
  const RouteTable table =
      Table({Route("two", {{{"llm/a", 1}}, {{"llm/b", 1}}}), Route("one", {{{"llm/a", 1}}, {}})});
  CHECK(table.Find("llm/two") == nullptr);
  CHECK(table.Find("httproute/llm/two/rule/1") == table.rules()[1].get());
  CHECK(table.Find("llm/one") == table.rules()[2].get());
}

TEST_CASE("rules without a pool to choose are the gateway's alone") {
  CHECK(Table({Route("svc", {{}}), Route("off", {{{"llm/a", 0}}})}).rules().empty());
}

}  // namespace
}  // namespace inference::picker
