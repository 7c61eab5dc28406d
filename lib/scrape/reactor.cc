#include "scrape/reactor.h"

#include <pthread.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <utility>

#include "base/text.h"
#include "base/thread_priority.h"
#include "metrics/page_scanner.h"
#include "scrape/pace.h"

namespace inference::scrape {
namespace {

// At most so many fetches are begun before their time, so that their answers don't come as a flood.
constexpr size_t kMaxEarly = 16;
constexpr size_t kMaxErrorBytes = 300;
constexpr auto kShortageWarningPause = std::chrono::seconds(10);

uint64_t SeedOf(const Scraper::Options& options) {
  return options.seed != 0 ? options.seed : std::random_device()();
}

Status SystemError(const char* what) {
  return {Code::kInternal, std::string(what) + ": " + std::strerror(errno)};
}

}  // namespace

Reactor::Reactor(const Scraper::Options& options) : options_(options), rng_(SeedOf(options)) {}

Reactor::~Reactor() {
  Stop();
  jobs_.clear();
  if (epoll_ >= 0) close(epoll_);
  if (wake_ >= 0) close(wake_);
}

Status Reactor::Start() {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) return SystemError("epoll_create1");
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_ < 0) return SystemError("eventfd");
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;  // others have their job there
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) != 0) return SystemError("epoll_ctl");
  shared_.epoll = epoll_;
  shared_.max_page_bytes = options_.max_page_bytes;
  shared_.connections = &stats_.connections;

  // Signals are for the main thread; a broken pipe is an error code here.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  thread_ = std::thread([this] { Run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread_.native_handle(), "scrape");
  return Status::Ok();
}

void Reactor::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  Wake();
  if (thread_.joinable()) thread_.join();
}

void Reactor::SetTargets(std::vector<Target> targets) {
  {
    const std::lock_guard lock(mutex_);
    orders_ = std::move(targets);
  }
  Wake();
}

std::string Reactor::LastError(uint32_t endpoint_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = errors_.find(endpoint_id);
  return found == errors_.end() ? std::string() : found->second;
}

void Reactor::Wake() {
  const uint64_t one = 1;
  if (wake_ >= 0) (void)!write(wake_, &one, sizeof one);
}

void Reactor::Run() {
  base::GiveWay();  // sixteen pages in a row would hold up a request that shares the core
  while (TakeOrders()) {
    StartDue(options_.clock->Now());
    EndOverdue();
    Wait(WaitMillis());
  }
  for (auto& [endpoint, job] : jobs_) Remove(*job);
  jobs_.clear();
}

bool Reactor::TakeOrders() {
  std::optional<std::vector<Target>> orders;
  {
    const std::lock_guard lock(mutex_);
    if (stop_) return false;
    orders.swap(orders_);
  }
  if (orders) Apply(std::move(*orders));
  return true;
}

void Reactor::Apply(std::vector<Target> targets) {
  decltype(jobs_) kept;
  for (Target& target : targets) {
    const datastore::Endpoint* key = target.endpoint.get();
    if (kept.contains(key)) continue;
    const auto old = jobs_.find(key);
    if (old != jobs_.end() && SameSettings(old->second->target.config, target.config)) {
      old->second->target.map = std::move(target.map);
      kept.emplace(key, std::move(old->second));
      jobs_.erase(old);
    } else {
      kept.emplace(key, MakeJob(std::move(target)));
    }
  }
  for (auto& [endpoint, job] : jobs_) {
    Remove(*job);
    if (kept.contains(endpoint)) continue;
    const std::lock_guard lock(mutex_);
    errors_.erase(endpoint->id());
  }
  jobs_ = std::move(kept);
  stats_.targets.Sub(stats_.targets.value());
  stats_.targets.Add(jobs_.size());
  shared_.contexts.Clear();
}

std::unique_ptr<Reactor::Job> Reactor::MakeJob(Target target) {
  auto job = std::make_unique<Job>();
  job->target = std::move(target);
  const api::ScrapeConfig& config = job->target.config;
  Result<PageRequest> request = PageRequest::Make(job->target.endpoint->info(), config);
  if (request.ok()) {
    job->fetch = std::make_unique<Fetch>(std::move(*request), config, shared_, job.get());
  } else {
    job->fault = request.status().message();
  }
  // The first is soon, but not all at the same time.
  const auto phase = base::Duration(
      static_cast<int64_t>(rng_.Unit() * static_cast<double>(config.interval->count())));
  job->timer = schedule_.emplace(options_.clock->Now() + phase, job.get());
  return job;
}

void Reactor::Remove(Job& job) {
  (job.in_flight ? deadlines_ : schedule_).erase(job.timer);
  if (job.fetch) job.fetch->Abort();
}

void Reactor::StartDue(base::Time now) {
  if (schedule_.empty() || schedule_.begin()->first > now) return;
  // Those that would be due soon go along: to wake up costs as much as to fetch a page.
  for (size_t begun = 0; !schedule_.empty(); ++begun) {
    Job& job = *schedule_.begin()->second;
    const base::Time due = schedule_.begin()->first;
    if (due > now && (begun >= kMaxEarly || due - now > Slack(*job.target.config.interval))) break;
    job.planned = std::max(due, now - *job.target.config.interval);
    Begin(job, now);
  }
}

void Reactor::Begin(Job& job, base::Time now) {
  job.started = now;
  const base::Time deadline = base::Clock::Real().Now() + *job.target.config.timeout;
  job.in_flight = true;
  MoveTimer(job, schedule_, deadlines_, deadline);
  if (job.fetch) {
    job.mark = job.target.endpoint->ScrapeBegins();
    Continue(job, job.fetch->Begin());
  } else {
    Fail(job, Failure::kOther, job.fault);
    Reschedule(job, now);
  }
}

void Reactor::EndOverdue() {
  if (deadlines_.empty()) return;
  const base::Time now = base::Clock::Real().Now();
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    Job& job = *deadlines_.begin()->second;
    job.fetch->Abort();
    const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(
        base::Duration(*job.target.config.timeout));
    Fail(job, Failure::kTimeout, "no page within " + std::to_string(millis.count()) + " ms");
    Reschedule(job, options_.clock->Now());
  }
}

void Reactor::Continue(Job& job, Fetch::Progress progress) {
  if (progress == Fetch::Progress::kNone) return;
  const base::Time now = options_.clock->Now();
  if (progress == Fetch::Progress::kPage) {
    ReadPage(job, now);
  } else {
    const Fault& fault = job.fetch->fault();
    Fail(job, fault.failure, fault.error);
  }
  Reschedule(job, now);
}

void Reactor::ReadPage(Job& job, base::Time now) {
  const metrics::PageResult page =
      metrics::Scan(job.fetch->page(), *job.target.map, now, job.target.endpoint->metrics);
  if (page.status.ok()) {
    Succeed(job, now, page.bad_series);
  } else {
    Fail(job, Failure::kBadPage, page.status.message());
  }
  job.fetch->Release();
}

void Reactor::Succeed(Job& job, base::Time now, uint32_t bad_series) {
  datastore::Endpoint& endpoint = *job.target.endpoint;
  endpoint.ScrapeApplied(job.mark, job.started);
  if (endpoint.RecordSuccess() || job.told) {
    spdlog::info("endpoint {} ({}) answers again", endpoint.info().name, endpoint.info().host_port);
    Tell(telemetry::events::kReachable, endpoint, "its metrics are read again");
  }
  if (job.failures != 0) {
    const std::lock_guard lock(mutex_);
    errors_.erase(endpoint.id());
  }
  job.failures = 0;
  job.told = false;
  stats_.pages.Add();
  stats_.bytes.Add(job.fetch->page().size());
  stats_.bad_series.Add(bad_series);
  stats_.seconds.Observe(std::chrono::duration<double>(now - job.started).count());
}

void Reactor::Fail(Job& job, Failure failure, const std::string& error) {
  datastore::Endpoint& endpoint = *job.target.endpoint;
  ++job.failures;
  stats_.failures[static_cast<size_t>(failure)].Add();
  {
    const std::lock_guard lock(mutex_);
    errors_[endpoint.id()] =
        error.size() <= kMaxErrorBytes ? error : base::Printable(error, kMaxErrorBytes);
  }
  if (failure == Failure::kShortage) return WarnOfShortage(error);  // not the endpoint's
  endpoint.metrics.page_errors.fetch_add(1, std::memory_order_relaxed);
  // Last: whoever finds the endpoint unreachable finds the reason, too.
  endpoint.RecordFailure();
  if (endpoint.failures() >= datastore::Endpoint::kFailuresToUnreachable && !job.told) {
    job.told = true;
    spdlog::warn("endpoint {} ({}) is unreachable: {}", endpoint.info().name,
                 endpoint.info().host_port, error);
    Tell(telemetry::events::kUnreachable, endpoint, base::Printable(error, kMaxErrorBytes));
  }
}

void Reactor::Tell(const telemetry::EventKind& kind, const datastore::Endpoint& endpoint,
                   std::string message) const {
  const datastore::EndpointInfo& info = endpoint.info();
  options_.events->Add(
      {kind, {"endpoint", info.ns, info.name, info.host_port}, std::move(message), {}, {}});
}

void Reactor::WarnOfShortage(const std::string& error) {
  const base::Time now = base::Clock::Real().Now();
  if (warned_of_shortage_ && now - *warned_of_shortage_ < kShortageWarningPause) return;
  warned_of_shortage_ = now;
  spdlog::error("metrics pages are not fetched: {}", error);
}

void Reactor::Reschedule(Job& job, base::Time now) {
  const base::Duration interval = *job.target.config.interval;
  const base::Time next = job.planned + Jitter(Delay(interval, job.failures), rng_);
  // A page that takes longer than the interval is not asked for again without a pause.
  job.in_flight = false;
  MoveTimer(job, deadlines_, schedule_, std::max(next, now + interval / 4));
}

void Reactor::MoveTimer(Job& job, Schedule& from, Schedule& to, base::Time when) {
  Schedule::node_type node = from.extract(job.timer);
  node.key() = when;
  job.timer = to.insert(std::move(node));
}

int Reactor::WaitMillis() const {
  // Rounded up: what is due within the same millisecond is begun together.
  const auto millis = [](base::Duration d) {
    const int64_t ms = (d.count() + 999'999) / 1'000'000;
    return static_cast<int>(std::clamp<int64_t>(ms, 0, 60'000));
  };
  int wait = 60'000;
  if (!schedule_.empty()) {
    wait = std::min(wait, millis(schedule_.begin()->first - options_.clock->Now()));
  }
  if (!deadlines_.empty()) {
    wait = std::min(wait, millis(deadlines_.begin()->first - base::Clock::Real().Now()));
  }
  return wait;
}

void Reactor::Wait(int millis) {
  std::array<epoll_event, 128> events;
  const int n = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), millis);
  for (int i = 0; i < n; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    if (event.data.ptr == nullptr) {
      uint64_t count = 0;
      (void)!read(wake_, &count, sizeof count);
      continue;
    }
    Job& job = *static_cast<Job*>(event.data.ptr);
    Continue(job, job.fetch->OnEvents(event.events));
  }
}

}  // namespace inference::scrape
