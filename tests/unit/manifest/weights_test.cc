#include "manifest/edit/weights.h"

#include <catch2/catch.hpp>

namespace inference::manifest::edit {
namespace {

struct File {
  explicit File(std::string given) : text(std::move(given)) {
    documents = ParseDocuments("f.yaml", text, findings, {});
    for (const auto& d : findings) UNSCOPED_INFO(d.ToString());
    REQUIRE(findings.empty());
  }
  std::string Set(std::vector<TargetWeight> wanted, size_t rule = 0, size_t document = 0) const {
    const auto changed = SetWeights("f.yaml", text, documents, document, rule, wanted);
    return changed ? *changed : "error: " + std::string(changed.status().message());
  }
  std::vector<TargetWeight> Get(size_t rule = 0, size_t document = 0) const {
    const auto weights = WeightsOf(documents[document], rule);
    return weights ? *weights : std::vector<TargetWeight>{};
  }
  std::string text;
  api::Diagnostics findings;
  std::vector<Node> documents;
};

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  if (at == std::string::npos) FAIL("no '" << from << "'");
  return text.replace(at, from.size(), to);
}

constexpr char kFlow[] = R"(kind: InferenceModelRewrite  # ours
metadata: {name: chat}
spec:
  poolRef: {name: qwen}
  rules:
  - targets: [{modelRewrite: v1, weight: 90}, {modelRewrite: "v2", weight: 10}]  # canary
)";

TEST_CASE("weights in flow style") {
  const File file(kFlow);
  CHECK(file.Get() == std::vector<TargetWeight>{{"v1", 90}, {"v2", 10}});
  CHECK(file.Set({{"v1", 50}, {"v2", 50}}) ==
        Replaced(Replaced(kFlow, "90", "50"), "weight: 10", "weight: 50"));
  CHECK(file.Set({{"v1", 90}, {"v2", 10}}) == kFlow);
  CHECK(file.Set({{"v1", 1}}) ==
        Replaced(kFlow, R"(weight: 90}, {modelRewrite: "v2", weight: 10})", "weight: 1}"));
  CHECK(file.Set({{"v1", 90}, {"v2", 10}, {"v: 3", 5}}) ==
        Replaced(kFlow, "10}]", R"(10}, {modelRewrite: "v: 3", weight: 5}])"));
}

TEST_CASE("all targets exchanged at once keep their places") {
  CHECK(File(kFlow).Set({{"w1", 7}, {"w2", 8}}) ==
        Replaced(Replaced(kFlow, "v1, weight: 90", "w1, weight: 7"), R"("v2", weight: 10)",
                 R"("w2", weight: 8)"));
  CHECK(File(kFlow).Set({{"w1", 7}}) ==
        Replaced(kFlow, R"(v1, weight: 90}, {modelRewrite: "v2", weight: 10})", "w1, weight: 7}"));
}

constexpr char kBlock[] = R"(# The rollout of May.
kind: InferenceModelRewrite
metadata:
  name: chat
spec:
  rules:
    - matches: []
      targets:
        # the old one
        - modelRewrite: v1  # stable
          weight: 90
        - modelRewrite: v2  # no weight yet
    # behind
    - targets: []
)";

TEST_CASE("weights in block style, comments where they were") {
  const std::string with_weight =
      Replaced(kBlock, "# no weight yet\n", "# no weight yet\n          weight: 10\n");
  const File bare(kBlock);
  CHECK(bare.Get() == std::vector<TargetWeight>{{"v1", 90}, {"v2", std::nullopt}});
  CHECK(bare.Set({{"v1", 90}, {"v2", 10}}) == with_weight);
  CHECK(File(with_weight).Set({{"v1", 90}, {"v2", 10}, {"v3", 1}}) ==
        Replaced(with_weight, "weight: 10\n",
                 "weight: 10\n        - modelRewrite: v3\n          weight: 1\n"));
  CHECK(bare.Get(1).empty());
  CHECK(bare.Get(2).empty());
  CHECK_THAT(bare.Set({{"v1", 1}}, 2), Catch::Contains("no targets in rule 2"));
}

TEST_CASE("line ends stay what they are") {
  std::string text;
  for (const char c : std::string(kBlock))
    text += c == '\n' ? std::string("\r\n") : std::string(1, c);
  const std::string changed = File(text).Set({{"v1", 90}, {"v2", 10}, {"v3", 1}});
  CHECK(std::count(changed.begin(), changed.end(), '\n') ==
        std::count(changed.begin(), changed.end(), '\r'));
}

constexpr char kRoute[] = R"(kind: Other
---
kind: HTTPRoute
metadata: {name: chat, namespace: llm}
spec:
  rules:
  - backendRefs:
    - {kind: InferencePool, name: blue, weight: 100}
    - {name: service, port: 80}
    - {kind: InferencePool, name: green, namespace: b, weight: 0}
)";

TEST_CASE("of a route the pools count, by namespace and name, and 0 is a weight") {
  const File file(kRoute);
  CHECK(file.Get(0, 1) == std::vector<TargetWeight>{{"llm/blue", 100}, {"b/green", 0}});
  CHECK(file.Set({{"llm/blue", 0}, {"b/green", 100}}, 0, 1) ==
        Replaced(Replaced(kRoute, "weight: 100", "weight: x"), "weight: 0", "weight: 100")
            .replace(std::string(kRoute).find("weight: 100") + 8, 1, "0"));
  CHECK_THAT(file.Set({{"llm/blue", 1}, {"b/green", 1}, {"llm/red", 1}}, 0, 1),
             Catch::Contains("    - {group: inference.networking.k8s.io, kind: InferencePool, "
                             "name: red, weight: 1}\n"));
  CHECK(TakesZero(file.documents[1]));
  CHECK_FALSE(TakesZero(File(kFlow).documents[0]));
}

TEST_CASE("JSON stays JSON") {
  const std::string text =
      R"({"kind": "InferenceModelRewrite", "metadata": {"name": "chat"}, "spec": {"rules": [)"
      R"({"targets": [{"modelRewrite": "v1"}]}]}})";
  CHECK(File(text).Set({{"v1", 1}, {"v2", 2}}) ==
        Replaced(text, R"("v1"}])", R"("v1", "weight": 1}, {"modelRewrite": "v2", "weight": 2}])"));
}

TEST_CASE("an InferenceModel has one rule") {
  const File file(
      "apiVersion: inference.networking.x-k8s.io/v1alpha1\nkind: InferenceModel\nspec:\n"
      "  targetModels:\n  - {name: a, weight: 1}\n");
  CHECK(file.Get() == std::vector<TargetWeight>{{"a", 1}});
  CHECK(file.Get(1).empty());
  CHECK(TakesZero(file.documents[0]));
}

TEST_CASE("what isn't written out is left alone") {
  const File file(R"(x: &t [{modelRewrite: v1, weight: 1}, {modelRewrite: v2, weight: 1}]
kind: InferenceModelRewrite
spec: {rules: [{targets: *t}]}
)");
  CHECK_THAT(file.Set({{"v1", 2}, {"v2", 1}}), Catch::StartsWith("error: "));
}

}  // namespace
}  // namespace inference::manifest::edit
