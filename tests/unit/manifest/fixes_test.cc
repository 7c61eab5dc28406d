#include "manifest/edit/fixes.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "manifest/edit/meant.h"

namespace inference::manifest::edit {
namespace {

// The first file as the safe fixes make it; the others are only read.
std::string FixedText(const std::string& text, const std::vector<std::string>& others = {}) {
  std::vector<lint::SourceText> files{{"a.yaml", text}};
  for (size_t i = 0; i < others.size(); ++i) {
    files.push_back({"other" + std::to_string(i) + ".yaml", others[i]});
  }
  const auto verdict = lint::Run(std::move(files), {});
  for (const FixedFile& file : FixAll(verdict)) {
    if (file.path == "a.yaml") return file.text;
  }
  return text;
}

std::string With(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  if (at == std::string::npos) FAIL("no '" << from << "'");
  return text.replace(at, from.size(), to);
}

const std::string kPool = R"(# The pool.
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata:
  name: qwen3-32b   # the name
  namespace: llm
  labels: {tier: "1"}
spec:
  selector: {matchLabels: {app: vllm}}
  targetPorts:
  - number: 8000   # http
  endpointPickerRef:
    name: epp
    port: {number: 9002}
    failureMode: FailOpen  # until May
)";
const std::string kService = R"(apiVersion: v1
kind: Service
metadata: {name: epp, namespace: llm}
spec: {ports: [{port: 9002}], selector: {app: epp}}
)";
const std::string kRewrite = R"(apiVersion: llm-d.ai/v1alpha2
kind: InferenceModelRewrite
metadata: {name: chat, namespace: llm}
spec:
  poolRef: {group: inference.networking.k8s.io, name: qwen3-32b}  # pool
  rules:
  - matches: [{model: {value: chat}}]
    targets:  # by weight
    - {modelRewrite: chat-v1, weight: 70}
    - {modelRewrite: chat-v2, weight: 30}
)";
const std::string kPicker = R"(apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: queue-scorer  # first
- type: max-score-picker
- type: approx-prefix-cache-producer
  parameters: {autoTune: false, blockSizeTokens: 32}
dataLayer: {injectDefaults: true}
schedulingProfiles:
- name: default
  plugins:
  - {pluginRef: queue-scorer, weight: 2}
  - pluginRef: max-score-picker
)";

struct Broken {
  const std::string& good;
  std::string from, to;
};

TEST_CASE("fixes make of a broken file exactly what it was before") {
  const std::vector<Broken> all{
      {kPool, "failureMode: FailOpen", "failuremode: FailOpen"},
      {kPool, "failureMode: FailOpen", "failureMod: FailOpen"},
      {kPool, "failureMode: FailOpen", "failureMode: failOpen"},
      {kPool, "failureMode: FailOpen", "failureMode: FailOpne"},
      {kPool, "kind: InferencePool", "kind: Inferencepool"},
      {kPool, "number: 8000 ", "number: \"8000\" "},
      {kPool, "targetPorts:", "target-ports:"},
      {kPool, "tier: \"1\"", "tier: 1"},
      {kPool, "  - number: 8000   # http\n", "  - number: 8000   # http\n  - number: 8000\n"},
      {kRewrite, "name: qwen3-32b", "name: Qwen3-32B"},
      {kRewrite, "group: inference.networking.k8s.io", "group: inference.networking.x-k8s.io"},
      {kRewrite, "targets:  # by", "split:  # by"},
      {kRewrite, "modelRewrite: chat-v1", "modelrewrite: chat-v1"},
      {kPool, "tier: \"1\"", "tier: 1"},
      {kPool, "number: 8000 ", "number: 0x1f40 "},
      {kPicker, "weight: 2", "weight: 0b10"},
      {kPicker, "injectDefaults: true", "injectDefaults: Yes"},
      {kPicker, "autoTune: false", "autoTune: off"},
      {kPicker, "blockSizeTokens: 32", "blockSizeTokens: 0o40"},
      {kPicker, "pluginRef: max-score-picker", "pluginRef: max_score_picker"},
      {kPicker, "schedulingProfiles", "SchedulingProfiles"},
  };
  for (const Broken& each : all) {
    INFO(each.from << " -> " << each.to);
    const std::string broken = With(each.good, each.from, each.to);
    std::vector<std::string> others{kService};
    if (&each.good != &kPool) others.push_back(kPool);
    const std::string fixed = FixedText(broken, others);
    // Quotes that weren't there before stay where a string must have them.
    CHECK(fixed == each.good);
    // The same in the other line ends, behind a byte order mark, among other documents.
    std::string crlf = "\xef\xbb\xbf---\r\n";
    std::string want = crlf;
    for (const auto& [text, out] : {std::pair(&broken, &crlf), std::pair(&each.good, &want)}) {
      for (const char c : *text) *out += c == '\n' ? "\r\n" : std::string(1, c);
    }
    if (&each.good != &kPicker) {
      crlf += "---\r\n# an end\r\n";
      want += "---\r\n# an end\r\n";
    }
    CHECK(FixedText(crlf, others) == want);
  }
}

TEST_CASE("what could mean something else is left alone, but suggested") {
  const std::vector<Broken> all{
      {kPool, "targetPorts:\n  - number: 8000   # http\n", "targetPort: 8000\n"},  // another type
      {kPool, "failureMode: FailOpen", "failure: FailOpen"},                       // too far
      {kPool, "failureMode: FailOpen", "failureMode: FailClosure"},
      {kPool, "failureMode: FailOpen", "failureMode: FailOpen\n    FailureMode: FailOpen"},
      {kPool, "kind: InferencePool", "kind: InferencePoool"},
      {kPool, "number: 8000 ", "number: 010 "},  // 8 or 10
      {kPicker, "blockSizeTokens: 32", "blockSizeTokens: 040"},
      {kPicker, "autoTune: false", "autoTune: 0x0"},
      {kRewrite, "name: qwen3-32b", "name: qwen3-32c"},  // a name may be any
      {kRewrite, "group: inference.networking.k8s.io", "group: example.com"},
      {kPicker, "type: queue-scorer", "type: scorer"},
  };
  for (const Broken& each : all) {
    INFO(each.from << " -> " << each.to);
    const std::string broken = With(each.good, each.from, each.to);
    std::vector<std::string> others{kService};
    if (&each.good != &kPool) others.push_back(kPool);
    if (each.to != "kind: InferencePoool") CHECK(FixedText(broken, others) == broken);
  }
  const auto verdict = lint::Run(
      {{"a.yaml", With(kRewrite, "name: qwen3-32b", "name: qwen3-32c")}, {"b.yaml", kPool}}, {});
  REQUIRE(verdict.findings.size() > 0);
  Fixer fixer(verdict.workspace);
  const Fix fix = fixer.For(verdict.findings[0]);
  CHECK_FALSE(fix.safe());
  CHECK(fix.suggestions == std::vector<std::string>{"qwen3-32b"});
}

TEST_CASE("nothing below an alias or an anchor in use is changed") {
  const std::string text = R"(apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: a, labels: &l {tier: 1}, annotations: *l}
spec:
  selector: {matchLabels: {app: vllm}}
  targetPorts: [{number: 8000}]
  endpointPickerRef: {name: epp, port: {number: 9002}}
)";
  CHECK(FixedText(text) == text);
}

TEST_CASE("a mistake in a text of a ConfigMap has a place and no fix") {
  const std::string text = R"(apiVersion: v1
kind: ConfigMap
metadata: {name: epp}
data:
  a.yaml: |
    apiVersion: llm-d.ai/v1alpha1
    kind: EndpointPickerConfig
    Plugins: []
)";
  const auto verdict = lint::Run({{"a.yaml", text}}, {});
  REQUIRE(verdict.findings.size() == 1);
  Fixer fixer(verdict.workspace);
  const auto where = fixer.locator().Find(verdict.findings[0].origin);
  REQUIRE(where);
  CHECK(where->within);
  CHECK(where->Pointer() == "/data/a.yaml");
  CHECK(where->object->Title() == "ConfigMap default/epp");
  CHECK_FALSE(fixer.For(verdict.findings[0]).safe());
  CHECK(FixedText(text) == text);
}

TEST_CASE("several fixes of a file are made together") {
  std::string broken = With(kPool, "failureMode: FailOpen", "failuremode: failOpen");
  broken = With(broken, "number: 8000 ", "Number: '8000' ");
  std::string fixed = broken;
  for (int i = 0; i < 3; ++i) fixed = FixedText(fixed, {kService});
  CHECK(fixed == kPool);
}

TEST_CASE("one letter away means exactly one") {
  using Names = std::vector<std::string_view>;
  CHECK(MeantBy("wieght", {"weight", "height"}).sure == "weight");
  CHECK(MeantBy("eight", {"weight", "height"}).sure.empty());
  CHECK(MeantBy("eight", {"weight", "height"}).likely.size() == 2);
  CHECK(MeantBy("WEIGHT", {"weight", "Weight"}).sure.empty());
  CHECK(MeantBy("pool_ref", {"poolRef"}).sure == "poolRef");
  CHECK(MeantBy("nam", {"name"}).sure.empty());
  CHECK(MeantBy("nme", {"name"}).likely == std::vector<std::string>{"name"});
  CHECK(MeantBy("weigh", {"weight"}).sure == "weight");
  CHECK(MeantBy("weightt", {"weight"}).sure == "weight");
  CHECK(MeantBy("wejght", {"weight"}).sure == "weight");
  CHECK(MeantBy("wejgt", {"weight"}).sure.empty());
  CHECK(MeantBy("x", Names{}).likely.empty());
}

}  // namespace
}  // namespace inference::manifest::edit
