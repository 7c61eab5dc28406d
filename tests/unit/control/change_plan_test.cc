#include "control/change_plan.h"

#include <catch2/catch.hpp>

using namespace inference;
using control::ChangePlan;
using control::ChangeRequest;
using control::MakePlan;
using store::ObjectKey;

namespace {

constexpr const char* kPools = "inference.networking.k8s.io";

std::string Pool(const std::string& name, const std::string& app = "vllm",
                 const std::string& labels = "{}") {
  return std::string("apiVersion: ") + kPools +
         "/v1\nkind: InferencePool\nmetadata: {name: " + name +
         ", namespace: llm, labels: " + labels +
         "}\nspec:\n  selector: {matchLabels: {app: " + app +
         "}}\n  targetPorts: [{number: 8000}]\n";
}

ObjectKey Key(const std::string& name) {
  return {kPools, "InferencePool", "llm", name};
}

struct State {
  manifest::ManifestSet applied, files;
  api::Diagnostics findings;

  void Apply(const std::string& name, const std::string& text) {
    control::ReadApplied(Key(name), text, applied, findings);
  }
  Result<ChangePlan> Plan(const ChangeRequest& request) {
    findings.clear();
    return MakePlan(request, applied, files, findings);
  }
};

std::vector<std::string> Names(const manifest::ManifestSet& set) {
  std::vector<std::string> out;
  for (const api::InferencePool& pool : set.pools) out.push_back(pool.meta.name);
  return out;
}

std::string Summary(const ChangePlan& plan) {
  std::string out;
  for (const auto& object : plan.objects) {
    out += object.key.name +
           (object.before == object.after ? "="
            : !object.before              ? "+"
            : !object.after               ? "-"
                                          : "~") +
           " ";
  }
  return out;
}

}  // namespace

TEST_CASE("a plan names what is created, changed, unchanged and deleted") {
  State state;
  state.Apply("same", Pool("same"));
  state.Apply("old", Pool("old"));
  state.Apply("gone", Pool("gone"));
  state.Apply("untouched", Pool("untouched"));
  ChangeRequest request;
  request.manifests = {{"f.yaml", Pool("same") + "---\n" + Pool("old", "other")},
                       {"g.yaml", Pool("new")}};
  request.deletions = {Key("gone")};
  const auto plan = state.Plan(request);
  REQUIRE(plan.ok());
  CHECK(Summary(*plan) == "gone- new+ old~ same= ");
  CHECK(plan->Changes().size() == 3);
  CHECK(Names(plan->stored) == std::vector<std::string>{"untouched", "same", "old", "new"});
  CHECK(Names(plan->checked) == Names(plan->stored));
  // Findings about the request show its files; later ones show where the object is kept.
  CHECK(plan->checked.pools[2].meta.origin.ToString() == "f.yaml:8:1");
  CHECK(plan->stored.pools[2].meta.origin.ToString() == "applied InferencePool llm/old:1:1");
  CHECK(plan->stored.pools[2].match_labels.at("app") == "other");
}

TEST_CASE("what a file defines is refused, with both places") {
  State state;
  manifest::ReadManifests("/etc/pool.yaml", "# head\n" + Pool("a"), state.files, state.findings);
  ChangeRequest set;
  set.manifests = {{"mine.yaml", Pool("a", "other")}};
  auto plan = state.Plan(set);
  CHECK(plan.status().code() == Code::kFailedPrecondition);
  REQUIRE(state.findings.size() == 1);
  CHECK(state.findings[0].ToString() ==
        "mine.yaml:1:1: error: InferencePool llm/a is defined in /etc/pool.yaml:2:1 (change it "
        "there, or take it out of that file first) [INF1105]");
  ChangeRequest remove;
  remove.deletions = {{"", "InferencePool", "llm", "a"}};
  plan = state.Plan(remove);
  CHECK(plan.status().code() == Code::kFailedPrecondition);
  REQUIRE(state.findings.size() == 1);
  CHECK(state.findings[0].code == "INF1105");
}

TEST_CASE("an object given twice is refused, with both places") {
  State state;
  ChangeRequest request;
  request.manifests = {{"f.yaml", Pool("a")}, {"g.yaml", Pool("a", "other")}};
  CHECK(state.Plan(request).status().code() == Code::kInvalidArgument);
  REQUIRE(state.findings.size() == 1);
  CHECK(state.findings[0].note == "the first one is at f.yaml:1:1");
}

TEST_CASE("deleting what isn't there is an error unless that is fine") {
  State state;
  state.Apply("a", Pool("a"));
  ChangeRequest request;
  request.deletions = {Key("a"), Key("b")};
  const auto refused = state.Plan(request);
  CHECK(refused.status().code() == Code::kNotFound);
  CHECK(refused.status().message() == "not applied here: InferencePool llm/b; nothing was changed");
  request.ignore_missing = true;
  const auto plan = state.Plan(request);
  REQUIRE(plan.ok());
  CHECK(Summary(*plan) == "a- ");
}

TEST_CASE("prune deletes what has the labels and isn't given") {
  State state;
  state.Apply("a", Pool("a", "vllm", "{team: x, stage: prod}"));
  state.Apply("b", Pool("b", "vllm", "{team: x, stage: test}"));
  state.Apply("c", Pool("c", "vllm", "{team: x, stage: prod}"));
  state.Apply("d", Pool("d"));
  ChangeRequest request;
  request.manifests = {{"f.yaml", Pool("a", "vllm", "{team: x, stage: prod}")}};
  request.prune = api::Labels{{"team", "x"}, {"stage", "prod"}};
  const auto plan = state.Plan(request);
  REQUIRE(plan.ok());
  CHECK(Summary(*plan) == "a= c- ");
}

TEST_CASE("a request with nothing in it, or with errors, changes nothing") {
  State state;
  ChangeRequest request;
  CHECK(state.Plan(request).status().code() == Code::kInvalidArgument);
  request.manifests = {{"empty.yaml", "# nothing\n"}};
  CHECK(state.Plan(request).status().code() == Code::kInvalidArgument);
  request.manifests = {{"f.yaml", Pool("a") + "---\n" + Pool("b") + "  typo: 1\n"}};
  CHECK(state.Plan(request).status().code() == Code::kInvalidArgument);
  REQUIRE(state.findings.size() == 1);
  CHECK(state.findings[0].origin.ToString() == "f.yaml:14:3");
}
