#include <nlohmann/json.hpp>

#include "inferencectl/traffic/removed.h"
#include "manifest/reader.h"
#include "running.h"

namespace inference::ctl::traffic {
namespace {

manifest::Node Object(const std::string& annotation) {
  api::Diagnostics findings;
  auto documents = manifest::ParseDocuments(
      "f.yaml", "metadata:\n  annotations: {inferenced.dev/removed-targets: " + annotation + "}\n",
      findings, {});
  REQUIRE(findings.empty());
  return documents.front();
}

TEST_CASE("removed targets: what is written is read") {
  const RemovedTargets removed = {{0, {"v2", "it's \"it\""}}, {12, {"m\xC3\xB6\x7F"}}};
  const auto text = WriteRemoved(removed);
  REQUIRE(text);
  CHECK(*text == R"({"0":["v2","it's \"it\""],"12":["m\u00f6\u007f"]})");
  const auto again = ReadRemoved(Object(nlohmann::json(*text).dump()));
  REQUIRE(again);
  CHECK(*again == removed);
  CHECK(WriteRemoved({}).value() == "");
  CHECK(WriteRemoved({{0, {}}}).value() == "");
  CHECK_FALSE(WriteRemoved({{0, {std::string(65 << 10, 'x')}}}));
  CHECK(ReadRemoved(Object("~"))->empty());
  CHECK(ReadRemoved({})->empty());
  CHECK(RemovedFrom(removed, 0, {"v2", "v9"}) == std::vector<std::string>{"it's \"it\""});
  CHECK(RemovedFrom(removed, 1, {}).empty());
}

TEST_CASE("removed targets: what people write wrong is told") {
  for (const std::string& bad :
       {std::string("''"), std::string("v2"), std::string("'[]'"),
        std::string("'{\"a\":[\"v2\"]}'"), std::string("'{\"-1\":[\"v2\"]}'"),
        std::string("'{\"0\":\"v2\"}'"), std::string("'{\"0\":[1]}'"),
        std::string("'{\"0\":[\"\"]}'"), std::string("'{\"0\":[\"v2\"'"), std::string("{0: [v2]}"),
        "'{\"0\":[\"" + std::string(65 << 10, 'x') + "\"]}'",
        std::string(60 << 10, '[').insert(0, 1, '\'') + "'"}) {
    INFO(bad.substr(0, 80));
    const auto read = ReadRemoved(Object(bad));
    REQUIRE_FALSE(read);
    CHECK(read.status().message().find("inferenced.dev/removed-targets") != std::string::npos);
  }
}

constexpr char kRules[] = R"(kind: Other
---
apiVersion: llm-d.ai/v1alpha2
kind: InferenceModelRewrite
metadata: {name: chat, namespace: llm}  # ours
spec:
  poolRef: {name: chat}
  rules:
  - targets:
    - {modelRewrite: v1, weight: 90}  # the stable one
    - {modelRewrite: v2, weight: 10}
  - targets: [{modelRewrite: v2, weight: 1}, {modelRewrite: w, weight: 1}]
)";
constexpr char kRemembers[] = "annotations: {inferenced.dev/removed-targets: '{";

struct File {
  explicit File(std::string text) { folder.Write("r.yaml", text); }
  Outcome Set(std::vector<std::string> words,
              const std::string& target = "rewrite/llm/chat") const {
    words.insert(words.begin(), {"traffic", "set", target, "--write", folder.path + "/r.yaml"});
    return Run(words);
  }
  std::string text() const { return folder.Read("r.yaml"); }
  bool Has(std::string_view part) const { return text().find(part) != std::string::npos; }
  Folder folder;
};

TEST_CASE("a target that weight 0 took out comes back with a weight alone") {
  const File file(kRules);
  CHECK(file.Set({"v1=100", "v2=0"}).code == 0);
  CHECK(file.Has(std::string(kRemembers) + R"("0":["v2"]}'}}  # ours)"));
  CHECK_FALSE(file.Has("v2, weight: 10"));
  const std::string removed = file.text();

  // 0 again changes nothing, and what it is can be expected.
  CHECK(file.Set({"v2=0", "--expect", "v2=0"}).code == 0);
  CHECK(file.Set({"v2=0", "--expect", "v2=5"}).code == 6);
  CHECK(file.text() == removed);
  CHECK(file.Set({"v2=5", "--dry-run=server"})
            .out.find("+metadata: {name: chat, namespace: llm}  # ours") != std::string::npos);
  CHECK(file.text() == removed);

  const Outcome never = file.Set({"v1=50", "v3=50"});
  CHECK(never.code == 1);
  CHECK(never.err.find("no target \"v3\"") != std::string::npos);
  CHECK(never.err.find("it has v1=100, and had v2.") != std::string::npos);
  CHECK(file.Set({"v22=5"}).err.find("did you mean \"v2\"?") != std::string::npos);

  const Outcome back = file.Set({"v1=90", "v2=10", "--expect", "v2=0", "--expect", "v1=100"});
  CHECK(back.code == 0);
  CHECK(back.out == "InferenceModelRewrite llm/chat rule 0: v1=100 -> v1=90 v2=10\n");
  CHECK(file.text() == kRules);
}

TEST_CASE("what --expect names must be a target") {
  const File file(kRules);
  const Outcome unknown = file.Set({"v1=80", "--expect", "v3=0"});
  CHECK(unknown.code == 1);
  CHECK(unknown.err.find("no target \"v3\"") != std::string::npos);
  CHECK(file.Set({"v1=80", "--expect", "vv2=10"}).err.find("did you mean \"v2\"?") !=
        std::string::npos);
  CHECK(file.text() == kRules);
  CHECK(file.Set({"v3=5", "--allow-new", "--expect", "v3=0"}).code == 0);
  CHECK(file.Has("v3, weight: 5}"));
}

TEST_CASE("with --emit-patch no file changes") {
  const File file(kRules);
  const Outcome both = file.Set({"v1=80", "--emit-patch"});
  CHECK(both.code == 2);
  CHECK(both.err.find("neither --write nor --wait") != std::string::npos);
  CHECK(file.text() == kRules);
}

TEST_CASE("each rule remembers its own targets") {
  const File file(kRules);
  CHECK(file.Set({"v1=0"}).code == 0);
  CHECK(file.Set({"w=0"}, "rewrite/llm/chat:1").code == 0);
  CHECK(file.Has(std::string(kRemembers) + R"("0":["v1"],"1":["w"]}')"));
  CHECK(file.Set({"w=1"}).code == 1);
  CHECK(file.Set({"w=1"}, "rewrite/llm/chat:1").code == 0);
  CHECK(file.Has(std::string(kRemembers) + R"("0":["v1"]}')"));
}

TEST_CASE("percentages take targets out and bring them back") {
  const File file(kRules);
  CHECK(file.Set({"--percent", "v1=100"}).code == 0);
  CHECK(file.Has(R"('{"0":["v2"]}')"));
  CHECK(file.Set({"--percent", "v1=33.3", "v2=66.7"}).code == 0);
  CHECK(file.Has("v1, weight: 333}"));
  CHECK(file.Has("v2, weight: 667}"));
  CHECK_FALSE(file.Has("annotations"));
  CHECK(file.Set({"--percent", "v1=0", "v2=0"}).code == 2);
  CHECK(file.Set({"v1=0", "v2=0"}).code == 6);
  CHECK_FALSE(file.Has("annotations"));
}

TEST_CASE("a small percentage is not rounded to nothing") {
  const File file(kRules);
  const Outcome lost = file.Set({"--percent", "v1=99.96", "v2=0.04"});
  CHECK(lost.code == 2);
  CHECK(lost.err.find("0.04 % of \"v2\" would become nothing") != std::string::npos);
  CHECK(file.text() == kRules);
  CHECK(file.Set({"--percent", "v1=99.9", "v2=0.1"}).code == 0);
  CHECK(file.Has("v2, weight: 1}"));
}

TEST_CASE("what comes back by --allow-new is forgotten, too") {
  const File file(kRules);
  CHECK(file.Set({"v2=0"}).code == 0);
  CHECK(file.Set({"v2=7", "v3=3", "--allow-new"}).code == 0);
  CHECK_FALSE(file.Has("annotations"));
}

TEST_CASE("an annotation that can't be read stops no traffic") {
  const std::string broken =
      std::string(kRules).replace(std::string(kRules).find("namespace: llm"), 0,
                                  "annotations: {inferenced.dev/removed-targets: [v9}, ");
  for (const std::string value : {"v9", "'{\"0\":7}'", "~"}) {
    std::string text = broken;
    text.replace(text.find("[v9"), 3, value);
    const File file(text);
    const Outcome kept = file.Set({"v1=80"});
    INFO(kept.err);
    CHECK(kept.code == 0);
    CHECK((value == "~" || kept.err.find("inferenced.dev/removed-targets") != std::string::npos));
    CHECK(file.Has("removed-targets: " + value + "}"));
    if (value != "~") {
      CHECK(file.Set({"v9=1"}).err.find("--allow-new adds it; its annotation") !=
            std::string::npos);
    }
    CHECK(file.Set({"v2=0"}).code == 0);
    CHECK(file.Has(R"({\"0\":[\"v2\"]})") != file.Has(R"({"0":["v2"]})"));
    CHECK(file.Set({"v2=1"}).code == 0);
  }
}

TEST_CASE("where no annotation can be written the weights are set all the same") {
  const File file(
      "apiVersion: llm-d.ai/v1alpha2\nkind: InferenceModelRewrite\n"
      "metadata: {name: chat, namespace: llm, annotations: &a {b: c}, labels: *a}\n"
      "spec: {rules: [{targets: [{modelRewrite: v1, weight: 1}, {modelRewrite: v2, weight: "
      "1}]}]}\n");
  const Outcome done = file.Set({"v2=0", "-o", "json"});
  CHECK(done.code == 0);
  CHECK(done.err.find("stays as it is: its annotations are written with aliases or anchors") !=
        std::string::npos);
  CHECK(nlohmann::json::parse(done.out)["item"]["removed"].empty());
  CHECK(file.Has("[{modelRewrite: v1, weight: 1}]"));
}

TEST_CASE("an InferenceModel remembers unless its version has the weight 0") {
  const File file(
      "apiVersion: inference.networking.x-k8s.io/v1alpha1\nkind: InferenceModel\n"
      "metadata: {name: chat}\nspec: {targetModels: [{name: a, weight: 1}, {name: b, weight: "
      "1}]}\n");
  CHECK(file.Set({"b=0"}, "model/chat").code == 0);
  CHECK(file.Has("{name: b, weight: 0}"));
  CHECK_FALSE(file.Has("annotations"));

  const File next(
      "apiVersion: inference.networking.x-k8s.io/v1alpha2\nkind: InferenceModel\n"
      "metadata: {name: chat}\nspec: {targetModels: [{name: a, weight: 1}, {name: b, weight: "
      "1}]}\n");
  const std::string before = next.text();
  CHECK(next.Set({"b=0"}, "model/chat").code == 0);
  CHECK(next.Has("targetModels: [{name: a, weight: 1}]"));
  CHECK(next.Set({"b=1"}, "model/chat").code == 0);
  CHECK(next.text() == before);
}

}  // namespace
}  // namespace inference::ctl::traffic
