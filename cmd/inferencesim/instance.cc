#include "inferencesim/instance.h"

#include <event2/listener.h>
#include <fmt/core.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

namespace inference::sim {
namespace {

constexpr int kIdleTimeoutSeconds = 24 * 3600;  // a hung request must hang, not time out
constexpr size_t kMaxHeaderBytes = 64 * 1024;
constexpr base::Duration kMaxLag = std::chrono::milliseconds(50);
constexpr base::Duration kRefuseDelay = std::chrono::milliseconds(20);
constexpr base::Duration kResetDelay = std::chrono::milliseconds(5);

double UnixSeconds(base::WallTime t) {
  return std::chrono::duration<double>(t.time_since_epoch()).count();
}

timeval ToTimeval(base::Duration d) {
  const auto us =
      std::max<int64_t>(0, std::chrono::duration_cast<std::chrono::microseconds>(d).count());
  return {us / 1'000'000, us % 1'000'000};
}

}  // namespace

Result<std::unique_ptr<Instance>> Instance::Make(event_base* loop, const InstanceConfig& config,
                                                 const base::Clock& clock, SimHandler* sim) {
  if (Status s = CheckConfig(config); !s.ok()) return s;
  Result<BoundPort> port = BoundPort::Make(config.address, config.port);
  if (!port) return port.status();
  std::unique_ptr<Instance> instance(
      new Instance(loop, config, clock, sim, std::move(port).value()));
  if (Status s = instance->StartServing(); !s.ok()) return s;
  return instance;
}

Instance::Instance(event_base* loop, const InstanceConfig& config, const base::Clock& clock,
                   SimHandler* sim, BoundPort port)
    : loop_(loop),
      config_(config),
      clock_(clock),
      sim_(sim),
      port_(std::move(port)),
      start_unix_(UnixSeconds(clock.WallNow())),
      rng_(config.engine.seed),
      engine_(config.engine, start_unix_ - static_cast<double>(base::ToNanos(clock.Now())) * 1e-9),
      page_(config_, engine_, start_unix_),
      engine_timer_(evtimer_new(
                        loop,
                        [](evutil_socket_t, short, void* self) {
                          static_cast<Instance*>(self)->OnEngineTimer();
                        },
                        this),
                    &event_free),
      refuse_timer_(evtimer_new(
                        loop,
                        [](evutil_socket_t, short, void* self) {
                          static_cast<Instance*>(self)->StopServing();
                        },
                        this),
                    &event_free),
      http_(nullptr, &evhttp_free) {
  for (const std::string& lora : config.loras) loras_.emplace(lora, "./" + lora);
}

Instance::~Instance() {
  StopServing();
}

Status Instance::StartServing() {
  const Result<int> fd = port_.Listen();
  if (!fd) return fd.status();
  http_.reset(evhttp_new(loop_));
  evhttp_set_timeout(http_.get(), kIdleTimeoutSeconds);
  evhttp_set_max_headers_size(http_.get(), kMaxHeaderBytes);
  evhttp_set_max_body_size(http_.get(), static_cast<ev_ssize_t>(config_.max_body_mb) << 20);
  evhttp_set_allowed_methods(http_.get(), EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD |
                                              EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
                                              EVHTTP_REQ_OPTIONS);
  evhttp_set_gencb(
      http_.get(),
      [](evhttp_request* request, void* self) { static_cast<Instance*>(self)->OnRequest(request); },
      this);
  // The listener owns the socket, and evhttp the listener.
  evconnlistener* listener =
      evconnlistener_new(loop_, nullptr, nullptr, LEV_OPT_CLOSE_ON_FREE, 0, *fd);
  http_listener_ = evhttp_bind_listener(http_.get(), listener);
  return Status::Ok();
}

void Instance::StopAccepting() {
  if (http_listener_ == nullptr) return;
  evhttp_del_accept_socket(http_.get(), http_listener_);
  http_listener_ = nullptr;
}

void Instance::StopServing() {
  while (!active_.empty()) {
    Active* active = active_.begin()->first;
    AbortSequences(active);
    active->call.Reset();
    active_.erase(active_.begin());
  }
  http_listener_ = nullptr;
  http_.reset();
}

void Instance::SetFaults(const Faults& faults) {
  const bool was_hanging = faults_.hang || faults_.hang_metrics;
  faults_ = faults;
  engine_.SetLatencyFactor(faults.latency_factor);
  if (faults.sleep_level != engine_.sleep_level()) {
    engine_.SetSleepLevel(faults.sleep_level, EngineNow());
    ArmEngineTimer();
  }
  if (faults.refuse && http_) {
    const timeval delay = ToTimeval(kRefuseDelay);
    evtimer_add(refuse_timer_.get(), &delay);
  } else if (!faults.refuse) {
    evtimer_del(refuse_timer_.get());
    // Nobody else can have the port, so that this fails only without file descriptors; the next
    // change of faults tries again.
    if (!http_) (void)StartServing().ok();
  }
  if (was_hanging) ReleaseHeld();
}

void Instance::OnRequest(evhttp_request* request) {
  auto owned = std::make_unique<Active>(request);
  Active* active = owned.get();
  active_.emplace(active, std::move(owned));
  active->started = clock_.Now();
  active->method = active->call.method();
  active->request_bytes = active->call.Body().size();
  active->call.AddHeader("x-inferencesim-instance", config_.name);
  if (active->call.path().starts_with("/sim/")) {
    sim_->Handle(&active->call, this);
    active_.erase(active);
    return;
  }
  Dispatch(active);
}

void Instance::Dispatch(Active* active) {
  const std::string_view path = active->call.path();
  if (faults_.hang || (faults_.hang_metrics && path == "/metrics")) return Hold(active);
  const auto route = Routes().find(path);
  if (route == Routes().end()) {
    return Reply(active, 404, "application/json", R"({"detail":"Not Found"})");
  }
  if (active->method != route->second.method) {
    return Reply(active, 405, "application/json", R"({"detail":"Method Not Allowed"})");
  }
  if (route->second.counted) active->handler = route->first;
  (this->*route->second.handle)(active);
}

void Instance::Hold(Active* active) {
  active->held = true;
  active->call.WatchDisconnect([this, active] { OnDisconnect(active); });
}

void Instance::ReleaseHeld() {
  std::vector<Active*> held;
  for (const auto& [active, owned] : active_) {
    if (active->held) held.push_back(active);
  }
  for (Active* active : held) {
    active->held = false;
    Dispatch(active);
  }
}

void Instance::OnDisconnect(Active* active) {
  AbortSequences(active);
  active_.erase(active);
  ArmEngineTimer();
}

void Instance::Reply(Active* active, int status, const char* content_type, std::string_view body) {
  active->call.Reply(status, content_type, body);
  Finish(active);
}

void Instance::ReplyError(Active* active, int status, std::string message, std::string param) {
  Reply(active, status, "application/json",
        ErrorJson({status, std::move(message), std::move(param)}));
}

void Instance::Finish(Active* active) {
  if (!active->handler.empty()) {
    http_stats_.Record(active->handler, active->method, active->call.status(),
                       active->request_bytes, active->call.sent_bytes(),
                       std::chrono::duration<double>(clock_.Now() - active->started).count());
  }
  active_.erase(active);
}

void Instance::After(Active* active, base::Duration delay, std::function<void()> what) {
  active->call.WatchDisconnect([this, active] { OnDisconnect(active); });
  active->deferred = std::move(what);
  active->timer.reset(evtimer_new(
      loop_,
      [](evutil_socket_t, short, void* arg) {
        // Moved out first: it may delete the request and with it the function.
        const std::function<void()> run = std::move(static_cast<Active*>(arg)->deferred);
        run();
      },
      active));
  const timeval tv = ToTimeval(delay);
  evtimer_add(active->timer.get(), &tv);
}

void Instance::OnEngineTimer() {
  if (const auto due = engine_.NextEvent()) {
    const base::Duration late = EngineNow() - *due;
    if (late > kMaxLag) lag_ += late;
  }
  engine_.Advance(EngineNow(), &events_);
  for (const EngineEvent& event : events_) Deliver(event);
  events_.clear();
  ArmEngineTimer();
}

void Instance::Deliver(const EngineEvent& event) {
  const auto it = by_sequence_.find(event.sequence);
  if (it == by_sequence_.end()) return;  // of a request that died a moment ago
  Active* active = it->second;
  Generation& generation = *active->generation;
  if (event.finished) by_sequence_.erase(it);
  const std::string bytes = generation.OnEvent(event);
  if (faults_.die_after_tokens && generation.tokens() > *faults_.die_after_tokens) {
    AbortSequences(active);
    // What was written must leave before the reset throws it away.
    return After(active, kResetDelay, [this, active] {
      active->call.Reset();
      active_.erase(active);
    });
  }
  if (!bytes.empty()) active->call.Send(bytes);
  if (!generation.done()) return;
  if (generation.stream()) {
    active->call.EndStream();
    Finish(active);
  } else {
    Reply(active, 200, "application/json", generation.Body());
  }
}

void Instance::ArmEngineTimer() {
  const auto next = engine_.NextEvent();
  if (!next) {
    evtimer_del(engine_timer_.get());
    return;
  }
  const timeval tv = ToTimeval(*next - EngineNow());
  evtimer_add(engine_timer_.get(), &tv);
}

void Instance::AbortSequences(Active* active) {
  if (!active->generation) return;
  for (const uint64_t sequence : active->generation->sequences()) {
    if (by_sequence_.erase(sequence) > 0) engine_.Abort(sequence, EngineNow());
  }
}

std::string Instance::StateJson() const {
  using Json = nlohmann::json;
  const EngineStats& stats = engine_.stats();
  const KvCache& cache = engine_.cache();
  Json loras = Json::array();
  for (const auto& [name, path] : loras_) {
    loras.push_back({{"name", name}, {"path", path}, {"resident", engine_.lora().resident(name)}});
  }
  Json state = {{"instance", config_.name},
                {"endpoint", port_.HostPort()},
                {"model", config_.model},
                {"running", engine_.running()},
                {"waiting", engine_.waiting()},
                {"active_http_requests", active_.size()},
                {"served", engine_.served()},
                {"aborted", stats.finished[static_cast<size_t>(FinishReason::kAbort)]},
                {"rejected", stats.rejected_requests},
                {"preemptions", stats.preemptions},
                {"generation_tokens", stats.generation_tokens},
                {"kv",
                 {{"num_blocks", cache.num_blocks()},
                  {"block_size", engine_.config().block_size},
                  {"used_blocks", cache.used_blocks()},
                  {"cached_blocks", cache.cached_blocks()},
                  {"usage", cache.usage()}}},
                {"prefix_cache", {{"queries", stats.prefix_queries}, {"hits", stats.prefix_hits}}},
                {"loras", std::move(loras)},
                {"sleep_level", engine_.sleep_level()},
                {"lag_ms", std::chrono::duration<double, std::milli>(lag_).count()},
                {"faults", Json::parse(FaultsToJson(faults_))}};
  return state.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace inference::sim
