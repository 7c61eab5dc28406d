#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "inferencesim/instance.h"
#include "inferencesim/sim_api.h"

namespace inference::sim {

struct FleetOptions {
  std::vector<InstanceConfig> instances;
  /// Instance name or "*", and NAME=VALUE,... as ParseFaultFlags takes it. Applied in order.
  std::vector<std::pair<std::string, std::string>> faults;
  bool control = false;  // serve /sim/ for all instances on a port that no fault touches
  std::string control_address = "127.0.0.1";
  uint16_t control_port = 0;
  /// How long running requests may go on after a signal.
  std::chrono::milliseconds shutdown_grace{0};
};

/// All instances of the process and the event loop that drives them.
class Fleet {
 public:
  /// Everything is bound and accepts connections when this returns; it answers in Run(). `clock`
  /// must outlive the fleet.
  static Result<std::unique_ptr<Fleet>> Make(const FleetOptions& options, const base::Clock& clock);
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;
  ~Fleet();

  /// Serves until Stop() or, with `handle_signals`, SIGTERM or SIGINT; a second signal does not
  /// wait for running requests. Once only.
  void Run(bool handle_signals);
  /// Makes Run() return without waiting for requests. From any thread.
  void Stop();

  /// Fixed after Make().
  const std::vector<std::unique_ptr<Instance>>& instances() const { return instances_; }
  /// Null without a control port.
  const BoundPort* control_port() const { return control_port_.get(); }

 private:
  Fleet(const FleetOptions& options, event_base* loop);
  Status OpenControl(const FleetOptions& options);
  Status ApplyFaults(const FleetOptions& options);
  void OnSignal();
  void CheckDrained();

  const std::chrono::milliseconds grace_;
  std::unique_ptr<event_base, decltype(&event_base_free)> loop_;
  std::vector<std::unique_ptr<Instance>> instances_;
  SimApi sim_api_;
  std::unique_ptr<BoundPort> control_port_;
  HttpPtr control_;
  std::vector<EventPtr> signals_;
  EventPtr drain_timer_;
  bool stopping_ = false;
  std::chrono::milliseconds drained_for_{0};
};

}  // namespace inference::sim
