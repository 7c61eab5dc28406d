#include "manifest_reading.h"

namespace inference::manifest {
namespace {

const std::string kPool = R"(apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata:
  name: qwen3-32b
  namespace: llm
  labels: {team: a}
  annotations: {example.com/Note: "free text: anything"}
spec:
  selector:
    matchLabels: {app: vllm, llm-d.ai/role: decode}
  targetPorts:
  - number: 8000
  - {number: 8001}
  appProtocol: http
  endpointPickerRef:
    group: ""
    kind: Service
    name: qwen3-32b-epp
    port: {number: 9002}
    failureMode: FailOpen
status:
  parents: []
)";

TEST_CASE("every field of a pool is read") {
  const Reading reading = ReadText(kPool);
  INFO(reading.All());
  REQUIRE(reading.diagnostics.empty());
  REQUIRE(reading.set.pools.size() == 1);
  const api::InferencePool& pool = reading.set.pools[0];
  CHECK(pool.meta.key() == "llm/qwen3-32b");
  CHECK(pool.meta.labels.at("team") == "a");
  CHECK(pool.meta.annotations.at("example.com/Note") == "free text: anything");
  CHECK(pool.match_labels == api::Labels{{"app", "vllm"}, {"llm-d.ai/role", "decode"}});
  REQUIRE(pool.target_ports.size() == 2);
  CHECK(*pool.target_ports[1] == 8001);
  CHECK(pool.target_ports[1].origin.ToString() == "f.yaml:13:14");
  REQUIRE(pool.picker_ref);
  CHECK(pool.picker_ref->name == "qwen3-32b-epp");
  CHECK(pool.picker_ref->port == 9002);
  CHECK(pool.picker_ref->failure_mode == "FailOpen");
}

TEST_CASE("the smallest pool has the defaults of the CRD") {
  const Reading reading = ReadText(R"(
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: p}
spec: {selector: {matchLabels: {app: x}}, targetPorts: [{number: 1}]}
)");
  REQUIRE(reading.diagnostics.empty());
  const api::InferencePool& pool = reading.set.pools[0];
  CHECK(pool.meta.key() == "default/p");
  CHECK(pool.app_protocol == "http");
  CHECK_FALSE(pool.picker_ref);
}

TEST_CASE("what breaks the schema of a pool is reported at its place") {
  const std::vector<BadEdit> table = {
      {"name: qwen3-32b\n", "name: Qwen_3\n", "4:9", "metadata.name 'Qwen_3' is not a DNS name"},
      {"name: qwen3-32b\n", "name: ''\n", "4:9", "metadata.name is empty"},
      {"name: qwen3-32b\n", "name: 123\n", "4:9",
       "metadata.name must be a string, not 123 (put it in quotes: \"123\") [INF0105]"},
      {"  name: qwen3-32b\n", "", "4:3", "metadata.name is missing [INF0106]"},
      {"namespace: llm", "namespace: l.m", "5:14", "'l.m' is not a DNS label"},
      {"namespace: llm", "namspace: llm", "5:3",
       "unknown field 'namspace' in metadata (did you mean 'namespace'?) [INF0104]"},
      {"{team: a}", "{team: a@b}", "6:18", "'a@b' is not a label value"},
      {"{team: a}", "{-team: a}", "6:12", "'-team' is not a label key"},
      {"{team: a}", "{team: no}", "6:18", "must be a string, not no (put it in quotes: \"no\")"},
      {"{team: a}", "[team]", "6:11", "metadata.labels must be a map of strings, not a list"},
      {"  selector:\n    matchLabels: {app: vllm, llm-d.ai/role: decode}\n", "", "9:3",
       "spec.selector is missing"},
      {"{app: vllm, llm-d.ai/role: decode}", "{}", "10:18", "1 to 64 labels, not 0 [INF0107]"},
      {"matchLabels: {app: vllm, llm-d.ai/role: decode}",
       "matchLabels: {app: v}\n    matchExpressions: []", "11:5",
       "no part of this build acts on spec.selector.matchExpressions"},
      {"- number: 8000", "- number: 0", "12:13",
       "spec.targetPorts[0].number must be 1 to 65535, not 0 [INF0110]"},
      {"- number: 8000", "- number: 65536", "12:13", "must be 1 to 65535"},
      {"- number: 8000", "- number: 99999999999999999999", "12:13", "must be 1 to 65535"},
      {"- number: 8000", "- number: \"8000\"", "12:13",
       "must be a whole number, not '8000' (write it without quotes) [INF0105]"},
      {"- number: 8000", "- number: 010", "12:13",
       "must be a whole number, not 010 (write a decimal number without leading zeros)"},
      {"- number: 8000", "- number: 0x1f40", "12:13", "must be a whole number"},
      {"- number: 8000", "- number: 8000.0", "12:13", "must be a whole number, not 8000.0"},
      {"- number: 8000", "- number: yes", "12:13", "must be a whole number, not yes"},
      {"- number: 8000", "- number: ~", "12:5", "spec.targetPorts[0].number is missing"},
      {"- number: 8000", "- number: 8001", "13:14",
       "port number must be unique: 8001 is in spec.targetPorts twice (the first one is at "
       "f.yaml:12:13) [INF0110]"},
      {"- number: 8000", "- 8000", "12:5", "spec.targetPorts[0] must be a map, not 8000"},
      {"targetPorts:\n  - number: 8000\n  - {number: 8001}", "targetPorts: []", "11:16",
       "spec.targetPorts needs at least 1 item "},
      {"- {number: 8001}", "- {numbr: 8001, number: 2}", "13:6", "did you mean 'number'?"},
      {"appProtocol: http", "appProtocol: grpc", "14:16",
       "spec.appProtocol must be one of http, kubernetes.io/h2c, not 'grpc'"},
      {"kind: Service", "kind: -x", "17:11", "'-x' is not a kind"},
      {"group: \"\"", "group: Foo", "16:12", "'Foo' is not an API group"},
      {"name: qwen3-32b-epp", "name: \"\"", "18:11", "must not be empty"},
      {"name: qwen3-32b-epp", "name: " + std::string(254, 'a'), "18:11", "254 bytes long"},
      {"    port: {number: 9002}\n", "", "16:5",
       "port is required when kind is 'Service' or unspecified (defaults to 'Service')"},
      {"    kind: Service\n    name: qwen3-32b-epp\n    port: {number: 9002}\n",
       "    name: qwen3-32b-epp\n", "16:5", "port is required"},
      {"port: {number: 9002}", "port: {number: 70000}", "19:20", "must be 1 to 65535, not 70000"},
      {"port: {number: 9002}", "port: 9002", "19:11", "must be a map, not 9002"},
      {"failureMode: FailOpen", "failureMode: failopen", "20:18", "did you mean 'FailOpen'?"},
      {"spec:", "Spec:", "8:1",
       "unknown field 'Spec', and spec is missing (did you mean 'spec'?) [INF0104]"},
      {"kind: InferencePool", "kind: InferencePol", "2:7", "did you mean 'InferencePool'?"},
      {"k8s.io/v1", "k8s.io/v2", "1:13",
       "there is no InferencePool in 'inference.networking.k8s.io/v2' (its apiVersion is "
       "inference.networking.k8s.io/v1) [INF0101]"},
  };
  for (const BadEdit& edit : table) {
    CheckFinding(ReadText(Edited(kPool, edit)).diagnostics, edit);
  }
}

TEST_CASE("a reference to something else than a Service needs no port") {
  const BadEdit edit{"    kind: Service\n    name: qwen3-32b-epp\n    port: {number: 9002}\n",
                     "    kind: Picker\n    name: x\n", "", ""};
  CHECK(ReadText(Edited(kPool, edit)).diagnostics.empty());
}

TEST_CASE("9 ports and 65 labels are too many") {
  std::string ports, labels;
  for (int i = 1; i <= 9; ++i) ports += "{number: " + std::to_string(i) + "},";
  for (int i = 0; i < 65; ++i) labels += "l" + std::to_string(i) + ": x,";
  const Reading reading = ReadText(
      "apiVersion: inference.networking.k8s.io/v1\nkind: InferencePool\nmetadata: {name: p}\n"
      "spec: {selector: {matchLabels: {" +
      labels + "}}, targetPorts: [" + ports + "]}\n");
  REQUIRE(reading.diagnostics.size() == 2);
  CHECK_THAT(reading.All(), Catch::Contains("1 to 64 labels, not 65"));
  CHECK_THAT(reading.All(), Catch::Contains("spec.targetPorts has 9 items; at most 8"));
}

TEST_CASE("all errors of a file are reported, in its order") {
  const Reading reading = ReadText(R"(apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: A, bogus: 1}
spec:
  targetPorts: [{number: 0}, {number: x}]
  selector: {matchLabels: {app: "a b"}}
---
kind: EndpointSet
---
just text
)");
  std::vector<std::string> places;
  for (const api::Diagnostic& d : reading.diagnostics) {
    places.push_back(d.origin.ToString().substr(7));
  }
  CHECK(places == std::vector<std::string>{"3:18", "3:21", "5:26", "5:39", "6:33", "8:1", "10:1"});
}

TEST_CASE("the lists of kubectl are flattened") {
  const Reading reading = ReadText(R"({"apiVersion":"v1","kind":"List","metadata":{},"items":[
{"apiVersion":"inference.networking.k8s.io/v1","kind":"InferencePool","metadata":{"name":"a",
"uid":"x","resourceVersion":"7","creationTimestamp":"2026-01-01T00:00:00Z","generation":1},
"spec":{"selector":{"matchLabels":{"app":"x"}},"targetPorts":[{"number":8000}]}},
{"apiVersion":"inferenced.dev/v1alpha1","kind":"EndpointSet","metadata":{"name":"b"},
"spec":{"endpoints":[]}},
{"apiVersion":"v1","kind":"List","items":[]},
7]})");
  CHECK(reading.set.pools.size() == 1);
  CHECK(reading.set.endpoint_sets.size() == 1);
  REQUIRE(reading.diagnostics.size() == 2);
  CHECK_THAT(reading.All(), Catch::Contains("f.yaml:7:27: error: unknown kind 'List'"));
  CHECK_THAT(reading.All(), Catch::Contains("f.yaml:8:1: error: an item of a List must be a map"));
}

TEST_CASE("a kind that nothing acts on is refused by name, with what to do") {
  struct Row {
    std::string api_version, kind, message;
  };
  const std::vector<Row> table = {
      {"inference.networking.x-k8s.io/v1alpha1", "InferencePoolImport",
       "f.yaml:2:7: error: no part of this build acts on InferencePoolImport"},
      {"llm-d.ai/v1alpha1", "InferenceModelRewrite", "its apiVersion is llm-d.ai/v1alpha2"},
      {"inference.networking.x-k8s.io/v1alpha2", "InferencePool",
       "selector becomes selector.matchLabels"},
      {"inference.networking.x-k8s.io/v1alpha1", "InferencePool",
       "write it as inference.networking.k8s.io/v1"},
      {"gateway.networking.k8s.io/v1", "GRPCRoute", "the gateway acts on it"},
      {"apps/v1", "Deployment", "listed in an EndpointSet"},
      {"inferenced.dev/v1alpha1", "DaemonConfig", "--config"},
      {"llm-d.ai/v1alpha1", "EndpointPickerConfig", "name the file with pickerConfig"},
      {"inferenced.dev/v1", "EndpointSet", "its apiVersion is inferenced.dev/v1alpha1"},
      {"v1", "Nonsense", "unknown kind 'Nonsense'"},
  };
  for (const Row& row : table) {
    const Reading reading =
        ReadText("apiVersion: " + row.api_version + "\nkind: " + row.kind + "\nspec: {}\n");
    INFO(reading.All());
    CHECK(reading.diagnostics.size() == 1);
    CHECK_THAT(reading.All(), Catch::Contains(row.message));
    CHECK(reading.set.pools.empty());
  }
}

}  // namespace
}  // namespace inference::manifest
