#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "api/codes.h"
#include "api/text_values.h"
#include "base/text.h"
#include "manifest/address.h"
#include "manifest/kinds.h"
#include "manifest/reader.h"
#include "manifest/single_document.h"

// DaemonConfig, inferenced.dev/v1alpha1.
namespace inference::manifest {
namespace {

namespace codes = api::codes;
using namespace std::chrono_literals;

constexpr int64_t kMaxBytes = std::numeric_limits<int64_t>::max();
constexpr size_t kMaxPath = 4096;

enum class AddressUse { kAny, kTcpOnly, kUnixOnly };

void ReadAddress(const Node& node, const std::string& path, AddressUse use,
                 api::Field<std::string>& target, api::Diagnostics& out) {
  std::optional<std::string> text = ReadString(node, path, out);
  if (!text) return;
  std::string problem = ListenAddressProblem(*text);
  if (problem.empty() && use == AddressUse::kUnixOnly && !IsUnixAddress(*text)) {
    problem = "only a Unix socket is served here: unix:///run/inferenced/admin.sock";
  }
  if (problem.empty() && use == AddressUse::kTcpOnly && IsUnixAddress(*text)) {
    problem = "only host:port is served here";
  }
  if (!problem.empty()) {
    Report(out, codes::kBadValue, node.at,
           fmt::format("{} '{}' is no address to listen on", path, base::Printable(*text, 120)),
           problem);
  }
  Assign(node, std::move(text), target);
}

api::TlsConfig ReadTls(const Node& node, const std::string& path, api::Diagnostics& out) {
  api::TlsConfig tls;
  MapReader map(node, path, out);
  if (!map.ok()) return tls;
  bool known = true;
  if (const Node* mode = map.Need("mode")) {
    const auto text = ReadEnum(*mode, map.Path("mode"), {"none", "selfSigned", "files"}, out);
    tls.mode = text == "files"        ? api::TlsMode::kFiles
               : text == "selfSigned" ? api::TlsMode::kSelfSigned
                                      : api::TlsMode::kNone;
    known = text.has_value();
  }
  for (const auto& [name, target] :
       {std::pair{"certFile", &tls.cert_file}, std::pair{"keyFile", &tls.key_file}}) {
    const Node* file = map.Find(name);
    if (file) *target = ReadString(*file, map.Path(name), 1, kMaxPath, out).value_or("");
    if (!known) continue;
    if (!file && tls.mode == api::TlsMode::kFiles) {
      Report(out, codes::kMissing, node.at,
             fmt::format("{} is missing; mode files needs it", map.Path(name)));
    } else if (file && tls.mode != api::TlsMode::kFiles) {
      Report(out, codes::kBadValue, map.KeyOrigin(name),
             fmt::format("{} has no effect in this mode", map.Path(name)),
             "write mode: files, or remove it");
    }
  }
  map.Done();
  return tls;
}

void ReadListeners(const Node& node, api::DaemonConfig& config, api::Diagnostics& out) {
  const auto* items = ReadList(node, "listeners", 1, 64, out);
  if (!items) return;
  for (size_t i = 0; i < items->size(); ++i) {
    MapReader map((*items)[i], fmt::format("listeners[{}]", i), out);
    if (!map.ok()) continue;
    api::ListenerConfig listener;
    if (const Node* address = map.Need("address")) {
      ReadAddress(*address, map.Path("address"), AddressUse::kAny, listener.address, out);
      for (const api::ListenerConfig& other : config.listeners) {
        if (*other.address != *listener.address || listener.address->ends_with(":0")) continue;
        Report(out, codes::kDuplicateItem, address->at,
               fmt::format("two listeners have the address {}",
                           base::Printable(*listener.address, 120)),
               "the first one is at " + other.address.origin.ToString());
      }
    }
    if (const Node* tls = map.Find("tls")) listener.tls = ReadTls(*tls, map.Path("tls"), out);
    map.Done();
    config.listeners.push_back(std::move(listener));
  }
}

void ReadNestedAddress(MapReader& document, std::string_view name, AddressUse use,
                       api::Field<std::string>& target) {
  const Node* node = document.Find(name);
  if (!node) return;
  MapReader map(*node, std::string(name), document.out());
  if (!map.ok()) return;
  if (const Node* address = map.Need("address")) {
    ReadAddress(*address, map.Path("address"), use, target, document.out());
  }
  map.Done();
}

// The socket's own address may be left out when only who may use it is said.
void ReadAdmin(const Node& node, api::AdminConfig& admin, api::Diagnostics& out) {
  MapReader map(node, "admin", out);
  if (!map.ok()) return;
  if (const Node* f = map.Find("address")) {
    ReadAddress(*f, map.Path("address"), AddressUse::kUnixOnly, admin.address, out);
  }
  if (const Node* f = map.Find("mode")) {
    const std::optional<std::string> text = ReadString(*f, map.Path("mode"), out);
    if (text && !(text->size() == 4 && text->starts_with("06") &&
                  text->find_first_not_of("0246", 2) == std::string::npos)) {
      Report(out, codes::kBadValue, f->at,
             fmt::format("admin.mode '{}' is no mode of a socket", base::Printable(*text, 40)),
             "write \"0660\" (owner and group), \"0666\" (everyone, see operators) or \"0600\"");
    } else if (text) {
      admin.mode = api::Field<int>(std::stoi(*text, nullptr, 8), f->at);
    }
  }
  constexpr size_t kMaxName = 256;
  const auto name = [&](const Node& f, const std::string& path) {
    return ReadString(f, path, 1, kMaxName, out);
  };
  if (const Node* f = map.Find("group")) Assign(*f, name(*f, map.Path("group")), admin.group);
  if (const Node* f = map.Find("operators")) {
    MapReader operators(*f, map.Path("operators"), out);
    if (!operators.ok()) return;
    const auto read = [&](std::string_view field, std::vector<api::Field<std::string>>& into) {
      const Node* list = operators.Find(field);
      const auto* items = list ? ReadList(*list, operators.Path(field), 0, 1024, out) : nullptr;
      for (size_t i = 0; items && i < items->size(); ++i) {
        const Node& item = (*items)[i];
        auto text = name(item, fmt::format("{}[{}]", operators.Path(field), i));
        if (text) into.emplace_back(*std::move(text), item.at);
      }
    };
    admin.operators = api::AdminOperators();
    read("users", admin.operators->users);
    read("groups", admin.operators->groups);
    operators.Done();
  }
  map.Done();
}

bool CheckPoolKey(std::string_view key, const api::Origin& at, const std::string& path,
                  api::Diagnostics& out) {
  const size_t slash = key.find('/');
  if (slash != std::string_view::npos && api::IsDnsLabel(key.substr(0, slash)) &&
      api::IsDnsSubdomain(key.substr(slash + 1))) {
    return true;
  }
  Report(out, codes::kBadName, at,
         fmt::format("'{}' in {} is no pool", base::Printable(key, 80), path),
         "write it as namespace/name, for example default/" +
             (slash == std::string_view::npos && api::IsDnsSubdomain(key) ? std::string(key)
                                                                          : "qwen3-32b"));
  return false;
}

void ReadPools(const Node& node, api::DaemonConfig& config, api::Diagnostics& out) {
  MapReader map(node, "pools", out);
  for (const NodeMember& member : node.members) {
    if (!CheckPoolKey(member.key, member.key_at, "pools", out)) continue;
    if (member.value.kind == Node::Kind::kNull) continue;
    config.pools[member.key] =
        ReadPoolConfig(member.value, "pools." + member.key, config.scrape, out);
  }
}

void ReadRoutes(const Node& node, api::DaemonConfig& config, api::Diagnostics& out) {
  MapReader map(node, "routes", out);
  for (const NodeMember& member : node.members) {
    const std::string path = "routes." + base::Printable(member.key, 80);
    const std::optional<std::string> pool = ReadString(member.value, path, out);
    if (pool && CheckPoolKey(*pool, member.value.at, path, out)) {
      config.routes[member.key] = api::Field<std::string>(*pool, member.value.at);
    }
  }
}

void ReadLimits(const Node& node, api::DaemonConfig::Limits& limits, api::Diagnostics& out) {
  MapReader map(node, "limits", out);
  if (!map.ok()) return;
  if (const Node* f = map.Find("maxBodyBytes")) {
    Assign(*f, ReadQuantity(*f, map.Path("maxBodyBytes"), 1024, int64_t{1} << 32, out),
           limits.max_body_bytes);
  }
  if (const Node* f = map.Find("bodyBudget")) {
    Assign(*f, ReadQuantity(*f, map.Path("bodyBudget"), 1024, kMaxBytes, out), limits.body_budget);
  }
  ReadInto(map, "pickTimeout", 1ms, 10min, limits.pick_timeout);
  if (*limits.body_budget < *limits.max_body_bytes) {
    Report(out, codes::kBadValue,
           limits.body_budget.is_set() ? limits.body_budget.origin : limits.max_body_bytes.origin,
           fmt::format("limits.bodyBudget {} is smaller than limits.maxBodyBytes {}",
                       api::FormatQuantity(*limits.body_budget),
                       api::FormatQuantity(*limits.max_body_bytes)),
           "not one body of the largest size would fit");
  }
  map.Done();
}

void ReadManifestPaths(const Node& node, api::DaemonConfig& config, api::Diagnostics& out) {
  const auto* items = ReadList(node, "manifests", 0, 1024, out);
  if (!items) return;
  for (size_t i = 0; i < items->size(); ++i) {
    const std::string path = fmt::format("manifests[{}]", i);
    std::optional<std::string> text = ReadString((*items)[i], path, 1, kMaxPath, out);
    if (text) config.manifests.emplace_back(std::move(*text), (*items)[i].at);
  }
}

void ReadLog(MapReader& map, api::DaemonConfig& config) {
  if (const Node* f = map.Find("logLevel")) {
    Assign(*f, ReadEnum(*f, "logLevel", {"trace", "debug", "info", "warn", "error"}, map.out()),
           config.log_level);
  }
  if (const Node* f = map.Find("logFormat")) {
    Assign(*f, ReadEnum(*f, "logFormat", {"auto", "text", "json"}, map.out()), config.log_format);
  }
}

api::DaemonConfig ReadDaemon(const Node& document, api::Diagnostics& out) {
  api::DaemonConfig config;
  config.origin = document.at;
  MapReader map(document, "", out);
  map.Ignore({"apiVersion", "kind", "metadata"});
  if (const Node* f = map.Find("listeners")) ReadListeners(*f, config, out);
  ReadNestedAddress(map, "health", AddressUse::kAny, config.health_address);
  ReadNestedAddress(map, "http", AddressUse::kTcpOnly, config.http_address);
  if (const Node* f = map.Find("admin")) ReadAdmin(*f, config.admin, out);
  if (const Node* f = map.Find("manifests")) ReadManifestPaths(*f, config, out);
  ReadInto(map, "stateFile", config.state_file);
  ReadInto(map, "pickerConfig", config.picker_config);
  if (const Node* f = map.Find("scrape")) ReadScrape(*f, "scrape", config.scrape, out);
  if (const Node* f = map.Find("pools")) ReadPools(*f, config, out);
  if (const Node* f = map.Find("routes")) ReadRoutes(*f, config, out);
  if (const Node* f = map.Find("limits")) ReadLimits(*f, config.limits, out);
  if (const Node* f = map.Find("engines")) config.engines = ReadEngines(*f, out);
  ReadInto(map, "trustPriorityHeaders", config.trust_priority_headers);
  ReadInto(map, "workers", 0, 1024, config.workers);
  ReadInto(map, "decisionRing", 0, 1 << 20, config.decision_ring);
  ReadLog(map, config);
  ReadInto(map, "drainTimeout", 0s, 24h, config.drain_timeout);
  ReadInto(map, "endpointHeader", config.endpoint_header);
  map.Done();
  return config;
}

}  // namespace

void ReadInto(MapReader& map, std::string_view name, int64_t min, int64_t max,
              api::Field<int>& target) {
  const Node* node = map.Find(name);
  if (!node) return;
  const std::optional<int64_t> value = ReadInt(*node, map.Path(name), min, max, map.out());
  if (value) target = api::Field<int>(static_cast<int>(*value), node->at);
}

void ReadInto(MapReader& map, std::string_view name, std::chrono::nanoseconds min,
              std::chrono::nanoseconds max, api::Field<std::chrono::nanoseconds>& target) {
  if (const Node* node = map.Find(name)) {
    Assign(*node, ReadDuration(*node, map.Path(name), min, max, map.out()), target);
  }
}

void ReadInto(MapReader& map, std::string_view name, api::Field<bool>& target) {
  if (const Node* node = map.Find(name)) {
    Assign(*node, ReadBool(*node, map.Path(name), map.out()), target);
  }
}

void ReadInto(MapReader& map, std::string_view name, api::Field<std::string>& target) {
  constexpr size_t kMaxPath = 4096;
  if (const Node* node = map.Find(name)) {
    Assign(*node, ReadString(*node, map.Path(name), 1, kMaxPath, map.out()), target);
  }
}

std::optional<api::DaemonConfig> ReadDaemonConfig(const std::string& path, std::string_view text,
                                                  api::Diagnostics& diagnostics,
                                                  const Limits& limits) {
  return ReadSingle<api::DaemonConfig>(path, text, {{kOurApiVersion}, "DaemonConfig"}, limits,
                                       diagnostics, ReadDaemon);
}

}  // namespace inference::manifest
