#include "control/controller.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "support/temp_dir.h"

using namespace inference;
using control::Controller;
using testing::Eventually;
using testing::TempDir;

namespace {

constexpr const char* kDaemon = R"(
apiVersion: inferenced.dev/v1alpha1
kind: DaemonConfig
listeners: [{address: "127.0.0.1:0"}]
admin: {address: "unix:///nowhere/admin.sock"}
manifests: [manifests.d]
)";

std::string PoolYaml(const std::string& name, int port) {
  return "apiVersion: inference.networking.k8s.io/v1\nkind: InferencePool\nmetadata: {name: " +
         name +
         ", namespace: llm}\nspec:\n  selector: {matchLabels: {app: vllm}}\n  targetPorts:\n  - "
         "number: " +
         std::to_string(port) + "\n";
}

constexpr const char* kSet = R"(
apiVersion: inferenced.dev/v1alpha1
kind: EndpointSet
metadata: {name: rack, namespace: llm, labels: {app: vllm}}
spec:
  endpoints:
  - {name: gpu-1, address: 127.0.0.1}
  - {name: gpu-2, address: "::1"}
)";

// A daemon's folder with one pool of two endpoints.
struct Folder {
  TempDir dir;
  Folder() {
    dir.Write("inferenced.yaml", kDaemon);
    dir.Write("manifests.d/pool.yaml", PoolYaml("a", 1));
    dir.Write("manifests.d/set.yaml", kSet);
  }
  Controller::Options options() const { return {dir / "inferenced.yaml"}; }
};

bool Mentions(const api::Diagnostics& diagnostics, const std::string& text) {
  for (const auto& d : diagnostics) {
    if (d.ToString().find(text) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("the first generation has every pool and endpoint of the files") {
  const Folder folder;
  Controller controller(folder.options());
  REQUIRE(controller.Start().ok());
  const auto runtime = controller.runtime().Get();
  CHECK(runtime->generation() == 1);
  const picker::PoolRuntime* pool = runtime->Find("llm/a");
  REQUIRE(pool);
  REQUIRE(pool->pool->endpoints().size() == 2);
  CHECK(pool->pool->endpoints()[0]->info().host_port == "127.0.0.1:1");
  CHECK(pool->pool->endpoints()[1]->info().host_port == "[::1]:1");
  CHECK(controller.config_status().last_reload_ok);
}

TEST_CASE("a start with a broken manifest is refused, with its place") {
  const Folder folder;
  folder.dir.Write("manifests.d/pool.yaml", PoolYaml("a", 70000));
  Controller controller(folder.options());
  CHECK_FALSE(controller.Start().ok());
  CHECK(Mentions(controller.config_status().diagnostics, "pool.yaml:7:13: error"));
}

TEST_CASE("a change is applied while running; endpoints that stay keep their identity") {
  const Folder folder;
  Controller controller(folder.options());
  REQUIRE(controller.Start().ok());
  const auto before = controller.runtime().Get();
  const auto endpoint = before->Find("llm/a")->pool->endpoints()[0];
  const auto scheduler = before->Find("llm/a")->scheduler;

  folder.dir.Write("manifests.d/second.yaml", PoolYaml("b", 2));
  REQUIRE(Eventually([&] { return controller.runtime().Get()->Find("llm/b") != nullptr; }));
  const auto after = controller.runtime().Get();
  CHECK(after->generation() > before->generation());
  CHECK(after->Find("llm/a")->pool->endpoints()[0] == endpoint);
  CHECK(after->Find("llm/a")->scheduler == scheduler);  // and with it the prefix index
}

TEST_CASE("a bad change keeps the last good state and says where; mending it goes on") {
  const Folder folder;
  Controller controller(folder.options());
  REQUIRE(controller.Start().ok());
  folder.dir.Write("manifests.d/pool.yaml", "kind: [");
  REQUIRE(Eventually([&] { return !controller.config_status().last_reload_ok; }));
  control::ConfigStatus status = controller.config_status();
  CHECK(status.rejected == 1);
  CHECK(status.generation == 1);
  CHECK(Mentions(status.diagnostics, "pool.yaml:1:"));
  CHECK(controller.runtime().Get()->Find("llm/a"));

  folder.dir.Write("manifests.d/pool.yaml", PoolYaml("a", 9));
  REQUIRE(Eventually([&] { return controller.config_status().last_reload_ok; }));
  CHECK(controller.runtime().Get()->Find("llm/a")->pool->endpoints()[0]->info().port == 9);
}

TEST_CASE("half of a change is never applied: one bad file holds back the good one") {
  const Folder folder;
  Controller controller(folder.options());
  REQUIRE(controller.Start().ok());
  folder.dir.Write("manifests.d/zz-bad.yaml", PoolYaml("bad", -1));
  REQUIRE(Eventually([&] { return controller.config_status().rejected == 1; }));
  folder.dir.Write("manifests.d/good.yaml", PoolYaml("good", 5));
  REQUIRE(Eventually([&] { return controller.config_status().rejected == 2; }));
  CHECK(controller.runtime().Get()->Find("llm/good") == nullptr);
  CHECK(controller.runtime().Get()->generation() == 1);
}

TEST_CASE("the picker configuration is watched too, and a plugin that isn't there is refused") {
  const Folder folder;
  folder.dir.Write("inferenced.yaml", std::string(kDaemon) + "pickerConfig: picker.yaml\n");
  const std::string head = "apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\nplugins:\n";
  folder.dir.Write("picker.yaml", head + "- {type: queue-scorer}\n");
  Controller controller(folder.options());
  REQUIRE(controller.Start().ok());
  CHECK(controller.runtime().Get()->Find("llm/a")->scheduler->profiles[0].scorers.size() == 1);

  folder.dir.Write("picker.yaml", head + "- {type: queue-scorer}\n- {type: token-load-scorer}\n");
  REQUIRE(Eventually([&] { return controller.config_status().rejected == 1; }));
  CHECK(Mentions(controller.config_status().diagnostics, "picker.yaml:5:"));
  CHECK(Mentions(controller.config_status().diagnostics, "token-load-scorer"));

  folder.dir.Write("picker.yaml",
                   head + "- {type: queue-scorer}\n- {type: running-requests-size-scorer}\n");
  REQUIRE(Eventually([&] { return controller.config_status().last_reload_ok; }));
  CHECK(controller.runtime().Get()->Find("llm/a")->scheduler->profiles[0].scorers.size() == 2);
}

TEST_CASE("what only a restart can change is named and nothing of the change is applied") {
  const Folder folder;
  Controller controller(folder.options());
  REQUIRE(controller.Start().ok());
  std::string changed = kDaemon;
  changed.replace(changed.find("127.0.0.1:0"), 11, "127.0.0.1:1");
  folder.dir.Write("inferenced.yaml", changed + "pools: {llm/a: {destinationList: 3}}\n");
  REQUIRE(Eventually([&] { return controller.config_status().rejected == 1; }));
  CHECK(Mentions(controller.config_status().diagnostics,
                 "inferenced.yaml:4:23: error: only a restart can change: listeners"));
  CHECK(controller.runtime().Get()->Find("llm/a")->destination_list == 1);

  folder.dir.Write("inferenced.yaml",
                   std::string(kDaemon) + "pools: {llm/a: {destinationList: 3}}\n");
  REQUIRE(Eventually([&] { return controller.config_status().last_reload_ok; }));
  CHECK(controller.runtime().Get()->Find("llm/a")->destination_list == 3);
}

TEST_CASE("a route to a pool that isn't there is an error at its place") {
  const Folder folder;
  folder.dir.Write("inferenced.yaml", std::string(kDaemon) + "routes: {chat: llm/nope}\n");
  api::Diagnostics diagnostics;
  CHECK_FALSE(control::CheckConfig(folder.dir / "inferenced.yaml", diagnostics));
  CHECK(Mentions(diagnostics, "routes.chat: there is no pool llm/nope"));
  CHECK(Mentions(diagnostics, "inferenced.yaml:7:"));
}

TEST_CASE("bug: an answer of DNS made a refused change look applied") {
  const Folder folder;
  Controller controller(folder.options());
  REQUIRE(controller.Start().ok());
  folder.dir.Write("manifests.d/pool.yaml", PoolYaml("a", 70000));
  REQUIRE(Eventually([&] { return controller.config_status().rejected == 1; }));
  static_cast<sources::Sink&>(controller).OnDns({{"gpu.invalid", {"127.0.0.9"}}}, {});
  REQUIRE(Eventually([&] { return controller.config_status().generation == 2; }));
  CHECK_FALSE(controller.config_status().last_reload_ok);
  CHECK(Mentions(controller.config_status().diagnostics, "pool.yaml:7:13: error"));
}

TEST_CASE("a DNS name without an address is a finding at the endpoint, until it resolves") {
  const Folder folder;
  folder.dir.Write("manifests.d/set.yaml",
                   std::string(kSet) + "  - {name: gpu-3, dns: gpu.invalid}\n");
  Controller controller(folder.options());
  REQUIRE(controller.Start().ok());
  auto& sink = static_cast<sources::Sink&>(controller);
  sink.OnDns({}, {{"gpu.invalid", "no such name"}});
  REQUIRE(Eventually([&] {
    return Mentions(controller.config_status().diagnostics,
                    "set.yaml:9:5: warning: DNS name 'gpu.invalid': ");
  }));
  CHECK(controller.config_status().last_reload_ok);
  sink.OnDns({{"gpu.invalid", {"127.0.0.9"}}}, {});
  CHECK(Eventually([&] { return !Mentions(controller.config_status().diagnostics, "DNS name"); }));
}

TEST_CASE("bug: certificates were looked for in the working directory, and not checked") {
  const Folder folder;
  const std::string daemon = R"(
apiVersion: inferenced.dev/v1alpha1
kind: DaemonConfig
listeners:
- {address: "127.0.0.1:0", tls: {mode: files, certFile: tls/a.pem, keyFile: tls/a.key}}
admin: {address: "unix:///nowhere/admin.sock"}
manifests: [manifests.d]
scrape: {scheme: https, caFile: tls/ca.pem}
)";
  folder.dir.Write("inferenced.yaml", daemon);
  api::Diagnostics diagnostics;
  const auto config = control::LoadConfig(folder.dir / "inferenced.yaml", diagnostics);
  REQUIRE(config);
  CHECK(config->daemon->listeners[0].tls.cert_file == folder.dir / "tls/a.pem");
  CHECK(config->daemon->listeners[0].tls.key_file == folder.dir / "tls/a.key");
  CHECK(*config->daemon->scrape.ca_file == folder.dir / "tls/ca.pem");

  CHECK_FALSE(control::CheckConfig(folder.dir / "inferenced.yaml", diagnostics));
  CHECK(Mentions(diagnostics, "inferenced.yaml:5:13: error: " + (folder.dir / "tls/a.pem")));
  CHECK(Mentions(diagnostics, "inferenced.yaml:8:33: error: " + (folder.dir / "tls/ca.pem")));
  for (const char* file : {"tls/a.pem", "tls/a.key", "tls/ca.pem"}) folder.dir.Write(file, "x");
  diagnostics.clear();
  CHECK(control::CheckConfig(folder.dir / "inferenced.yaml", diagnostics));
}

TEST_CASE("manifests without a pool are warned of") {
  const Folder folder;
  folder.dir.Write("manifests.d/pool.yaml", "");
  Controller controller(folder.options());
  REQUIRE(controller.Start().ok());
  CHECK(Mentions(controller.config_status().diagnostics, "there is no InferencePool"));
}

TEST_CASE("bug: a missing configuration was reported at 'default', a missing file named twice") {
  const Folder folder;
  Controller controller(folder.options());
  REQUIRE(controller.Start().ok());
  std::filesystem::remove(folder.dir / "inferenced.yaml");
  std::filesystem::create_symlink("nowhere", folder.dir / "manifests.d/link.yaml");
  REQUIRE(Eventually([&] { return controller.config_status().diagnostics.size() == 2; }));
  const std::string why = ": No such file or directory [INF0001]";
  const std::string link = folder.dir / "manifests.d/link.yaml";
  CHECK(controller.config_status().diagnostics[0].ToString() ==
        link + ": error: No such file or directory [INF0001]");
  CHECK(controller.config_status().diagnostics[1].ToString() ==
        "error: " + (folder.dir / "inferenced.yaml") + why);
}

TEST_CASE("bug: two parts at one address were blamed on another process") {
  const Folder folder;
  api::Diagnostics diagnostics;
  folder.dir.Write("inferenced.yaml",
                   std::string(kDaemon) + "health: {address: \"127.0.0.1:0\"}\n");
  CHECK(control::LoadConfig(folder.dir / "inferenced.yaml", diagnostics));

  folder.dir.Write("inferenced.yaml",
                   std::string(kDaemon) + "health: {address: \"127.0.0.1:9090\"}\n");
  CHECK_FALSE(control::LoadConfig(folder.dir / "inferenced.yaml", diagnostics));
  CHECK(Mentions(diagnostics, "http.address has the address 127.0.0.1:9090 of health.address"));
}
