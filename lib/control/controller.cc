#include "control/controller.h"

#include <fmt/format.h>
#include <pthread.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <random>
#include <set>
#include <utility>

#include "api/codes.h"
#include "api/text_values.h"

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

Controller::Controller(Options options)
    : options_(std::move(options)),
      runtime_(EmptyRuntime()),
      builder_(*options_.clock),
      drains_(*options_.clock, *options_.events, std::random_device()()),
      weights_(*options_.clock, *options_.events) {}

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
  if (!OpenState(diagnostics)) {
    Reject(std::move(diagnostics));
    return Status(Code::kInvalidArgument, "the applied state can't be used");
  }
  sources::ManifestWatch::Options watch;
  watch.base_dir = config_->base_dir;
  for (const auto& path : config_->daemon->manifests) watch.paths.push_back(*path);
  watch.extra_files = WatchedFiles(*config_);
  sources::Sink& sink = *this;
  scraper_ = std::make_unique<scrape::Scraper>(scrape::Scraper::Options{.events = options_.events});
  resolver_ = std::make_unique<sources::DnsResolver>(options_.dns, sink);
  watch_ = std::make_unique<sources::ManifestWatch>(std::move(watch), sink);
  if (Status started = scraper_->Start(); !started.ok()) return started;
  resolver_->Start();
  thread_ = std::thread([this] { Run(); });
  pthread_setname_np(thread_.native_handle(), "control");
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
    queue_.clear();  // whoever waits for an answer is told so
  }
  if (scraper_) scraper_->Stop();
}

void Controller::Post(std::function<void()> work) {
  {
    const std::lock_guard lock(queue_mutex_);
    if (stopping_) return;
    queue_.push_back(std::move(work));
  }
  queue_changed_.notify_one();
}

void Controller::Run() {
  std::unique_lock lock(queue_mutex_);
  while (true) {
    const auto called = [this] { return stopping_ || !queue_.empty(); };
    if (const base::Time wake = WakeAt(); wake != base::Time::max()) {
      queue_changed_.wait_until(lock, wake, called);
    } else {
      queue_changed_.wait(lock, called);
    }
    if (stopping_) return;
    std::function<void()> work = [this] { OnTimer(); };
    if (!queue_.empty()) {
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    lock.unlock();
    work();
    AnswerReloads();
    lock.lock();
  }
}

base::Time Controller::WakeAt() const {
  base::Time wake = base::Time::max();
  if (held_) wake = held_->until;
  if (applied_ && !applied_->writable()) wake = std::min(wake, state_retry_at_);
  return std::min({wake, drains_.WakeAt(), weights_.WakeAt()});
}

void Controller::OnTimer() {
  if (ReleaseHeld()) Log(UnresolvedNames());  // what the wait was for did not come
  const base::Time now = std::chrono::steady_clock::now();
  if (applied_ && !applied_->writable() && now >= state_retry_at_) TryToOwnState();
  if (drains_.WakeAt() <= now) drains_.Tick();
  if (weights_.WakeAt() <= now) weights_.Tick();
}

void Controller::OnManifests(manifest::ManifestSet set, api::Diagnostics diagnostics) {
  Post([this, set = std::move(set), diagnostics = std::move(diagnostics)]() mutable {
    Inputs next = inputs_;
    next.files = std::move(set);
    if (applied_) next.applied = applied_->manifests();
    next.Join();
    const size_t found = diagnostics.size();
    ReadConfigFiles(next, diagnostics);
    PlaceUnreadable(*next.daemon, found, diagnostics);
    files_busy_ = MustTryAgain(diagnostics);
    if (files_busy_) return;
    if (api::HasErrors(diagnostics)) {
      Reject(std::move(diagnostics));
      return;
    }
    files_refused_ = false;
    Offer(std::move(next), std::move(diagnostics));
  });
}

void Controller::OnDns(std::map<std::string, std::vector<std::string>> addresses,
                       std::map<std::string, std::string> errors) {
  Post([this, addresses = std::move(addresses), errors = std::move(errors)]() mutable {
    const bool news = errors != dns_errors_;
    dns_errors_ = std::move(errors);
    if (held_) held_->inputs.dns = addresses;
    ReleaseHeld();
    const std::vector<std::string> running = DnsNames(inputs_.manifests.endpoint_sets);
    const bool for_held_only =
        held_ && std::all_of(running.begin(), running.end(), [&](const std::string& name) {
          const auto before = inputs_.dns.find(name), now = addresses.find(name);
          const bool known = before != inputs_.dns.end();
          return known == (now != addresses.end()) && (!known || before->second == now->second);
        });
    if (for_held_only || runtime_.Get()->generation() == 0) {
      inputs_.dns = std::move(addresses);  // nothing that runs asks for them
    } else if (addresses != inputs_.dns) {
      Inputs next = inputs_;
      next.dns = std::move(addresses);
      // What was found in the files, and whether they are refused, stays as it is.
      api::Diagnostics ignored;
      Install(std::move(next), ignored);
    }
    const api::Diagnostics findings = UnresolvedNames();
    if (news) Log(findings);
    if (held_) return ShowHeld();
    const std::lock_guard lock(status_mutex_);
    dns_findings_ = findings;
  });
}

base::Time Controller::AwaitUntil(const Inputs& inputs) {
  const base::Time now = std::chrono::steady_clock::now();
  std::map<std::string, base::Time> asked;
  base::Time until{};
  for (const std::string& name : DnsNames(inputs.manifests.endpoint_sets)) {
    if (inputs.dns.contains(name) || dns_errors_.contains(name)) continue;
    const auto known = asked_.find(name);
    const base::Time since = known == asked_.end() ? now : known->second;
    asked.emplace(name, since);
    until = std::max(until, since + options_.dns_wait);
  }
  asked_ = std::move(asked);
  return until;
}

void Controller::ShowHeld() {
  api::Diagnostics findings = UnresolvedNames();
  for (const auto& [name, since] : asked_) {
    findings.push_back({api::Severity::kWarning, std::string(api::codes::kUnresolved),
                        held_->inputs.daemon->origin,
                        "the change waits for the first answer about DNS name '" + name + "'",
                        "for " + api::FormatDuration(options_.dns_wait) + " at most; generation " +
                            std::to_string(runtime_.Get()->generation()) + " serves until then"});
  }
  const std::lock_guard lock(status_mutex_);
  dns_findings_ = std::move(findings);
}

// Without this, an endpoint whose address becomes a name would be gone until the name server
// answers.
void Controller::Offer(Inputs inputs, api::Diagnostics diagnostics) {
  const base::Time until = AwaitUntil(inputs);
  if (until <= std::chrono::steady_clock::now()) {
    held_.reset();  // this one is newer
    Apply(std::move(inputs), std::move(diagnostics));
    return;
  }
  api::Diagnostics checked = diagnostics;
  if (!builder_.Check(inputs, checked)) {
    Reject(std::move(checked));
    return;
  }
  held_ = Held{std::move(inputs), std::move(diagnostics), until};
  AskForNames();
  spdlog::info("the change waits for the first answer about {} DNS name{}, {} at most",
               asked_.size(), asked_.size() == 1 ? "" : "s",
               api::FormatDuration(options_.dns_wait));
  ShowHeld();
}

bool Controller::ReleaseHeld() {
  if (!held_) return false;
  held_->until = AwaitUntil(held_->inputs);
  if (held_->until > std::chrono::steady_clock::now()) return false;
  Held held = *std::move(held_);
  held_.reset();
  Apply(std::move(held.inputs), std::move(held.diagnostics));
  return true;
}

bool Controller::MustTryAgain(const api::Diagnostics& diagnostics) const {
  if (runtime_.Get()->generation() == 0) return false;  // a start has nothing to go on with
  const auto busy = std::find_if(diagnostics.begin(), diagnostics.end(),
                                 [](const auto& d) { return manifest::IsOutOfDescriptors(d); });
  if (busy == diagnostics.end()) return false;
  spdlog::warn(
      "{}; nothing is changed, and it is tried again in a few seconds; raise the limit of "
      "open files (LimitNOFILE= of the unit, ulimit -n)",
      busy->ToString());
  watch_->ReloadLater();
  return true;
}

// The watch knows the paths only: what cannot be read as a whole is wrong where it is named.
void Controller::PlaceUnreadable(const api::DaemonConfig& daemon, size_t count,
                                 api::Diagnostics& diagnostics) const {
  for (const api::Field<std::string>& entry : daemon.manifests) {
    const std::string path = config_->Resolve(*entry);
    for (size_t i = 0; i < count; ++i) {
      api::Diagnostic& d = diagnostics[i];
      if (d.code != api::codes::kUnreadable || !d.origin.file || d.origin.line != 0) continue;
      if (std::filesystem::path(*d.origin.file).lexically_normal() != path) continue;
      d.message = path + ": " + d.message;
      d.origin = entry.origin;
    }
  }
}

api::Diagnostics Controller::UnresolvedNames() const {
  api::Diagnostics findings;
  for (const api::EndpointSet& set : inputs_.manifests.endpoint_sets) {
    for (const api::EndpointSet::Endpoint& endpoint : set.endpoints) {
      if (endpoint.dns.empty()) continue;
      const auto error = dns_errors_.find(endpoint.dns);
      const bool resolved = inputs_.dns.contains(endpoint.dns);
      if (resolved && error == dns_errors_.end()) continue;
      findings.push_back(
          {api::Severity::kWarning, std::string(api::codes::kUnresolved), endpoint.origin,
           "DNS name '" + endpoint.dns +
               "': " + (error == dns_errors_.end() ? "no answer yet" : error->second),
           resolved ? "its last addresses stay in use"
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
  api::Diagnostics file_findings = diagnostics;
  WarnOfNoPool(inputs, diagnostics);
  if (!Install(std::move(inputs), diagnostics)) {
    Reject(std::move(diagnostics));
    return;
  }
  Log(diagnostics);
  file_findings_ = std::move(file_findings);
  api::Diagnostics unresolved = UnresolvedNames();
  const std::lock_guard lock(status_mutex_);
  if (!files_refused_) {  // else why they are is what one has to see
    status_.last_reload_ok = true;
    status_.diagnostics = std::move(diagnostics);
  }
  dns_findings_ = std::move(unresolved);
  first_attempt_.notify_all();
}

bool Controller::Install(Inputs inputs, api::Diagnostics& diagnostics) {
  const std::shared_ptr<const picker::Runtime> before = runtime_.Get();
  std::unique_ptr<Built> built = builder_.Build(inputs, before->generation() + 1, diagnostics);
  if (!built) return false;
  drains_.Attach(built->runtime);
  weights_.Attach(built->runtime);
  runtime_.Publish(built->runtime);
  scraper_->SetTargets(std::move(built->targets));
  ForgetRemoved(*before, *built->runtime);
  inputs_ = std::move(inputs);
  AskForNames();
  const size_t pools = built->runtime->pools().size();
  const size_t endpoints = CountEndpoints(*built->runtime);
  std::string text =
      fmt::format("generation {}: {} pool{}, {} endpoint{}", built->runtime->generation(), pools,
                  pools == 1 ? "" : "s", endpoints, endpoints == 1 ? "" : "s");
  spdlog::info("{}", text);
  options_.events->Add(
      {telemetry::events::kReloaded, {"configuration", {}, {}, {}}, std::move(text), {}, {}});
  const std::lock_guard lock(status_mutex_);
  daemon_ = inputs_.daemon;
  status_.generation = built->runtime->generation();
  if (applied_) status_.applied_generation = applied_->generation();
  status_.last_success = options_.clock->WallNow();
  return true;
}

void Controller::AskForNames() {
  std::vector<std::string> names = DnsNames(inputs_.manifests.endpoint_sets);
  if (held_) {
    const std::vector<std::string> next = DnsNames(held_->inputs.manifests.endpoint_sets);
    names.insert(names.end(), next.begin(), next.end());
  }
  resolver_->SetNames(names);
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
  files_refused_ = true;
  const uint64_t generation = runtime_.Get()->generation();
  if (generation > 0) {
    spdlog::error("the change is refused; generation {} stays in force", generation);
  }
  const auto error = std::find_if(diagnostics.begin(), diagnostics.end(), [](const auto& d) {
    return d.severity == api::Severity::kError;
  });
  options_.events->Add({telemetry::events::kRejected,
                        {"configuration", {}, {}, {}},
                        fmt::format("generation {} stays in force{}{}", generation,
                                    error == diagnostics.end() ? "" : ": ",
                                    error == diagnostics.end() ? "" : error->ToString()),
                        {},
                        {}});
  api::Diagnostics unresolved = UnresolvedNames();
  const std::lock_guard lock(status_mutex_);
  dns_findings_ = std::move(unresolved);
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
