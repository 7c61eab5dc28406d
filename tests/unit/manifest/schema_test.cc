#include "manifest/schema/schema.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "manifest/document.h"
#include "manifest/schema/check.h"
#include "manifest/schema/explain.h"
#include "manifest/schema/json_schema.h"

namespace inference::manifest::schema {
namespace {

// "line:column code message" of each finding.
std::vector<std::string> Found(std::string_view text, const CheckOptions& options = {}) {
  api::Diagnostics diagnostics;
  const std::vector<Node> documents = ParseDocuments("a.yaml", text, diagnostics, Limits());
  REQUIRE(diagnostics.empty());
  REQUIRE(documents.size() == 1);
  std::string api_version, name;
  for (const NodeMember& member : documents[0].members) {
    if (member.key == "apiVersion") api_version = member.value.text;
    if (member.key == "kind") name = member.value.text;
  }
  const Kind* kind = FindKind(api_version, name);
  REQUIRE(kind != nullptr);
  Check(documents[0], *kind, options, diagnostics);
  std::vector<std::string> out;
  for (const api::Diagnostic& d : diagnostics) {
    out.push_back(std::to_string(d.origin.line) + ":" + std::to_string(d.origin.column) + " " +
                  d.code + " " + d.message);
  }
  return out;
}

using Findings = std::vector<std::string>;

TEST_CASE("every table is well-formed") {
  std::set<std::pair<std::string_view, std::string_view>> seen;
  const std::function<void(std::span<const Field>)> walk = [&](std::span<const Field> fields) {
    std::set<std::string_view> names;
    for (const Field& field : fields) {
      INFO(field.name);
      CHECK_FALSE(field.name.empty());
      CHECK(names.insert(field.name).second);
      const Field* inner = &field;
      while (inner->type == Type::kList || inner->type == Type::kMap) {
        REQUIRE(inner->items != nullptr);
        CHECK(inner->items->name.empty());
        inner = inner->items;
      }
      CHECK((inner->type == Type::kObject) == !(inner->fields.empty() && !inner->open));
      walk(inner->fields);
    }
  };
  for (const Kind& kind : Kinds()) {
    INFO(kind.api_version << " " << kind.kind);
    CHECK(seen.emplace(kind.api_version, kind.kind).second);
    CHECK(FindKind(kind.api_version, kind.kind) == &kind);
    CHECK_FALSE(kind.doc.empty());
    if (!kind.successor.empty()) CHECK_FALSE(kind.removed.empty());
    walk(kind.fields);
  }
}

constexpr std::string_view kPool = R"(apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: qwen, namespace: llm}
spec:
  selector: {matchLabels: {app: vllm}}
  targetPorts: [{number: 8000}]
  endpointPickerRef: {name: epp, port: {number: 9002}}
)";

TEST_CASE("a good pool has no finding, with a status as a cluster prints it neither") {
  CHECK(Found(kPool).empty());
  CHECK(Found(std::string(kPool) + "status: {parents: [{whatever: controllers write}]}\n").empty());
}

TEST_CASE("what is wrong with a field is said with its path and place") {
  const std::string head =
      "apiVersion: inference.networking.k8s.io/v1\nkind: InferencePool\nmetadata: {name: a}\n";
  CHECK(Found(head + "spec:\n  selector: {matchLabels: {app: vllm}}\n  targetPort: 8000\n") ==
        Findings{"6:3 INF0104 unknown field 'targetPort' in spec"});
  CHECK(Found(head) == Findings{"1:1 INF0106 spec is missing"});
  CHECK(Found(head + "spec:\n  selector: {matchLabels: {}}\n  targetPorts: [{number: 0}]\n") ==
        Findings{"5:27 INF0107 spec.selector.matchLabels needs at least 1 key",
                 "6:26 INF0110 spec.targetPorts[0].number must be 1 to 65535, not 0"});
  CHECK(
      Found(head + "spec:\n  selector: {matchLabels: {app: '@'}}\n  targetPorts: 8000\n"
                   "  appProtocol: grpc\n") ==
      Findings{"5:33 INF0109 spec.selector.matchLabels.app '@' is not a label value",
               "6:16 INF0105 spec.targetPorts must be a list, not 8000",
               "7:16 INF0111 spec.appProtocol must be one of http, kubernetes.io/h2c, not 'grpc'"});
}

TEST_CASE("lengths count code points, not bytes") {
  const std::string head =
      "apiVersion: inference.networking.x-k8s.io/v1alpha2\nkind: InferenceModel\n"
      "metadata: {name: a}\nspec:\n  poolRef: {name: p}\n  modelName: ";
  std::string name;
  for (int i = 0; i < 256; ++i) name += "é";
  CHECK(Found(head + name + "\n").empty());
  CHECK(Found(head + name + "x\n") ==
        Findings{"6:14 INF0107 spec.modelName has 257 characters; at most 256"});
}

TEST_CASE("old kinds have their own ranges") {
  const auto model = [](std::string_view version, int weight) {
    return "apiVersion: inference.networking.x-k8s.io/" + std::string(version) +
           "\nkind: InferenceModel\nmetadata: {name: a}\nspec:\n  modelName: m\n  poolRef: {name: "
           "p}\n"
           "  targetModels: [{name: t, weight: " +
           std::to_string(weight) + "}]\n";
  };
  CHECK(Found(model("v1alpha1", 0)).empty());
  CHECK(Found(model("v1alpha2", 0)) ==
        Findings{"7:36 INF0113 spec.targetModels[0].weight must be 1 to 1000000, not 0"});
  CHECK(Found(model("v1alpha2", 1'000'001)).size() == 1);
}

TEST_CASE("fields that a release does not have are named") {
  const std::string pool = std::string(kPool) + "  appProtocol: http\n";
  CHECK(Found(pool, {"1.4"}).empty());
  CHECK(Found(pool, {"1.10"}).empty());
  CHECK(
      Found(pool, {"1.3"}) ==
      Findings{"8:3 INF0119 spec.appProtocol came with release 1.4; these manifests are for 1.3"});
}

TEST_CASE("a workload is judged only where pools have to do with it") {
  const std::string deployment = R"(apiVersion: apps/v1
kind: Deployment
metadata: {name: vllm}
spec:
  strategy: {type: Recreate}
  template:
    metadata: {labels: {app: vllm}}
    spec:
      nodeSelector: {gpu: h100}
      containers:
      - name: server
        resources: {limits: {nvidia.com/gpu: 1}}
        ports: [{containerPort: 70000, protocol: TCP}]
)";
  CHECK(Found(deployment) == Findings{"13:33 INF0107 spec.template.spec.containers[0].ports[0]."
                                      "containerPort must be 1 to 65535, not 70000"});
}

TEST_CASE("a field is found by its path, with and without the marks of lists") {
  const Kind* pool = FindKind("inference.networking.k8s.io/v1", "InferencePool");
  REQUIRE(pool != nullptr);
  const Field* number = FindField(*pool, "spec.targetPorts.number");
  REQUIRE(number != nullptr);
  CHECK(number->max == 65535);
  CHECK(FindField(*pool, "spec.targetPorts[].number") == number);
  CHECK(FindField(*pool, "spec.targetPorts.numbers") == nullptr);
  CHECK(FindField(*pool, "") == nullptr);
  CHECK(FindField(*pool, "spec..number") == nullptr);
  CHECK(TypeName(*FindField(*pool, "spec.targetPorts")) == "list of objects");
}

TEST_CASE("kinds go by their names in any form") {
  CHECK((*KindNamed("inferencepool"))->api_version == "inference.networking.k8s.io/v1");
  CHECK((*KindNamed("infpool"))->kind == "InferencePool");
  CHECK((*KindNamed("inferencepools"))->kind == "InferencePool");
  CHECK((*KindNamed("InferencePool", "inference.networking.x-k8s.io/v1alpha2"))->short_name ==
        "xinfpool");
  const auto missing = KindNamed("InferencePol");
  REQUIRE_FALSE(missing.ok());
  CHECK(missing.status().message() == "no kind 'InferencePol'; did you mean 'InferencePool'?");
}

TEST_CASE("explain tells type, range, default and the fields below") {
  const Kind* pool = *KindNamed("InferencePool");
  const auto text = Explain(*pool, "spec.endpointPickerRef", 1, 80);
  REQUIRE(text.ok());
  CHECK(text->find("FIELD:    spec.endpointPickerRef  <object>") != std::string::npos);
  CHECK(text->find("failureMode  <string>") != std::string::npos);
  CHECK(text->find("one of FailOpen, FailClose; default FailClose") != std::string::npos);
  CHECK(text->find("number") == std::string::npos);  // one level deeper
  CHECK(Explain(*pool, "spec.endpointPickerRef", 2, 80)->find("number  <integer>  required") !=
        std::string::npos);
  size_t longest = 0, column = 0;
  for (const char c : *text) {
    column = c == '\n' ? 0 : column + 1;
    longest = std::max(longest, column);
  }
  CHECK(longest <= 80);
  const auto missing = Explain(*pool, "spec.targetPort", 1, 80);
  REQUIRE_FALSE(missing.ok());
  CHECK(missing.status().message() ==
        "InferencePool has no field 'targetPort' in spec; did you mean 'targetPorts'?");
}

TEST_CASE("the JSON Schema has the same rules") {
  const auto schema = nlohmann::json::parse(JsonSchemaOf(*(*KindNamed("InferencePool"))));
  CHECK(schema["additionalProperties"] == false);
  CHECK(schema["properties"]["apiVersion"]["const"] == "inference.networking.k8s.io/v1");
  const auto& spec = schema["properties"]["spec"];
  CHECK(spec["required"] == nlohmann::json({"selector", "targetPorts"}));
  const auto& ports = spec["properties"]["targetPorts"];
  CHECK(ports["minItems"] == 1);
  CHECK(ports["maxItems"] == 8);
  CHECK(ports["items"]["properties"]["number"]["maximum"] == 65535);
  CHECK(spec["properties"]["appProtocol"]["enum"] == nlohmann::json({"http", "kubernetes.io/h2c"}));
  const auto all = nlohmann::json::parse(JsonSchemaOfAll());
  CHECK(all["oneOf"].size() == Kinds().size());
}

}  // namespace
}  // namespace inference::manifest::schema
