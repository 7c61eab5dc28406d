#include "extproc/server.h"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <random>

namespace inference::extproc {
namespace {

/// How long a question about a decision may take.
constexpr base::Duration kFindTimeout = std::chrono::seconds(1);
/// Out of file descriptors: wait this long before accepting again.
constexpr auto kAcceptPause = std::chrono::milliseconds(50);
/// And say so this often.
constexpr auto kAcceptReport = std::chrono::seconds(10);
/// How often certificate files are looked at.
constexpr auto kTlsRefresh = std::chrono::milliseconds(2000);

uint64_t SeedOrRandom(uint64_t seed) {
  if (seed != 0) return seed;
  std::random_device device;
  return static_cast<uint64_t>(device()) << 32 | device();
}

size_t WorkerCount(int wanted) {
  if (wanted > 0) return static_cast<size_t>(wanted);
  return std::max<size_t>(1, std::thread::hardware_concurrency());
}

}  // namespace

Server::Server(Options options, const RuntimeHolder& runtime, const base::Clock& clock)
    : options_(std::move(options)),
      budget_(options_.body_budget),
      parsers_(clock, (WorkerCount(options_.workers) + 1) / 2),
      dispatcher_(runtime, clock),
      shared_{.clock = clock,
              .runtime = runtime,
              .session = {.max_body_bytes = options_.max_body_bytes,
                          .trust_priority_headers = options_.trust_priority_headers,
                          .endpoint_header = options_.endpoint_header},
              .ring_size = options_.decision_ring,
              .pick_timeout = options_.pick_timeout,
              .budget = budget_,
              .in_flight = in_flight_,
              .outliers = outliers_,
              .observed_sink = *this,
              .parsers = parsers_,
              .dispatcher = dispatcher_,
              .reactors = WorkerCount(options_.workers)} {
  const uint64_t seed = SeedOrRandom(options_.seed);
  for (uint32_t i = 0; i < shared_.reactors; ++i) {
    reactors_.push_back(std::make_unique<Reactor>(shared_, i, seed + i));
  }
}

Server::~Server() {
  Stop();
}

Result<net::Listener> Server::OpenOrAdopt(int inherited, const std::string& address) const {
  return inherited >= 0 ? net::Listener::Adopt(inherited)
                        : net::Listener::Open(address, options_.in_use);
}

Status Server::OpenListeners() {
  for (size_t i = 0; i < options_.listeners.size(); ++i) {
    const api::ListenerConfig& config = options_.listeners[i];
    auto tls = ListenerTls::Make(config.tls);
    if (!tls.ok()) return tls.status();
    const int inherited = i < options_.inherited.size() ? options_.inherited[i] : -1;
    auto listener = OpenOrAdopt(inherited, config.address.value);
    if (!listener.ok()) return listener.status();
    addresses_.push_back(listener->address());
    std::shared_ptr<ListenerTls> state = *std::move(tls);
    if (state->context()) tls_.push_back({listener->address(), state});
    ports_.push_back({*std::move(listener), std::move(state), false});
  }
  if (!options_.health_address.empty()) {
    auto listener = OpenOrAdopt(options_.inherited_health, options_.health_address);
    if (!listener.ok()) return listener.status();
    health_address_ = listener->address();
    ports_.push_back({*std::move(listener), nullptr, true});
  }
  return Status::Ok();
}

Status Server::Start() {
  Status status = OpenListeners();
  if (status.ok()) {
    acceptor_wake_.Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (acceptor_wake_.get() < 0) status = {Code::kUnavailable, "cannot start the acceptor"};
  }
  for (auto& reactor : reactors_) {
    if (status.ok()) status = reactor->Start();
  }
  if (!status.ok()) {
    Stop();
    return status;
  }
  parsers_.Start();
  dispatcher_.Start();
  acceptor_ = std::thread([this] { RunAcceptor(); });
  pthread_setname_np(acceptor_.native_handle(), "acceptor");
  return status;
}

void Server::RunAcceptor() {
  std::vector<pollfd> polled;
  for (const Port& port : ports_) polled.push_back({port.listener.fd(), POLLIN, 0});
  polled.push_back({acceptor_wake_.get(), POLLIN, 0});
  const bool has_files = std::any_of(ports_.begin(), ports_.end(), [](const Port& port) {
    return port.tls && port.tls->has_files();
  });
  const int timeout = has_files ? static_cast<int>(kTlsRefresh.count()) : -1;
  base::Time next_refresh = std::chrono::steady_clock::now() + kTlsRefresh;
  while (true) {
    if (poll(polled.data(), polled.size(), timeout) < 0 && errno != EINTR) return;
    if (polled.back().revents != 0) return;
    if (has_files && std::chrono::steady_clock::now() >= next_refresh) {
      RefreshTls();
      next_refresh = std::chrono::steady_clock::now() + kTlsRefresh;
    }
    for (size_t i = 0; i < ports_.size(); ++i) {
      if (polled[i].revents != 0) Accept(ports_[i]);
    }
  }
}

void Server::Accept(const Port& port) {
  while (true) {
    net::FileDescriptor fd(
        accept4(port.listener.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd.get() >= 0) {
      LeastLoaded().AddConnection(std::move(fd), port.tls ? port.tls->context() : nullptr,
                                  port.health_only);
      continue;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
      ReportAcceptError(port, errno);
      std::this_thread::sleep_for(kAcceptPause);
      return;
    }
    if (errno != EINTR && errno != ECONNABORTED) return;
  }
}

void Server::RefreshTls() {
  for (Port& port : ports_) {
    if (!port.tls) continue;
    const Result<bool> changed = port.tls->Refresh();
    if (!changed.ok()) {
      spdlog::error("{}: {}", port.listener.address(), changed.status().message());
    } else if (*changed) {
      spdlog::info("{}: new connections get the new certificate", port.listener.address());
    }
  }
}

void Server::ReportAcceptError(const Port& port, int error) {
  ++accept_errors_;
  const base::Time now = std::chrono::steady_clock::now();
  if (now < next_accept_report_) return;
  const char* what = error == EMFILE || error == ENFILE
                         ? "raise the limit of open files (LimitNOFILE= of the unit, ulimit -n)"
                         : "the machine is out of memory for sockets";
  spdlog::error(
      "cannot accept a connection on {}: {}; {}; tried {} time{} since this was last said",
      port.listener.address(), std::strerror(error), what, accept_errors_,
      accept_errors_ == 1 ? "" : "s");
  accept_errors_ = 0;
  next_accept_report_ = now + kAcceptReport;
}

Reactor& Server::LeastLoaded() {
  // A gateway opens few connections, each with many streams; both count.
  const auto load = [](const std::unique_ptr<Reactor>& r) {
    return std::pair(r->connections(), r->streams());
  };
  return **std::min_element(reactors_.begin(), reactors_.end(),
                            [&](const auto& a, const auto& b) { return load(a) < load(b); });
}

void Server::SetServing(bool serving) {
  if (shared_.ready.exchange(serving) == serving) return;
  for (auto& reactor : reactors_) reactor->PostHealthUpdate();
}

void Server::StopAcceptor() {
  if (acceptor_.joinable()) {
    const uint64_t one = 1;
    (void)!write(acceptor_wake_.get(), &one, sizeof(one));
    acceptor_.join();
  }
  ports_.clear();
}

size_t Server::Drain(base::Duration timeout) {
  SetServing(false);
  StopAcceptor();
  for (auto& reactor : reactors_) reactor->Drain();
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (open_connections() > 0 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return open_streams();
}

void Server::Stop() {
  StopAcceptor();
  dispatcher_.Stop();
  parsers_.Stop();
  for (auto& reactor : reactors_) reactor->Stop();
}

std::vector<const telemetry::Shard*> Server::shards() const {
  std::vector<const telemetry::Shard*> shards;
  for (const auto& reactor : reactors_) shards.push_back(&reactor->shard());
  return shards;
}

size_t Server::open_connections() const {
  size_t n = 0;
  for (const auto& reactor : reactors_) n += reactor->connections();
  return n;
}

size_t Server::open_streams() const {
  size_t n = 0;
  for (const auto& reactor : reactors_) n += reactor->streams();
  return n;
}

void Server::PostObserved(uint32_t reactor, uint64_t record, const Observed& observed) {
  Reactor& target = *reactors_[reactor];
  target.Post([&target, record, observed] { target.ring().Update(record, observed); });
}

template <typename T>
T Server::AskReactors(std::function<void(const DecisionRing&, T&)> look) {
  // Shared, for an answer may come after we have stopped waiting.
  struct Answers {
    std::mutex mutex;
    std::condition_variable changed;
    size_t missing;
    T together{};
  };
  auto answers = std::make_shared<Answers>();
  answers->missing = reactors_.size();
  for (auto& reactor : reactors_) {
    reactor->Post([answers, &reactor = *reactor, look] {
      std::lock_guard lock(answers->mutex);
      look(reactor.ring(), answers->together);
      --answers->missing;
      answers->changed.notify_one();
    });
  }
  std::unique_lock lock(answers->mutex);
  answers->changed.wait_for(lock, kFindTimeout, [&] { return answers->missing == 0; });
  return answers->together;
}

std::optional<picker::DecisionRecord> Server::FindDecision(std::string_view request_id) {
  using Found = std::optional<picker::DecisionRecord>;
  return AskReactors<Found>(
      [id = std::string(request_id)](const DecisionRing& ring, Found& newest) {
        Found found = ring.Find(id);
        if (found && (!newest || found->wall_ms > newest->wall_ms)) newest = std::move(found);
      });
}

picker::PendingByEndpoint Server::OldestPending(const std::vector<uint32_t>& endpoint_ids) {
  return AskReactors<picker::PendingByEndpoint>(
      [endpoint_ids](const DecisionRing& ring, picker::PendingByEndpoint& out) {
        ring.OldestPending(endpoint_ids, out);
      });
}

}  // namespace inference::extproc
