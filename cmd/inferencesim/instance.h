#pragma once

#include <event2/event.h>
#include <event2/http.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/rng.h"
#include "inference/result.h"
#include "inferencesim/call.h"
#include "inferencesim/config.h"
#include "inferencesim/engine.h"
#include "inferencesim/faults.h"
#include "inferencesim/generation.h"
#include "inferencesim/http_stats.h"
#include "inferencesim/listener.h"
#include "inferencesim/metrics_page.h"

namespace inference::sim {

using EventPtr = std::unique_ptr<event, decltype(&event_free)>;
using HttpPtr = std::unique_ptr<evhttp, decltype(&evhttp_free)>;

class Instance;

/// Answers what is under /sim/; stands outside of the faults.
class SimHandler {
 public:
  virtual ~SimHandler() = default;
  /// `self`: the instance that was asked.
  virtual void Handle(Call* call, Instance* self) = 0;
};

/// One simulated server: the HTTP shell round an Engine. Lives on the event loop's thread.
class Instance {
 public:
  /// All arguments must outlive the instance. Binds the port and listens.
  static Result<std::unique_ptr<Instance>> Make(event_base* loop, const InstanceConfig& config,
                                                const base::Clock& clock, SimHandler* sim);
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;
  ~Instance();

  const std::string& name() const { return config_.name; }
  const BoundPort& port() const { return port_; }
  const Faults& faults() const { return faults_; }
  /// Takes effect at once, `refuse` after a moment, so that the answer to the request that asked
  /// for it still goes out.
  void SetFaults(const Faults& faults);
  /// The engine's state as JSON.
  std::string StateJson() const;
  /// No new connections; what runs goes on.
  void StopAccepting();
  /// Requests that are not answered yet.
  size_t active() const { return active_.size(); }

 private:
  /// A request that is not answered yet.
  struct Active {
    explicit Active(evhttp_request* request) : call(request) {}
    Call call;
    std::string_view handler;  // label of the http_* families; empty: not counted
    std::string method;
    size_t request_bytes = 0;
    base::Time started;
    bool held = false;  // by a fault
    std::optional<Generation> generation;
    std::function<void()> deferred;  // what the timer does
    EventPtr timer{nullptr, &event_free};
  };
  struct Route {
    std::string_view method;
    void (Instance::*handle)(Active* active);
    bool counted;  // in the http_* families
  };

  Instance(event_base* loop, const InstanceConfig& config, const base::Clock& clock,
           SimHandler* sim, BoundPort port);
  static const std::map<std::string_view, Route>& Routes();

  // Connections (instance.cc)
  Status StartServing();
  void StopServing();
  void OnRequest(evhttp_request* request);
  void Dispatch(Active* active);
  void Hold(Active* active);
  void ReleaseHeld();
  void OnDisconnect(Active* active);
  void Reply(Active* active, int status, const char* content_type, std::string_view body);
  void ReplyError(Active* active, int status, std::string message, std::string param = "");
  void Finish(Active* active);
  void After(Active* active, base::Duration delay, std::function<void()> what);

  // The engine (instance.cc)
  base::Time EngineNow() const { return clock_.Now() - lag_; }
  void OnEngineTimer();
  void Deliver(const EngineEvent& event);
  void ArmEngineTimer();
  void AbortSequences(Active* active);

  // Model requests (instance_routes.cc)
  void HandleModelRequest(Active* active, ApiKind kind);
  bool ResolveModel(Active* active, const ModelRequest& request, std::string* adapter);
  bool SubmitAll(Active* active, const ModelRequest& request, const std::string& adapter);
  AnswerHead MakeHead(const Call& call, const ModelRequest& request);
  void HandleChat(Active* active) { HandleModelRequest(active, ApiKind::kChat); }
  void HandleCompletions(Active* active) { HandleModelRequest(active, ApiKind::kCompletions); }
  void HandleEmbeddings(Active* active) { HandleModelRequest(active, ApiKind::kEmbeddings); }
  void HandleResponses(Active* active) { HandleModelRequest(active, ApiKind::kResponses); }
  // The other routes (instance_routes.cc)
  void HandleModels(Active* active);
  void HandleHealth(Active* active);
  void HandleVersion(Active* active);
  void HandleLoad(Active* active);
  void HandleMetrics(Active* active);
  void SendMetrics(Active* active);
  void HandleLoadLora(Active* active);
  void HandleUnloadLora(Active* active);
  void HandleTokenize(Active* active);
  void HandleResetPrefixCache(Active* active);
  void HandleSleep(Active* active);
  void HandleWakeUp(Active* active);
  void HandleIsSleeping(Active* active);

  event_base* const loop_;
  const InstanceConfig config_;
  const base::Clock& clock_;
  SimHandler* const sim_;
  const BoundPort port_;
  const double start_unix_;
  base::Rng rng_;
  Engine engine_;
  HttpStats http_stats_;
  MetricsPage page_;
  Faults faults_;
  std::map<std::string, std::string> loras_;  // name to path
  std::unordered_map<Active*, std::unique_ptr<Active>> active_;
  std::unordered_map<uint64_t, Active*> by_sequence_;
  std::vector<EngineEvent> events_;  // of the step that is being delivered
  // How far the engine's time is behind the clock's: when the machine cannot keep up, simulated
  // time stretches instead of all tokens coming in bursts.
  base::Duration lag_{0};
  uint64_t next_request_ = 1;
  EventPtr engine_timer_;
  EventPtr refuse_timer_;
  evhttp_bound_socket* http_listener_ = nullptr;
  HttpPtr http_;  // none while connections are refused
};

}  // namespace inference::sim
