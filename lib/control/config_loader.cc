#include "control/config_loader.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>

#include "api/codes.h"
#include "manifest/reader.h"

namespace inference::control {
namespace {

// The picker configuration files of a daemon, as written there, with where each is named.
std::vector<const api::Field<std::string>*> PickerConfigPaths(const api::DaemonConfig& daemon) {
  std::vector<const api::Field<std::string>*> paths;
  if (!daemon.picker_config->empty()) paths.push_back(&daemon.picker_config);
  for (const auto& [key, pool] : daemon.pools) {
    if (!pool.picker_config->empty()) paths.push_back(&pool.picker_config);
  }
  return paths;
}

void AddUnreadable(const api::Origin& origin, const Status& status, api::Diagnostics& diagnostics) {
  diagnostics.push_back(
      {api::Severity::kError, std::string(api::codes::kUnreadable), origin, status.message(), ""});
}

std::vector<api::ScrapeConfig*> ScrapeConfigs(api::DaemonConfig& daemon) {
  std::vector<api::ScrapeConfig*> all{&daemon.scrape};
  for (auto& [key, pool] : daemon.pools) {
    if (pool.scrape) all.push_back(&*pool.scrape);
  }
  return all;
}

// Relative paths of certificates and keys count from the configuration's folder too.
void ResolveTlsFiles(const LoadedConfig& config, api::DaemonConfig& daemon) {
  const auto resolve = [&](std::string& file) {
    if (!file.empty()) file = config.Resolve(file);
  };
  for (api::ListenerConfig& listener : daemon.listeners) {
    resolve(listener.tls.cert_file);
    resolve(listener.tls.key_file);
  }
  for (api::ScrapeConfig* scrape : ScrapeConfigs(daemon)) {
    for (auto* file : {&scrape->ca_file, &scrape->cert_file, &scrape->key_file}) {
      resolve(file->value);
    }
  }
}

// That they can be read; what is in them, only TLS can say.
void CheckTlsFiles(api::DaemonConfig daemon, api::Diagnostics& diagnostics) {
  const auto check = [&](const std::string& file, const api::Origin& origin) {
    if (file.empty()) return;
    const Result<std::string> text = manifest::ReadFile(file);
    if (!text.ok()) AddUnreadable(origin, text.status(), diagnostics);
  };
  for (const api::ListenerConfig& listener : daemon.listeners) {
    check(listener.tls.cert_file, listener.address.origin);
    check(listener.tls.key_file, listener.address.origin);
  }
  for (const api::ScrapeConfig* scrape : ScrapeConfigs(daemon)) {
    for (const auto* file : {&scrape->ca_file, &scrape->cert_file, &scrape->key_file}) {
      check(**file, file->origin);
    }
  }
}

// Where sockets are made by default: what systemd made for us, /run for root, else the user's own.
std::string RunDirectory() {
  if (const char* given = std::getenv("RUNTIME_DIRECTORY"); given && *given) return given;
  if (geteuid() == 0) return "/run/inferenced";
  if (const char* user = std::getenv("XDG_RUNTIME_DIR"); user && *user) {
    return std::string(user) + "/inferenced";
  }
  return {};
}

// Where state is kept by default: what systemd made for us, /var/lib for root, else the user's own.
std::string StateDirectory() {
  const auto variable = [](const char* name) -> std::string {
    const char* value = std::getenv(name);
    return value ? value : "";
  };
  // systemd gives a list when the unit has several.
  if (const std::string given = variable("STATE_DIRECTORY"); !given.empty()) {
    return given.substr(0, given.find(':'));
  }
  if (geteuid() == 0) return "/var/lib/inferenced";
  if (const std::string user = variable("XDG_STATE_HOME"); !user.empty()) {
    return user + "/inferenced";
  }
  const std::string home = variable("HOME");
  return home.empty() ? "" : home + "/.local/state/inferenced";
}

// File mode's defaults: a Unix socket and loopback, nothing that others can reach.
void ApplyDefaults(api::DaemonConfig& daemon, api::Diagnostics& diagnostics) {
  const std::string run = RunDirectory();
  if (daemon.listeners.empty()) {
    if (!run.empty()) {
      daemon.listeners.push_back({api::Field<std::string>("unix://" + run + "/extproc.sock"), {}});
    }
    daemon.listeners.push_back({api::Field<std::string>("127.0.0.1:9002"), {}});
  }
  if (const std::string state = StateDirectory(); daemon.state_file->empty() && !state.empty()) {
    daemon.state_file = api::Field<std::string>(state + "/state.db");
  }
  if (!daemon.admin.address->empty()) return;
  if (run.empty()) {
    diagnostics.push_back({api::Severity::kError, std::string(api::codes::kMissing), daemon.origin,
                           "admin.address is missing, and there is no default for it here",
                           "only root and users with XDG_RUNTIME_DIR have one; give e.g. "
                           "admin: {address: \"unix:///path/admin.sock\"}"});
    return;
  }
  daemon.admin.address = api::Field<std::string>("unix://" + run + "/admin.sock");
}

// Two parts cannot listen at one address; ":0" is another port each time.
void CheckAddresses(const api::DaemonConfig& daemon, api::Diagnostics& diagnostics) {
  std::map<std::string, std::string, std::less<>> taken;  // address -> who
  const auto add = [&](const std::string& who, const api::Field<std::string>& address) {
    if (address->ends_with(":0") && !address->starts_with("unix:")) return;
    const auto [it, inserted] = taken.emplace(*address, who);
    if (inserted) return;
    const api::Origin& origin = address.is_set() ? address.origin : daemon.origin;
    diagnostics.push_back({api::Severity::kError, std::string(api::codes::kDuplicateItem), origin,
                           who + " has the address " + *address + " of " + it->second,
                           "give each a port or a socket of its own"});
  };
  for (size_t i = 0; i < daemon.listeners.size(); ++i) {
    add("listeners[" + std::to_string(i) + "]", daemon.listeners[i].address);
  }
  add("health.address", daemon.health_address);
  add("http.address", daemon.http_address);
  add("admin.address", daemon.admin.address);
}

}  // namespace

std::string LoadedConfig::Resolve(const std::string& file) const {
  const std::filesystem::path as_written(file);
  if (as_written.is_absolute()) return file;
  return (std::filesystem::path(base_dir) / as_written).lexically_normal().string();
}

std::unique_ptr<LoadedConfig> LoadConfig(const std::string& path, api::Diagnostics& diagnostics) {
  const Result<std::string> text = manifest::ReadFile(path);
  if (!text.ok()) {
    AddUnreadable({}, text.status(), diagnostics);
    return nullptr;
  }
  std::optional<api::DaemonConfig> daemon = manifest::ReadDaemonConfig(path, *text, diagnostics);
  if (!daemon) return nullptr;
  ApplyDefaults(*daemon, diagnostics);
  CheckAddresses(*daemon, diagnostics);
  if (api::HasErrors(diagnostics)) return nullptr;
  auto loaded = std::make_unique<LoadedConfig>();
  loaded->path = path;
  loaded->base_dir = std::filesystem::path(path).parent_path().string();
  if (loaded->base_dir.empty()) loaded->base_dir = ".";
  ResolveTlsFiles(*loaded, *daemon);
  if (daemon->state_file.is_set() && *daemon->state_file != "none") {
    daemon->state_file.value = loaded->Resolve(*daemon->state_file);
  }
  loaded->daemon = std::make_shared<const api::DaemonConfig>(*std::move(daemon));
  return loaded;
}

void ReadPickerConfigs(const LoadedConfig& config, Inputs& inputs, api::Diagnostics& diagnostics) {
  inputs.picker_configs.clear();
  for (const api::Field<std::string>* path : PickerConfigPaths(*config.daemon)) {
    Result<std::string> text = manifest::ReadFile(config.Resolve(**path));
    if (text.ok()) {
      inputs.picker_configs[**path] = *std::move(text);
    } else {
      AddUnreadable(path->origin, text.status(), diagnostics);
    }
  }
}

void ReadAllManifests(const LoadedConfig& config, Inputs& inputs, api::Diagnostics& diagnostics) {
  inputs.files = {};
  std::set<std::string> seen;
  for (const api::Field<std::string>& path : config.daemon->manifests) {
    const Result<std::vector<std::string>> files = manifest::ExpandPaths({*path}, config.base_dir);
    if (!files.ok()) {
      AddUnreadable(path.origin, files.status(), diagnostics);
      continue;
    }
    for (const std::string& file : *files) {
      if (!seen.insert(file).second) continue;
      const Result<std::string> text = manifest::ReadFile(file);
      if (text.ok()) {
        manifest::ReadManifests(file, *text, inputs.files, diagnostics);
      } else {
        AddUnreadable(path.origin, text.status(), diagnostics);
      }
    }
  }
  inputs.Join();
}

void WarnOfNoPool(const Inputs& inputs, api::Diagnostics& diagnostics) {
  if (!inputs.manifests.pools.empty()) return;
  diagnostics.push_back({api::Severity::kWarning, std::string(api::codes::kNoPool),
                         inputs.daemon->origin, "there is no InferencePool in the manifests",
                         "every request is answered with 503 until there is one"});
}

std::vector<std::string> WatchedFiles(const LoadedConfig& config) {
  std::vector<std::string> files{config.path};
  for (const api::Field<std::string>* path : PickerConfigPaths(*config.daemon)) {
    files.push_back(config.Resolve(**path));
  }
  return files;
}

bool CheckConfig(const std::string& path, api::Diagnostics& diagnostics) {
  const std::unique_ptr<LoadedConfig> config = LoadConfig(path, diagnostics);
  if (!config) return false;
  Inputs inputs;
  inputs.daemon = config->daemon;
  ReadPickerConfigs(*config, inputs, diagnostics);
  ReadAllManifests(*config, inputs, diagnostics);
  CheckTlsFiles(*config->daemon, diagnostics);
  if (!api::HasErrors(diagnostics)) WarnOfNoPool(inputs, diagnostics);
  RuntimeBuilder builder;
  return builder.Build(inputs, 1, diagnostics) != nullptr && !api::HasErrors(diagnostics);
}

std::vector<ChangedKey> ChangedImmutableKeys(const api::DaemonConfig& running,
                                             const api::DaemonConfig& next) {
  std::vector<ChangedKey> keys;
  const auto add = [&](const char* key, const api::Origin& origin) {
    // A value that was taken out has no place of its own.
    keys.push_back({key, origin.known() ? origin : next.origin});
  };
  const auto compare = [&](const char* key, const auto& a, const auto& b) {
    if (*a != *b) add(key, b.origin);
  };
  bool same_listeners = running.listeners.size() == next.listeners.size();
  for (size_t i = 0; same_listeners && i < next.listeners.size(); ++i) {
    const api::ListenerConfig &a = running.listeners[i], &b = next.listeners[i];
    same_listeners = *a.address == *b.address && a.tls.mode == b.tls.mode &&
                     a.tls.cert_file == b.tls.cert_file && a.tls.key_file == b.tls.key_file;
  }
  if (!same_listeners) add("listeners", next.listeners.front().address.origin);
  compare("health.address", running.health_address, next.health_address);
  compare("http.address", running.http_address, next.http_address);
  compare("admin.address", running.admin.address, next.admin.address);
  compare("admin.mode", running.admin.mode, next.admin.mode);
  compare("admin.group", running.admin.group, next.admin.group);
  compare("stateFile", running.state_file, next.state_file);
  compare("workers", running.workers, next.workers);
  compare("decisionRing", running.decision_ring, next.decision_ring);
  compare("limits.maxBodyBytes", running.limits.max_body_bytes, next.limits.max_body_bytes);
  compare("limits.bodyBudget", running.limits.body_budget, next.limits.body_budget);
  compare("limits.pickTimeout", running.limits.pick_timeout, next.limits.pick_timeout);
  compare("trustPriorityHeaders", running.trust_priority_headers, next.trust_priority_headers);
  compare("endpointHeader", running.endpoint_header, next.endpoint_header);
  compare("logFormat", running.log_format, next.log_format);
  bool same_manifests = running.manifests.size() == next.manifests.size();
  for (size_t i = 0; same_manifests && i < next.manifests.size(); ++i) {
    same_manifests = *running.manifests[i] == *next.manifests[i];
  }
  if (!same_manifests) {
    add("manifests", next.manifests.empty() ? next.origin : next.manifests.front().origin);
  }
  return keys;
}

}  // namespace inference::control
