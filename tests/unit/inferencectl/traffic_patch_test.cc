#include <catch2/catch.hpp>

#include "inferencectl/traffic/patch.h"

namespace inference::ctl::traffic {
namespace {

constexpr char kRules[] = R"(kind: InferenceModelRewrite
metadata: {name: chat, namespace: llm, annotations: {a/b: c}}
spec:
  rules:
  - targets:
    - {modelRewrite: v1, weight: 90}
    - {modelRewrite: v2, weight: 10}
)";

Json Parsed(const char* text) {
  return Json::parse(text);
}

Json PatchTo(const std::string& from, const std::string& to, const std::string& after) {
  const auto source = Parse("f.yaml", kRules, {"InferenceModelRewrite", "llm", "chat", 0});
  REQUIRE(source);
  std::string text = kRules;
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  text.replace(at, from.size(), to);
  WeightPlan plan{
      .now = {{"v1", 90}}, .wanted = {{"v1", 1}}, .removed = {}, .warnings = {}, .text = text};
  Json patch = PatchOf(*source, plan);
  // It does what the text does.
  const Json object = Parsed(R"({"kind": "InferenceModelRewrite", "metadata": {"name": "chat",
      "namespace": "llm", "annotations": {"a/b": "c"}}, "spec": {"rules": [{"targets": [
      {"modelRewrite": "v1", "weight": 90}, {"modelRewrite": "v2", "weight": 10}]}]}})");
  CHECK(object.patch(patch)["spec"]["rules"][0]["targets"] == Json::parse(after));
  // And not to another object.
  Json other = object;
  other["spec"]["rules"][0]["targets"][1]["modelRewrite"] = "v3";
  CHECK_THROWS(other.patch(patch));
  return patch;
}

TEST_CASE("a JSON patch tests what it changes, and touches nothing else") {
  CHECK(
      PatchTo("weight: 10", "weight: 20",
              R"([{"modelRewrite": "v1", "weight": 90}, {"modelRewrite": "v2", "weight": 20}])") ==
      Parsed(R"([
    {"op": "test", "path": "/spec/rules/0/targets/1/modelRewrite", "value": "v2"},
    {"op": "test", "path": "/spec/rules/0/targets/1/weight", "value": 10},
    {"op": "replace", "path": "/spec/rules/0/targets/1/weight", "value": 20}])"));
}

TEST_CASE("a JSON patch takes targets out and adds some") {
  CHECK(PatchTo("    - {modelRewrite: v2, weight: 10}\n", "",
                R"([{"modelRewrite": "v1", "weight": 90}])") == Parsed(R"([
    {"op": "test", "path": "/spec/rules/0/targets/1",
     "value": {"modelRewrite": "v2", "weight": 10}},
    {"op": "remove", "path": "/spec/rules/0/targets/1"}])"));
  PatchTo("v2, weight: 10}\n", "v2, weight: 11}\n    - {modelRewrite: v4, weight: 1}\n",
          R"([{"modelRewrite": "v1", "weight": 90}, {"modelRewrite": "v2", "weight": 11},
              {"modelRewrite": "v4", "weight": 1}])");
  PatchTo("    - {modelRewrite: v1, weight: 90}\n", "",
          R"([{"modelRewrite": "v2", "weight": 10}])");
}

}  // namespace
}  // namespace inference::ctl::traffic
