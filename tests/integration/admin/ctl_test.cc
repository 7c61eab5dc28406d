#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "integration/admin/fake_daemon.h"
#include "integration/admin/run_program.h"
#include "net/listener.h"

namespace inference::tests {
namespace {

using nlohmann::json;

/// inferencectl against a daemon.
Ran Ctl(const FakeDaemon& daemon, std::vector<std::string> args) {
  return RunProgram(INFERENCECTL, args, {{"INFERENCECTL_SERVER", daemon.address()}});
}

/// One JSON document of that kind in the common frame.
json Document(const Ran& ran, const std::string& kind) {
  INFO(ran.out << ran.err);
  const json document = json::parse(ran.out, nullptr, /*allow_exceptions=*/false);
  REQUIRE(document.is_object());
  CHECK(document.value("apiVersion", "") == "cli.inferenced.dev/v1");
  CHECK(document.value("kind", "") == kind);
  CHECK(document["metadata"]["generatedAt"].is_string());
  return document;
}

void RequireKeys(const json& object, const std::set<std::string>& keys) {
  std::set<std::string> found;
  for (const auto& [key, value] : object.items()) found.insert(key);
  CHECK(found == keys);
}

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("ctl status") {
  FakeDaemon daemon;
  const Ran text = Ctl(daemon, {"status"});
  CHECK(text.exit_code == 0);
  CHECK(text.err.empty());
  CHECK(Has(text.out, "9.8.7, pid 4242, up 3h00m, 2 reactors"));
  CHECK(Has(text.out, "generation 17, applied 1m3"));
  CHECK(Has(text.out, "4: 2 ready, 1 unreachable, 1 not scraped yet"));
  CHECK(Has(text.out, "12 open, 40231 in all; 4 connections open"));
  const json item = Document(Ctl(daemon, {"status", "-o", "json"}), "Status")["item"];
  RequireKeys(item, {"version", "pid", "uptimeMs", "startedAt", "config", "listeners", "reactors",
                     "decisionRing", "pools", "endpoints", "totals"});
  CHECK(item["config"]["generation"] == 17);
}

TEST_CASE("ctl status shows a refused change with its position") {
  FakeDaemon daemon;
  control::ConfigStatus bad;
  bad.last_reload_ok = false;
  bad.diagnostics.push_back({api::Severity::kError,
                             "INF0105",
                             {std::make_shared<const std::string>("pool.yaml"), 16, 5},
                             "unknown field",
                             ""});
  daemon.view.SetStatus(bad);
  const Ran ran = Ctl(daemon, {"status"});
  CHECK(ran.exit_code == 0);
  CHECK(Has(ran.out, "the last change was refused"));
  CHECK(Has(ran.out, "pool.yaml:16:5: error: unknown field [INF0105]"));
}

TEST_CASE("ctl get endpoints, as a table") {
  FakeDaemon daemon;
  const Ran ran = Ctl(daemon, {"get", "endpoints"});
  CHECK(ran.exit_code == 0);
  CHECK(ran.out.substr(0, 8) == "ENDPOINT");
  CHECK(Has(ran.out, "gpu-4     10.0.0.4:8000  Unknown      <unknown>  <unknown>  <unknown>"));
  CHECK(Has(ran.out, "└─ connection refused"));
  CHECK_FALSE(Has(ran.out, "\x1b["));
  CHECK(Has(Ctl(daemon, {"get", "endpoints", "--color=always"}).out, "\x1b[32mReady"));
  CHECK_FALSE(Has(Ctl(daemon, {"get", "endpoints", "--no-headers"}).out, "STATE"));
  CHECK(Has(Ctl(daemon, {"get", "ep", "-o", "wide"}).out, "app=qwen3,gpu=h100"));
}

TEST_CASE("bug: ctl get endpoints showed numbers that pick does not know any more") {
  FakeDaemon daemon;
  const base::Time now = base::Clock::Real().Now();
  auto& metrics = daemon.view.endpoint("gpu-2").metrics;
  for (auto* gauge : {&metrics.waiting, &metrics.running, &metrics.kv_usage}) {
    gauge->Set(0.77, now - std::chrono::minutes(11));
  }
  const Ran table = Ctl(daemon, {"get", "endpoints", "gpu-2"});
  CHECK_FALSE(Has(table.out, "0.8"));
  CHECK_FALSE(Has(table.out, "77"));
  CHECK(Has(table.out, "<unknown>  <unknown>  <unknown>"));
  CHECK(Has(table.out, " stale"));
  const Ran sorted = Ctl(daemon, {"get", "endpoints", "-o", "name", "--sort-by", "waiting"});
  CHECK(sorted.out == "endpoint/gpu-1\nendpoint/gpu-3\nendpoint/gpu-2\nendpoint/gpu-4\n");
  // For scripts: the last value, marked as what it is.
  const json item = Document(Ctl(daemon, {"get", "endpoints", "gpu-2", "-o", "json"}),
                             "EndpointList")["items"][0];
  CHECK(item["waiting"]["value"] == 0.77);
  CHECK(item["waiting"]["freshness"] == "stale");
}

TEST_CASE("bug: ctl pick did not say which pools there are to choose from") {
  FakeDaemon daemon;
  const Ran ran = Ctl(daemon, {"pick", "-m", "qwen3"});
  CHECK(ran.exit_code == 1);
  CHECK(Has(ran.out, "AmbiguousPool"));
  CHECK_THAT(
      ran.err,
      Catch::Contains("there are several pools: give --pool NAME, one of llm/qwen3, llm/empty\n"));
  CHECK_FALSE(Has(Ctl(daemon, {"pick", "-m", "qwen3", "-p", "llm/qwen3"}).err, "give --pool"));
}

TEST_CASE("ctl get endpoints, sorted and by name") {
  FakeDaemon daemon;
  const Ran sorted = Ctl(daemon, {"get", "endpoints", "-o", "name", "--sort-by", "waiting"});
  CHECK(sorted.out.substr(0, 15) == "endpoint/gpu-2\n");
  CHECK(sorted.out.substr(sorted.out.size() - 15) == "endpoint/gpu-4\n");
  const Ran one = Ctl(daemon, {"get", "endpoints", "gpu-2", "-o", "name"});
  CHECK(one.out == "endpoint/gpu-2\n");
  const Ran missing = Ctl(daemon, {"get", "endpoints", "gpu-2", "gpu-9", "-o", "json"});
  CHECK(missing.exit_code == 1);
  CHECK(Document(missing, "EndpointList")["items"].size() == 1);
  CHECK(Has(missing.err, "gpu-9"));
  const Ran none = Ctl(daemon, {"get", "endpoints", "gpu-9", "-o", "json"});
  CHECK(none.exit_code == 1);
  CHECK(Document(none, "Error")["exitCode"] == 1);
}

TEST_CASE("ctl get endpoints, as JSON") {
  FakeDaemon daemon;
  const json list =
      Document(Ctl(daemon, {"get", "endpoints", "-p", "qwen3", "-ojson"}), "EndpointList");
  CHECK(list["metadata"]["source"]["server"] == daemon.address());
  REQUIRE(list["items"].size() == 4);
  RequireKeys(list["items"][0],
              {"name",      "namespace", "pool",          "address",    "rank",
               "id",        "state",     "running",       "waiting",    "kvCacheUsage",
               "blockSize", "blocks",    "prefixQueries", "prefixHits", "preemptions",
               "lora",      "inFlight",  "unseenPicks",   "weight",     "drain",
               "picks",     "scrape",    "labels",        "weightNote", "ejection"});
  CHECK(list["items"][0]["waiting"]["value"] == 0);
  CHECK(list["items"][0]["waiting"]["freshness"] == "fresh");
  CHECK(list["items"][3]["waiting"]["value"].is_null());
  CHECK(list["items"][3]["waiting"]["freshness"] == "unknown");
  const Ran lines = Ctl(daemon, {"get", "endpoints", "-o", "jsonl"});
  CHECK(std::count(lines.out.begin(), lines.out.end(), '\n') == 4);
  CHECK(json::parse(lines.out.substr(0, lines.out.find('\n')))["kind"] == "Endpoint");
}

TEST_CASE("ctl get endpoints -w appends in a pipe and ends by Ctrl-C with 130") {
  FakeDaemon daemon;
  Program watch(INFERENCECTL, {"get", "endpoints", "-w", "--interval", "100ms"},
                {{"INFERENCECTL_SERVER", daemon.address()}});
  REQUIRE(watch.WaitForOutput("gpu-4"));
  daemon.view.endpoint("gpu-4").metrics.waiting.Set(777, base::Clock::Real().Now());
  REQUIRE(watch.WaitForOutput("777"));
  watch.Signal(SIGINT);
  const Ran ran = watch.Wait();
  CHECK(ran.exit_code == 130);
  CHECK(ran.err.empty());
  CHECK(ran.out.find("ENDPOINT") == ran.out.rfind("ENDPOINT"));
  CHECK_FALSE(Has(ran.out, "\x1b["));
}

TEST_CASE("ctl get endpoints -w says when the daemon goes") {
  FakeDaemon daemon;
  Program watch(INFERENCECTL, {"get", "endpoints", "-w", "-o", "jsonl"},
                {{"INFERENCECTL_SERVER", daemon.address()}});
  REQUIRE(watch.WaitForOutput("gpu-4"));
  daemon.server->Stop();
  const Ran ran = watch.Wait();
  CHECK(ran.exit_code == 4);
  CHECK(Has(ran.err, "lost the connection"));
  CHECK(json::parse(ran.out.substr(ran.out.rfind('\n', ran.out.size() - 2) + 1))["kind"] ==
        "Error");
}

TEST_CASE("ctl get pools") {
  FakeDaemon daemon;
  const Ran text = Ctl(daemon, {"get", "pools"});
  CHECK(text.exit_code == 0);
  CHECK(Has(text.out, "llm/qwen3          4      2            1  8000"));
  CHECK(Has(text.out, "prefix-cache-scorer ×3"));
  const json list = Document(Ctl(daemon, {"get", "pools", "-o", "json"}), "PoolList");
  REQUIRE(list["items"].size() == 2);
  RequireKeys(list["items"][0],
              {"name", "endpoints", "targetPorts", "selector", "profiles", "appProtocol",
               "responseTracking", "destinationList", "generation", "origin"});
  CHECK(Ctl(daemon, {"get", "pools", "-o", "name"}).out == "pool/llm/qwen3\npool/llm/empty\n");
  CHECK(Ctl(daemon, {"get", "pools", "nope"}).exit_code == 1);
}

TEST_CASE("ctl pick shows the table and the winner") {
  FakeDaemon daemon;
  const Ran ran =
      Ctl(daemon, {"pick", "--pool", "llm/qwen3", "--model", "qwen3", "--prompt", "Hi"});
  INFO(ran.out << ran.err);
  CHECK(ran.exit_code == 0);
  CHECK(Has(ran.out, "pool      llm/qwen3, model qwen3, generation 17"));
  CHECK(Has(ran.out, "queue-scorer ×2"));
  CHECK(Has(ran.out, "◀ picked (max-score-picker)"));
  CHECK(Has(ran.out, "gpu-3"));
  CHECK(Has(ran.err, "dry run"));
  CHECK(Ctl(daemon, {"pick", "--pool", "llm/qwen3", "--model", "m", "-q"}).err.empty());
}

TEST_CASE("ctl pick as JSON, from files, and refused") {
  FakeDaemon daemon;
  const std::string prompt = daemon.folder() + "/prompt.txt";
  std::ofstream(prompt) << std::string(5000, 'x');
  const Ran ran = Ctl(daemon, {"pick", "-p", "qwen3", "-m", "qwen3", "--prompt-file", prompt, "-H",
                               "X-Session=7", "-o", "json"});
  const json item = Document(ran, "Pick")["item"];
  RequireKeys(item, {"dryRun", "generation", "pool", "model", "targetModel", "picked", "refusal",
                     "profile", "picker", "columns", "candidates", "dropped", "prefix", "notes"});
  CHECK(item["picked"]["endpoint"] == "gpu-1");
  CHECK(item["prefix"]["blocks"] > 10);
  CHECK(item["refusal"].is_null());
  RequireKeys(item["candidates"][0], {"endpoint", "address", "rank", "total", "scores", "waiting",
                                      "unseenPicks", "running", "kvCacheUsage", "inFlight",
                                      "prefixMatchBlocks", "metricsAgeMs", "stale"});

  const std::string body = daemon.folder() + "/body.json";
  std::ofstream(body) << R"({"model":"from-body","messages":[{"role":"user","content":"Hi"}]})";
  const Ran from_body = Ctl(daemon, {"pick", "-p", "qwen3", "--body-file", body, "-o", "json"});
  CHECK(Document(from_body, "Pick")["item"]["model"] == "from-body");
  std::ofstream(body) << "{\"model\":";
  const Ran broken = Ctl(daemon, {"pick", "-p", "qwen3", "--body-file", body, "-o", "json"});
  CHECK(broken.exit_code == 3);
  CHECK(Document(broken, "Error")["code"] == "bad-input");

  const Ran refused = Ctl(daemon, {"pick", "-p", "empty", "-m", "qwen3", "-o", "json"});
  CHECK(refused.exit_code == 1);
  CHECK(Document(refused, "Pick")["item"]["refusal"]["httpStatus"] == 503);
  CHECK(Ctl(daemon, {"pick", "-p", "empty", "-m", "qwen3"}).exit_code == 1);
  const Ran no_pool = Ctl(daemon, {"pick", "-p", "nope", "-m", "qwen3"});
  CHECK(Has(no_pool.out, "(none), model qwen3, generation"));

  const auto subset = [&](const char* entry) {
    return Ctl(daemon, {"pick", "-p", "qwen3", "-m", "x", "--subset", entry}).exit_code;
  };
  CHECK(subset("10.9.9.9") == 1);
  CHECK(subset("10.9.9.9:8000") == 1);
  CHECK(subset("::1") == 1);
  CHECK(subset("[::1]:8000") == 1);
  CHECK(subset("gpu-1") == 2);
  CHECK(subset("[::1") == 2);
}

TEST_CASE("ctl why tells a story") {
  FakeDaemon daemon;
  const Ran ran = Ctl(daemon, {"why", "req-served"});
  INFO(ran.out);
  CHECK(ran.exit_code == 0);
  CHECK(Has(ran.out, "request   req-served"));
  CHECK(Has(ran.out, "asked     model qwen3, body 1.2 KiB, pool llm/qwen3"));
  CHECK(
      Has(ran.out, "decided   in 23us by profile default, generation 17; 4 candidates, 3 scored"));
  CHECK(Has(ran.out,
            "dropped   gpu-2 by drain: it was drained then\n"
            "dropped   gpu-3 by reachability: it was unreachable then\n"
            "dropped   endpoint 4000000001 (gone) by reachability: it was ejected then"));
  CHECK(Has(ran.out, "dropped   gpu-4 by label-selector-filter: the filter left it out\n"));
  CHECK(Has(ran.out, "          and 3 more\n"));
  CHECK(Has(ran.out, "dropped   12 by subset: not among those that the gateway allowed\n"));
  CHECK(Has(ran.out, "picked    gpu-1 (10.0.0.1:8000)"));
  CHECK(Has(ran.out, "0.80 → 2.40"));
  CHECK(Has(ran.out, "0 (+1)"));
  CHECK(Has(ran.out, "40/51"));
  CHECK(Has(ran.out, "10.0.0.9:8000 (gone)"));
  CHECK(Has(ran.out, "and 1 more with lower totals"));
  CHECK(Has(ran.out, "served by gpu-1, status 200, first token after 210ms, took 3.2s"));
  CHECK(Has(ran.out, "predicted 640 tokens (40 of 51 blocks of 16), the server says 624"));
  const json item = Document(Ctl(daemon, {"why", "req-served", "-o", "json"}), "Decision")["item"];
  CHECK(item["prefix"]["predictedCachedTokens"] == 640);
  CHECK(item["outcome"]["cachedTokens"] == 624);
  CHECK(item["outcome"]["state"] == "served");
  CHECK(item["candidates"][1]["waiting"].is_null());
  CHECK(item["dropped"].size() == 8);
  CHECK(item["dropped"][0]["endpoint"] == "gpu-2");
  CHECK(item["dropped"][0]["filter"] == "drain");
  CHECK(item["dropped"][0]["address"] == "10.0.0.2:8000");
  CHECK(item["dropped"][2]["address"].is_null());
  CHECK(item["droppedTotal"] == 11);
  CHECK(item["outOfSubset"] == 12);
}

TEST_CASE("ctl why of a refused and of an unknown request") {
  FakeDaemon daemon;
  const Ran refused = Ctl(daemon, {"why", "req-refused"});
  CHECK(refused.exit_code == 0);
  CHECK(Has(refused.out, "refused   503 (NoEndpoints)"));
  CHECK_FALSE(Has(refused.out, "\x1b"));
  const Ran unknown = Ctl(daemon, {"why", "nope", "-o", "json"});
  CHECK(unknown.exit_code == 1);
  const json error = Document(unknown, "Error");
  CHECK(error["code"] == "no");
  CHECK(error["retryable"] == false);
  const Ran hostile = Ctl(daemon, {"why", std::string(100'000, 'x') + "\x1b[31m"});
  CHECK(hostile.exit_code == 1);
  CHECK(hostile.err.size() < 500);
  CHECK_FALSE(Has(Ctl(daemon, {"why", "\x1b[31m"}).err, "\x1b"));
}

TEST_CASE("ctl without a daemon says so, with 4, in every format") {
  for (const char* format : {"table", "json"}) {
    const Ran ran = RunProgram(
        INFERENCECTL, {"status", "-o", format, "--server", "unix:///nonexistent/admin.sock"});
    CHECK(ran.exit_code == 4);
    CHECK(Has(ran.err, "is inferenced running?"));
    if (std::string(format) == "json") CHECK(Document(ran, "Error")["retryable"] == true);
  }
}

TEST_CASE(
    "bug: ctl events waited for ever for a daemon that takes the connection and says nothing") {
  TempFolder folder;
  const std::string address = "unix://" + folder.path() + "/admin.sock";
  const auto listener = net::Listener::Open(address, net::InUse::kRefuse);
  REQUIRE(listener.ok());
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"events"}, {"events", "-o", "json"}, {"status"}, {"history"}}) {
    std::vector<std::string> args = words;
    args.insert(args.end(), {"--server", address, "--timeout", "200ms"});
    const Ran ran = RunProgram(INFERENCECTL, args);
    CHECK(ran.exit_code == 5);
    CHECK(Has(ran.err, "no answer from unix://"));
  }
}

TEST_CASE("ctl finds the daemon of a user without root") {
  TempFolder folder;
  const Ran ran = RunProgram(INFERENCECTL, {"status"}, {{"XDG_RUNTIME_DIR", folder.path()}});
  CHECK(ran.exit_code == 4);
  const bool own = Has(ran.err, folder.path() + "/inferenced/admin.sock");
  const bool system = Has(ran.err, "/run/inferenced/admin.sock");
  CHECK((own || system));
}

TEST_CASE("the exit code doesn't depend on the format or on -q") {
  FakeDaemon daemon;
  const std::vector<std::vector<std::string>> commands{{"status"},
                                                       {"why", "nope"},
                                                       {"why", "req-served"},
                                                       {"get", "pools"},
                                                       {"get", "endpoints", "x"},
                                                       {"get", "endpoints", "--pool", "x"},
                                                       {"pick", "-m", "q"},
                                                       {"pick"},
                                                       {"get", "nonsense"},
                                                       {"statsu"},
                                                       {"status", "--nope"}};
  for (const auto& command : commands) {
    auto with = [&](std::vector<std::string> more) {
      std::vector<std::string> all = command;
      all.insert(all.end(), more.begin(), more.end());
      return Ctl(daemon, all);
    };
    const Ran plain = with({});
    const Ran as_json = with({"-o", "json"});
    CAPTURE(command);
    CHECK(plain.exit_code == as_json.exit_code);
    CHECK(plain.exit_code == with({"-q"}).exit_code);
    CHECK(json::accept(as_json.out));
  }
}

TEST_CASE("output that can't be written isn't success") {
  FakeDaemon daemon;
  const Ran ran =
      RunProgram("/bin/sh", {"-c", std::string("exec ") + INFERENCECTL + " status > /dev/full"},
                 {{"INFERENCECTL_SERVER", daemon.address()}});
  CHECK(ran.exit_code == 4);
  CHECK(Has(ran.err, "cannot write"));
}

TEST_CASE("bug: ctl with a closed output wrote to its connection, as a success") {
  FakeDaemon daemon;
  const Ran ran = RunProgram(
      "/bin/sh", {"-c", std::string("exec ") + INFERENCECTL + " get endpoints -o json >&-"},
      {{"INFERENCECTL_SERVER", daemon.address()}});
  CHECK(ran.exit_code == 4);
  CHECK(Has(ran.err, "cannot write"));
}

}  // namespace
}  // namespace inference::tests
