#include <catch2/catch.hpp>

#include "fleet.h"

namespace inference::scheduling {
namespace {

api::Value Expression(const std::string& key, const std::string& op,
                      const std::vector<std::string>& values) {
  api::Value::List list;
  for (const std::string& value : values) list.push_back(Text(value));
  return Map({{"key", Text(key)}, {"operator", Text(op)}, {"values", List(std::move(list))}});
}

std::string Kept(api::Value parameters) {
  Fleet fleet(0);
  const std::vector<std::pair<std::string, api::Labels>> endpoints{
      {"a", {{"gpu", "h100"}, {"role", "decode"}}}, {"b", {{"gpu", "a100"}}}, {"c", {}}};
  for (const auto& [name, labels] : endpoints) {
    datastore::EndpointInfo info;
    info.name = name;
    info.address = "10.0.0.1";
    info.labels = labels;
    fleet.Add(info);
  }
  api::Diagnostics out;
  auto filter =
      Builtins().filters.Make(Plugin("label-selector-filter", std::move(parameters)), out);
  if (!filter) return out.empty() ? "no diagnostic" : out[0].message;
  auto candidates = fleet.Candidates();
  filter->Apply(PickContext(), candidates);
  std::string kept;
  for (const Candidate& candidate : candidates) kept += candidate.get().info().name;
  return kept;
}

TEST_CASE("label-selector-filter: labels and expressions, all of them") {
  CHECK(Kept({}) == "abc");
  CHECK(Kept(Map({})) == "abc");
  CHECK(Kept(Map({{"matchLabels", Map({{"gpu", Text("h100")}})}})) == "a");
  CHECK(Kept(Map({{"matchLabels", Map({{"gpu", Text("h100")}, {"role", Text("x")}})}})).empty());
  const auto one = [](api::Value e) {
    return Kept(Map({{"matchExpressions", List({std::move(e)})}}));
  };
  CHECK(one(Expression("gpu", "In", {"h100", "a100"})) == "ab");
  CHECK(one(Expression("gpu", "NotIn", {"h100"})) == "bc");
  CHECK(one(Expression("gpu", "Exists", {})) == "ab");
  CHECK(one(Expression("role", "DoesNotExist", {})) == "bc");
  CHECK(Kept(Map({{"matchLabels", Map({{"gpu", Text("a100")}})},
                  {"matchExpressions", List({Expression("role", "Exists", {})})}}))
            .empty());
}

TEST_CASE("label-selector-filter: mistakes are named") {
  const auto one = [](api::Value e) {
    return Kept(Map({{"matchExpressions", List({std::move(e)})}}));
  };
  CHECK_THAT(one(Expression("gpu", "Is", {"x"})), Catch::Contains("not 'Is'"));
  CHECK_THAT(one(Expression("gpu", "In", {})), Catch::Contains("need a list of values"));
  CHECK_THAT(one(Expression("gpu", "Exists", {"x"})), Catch::Contains("take no values"));
  CHECK_THAT(one(Map({{"key", Text("gpu")}})), Catch::Contains("key and operator"));
  CHECK_THAT(one(Text("gpu")), Catch::Contains("key and operator"));
  CHECK_THAT(one(Map({{"key", Text("gpu")}, {"operator", Text("In")}, {"values", List({Int(1)})}})),
             Catch::Contains("quote it"));
  CHECK_THAT(Kept(Map({{"matchLabels", Map({{"gpu", Int(1)}})}})), Catch::Contains("quote it"));
  CHECK_THAT(Kept(Map({{"matchLabel", Map({})}})), Catch::Contains("no parameter 'matchLabel'"));
}

}  // namespace
}  // namespace inference::scheduling
