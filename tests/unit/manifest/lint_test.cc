#include "manifest/lint/lint.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace inference::manifest::lint {
namespace {

Verdict Judge(std::vector<std::string> texts, int threads = 1) {
  std::vector<SourceText> files;
  for (size_t i = 0; i < texts.size(); ++i) {
    files.push_back({std::string(1, static_cast<char>('a' + i)) + ".yaml", std::move(texts[i])});
  }
  Options options;
  options.threads = threads;
  return Run(std::move(files), options);
}

// "a.yaml:3:5 INF0104" of each finding.
std::vector<std::string> Places(const Verdict& verdict) {
  std::vector<std::string> out;
  for (const api::Diagnostic& d : verdict.findings) {
    out.push_back(d.origin.ToString() + " " + d.code);
  }
  return out;
}

std::string All(const Verdict& verdict) {
  std::string out;
  for (const api::Diagnostic& d : verdict.findings) out += d.ToString() + "\n";
  return out;
}

const std::string kPool = R"(apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: qwen, namespace: llm}
spec:
  selector: {matchLabels: {app: vllm}}
  targetPorts: [{number: 8000}]
  endpointPickerRef: {name: epp, port: {number: 9002}}
)";
const std::string kService = R"(apiVersion: v1
kind: Service
metadata: {name: epp, namespace: llm}
spec: {ports: [{port: 9002}], selector: {app: epp}}
)";
const std::string kServers = R"(apiVersion: apps/v1
kind: Deployment
metadata: {name: vllm, namespace: llm}
spec:
  template:
    metadata: {labels: {app: vllm}}
    spec:
      terminationGracePeriodSeconds: 130
      containers:
      - name: server
        image: vllm/vllm-openai
        args: [--shutdown-timeout, "100"]
        ports: [{containerPort: 8000}]
        readinessProbe: {httpGet: {path: /health, port: 8000}}
        lifecycle: {preStop: {sleep: {seconds: 30}}}
)";
const std::string kRewrite = R"(apiVersion: llm-d.ai/v1alpha2
kind: InferenceModelRewrite
metadata: {name: chat, namespace: llm}
spec:
  poolRef: {name: qwen}
  rules:
  - matches: [{model: {value: chat}}]
    targets: [{modelRewrite: v1, weight: 90}, {modelRewrite: v2, weight: 10}]
)";
const std::string kRoute = R"(apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: llm, namespace: llm}
spec:
  parentRefs: [{name: gateway}]
  rules:
  - backendRefs:
    - {group: inference.networking.k8s.io, kind: InferencePool, name: qwen}
)";
const std::string kModel = R"(apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {name: m, namespace: llm}
spec:
  modelName: chat
  criticality: Critical
  poolRef: {name: qwen, group: inference.networking.k8s.io}
  targetModels: [{name: v1, weight: 1}, {name: v2, weight: 1}]
)";

std::string With(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

TEST_CASE("a sound set of manifests of a cluster has no finding") {
  const Verdict verdict = Judge({kPool, kService, kServers, kRewrite, kRoute});
  INFO(All(verdict));
  CHECK(verdict.findings.empty());
  CHECK(verdict.documents == 5);
  CHECK_FALSE(verdict.unusable);
}

TEST_CASE("each rule finds what it is for, at its place, and nothing else") {
  struct Case {
    std::vector<std::string> texts;
    std::vector<std::string> places;
  };
  const std::string external = With(kService, "ports:", "type: ExternalName, ports:");
  const std::string other_pool =
      With(With(kPool, "name: qwen", "name: other"), "name: epp", "name: epp2");
  const std::vector<Case> cases{
      // Unknown kinds.
      {{With(kPool, "InferencePool", "InferencePol")}, {"a.yaml:2:7 INF0101"}},
      {{With(kPool, "k8s.io/v1", "k8s.io/v9")}, {"a.yaml:1:13 INF0101"}},
      {{"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"}, {}},
      // Twice the same.
      {{kRewrite, kRewrite}, {"b.yaml:1:1 INF0206", "b.yaml:7:15 INF0302"}},
      // Pickers.
      {{kPool, With(kService, "name: epp", "name: eppp"), kServers}, {"a.yaml:7:29 INF0201"}},
      {{kPool, With(kService, "namespace: llm", "namespace: other")}, {}},
      {{kPool, external, kServers}, {"a.yaml:7:29 INF0213"}},
      {{kPool, With(kService, "port: 9002", "port: 9003"), kServers}, {"a.yaml:7:49 INF0212"}},
      {{With(kPool, "9002", "8000"), kService, kServers}, {"a.yaml:7:49 INF0212"}},
      // Selectors and ports.
      {{With(kPool, "number: 8000", "number: 8080"), kServers}, {"a.yaml:6:26 INF0203"}},
      {{With(kPool, "app: vllm", "app: sglang"), kServers}, {"a.yaml:1:1 INF0204"}},
      {{kPool, other_pool, kServers}, {"b.yaml:1:1 INF0205"}},
      // References to pools.
      {{kPool, kServers, With(kRewrite, "name: qwen", "name: Qwen")}, {"c.yaml:5:19 INF0207"}},
      {{kPool, kServers, With(kRoute, "name: qwen", "name: qwem")}, {"c.yaml:8:71 INF0207"}},
      {{kPool, kServers, With(kRoute, "k8s.io, kind", "x-k8s.io, kind")}, {"c.yaml:8:73 INF0208"}},
      {{kPool, kServers,
        With(kRewrite, "name: qwen", "name: qwen, group: inference.networking.x-k8s.io")},
       {"c.yaml:5:19 INF0210"}},
      {{kPool, kServers, With(kRoute, "name: qwen", "name: qwen, port: 8000")},
       {"c.yaml:8:83 INF0211"}},
      {{kPool, kServers,
        With(With(kRoute, "namespace: llm", "namespace: web"), "name: qwen",
             "name: qwen, namespace: llm")},
       {"c.yaml:8:71 INF0214"}},
      // Traffic.
      {{With(kRewrite, "v2, weight: 10", "v2")}, {"a.yaml:8:47 INF0114"}},
      {{With(kModel, "v2, weight: 1", "v2")}, {"a.yaml:1:13 INF0901", "a.yaml:8:41 INF0114"}},
      {{With(kRewrite,
             "\n    targets: [{modelRewrite: v1, weight: 90}, {modelRewrite: v2, weight: "
             "10}]",
             "")},
       {"a.yaml:7:5 INF0115"}},
      {{kRewrite, With(kRewrite, "name: chat", "name: chat2")}, {"b.yaml:7:15 INF0302"}},
      {{With(kRewrite, "namespace: llm}",
             "namespace: llm, creationTimestamp: \"2026-01-02T00:00:00Z\"}"),
        With(kRewrite, "name: chat, namespace: llm}",
             "name: chat2, namespace: llm, creationTimestamp: \"2026-01-01T00:00:00Z\"}")},
       {"a.yaml:7:15 INF0301"}},
      {{kModel, With(kModel, "name: m,", "name: m2,")},
       {"a.yaml:1:13 INF0901", "b.yaml:1:13 INF0901", "b.yaml:5:14 INF0306"}},
      {{With(kRoute, "name: qwen", "name: qwen, weight: 0")}, {"a.yaml:7:5 INF0307"}},
      // Lifecycle.
      {{kPool, With(kServers, "args: [--shutdown-timeout, \"100\"]", "args: []")},
       {"b.yaml:10:9 INF0401"}},
      {{kPool, With(kServers, "Seconds: 130", "Seconds: 129")}, {"b.yaml:8:38 INF0402"}},
      {{kPool, With(kServers, "readinessProbe", "livenessProbe")}, {"b.yaml:10:9 INF0403"}},
      // Migration.
      {{With(kRewrite, "targets:", "split:")}, {"a.yaml:8:5 INF0902"}},
      {{With(kRewrite, "llm-d.ai", "inference.networking.x-k8s.io")}, {"a.yaml:1:13 INF0901"}},
  };
  for (const Case& each : cases) {
    const Verdict verdict = Judge(each.texts);
    INFO(each.texts.back() << "\n" << All(verdict));
    CHECK(Places(verdict) == each.places);
  }
}

TEST_CASE("a picker's own flags are judged") {
  const std::string picker = R"(apiVersion: apps/v1
kind: Deployment
metadata: {name: epp, namespace: llm}
spec:
  template:
    metadata: {labels: {app: epp}}
    spec:
      terminationGracePeriodSeconds: 60
      containers:
      - name: epp
        args: [--pool-name, qwen, --pool-group, inference.networking.k8s.io, --drain-timeout, 60s]
)";
  CHECK(Places(Judge({kPool, kServers, picker})).empty());
  CHECK(Places(Judge({kPool, kServers, With(picker, "Seconds: 60", "Seconds: 59")})) ==
        std::vector<std::string>{"c.yaml:8:38 INF0405"});
  CHECK(Places(Judge(
            {kPool, kServers,
             With(picker, "inference.networking.k8s.io", "inference.networking.x-k8s.io")})) ==
        std::vector<std::string>{"c.yaml:11:49 INF0209"});
}

TEST_CASE("a ReferenceGrant lets a route refer to another namespace") {
  const std::string route = With(With(kRoute, "namespace: llm", "namespace: web"), "name: qwen",
                                 "name: qwen, namespace: llm");
  const std::string grant = R"(apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: web, namespace: llm}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: web}]
  to: [{group: inference.networking.k8s.io, kind: InferencePool}]
)";
  CHECK(Places(Judge({kPool, kServers, route, grant})).empty());
  CHECK(
      Places(Judge({kPool, kServers, route, With(grant, "namespace: web}]", "namespace: x}]")})) ==
      std::vector<std::string>{"c.yaml:8:71 INF0214"});
}

TEST_CASE("with a DaemonConfig, what inferenced does not act on is an error") {
  const std::string daemon = "apiVersion: inferenced.dev/v1alpha1\nkind: DaemonConfig\n";
  const std::string endpoints = R"(apiVersion: inferenced.dev/v1alpha1
kind: EndpointSet
metadata: {name: rack, namespace: llm, labels: {app: vllm}}
spec: {endpoints: [{name: gpu, address: 127.0.0.1}]}
)";
  CHECK(Places(Judge({kPool, endpoints, daemon})).empty());
  CHECK(Places(Judge({kPool, endpoints, daemon, kService})) ==
        std::vector<std::string>{"d.yaml:2:7 INF0102"});
}

TEST_CASE("fields that a release does not have are found in every kind") {
  Options options;
  options.release = "1.2";
  const std::string pool = kPool + "  appProtocol: http\n";
  CHECK(Places(Run({{"a.yaml", pool}, {"b.yaml", kServers}, {"c.yaml", kRewrite}}, options)) ==
        std::vector<std::string>{"a.yaml:8:3 INF0119", "c.yaml:8:5 INF0119"});
  options.release = "1.4";
  CHECK(
      Places(Run({{"a.yaml", pool}, {"b.yaml", kServers}, {"c.yaml", kRewrite}}, options)).empty());
}

TEST_CASE("rules of a pool's CRD that changed count as of the release") {
  const auto judge = [](const std::string& pool, const std::string& release) {
    Options options;
    options.release = release;
    return Places(Run({{"a.yaml", pool}, {"b.yaml", kServers}}, options));
  };
  const std::string bare =
      With(kPool, "  endpointPickerRef: {name: epp, port: {number: 9002}}\n", "");
  CHECK(judge(bare, "1.5") == std::vector<std::string>{"a.yaml:5:3 INF0106"});
  CHECK(judge(bare, "1.6").empty());
  CHECK(judge(bare, "").empty());
  const std::string two = With(kPool, "[{number: 8000}]", "[{number: 8000}, {number: 8001}]");
  const std::vector<std::string> port{"a.yaml:6:42 INF0203"};  // the container has one
  CHECK(judge(two, "1.0") == std::vector<std::string>{"a.yaml:6:16 INF0110"});
  CHECK(judge(two, "1.1") == port);
}

TEST_CASE("the head of a Helm chart is passed over; anything else without a kind is not") {
  const std::string chart = "apiVersion: v2\nname: picker\nversion: 1.2.3\n";
  CHECK(Places(Judge({chart, kPool, kServers})).empty());
  CHECK(Places(Judge({With(chart, "name: picker\n", ""), kPool, kServers})) ==
        std::vector<std::string>{"a.yaml:1:1 INF0106"});
}

TEST_CASE("rollout plans, drains and pickers: what the examples of codes do not show") {
  const std::string plan = R"(apiVersion: inferenced.dev/v1alpha1
kind: RolloutPlan
metadata: {name: v2, namespace: llm}
target: {kind: InferenceModelRewrite, name: chat}
stable: v1
canary: v2
steps: [{weight: 10, hold: 5m}, {weight: 100, hold: 5m}]
analysis: {interval: 30s, checks: [{metric: error_rate, max: 0.01}]}
)";
  const auto place = [](const std::string& text) { return Places(Judge({text})); };
  CHECK(place(plan).empty());
  CHECK(place(With(plan, "max: 0.01", "min: 0")) ==
        std::vector<std::string>{"a.yaml:8:62 INF0320"});
  CHECK(place(With(plan, ", max: 0.01", "")) == std::vector<std::string>{"a.yaml:8:36 INF0320"});
  CHECK(place(With(plan, "max: 0.01", "max: -1")) ==
        std::vector<std::string>{"a.yaml:8:62 INF0320"});
  CHECK(place(With(plan, "{weight: 10, hold: 5m}", "{weight: 0, hold: 5m, minRequests: 300}")) ==
        std::vector<std::string>{"a.yaml:7:44 INF0321"});
  CHECK(place(With(plan, "{weight: 100, ", "{weight: 10, ")) ==
        std::vector<std::string>{"a.yaml:7:42 INF0323"});
  CHECK(place(With(plan, "{weight: 10, ", "{")) == std::vector<std::string>{"a.yaml:7:9 INF0323"});
  CHECK(place(With(plan, "max: 0.01", "max: 0.01, consecutive: 11")) ==
        std::vector<std::string>{"a.yaml:7:28 INF0322", "a.yaml:7:53 INF0322"});
  CHECK(Places(Judge({With(plan, "name: chat", "name: chatt"), kRewrite})) ==
        std::vector<std::string>{"a.yaml:4:45 INF0207"});
  CHECK(Places(Judge({With(plan, "name: chat", "name: chat, rule: 1"), kRewrite})) ==
        std::vector<std::string>{"a.yaml:4:57 INF0207"});
  // Adapters loaded while running, a shell, a file of settings: nobody knows what is served.
  const std::string served = With(kServers, "args: [", "args: [--served-model-name, v1, ");
  const auto models = [](const std::string& servers) {
    return Places(Judge({kPool, servers, kRewrite}));
  };
  CHECK(models(served) == std::vector<std::string>{"c.yaml:8:62 INF0305"});
  for (const char* open : {"$(MODEL), ", "v2, --config, a.yaml, ", "v2, "}) {
    CHECK(models(With(kServers, "args: [", std::string("args: [--served-model-name, v1, ") + open))
              .empty());
  }
  CHECK(models(With(served, "        image:",
                    "        env: [{name: VLLM_ALLOW_RUNTIME_LORA_UPDATING, value: \"1\"}]\n"
                    "        image:"))
            .empty());
}

TEST_CASE("what is no manifest at all is passed over with a warning") {
  const Verdict verdict = Judge({"settings: {a: 1}\n"});
  CHECK(Places(verdict) == std::vector<std::string>{"a.yaml:1:1 INF0101"});
  CHECK(verdict.findings.at(0).severity == api::Severity::kWarning);
  CHECK(Judge({"kind: InferencePool\n"}).findings.at(0).severity == api::Severity::kError);
}

TEST_CASE("comments with a reason take findings back: behind a line, above it, for a file") {
  const std::string bad =
      With(kPool, "targetPorts: [{number: 8000}]", "targetPorts: [{number: 0}]");
  const auto judge = [&](const std::string& text) { return Judge({text, kServers}); };
  const std::string behind =
      With(bad, "[{number: 0}]", "[{number: 0}]  # inferencectl:ignore INF0110 - a test, OPS-1");
  const std::string above =
      With(bad, "  targetPorts", "  # inferencectl:ignore target-ports: a test\n\n  targetPorts");
  const std::string whole = "# inferencectl:ignore INF0110,INF0204 — both meant\n---\n" + bad;
  for (const std::string& text : {behind, above}) {
    const Verdict verdict = judge(text);
    INFO(text << All(verdict));
    CHECK(verdict.findings.empty());
    REQUIRE(verdict.suppressed.size() == 1);
    CHECK(verdict.suppressed[0].finding.code == "INF0110");
    CHECK(verdict.suppressed[0].reason.find("a test") == 0);
  }
  const Verdict all = judge(whole);
  CHECK(all.suppressed.size() == 1);
  // The one that ignored nothing is named.
  CHECK(Places(all) == std::vector<std::string>{"a.yaml:1:1 INF0010"});
}

TEST_CASE("an ignore without reason or code ignores nothing") {
  const std::string bad =
      With(kPool, "targetPorts: [{number: 8000}]", "targetPorts: [{number: 0}]");
  for (const char* comment : {"INF0110", "INF0110 -", "INF0999 - why", "", "- why"}) {
    INFO(comment);
    const Verdict verdict = Judge(
        {With(bad, "{number: 0}]", std::string("{number: 0}]  # inferencectl:ignore ") + comment),
         kServers});
    CHECK(Places(verdict) ==
          std::vector<std::string>{"a.yaml:6:26 INF0110", "a.yaml:6:31 INF0009"});
  }
  // Of another line, and text that only mentions it.
  CHECK(
      Places(Judge({With(bad, "spec:", "spec:  # inferencectl:ignore INF0110 - why"), kServers})) ==
      std::vector<std::string>{"a.yaml:4:8 INF0010", "a.yaml:6:26 INF0110"});
  CHECK(Places(Judge({With(bad, "spec:", "# see inferencectl:ignore INF0110 - why\nspec:"),
                      kServers})) == std::vector<std::string>{"a.yaml:7:26 INF0110"});
}

TEST_CASE("an annotation ignores findings of its object, with a reason each") {
  const std::string bad =
      With(kPool, "targetPorts: [{number: 8000}]", "targetPorts: [{number: 0}]");
  const auto with = [&](const std::string& value) {
    return With(bad, "metadata: {",
                "metadata: {annotations: {inferencectl.dev/ignore: \"" + value + "\"}, ");
  };
  const Verdict taken = Judge({with("INF0110=a test; target-ports = again"), kServers});
  INFO(All(taken));
  CHECK(taken.findings.empty());
  REQUIRE(taken.suppressed.size() == 1);
  CHECK(taken.suppressed[0].reason == "again");
  // Another object's, unused, without a reason, without a code.
  CHECK(Places(Judge({with("INF0110=a test") + "---\n" + With(bad, "name: qwen", "name: q"),
                      kServers})) == std::vector<std::string>{"a.yaml:14:26 INF0110"});
  CHECK(Places(Judge({With(with("INF0110=a test"), "{number: 0}", "{number: 1}"), kServers}))[0] ==
        "a.yaml:3:51 INF0010");
  for (const char* value : {"INF0110", "INF0110=", "INF0999=why", "=why"}) {
    INFO(value);
    CHECK(Places(Judge({with(value), kServers})) ==
          std::vector<std::string>{"a.yaml:3:51 INF0009", "a.yaml:6:26 INF0110"});
  }
}

TEST_CASE("levels are set by code; what is off is neither reported nor missed by its ignore") {
  const std::string bad =
      With(kPool, "targetPorts: [{number: 8000}]", "targetPorts: [{number: 0}]");
  Options options;
  options.levels["INF0110"] = api::Severity::kInfo;
  const Verdict info = Run({{"a.yaml", bad}, {"b.yaml", kServers}}, options);
  REQUIRE(info.findings.size() == 1);
  CHECK(info.findings[0].severity == api::Severity::kInfo);
  options.levels["INF0110"] = std::nullopt;
  CHECK(Run({{"a.yaml", bad}, {"b.yaml", kServers}}, options).findings.empty());
  const std::string ignored = With(bad, "0}]", "0}]  # inferencectl:ignore INF0110 - why");
  const Verdict off = Run({{"a.yaml", ignored}, {"b.yaml", kServers}}, options);
  CHECK(off.findings.empty());
  CHECK(off.suppressed.empty());
}

TEST_CASE("what plugins say can be ignored as everything else") {
  Options options;
  options.check_configurations = [](const Configurations& found, api::Diagnostics& out) {
    out.push_back({api::Severity::kError, "INF0508", found.pickers.at(0).origin, "too much", ""});
  };
  const std::string picker = "apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\n";
  CHECK(Run({{"a.yaml", picker}}, options).findings.size() == 1);
  const Verdict verdict =
      Run({{"a.yaml", "# inferencectl:ignore INF0508 - a test\n" + picker}}, options);
  CHECK(verdict.findings.empty());
  CHECK(verdict.suppressed.size() == 1);
}

TEST_CASE("an update that an API server refuses") {
  const std::string model = R"(apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {name: chat, namespace: llm}
spec: {modelName: chat, criticality: Critical, poolRef: {name: qwen}}
)";
  const std::string renamed = With(model, "modelName: chat", "modelName: chat-2");
  const auto update = [](const std::string& from, const std::string& to) {
    const Verdict before = Run({{"old.yaml", from}}, {});
    Options options;
    options.before = &before.workspace;
    const Verdict verdict = Run({{"a.yaml", to}}, options);
    INFO(All(verdict));
    std::vector<std::string> out;
    for (const std::string& place : Places(verdict)) {
      if (!place.ends_with("INF0901")) out.push_back(place);  // that the kind is an old one
    }
    return out;
  };
  using Found = std::vector<std::string>;
  CHECK(update(model, renamed) == Found{"a.yaml:4:19 INF0118"});
  CHECK(update(model, With(model, "Critical", "Standard")).empty());
  CHECK(update(model, With(renamed, "name: chat,", "name: chat-2,")).empty());
  CHECK(update(model, With(renamed, "namespace: llm", "namespace: other")).empty());
  CHECK(update(model, With(renamed, "v1alpha2", "v1alpha1")).empty());  // its CRD has no such rule
  const std::string ignored = "# inferencectl:ignore INF0118 - made anew by hand\n";
  CHECK(update(model, ignored + renamed).empty());
  CHECK(update(model, ignored + model) == Found{"a.yaml:1:1 INF0010"});
  // Whether there is one to ignore takes two states.
  CHECK(Places(Judge({ignored + model})).size() == Places(Judge({model})).size());
}

TEST_CASE("a field in the wrong place, or of another version, comes with what to do") {
  const auto notes = [](const std::string& text) {
    const Verdict verdict = Judge({text});
    INFO(All(verdict));
    std::string out;
    for (const api::Diagnostic& d : verdict.findings) {
      if (d.code == "INF0104") out += d.note + "\n";
    }
    return out;
  };
  const std::string pool = R"(apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: qwen, namespace: llm}
spec:
  selector:
    matchLabels: {app: vllm}
  targetPorts: [{number: 8000}]
  endpointPickerRef:
    name: epp
    port: {number: 9002}
    failureMode: FailOpen
)";
  CHECK(notes(pool).empty());
  CHECK(notes(With(pool, "  endpointPickerRef:", "endpointPickerRef:")) ==
        "it belongs into spec: indent it\n");
  CHECK(notes(With(pool, "    failureMode", "  failureMode")) ==
        "it belongs into endpointPickerRef: indent it\n");
  CHECK(notes(With(pool, "    failureMode: FailOpen", "    appProtocol: http")) ==
        "it belongs beside endpointPickerRef, a level higher\n");
  CHECK(notes(With(pool, "    matchLabels: {app: vllm}", "    app: vllm")) ==
        "labels go into matchLabels\n");
  CHECK(notes(With(pool, "targetPorts: [{number: 8000}]", "targetPortNumber: 8000")) ==
        "here it is targetPorts: [{number: 8000}]\n");
  CHECK(notes(With(pool, "failureMode", "failuremode")) == "did you mean 'failureMode'?\n");
  CHECK(notes(With(pool, "failureMode", "somethingElse")) == "\n");
  CHECK(notes(R"(apiVersion: llm-d.ai/v1alpha2
kind: InferenceModelRewrite
metadata: {name: chat, namespace: llm}
spec:
  poolRef: {name: qwen}
  targets: [{modelRewrite: x}]
)") == "it belongs into an item of rules\n");
}

TEST_CASE("a value where a map or a list must be comes with how to write it") {
  const auto notes = [](const std::string& text) {
    const Verdict verdict = Judge({text});
    INFO(All(verdict));
    std::string out;
    for (const api::Diagnostic& d : verdict.findings) {
      if (d.code == "INF0105") out += d.note + "\n";
    }
    return out;
  };
  CHECK(notes(R"(apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: qwen, namespace: llm}
spec:
  selector: {matchLabels: {app: vllm}}
  targetPorts: [8000]
  endpointPickerRef: {name: epp, port: 9002}
)") == "write it as {number: 8000}\nwrite it as {number: 9002}\n");
  CHECK(notes("apiVersion: inferenced.dev/v1alpha1\nkind: DaemonConfig\nmanifests: a.d\n") ==
        "write it as a list: [a.d]\n");
  CHECK(notes(With(kPool, "targetPorts: [{number: 8000}]", "targetPorts: 8000")) == "\n");
}

TEST_CASE("a picker's configuration in a ConfigMap is judged where it stands") {
  const std::string map = R"(apiVersion: v1
kind: ConfigMap
metadata:
  name: epp
  annotations: {inferencectl.dev/ignore: "INF0505=still on the old release"}
data:
  notes.txt: "apiVersion: {"
  default-plugins.yaml: |

    # a comment
    apiVersion: llm-d.ai/v1alpha1
    kind: EndpointPickerConfig
    plugins:
    - {name: "ä", type: queue-scorer, typ: x}
    - type: by-label  # going away
    - type: max-score-picker
    schedulingProfiles:
    - name: default
      plugins:
      - pluginRef: max-score-pickr
)";
  using Found = std::vector<std::string>;
  const auto found = [](const std::string& text) {
    const Verdict verdict = Judge({text});
    INFO(All(verdict));
    return Places(verdict);
  };
  const std::string good = With(With(map, ", typ: x", ""), "pickr", "picker");
  CHECK(found(good).empty());
  CHECK(Judge({good}).suppressed.size() == 1);  // rules see it
  CHECK(found(With(good, "picker\n    sched", "picker\n      typ: x\n    sched")) ==
        Found{"a.yaml:5:42 INF0010", "a.yaml:17:7 INF0104"});
  CHECK(found(map)[1] == "a.yaml:14:39 INF0104");
  const std::string kind = With(good, "kind: EndpointPickerConfig", "kind: EndpointPickerConfg");
  CHECK(found(kind)[1] == "a.yaml:12:11 INF0101");
  CHECK(found(With(good, "plugins:\n", "plugins: @\n")).back() == "a.yaml:13:14 INF0001");
  CHECK(found(With(map, "|\n", "|2-\n"))[1] == "a.yaml:14:39 INF0104");  // both said
  CHECK(found(good + "    ---\n    {}\n").back() == "a.yaml:11:5 INF0011");
  CHECK(found(With(good, "llm-d.ai/v1alpha1", "v1")) == Found{"a.yaml:5:42 INF0010"});
  // Where lines of the text are no lines of the file, all is at its beginning.
  const std::string quoted = R"(apiVersion: v1
kind: ConfigMap
metadata: {name: epp}
data:
  p.yaml: "apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\nplugins: [\n"
)";
  CHECK(found(quoted) == Found{"a.yaml:5:11 INF0001"});
  CHECK(Judge({quoted}).findings[0].message.find("line 4 of the text: ") == 0);
  CHECK(found(With(quoted, "plugins: [", "plugin: []")) == Found{"a.yaml:5:11 INF0104"});
  CHECK(found(With(quoted, "plugins: [", "plugins: []")).empty());
}

TEST_CASE("rules keep away from what is not sound, and the rest is judged all the same") {
  const Verdict verdict = Judge({With(kPool, "targetPorts", "targetPort"), kService,
                                 With(kRewrite, "name: qwen", "name: qwem"), "a: [unclosed\n"});
  INFO(All(verdict));
  CHECK(verdict.unusable);
  const auto places = Places(verdict);
  REQUIRE(places.size() == 2);
  CHECK(places[0] == "a.yaml:6:3 INF0104");
  CHECK(places[1].find("d.yaml:") == 0);
}

TEST_CASE("the order of findings does not depend on the number of threads") {
  std::vector<std::string> texts;
  for (int i = 0; i < 24; ++i) {
    texts.push_back(With(With(kPool, "name: qwen", "name: qwen" + std::to_string(i)), "targetPorts",
                         i % 2 == 0 ? "targetPorts" : "targetPort"));
  }
  const auto one = Places(Judge(texts, 1));
  CHECK(one.size() >= 12);
  for (int i = 0; i < 5; ++i) CHECK(Places(Judge(texts, 8)) == one);
}

}  // namespace
}  // namespace inference::manifest::lint
