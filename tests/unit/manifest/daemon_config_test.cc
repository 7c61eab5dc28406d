#include "manifest_reading.h"

namespace inference::manifest {
namespace {

using namespace std::chrono_literals;

const std::string kFull = R"(apiVersion: inferenced.dev/v1alpha1
kind: DaemonConfig
listeners:
- {address: "unix:///run/inferenced/extproc.sock"}
- {address: "127.0.0.1:9002", tls: {mode: files, certFile: tls.crt, keyFile: tls.key}}
- {address: "[::1]:9004", tls: {mode: selfSigned}}
health: {address: ":9003"}
http: {address: "127.0.0.1:9091"}
admin: {address: "unix:///run/inferenced/admin.sock", mode: "0666", group: ops, operators: {users: [ci, "1001"], groups: [sre]}}
manifests: [/etc/inferenced/manifests.d, "*.yaml"]
pickerConfig: picker.yaml
pools:
  llm/qwen3-32b:
    pickerConfig: qwen.yaml
    responseTracking: full
    destinationList: 3
    inflightCorrection: false
    outlierDetection: {consecutive5xx: 3, consecutiveConnectionFailures: 4, baseEjectionTime: 2s, maxEjectionTime: 1m, maxEjectionPercent: 25}
    slowStart: {window: 40s, minWeightPercent: 5}
    scrape: {interval: 20ms}
routes: {chat-route: llm/qwen3-32b}
limits: {maxBodyBytes: 32Mi, bodyBudget: 1G, pickTimeout: 1m30s}
scrape: {interval: 100ms, timeout: 1s, staleAfter: 3s, scheme: https, path: /m, port: 9100, insecureSkipVerify: true, caFile: ca.crt, certFile: c.crt, keyFile: c.key, engine: sglang}
engines:
- {name: mine, waiting: "q{kind=waiting}", running: r, kvUsage: k, lora: l, cacheInfo: c, blockSizeLabel: bs, numBlocksLabel: nb, blockSize: b1, numBlocks: b2, prefixQueries: pq, prefixHits: ph, preemptions: pr, sleepState: sl}
trustPriorityHeaders: false
workers: 4
decisionRing: 0
logLevel: debug
logFormat: json
drainTimeout: 10s
endpointHeader: true
)";

struct Daemon {
  std::optional<api::DaemonConfig> config;
  api::Diagnostics diagnostics;
};

Daemon ReadDaemon(const std::string& text) {
  Daemon daemon;
  daemon.config = ReadDaemonConfig("f.yaml", text, daemon.diagnostics);
  return daemon;
}

TEST_CASE("every field of a daemon's configuration is read") {
  const Daemon daemon = ReadDaemon(kFull);
  for (const api::Diagnostic& d : daemon.diagnostics) UNSCOPED_INFO(d.ToString());
  REQUIRE(daemon.config);
  const api::DaemonConfig& c = *daemon.config;
  REQUIRE(c.listeners.size() == 3);
  CHECK(*c.listeners[0].address == "unix:///run/inferenced/extproc.sock");
  CHECK(c.listeners[0].tls.mode == api::TlsMode::kNone);
  CHECK(c.listeners[1].tls.mode == api::TlsMode::kFiles);
  CHECK(c.listeners[1].tls.cert_file == "tls.crt");
  CHECK(c.listeners[1].tls.key_file == "tls.key");
  CHECK(c.listeners[2].tls.mode == api::TlsMode::kSelfSigned);
  CHECK(*c.health_address == ":9003");
  CHECK(*c.http_address == "127.0.0.1:9091");
  CHECK(*c.admin.address == "unix:///run/inferenced/admin.sock");
  CHECK(*c.admin.mode == 0666);
  CHECK(*c.admin.group == "ops");
  REQUIRE(c.admin.operators);
  REQUIRE(c.admin.operators->users.size() == 2);
  CHECK(*c.admin.operators->users[1] == "1001");
  REQUIRE(c.admin.operators->groups.size() == 1);
  CHECK(*c.admin.operators->groups[0] == "sre");
  REQUIRE(c.manifests.size() == 2);
  CHECK(*c.manifests[1] == "*.yaml");
  CHECK(*c.picker_config == "picker.yaml");
  const api::PoolConfig& pool = c.pools.at("llm/qwen3-32b");
  CHECK(*pool.picker_config == "qwen.yaml");
  CHECK(*pool.outlier_detection.consecutive_5xx == 3);
  CHECK(*pool.outlier_detection.consecutive_connection_failures == 4);
  CHECK(*pool.outlier_detection.base_ejection_time == 2s);
  CHECK(*pool.outlier_detection.max_ejection_time == 1min);
  CHECK(*pool.outlier_detection.max_ejection_percent == 25);
  CHECK(*pool.slow_start.window == 40s);
  CHECK(*pool.slow_start.min_weight_percent == 5);
  CHECK(*pool.response_tracking == api::ResponseTracking::kFull);
  CHECK(*pool.destination_list == 3);
  CHECK_FALSE(*pool.inflight_correction);
  REQUIRE(pool.scrape);
  CHECK(*pool.scrape->interval == 20ms);
  CHECK(*pool.scrape->scheme == "https");  // the daemon's, since the pool says nothing
  CHECK(*c.routes.at("chat-route") == "llm/qwen3-32b");
  CHECK(*c.limits.max_body_bytes == int64_t{32} << 20);
  CHECK(*c.limits.body_budget == 1'000'000'000);
  CHECK(*c.limits.pick_timeout == 90s);
  CHECK(*c.scrape.stale_after == 3s);
  CHECK(*c.scrape.port == 9100);
  CHECK(*c.scrape.insecure_skip_verify);
  CHECK(*c.scrape.engine == "sglang");
  REQUIRE(c.engines.size() == 1);
  CHECK(c.engines[0].waiting == "q{kind=waiting}");
  CHECK(c.engines[0].sleep_state == "sl");
  CHECK_FALSE(*c.trust_priority_headers);
  CHECK(*c.workers == 4);
  CHECK(c.workers.origin.ToString() == "f.yaml:27:10");
  CHECK(*c.decision_ring == 0);
  CHECK(*c.log_level == "debug");
  CHECK(*c.log_format == "json");
  CHECK(*c.drain_timeout == 10s);
  CHECK(*c.endpoint_header);
}

TEST_CASE("the smallest configuration has the defaults") {
  const Daemon daemon = ReadDaemon("apiVersion: inferenced.dev/v1alpha1\nkind: DaemonConfig\n");
  REQUIRE(daemon.config);
  CHECK(daemon.config->listeners.empty());
  CHECK(*daemon.config->scrape.interval == 50ms);
  CHECK_FALSE(daemon.config->scrape.interval.is_set());
}

TEST_CASE("what breaks the schema of a daemon's configuration is reported at its place") {
  const std::vector<BadEdit> table = {
      {"\"unix:///run/inferenced/extproc.sock\"", "\"unix://run/x\"", "4:13",
       "listeners[0].address 'unix://run/x' is no address to listen on (a Unix socket needs an "
       "absolute path"},
      {"\"unix:///run/inferenced/extproc.sock\"", "unix:/run/x", "4:13", "unix:///absolute/path"},
      {"\"unix:///run/inferenced/extproc.sock\"", "unix:///" + std::string(110, 'x'), "4:13",
       "longer than 107 bytes"},
      {"\"unix:///run/inferenced/extproc.sock\"", "http://x:1", "4:13",
       "only unix:// has a scheme"},
      {"\"unix:///run/inferenced/extproc.sock\"", "localhost", "4:13", "a port is missing"},
      {"\"unix:///run/inferenced/extproc.sock\"", "1.2.3:80", "4:13", "no host name or address"},
      {"\"unix:///run/inferenced/extproc.sock\"", "a b:80", "4:13", "no host name or address"},
      {"\"unix:///run/inferenced/extproc.sock\"", "::1:80", "4:13", "in brackets"},
      {"\"unix:///run/inferenced/extproc.sock\"", "\"[::1]\"", "4:13",
       "write it as [address]:port"},
      {"\"unix:///run/inferenced/extproc.sock\"", "\"[x]:80\"", "4:13", "no IPv6 address"},
      {"\"unix:///run/inferenced/extproc.sock\"", "a:65536", "4:13", "the port must be 0 to 65535"},
      {"\"unix:///run/inferenced/extproc.sock\"", "\"a:\"", "4:13", "the port must be 0 to 65535"},
      {"\"unix:///run/inferenced/extproc.sock\"", "\"127.0.0.1:9002\"", "5:13",
       "two listeners have the address 127.0.0.1:9002"},
      {", keyFile: tls.key", "", "5:36",
       "listeners[1].tls.keyFile is missing; mode files needs it"},
      {"{mode: selfSigned}", "{mode: selfsigned}", "6:39", "did you mean 'selfSigned'?"},
      {"{mode: selfSigned}", "{mode: selfSigned, keyFile: x}", "6:51",
       "has no effect in this mode"},
      {"{mode: selfSigned}", "{}", "6:32", "listeners[2].tls.mode is missing"},
      {"health: {address: \":9003\"}", "health: \":9003\"", "7:9", "health must be a map"},
      {"http: {address: \"127.0.0.1:9091\"}", "http: {address: \"unix:///x\"}", "8:17",
       "only host:port is served here"},
      {"\"unix:///run/inferenced/admin.sock\"", "\"127.0.0.1:1\"", "9:18",
       "only a Unix socket is served here"},
      {"manifests: [/etc/inferenced/manifests.d, \"*.yaml\"]", "manifests: x", "10:12",
       "manifests must be a list"},
      {"pickerConfig: picker.yaml", "pickerConfig: [x]", "11:15", "must be a string, not a list"},
      {"llm/qwen3-32b:", "qwen3-32b:", "13:3",
       "'qwen3-32b' in pools is no pool (write it as namespace/name, for example "
       "default/qwen3-32b)"},
      {"responseTracking: full", "responseTracking: ful", "15:23", "did you mean 'full'?"},
      {"destinationList: 3", "destinationList: 17", "16:22", "must be 1 to 16, not 17"},
      {"inflightCorrection: false", "inflightCorrection: \"false\"", "17:25",
       "must be true or false, not 'false' (write it without quotes)"},
      {"mode: \"0666\"", "mode: 0666", "9:61", "admin.mode"},
      {"mode: \"0666\"", "mode: \"0777\"", "9:61",
       "admin.mode '0777' is no mode of a socket (write \"0660\""},
      {"mode: \"0666\"", "mode: \"0665\"", "9:61", "is no mode of a socket"},
      {"mode: \"0666\"", "mode: \"0266\"", "9:61", "is no mode of a socket"},
      {"mode: \"0666\"", "mode: \"066\"", "9:61", "is no mode of a socket"},
      {"baseEjectionTime: 2s", "baseEjectionTime: 1ms", "18:95", "must be 10ms to 1h, not 1ms"},
      {"users: [ci, \"1001\"]", "users: ci", "9:100", "admin.operators.users must be a list"},
      {"users: [ci, \"1001\"]", "users: [\"\"]", "9:101", "admin.operators.users[0]"},
      {"group: ops", "gruop: ops", "9:69", "did you mean 'group'?"},
      {"consecutive5xx: 3", "consecutive5xx: -1", "18:40", "must be 0 to 1000000, not -1"},
      {"consecutive5xx: 3", "consecutive5XX: 3", "18:24", "did you mean 'consecutive5xx'?"},
      {"maxEjectionTime: 1m", "maxEjectionTime: 1s", "18:116",
       "outlierDetection.maxEjectionTime 1s is shorter than"},
      {"maxEjectionPercent: 25", "maxEjectionPercent: 101", "18:140", "must be 0 to 100, not 101"},
      {"minWeightPercent: 5", "minWeightPercent: 0", "19:48", "must be 1 to 100, not 0"},
      {"window: 40s", "window: 40", "19:25", "it needs a unit"},
      {"scrape: {interval: 20ms}", "scrape: {interval: 5ms}", "20:24",
       "pools.llm/qwen3-32b.scrape.interval must be 10ms to 1h, not 5ms"},
      {"chat-route: llm/qwen3-32b", "chat-route: qwen", "21:22", "'qwen' in routes.chat-route"},
      {"maxBodyBytes: 32Mi", "maxBodyBytes: 32MB", "22:24",
       "limits.maxBodyBytes must be a number of bytes, not '32MB' (such as 64Mi, 2Gi or 1000000)"},
      {"maxBodyBytes: 32Mi", "maxBodyBytes: 1", "22:24", "must be 1Ki to 4Gi, not 1"},
      {"bodyBudget: 1G", "bodyBudget: 1M", "22:42",
       "limits.bodyBudget 1000000 is smaller than limits.maxBodyBytes 32Mi"},
      {"pickTimeout: 1m30s", "pickTimeout: 90", "22:59",
       "must be a duration, not 90 (it needs a unit: 500ms, 2s, 1m30s)"},
      {"pickTimeout: 1m30s", "pickTimeout: 0s", "22:59", "must be 1ms to 10m, not 0s"},
      {"timeout: 1s", "timeout: -1s", "23:36", "must be a duration, not '-1s'"},
      {"staleAfter: 3s", "staleAfter: 50ms", "23:52", "is shorter than the interval 100ms"},
      {"path: /m", "path: m", "23:77", "'m' is no URL path"},
      {"port: 9100", "port: \"9100\"", "23:87", "write it without quotes"},
      {"insecureSkipVerify: true", "insecureSkipVerify: yes", "23:113",
       "must be true or false, not yes"},
      {", keyFile: c.key", "", "23:9", "needs both certFile and keyFile"},
      {"{name: mine, ", "{name: 'm n', ", "25:10", "cannot be the value of an engine label"},
      {"{name: mine, ", "{", "25:3", "engines[0].name is missing"},
      {"kvUsage: k", "kvUsge: k", "25:56", "did you mean 'kvUsage'?"},
      {"workers: 4", "workers: 1025", "27:10", "workers must be 0 to 1024, not 1025"},
      {"logLevel: debug", "logLevel: warning", "29:11",
       "logLevel must be one of trace, debug, info, warn, error, not 'warning'"},
      {"drainTimeout: 10s", "drain-timeout: 10s", "31:1",
       "unknown field 'drain-timeout' (did you mean 'drainTimeout'?)"},
      {"kind: DaemonConfig", "kind: EndpointPickerConfig", "2:7",
       "expected here: DaemonConfig, not 'EndpointPickerConfig'"},
      {"v1alpha1", "v1", "1:13", "there is no DaemonConfig in 'inferenced.dev/v1'"},
      {"endpointHeader: true\n", "endpointHeader: true\n---\nkind: X\n", "34:1",
       "only one DaemonConfig is expected, this is document 2"},
  };
  for (const BadEdit& edit : table) {
    const Daemon daemon = ReadDaemon(Edited(kFull, edit));
    CHECK_FALSE(daemon.config);
    CheckFinding(daemon.diagnostics, edit);
  }
}

TEST_CASE("a file that is empty or no map holds no configuration") {
  CHECK(ReadDaemon("").diagnostics.at(0).ToString() ==
        "f.yaml: error: the file holds no DaemonConfig [INF0011]");
  CHECK_THAT(ReadDaemon("- x\n").diagnostics.at(0).ToString(),
             Catch::Contains("f.yaml:1:1: error: the document must be a map, not a list"));
  CHECK(ReadDaemon("a: [\n").diagnostics.size() == 1);
}

// What a dump says without where it came from.
std::string WithoutComments(const std::string& dump) {
  std::string out;
  for (size_t i = 0; i < dump.size();) {
    const size_t end = dump.find('\n', i);
    const std::string line = dump.substr(i, end - i);
    out += line.substr(0, line.find("  # ")) + "\n";
    i = end + 1;
  }
  return out;
}

TEST_CASE("a dump reads back to the same configuration") {
  const std::string odd =
      "apiVersion: inferenced.dev/v1alpha1\nkind: DaemonConfig\nmanifests: [\"a \\\"b\\\\ "
      "#c\\n\"]\n"
      "routes: {\"r: {# \\e\\u00e9\": default/x}\n";
  for (const std::string& text :
       {kFull, odd, std::string("apiVersion: inferenced.dev/v1alpha1\nkind: DaemonConfig\n")}) {
    const Daemon first = ReadDaemon(text);
    REQUIRE(first.config);
    const std::string dump = DumpDaemonConfig(*first.config);
    INFO(dump);
    const Daemon second = ReadDaemon(dump);
    for (const api::Diagnostic& d : second.diagnostics) UNSCOPED_INFO(d.ToString());
    REQUIRE(second.config);
    CHECK(WithoutComments(DumpDaemonConfig(*second.config)) == WithoutComments(dump));
  }
}

TEST_CASE("ejections of one length and a slow start of none are taken") {
  const Daemon daemon = ReadDaemon(
      "apiVersion: inferenced.dev/v1alpha1\nkind: DaemonConfig\npools:\n  llm/a:\n    "
      "outlierDetection: {baseEjectionTime: 2s, maxEjectionTime: 2s, maxEjectionPercent: 0}\n    "
      "slowStart: {window: 0s, minWeightPercent: 100}\nadmin: {mode: \"0600\", operators: {}}\n");
  for (const api::Diagnostic& d : daemon.diagnostics) UNSCOPED_INFO(d.ToString());
  REQUIRE(daemon.config);
  CHECK(*daemon.config->pools.at("llm/a").outlier_detection.max_ejection_time == 2s);
  CHECK(*daemon.config->pools.at("llm/a").slow_start.window == 0s);
  CHECK(*daemon.config->admin.mode == 0600);
  // Nobody but root and the daemon's user: that must not become everybody.
  REQUIRE(daemon.config->admin.operators);
  const std::string dump = DumpDaemonConfig(*daemon.config);
  CHECK_THAT(dump, Catch::Contains("users: []\n") && Catch::Contains("groups: []\n"));
  const Daemon again = ReadDaemon(dump);
  REQUIRE(again.config);
  CHECK(again.config->admin.operators);
}

TEST_CASE("a dump has every value that was set, with its place") {
  const std::string dump = DumpDaemonConfig(*ReadDaemon(kFull).config);
  for (const char* line :
       {"mode: \"0666\"  # f.yaml:9:", "group: \"ops\"  # f.yaml:9:", "- \"ci\"  # f.yaml:9:",
        "- \"1001\"  # f.yaml:9:", "- \"sre\"  # f.yaml:9:", "consecutive5xx: 3  # f.yaml:18:",
        "consecutiveConnectionFailures: 4  # f.yaml:18:", "baseEjectionTime: 2s  # f.yaml:18:",
        "maxEjectionTime: 1m  # f.yaml:18:", "maxEjectionPercent: 25  # f.yaml:18:",
        "window: 40s  # f.yaml:19:", "minWeightPercent: 5  # f.yaml:19:"}) {
    CHECK_THAT(dump, Catch::Contains(line));
  }
}

TEST_CASE("a dump says where each value came from") {
  const std::string dump = DumpDaemonConfig(*ReadDaemon(kFull).config);
  CHECK_THAT(dump, Catch::Contains("\nworkers: 4  # f.yaml:27:10\n"));
  CHECK_THAT(dump, Catch::Contains("  - address: \"127.0.0.1:9002\"  # f.yaml:5:13\n"));
  CHECK_THAT(dump, Catch::Contains("  bodyBudget: 1000000000  # f.yaml:22:42\n"));
  const std::string bare = DumpDaemonConfig({});
  CHECK_THAT(bare, Catch::Contains("  interval: \"50ms\"  # default\n") ||
                       Catch::Contains("  interval: 50ms  # default\n"));
  CHECK_THAT(bare, Catch::Contains("  maxBodyBytes: 64Mi  # default\n"));
}

}  // namespace
}  // namespace inference::manifest
