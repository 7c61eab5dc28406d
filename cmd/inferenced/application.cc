#include "inferenced/application.h"

#include <malloc.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <iostream>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "admin/server.h"
#include "api/codes.h"
#include "control/config_loader.h"
#include "control/controller.h"
#include "extproc/server.h"
#include "http/http_server.h"
#include "inference/version.h"
#include "inferenced/collectors.h"
#include "inferenced/inherited_sockets.h"
#include "inferenced/service_manager.h"
#include "inferenced/watchdog.h"
#include "manifest/reader.h"
#include "manifest/render.h"
#include "net/accounts.h"
#include "net/file_descriptor.h"
#include "net/listener.h"
#include "telemetry/exposition.h"
#include "telemetry/log.h"

namespace inferenced {
namespace {

using inference::Code;
using inference::Result;
using inference::Status;
using inference::base::Clock;

constexpr int kConfigErrors = 1, kUnreadable = 3, kCannotBind = 4;

// Findings go to standard error with the lines they are about.
void Print(const inference::api::Diagnostics& diagnostics) {
  const auto source = [](const std::string& path) -> std::optional<std::string> {
    Result<std::string> text = inference::manifest::ReadFile(path);
    if (!text.ok()) return std::nullopt;
    return *std::move(text);
  };
  std::cerr << inference::manifest::RenderText(diagnostics, source, isatty(STDERR_FILENO) == 1);
}

int ExitCodeOf(const inference::api::Diagnostics& diagnostics) {
  for (const auto& d : diagnostics) {
    if (d.severity == inference::api::Severity::kError &&
        d.code == inference::api::codes::kUnreadable) {
      return kUnreadable;
    }
    if (d.severity == inference::api::Severity::kError &&
        d.code == inference::api::codes::kStateUnavailable) {
      return kCannotBind;
    }
  }
  return kConfigErrors;
}

int CheckConfig(const std::string& path) {
  inference::api::Diagnostics diagnostics;
  const bool ok = inference::control::CheckConfig(path, diagnostics);
  Print(diagnostics);
  if (!ok) return ExitCodeOf(diagnostics);
  std::cout << path << ": good\n";
  return 0;
}

int DumpConfig(const std::string& path) {
  inference::api::Diagnostics diagnostics;
  const auto config = inference::control::LoadConfig(path, diagnostics);
  Print(diagnostics);
  if (!config) return ExitCodeOf(diagnostics);
  std::cout << inference::manifest::DumpDaemonConfig(*config->daemon);
  return 0;
}

// Buffers of some 100 KB come and go twenty times a second for each endpoint: giving their pages
// back each time, and faulting them in again, is a tenth of what an idle daemon costs.
void KeepFreedPages() {
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  mallopt(M_TRIM_THRESHOLD, 4 << 20);
}

/// The daemon: parts in the order they start; they stop in reverse.
class Daemon {
 public:
  explicit Daemon(const Options& options)
      : config_path_(options.config),
        in_use_(options.take_over ? inference::net::InUse::kTakeOver
                                  : inference::net::InUse::kRefuse),
        controller_({.config_path = options.config,
                     .take_over = options.take_over,
                     .on_reload = [this](bool begins) { OnReload(begins); },
                     .on_stop = [this] { eventfd_write(stop_.get(), 1); },
                     .events = events_}) {}

  int Run(int signals);

 private:
  Status StartDataPlane();
  Status StartHttp();
  Status StartAdmin(inference::net::Listener listener);
  Status StartAll();
  void StartWatchdog();
  bool Report(const Status& status) const;
  inference::admin::DaemonInfo Info() const;
  void OnReload(bool begins);
  /// What `systemctl status` shows.
  std::string StatusText() const;
  /// Tells the service manager what is new, and that all loops turn.
  void TellServiceManager();
  /// Until when nothing is to be told, in milliseconds; -1: for ever.
  int TellWithin() const;
  /// Until a signal, or the admin API, says to stop.
  void Serve(int signals);
  void Drain(int signals);
  void Stop();

  const std::string config_path_;
  const inference::net::InUse in_use_;
  const inference::base::Clock& clock_ = Clock::Real();
  const inference::base::Time started_ = clock_.Now();
  const inference::base::WallTime started_at_ = clock_.WallNow();
  std::atomic<bool> serving_{false};
  const inference::net::FileDescriptor stop_{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  const ServiceManager manager_;
  InheritedSockets inherited_;

  const std::shared_ptr<inference::telemetry::EventLog> events_ =
      std::make_shared<inference::telemetry::EventLog>(clock_);
  inference::control::Controller controller_;
  std::unique_ptr<inference::extproc::Server> data_plane_;
  std::unique_ptr<inference::telemetry::RequestStatsCollector> request_stats_;
  inference::telemetry::Exposition exposition_;
  std::unique_ptr<inference::http::HttpServer> http_;
  std::unique_ptr<inference::admin::AdminServer> admin_;
  std::string admin_address_;
  // Of the main thread:
  std::unique_ptr<Watchdog> watchdog_;  // null: nobody wants to be fed
  std::string told_status_;
};

Status Daemon::StartDataPlane() {
  const auto config = controller_.daemon_config();
  inference::extproc::Server::Options options;
  options.listeners = config->listeners;
  options.health_address = *config->health_address;
  options.workers = *config->workers;
  options.max_body_bytes = static_cast<size_t>(*config->limits.max_body_bytes);
  options.body_budget = *config->limits.body_budget;
  options.pick_timeout = *config->limits.pick_timeout;
  options.decision_ring = static_cast<size_t>(*config->decision_ring);
  options.trust_priority_headers = *config->trust_priority_headers;
  options.endpoint_header = *config->endpoint_header;
  options.in_use = in_use_;
  options.events = events_;
  options.inherited = inherited_.listeners;
  options.inherited_health = inherited_.health;
  data_plane_ =
      std::make_unique<inference::extproc::Server>(options, controller_.runtime(), clock_);
  if (Status started = data_plane_->Start(); !started.ok()) return started;
  request_stats_ =
      std::make_unique<inference::telemetry::RequestStatsCollector>(data_plane_->shards());
  exposition_.Register([this](auto& families) { request_stats_->Collect(families); });
  exposition_.Register([this](auto& families) { CollectTls(*data_plane_, families); });
  return Status::Ok();
}

Status Daemon::StartHttp() {
  exposition_.Register([this](auto& families) { CollectEndpoints(controller_, clock_, families); });
  exposition_.Register([this](auto& families) { CollectSplits(controller_, families); });
  exposition_.Register([this](auto& families) { CollectConfig(controller_, families); });
  exposition_.Register([this](auto& families) {
    CollectDrains(controller_, controller_.drain_seconds(), families);
  });
  exposition_.Register([](auto& families) { CollectProcess(families); });
  inference::http::HttpServer::Handlers handlers;
  handlers.metrics = [this] { return exposition_.Render(); };
  handlers.ready = [this]() -> inference::http::HttpServer::Readiness {
    return {serving_, serving_ ? "ok" : "not serving: starting or stopping"};
  };
  auto started = inference::http::HttpServer::Start(*controller_.daemon_config()->http_address,
                                                    std::move(handlers), in_use_);
  if (!started.ok()) return started.status();
  http_ = *std::move(started);
  return Status::Ok();
}

inference::admin::DaemonInfo Daemon::Info() const {
  const auto config = controller_.daemon_config();
  inference::admin::DaemonInfo info;
  info.version = INFERENCE_VERSION;
  info.pid = getpid();
  info.started_at = started_at_;
  info.started = started_;
  info.config_file = config_path_;
  info.reactors = static_cast<int>(data_plane_->shards().size());
  for (size_t i = 0; i < data_plane_->addresses().size(); ++i) {
    const inference::api::TlsMode tls = config->listeners[i].tls.mode;
    info.listeners.push_back({"ext_proc", data_plane_->addresses()[i],
                              tls == inference::api::TlsMode::kNone         ? "none"
                              : tls == inference::api::TlsMode::kSelfSigned ? "self-signed"
                                                                            : "files"});
  }
  info.listeners.push_back({"health", data_plane_->health_address()});
  info.listeners.push_back({"http", http_->address()});
  info.listeners.push_back({"admin", admin_address_});
  info.totals = [this] {
    inference::admin::StreamTotals totals;
    for (const auto* shard : data_plane_->shards()) {
      totals.streams_opened += shard->streams_opened.value();
      totals.streams_closed += shard->streams_closed.value();
      totals.connections_opened += shard->connections_opened.value();
      totals.connections_closed += shard->connections_closed.value();
      totals.protocol_errors += shard->protocol_errors.value();
      totals.held_bytes += shard->held_bytes.value();
    }
    return totals;
  };
  return info;
}

Status Daemon::StartAdmin(inference::net::Listener listener) {
  auto started = inference::admin::AdminServer::Start(
      {}, std::move(listener), {controller_, controller_, data_plane_.get()}, Info(), clock_);
  if (!started.ok()) return started.status();
  admin_ = *std::move(started);
  return Status::Ok();
}

void Daemon::StartWatchdog() {
  if (!manager_.watchdog()) return;
  std::vector<Watchdog::Loop> loops{
      {"control", [this](auto turned) { controller_.Post(std::move(turned)); }}};
  for (size_t i = 0; i < data_plane_->shards().size(); ++i) {
    loops.push_back({"reactor " + std::to_string(i),
                     [this, i](auto turned) { data_plane_->PostTo(i, std::move(turned)); }});
  }
  watchdog_ = std::make_unique<Watchdog>(*manager_.watchdog(), std::move(loops),
                                         [this] { manager_.Feed(); });
}

// The admin socket first: a second daemon of one configuration must find out before it takes a
// request from the first.
Status Daemon::StartAll() {
  const auto config = controller_.daemon_config();
  auto inherited = TakeInheritedSockets(*config);
  if (!inherited.ok()) return inherited.status();
  inherited_ = *std::move(inherited);
  inference::net::SocketAccess access{.mode = static_cast<unsigned>(*config->admin.mode)};
  if (const std::string& name = *config->admin.group; !name.empty()) {
    const auto group = inference::net::GroupId(name);
    if (!group.ok()) {
      return {group.status().code(),
              "admin.group: " + group.status().message() + "; make it, or name another one"};
    }
    access.group = *group;
  }
  auto admin = inherited_.admin >= 0
                   ? inference::net::Listener::Adopt(inherited_.admin)
                   : inference::net::Listener::Open(*config->admin.address, in_use_, access);
  if (!admin.ok()) return admin.status();
  admin_address_ = admin->address();
  if (Status status = StartHttp(); !status.ok()) return status;
  if (Status status = StartDataPlane(); !status.ok()) return status;
  return StartAdmin(*std::move(admin));
}

bool Daemon::Report(const Status& status) const {
  if (!status.ok()) spdlog::error("{}", status.message());
  return status.ok();
}

int Daemon::Run(int signals) {
  if (!Report(controller_.Start())) return ExitCodeOf(controller_.config_status().diagnostics);
  if (!Report(StartAll())) {
    Stop();
    return kCannotBind;
  }
  serving_ = true;
  data_plane_->SetServing(true);
  for (const std::string& address : data_plane_->addresses()) {
    spdlog::info("serving ext_proc on {}", address);
  }
  spdlog::info("inferenced {} is ready; health {}, metrics http://{}/metrics, admin {}",
               INFERENCE_VERSION, data_plane_->health_address(), http_->address(), admin_address_);
  StartWatchdog();
  told_status_ = StatusText();
  manager_.Ready(told_status_);
  Serve(signals);
  Drain(signals);
  Stop();
  spdlog::info("stopped");
  return 0;
}

std::string Daemon::StatusText() const {
  const auto runtime = controller_.runtime().Get();
  std::set<uint32_t> endpoints;  // several pools may select one
  for (const auto& pool : runtime->pools()) {
    for (const auto& endpoint : pool.pool->endpoints()) endpoints.insert(endpoint->id());
  }
  const auto count = [](size_t n, const char* what) {
    return std::to_string(n) + " " + what + (n == 1 ? "" : "s");
  };
  std::string text = "serving " + count(runtime->pools().size(), "pool") + ", " +
                     count(endpoints.size(), "endpoint") + ", generation " +
                     std::to_string(runtime->generation());
  if (!controller_.config_status().last_reload_ok) {
    text += "; the last change of files is refused, see inferencectl status";
  }
  return text;
}

void Daemon::OnReload(bool begins) {
  if (begins) {
    manager_.Reloading();
  } else if (serving_) {
    manager_.Ready(StatusText());
  }
}

void Daemon::TellServiceManager() {
  if (!manager_.present()) return;
  if (watchdog_) {
    const inference::base::Time now = clock_.Now();
    watchdog_->Tick(now);
    for (const std::string& loop : watchdog_->TakeLate(now)) {
      spdlog::error("{} does not turn; unless it goes on, the watchdog is not fed", loop);
    }
  }
  if (!serving_) return;
  if (std::string status = StatusText(); status != told_status_) {
    manager_.SetStatus(status);
    told_status_ = std::move(status);
  }
}

int Daemon::TellWithin() const {
  if (!manager_.present()) return -1;
  inference::base::Duration within = std::chrono::seconds(1);
  if (watchdog_) within = std::min(within, watchdog_->period());
  return static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(within).count()) +
         1;
}

void Daemon::Serve(int signals) {
  while (true) {
    TellServiceManager();
    std::array<pollfd, 2> wait{{{signals, POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
    if (poll(wait.data(), wait.size(), TellWithin()) <= 0) continue;
    if (wait[1].revents != 0) return;
    signalfd_siginfo info;
    if (read(signals, &info, sizeof info) != sizeof info) return;
    if (info.ssi_signo != SIGHUP) return;
    spdlog::info("SIGHUP: reading all files again");
    controller_.BeginReload({}, [](const inference::control::ReloadResult&) {});
  }
}

void Daemon::Drain(int signals) {
  const auto timeout = *controller_.daemon_config()->drain_timeout;
  spdlog::info("stopping: {} streams open, at most {} s to finish; a second signal stops at once",
               data_plane_->open_streams(),
               std::chrono::duration_cast<std::chrono::seconds>(timeout).count());
  serving_ = false;
  manager_.Stopping("stopping: " + std::to_string(data_plane_->open_streams()) +
                    " streams to finish");
  data_plane_->SetServing(false);
  const inference::base::Time deadline = clock_.Now() + timeout;
  // In steps, so that a second signal is seen.
  constexpr auto kStep = std::chrono::milliseconds(100);
  // Ours decides how long streams may take, not the unit's TimeoutStopSec=.
  constexpr auto kExtension = std::chrono::seconds(10);
  size_t left = data_plane_->Drain(kStep);
  while (left > 0 && clock_.Now() < deadline) {
    pollfd wait{signals, POLLIN, 0};
    if (poll(&wait, 1, 0) > 0) {
      signalfd_siginfo info;
      if (read(signals, &info, sizeof info) == sizeof info && info.ssi_signo != SIGHUP) break;
    }
    manager_.ExtendTimeout(kExtension);
    TellServiceManager();
    left = data_plane_->Drain(kStep);
  }
  if (left > 0) spdlog::warn("{} streams were cut", left);
}

void Daemon::Stop() {
  if (admin_) admin_->Stop();
  if (http_) http_->Stop();
  if (data_plane_) data_plane_->Stop();
  controller_.Stop();
}

}  // namespace

int Run(const Options& options) {
  switch (options.mode) {
    case Mode::kCheckConfig:
      return CheckConfig(options.config);
    case Mode::kDumpConfig:
      return DumpConfig(options.config);
    case Mode::kServe:
      break;
  }
  KeepFreedPages();
  // Blocked before any thread starts, so that all inherit it; read from a file descriptor.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int s : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, s);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const int signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error to be told

  inference::api::Diagnostics diagnostics;
  const auto config = inference::control::LoadConfig(options.config, diagnostics);
  if (!config) {
    Print(diagnostics);
    return ExitCodeOf(diagnostics);
  }
  const std::string& level =
      options.log_level.empty() ? *config->daemon->log_level : options.log_level;
  if (const Status log = inference::telemetry::SetUpLog(level, *config->daemon->log_format);
      !log.ok()) {
    std::cerr << "inferenced: " << log.message() << "\n";
    return kConfigErrors;
  }
  return Daemon(options).Run(signal_fd);
}

}  // namespace inferenced
