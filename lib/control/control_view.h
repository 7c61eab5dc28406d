#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "api/diagnostic.h"
#include "api/kinds.h"
#include "base/clock.h"
#include "base/snapshot_holder.h"
#include "control/drain/commands.h"
#include "picker/runtime.h"
#include "telemetry/event_log.h"

namespace inference::control {

/// What the daemon's configuration looks like from outside.
struct ConfigStatus {
  uint64_t generation = 0;  // of the running state; rises with every applied change
  bool last_reload_ok = true;
  base::WallTime last_success{};
  uint64_t rejected = 0;   // changes of files refused since the start
  std::string state_file;  // of the applied state; empty: nothing is kept
  std::string no_state;    // then why
  int64_t applied_generation = 0;
  api::Diagnostics diagnostics;  // of the last attempt and of DNS names now
};

using RuntimeHolder = base::SnapshotHolder<picker::Runtime>;

/// The read side of control, for admin and http. Thread-safe.
class ControlView {
 public:
  virtual ~ControlView() = default;
  virtual const RuntimeHolder& runtime() const = 0;
  virtual ConfigStatus config_status() const = 0;
  /// The effective daemon configuration.
  virtual std::shared_ptr<const api::DaemonConfig> daemon_config() const = 0;
  /// Why the last scrape of that endpoint failed; empty when it didn't.
  virtual std::string ScrapeError(uint32_t endpoint_id) const = 0;
  /// Endpoints that are drained or warming, as of a moment ago. Never null.
  virtual std::shared_ptr<const DrainRows> drains() const = 0;
  virtual const telemetry::EventLog& events() const = 0;
};

}  // namespace inference::control
