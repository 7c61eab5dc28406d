#include "control/controller.h"

#include <spdlog/spdlog.h>

#include <set>
#include <utility>

#include "api/codes.h"

namespace inference::control {
namespace {

std::shared_ptr<const picker::Runtime> EmptyRuntime() {
  return std::make_shared<const picker::Runtime>(0, std::vector<picker::PoolRuntime>{},
                                                 std::unordered_map<std::string, std::string>{});
}

size_t CountEndpoints(const picker::Runtime& runtime) {
  size_t n = 0;
  for (const picker::PoolRuntime& pool : runtime.pools()) n += pool.pool->endpoints().size();
  return n;
}

void Log(const api::Diagnostics& diagnostics) {
  for (const api::Diagnostic& d : diagnostics) {
    if (d.severity == api::Severity::kError) {
      spdlog::error("{}", d.ToString());
    } else {
      spdlog::warn("{}", d.ToString());
    }
  }
}

}  // namespace

Controller::Controller(Options options) : options_(std::move(options)), runtime_(EmptyRuntime()) {}

Controller::~Controller() {
  Stop();
}

Status Controller::Start() {
  api::Diagnostics diagnostics;
  config_ = LoadConfig(options_.config_path, diagnostics);
  if (!config_) {
    Reject(std::move(diagnostics));
    return Status(Code::kInvalidArgument, "the configuration has errors");
  }
  inputs_.daemon = config_->daemon;
  sources::ManifestWatch::Options watch;
  watch.base_dir = config_->base_dir;
  for (const auto& path : config_->daemon->manifests) watch.paths.push_back(*path);
  watch.extra_files = WatchedFiles(*config_);
  sources::Sink& sink = *this;
  scraper_ = std::make_unique<scrape::Scraper>(scrape::Scraper::Options{});
  resolver_ = std::make_unique<sources::DnsResolver>(sources::DnsResolver::Options{}, sink);
  watch_ = std::make_unique<sources::ManifestWatch>(std::move(watch), sink);
  if (Status started = scraper_->Start(); !started.ok()) return started;
  resolver_->Start();
  thread_ = std::thread([this] { Run(); });
  // The watch's first reading is the start: what is refused later is refused now.
  if (Status started = watch_->Start(); !started.ok()) return started;
  std::unique_lock lock(status_mutex_);
  first_attempt_.wait(lock, [this] { return daemon_ != nullptr || status_.rejected > 0; });
  if (daemon_) return Status::Ok();
  return Status(Code::kInvalidArgument, "the configuration has errors");
}

void Controller::Stop() {
  if (watch_) watch_->Stop();
  if (resolver_) resolver_->Stop();
  if (thread_.joinable()) {
    {
      const std::lock_guard lock(queue_mutex_);
      stopping_ = true;
    }
    queue_changed_.notify_all();
    thread_.join();
  }
  if (scraper_) scraper_->Stop();
}

void Controller::Reload() {
  if (watch_) watch_->Reload();
}

void Controller::Post(std::function<void()> work) {
  {
    const std::lock_guard lock(queue_mutex_);
    queue_.push_back(std::move(work));
  }
  queue_changed_.notify_one();
}

void Controller::Run() {
  std::unique_lock lock(queue_mutex_);
  while (true) {
    queue_changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (stopping_) return;
    std::function<void()> work = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    work();
    lock.lock();
  }
}

void Controller::OnManifests(manifest::ManifestSet set, api::Diagnostics diagnostics) {
  Post([this, set = std::move(set), diagnostics = std::move(diagnostics)]() mutable {
    Inputs next = inputs_;
    next.manifests = std::move(set);
    ReadConfigFiles(next, diagnostics);
    if (api::HasErrors(diagnostics)) {
      Reject(std::move(diagnostics));
    } else {
      Apply(std::move(next), std::move(diagnostics));
    }
  });
}

void Controller::OnDns(std::map<std::string, std::vector<std::string>> addresses,
                       std::map<std::string, std::string> errors) {
  Post([this, addresses = std::move(addresses), errors = std::move(errors)]() mutable {
    const bool news = errors != dns_errors_;
    dns_errors_ = std::move(errors);
    if (addresses != inputs_.dns) {
      Inputs next = inputs_;
      next.dns = std::move(addresses);
      // What was found in the files, and whether they are refused, stays as it is.
      api::Diagnostics ignored;
      Install(std::move(next), ignored);
    }
    const api::Diagnostics findings = UnresolvedNames();
    if (news) Log(findings);
    const std::lock_guard lock(status_mutex_);
    dns_findings_ = findings;
  });
}

api::Diagnostics Controller::UnresolvedNames() const {
  api::Diagnostics findings;
  for (const api::EndpointSet& set : inputs_.manifests.endpoint_sets) {
    for (const api::EndpointSet::Endpoint& endpoint : set.endpoints) {
      const auto error = dns_errors_.find(endpoint.dns);
      if (endpoint.dns.empty() || error == dns_errors_.end()) continue;
      findings.push_back({api::Severity::kWarning, std::string(api::codes::kUnresolved),
                          endpoint.origin, "DNS name '" + endpoint.dns + "': " + error->second,
                          inputs_.dns.contains(endpoint.dns)
                              ? "its last addresses stay in use"
                              : "endpoint '" + endpoint.name + "' is left out until it resolves"});
    }
  }
  return findings;
}

void Controller::ReadConfigFiles(Inputs& inputs, api::Diagnostics& diagnostics) const {
  const std::unique_ptr<LoadedConfig> loaded = LoadConfig(config_->path, diagnostics);
  if (!loaded) return;
  const std::vector<ChangedKey> keys = ChangedImmutableKeys(*config_->daemon, *loaded->daemon);
  for (const ChangedKey& changed : keys) {
    diagnostics.push_back({api::Severity::kError, std::string(api::codes::kNeedsRestart),
                           changed.origin, "only a restart can change: " + changed.key,
                           "nothing of this change was applied; put the old value back or "
                           "restart"});
  }
  if (!keys.empty()) return;
  inputs.daemon = loaded->daemon;
  ReadPickerConfigs(*loaded, inputs, diagnostics);
}

void Controller::Apply(Inputs inputs, api::Diagnostics diagnostics) {
  WarnOfNoPool(inputs, diagnostics);
  if (!Install(std::move(inputs), diagnostics)) {
    Reject(std::move(diagnostics));
    return;
  }
  Log(diagnostics);
  api::Diagnostics unresolved = UnresolvedNames();
  const std::lock_guard lock(status_mutex_);
  status_.last_reload_ok = true;
  status_.diagnostics = std::move(diagnostics);
  dns_findings_ = std::move(unresolved);
  first_attempt_.notify_all();
}

bool Controller::Install(Inputs inputs, api::Diagnostics& diagnostics) {
  const std::shared_ptr<const picker::Runtime> before = runtime_.Get();
  std::unique_ptr<Built> built = builder_.Build(inputs, before->generation() + 1, diagnostics);
  if (!built) return false;
  runtime_.Publish(built->runtime);
  scraper_->SetTargets(std::move(built->targets));
  resolver_->SetNames(built->dns_names);
  ForgetRemoved(*before, *built->runtime);
  inputs_ = std::move(inputs);
  const size_t pools = built->runtime->pools().size();
  const size_t endpoints = CountEndpoints(*built->runtime);
  spdlog::info("generation {}: {} pool{}, {} endpoint{}", built->runtime->generation(), pools,
               pools == 1 ? "" : "s", endpoints, endpoints == 1 ? "" : "s");
  const std::lock_guard lock(status_mutex_);
  daemon_ = inputs_.daemon;
  status_.generation = built->runtime->generation();
  status_.last_success = options_.clock->WallNow();
  return true;
}

void Controller::ForgetRemoved(const picker::Runtime& before, const picker::Runtime& now) {
  for (const picker::PoolRuntime& pool : before.pools()) {
    std::set<uint32_t> still;
    if (const picker::PoolRuntime* next = now.Find(pool.pool->key())) {
      for (const auto& endpoint : next->pool->endpoints()) still.insert(endpoint->id());
    }
    for (const auto& endpoint : pool.pool->endpoints()) {
      if (still.contains(endpoint->id())) continue;
      for (const auto& [name, producer] : pool.scheduler->producers) {
        producer->OnRemoved(endpoint->id());
      }
    }
  }
}

void Controller::Reject(api::Diagnostics diagnostics) {
  Log(diagnostics);
  const uint64_t generation = runtime_.Get()->generation();
  if (generation > 0) {
    spdlog::error("the change is refused; generation {} stays in force", generation);
  }
  const std::lock_guard lock(status_mutex_);
  status_.last_reload_ok = false;
  ++status_.rejected;
  status_.diagnostics = std::move(diagnostics);
  first_attempt_.notify_all();
}

ConfigStatus Controller::config_status() const {
  const std::lock_guard lock(status_mutex_);
  ConfigStatus status = status_;
  status.diagnostics.insert(status.diagnostics.end(), dns_findings_.begin(), dns_findings_.end());
  return status;
}

std::shared_ptr<const api::DaemonConfig> Controller::daemon_config() const {
  const std::lock_guard lock(status_mutex_);
  return daemon_;
}

std::string Controller::ScrapeError(uint32_t endpoint_id) const {
  return scraper_->LastError(endpoint_id);
}

}  // namespace inference::control
