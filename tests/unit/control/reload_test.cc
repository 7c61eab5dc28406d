#include <catch2/catch.hpp>
#include <filesystem>

#include "control/controller.h"
#include "support/temp_dir.h"
#include "unit/control/name_server.h"

using namespace inference;
using control::Controller;
using control::ReloadResult;
using testing::TempDir;

namespace {

std::string Pool(const std::string& name) {
  return "apiVersion: inference.networking.k8s.io/v1\nkind: InferencePool\nmetadata: {name: " +
         name +
         ", namespace: llm}\nspec:\n  selector: {matchLabels: {app: vllm}}\n"
         "  targetPorts: [{number: 8000}]\n";
}

std::string Daemon(const std::string& more = "") {
  return "apiVersion: inferenced.dev/v1alpha1\nkind: DaemonConfig\n"
         "listeners: [{address: \"127.0.0.1:0\"}]\n"
         "admin: {address: \"unix:///nowhere/admin.sock\"}\nmanifests: [manifests.d]\n"
         "stateFile: state/state.db\n" +
         more;
}

struct Folder {
  TempDir dir;
  Folder() {
    dir.Write("inferenced.yaml", Daemon());
    dir.Write("manifests.d/pool.yaml", Pool("a"));
  }
  Controller::Options options() const { return {.config_path = dir / "inferenced.yaml"}; }
};

}  // namespace

TEST_CASE("a reload answers when it is in force, and is told of at both ends") {
  const Folder folder;
  std::vector<bool> told;
  Controller::Options options = folder.options();
  options.on_reload = [&](bool begins) { told.push_back(begins); };
  Controller controller(std::move(options));
  REQUIRE(controller.Start().ok());
  const ReloadResult result = controller.Reload({.author = {"alice", "reload", "why"}});
  CHECK(result.status.ok());
  CHECK(result.objects.empty());
  CHECK(result.now.generation == result.before.generation + 1);
  CHECK(result.now.pools == 1);
  CHECK(told == std::vector<bool>{true, false});
  const auto operations = controller.Operations(5);
  REQUIRE(operations.ok());
  REQUIRE(operations->size() == 1);
  CHECK(operations->front().verb == "reload");
  CHECK(operations->front().who == "alice");
  CHECK(operations->front().reason == "why");
}

TEST_CASE("a refused reload has the findings with their places, and changes nothing") {
  const Folder folder;
  Controller controller(folder.options());
  REQUIRE(controller.Start().ok());
  folder.dir.Write("inferenced.yaml", Daemon("workers: 3\n"));
  const ReloadResult result = controller.Reload({});
  CHECK(result.status.code() == Code::kInvalidArgument);
  CHECK(result.now.generation == result.before.generation);
  REQUIRE_FALSE(result.findings.empty());
  CHECK(result.findings[0].code == "INF1101");
  CHECK(result.findings[0].origin.line == 7);
  CHECK(controller.Operations(5)->empty());  // nobody asked by command
}

TEST_CASE("a reload that the controller does not outlive is answered") {
  const Folder folder;
  Controller controller(folder.options());
  REQUIRE(controller.Start().ok());
  controller.Stop();
  CHECK(controller.Reload({.timeout = std::chrono::seconds(5)}).status.code() ==
        Code::kUnavailable);
}
