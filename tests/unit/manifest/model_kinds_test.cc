#include "manifest_reading.h"

namespace inference::manifest {
namespace {

constexpr char kRewrite[] = R"(apiVersion: llm-d.ai/v1alpha2
kind: InferenceModelRewrite
metadata: {name: chat, namespace: llm, creationTimestamp: "2025-03-01T10:00:00Z"}
spec:
  poolRef: {name: qwen}
  rules:
  - matches:
    - model: {type: Exact, value: chat}
    - model: {value: talk}
    targets:
    - {modelRewrite: v1, weight: 90}
    - {modelRewrite: v2, weight: 10}
  - targets: [{modelRewrite: v1}]
)";

TEST_CASE("a rewrite is read whole") {
  const Reading reading = ReadText(kRewrite);
  INFO(reading.All());
  REQUIRE(reading.diagnostics.empty());
  REQUIRE(reading.set.rewrites.size() == 1);
  const api::ModelRewrite& rewrite = reading.set.rewrites[0];
  CHECK(rewrite.kind == "InferenceModelRewrite");
  CHECK(rewrite.meta.key() == "llm/chat");
  CHECK(rewrite.meta.created == "2025-03-01T10:00:00Z");
  CHECK(rewrite.pool_key() == "llm/qwen");
  CHECK_FALSE(rewrite.criticality.has_value());
  REQUIRE(rewrite.rules.size() == 2);
  CHECK(rewrite.rules[0].models == std::vector<std::string>{"chat", "talk"});
  REQUIRE(rewrite.rules[0].targets.size() == 2);
  CHECK(rewrite.rules[0].targets[1].model == "v2");
  CHECK(rewrite.rules[0].targets[1].weight == 10);
  CHECK(rewrite.rules[1].models.empty());
  CHECK_FALSE(rewrite.rules[1].targets[0].weight.has_value());
  CHECK(reading.set.objects.size() == 1);
  CHECK(reading.set.objects[0].kind == "InferenceModelRewrite");
}

TEST_CASE("the older group and its older name for targets") {
  std::string text = kRewrite;
  text.replace(text.find("llm-d.ai"), 8, "inference.networking.x-k8s.io");
  text.replace(text.find("targets:"), 8, "split:");
  const Reading reading = ReadText(text);
  INFO(reading.All());
  REQUIRE(reading.diagnostics.empty());
  CHECK(reading.set.rewrites[0].rules[0].targets.size() == 2);
}

TEST_CASE("every mistake of a rewrite is told at its place") {
  for (const BadEdit& edit : {
           BadEdit{"weight: 90", "weight: 0", "11:34", "spec.rules[0].targets[0].weight"},
           BadEdit{"weight: 90", "weight: 1000001", "11:34", "1000000"},
           BadEdit{", weight: 10}", "}", "11:5", "1 of 2 targets"},
           BadEdit{"modelRewrite: v2", "modelRewrite: ''", "12:22", "modelRewrite"},
           BadEdit{"targets: [{modelRewrite: v1}]", "matches: []", "13:5", "has no targets"},
           BadEdit{"targets: [{modelRewrite: v1}]", "targets: []", "13:14",
                   "spec.rules[1].targets"},
           BadEdit{"type: Exact", "type: Prefix", "8:21", "Exact"},
           BadEdit{"value: talk", "valu: talk", "9:15", "value"},
           BadEdit{"poolRef: {name: qwen}", "poolRef: {}", "5:12", "name"},
           BadEdit{"{name: qwen}", "{name: qwen, kind: Service}", "5:31", "InferencePool"},
       }) {
    CheckFinding(ReadText(Edited(kRewrite, edit)).diagnostics, edit);
  }
}

constexpr char kModel[] = R"(apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {name: m, namespace: llm}
spec:
  modelName: chat
  criticality: Critical
  poolRef: {name: qwen}
  targetModels: [{name: v1, weight: 50}, {name: v2, weight: 50}]
)";

TEST_CASE("an InferenceModel is a rule and a criticality") {
  const Reading reading = ReadText(kModel);
  INFO(reading.All());
  REQUIRE(reading.diagnostics.empty());
  const api::ModelRewrite& model = reading.set.rewrites.at(0);
  CHECK(model.kind == "InferenceModel");
  CHECK(model.criticality == api::Criticality::kCritical);
  REQUIRE(model.rules.size() == 1);
  CHECK(model.rules[0].models == std::vector<std::string>{"chat"});
  CHECK(model.rules[0].targets.size() == 2);
}

TEST_CASE("only the first version of InferenceModel has the weight 0") {
  const BadEdit zero{"weight: 50", "weight: 0", "8:37", "weight"};
  CheckFinding(ReadText(Edited(kModel, zero)).diagnostics, zero);
  std::string text = Edited(kModel, zero);
  text.replace(text.find("v1alpha2"), 8, "v1alpha1");
  const Reading old = ReadText(text);
  INFO(old.All());
  CHECK(old.diagnostics.empty());
  CHECK(old.set.rewrites.at(0).rules[0].targets[0].weight == 0);
  text.replace(text.find("weight: 50"), 10, "weight: 0");
  CHECK_THAT(ReadText(text).All(), Catch::Contains("are all 0"));
}

TEST_CASE("an objective has a priority, 0 when it says none") {
  constexpr char kText[] =
      "apiVersion: llm-d.ai/v1alpha2\nkind: InferenceObjective\nmetadata: {name: o}\n"
      "spec: {priority: -3, poolRef: {name: qwen}}\n";
  const Reading reading = ReadText(kText);
  INFO(reading.All());
  REQUIRE(reading.diagnostics.empty());
  CHECK(reading.set.objectives.at(0).priority == -3);
  CHECK(reading.set.objectives[0].pool_key() == "default/qwen");
  const BadEdit none{"priority: -3, ", "", "", ""};
  CHECK(ReadText(Edited(kText, none)).set.objectives.at(0).priority == 0);
  const BadEdit text{"-3", "high", "4:18", "spec.priority"};
  CheckFinding(ReadText(Edited(kText, text)).diagnostics, text);
}

constexpr char kRoute[] = R"(apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: chat, namespace: llm}
spec:
  parentRefs: [{name: gateway}]
  hostnames: [example.com]
  rules:
  - matches: [{path: {type: PathPrefix, value: /}}]
    filters: [{type: RequestHeaderModifier}]
    backendRefs:
    - {group: inference.networking.k8s.io, kind: InferencePool, name: blue, weight: 90}
    - {group: inference.networking.k8s.io, kind: InferencePool, name: green, namespace: b, weight: 10}
    - {name: service, port: 80, weight: 0}
  - {}
)";

TEST_CASE("of a route the pools are read, the rest is the gateway's") {
  const Reading reading = ReadText(kRoute);
  INFO(reading.All());
  REQUIRE(reading.diagnostics.empty());
  const api::HttpRoute& route = reading.set.routes.at(0);
  REQUIRE(route.rules.size() == 2);
  REQUIRE(route.rules[0].pools.size() == 2);
  CHECK(route.rules[0].pools[0].pool == "llm/blue");
  CHECK(route.rules[0].pools[0].weight == 90);
  CHECK(route.rules[0].pools[1].pool == "b/green");
  CHECK(route.rules[1].pools.empty());
}

TEST_CASE("what is wrong with a route's pools is told at its place") {
  for (const BadEdit& edit : {
           BadEdit{"weight: 90", "weight: -1", "11:85", "weight"},
           BadEdit{"name: blue", "nam: blue", "11:65", "name"},
           BadEdit{"{group: inference.networking.k8s.io, kind: InferencePool, name: blue",
                   "{group: llm-d.ai, kind: InferencePool, name: blue", "11:15", "llm-d.ai"},
       }) {
    CheckFinding(ReadText(Edited(kRoute, edit)).diagnostics, edit);
  }
}

TEST_CASE("pools that aren't there: a rewrite may wait, a route may not") {
  const auto findings = [](std::string_view text) {
    Reading reading = ReadText(text);
    CheckReferences(reading.set, reading.diagnostics);
    return reading.All();
  };
  CHECK_THAT(findings(kRewrite), Catch::Contains("f.yaml:5:19: warning") &&
                                     Catch::Contains("there is no pool llm/qwen"));
  CHECK_THAT(findings(kRoute), Catch::Contains("f.yaml:11:7: error") &&
                                   Catch::Contains("there is no pool llm/blue") &&
                                   Catch::Contains("there is no pool b/green"));
  CHECK_THAT(findings(std::string(kRewrite) + "---\n" + kRewrite),
             Catch::Contains("InferenceModelRewrite llm/chat is defined twice"));
}

}  // namespace
}  // namespace inference::manifest
