#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "api/codes.h"
#include "base/text.h"
#include "manifest/fields.h"
#include "manifest/lint/command_line.h"
#include "manifest/lint/lint.h"

// INF0305: models that requests are rewritten to and that no server of the pool serves. Said only
// where the command lines of all servers tell their models beyond doubt.
namespace inference::manifest::lint {
namespace {

namespace codes = api::codes;

using Names = std::set<std::string, std::less<>>;

// What a shell, Kubernetes or vLLM's own configuration file would still change.
bool IsOpen(std::string_view word) {
  return word.empty() || word.find_first_of("$`\"'{}") != std::string_view::npos;
}

/// A container's command line as vLLM gets it, or nothing when a shell has the last word on it.
std::optional<std::vector<std::string>> Arguments(const Node& container) {
  std::vector<std::string> words;
  for (const char* list : {"command", "args"}) {
    for (const Node& item : ItemsAt(container, list)) {
      const std::string_view text = base::TrimSpace(item.text);
      const bool json = text.starts_with('{');
      if (json || text.find_first_of(" \t\n") == std::string_view::npos) {
        words.emplace_back(text);
        continue;
      }
      for (const Word& word : SplitWords(item)) {
        if (IsOpen(word.first)) return std::nullopt;
        words.push_back(word.first);
      }
    }
  }
  return words;
}

/// The words behind a flag, up to the next one; "--flag=value" has one.
std::vector<std::string> ValuesOf(const std::vector<std::string>& words, const std::string& flag) {
  std::vector<std::string> values;
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i].starts_with(flag + "=")) values.push_back(words[i].substr(flag.size() + 1));
    if (words[i] != flag) continue;
    while (i + 1 < words.size() && !words[i + 1].starts_with("-")) values.push_back(words[++i]);
  }
  return values;
}

/// The model that the server is started for: --model, or the word behind `vllm serve`.
std::string ModelOf(const Node& container, const std::vector<std::string>& words) {
  if (const auto model = ValuesOf(words, "--model"); !model.empty()) return model.back();
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] == "serve" && !words[i + 1].starts_with("-")) return words[i + 1];
  }
  // The image's own command is `vllm serve`.
  const bool own_command = At(container, "command") == nullptr;
  return own_command && !words.empty() && !words[0].starts_with("-") ? words[0] : "";
}

/// "name=path", or JSON with a name; empty when it cannot be told.
std::string AdapterName(const std::string& text) {
  if (text.starts_with('{')) {
    const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object() || !json.contains("name") || !json["name"].is_string()) return "";
    return json["name"].get<std::string>();
  }
  const std::string name = text.substr(0, text.find('='));
  return name.size() == text.size() || IsOpen(name) ? "" : name;
}

/// Nothing when the manifest does not tell.
std::optional<Names> NamesServedBy(const Node& container) {
  const std::string_view image = TextAt(container, "image");
  if (!IsVllm(container) && image.find("llm-d-inference-sim") == std::string_view::npos) {
    return std::nullopt;
  }
  for (const Node& variable : ItemsAt(container, "env")) {
    if (TextAt(variable, "name") == "VLLM_ALLOW_RUNTIME_LORA_UPDATING") return std::nullopt;
  }
  const auto words = Arguments(container);
  if (!words || !ValuesOf(*words, "--config").empty()) return std::nullopt;
  std::vector<std::string> names = ValuesOf(*words, "--served-model-name");
  if (names.empty()) names.push_back(ModelOf(container, *words));
  if (std::any_of(names.begin(), names.end(), IsOpen)) return std::nullopt;
  for (const std::string& adapter : ValuesOf(*words, "--lora-modules")) {
    names.push_back(AdapterName(adapter));
    if (names.back().empty()) return std::nullopt;
  }
  return Names(names.begin(), names.end());
}

/// All that the pool's pods serve; nothing when one of them does not tell, or there is none.
std::optional<Names> NamesServedIn(const Workspace& workspace, const Object& pool) {
  Names all;
  const auto selector = SelectorOf(pool);
  for (const Object* workload : workspace.Workloads(pool.ns)) {
    for (const Node* pods : PodTemplatesOf(*workload)) {
      if (!Matches(selector, MapAt(*pods, "metadata.labels"))) continue;
      const auto& containers = ItemsAt(*pods, "spec.containers");
      const auto names = containers.empty() ? std::nullopt : NamesServedBy(containers.front());
      if (!names) return std::nullopt;
      all.insert(names->begin(), names->end());
    }
  }
  if (all.empty()) return std::nullopt;
  return all;
}

void CheckTarget(const Node* target, const Object& pool, const Names& served,
                 const std::string& owner, api::Diagnostics& out) {
  if (target == nullptr || served.contains(target->text)) return;
  const std::vector<std::string_view> names(served.begin(), served.end());
  const std::string_view meant = base::ClosestMatch(target->text, names);
  Warn(out, codes::kTargetNotServed, target->at,
       fmt::format("{}: no server of pool {} serves the model '{}'", owner, pool.key(),
                   base::Printable(target->text, 80)),
       meant.empty() ? fmt::format("they serve {}; others are answered 404", fmt::join(names, ", "))
                     : fmt::format("did you mean '{}'?", meant));
}

void ServedModels(const Workspace& workspace, api::Diagnostics& out) {
  std::map<const Object*, std::optional<Names>> by_pool;
  const auto served = [&](const Object& object) -> std::pair<const Object*, const Names*> {
    const Object* pool =
        workspace.Find("*", "InferencePool", object.ns, TextAt(*object.node, "spec.poolRef.name"));
    if (pool == nullptr || !pool->sound) return {nullptr, nullptr};
    auto [it, fresh] = by_pool.try_emplace(pool);
    if (fresh) it->second = NamesServedIn(workspace, *pool);
    return {pool, it->second ? &*it->second : nullptr};
  };
  for (const Object* rewrite : workspace.OfKind("InferenceModelRewrite")) {
    const auto [pool, names] = served(*rewrite);
    if (names == nullptr) continue;
    for (const Node& rule : ItemsAt(*rewrite->node, "spec.rules")) {
      for (const char* list : {"targets", "split"}) {
        for (const Node& target : ItemsAt(rule, list)) {
          CheckTarget(At(target, "modelRewrite"), *pool, *names, rewrite->Title(), out);
        }
      }
    }
  }
  for (const Object* model : workspace.OfKind("InferenceModel")) {
    const auto [pool, names] = served(*model);
    if (names == nullptr) continue;
    for (const Node& target : ItemsAt(*model->node, "spec.targetModels")) {
      CheckTarget(At(target, "name"), *pool, *names, model->Title(), out);
    }
  }
}

}  // namespace

std::span<const Rule> ServedModelRules() {
  static constexpr std::array<Rule, 1> kAll{&ServedModels};
  return kAll;
}

}  // namespace inference::manifest::lint
