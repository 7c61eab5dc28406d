#include "inferencectl/app.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "folder.h"
#include "inferencectl/envelope.h"

namespace inference::ctl {
namespace {

class FixedClock final : public base::Clock {
 public:
  base::Time Now() const override { return base::FromNanos(1); }
  base::WallTime WallNow() const override {
    return base::WallTime(std::chrono::seconds(1'768'209'243));
  }
};

struct Outcome {
  int code;
  std::string out, err;
};

Outcome Run(std::vector<const char*> words, std::map<std::string, std::string> environment = {},
            const SettingsPlaces& places = {"", "", ""}) {
  std::ostringstream out, err;
  std::istringstream in;
  FixedClock clock;
  World world{out,
              err,
              in,
              [&](const char* name) -> const char* {
                const auto found = environment.find(name);
                return found == environment.end() ? nullptr : found->second.c_str();
              },
              clock,
              false,
              places};
  words.insert(words.begin(), "inferencectl");
  const int code = RunApp(static_cast<int>(words.size()), words.data(), world);
  return {code, out.str(), err.str()};
}

constexpr const char* kPool = R"(apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: qwen3, namespace: llm}
spec:
  selector: {matchLabels: {app: vllm}}
  targetPorts: [{number: 8000}]
  endpointPickerRef: {name: epp, port: {number: 9002}}
)";
constexpr const char* kSet = R"(apiVersion: inferenced.dev/v1alpha1
kind: EndpointSet
metadata: {name: rack, namespace: llm, labels: {app: vllm}}
spec:
  endpoints: [{name: gpu-1, address: 10.0.0.1}]
)";

TEST_CASE("wrong command lines are told in one line, with what was meant, and 2") {
  struct Case {
    std::vector<const char*> words;
    const char* says;
  };
  const std::vector<Case> cases{
      {{"statsu"}, "unknown command \"statsu\"; did you mean \"status\"? (exit 2)\n"},
      {{"dran"}, "unknown command \"dran\"; did you mean \"drain\"?"},
      {{"drain"}, "which endpoints?"},
      {{"drain", "a", "-l", "b=c", "--pool", "p"}, "not both"},
      {{"drain", "-l", "b=c"}, "--selector needs --pool"},
      {{"drain", "a", "--soft", "--hard"}, "exclude each other"},
      {{"drain", "a", "--timeout", "5s", "--no-timeout"}, "exclude each other"},
      {{"drain", "a", "--min-ready", "101%"}, "--min-ready wants"},
      {{"drain", "a", "--max-saturation", "0"}, "--max-saturation wants"},
      {{"drain", "a", "--max-parallel", "0"}, "--max-parallel wants"},
      {{"undrain"}, "which endpoints?"},
      {{}, "no command given"},
      {{"status", "--sever", "x"}, "did you mean \"--server\"?"},
      {{"get", "endpoints", "--watchh"}, "did you mean \"--watch\"?"},
      {{"status", "--pool", "x"}, "unknown option \"--pool\" for status"},
      {{"status", "extra"}, "unexpected argument \"extra\" for status"},
      {{"status", "-o", "jsn"}, "is not one of table, json, yaml; did you mean \"json\"?"},
      {{"status", "--timeout", "5"}, "is not a duration"},
      {{"status", "--timeout", "0s"}, "\"0s\" is too short; 1ms is the least"},
      {{"status", "--timeout", "99999h"}, "\"99999h\" is too long"},
      {{"status", "--timeout", "nan"}, "is not a duration"},
      {{"status", "--server"}, "--server"},
      {{"status", "--server", "tcp://x"},
       "--server \"tcp://x\" is not the address of a Unix socket"},
      {{"status", "--server", "127.0.0.1:9002"}, "write unix:///absolute/path"},
      {{"get"}, "get needs pools|endpoints"},
      {{"get", "endpoitns"}, "did you mean \"endpoints\"?"},
      {{"get", "endpoints", "-w", "--interval", "1ms"}, "--interval"},
      {{"get", "pools", "-w"}, "--watch is for endpoints"},
      {{"pick"}, "needs --model"},
      {{"pick", "-m", "a", "--prompt", "x", "--tokens", "3"}, "give one of"},
      {{"pick", "-m", "a", "--tokens", "none"}, "--tokens"},
      {{"pick", "-m", "a", "-H", "nothing"}, "is not NAME=VALUE"},
      {{"why"}, "why needs REQUEST-ID"},
      {{"why", ""}, "an argument of why is empty; it needs REQUEST-ID"},
      {{"get", "endpoints", ""}, "an argument of get is empty"},
      {{"why", "a", "b"}, "unexpected argument \"b\""},
      {{"validate"}, "-f PATH"},
      {{"help", "exit-cods"}, "did you mean \"exit-codes\"?"},
      {{"status", "\xff"}, "UTF-8"},
  };
  for (const Case& c : cases) {
    const Outcome ran = Run(c.words);
    CAPTURE(c.says, ran.err);
    CHECK(ran.code == 2);
    CHECK(ran.out.empty());
    CHECK(ran.err.find(c.says) != std::string::npos);
    CHECK(std::count(ran.err.begin(), ran.err.end(), '\n') == 1);
  }
}

TEST_CASE("a failure in a machine format is a document of kind Error") {
  const Outcome ran = Run({"statsu", "-o", "json"});
  CHECK(ran.code == 2);
  CHECK(ran.out == R"({
  "apiVersion": "cli.inferenced.dev/v1",
  "kind": "Error",
  "metadata": {
    "generatedAt": "2026-01-12T09:14:03Z"
  },
  "code": "usage",
  "exitCode": 2,
  "message": "unknown command \"statsu\"; did you mean \"status\"?",
  "details": {
    "status": "INVALID_ARGUMENT"
  },
  "retryable": false
}
)");
  const Outcome watch = Run({"get", "endpoints", "-w", "-o", "json"});
  CHECK(watch.code == 2);
  CHECK(watch.err.find("use -o jsonl") != std::string::npos);
  CHECK(Json::parse(Run({"status", "--nope", "--output=json"}).out)["kind"] == "Error");
  CHECK(Json::parse(Run({"nope"}, {{"INFERENCECTL_OUTPUT", "json"}}).out)["kind"] == "Error");
}

TEST_CASE("what a library throws is exit 70, with how to report it") {
  class BrokenClock final : public base::Clock {
   public:
    base::Time Now() const override { return base::FromNanos(1); }
    base::WallTime WallNow() const override {
      if (!broken_) return base::WallTime();
      broken_ = false;
      throw std::runtime_error("no time\x1b left");
    }

   private:
    mutable bool broken_ = true;
  } clock;
  std::ostringstream out, err;
  std::istringstream in;
  World world{out, err, in, [](const char*) -> const char* { return nullptr; }, clock};
  const std::array words{"inferencectl", "version", "-o", "json"};
  CHECK(RunApp(words.size(), words.data(), world) == 70);
  CHECK(err.str().find("no time\\x1b left\nthis is a bug: please report it") != std::string::npos);
  const Json error = Json::parse(out.str());
  CHECK(error["kind"] == "Error");
  CHECK(error["exitCode"] == 70);
}

TEST_CASE("help is short or long, before or after the verb") {
  const Outcome brief = Run({"-h"});
  const Outcome full = Run({"--help"});
  CHECK(brief.code == 0);
  CHECK(full.code == 0);
  CHECK(brief.out.size() < full.out.size());
  CHECK(Run({"get", "--help"}).out == Run({"help", "get"}).out);
  CHECK(Run({"get", "-h"}).out.size() < Run({"get", "--help"}).out.size());
  CHECK(Run({"help", "exit-codes"}).out.find("  70") != std::string::npos);
  CHECK(Run({"help", "environment"}).out.find("INFERENCECTL_SERVER") != std::string::npos);
  CHECK(Json::parse(Run({"help", "-o", "json"}).out)["item"]["verbs"].size() == Verbs().size());
  CHECK(Json::parse(Run({"help", "exit-codes", "-o", "json"}).out)["items"][0]["code"] == 0);
}

TEST_CASE("validate judges the manifests of a cluster together") {
  const Folder folder;
  const std::string pool = folder.Write("pool.yaml", R"(apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: qwen, namespace: llm}
spec:
  selector: {matchLabels: {app: vllm}}
  targetPorts: [{number: 8000}]
  appProtocol: http
  endpointPickerRef: {name: picker, port: {number: 9002}}
)");
  const std::string rewrite = folder.Write("rewrite.yaml", R"(apiVersion: llm-d.ai/v1alpha2
kind: InferenceModelRewrite
metadata: {name: chat, namespace: llm}
spec:
  poolRef: {name: qwem}
  rules: [{targets: [{modelRewrite: v1}]}]
)");
  const Outcome ran = Run({"validate", pool.c_str(), rewrite.c_str(), "-o", "short"});
  CHECK(ran.code == 1);
  CHECK(ran.out.find("rewrite.yaml:5:19: error: InferenceModelRewrite llm/chat refers to pool "
                     "llm/qwem, which is not there (did you mean 'qwen'?) [INF0207]") !=
        std::string::npos);
  CHECK(Run({"validate", rewrite.c_str()}).code == 0);  // the pool may be elsewhere
  CHECK(Run({"validate", pool.c_str(), "--gie-version", "1.3"}).code == 1);
  CHECK(Run({"validate", pool.c_str(), "--gie-version", "1.4"}).code == 0);
  CHECK(Run({"validate", pool.c_str(), "--gie-version", "latest"}).code == 2);
}

TEST_CASE("levels of a project's file count, and those of the command line add to them") {
  const Folder folder;
  SettingsPlaces places{folder.path + "/project.yaml", "", ""};
  const std::string pool = folder.Write("pool.yaml", R"(apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: qwen, namespace: llm}
spec: {selector: {matchLabels: {app: vllm}}, targetPorts: [{number: 8000}], typo: 1}
)");
  const auto validate = [&](const std::string& lint, std::vector<const char*> more = {}) {
    folder.Write("project.yaml",
                 "apiVersion: inferenced.dev/v1alpha1\n"
                 "kind: InferencectlConfig\nlint: " +
                     lint + "\n");
    std::vector<const char*> words{"validate", pool.c_str(), "-o", "short"};
    words.insert(words.end(), more.begin(), more.end());
    return Run(words, {}, places);
  };
  CHECK(validate("{}").code == 1);
  CHECK(validate("{severity: {INF0104: warning}}").code == 0);
  CHECK(validate("{severity: {unknown-field: info}}").out.find(": info: ") != std::string::npos);
  CHECK(validate("{disable: [INF0104]}").out.empty());
  CHECK(validate("{disable: [INF0104]}", {"--enable", "INF0104"}).code == 1);
  CHECK(validate("{severity: {INF0104: warning}}", {"--severity", "INF0204=error"}).code == 0);
  CHECK(validate("{severity: {INF0104: warning}}", {"--severity", "INF0104=error"}).code == 1);
  CHECK(validate("{severity: {INF0104: fatal}}").code == 3);
  const Outcome unknown = validate("{disable: [INF9999]}");
  CHECK(unknown.code == 2);
  CHECK(unknown.err.find("project.yaml:3:17: \"INF9999\" is no code") != std::string::npos);
}

TEST_CASE("config check tells for which picker a configuration is") {
  const Folder folder;
  const std::string config = folder.Write("picker.yaml", R"(apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- {type: queue-scorer}
- {type: session-affinity-scorer}
schedulingProfiles:
- {name: default, plugins: [{pluginRef: queue-scorer}, {pluginRef: session-affinity-scorer}]}
)");
  const Outcome ours = Run({"config", "check", config.c_str(), "-o", "short"});
  CHECK(ours.code == 1);
  CHECK(ours.out.find("picker.yaml:5:10: error:") != std::string::npos);
  CHECK(ours.out.find("[INF0506]") != std::string::npos);
  const Outcome theirs = Run({"config", "check", "--for=reference", config.c_str(), "-o", "short"});
  CHECK(theirs.code == 0);
  CHECK(theirs.out.find("[INF0506]") != std::string::npos);
  CHECK(Run({"config", "check"}).code == 2);
}

TEST_CASE("validate writes several reports in one run, one of them on standard output") {
  const Folder folder;
  const std::string bad =
      folder.Write("bad.yaml", "apiVersion: inferenced.dev/v1alpha1\nkind: X\n");
  const std::string sarif = "sarif=" + folder.path + "/out.sarif";
  const std::string junit = "junit=" + folder.path + "/out.xml";
  const Outcome ran =
      Run({"validate", bad.c_str(), "-o", "short", "-o", sarif.c_str(), "-o", junit.c_str()});
  CHECK(ran.code == 1);
  CHECK(ran.out.find("bad.yaml:2:7: error: ") != std::string::npos);
  std::ifstream file(folder.path + "/out.sarif");
  CHECK(Json::parse(file)["runs"][0]["results"].size() == 1);
  CHECK(std::filesystem::exists(folder.path + "/out.xml"));

  const Outcome files_only = Run({"validate", bad.c_str(), "-o", sarif.c_str()});
  CHECK(files_only.code == 1);
  CHECK(files_only.out.empty());
  CHECK(Run({"validate", bad.c_str(), "-o", "json", "-o", "short"}).code == 2);
  CHECK(Run({"validate", bad.c_str(), "-o", "sarif="}).code == 2);
  CHECK(Run({"validate", bad.c_str(), "-o", "sarf=x"}).err.find("did you mean \"sarif\"?") !=
        std::string::npos);
  CHECK(Run({"validate", bad.c_str(), "-o", "json=/no/such/folder/x"}).code == 4);
  CHECK(Run({"validate", bad.c_str()}, {{"GITHUB_ACTIONS", "true"}}).out.find("::error ") !=
        std::string::npos);
  CHECK(Run({"validate", bad.c_str(), "-o", "text"}, {{"GITHUB_ACTIONS", "true"}})
            .out.find("::error ") == std::string::npos);
}

TEST_CASE("the exit code of validate is the same in every format") {
  const Folder folder;
  const std::string warned =
      folder.Write("warned.yaml", R"(apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceObjective
metadata: {name: a}
spec: {poolRef: {name: b}}
)");
  const std::string bad =
      folder.Write("bad.yaml", "apiVersion: inferenced.dev/v1alpha1\nkind: X\n");
  const std::string broken = folder.Write("broken.yaml", "a: [\n");
  for (const char* format :
       {"text", "short", "json", "jsonl", "junit", "sarif", "github", "gitlab"}) {
    INFO(format);
    CHECK(Run({"validate", warned.c_str(), "-o", format}).code == 0);
    CHECK(Run({"validate", warned.c_str(), "-o", format, "--fail-on", "warning"}).code == 1);
    CHECK(Run({"validate", bad.c_str(), "-o", format}).code == 1);
    CHECK(Run({"validate", broken.c_str(), "-o", format}).code == 3);
    CHECK(Run({"validate", "/no/such/file", "-o", format}).code == 3);
  }
}

TEST_CASE("explain tells kinds, fields and codes; what isn't there is 1 with a suggestion") {
  const Outcome field = Run({"explain", "InferencePool.spec.targetPorts"});
  CHECK(field.code == 0);
  CHECK(field.out.find("FIELD:    spec.targetPorts  <list of objects>  required") !=
        std::string::npos);
  CHECK(Run({"explain", "infpool"}).out.find("VERSION:  inference.networking.k8s.io/v1\n") !=
        std::string::npos);
  const Outcome old = Run({"explain", "InferencePool", "--api-version",
                           "inference.networking.x-k8s.io/v1alpha2", "--recursive"});
  CHECK(old.out.find("portNumber  <integer>") != std::string::npos);
  CHECK(old.out.find("Superseded by inference.networking.k8s.io/v1 InferencePool; release 1.5 no "
                     "longer has it") != std::string::npos);

  const Outcome code = Run({"explain", "inf0104"});
  CHECK(code.out.find("INF0104 unknown-field  (error)") == 0);
  CHECK(code.out.find("failureMode: FailOpen") != std::string::npos);
  CHECK(Run({"explain", "unknown-field"}).out == code.out);
  CHECK(Json::parse(Run({"explain", "INF0104", "-o", "json"}).out)["item"]["name"] ==
        "unknown-field");
  CHECK(Json::parse(Run({"explain", "codes", "-o", "json"}).out)["items"].size() > 80);
  CHECK(Json::parse(Run({"explain", "DaemonConfig.scrape.interval", "-o", "json"})
                        .out)["item"]["schema"]["default"] == "50ms");

  for (const char* missing : {"InferencePol", "InferencePool.spec.target", "INF9999"}) {
    const Outcome ran = Run({"explain", missing});
    CHECK(ran.code == 1);
    CHECK(ran.out.empty());
  }
  CHECK(Run({"explain", "InferencePol"}).err.find("did you mean 'InferencePool'?") !=
        std::string::npos);
  CHECK(Run({"explain", "InferencePool", "--max-depth", "0"}).code == 2);
  CHECK(Run({"explain"}).code == 2);
}

TEST_CASE("schema prints JSON Schema of one kind or of all") {
  const Json pool = Json::parse(Run({"schema", "InferencePool"}).out);
  CHECK(pool["properties"]["kind"]["const"] == "InferencePool");
  CHECK(Json::parse(Run({"schema"}).out)["oneOf"].size() > 20);
  CHECK(Run({"schema", "Nope"}).code == 1);
}

TEST_CASE("schema and explain know the kinds of outputs") {
  const Json schema = Json::parse(Run({"schema", "endpointlist"}).out);
  CHECK(schema["title"] == "EndpointList");
  CHECK(schema["properties"]["apiVersion"]["const"] == "cli.inferenced.dev/v1");
  const Json& endpoint = schema["properties"]["items"]["items"];
  CHECK_FALSE(endpoint.contains("additionalProperties"));  // a later version may have more
  CHECK(endpoint["properties"]["lora"]["type"] == Json({"object", "null"}));
  CHECK(endpoint["properties"]["name"]["type"] == "string");
  CHECK(Run({"explain", "EndpointList.items.running"}).out.find("Requests that run") !=
        std::string::npos);
  CHECK(Run({"explain", "EndpointList.items.runing"}).code == 1);
}

TEST_CASE("behind -- are operands, wherever it stands; -o=FORMAT is kubectl's way to write it") {
  const auto says = [](const std::vector<const char*>& words) {
    return Run(words, {{"INFERENCECTL_SERVER", "unix:///nowhere"}}).err;
  };
  CHECK(says({"get", "endpoints", "--", "gpu-1", "-w"}).find("cannot connect") !=
        std::string::npos);
  CHECK(says({"get", "--", "endpoints"}).find("cannot connect") != std::string::npos);
  CHECK(says({"endpoint", "weight", "gpu-1", "--", "-5%"}).find("not \"-5%\"") !=
        std::string::npos);
  CHECK(says({"--", "status"}).find("no command given") != std::string::npos);
  for (const char* output : {"-o=json", "-ojson", "--output=json"}) {
    CAPTURE(output);
    CHECK(Run({"version", output}).out.starts_with("{"));
    CHECK(Run({"version", "--nonsense", output}).out.starts_with("{"));  // of kind Error
  }
}

TEST_CASE("get: columns and paths are checked before a daemon is asked") {
  struct Case {
    std::vector<const char*> words;
    const char* says;
  };
  const std::vector<Case> cases{
      {{"get", "pools", "--columns", "raedy,pool"}, "no column \"raedy\"; did you mean \"ready\"?"},
      {{"get", "pools", "--columns", "name", "-o", "json"}, "--columns is for tables"},
      {{"get", "pools", "-o", "jsonpath={..name}"}, "is not supported at character 3"},
      {{"get", "pools", "-o", "jsonpath="}, "a template is missing"},
      {{"get", "pools", "-o", "custom-columns=NAME"}, "\"NAME\" is not HEADER:PATH"},
      {{"get", "pools", "-o", "custom-columns="}, "columns are missing"},
      {{"status", ""}, "an argument of status is empty; it takes none"},
      {{"get", "pools", "-o", "custom-columns=NAME:name"}, "a path begins with"},
      {{"get", "endpoints", "-w", "-o", "jsonpath={.kind}"}, "is one document"},
      {{"status", "-o", "jsonpath={.kind}"}, "is not one of table, json, yaml"},
  };
  for (const Case& c : cases) {
    const Outcome ran = Run(c.words, {{"INFERENCECTL_SERVER", "unix:///nowhere"}});
    CAPTURE(ran.err);
    CHECK(ran.code == 2);
    CHECK(ran.err.find(c.says) != std::string::npos);
  }
  const Outcome names = Run({"get", "endpoints", "--columns", "help"});
  CHECK(names.code == 0);
  CHECK(names.out.find("POOL\nENDPOINT\nADDRESS\n") == 0);
}

TEST_CASE("version") {
  CHECK(Run({"version"}).out.find("inferencectl ") == 0);
  CHECK(Run({"--version"}).out == Run({"version"}).out);
  CHECK(Json::parse(Run({"version", "-o", "json"}).out)["kind"] == "Version");
}

TEST_CASE("global options stand before or after the verb, and beat the environment") {
  for (const auto& words : std::vector<std::vector<const char*>>{
           {"--server", "unix:///a/b", "status"}, {"status", "--server", "unix:///a/b"}}) {
    const Outcome ran = Run(words, {{"INFERENCECTL_SERVER", "unix:///c/d"}});
    CHECK(ran.code == 4);
    CHECK(ran.err.find("unix:///a/b") != std::string::npos);
  }
  CHECK(Run({"status"}, {{"INFERENCECTL_SERVER", "unix:///c/d"}}).err.find("unix:///c/d") !=
        std::string::npos);
  CHECK(Run({"status"}, {{"INFERENCECTL_TIMEOUT", "soon"}}).code == 2);
}

TEST_CASE("settings: the command line, the environment, the project, the user, the host") {
  const Folder folder;
  const std::string head = "apiVersion: inferenced.dev/v1alpha1\nkind: InferencectlConfig\n";
  SettingsPlaces places{folder.path + "/project.yaml", folder.path + "/user.yaml",
                        folder.path + "/system.yaml"};
  auto value = [&](const std::string& key, std::vector<const char*> words = {},
                   std::map<std::string, std::string> environment = {}) {
    words.insert(words.begin(), {"config", "show", "--origin", "-o", "json"});
    const Outcome shown = Run(words, environment, places);
    CAPTURE(shown.err, shown.out);
    REQUIRE(shown.code == 0);
    const Json document = Json::parse(shown.out);
    for (const Json& item : document["items"]) {
      if (item["key"] == key)
        return item["value"].get<std::string>() + " " + item["origin"].get<std::string>();
    }
    return std::string("missing");
  };
  CHECK(value("timeout") == "10s default");
  folder.Write("system.yaml", head + "timeout: 3s\nlint: {failOn: warning, gieVersion: '1.1'}\n");
  CHECK(value("timeout") == "3s " + places.system + ":3:10");
  CHECK(value("lint.failOn") == "warning " + places.system + ":4:16");
  folder.Write("user.yaml", head + "timeout: 4s\nserver: unix:///u.sock\n");
  CHECK(value("timeout") == "4s " + places.user + ":3:10");
  CHECK(value("server") == "unix:///u.sock " + places.user + ":4:9");
  folder.Write("project.yaml", head + "lint:\n  gieVersion: \"1.3\"\n");
  CHECK(value("lint.gieVersion") == "1.3 " + places.project + ":4:15");
  CHECK(value("lint.failOn") == "warning " + places.system + ":4:16");  // not said nearer
  CHECK(value("timeout", {}, {{"INFERENCECTL_TIMEOUT", "5s"}}) == "5s INFERENCECTL_TIMEOUT");
  CHECK(value("timeout", {"--timeout", "6s"}, {{"INFERENCECTL_TIMEOUT", "5s"}}) == "6s --timeout");
  const std::string own = folder.Write("own.yaml", head + "timeout: 7s\n");
  CHECK(value("timeout", {"--config", own.c_str()}) == "7s " + own + ":3:10");
  CHECK(value("lint.gieVersion", {}, {{"INFERENCECTL_CONFIG", own}}) == " default");
  CHECK(value("timeout", {"--config", "/dev/null"}) == "10s default");
  // They are acted on.
  const std::string pool = folder.Write("pool.yaml", std::string(kPool) + "---\n" + kSet);
  const std::string set =
      folder.Write("set.yaml",
                   "apiVersion: inference.networking.x-k8s.io/v1alpha2\nkind: InferenceObjective\n"
                   "metadata: {name: a}\nspec: {poolRef: {name: b}}\n");
  CHECK(Run({"validate", "-f", set.c_str()}, {}, places).code == 1);  // a warning, and failOn
  CHECK(Run({"validate", "-f", set.c_str(), "--fail-on", "error"}, {}, places).code == 0);
  CHECK(Run({"validate", "-f", set.c_str(), "--config", "/dev/null"}).code == 0);
  const Outcome verbose = Run({"status", "-v"}, {}, places);
  CHECK(verbose.err.find("configuration: " + places.project + "\nconfiguration: " + places.user) ==
        0);
  CHECK(verbose.err.find("daemon: unix:///u.sock (" + places.user + ":4:9)\n") !=
        std::string::npos);
}

TEST_CASE("settings: a repository can't redirect the tool; mistakes have a position, and 3") {
  const Folder folder;
  const std::string head = "apiVersion: inferenced.dev/v1alpha1\nkind: InferencectlConfig\n";
  struct Case {
    const char* file;
    std::string text;
    const char* says;
  };
  const std::vector<Case> cases{
      {"project", "server: unix:///evil\n",
       "project.yaml:3:1: error: server can't be set by a project's file"},
      {"project", "lint: {}\ntimeout: 1s\n", "project.yaml:4:1: error: timeout can't be set"},
      {"user", "serfer: unix:///x\n", "did you mean 'server'"},
      {"user", "lint: {failon: error}\n", "user.yaml:3:8: error: "},
      {"user", "lint: {failOn: never}\n", "user.yaml:3:16: error: "},
      {"user", "server: localhost\n",
       "user.yaml:3:9: error: --server \"localhost\" is not the address"},
      {"user", "timeout: soon\n", "user.yaml:3:10: error: "},
      {"user", "server: [\n", "user.yaml:"},
      {"user", "---\nlint: {}\n", "error: only one InferencectlConfig is expected"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.file, c.text);
    const std::string path = folder.Write(std::string(c.file) + ".yaml", head + c.text);
    SettingsPlaces places{folder.path + "/project.yaml", folder.path + "/user.yaml", ""};
    const Outcome outcome = Run({"validate", "-f", path.c_str()}, {}, places);
    CAPTURE(outcome.err);
    CHECK(outcome.code == 3);
    CHECK(outcome.err.find(c.says) != std::string::npos);
    CHECK(outcome.out.empty());
    const Outcome json = Run({"get", "pools", "-o", "json"}, {}, places);
    CHECK(json.code == 3);
    CHECK(Json::parse(json.out)["exitCode"] == 3);
    CHECK(Run({"help"}, {}, places).code == 0);
    CHECK(Run({"version"}, {}, places).code == 0);
    CHECK(Run({"get", "--help"}, {}, places).code == 0);
    std::filesystem::remove(path);
  }
  const Outcome absent = Run({"status", "--config", "/nowhere/c.yaml"});
  CHECK(absent.code == 3);
  CHECK(absent.err.find("/nowhere/c.yaml") != std::string::npos);
}

TEST_CASE("colours: the option, NO_COLOR, CLICOLOR_FORCE, the file, the terminal") {
  const Folder folder;
  const std::string file =
      folder.Write("bad.yaml", "apiVersion: inference.networking.k8s.io/v1\nkind: InferencePool\n");
  const std::string head = "apiVersion: inferenced.dev/v1alpha1\nkind: InferencectlConfig\n";
  const std::string always = folder.Write("always.yaml", head + "color: always\n");
  auto colored = [&](std::vector<const char*> words,
                     std::map<std::string, std::string> environment) {
    words.insert(words.begin(), {"validate", "-f", file.c_str()});
    const Outcome outcome = Run(words, environment, {"", "", ""});
    REQUIRE(outcome.code == 1);
    return outcome.out.find('\x1b') != std::string::npos;
  };
  CHECK_FALSE(colored({}, {}));
  CHECK(colored({"--color", "always"}, {{"NO_COLOR", "1"}}));
  CHECK(colored({}, {{"CLICOLOR_FORCE", "1"}}));
  CHECK_FALSE(colored({}, {{"CLICOLOR_FORCE", "0"}}));
  CHECK_FALSE(colored({}, {{"CLICOLOR_FORCE", "1"}, {"NO_COLOR", "1"}}));
  CHECK_FALSE(colored({"--color", "never"}, {{"CLICOLOR_FORCE", "1"}}));
  CHECK(colored({"--config", always.c_str()}, {}));
  CHECK_FALSE(colored({"--config", always.c_str()}, {{"NO_COLOR", "1"}}));
}

TEST_CASE("yaml is the same document") {
  CHECK(Run({"help", "exit-codes", "-o", "yaml"}).out.find("    name: bad-input\n") !=
        std::string::npos);
  const Outcome failed = Run({"get", "pools", "--server", "unix:///nowhere", "-o", "yaml"});
  CHECK(failed.code == 4);
  CHECK(failed.out.find("kind: Error\n") != std::string::npos);
  CHECK(failed.out.find("exitCode: 4\n") != std::string::npos);
  CHECK(ToYaml({{"a", "yes"},
                {"b", "1"},
                {"c", 1},
                {"d", nullptr},
                {"e", "x y\n\x01"},
                {"f", Json::array()},
                {"g", Json::object()},
                {"h", {1.5, true}}}) ==
        "a: \"yes\"\nb: \"1\"\nc: 1\nd: ~\ne: \"x y\\n\\x01\"\nf: []\ng: {}\nh:\n  - 1.5\n  - "
        "true\n");
}

TEST_CASE("validate: good files") {
  Folder folder;
  const std::string pool = folder.Write("pool.yaml", kPool);
  const std::string set = folder.Write("set.yaml", kSet);
  const Outcome ran = Run({"validate", "-f", pool.c_str(), "-f", set.c_str()});
  CAPTURE(ran.out);
  CHECK(ran.code == 0);
  CHECK(ran.out.empty());
  CHECK(ran.err == "0 errors, 0 warnings in 2 files (2 objects)\n");
  CHECK(Run({"validate", "-f", folder.path.c_str(), "-q"}).err.empty());
}

TEST_CASE("validate: findings have a position, a line and a caret; the exit code is 1") {
  Folder folder;
  std::string text = kPool;
  text.replace(text.find("name: epp"), 9, "nmae: epp");
  const std::string pool = folder.Write("pool.yaml", text);
  const std::string set = folder.Write("set.yaml", kSet);
  const Outcome ran = Run({"validate", pool.c_str(), set.c_str()});
  CAPTURE(ran.out);
  CHECK(ran.code == 1);
  CHECK(ran.out.find("┌─ " + pool + ":7:23") != std::string::npos);
  CHECK(ran.out.find("7│   endpointPickerRef: {nmae: epp") != std::string::npos);
  CHECK(ran.out.find(" │                       ^^^^\n") != std::string::npos);
  const Outcome brief = Run({"validate", pool.c_str(), set.c_str(), "-o", "short"});
  CHECK(brief.code == 1);
  CHECK(brief.out == pool +
                         ":7:23: error: unknown field 'nmae' in spec.endpointPickerRef, and "
                         "spec.endpointPickerRef.name is missing (did you mean 'name'?) "
                         "[INF0104]\n");
  const Outcome json = Run({"validate", pool.c_str(), set.c_str(), "-o", "json"});
  CHECK(json.code == 1);
  const Json report = Json::parse(json.out);
  CHECK(report["kind"] == "ValidationReport");
  CHECK(report["summary"]["files"] == 2);
  CHECK(report["findings"][0]["line"] == 7);
  CHECK(report["findings"].size() == 1);
  CHECK(report["findings"][0]["column"] == 23);
}

TEST_CASE("validate: warnings fail only when asked") {
  Folder folder;
  const std::string pool =
      folder.Write("pool.yaml", std::string(kPool) + "---\n" +
                                    "apiVersion: inferenced.dev/v1alpha1\nkind: EndpointSet\n"
                                    "metadata: {name: rack, namespace: llm, labels: {app: other}}\n"
                                    "spec: {endpoints: [{name: gpu, address: 10.0.0.1}]}\n");
  CHECK(Run({"validate", pool.c_str()}).code == 0);
  CHECK(Run({"validate", pool.c_str(), "--fail-on", "warning"}).code == 1);
  CHECK(Run({"validate", pool.c_str()}).err == "0 errors, 2 warnings in 1 file (2 objects)\n");
}

TEST_CASE("validate: input that can't be judged is 3") {
  Folder folder;
  const std::string empty = folder.Write("empty.yaml", "# nothing\n");
  CHECK(Run({"validate", empty.c_str()}).code == 3);
  CHECK(Run({"validate", empty.c_str(), "--allow-empty"}).code == 0);
  CHECK(Run({"validate", "-f", "/nonexistent.yaml"}).code == 3);
  const std::string broken = folder.Write("broken.yaml", "a: [\n");
  CHECK(Run({"validate", broken.c_str()}).code == 3);
  CHECK(Run({"validate", broken.c_str(), "-o", "json"}).code == 3);
}

TEST_CASE("bug: validate passed over the folders in a folder") {
  Folder folder;
  folder.Write("pool.yaml", kPool);
  std::filesystem::create_directories(folder.path + "/racks/7");
  std::filesystem::create_directories(folder.path + "/.git");
  folder.Write("racks/7/set.yml", kSet);
  folder.Write(".git/not-read.yaml", "a: [");
  std::filesystem::create_directory_symlink("..", folder.path + "/racks/up");
  const Outcome ran = Run({"validate", "-f", folder.path.c_str()});
  CAPTURE(ran.out, ran.err);
  CHECK(ran.code == 0);
  CHECK(ran.err == "0 errors, 0 warnings in 2 files (2 objects)\n");
}

TEST_CASE("validate: configurations are known by their kind, plugins are checked") {
  Folder folder;
  const std::string good = folder.Write("picker.yaml", R"(apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: queue-scorer
schedulingProfiles:
- name: default
  plugins: [{pluginRef: queue-scorer, weight: 2}]
)");
  const Outcome fine = Run({"validate", good.c_str()});
  CAPTURE(fine.out);
  CHECK(fine.code == 0);
  const std::string bad = folder.Write("picker2.yaml", R"(apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: queue-scorerr
schedulingProfiles:
- name: default
  plugins: [{pluginRef: queue-scorerr}]
)");
  const Outcome ran = Run({"validate", bad.c_str(), "-o", "short"});
  CHECK(ran.code == 1);
  CHECK(ran.out.find(bad + ":4:") != std::string::npos);
  const std::string daemon = folder.Write("daemon.yaml", R"(apiVersion: inferenced.dev/v1alpha1
kind: DaemonConfig
listeners: [{address: "127.0.0.1:0"}]
)");
  const Outcome config = Run({"validate", daemon.c_str()});
  CAPTURE(config.out);
  CHECK(config.code == 0);
}

}  // namespace
}  // namespace inference::ctl
