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

#include "metrics/page_scanner.h"
#include "scrape/pace.h"

namespace inference::scrape {
namespace {

// Buffers above this are given back to the system after a page; at most so many are kept for the
// next.
constexpr size_t kKeepBodyBytes = size_t{1} << 20;
constexpr size_t kKeepBodies = 16;
// At most so many fetches are begun before their time, so that their answers don't come as a flood.
constexpr size_t kMaxEarly = 16;

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
  if (epoll_ >= 0) close(epoll_);
  if (wake_ >= 0) close(wake_);
}

Status Reactor::Start() {
  static const CURLcode curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  multi_ = curl_ready == CURLE_OK ? curl_multi_init() : nullptr;
  if (multi_ == nullptr) return {Code::kInternal, "libcurl does not start"};
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) return SystemError("epoll_create1");
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_ < 0) return SystemError("eventfd");
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = wake_;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) != 0) return SystemError("epoll_ctl");
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &Reactor::OnSocket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &Reactor::OnTimer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_PIPELINING, long{CURLPIPE_NOTHING});

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
  if (multi_ != nullptr) curl_multi_cleanup(multi_);
  multi_ = nullptr;
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
  while (TakeOrders()) {
    StartDue(options_.clock->Now());
    // Adding handles makes curl want to be called at once: do so before waiting.
    if (curl_due_ && *curl_due_ <= base::Clock::Real().Now()) {
      curl_due_.reset();
      int running = 0;
      curl_multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    ReadDone();
    Wait(WaitMillis(options_.clock->Now()));
    ReadDone();
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
  // One connection for each target is kept, and room for those being replaced.
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(jobs_.size() + 16));
}

std::unique_ptr<Reactor::Job> Reactor::MakeJob(Target target) {
  auto job = std::make_unique<Job>();
  job->target = std::move(target);
  const api::ScrapeConfig& config = job->target.config;
  const Result<std::string> url = MakeUrl(job->target.endpoint->info(), config);
  if (url.ok()) {
    job->fetch = std::make_unique<Fetch>(*url, config, options_.max_page_bytes, job.get());
  }
  // The first is soon, but not all at the same time.
  const auto phase = base::Duration(
      static_cast<int64_t>(rng_.Unit() * static_cast<double>(config.interval->count())));
  job->due = schedule_.emplace(options_.clock->Now() + phase, job.get());
  return job;
}

void Reactor::Remove(Job& job) {
  if (job.in_flight) curl_multi_remove_handle(multi_, job.fetch->handle());
  if (job.due) schedule_.erase(*job.due);
  job.in_flight = false;
  job.due.reset();
}

void Reactor::StartDue(base::Time now) {
  if (schedule_.empty() || schedule_.begin()->first > now) return;
  // Those that would be due soon go along: to wake up costs as much as to fetch a page.
  for (size_t begun = 0; !schedule_.empty(); ++begun) {
    Job& job = *schedule_.begin()->second;
    const base::Time due = schedule_.begin()->first;
    if (due > now && (begun >= kMaxEarly || due - now > Slack(*job.target.config.interval))) break;
    schedule_.erase(schedule_.begin());
    job.due.reset();
    job.planned = std::max(due, now - *job.target.config.interval);
    Begin(job, now);
  }
}

void Reactor::Begin(Job& job, base::Time now) {
  job.started = now;
  if (!job.fetch || job.fetch->handle() == nullptr) {
    const Result<std::string> url = MakeUrl(job.target.endpoint->info(), job.target.config);
    Fail(job, Failure::kOther, url.ok() ? "out of memory" : url.status().message());
    Reschedule(job, now);
    return;
  }
  if (!spare_bodies_.empty()) {
    job.body = std::move(spare_bodies_.back());
    spare_bodies_.pop_back();
  }
  job.mark = job.target.endpoint->ScrapeBegins();
  job.fetch->Prepare(&job.body);
  job.in_flight = true;
  curl_multi_add_handle(multi_, job.fetch->handle());
}

void Reactor::ReadDone() {
  int left = 0;
  while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;  // `message` is gone once its handle is removed
    Job* job = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &job);
    curl_multi_remove_handle(multi_, message->easy_handle);
    job->in_flight = false;
    Finish(*job, code);
  }
}

void Reactor::Finish(Job& job, CURLcode code) {
  const base::Time now = options_.clock->Now();
  stats_.connections.Add(static_cast<uint64_t>(job.fetch->connections()));
  const Fetch::Outcome outcome = job.fetch->Finish(code);
  if (outcome.ok) {
    const metrics::PageResult page =
        metrics::Scan(job.body, *job.target.map, now, job.target.endpoint->metrics);
    if (page.status.ok()) {
      Succeed(job, now, page.bad_series);
    } else {
      Fail(job, Failure::kBadPage, page.status.message());
    }
  } else {
    Fail(job, outcome.failure, outcome.error);
  }
  ReturnBody(std::move(job.body));
  job.body = {};
  Reschedule(job, now);
}

void Reactor::Succeed(Job& job, base::Time now, uint32_t bad_series) {
  datastore::Endpoint& endpoint = *job.target.endpoint;
  endpoint.ScrapeApplied(job.mark);
  if (endpoint.RecordSuccess()) {
    spdlog::info("endpoint {} ({}) answers again", endpoint.info().name, endpoint.info().host_port);
  }
  if (job.failures != 0) {
    const std::lock_guard lock(mutex_);
    errors_.erase(endpoint.id());
  }
  job.failures = 0;
  stats_.pages.Add();
  stats_.bytes.Add(job.body.size());
  stats_.bad_series.Add(bad_series);
  stats_.seconds.Observe(std::chrono::duration<double>(now - job.started).count());
}

void Reactor::Fail(Job& job, Failure failure, const std::string& error) {
  datastore::Endpoint& endpoint = *job.target.endpoint;
  ++job.failures;
  stats_.failures[static_cast<size_t>(failure)].Add();
  endpoint.metrics.page_errors.fetch_add(1, std::memory_order_relaxed);
  {
    const std::lock_guard lock(mutex_);
    errors_[endpoint.id()] = error;
  }
  // Last: whoever finds the endpoint unreachable finds the reason, too.
  const bool was_reachable = endpoint.reachable();
  endpoint.RecordFailure();
  if (was_reachable && !endpoint.reachable()) {
    spdlog::warn("endpoint {} ({}) is unreachable: {}", endpoint.info().name,
                 endpoint.info().host_port, error);
  }
}

void Reactor::Reschedule(Job& job, base::Time now) {
  const base::Duration interval = *job.target.config.interval;
  const base::Time next = job.planned + Jitter(Delay(interval, job.failures), rng_);
  // A page that takes longer than the interval is not asked for again without a pause.
  job.due = schedule_.emplace(std::max(next, now + interval / 4), &job);
}

void Reactor::ReturnBody(std::string body) {
  if (spare_bodies_.size() < kKeepBodies && body.capacity() <= kKeepBodyBytes) {
    spare_bodies_.push_back(std::move(body));
  }
}

int Reactor::WaitMillis(base::Time now) const {
  // Rounded up: what is due within the same millisecond is begun together.
  const auto millis = [](base::Duration d) {
    const int64_t ms = (d.count() + 999'999) / 1'000'000;
    return static_cast<int>(std::clamp<int64_t>(ms, 0, 60'000));
  };
  int wait = 60'000;
  if (!schedule_.empty()) wait = std::min(wait, millis(schedule_.begin()->first - now));
  if (curl_due_) wait = std::min(wait, millis(*curl_due_ - base::Clock::Real().Now()));
  return wait;
}

void Reactor::Wait(int millis) {
  std::array<epoll_event, 128> events;
  const int n = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), millis);
  for (int i = 0; i < n; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    if (event.data.fd == wake_) {
      uint64_t count = 0;
      (void)!read(wake_, &count, sizeof count);
      continue;
    }
    const int mask = (event.events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                     (event.events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                     (event.events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
    int running = 0;
    curl_multi_socket_action(multi_, event.data.fd, mask, &running);
  }
}

int Reactor::OnSocket(CURL*, curl_socket_t fd, int what, void* self, void* known) {
  auto* reactor = static_cast<Reactor*>(self);
  if (what == CURL_POLL_REMOVE) {
    epoll_ctl(reactor->epoll_, EPOLL_CTL_DEL, fd, nullptr);
    return 0;
  }
  epoll_event event{};
  event.data.fd = fd;
  event.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
  epoll_ctl(reactor->epoll_, known == nullptr ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event);
  curl_multi_assign(reactor->multi_, fd, reactor);
  return 0;
}

int Reactor::OnTimer(CURLM*, long millis, void* self) {
  auto* reactor = static_cast<Reactor*>(self);
  if (millis < 0) {
    reactor->curl_due_.reset();
  } else {
    reactor->curl_due_ = base::Clock::Real().Now() + std::chrono::milliseconds(millis);
  }
  return 0;
}

}  // namespace inference::scrape
