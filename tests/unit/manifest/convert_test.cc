#include "manifest/edit/convert.h"

#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

#include "manifest/lint/lint.h"

namespace inference::manifest::edit {
namespace {

std::string Convert(const std::string& text) {
  return ConvertToV1("a.yaml", text).text;
}

std::string With(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  if (at == std::string::npos) FAIL("no '" << from << "'");
  return text.replace(at, from.size(), to);
}

std::string Found(const Converted& converted) {
  std::string out;
  for (const api::Diagnostic& d : converted.findings) out += d.ToString() + "\n";
  return out;
}

const std::string kPool = R"(# Team A
---
# The pool.
apiVersion: inference.networking.x-k8s.io/v1alpha2  # old
kind: InferencePool
metadata:
  name: qwen    # name
  namespace: llm
spec:
  # the server's port
  targetPortNumber: 8000   # http
  selector:   # which pods
    # all of them
    app: vllm  # label

    tier: "1"
  extensionRef:  # picker
    name: epp # here
    failureMode: FailOpen
# end
---
kind: ConfigMap
apiVersion: v1
metadata: {name: other}
)";

TEST_CASE("a pool is converted where it stands, comments and all") {
  const Converted converted = ConvertToV1("a.yaml", kPool);
  CHECK(converted.objects == 1);
  CHECK(converted.text == R"(# Team A
---
# The pool.
apiVersion: inference.networking.k8s.io/v1  # old
kind: InferencePool
metadata:
  name: qwen    # name
  namespace: llm
spec:
  # the server's port
  targetPorts:
    - number: 8000   # http
  selector:   # which pods
    # all of them
    matchLabels:
      app: vllm  # label

      tier: "1"
  endpointPickerRef:  # picker
    name: epp # here
    failureMode: FailOpen
    port:
      number: 9002
# end
---
kind: ConfigMap
apiVersion: v1
metadata: {name: other}
)");
  CHECK(Found(converted).find("the picker's port 9002 is written out") != std::string::npos);
}

TEST_CASE("pools in other styles") {
  CHECK(Convert("apiVersion: inference.networking.x-k8s.io/v1alpha1\nkind: InferencePool\n"
                "metadata: {name: a}\nspec: {selector: {app: b}, targetPortNumber: 8000, "
                "extensionRef: {name: e, targetPortNumber: 9003}}  # x\n") ==
        "apiVersion: inference.networking.k8s.io/v1\nkind: InferencePool\n"
        "metadata: {name: a}\nspec: {selector: {matchLabels: {app: b}}, targetPorts: [{number: "
        "8000}], endpointPickerRef: {name: e, port: {number: 9003}}}  # x\n");
  CHECK(Convert(R"({"apiVersion": "inference.networking.x-k8s.io/v1alpha2", "kind": "InferencePool",
 "metadata": {"name": "a"}, "spec": {"selector": {"app": "b"},
  "targetPortNumber": 8000, "extensionRef": {"name": "e"}}})") ==
        R"({"apiVersion": "inference.networking.k8s.io/v1", "kind": "InferencePool",
 "metadata": {"name": "a"}, "spec": {"selector": {"matchLabels": {"app": "b"}},
  "targetPorts": [{"number": 8000}], "endpointPickerRef": {"name": "e", "port": {"number": 9002}}}})");
  // Status, another kind of picker, an item of a List, other line ends.
  std::string list =
      "kind: List\r\napiVersion: v1\r\nitems:\r\n- apiVersion: "
      "inference.networking.x-k8s.io/v1alpha2\r\n  kind: InferencePool\r\n  metadata: {name: "
      "a}\r\n  spec:\r\n    selector: {app: b}\r\n    targetPortNumber: 1\r\n    extensionRef: "
      "{kind: Pick, name: e}\r\n  status:\r\n    parent: []\r\n- kind: Secret\r\n";
  CHECK(Convert(list) ==
        "kind: List\r\napiVersion: v1\r\nitems:\r\n- apiVersion: "
        "inference.networking.k8s.io/v1\r\n  kind: InferencePool\r\n  metadata: {name: a}\r\n  "
        "spec:\r\n    selector: {matchLabels: {app: b}}\r\n    targetPorts:\r\n      - number: "
        "1\r\n    endpointPickerRef: {kind: Pick, name: e}\r\n- kind: Secret\r\n");
}

const std::string kModel = R"(# Chat.
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata:
  name: chat
  namespace: llm
spec:
  modelName: chat   # as clients write it
  # paying customers
  criticality: Critical  # since May
  poolRef:
    group: inference.networking.x-k8s.io
    name: qwen   # the pool
  targetModels:  # by weight
  - name: chat-v1   # old
    weight: 70
  # the new one
  - name: chat-v2
    weight: 30  # rest
)";

TEST_CASE("a model becomes an objective and a rewrite, and says what they can't") {
  const Converted converted = ConvertToV1("a.yaml", kModel);
  CHECK(converted.text == R"(# Chat.
apiVersion: llm-d.ai/v1alpha2
kind: InferenceObjective
metadata:
  name: chat
  namespace: llm
spec:
  # paying customers
  priority: 2  # since May
  poolRef:
    group: inference.networking.k8s.io
    name: qwen   # the pool
---
apiVersion: llm-d.ai/v1alpha2
kind: InferenceModelRewrite
metadata:
  name: chat
  namespace: llm
spec:
  # paying customers
  poolRef:
    group: inference.networking.k8s.io
    name: qwen   # the pool
  rules:
  - matches:
    - model:
        value: chat   # as clients write it
    targets:  # by weight
    - modelRewrite: chat-v1   # old
      weight: 70
    # the new one
    - modelRewrite: chat-v2
      weight: 30  # rest
)");
  REQUIRE(converted.findings.size() == 1);
  CHECK(converted.findings[0].ToString().find(
            "a.yaml:10:16: warning: InferenceModel llm/chat: requests for 'chat' get this priority "
            "only when they name it (a client or the gateway must send the header "
            "x-gateway-inference-objective: chat) [INF0903]") == 0);
}

TEST_CASE("models without criticality, without targets, in flow style, of v1alpha1") {
  const std::string head =
      "apiVersion: inference.networking.x-k8s.io/v1alpha1\nkind: InferenceModel\nmetadata: {name: "
      "m}\n";
  CHECK(
      Convert(head + "spec: {modelName: \"m\", poolRef: {name: p}, targetModels: [{name: a, "
                     "weight: 0}, {name: b, weight: 1}]}\n") ==
      "apiVersion: llm-d.ai/v1alpha2\nkind: InferenceModelRewrite\nmetadata: {name: m}\nspec: "
      "{poolRef: {name: p}, rules: [{matches: [{model: {value: \"m\"}}], targets: [{modelRewrite: "
      "b, weight: 1}]}]}\n");
  CHECK(Convert(head + "spec:\n  modelName: m # its name\n  criticality: Sheddable\n  poolRef: "
                       "{name: p}\n") ==
        "apiVersion: llm-d.ai/v1alpha2\nkind: InferenceObjective\nmetadata: {name: m}\nspec:\n  # "
        "its name\n  priority: -1\n  poolRef: {name: p}\n");
  CHECK(Convert(head + "spec: {poolRef: {name: p}, modelName: m, criticality: Standard}") ==
        "apiVersion: llm-d.ai/v1alpha2\nkind: InferenceObjective\nmetadata: {name: m}\nspec: "
        "{poolRef: {name: p}, priority: 1}");
  const Converted refused =
      ConvertToV1("a.yaml", head +
                                "spec: {modelName: m, poolRef: {name: p}, targetModels: [{name: "
                                "a, weight: 0}]}\n");
  CHECK(refused.objects == 0);
  CHECK(Found(refused).find("error: InferenceModel default/m: all targets have weight 0") !=
        std::string::npos);
  const Converted dropped =
      ConvertToV1("a.yaml", head +
                                "spec:\n  modelName: m\n  poolRef: {name: p}\n  targetModels:\n "
                                " - name: a\n    weight: 0\n  - name: b\n    weight: 3\n");
  CHECK(Found(dropped).find("a.yaml:8:5: warning: InferenceModel default/m: target 'a' has weight "
                            "0 and is left out") != std::string::npos);
  CHECK(dropped.text.find("    targets:\n    - modelRewrite: b\n      weight: 3\n") !=
        std::string::npos);
}

TEST_CASE("groups of objectives, rewrites, picker configurations and references") {
  CHECK(
      Convert("apiVersion: inference.networking.x-k8s.io/v1alpha1\nkind: EndpointPickerConfig\n") ==
      "apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\n");
  CHECK(Convert(R"(apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModelRewrite
metadata: {name: r}
spec:
  poolRef: {name: p, group: inference.networking.x-k8s.io}
  rules:
  - split: [{modelRewrite: a}]  # all
)") == R"(apiVersion: llm-d.ai/v1alpha2
kind: InferenceModelRewrite
metadata: {name: r}
spec:
  poolRef: {name: p, group: inference.networking.k8s.io}
  rules:
  - targets: [{modelRewrite: a}]  # all
)");
  const std::string route = R"(apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec:
  rules:
  - backendRefs:
    - group: inference.networking.x-k8s.io # pool
      kind: InferencePool
      name: p
    - {kind: Service, name: s, port: 80}
)";
  CHECK(Convert(route) == With(route, "x-k8s", "k8s"));
  const Converted twins = ConvertToV1(
      "a.yaml",
      route + "    - {group: inference.networking.k8s.io, kind: InferencePool, name: p}\n");
  CHECK(Found(twins).find("are the same pool now") != std::string::npos);
}

TEST_CASE("what is wrong stays, with its place; what is of today stays as it is") {
  const std::string bad = With(kPool, "targetPortNumber: 8000", "targetPortNumber: 80000");
  const Converted converted = ConvertToV1("a.yaml", bad);
  CHECK(converted.text == bad);
  CHECK(Found(converted).find("a.yaml:11:21: error: ") == 0);
  CHECK(ConvertToV1("a.yaml", "a: [").unusable);
  const std::string once = Convert(kPool + "---\n" + kModel);
  CHECK(Convert(once) == once);
  CHECK(ConvertToV1("a.yaml", once).findings.empty());
}

TEST_CASE("an object that is written in an unexpected way is written anew, and that is told") {
  const std::string odd = R"(apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferencePool
metadata: {name: a, labels: &l {app: b}}
spec:
  selector: *l
  targetPortNumber: 8000  # http
  extensionRef: {name: e, portNumber: 9002}
)";
  const Converted converted = ConvertToV1("a.yaml", odd);
  CHECK(converted.text == R"(apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata:
  name: a
  labels:
    app: b
spec:
  selector:
    matchLabels:
      app: b
  targetPorts:
  - number: 8000
  endpointPickerRef:
    name: e
    port:
      number: 9002
)");
  CHECK(Found(converted).find("written anew, without its comments") != std::string::npos);
}

// --- any pool and model: what comes out is right and says the same ---

class Random {
 public:
  explicit Random(unsigned seed) : rng_(seed) {}
  size_t Below(size_t n) { return rng_() % n; }
  bool Flip() { return Below(2) == 0; }
  std::string OneOf(const std::vector<std::string>& words) { return words[Below(words.size())]; }

 private:
  std::mt19937 rng_;
};

std::string Comment(Random& random, int& number) {
  return random.Flip() ? "  # c" + std::to_string(number++) : "";
}

// A model in block style with its fields in any order and comments anywhere.
std::string AnyModel(Random& random, int& comments, const std::string& margin) {
  const std::string next = "\n" + margin;
  std::vector<std::string> fields;
  fields.push_back("modelName: " + random.OneOf({"chat", "\"a b\"", "'x'", "m/n"}));
  fields.push_back("poolRef:" + Comment(random, comments) + next + "    name: qwen" +
                   Comment(random, comments));
  if (random.Flip()) {
    fields.push_back("criticality: " + random.OneOf({"Critical", "Standard", "\"Sheddable\""}));
  }
  if (random.Flip()) {
    const std::string deep = next + (random.Flip() ? "    " : "  ");
    std::string targets = "targetModels:" + Comment(random, comments);
    const size_t count = 1 + random.Below(3);
    for (size_t i = 0; i < count; ++i) {
      if (random.Flip()) targets += deep + "# c" + std::to_string(comments++);
      const std::string weight = "weight: " + std::to_string(1 + random.Below(9));
      const std::string name = "name: t" + std::to_string(i);
      targets +=
          deep + (random.Flip() ? "- {" + weight + ", " + name + "}"
                                : "- " + name + Comment(random, comments) + deep + "  " + weight);
      targets += Comment(random, comments);
    }
    fields.push_back(targets);
  }
  std::string text = "apiVersion: inference.networking.x-k8s.io/v1alpha2" + next +
                     "kind: InferenceModel" + next + "metadata: {name: chat, namespace: llm}" +
                     next + "spec:" + Comment(random, comments);
  while (!fields.empty()) {
    const size_t i = random.Below(fields.size());
    if (random.Flip()) text += next + "  # c" + std::to_string(comments++);
    text += next + "  " + fields[i] + (fields[i][0] != 't' ? Comment(random, comments) : "");
    fields.erase(fields.begin() + static_cast<ptrdiff_t>(i));
  }
  return text + "\n";
}

TEST_CASE("property: converted models are valid, say the same, and lose no comment") {
  const std::string pool = With(Convert(kPool), "# Team A\n---\n", "");
  for (unsigned seed = 1; seed <= 600; ++seed) {
    Random random(seed);
    int comments = 0;
    const bool in_list = random.Flip();
    std::string text = AnyModel(random, comments, in_list ? "  " : "");
    if (in_list) text = "apiVersion: v1\nkind: List\nitems:\n- " + text;
    INFO("seed " << seed << "\n" << text);
    const Converted converted = ConvertToV1("a.yaml", text);
    INFO(converted.text << Found(converted));
    CHECK(converted.objects == 1);
    CHECK_FALSE(Found(converted).find("written anew") != std::string::npos);
    for (int i = 0; i < comments; ++i) {
      const std::string comment = "# c" + std::to_string(i);
      CHECK((converted.text.find(comment + "\n") != std::string::npos ||
             converted.text.find(comment + " ") != std::string::npos));
    }
    const auto verdict = lint::Run({{"a.yaml", converted.text}, {"pool.yaml", pool}}, {});
    for (const api::Diagnostic& d : verdict.findings) {
      INFO(d.ToString());
      CHECK(d.severity != api::Severity::kError);
    }
    const auto count = [&](std::string_view kind) { return verdict.workspace.OfKind(kind).size(); };
    const bool targets = text.find("targetModels") != std::string::npos;
    const bool critical = text.find("criticality") != std::string::npos;
    CHECK(count("InferenceModelRewrite") == (targets ? 1 : 0));
    CHECK(count("InferenceObjective") == (critical || !targets ? 1 : 0));
    if (targets) {
      const lint::Object& rewrite = *verdict.workspace.OfKind("InferenceModelRewrite")[0];
      const auto before = lint::Run({{"a.yaml", text}}, {});
      const lint::Object& model = *before.workspace.OfKind("InferenceModel")[0];
      const Node& rule = lint::ItemsAt(*rewrite.node, "spec.rules")[0];
      CHECK(lint::TextAt(lint::ItemsAt(rule, "matches")[0], "model.value") ==
            lint::TextAt(*model.node, "spec.modelName"));
      const auto& old_targets = lint::ItemsAt(*model.node, "spec.targetModels");
      const auto& new_targets = lint::ItemsAt(rule, "targets");
      REQUIRE(old_targets.size() == new_targets.size());
      for (size_t i = 0; i < old_targets.size(); ++i) {
        CHECK(lint::TextAt(old_targets[i], "name") == lint::TextAt(new_targets[i], "modelRewrite"));
        CHECK(lint::TextAt(old_targets[i], "weight") == lint::TextAt(new_targets[i], "weight"));
      }
    }
    if (critical) {
      const std::string priority(
          lint::TextAt(*verdict.workspace.OfKind("InferenceObjective")[0]->node, "spec.priority"));
      CHECK(priority == (text.find("Critical") != std::string::npos   ? "2"
                         : text.find("Standard") != std::string::npos ? "1"
                                                                      : "-1"));
    }
  }
}

}  // namespace
}  // namespace inference::manifest::edit
