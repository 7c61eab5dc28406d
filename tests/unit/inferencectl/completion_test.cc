#include "inferencectl/completion.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "inferencectl/completion_scripts.h"
#include "inferencectl/daemon_names.h"
#include "support/temp_dir.h"

namespace inference::ctl {
namespace {

struct Offered {
  std::vector<std::string> values;
  int bits;
  std::string asked;  // server of the last question for names
  bool has(const std::string& value) const {
    return std::find(values.begin(), values.end(), value) != values.end();
  }
};

Offered Offer(const std::vector<std::string>& words) {
  Offered out;
  out.asked = "nobody";
  const NameSource names = [&](Words kind, const std::string& server) {
    out.asked = server;
    const std::map<Words, std::vector<std::string>> all{
        {Words::kPools, {"llm/qwen3", "llm/llama", "web/chat"}},
        {Words::kEndpoints, {"gpu-1", "gpu-2"}},
        {Words::kModels, {"chat", "v1", "chat"}},
        {Words::kRules, {"rewrite/llm/chat", "rewrite/llm/chat:1", "route/web/blue-green"}},
        {Words::kRuleTargets,
         {"rewrite/llm/chat v1", "rewrite/llm/chat v2", "rewrite/llm/chat:1 other"}}};
    return all.at(kind);
  };
  const Completion completion =
      Complete(words, names, [](const char*) -> const char* { return nullptr; });
  for (const Candidate& candidate : completion.candidates) {
    CHECK(candidate.description.find_first_of("\t\n") == std::string::npos);
    out.values.push_back(candidate.value);
  }
  out.bits = completion.bits;
  return out;
}

using List = std::vector<std::string>;

TEST_CASE("completion: verbs, of two words too") {
  const Offered all = Offer({""});
  for (const VerbRow& verb : Verbs()) {
    CAPTURE(verb.name);
    CHECK(all.has(std::string(verb.name.substr(0, verb.name.find(' ')))));
  }
  CHECK(all.bits == kNoFilesBit);
  CHECK(Offer({"sta"}).values == List{"status"});
  CHECK(Offer({"-q", "sta"}).values == List{"status"});
  CHECK(Offer({"config", "s"}).values == List{"show"});
  CHECK(Offer({"drain", "st"}).values == List{"status"});
  CHECK(Offer({"nothing", ""}).values.empty());
  CHECK(Offer({"help", "config", ""}).values == List{"check", "show", "migrate"});
  CHECK(Offer({"help", "exit"}).values == List{"exit-codes"});
}

TEST_CASE("completion: every option of every verb, but those that stand there already") {
  for (const VerbRow& verb : Verbs()) {
    List words;
    std::istringstream name{std::string(verb.name)};
    for (std::string word; name >> word;) words.push_back(word);
    words.push_back("--");
    const Offered offered = Offer(words);
    size_t taken = 0;
    for (const OptionRow& option : Options()) {
      if (!Takes(verb, option)) continue;
      CAPTURE(verb.name, option.name);
      CHECK(offered.has("--" + std::string(option.name)));
      ++taken;
    }
    CHECK(offered.values.size() == taken);
  }
  CHECK_FALSE(Offer({"get", "--pool", "x", "--"}).has("--pool"));
  CHECK_FALSE(Offer({"get", "-p", "x", "--"}).has("--pool"));
  CHECK_FALSE(Offer({"get", "-wpx", "--"}).has("--pool"));
  CHECK(Offer({"pick", "-H", "a=b", "--"}).has("--header"));  // may be repeated
  CHECK(Offer({"get", "--", "pools", "--"}).values.empty());
}

TEST_CASE("completion: values of options") {
  CHECK(Offer({"get", "-o", "js"}).values == List{"json", "jsonl", "jsonpath="});
  CHECK(Offer({"get", "--output", "js"}).values == List{"json", "jsonl", "jsonpath="});
  CHECK(Offer({"get", "--output=js"}).values == List{"json", "jsonl", "jsonpath="});
  CHECK(Offer({"get", "-o", "jsonp"}).bits == (kNoFilesBit | kNoSpaceBit));
  CHECK(Offer({"get", "-o", "jsonl"}).bits == kNoFilesBit);
  CHECK(Offer({"get", "--sort-by="}).values.size() == 9);
  CHECK(Offer({"get", "--pool", "llm/"}).values == List{"llm/qwen3", "llm/llama"});
  CHECK(Offer({"get", "-p", "w"}).values == List{"web/chat"});
  CHECK(Offer({"get", "--interval", ""}).values.empty());
  CHECK(Offer({"get", "--interval", ""}).bits == kNoFilesBit);
  CHECK(Offer({"validate", "-f", "x"}).bits == kFilesBit);
  CHECK(Offer({"validate", "--filename=x"}).bits == kFilesBit);
  CHECK(Offer({"validate", "-o", "sa"}).values == List{"sarif"});
  CHECK(Offer({"validate", "-o", "sarif=x"}).bits == kFilesBit);
  CHECK(Offer({"validate", "mani"}).bits == kFilesBit);
}

TEST_CASE("completion: names come from the daemon that the words say") {
  const Offered usual = Offer({"get", "endpoints", ""});
  CHECK(usual.values == List{"gpu-1", "gpu-2"});
  CHECK(usual.asked.empty());
  CHECK(Offer({"--server", "unix:///a", "get", "ep", "gpu"}).asked == "unix:///a");
  CHECK(Offer({"get", "--server=unix:///b", "pools", ""}).asked == "unix:///b");
  CHECK(Offer({"get", "pools", ""}).values == List{"llm/qwen3", "llm/llama", "web/chat"});
  // Words of the table need no daemon.
  CHECK(Offer({"get", ""}).values == List{"pools", "endpoints", "manifests"});
  CHECK(Offer({"describe", ""}).values == List{"pool", "endpoint", "rewrite", "model", "route"});
  CHECK(Offer({"describe", ""}).asked == "nobody");
  CHECK(Offer({"get", "--"}).asked == "nobody");
}

TEST_CASE("completion: rules, their targets, and models") {
  const List rules{"rewrite/llm/chat", "rewrite/llm/chat:1", "route/web/blue-green"};
  CHECK(Offer({"traffic", "get", ""}).values == rules);
  CHECK(Offer({"traffic", "verify", "ro"}).values == List{"route/web/blue-green"});
  CHECK(Offer({"traffic", "verify", "route/web/blue-green", ""}).values.empty());
  CHECK(Offer({"traffic", "set", "rewrite/llm/chat:"}).values == List{"rewrite/llm/chat:1"});
  const Offered targets = Offer({"traffic", "set", "rewrite/llm/chat", "v"});
  CHECK(targets.values == List{"v1=", "v2="});
  CHECK(targets.bits == (kNoFilesBit | kNoSpaceBit));
  CHECK(Offer({"traffic", "set", "rewrite/llm/chat:1", "v1=3", ""}).values == List{"other="});
  CHECK(Offer({"traffic", "set", "rewrite/llm/chat", "v1=9"}).values.empty());
  CHECK(Offer({"describe", "rewrite", ""}).values == List{"llm/chat"});
  CHECK(Offer({"describe", "route", "w"}).values == List{"web/blue-green"});
  CHECK(Offer({"describe", "model", ""}).values.empty());
  CHECK(Offer({"pick", "--model", "ch"}).values == List{"chat"});
  CHECK(Offer({"pick", "-m", ""}).values == List{"chat", "v1"});
}

TEST_CASE("completion: kinds, their fields and codes") {
  CHECK(Offer({"explain", "Inference"}).has("InferencePool"));
  CHECK(Offer({"explain", "Inference"}).bits == (kNoFilesBit | kNoSpaceBit));
  CHECK(Offer({"explain", "INF0104"}).values == List{"INF0104"});
  CHECK(Offer({"explain", "INF0104"}).bits == kNoFilesBit);
  CHECK(Offer({"explain", "InferencePool.spec.targetP"}).values ==
        List{"InferencePool.spec.targetPorts"});
  CHECK(Offer({"explain", "InferencePool.spec.targetPorts."}).values ==
        List{"InferencePool.spec.targetPorts.number"});
  CHECK(Offer({"explain", "InferencePool.spec.targetPorts."}).bits == kNoFilesBit);
  CHECK(Offer({"explain", "InferencePool.nothing."}).values.empty());
  CHECK(Offer({"explain", "INF0104", ""}).values.empty());  // one is enough
  CHECK(Offer({"schema", "Endpoint"}).has("EndpointSet"));
  CHECK(Offer({"completion", ""}).values == List{"bash", "zsh", "fish"});
}

class MovedClock final : public base::Clock {
 public:
  base::Time Now() const override { return base::FromNanos(1); }
  base::WallTime WallNow() const override { return base::WallTime(std::chrono::seconds(at)); }
  int64_t at = 1'768'209'243;
};

TEST_CASE("names of a daemon that is gone are those of the last minute") {
  testing::TempDir folder;
  const std::string cache = folder / "cache";
  std::filesystem::create_directories(cache + "/inferencectl");
  const std::string server = "unix://" + (folder / "gone.sock");
  MovedClock clock;
  std::ostringstream out, err;
  std::istringstream in;
  World world{out,
              err,
              in,
              [&](const char* name) {
                return std::string_view(name) == "XDG_CACHE_HOME" ? cache.c_str() : nullptr;
              },
              clock,
              false,
              {"", "", ""}};
  CHECK(DaemonNames(Words::kPools, server, world).empty());
  CHECK(std::filesystem::is_empty(cache + "/inferencectl"));  // no answer, nothing to keep
  auto keep = [&](const std::string& text) {
    KeepNames(Words::kPools, server, {"llm/a"}, world);
    if (text.empty()) return;
    for (const auto& file : std::filesystem::directory_iterator(cache + "/inferencectl")) {
      std::ofstream(file.path()) << text;
    }
  };
  keep("");
  for (const auto& file : std::filesystem::directory_iterator(cache + "/inferencectl")) {
    struct stat info{};
    REQUIRE(stat(file.path().c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
  }
  CHECK(DaemonNames(Words::kPools, server, world) == List{"llm/a"});
  CHECK(DaemonNames(Words::kEndpoints, server, world).empty());
  CHECK(DaemonNames(Words::kPools, server + "2", world).empty());
  clock.at += 60;
  CHECK(DaemonNames(Words::kPools, server, world) == List{"llm/a"});
  clock.at += 1;
  CHECK(DaemonNames(Words::kPools, server, world).empty());
  for (const char* broken : {"{", "[]", "{\"at\":true,\"names\":[1]}", "null", "\xff"}) {
    keep(broken);
    CHECK(DaemonNames(Words::kPools, server, world).empty());
  }
  CHECK(err.str().empty());
}

TEST_CASE("the scripts are those of completions/") {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    std::ifstream file(std::string(TEST_SOURCE_DIR) + "/completions/inferencectl." + shell);
    const std::string text(std::istreambuf_iterator<char>(file), {});
    CHECK(text.size() > 100);
    CHECK(CompletionScript(shell) == text);
  }
  CHECK(CompletionScript("tcsh").empty());
}

}  // namespace
}  // namespace inference::ctl
