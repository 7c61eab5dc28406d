#include "manifest_reading.h"

namespace inference::manifest {
namespace {

std::string Pool(const std::string& name, const std::string& app, const std::string& ns = "llm") {
  return "---\napiVersion: inference.networking.k8s.io/v1\nkind: InferencePool\nmetadata: {name: " +
         name + ", namespace: " + ns + "}\nspec: {selector: {matchLabels: {app: " + app +
         "}}, targetPorts: [{number: 8000}, {number: 8001}]}\n";
}

std::string Set(const std::string& name, const std::string& endpoints,
                const std::string& ns = "llm") {
  return "---\napiVersion: inferenced.dev/v1alpha1\nkind: EndpointSet\nmetadata: {name: " + name +
         ", namespace: " + ns + ", labels: {app: vllm}}\nspec:\n  endpoints:\n" + endpoints;
}

std::vector<std::string> Check(const std::string& text) {
  Reading reading = ReadText(text);
  INFO(reading.All());
  REQUIRE(reading.diagnostics.empty());
  CheckReferences(reading.set, reading.diagnostics);
  std::vector<std::string> lines;
  for (const api::Diagnostic& d : reading.diagnostics) lines.push_back(d.ToString());
  return lines;
}

TEST_CASE("a pool and its endpoints go well together") {
  CHECK(Check(Pool("a", "vllm") + Set("r",
                                      "  - {name: x, address: 10.0.0.1}\n"
                                      "  - {name: y, address: 10.0.0.1, ports: [9000]}\n"
                                      "  - {name: z, dns: x.example}\n"))
            .empty());
}

TEST_CASE("two objects of one name are refused, both places named") {
  const auto lines = Check(Pool("a", "vllm") + Pool("a", "vllm") + Pool("a", "vllm", "other") +
                           Set("r", "  - {name: x, address: 10.0.0.1}\n") +
                           Set("r", "  - {name: x, address: 10.0.0.2}\n") +
                           Set("r", "  - {name: x, address: 10.0.0.1}\n", "other"));
  REQUIRE(lines.size() == 2);
  CHECK(lines[0] ==
        "f.yaml:7:1: error: InferencePool llm/a is defined twice (the first one is at "
        "f.yaml:2:1) [INF0206]");
  CHECK_THAT(lines[1], Catch::Contains("EndpointSet llm/r is defined twice"));
}

TEST_CASE("two endpoints of a pool must not share an address") {
  const std::string sets = Set("r", "  - {name: x, address: 10.0.0.1}\n") +
                           Set("s",
                               "  - {name: y, address: 10.0.0.1, ports: [8001, 9000]}\n"
                               "  - {name: z, dns: G.example}\n"
                               "  - {name: w, dns: g.EXAMPLE, ports: [8000]}\n");
  const auto lines = Check(Pool("a", "vllm") + sets);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0] ==
        "f.yaml:19:5: error: endpoint 'y' has the address 10.0.0.1 port 8001 of endpoint 'x' in "
        "pool llm/a (the other one is at f.yaml:12:5) [INF0202]");
  CHECK_THAT(lines[1],
             Catch::Contains("f.yaml:21:5: error: endpoint 'w' has the address g.example"));
  // In pools of their own they may.
  CHECK(
      Check(Pool("a", "vllm") + Pool("b", "vllm") + Set("r", "  - {name: x, address: 10.0.0.1}\n"))
          .empty());
}

TEST_CASE("a pool that selects nothing is a warning, and so are endpoints that nobody selects") {
  const auto lines = Check(Pool("a", "sglang") + Set("r", "  - {name: x, address: 10.0.0.1}\n"));
  REQUIRE(lines.size() == 2);
  CHECK_THAT(lines[0], Catch::StartsWith("f.yaml:2:1: warning: pool llm/a selects no endpoint"));
  CHECK_THAT(lines[1], Catch::StartsWith("f.yaml:7:1: warning: no pool selects an endpoint of"));
  // The endpoint's own label wins over its set's; another namespace never matches.
  CHECK(Check(Pool("a", "sglang") +
              Set("r", "  - {name: x, address: 10.0.0.1, labels: {app: sglang}}\n"))
            .empty());
  CHECK(Check(Pool("a", "vllm") + Set("r", "  - {name: x, address: 10.0.0.1}\n", "other")).size() ==
        2);
  CHECK(Check(Pool("a", "vllm") + Set("r", "  []\n")).size() == 1);
}

TEST_CASE("an emptied file is named, for what it held goes with it") {
  for (const char* text : {"", "# nothing\n", "---\n---\n"}) {
    CAPTURE(text);
    ManifestSet set;
    api::Diagnostics out;
    ReadManifests("gone.yaml", text, set, out);
    REQUIRE(out.size() == 1);
    CHECK(out[0].ToString().starts_with("gone.yaml:1:1: warning: this file has no object"));
  }
}

TEST_CASE("routes and pools of the daemon that name no pool are found; of routes they are errors") {
  api::Diagnostics out;
  const auto config = ReadDaemonConfig(
      "d.yaml",
      "apiVersion: inferenced.dev/v1alpha1\nkind: DaemonConfig\npools: {llm/b: {}}\n"
      "routes: {r: llm/pool, s: llm/pol}\n",
      out);
  REQUIRE(config);
  const Reading reading = ReadText(Pool("pool", "vllm"));
  CheckReferences(reading.set, *config, out);
  REQUIRE(out.size() == 2);
  CHECK(out[0].ToString() == "d.yaml:3:16: warning: pools: there is no pool llm/b [INF0207]");
  CHECK(out[1].ToString() ==
        "d.yaml:4:26: error: routes.s: there is no pool llm/pol (did you "
        "mean 'llm/pool'?) [INF0207]");
}

}  // namespace
}  // namespace inference::manifest
