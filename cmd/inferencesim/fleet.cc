#include "inferencesim/fleet.h"

#include <event2/listener.h>
#include <event2/thread.h>
#include <fmt/core.h>

#include <csignal>

namespace inference::sim {
namespace {

constexpr std::chrono::milliseconds kDrainCheck{20};

event_base* MakeLoop() {
  evthread_use_pthreads();  // for Stop()
  event_config* config = event_config_new();
  // Steps are a few milliseconds long: epoll's own timeouts would round them up.
  event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
  event_base* loop = event_base_new_with_config(config);
  event_config_free(config);
  return loop;
}

}  // namespace

Result<std::unique_ptr<Fleet>> Fleet::Make(const FleetOptions& options, const base::Clock& clock) {
  std::signal(SIGPIPE, SIG_IGN);  // a client that leaves is no reason to die
  std::unique_ptr<Fleet> fleet(new Fleet(options, MakeLoop()));
  for (const InstanceConfig& config : options.instances) {
    for (const auto& other : fleet->instances_) {
      if (other->name() == config.name) {
        return Status(Code::kInvalidArgument,
                      fmt::format("two instances have the name '{}'", config.name));
      }
    }
    auto instance = Instance::Make(fleet->loop_.get(), config, clock, &fleet->sim_api_);
    if (!instance) {
      return Status(instance.status().code(),
                    fmt::format("instance {}: {}", config.name, instance.status().message()));
    }
    fleet->instances_.push_back(std::move(instance).value());
  }
  if (options.control) {
    if (Status s = fleet->OpenControl(options); !s.ok()) return s;
  }
  if (Status s = fleet->ApplyFaults(options); !s.ok()) return s;
  return fleet;
}

Fleet::Fleet(const FleetOptions& options, event_base* loop)
    : grace_(options.shutdown_grace),
      loop_(loop, &event_base_free),
      sim_api_(instances_),
      control_(nullptr, &evhttp_free),
      drain_timer_(
          event_new(
              loop, -1, EV_PERSIST,
              [](evutil_socket_t, short, void* self) { static_cast<Fleet*>(self)->CheckDrained(); },
              this),
          &event_free) {}

Fleet::~Fleet() {
  signals_.clear();
  control_.reset();
  instances_.clear();  // before the loop they live on
}

Status Fleet::OpenControl(const FleetOptions& options) {
  Result<BoundPort> port = BoundPort::Make(options.control_address, options.control_port);
  if (!port) return port.status();
  control_port_ = std::make_unique<BoundPort>(std::move(port).value());
  const Result<int> fd = control_port_->Listen();
  if (!fd) return fd.status();
  control_.reset(evhttp_new(loop_.get()));
  evhttp_set_gencb(
      control_.get(),
      [](evhttp_request* request, void* self) {
        Call call(request);
        static_cast<Fleet*>(self)->sim_api_.Handle(&call, nullptr);
      },
      this);
  evhttp_bind_listener(control_.get(), evconnlistener_new(loop_.get(), nullptr, nullptr,
                                                          LEV_OPT_CLOSE_ON_FREE, 0, *fd));
  return Status::Ok();
}

Status Fleet::ApplyFaults(const FleetOptions& options) {
  for (const auto& [name, text] : options.faults) {
    bool found = false;
    for (const auto& instance : instances_) {
      if (name != "*" && name != instance->name()) continue;
      found = true;
      const Result<Faults> faults = ParseFaultFlags(instance->faults(), text);
      if (!faults) {
        return Status(faults.status().code(),
                      fmt::format("--fault {}:{}: {}", name, text, faults.status().message()));
      }
      instance->SetFaults(*faults);
    }
    if (!found) {
      return Status(Code::kInvalidArgument,
                    fmt::format("--fault {}:{}: there is no instance '{}'", name, text, name));
    }
  }
  return Status::Ok();
}

void Fleet::Run(bool handle_signals) {
  for (const int number : {SIGTERM, SIGINT}) {
    if (!handle_signals) break;
    signals_.emplace_back(
        evsignal_new(
            loop_.get(), number,
            [](evutil_socket_t, short, void* self) { static_cast<Fleet*>(self)->OnSignal(); },
            this),
        &event_free);
    evsignal_add(signals_.back().get(), nullptr);
  }
  event_base_loop(loop_.get(), EVLOOP_NO_EXIT_ON_EMPTY);
}

void Fleet::Stop() {
  event_base_loopexit(loop_.get(), nullptr);
}

void Fleet::OnSignal() {
  if (stopping_) return Stop();
  stopping_ = true;
  for (const auto& instance : instances_) instance->StopAccepting();
  const timeval tv{0, std::chrono::microseconds(kDrainCheck).count()};
  event_add(drain_timer_.get(), &tv);
}

void Fleet::CheckDrained() {
  drained_for_ += kDrainCheck;
  size_t active = 0;
  for (const auto& instance : instances_) active += instance->active();
  if (active == 0 || drained_for_ >= grace_) Stop();
}

}  // namespace inference::sim
