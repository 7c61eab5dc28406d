#include "control/changes.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <set>

#include "control/controller.h"
#include "support/temp_dir.h"
#include "unit/control/name_server.h"

using namespace inference;
using control::ChangeRequest;
using control::ChangeResult;
using control::Controller;
using store::ObjectKey;
using testing::Eventually;
using testing::TempDir;
using namespace std::chrono_literals;

namespace {

std::string Daemon(const std::string& more = "stateFile: state/state.db\n") {
  return "apiVersion: inferenced.dev/v1alpha1\nkind: DaemonConfig\n"
         "listeners: [{address: \"127.0.0.1:0\"}]\n"
         "admin: {address: \"unix:///nowhere/admin.sock\"}\nmanifests: [manifests.d]\n" +
         more;
}

std::string Pool(const std::string& name, int port = 8000, const std::string& labels = "{}") {
  return "apiVersion: inference.networking.k8s.io/v1\nkind: InferencePool\nmetadata: {name: " +
         name + ", namespace: llm, labels: " + labels +
         "}\nspec:\n  selector: {matchLabels: {app: vllm}}\n  targetPorts: [{number: " +
         std::to_string(port) + "}]\n";
}

std::string Set(const std::string& name, const std::string& endpoint) {
  return "apiVersion: inferenced.dev/v1alpha1\nkind: EndpointSet\nmetadata: {name: " + name +
         ", namespace: llm, labels: {app: vllm}}\nspec:\n  endpoints:\n  - {name: " + name + ", " +
         endpoint + "}\n";
}

ObjectKey PoolKey(const std::string& name) {
  return {"inference.networking.k8s.io", "InferencePool", "llm", name};
}

ChangeRequest Apply(const std::string& text) {
  ChangeRequest request;
  request.manifests = {{"mine.yaml", text}};
  request.author = {"alice (uid 1000)", "apply", "because"};
  return request;
}

ChangeRequest Delete(const ObjectKey& key) {
  ChangeRequest request;
  request.deletions = {key};
  request.author = {"alice (uid 1000)", "delete", ""};
  return request;
}

struct Folder {
  TempDir dir;
  explicit Folder(const std::string& daemon = Daemon()) {
    dir.Write("inferenced.yaml", daemon);
    dir.Write("manifests.d/set.yaml", Set("gpu-1", "address: 127.0.0.1"));
  }
  Controller::Options options() const { return {.config_path = dir / "inferenced.yaml"}; }
};

std::set<std::string> Pools(const Controller& controller) {
  std::set<std::string> out;
  for (const auto& pool : controller.runtime().Get()->pools()) out.insert(pool.pool->key());
  return out;
}

using Names = std::set<std::string>;

}  // namespace

TEST_CASE("what is applied serves at once, and again after a restart") {
  const Folder folder;
  {
    Controller controller(folder.options());
    REQUIRE(controller.Start().ok());
    const ChangeResult result = controller.Change(Apply(Pool("a") + "---\n" + Pool("b", 9000)));
    REQUIRE(result.status.ok());
    CHECK(result.in_force);
    CHECK(result.applied_generation == 1);
    CHECK(result.generation == 2);
    REQUIRE(result.objects.size() == 2);
    CHECK_FALSE(result.objects[0].before);
    CHECK(Pools(controller) == Names{"llm/a", "llm/b"});
    CHECK(controller.runtime().Get()->Find("llm/a")->pool->endpoints().size() == 1);
    CHECK(controller.config_status().applied_generation == 1);
    CHECK(controller.config_status().diagnostics.empty());
  }
  Controller again(folder.options());
  REQUIRE(again.Start().ok());
  CHECK(Pools(again) == Names{"llm/a", "llm/b"});
  CHECK(again.config_status().applied_generation == 1);
  REQUIRE(again.Change(Delete(PoolKey("a"))).status.ok());
  CHECK(Pools(again) == Names{"llm/b"});
}

TEST_CASE("applying the same again changes nothing and makes no generation") {
  const Folder folder;
  Controller controller(folder.options());
  REQUIRE(controller.Start().ok());
  REQUIRE(controller.Change(Apply(Pool("a"))).status.ok());
  const ChangeResult again = controller.Change(Apply(Pool("a")));
  REQUIRE(again.status.ok());
  CHECK(again.applied_generation == 1);
  CHECK(again.generation == 2);
  REQUIRE(again.objects.size() == 1);
  CHECK(again.objects[0].before == again.objects[0].after);
}

TEST_CASE("a dry run says all and changes nothing") {
  const Folder folder;
  Controller controller(folder.options());
  REQUIRE(controller.Start().ok());
  ChangeRequest request = Apply(Pool("a"));
  request.dry_run = true;
  const ChangeResult result = controller.Change(request);
  REQUIRE(result.status.ok());
  CHECK_FALSE(result.in_force);
  CHECK(result.objects.size() == 1);
  CHECK(Pools(controller).empty());
  CHECK(controller.Objects().size() == 1);  // the file's
  CHECK(controller.History(10)->empty());
}

TEST_CASE("the resulting whole is judged, not the request alone") {
  const Folder folder(Daemon() + "routes: {chat: llm/a}\n");
  folder.dir.Write("manifests.d/pool.yaml", Pool("a"));
  Controller controller(folder.options());
  REQUIRE(controller.Start().ok());
  // The applied endpoint would share an address with the file's.
  const ChangeResult shared = controller.Change(Apply(Set("gpu-2", "address: 127.0.0.1")));
  CHECK(shared.status.code() == Code::kInvalidArgument);
  REQUIRE(shared.findings.size() == 1);
  CHECK(shared.findings[0].origin.ToString() == "mine.yaml:6:5");
  CHECK(shared.findings[0].note.find("set.yaml:6:5") != std::string::npos);
  CHECK(controller.History(10)->empty());
  CHECK(controller.runtime().Get()->generation() == 1);
}

TEST_CASE("all of a change is done or nothing") {
  const Folder folder;
  Controller controller(folder.options());
  REQUIRE(controller.Start().ok());
  CHECK_FALSE(controller.Change(Apply(Pool("a") + "---\n" + Pool("b", 70'000))).status.ok());
  CHECK(Pools(controller).empty());
  ChangeRequest both = Apply(Pool("a"));
  both.deletions = {PoolKey("nobody")};
  CHECK(controller.Change(both).status.code() == Code::kNotFound);
  CHECK(Pools(controller).empty());
}

TEST_CASE("a file that defines an applied object too is refused, with both places") {
  const Folder folder;
  Controller controller(folder.options());
  REQUIRE(controller.Start().ok());
  REQUIRE(controller.Change(Apply(Pool("a"))).status.ok());
  folder.dir.Write("manifests.d/pool.yaml", Pool("a", 9000));
  REQUIRE(Eventually([&] { return controller.config_status().rejected == 1; }));
  const api::Diagnostics findings = controller.config_status().diagnostics;
  REQUIRE(findings.size() == 1);
  CHECK(findings[0].ToString().find("applied InferencePool llm/a:1:1") != std::string::npos);
  CHECK(findings[0].ToString().find("pool.yaml:1:1") != std::string::npos);
  CHECK(Pools(controller) == Names{"llm/a"});

  // Meanwhile commands go on working with the files as they were; the refusal stays to be seen.
  REQUIRE(controller.Change(Apply(Pool("b"))).status.ok());
  CHECK(Pools(controller) == Names{"llm/a", "llm/b"});
  CHECK_FALSE(controller.config_status().last_reload_ok);
  CHECK_FALSE(controller.config_status().diagnostics.empty());

  // Given up here, the file's is taken.
  REQUIRE(controller.Change(Delete(PoolKey("a"))).status.ok());
  CHECK(controller.Reload({}).status.ok());
  CHECK(controller.config_status().last_reload_ok);
  CHECK(Pools(controller) == Names{"llm/a", "llm/b"});
  const ChangeResult owned = controller.Change(Apply(Pool("a")));
  CHECK(owned.status.code() == Code::kFailedPrecondition);
}

TEST_CASE("a change made for another generation is refused") {
  const Folder folder;
  Controller controller(folder.options());
  REQUIRE(controller.Start().ok());
  ChangeRequest request = Apply(Pool("a"));
  request.expected = 7;
  const ChangeResult refused = controller.Change(request);
  CHECK(refused.status.code() == Code::kFailedPrecondition);
  CHECK(refused.applied_generation == 0);
  CHECK(Pools(controller).empty());
  request.expected = 0;
  CHECK(controller.Change(request).status.ok());
}

TEST_CASE("rolling back brings the whole applied state of a generation back") {
  const Folder folder;
  Controller controller(folder.options());
  REQUIRE(controller.Start().ok());
  REQUIRE(controller.Change(Apply(Pool("a") + "---\n" + Pool("b"))).status.ok());
  REQUIRE(controller.Change(Apply(Pool("b", 9000) + "---\n" + Pool("c"))).status.ok());
  REQUIRE(controller.Change(Delete(PoolKey("a"))).status.ok());
  REQUIRE(Pools(controller) == Names{"llm/b", "llm/c"});
  ChangeRequest back;
  back.rollback_to = 1;
  back.author = {"bob (uid 1001)", "rollback to 1", ""};
  const ChangeResult result = controller.Change(back);
  REQUIRE(result.status.ok());
  CHECK(result.applied_generation == 4);
  CHECK(Pools(controller) == Names{"llm/a", "llm/b"});
  CHECK(*controller.runtime().Get()->Find("llm/b")->pool->spec().target_ports[0] == 8000);
  const auto history = controller.History(10);
  REQUIRE(history.ok());
  REQUIRE(history->size() == 4);
  CHECK(history->front().author.who == "bob (uid 1001)");
  const auto texts = controller.ChangesOf(4);
  REQUIRE(texts.ok());
  REQUIRE(texts->size() == 3);
  CHECK_FALSE((*texts)[0].before);  // a came back
  CHECK((*texts)[1].after == Pool("b"));
  CHECK_FALSE((*texts)[2].after);  // c went
  back.rollback_to = 99;
  CHECK(controller.Change(back).status.code() == Code::kNotFound);
  back.rollback_to = 4;
  const ChangeResult nothing = controller.Change(back);
  CHECK(nothing.status.ok());
  CHECK(nothing.applied_generation == 4);
}

TEST_CASE("warnings that are there already are not the change's") {
  const Folder folder;
  folder.dir.Write("manifests.d/lonely.yaml",
                   "apiVersion: inference.networking.k8s.io/v1\nkind: InferencePool\n"
                   "metadata: {name: lonely, namespace: other}\nspec:\n"
                   "  selector: {matchLabels: {app: vllm}}\n  targetPorts: [{number: 8000}]\n");
  Controller controller(folder.options());
  REQUIRE(controller.Start().ok());
  REQUIRE(controller.config_status().diagnostics.size() == 2);  // selects nothing, unselected set
  const ChangeResult good = controller.Change(Apply(Pool("a")));
  CHECK(good.status.ok());
  CHECK(good.findings.empty());
  CHECK(controller.config_status().diagnostics.size() == 1);
}

TEST_CASE("a daemon that keeps nothing says so") {
  const Folder folder(Daemon("stateFile: none\n"));
  Controller controller(folder.options());
  REQUIRE(controller.Start().ok());
  const ChangeResult refused = controller.Change(Apply(Pool("a")));
  CHECK(refused.status.code() == Code::kFailedPrecondition);
  CHECK(refused.status.message() == "this daemon keeps no applied manifests: stateFile is none");
  CHECK(controller.History(10).status().code() == Code::kFailedPrecondition);
  CHECK(controller.config_status().state_file.empty());
}

TEST_CASE("only one daemon writes a state file") {
  const Folder folder;
  Controller first(folder.options());
  REQUIRE(first.Start().ok());
  REQUIRE(first.Change(Apply(Pool("a"))).status.ok());
  Controller second(folder.options());
  CHECK_FALSE(second.Start().ok());
  const api::Diagnostics findings = second.config_status().diagnostics;
  REQUIRE(findings.size() == 1);
  CHECK(findings[0].code == "INF1103");
  CHECK(findings[0].message.find("is in use by another inferenced") != std::string::npos);
}

TEST_CASE("a successor reads the state, and writes it once its predecessor is gone") {
  const Folder folder;
  auto first = std::make_unique<Controller>(folder.options());
  REQUIRE(first->Start().ok());
  REQUIRE(first->Change(Apply(Pool("a"))).status.ok());
  Controller::Options options = folder.options();
  options.take_over = true;
  options.state_retry = 5ms;
  Controller second(options);
  REQUIRE(second.Start().ok());
  CHECK(Pools(second) == Names{"llm/a"});
  CHECK(second.Change(Apply(Pool("b"))).status.code() == Code::kUnavailable);
  REQUIRE(first->Change(Apply(Pool("late"))).status.ok());
  first.reset();
  CHECK(Eventually([&] { return Pools(second) == Names{"llm/a", "llm/late"}; }));
  CHECK(second.Change(Apply(Pool("b"))).status.ok());
}

TEST_CASE("a state file that can't be used stops the start when it was asked for") {
  const Folder folder;
  folder.dir.Write("state/state.db", "no database at all, but long enough to be looked at\n");
  Controller controller(folder.options());
  CHECK_FALSE(controller.Start().ok());
  const api::Diagnostics findings = controller.config_status().diagnostics;
  REQUIRE_FALSE(findings.empty());
  CHECK(findings.back().code == "INF1103");
  CHECK(findings.back().origin.line == 6);
}

TEST_CASE("a change that waits for a DNS name survives bad files meanwhile") {
  const Folder folder;
  const auto names = std::make_shared<testing::NameServer>();
  Controller::Options options = folder.options();
  options.dns_wait = 60s;
  options.dns.look_up = [names](const std::string& name) { return names->LookUp(name); };
  Controller controller(options);
  REQUIRE(controller.Start().ok());
  const ChangeResult result =
      controller.Change(Apply(Pool("b") + "---\n" + Set("n", "dns: gpu.example")));
  REQUIRE(result.status.ok());
  CHECK(result.applied_generation == 1);
  CHECK_FALSE(result.in_force);
  CHECK(controller.Objects().size() == 3);
  folder.dir.Write("manifests.d/bad.yaml", "a: [\n");
  REQUIRE(Eventually([&] { return controller.config_status().rejected == 1; }));
  CHECK(Pools(controller).empty());
  names->Answer("gpu.example", {"127.0.0.2"});
  CHECK(Eventually([&] { return Pools(controller) == Names{"llm/b"}; }));
  CHECK(controller.runtime().Get()->Find("llm/b")->pool->endpoints().size() == 2);
  CHECK_FALSE(controller.config_status().last_reload_ok);
  names->Close();
}
