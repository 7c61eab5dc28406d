#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "control/weights/slow_start.h"
#include "inference/result.h"
#include "picker/runtime.h"
#include "store/endpoint_store.h"
#include "telemetry/event_log.h"

namespace inference::control {

/// To give endpoints another share of the requests than they would get.
struct WeightCommand {
  std::vector<store::EndpointKey> endpoints;
  uint32_t permille = datastore::Endpoint::kFullWeight;  // 1..1000; 1000: none is set any more
  std::string peer, reason;
  bool dry_run = false;
};

struct WeightAnswer {
  struct Row {
    store::EndpointKey endpoint;
    uint32_t before = 0, after = 0;  // permille
  };
  /// NOT_FOUND: no such endpoint. FAILED_PRECONDITION: nothing is kept here. UNAVAILABLE: the state
  /// file is another process's still.
  Status status;
  std::vector<Row> rows;
  uint64_t generation = 0;  // of the running state
};

/// The endpoints' shares of the requests: what was set by command, which outlives the process, and
/// slow starts, which don't. The control thread's own.
class EndpointWeights {
 public:
  static constexpr base::Duration kLook = std::chrono::milliseconds(100);
  /// A weight of an endpoint that no pool has any more is kept for so long.
  static constexpr base::Duration kForgetGone = std::chrono::hours(1);

  /// All outlive this.
  EndpointWeights(const base::Clock& clock, telemetry::EventLog& events)
      : clock_(clock), events_(events) {}

  /// Reads what was set; it is in force from the next Attach() on. `store` outlives this.
  Status Load(store::EndpointStore& store);
  /// May this process write? If not, the one before it still serves requests.
  void SetOwner(bool owner) { owner_ = owner; }

  /// The endpoints of the state that is about to be published. Those of the first one are not new.
  void Attach(std::shared_ptr<const picker::Runtime> next);

  WeightAnswer Set(const WeightCommand& command);
  void Tick();
  /// When Tick() is to be called; Time::max(): not before something changes.
  base::Time WakeAt() const { return wake_at_; }

 private:
  using Key = store::EndpointKey;
  struct Known {
    std::vector<std::shared_ptr<datastore::Endpoint>> objects;
    SlowStart::Settings settings;  // of the pool with the longest window
    base::Duration stale_after{0};
    std::vector<size_t> pools;  // places in the runtime
    SlowStart slow_start{false};
  };

  void NoteGone(base::Time now);
  void TellWeight(const Key& key, const Known& known) const;
  bool Usable(const Known& known) const;
  void Look(base::Time now);
  void ForgetGone(base::Time now);
  void Plan();

  const base::Clock& clock_;
  telemetry::EventLog& events_;
  store::EndpointStore* store_ = nullptr;
  bool owner_ = true;
  std::shared_ptr<const picker::Runtime> runtime_;
  std::map<Key, Known> known_;
  std::map<Key, store::Weight> weights_;
  std::map<Key, base::Time> gone_;  // of weights_: since when no pool has them
  base::Time wake_at_ = base::Time::max();
};

}  // namespace inference::control
