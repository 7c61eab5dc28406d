#include "control/controller.h"

#include <catch2/catch.hpp>
#include <condition_variable>
#include <filesystem>
#include <map>
#include <mutex>

#include "support/temp_dir.h"
#include "unit/control/name_server.h"

using namespace inference;
using control::Controller;
using testing::Eventually;
using testing::NameServer;
using testing::TempDir;
using namespace std::chrono_literals;

namespace {

constexpr const char* kDaemon = R"(
apiVersion: inferenced.dev/v1alpha1
kind: DaemonConfig
listeners: [{address: "127.0.0.1:0"}]
admin: {address: "unix:///nowhere/admin.sock"}
stateFile: none
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

// A folder, and a name server that is silent until the test makes it speak.
struct NamedFolder : Folder {
  std::shared_ptr<NameServer> names = std::make_shared<NameServer>();
  ~NamedFolder() { names->Close(); }
  Controller::Options options(base::Duration wait) const {
    Controller::Options options = Folder::options();
    options.dns_wait = wait;
    options.dns.look_up = [names = names](const std::string& name) { return names->LookUp(name); };
    return options;
  }
  void WriteSet(const std::string& second) const {
    std::string set = kSet;
    const std::string old = "address: \"::1\"";
    dir.Write("manifests.d/set.yaml", set.replace(set.find(old), old.size(), second));
  }
};

std::vector<std::string> HostPorts(const Controller& controller) {
  std::vector<std::string> out;
  const picker::PoolRuntime* pool = controller.runtime().Get()->Find("llm/a");
  if (!pool) return out;
  for (const auto& endpoint : pool->pool->endpoints()) out.push_back(endpoint->info().host_port);
  return out;
}

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
  CHECK(Mentions(diagnostics, "inferenced.yaml:8:"));
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
  auto options = folder.options();
  options.dns.look_up = [](const std::string&) -> Result<std::vector<std::string>> {
    return Status(Code::kUnavailable, "unknown");
  };
  Controller controller(std::move(options));
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

TEST_CASE("bug: an endpoint whose address became a name was gone until the first answer") {
  const NamedFolder folder;
  Controller controller(folder.options(1h));
  REQUIRE(controller.Start().ok());
  folder.WriteSet("dns: gpu.example");
  REQUIRE(Eventually([&] {
    return Mentions(controller.config_status().diagnostics,
                    "the change waits for the first answer about DNS name 'gpu.example'");
  }));
  CHECK(controller.config_status().generation == 1);
  CHECK(HostPorts(controller) == std::vector<std::string>{"127.0.0.1:1", "[::1]:1"});

  folder.names->Answer("gpu.example", {"127.0.0.9"});
  REQUIRE(Eventually([&] { return controller.config_status().generation == 2; }));
  CHECK(HostPorts(controller) == std::vector<std::string>{"127.0.0.1:1", "127.0.0.9:1"});
  CHECK(Eventually([&] { return controller.config_status().diagnostics.empty(); }));
}

TEST_CASE("a change of several names waits for all of them, and what runs follows its own") {
  const NamedFolder folder;
  folder.names->Answer("old.example", {"127.0.0.2"});
  folder.WriteSet("dns: old.example");
  auto options = folder.options(1h);
  options.dns.refresh = 5ms;
  Controller controller(std::move(options));
  REQUIRE(controller.Start().ok());
  REQUIRE(HostPorts(controller) == std::vector<std::string>{"127.0.0.1:1", "127.0.0.2:1"});

  folder.WriteSet("dns: one.example}\n  - {name: gpu-3, dns: two.example");
  REQUIRE(Eventually([&] {
    return Mentions(controller.config_status().diagnostics, "about DNS name 'two.example'");
  }));
  folder.names->Answer("one.example", {"127.0.0.3"});
  REQUIRE(Eventually([&] {
    const auto found = controller.config_status().diagnostics;
    return Mentions(found, "about DNS name 'two.example'") && !Mentions(found, "'one.example'");
  }));
  CHECK(controller.config_status().generation == 1);
  // What runs goes with its own name meanwhile, and the others are still asked for.
  folder.names->Answer("old.example", {"127.0.0.4"});
  REQUIRE(Eventually([&] { return controller.config_status().generation == 2; }));
  CHECK(HostPorts(controller) == std::vector<std::string>{"127.0.0.1:1", "127.0.0.4:1"});
  folder.names->Answer("two.example", {"127.0.0.5"});
  REQUIRE(Eventually([&] { return controller.config_status().generation == 3; }));
  CHECK(HostPorts(controller) ==
        std::vector<std::string>{"127.0.0.1:1", "127.0.0.3:1", "127.0.0.5:1"});
}

TEST_CASE("a name server that is silent holds a change for a bounded time only") {
  const NamedFolder folder;
  Controller controller(folder.options(50ms));
  REQUIRE(controller.Start().ok());
  folder.WriteSet("dns: gpu.example");
  REQUIRE(Eventually([&] { return controller.config_status().generation == 2; }));
  CHECK(HostPorts(controller) == std::vector<std::string>{"127.0.0.1:1"});
  CHECK(Eventually([&] {
    return Mentions(controller.config_status().diagnostics,
                    "set.yaml:8:5: warning: DNS name 'gpu.example': no answer yet (endpoint "
                    "'gpu-2' is left out until it resolves)");
  }));
  // What was waited for once is not waited for again.
  folder.dir.Write("manifests.d/second.yaml", PoolYaml("b", 2));
  CHECK(Eventually([&] { return controller.runtime().Get()->Find("llm/b") != nullptr; }));
  folder.names->Answer("gpu.example", {"127.0.0.9"});
  CHECK(Eventually([&] { return HostPorts(controller).size() == 2; }));
}

TEST_CASE("bug: a fleet of names started without endpoints") {
  const NamedFolder folder;
  folder.WriteSet("dns: gpu.example");
  SECTION("an answer in time") {
    folder.names->Answer("gpu.example", {"127.0.0.9"});
    Controller controller(folder.options(1h));
    REQUIRE(controller.Start().ok());
    CHECK(controller.config_status().generation == 1);
    CHECK(HostPorts(controller).size() == 2);
  }
  SECTION("none") {
    Controller controller(folder.options(50ms));
    REQUIRE(controller.Start().ok());
    CHECK(HostPorts(controller).size() == 1);
    CHECK(Mentions(controller.config_status().diagnostics, "'gpu.example': no answer yet"));
  }
}

TEST_CASE("a bad change is refused at once, whatever it has names for") {
  const NamedFolder folder;
  Controller controller(folder.options(1h));
  REQUIRE(controller.Start().ok());
  folder.WriteSet("dns: gpu.example");
  folder.dir.Write("manifests.d/second.yaml", PoolYaml("a", 2));
  REQUIRE(Eventually([&] { return controller.config_status().rejected > 0; }));
  CHECK(Mentions(controller.config_status().diagnostics, "InferencePool llm/a is defined twice"));
  CHECK_FALSE(Mentions(controller.config_status().diagnostics, "the change waits"));
}

TEST_CASE("bug: a manifests folder that is missing had no place") {
  const Folder folder;
  std::filesystem::remove_all(folder.dir / "manifests.d");
  Controller controller(folder.options());
  CHECK_FALSE(controller.Start().ok());
  const std::string said = "inferenced.yaml:7:13: error: " + (folder.dir / "manifests.d") +
                           ": No such file or directory [INF0008]";
  REQUIRE(controller.config_status().diagnostics.size() == 1);
  CHECK_THAT(controller.config_status().diagnostics[0].ToString(), Catch::EndsWith(said));
  api::Diagnostics checked;
  control::CheckConfig(folder.dir / "inferenced.yaml", checked);
  REQUIRE_FALSE(checked.empty());
  CHECK_THAT(checked[0].ToString(), Catch::EndsWith(said));
}

TEST_CASE("bug: a bad port was followed by a finding that was only its consequence") {
  const Folder folder;
  folder.dir.Write("manifests.d/set.yaml", R"(
apiVersion: inferenced.dev/v1alpha1
kind: EndpointSet
metadata: {name: rack, namespace: llm, labels: {app: vllm}}
spec:
  endpoints:
  - {name: gpu-1, address: 127.0.0.1, ports: [0]}
  - {name: gpu-2, address: 127.0.0.1}
)");
  api::Diagnostics diagnostics;
  CHECK_FALSE(control::CheckConfig(folder.dir / "inferenced.yaml", diagnostics));
  REQUIRE(diagnostics.size() == 1);
  CHECK(Mentions(diagnostics, "ports[0] must be 1 to 65535"));
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
  const std::string why = ": No such file or directory [INF0008]";
  const std::string link = folder.dir / "manifests.d/link.yaml";
  CHECK(controller.config_status().diagnostics[0].ToString() ==
        link + ": error: No such file or directory [INF0008]");
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
