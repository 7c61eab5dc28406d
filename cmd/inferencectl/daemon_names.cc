#include "inferencectl/daemon_names.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <optional>
#include <thread>

#include "base/text.h"
#include "inferencectl/traffic/split.h"
#include "inferencectl/whole_file.h"

namespace inference::ctl {
namespace {

using std::chrono::milliseconds;
using Names = std::vector<std::string>;

constexpr milliseconds kBudget{150};
constexpr int64_t kKeptMillis = 60'000;

std::string ServerOf(const std::string& typed, const World& world) {
  if (!typed.empty()) return typed;
  const char* variable = world.environment("INFERENCECTL_SERVER");
  if (variable != nullptr && *variable != '\0') return variable;
  const char* file = world.environment("INFERENCECTL_CONFIG");
  const auto settings = ReadSettings(file == nullptr ? "" : file, world.places);
  const Setting* setting = settings ? settings->Find("server") : nullptr;
  return setting == nullptr ? UsualServer(world.environment) : setting->values.back();
}

// Of one rule. A route's rule has pools as its targets, and no models.
void AddNamesOf(Words words, const admin::v1::Split& split, Names& names) {
  std::string rule = traffic::NameOf(split);
  if (rule.ends_with(":0")) rule.resize(rule.size() - 2);
  if (words == Words::kRules) return names.push_back(std::move(rule));
  for (const auto& target : split.targets()) {
    if (words == Words::kRuleTargets) names.push_back(rule + " " + target.name());
    if (words == Words::kModels && split.kind() != "HTTPRoute") names.push_back(target.name());
  }
  if (words != Words::kModels) return;
  names.insert(names.end(), split.models().begin(), split.models().end());
}

Result<Names> Ask(Words words, const std::string& server) {
  auto client = admin::AdminClient::Connect(server, kBudget);
  if (!client) return client.status();
  Names names;
  if (words == Words::kPools) {
    const auto list = (*client)->ListPools({});
    if (!list) return list.status();
    for (const auto& pool : list->pools()) names.push_back(pool.key());
  } else if (words == Words::kEndpoints) {
    const auto list = (*client)->ListEndpoints({});
    if (!list) return list.status();
    for (const auto& endpoint : list->endpoints()) names.push_back(endpoint.name());
  } else {
    const auto list = (*client)->ListSplits();
    if (!list) return list.status();
    for (const auto& split : list->splits()) AddNamesOf(words, split, names);
  }
  return names;
}

/// On a thread of its own: a daemon that is stopped doesn't even let one connect. The program ends
/// without waiting for it.
std::optional<Names> AskInTime(Words words, const std::string& server) {
  std::packaged_task<Result<Names>()> task([words, server] { return Ask(words, server); });
  auto answer = task.get_future();
  std::thread(std::move(task)).detach();
  if (answer.wait_for(kBudget) != std::future_status::ready) return std::nullopt;
  Result<Names> names = answer.get();
  if (!names) return std::nullopt;
  return std::move(*names);
}

std::string_view CacheName(Words words) {
  switch (words) {
    case Words::kPools:
      return "pools";
    case Words::kEndpoints:
      return "endpoints";
    case Words::kModels:
      return "models";
    case Words::kRuleTargets:
      return "rule-targets";
    default:
      return "rules";
  }
}

/// Empty when there is no place for it.
std::string CacheFile(Words words, const std::string& server, const Environment& environment) {
  const char* cache = environment("XDG_CACHE_HOME");
  const char* home = environment("HOME");
  std::string folder;
  if (cache != nullptr && *cache == '/') {
    folder = cache;
  } else if (home != nullptr && *home == '/') {
    folder = std::string(home) + "/.cache";
  } else {
    return "";
  }
  return fmt::format("{}/inferencectl/{}-{:016x}.json", folder, CacheName(words),
                     XXH64(server.data(), server.size(), 0));
}

int64_t Millis(base::WallTime time) {
  return std::chrono::duration_cast<milliseconds>(time.time_since_epoch()).count();
}

Names ReadCache(const std::string& path, const std::string& server, int64_t now) {
  std::ifstream in(path, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("at") || !json["at"].is_number_integer() ||
      !json.contains("server") || json["server"] != server || !json.contains("names") ||
      !json["names"].is_array()) {
    return {};
  }
  const int64_t age = now - json["at"].get<int64_t>();
  if (age < 0 || age > kKeptMillis) return {};
  Names names;
  for (const Json& name : json["names"]) {
    if (name.is_string()) names.push_back(name.get<std::string>());
  }
  return names;
}

}  // namespace

std::vector<std::string> DaemonNames(Words words, const std::string& server, const World& world) {
  const std::string address = ServerOf(server, world);
  const std::string cache = CacheFile(words, address, world.environment);
  std::optional<Names> names = AskInTime(words, address);
  if (!names)
    return cache.empty() ? Names() : ReadCache(cache, address, Millis(world.clock.WallNow()));
  std::erase_if(*names, [](const std::string& name) {
    return name.find_first_of("\t\n\r") != std::string::npos || !base::IsValidUtf8(name);
  });
  KeepNames(words, address, *names, world);
  return std::move(*names);
}

void KeepNames(Words words, const std::string& server, const std::vector<std::string>& names,
               const World& world) {
  const std::string path = CacheFile(words, server, world.environment);
  if (path.empty()) return;
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::filesystem::create_directories(folder, error);
  std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  const Json kept{{"at", Millis(world.clock.WallNow())}, {"server", server}, {"names", names}};
  // Without a cache the next answer is only slower.
  static_cast<void>(WriteWhole(path, ToText(kept, /*compact=*/true), 0600));
}

}  // namespace inference::ctl
