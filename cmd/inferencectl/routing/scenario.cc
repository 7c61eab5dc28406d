#include "inferencectl/routing/scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>

#include "api/codes.h"
#include "api/text_values.h"
#include "manifest/lint/workspace.h"
#include "manifest/reader.h"
#include "manifest/schema/check.h"
#include "manifest/schema/schema.h"

namespace inference::ctl::routing {
namespace {

using namespace std::chrono_literals;
using manifest::Node;
using manifest::lint::At;
using manifest::lint::IntAt;
using manifest::lint::ItemsAt;
using manifest::lint::MapAt;
using manifest::lint::TextAt;

constexpr std::string_view kApiVersion = "inferenced.dev/v1alpha1";
constexpr std::string_view kKind = "RoutingTest";

// REQUIRES: the schema's check has passed, so that it is a number.
double NumberAt(const Node& node, std::string_view path, double fallback) {
  const std::string_view text = TextAt(node, path);
  double value = fallback;
  if (!text.empty()) std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::vector<std::string> TextsAt(const Node& node, std::string_view path) {
  std::vector<std::string> out;
  for (const Node& item : ItemsAt(node, path)) out.push_back(item.text);
  return out;
}

ServerState ReadServer(const Node& node) {
  ServerState out;
  out.at = node.at;
  out.name = TextAt(node, "name");
  out.state = TextAt(node, "state", "ready");
  out.age = api::ParseDuration(TextAt(node, "age", "0s")).value_or(0ns);
  out.waiting = NumberAt(node, "waiting", 0);
  out.running = NumberAt(node, "running", 0);
  out.kv_usage = NumberAt(node, "kvUsage", 0);
  out.block_size = NumberAt(node, "blockSize", 16);
  out.num_blocks = NumberAt(node, "numBlocks", 8192);
  if (const Node* lora = At(node, "lora")) {
    out.lora = ServerState::Lora{TextsAt(*lora, "running"), TextsAt(*lora, "waiting"),
                                 static_cast<uint32_t>(IntAt(*lora, "max", 0))};
  }
  return out;
}

std::vector<ServerState> ReadServers(const std::vector<Node>& items,
                                     std::vector<ServerState> inherited) {
  for (const Node& item : items) {
    ServerState own = ReadServer(item);
    const auto same = std::find_if(inherited.begin(), inherited.end(),
                                   [&](const ServerState& s) { return s.name == own.name; });
    if (same == inherited.end()) {
      inherited.push_back(std::move(own));
    } else {
      *same = std::move(own);
    }
  }
  return inherited;
}

admin::v1::PickRequest ReadRequest(const Node& node, api::Diagnostics& findings) {
  admin::v1::PickRequest out;
  out.set_model(std::string(TextAt(node, "model")));
  out.set_prompt(std::string(TextAt(node, "prompt")));
  out.set_prompt_tokens(IntAt(node, "tokens", 0));
  out.set_body(std::string(TextAt(node, "body")));
  out.set_path(std::string(TextAt(node, "path")));
  out.set_pool(std::string(TextAt(node, "pool")));
  out.set_route(std::string(TextAt(node, "route")));
  for (const auto& [name, value] : MapAt(node, "headers")) {
    auto* header = out.add_headers();
    header->set_name(name);
    header->set_value(value);
  }
  for (std::string& each : TextsAt(node, "subset")) out.add_subset(std::move(each));
  const int ways = (out.prompt().empty() ? 0 : 1) + (out.prompt_tokens() == 0 ? 0 : 1) +
                   (out.body().empty() ? 0 : 1);
  if (ways > 1) {
    findings.push_back({api::Severity::kError, std::string(api::codes::kBadValue), node.at,
                        "a request has one of prompt, tokens and body", ""});
  }
  return out;
}

Expectation ReadExpectation(const Node& node) {
  Expectation out;
  out.any_of = TextsAt(node, "anyOf");
  if (const std::string_view one = TextAt(node, "endpoint"); !one.empty()) {
    out.any_of = {std::string(one)};
  }
  out.none_of = TextsAt(node, "noneOf");
  out.ranking = TextsAt(node, "ranking");
  if (const Node* shares = At(node, "distribution")) {
    for (const auto& member : shares->members) {
      out.distribution[member.key] = NumberAt(*shares, member.key, 0);
    }
  }
  if (At(node, "tolerance") != nullptr) out.tolerance = NumberAt(node, "tolerance", 0);
  out.refused = TextAt(node, "refused");
  if (At(node, "findings") != nullptr) out.findings = TextsAt(node, "findings");
  return out;
}

/// An expectation of picks needs a request, and the other way round.
void CheckCase(const Node& node, const Case& test, api::Diagnostics& findings) {
  const Expectation& e = test.expect;
  const bool of_picks = !e.any_of.empty() || !e.none_of.empty() || !e.ranking.empty() ||
                        !e.distribution.empty() || !e.refused.empty();
  const auto report = [&](std::string message, std::string note) {
    findings.push_back({api::Severity::kError, std::string(api::codes::kMissing), node.at,
                        std::move(message), std::move(note)});
  };
  if (!of_picks && !e.findings) {
    report("case '" + test.name + "' expects nothing",
           "a test that can't fail proves nothing; expect an endpoint, a ranking, ...");
  } else if (of_picks && !test.request) {
    report("case '" + test.name + "' has no request", "nothing can be picked for it");
  } else if (test.request && !of_picks) {
    report("case '" + test.name + "' expects nothing of its request", "");
  }
}

Case ReadCase(const Node& node, const std::vector<ServerState>& servers,
              api::Diagnostics& findings) {
  Case out;
  out.name = TextAt(node, "name");
  out.at = node.at;
  out.servers = ReadServers(ItemsAt(node, "endpoints"), servers);
  for (const Node& each : ItemsAt(node, "before")) {
    out.before.push_back(ReadRequest(each, findings));
  }
  if (const Node* request = At(node, "request")) out.request = ReadRequest(*request, findings);
  out.times = IntAt(node, "times", 1);
  out.at_once = TextAt(node, "atOnce") == "true";
  out.seed = static_cast<uint64_t>(IntAt(node, "seed", 1));
  out.expect = ReadExpectation(*At(node, "expect"));
  CheckCase(node, out, findings);
  return out;
}

Scenario ReadOne(const std::string& path, const Node& document, api::Diagnostics& findings) {
  Scenario out;
  out.path = path;
  out.folder = std::filesystem::path(path).parent_path().string();
  if (out.folder.empty()) out.folder = ".";
  out.name = TextAt(document, "metadata.name");
  out.config = TextAt(document, "spec.config");
  out.picker_config = TextAt(document, "spec.pickerConfig");
  out.manifests = TextsAt(document, "spec.manifests");
  const std::vector<ServerState> servers = ReadServers(ItemsAt(document, "spec.endpoints"), {});
  std::set<std::string> names;
  for (const Node& node : ItemsAt(document, "spec.cases")) {
    out.cases.push_back(ReadCase(node, servers, findings));
    if (names.insert(out.cases.back().name).second) continue;
    findings.push_back({api::Severity::kError, std::string(api::codes::kDuplicateItem), node.at,
                        "two cases are named '" + out.cases.back().name + "'", ""});
  }
  return out;
}

}  // namespace

std::vector<Scenario> ReadScenarios(const std::string& path, std::string_view text,
                                    api::Diagnostics& findings) {
  std::vector<Scenario> out;
  api::Diagnostics found;
  for (const Node& document : manifest::ParseDocuments(path, text, found, {})) {
    const std::string_view version = TextAt(document, "apiVersion");
    const std::string_view kind = TextAt(document, "kind");
    if (version != kApiVersion || kind != kKind) {
      found.push_back({api::Severity::kError, std::string(api::codes::kUnknownKind), document.at,
                       fmt::format("a test is a {} of {}", kKind, kApiVersion),
                       "inferencectl explain RoutingTest tells more"});
      continue;
    }
    api::Diagnostics wrong;
    manifest::schema::Check(document, *manifest::schema::FindKind(version, kind), {}, wrong);
    const bool usable = !api::HasErrors(wrong);
    found.insert(found.end(), wrong.begin(), wrong.end());
    if (usable) out.push_back(ReadOne(path, document, found));
  }
  findings.insert(findings.end(), found.begin(), found.end());
  if (api::HasErrors(found)) out.clear();
  return out;
}

}  // namespace inference::ctl::routing
