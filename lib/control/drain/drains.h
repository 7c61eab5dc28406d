#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/rng.h"
#include "control/drain/commands.h"
#include "control/drain/endpoint_drain.h"
#include "control/endpoint_commands.h"
#include "datastore/endpoint.h"
#include "inference/result.h"
#include "picker/runtime.h"
#include "store/endpoint_store.h"
#include "telemetry/counters.h"
#include "telemetry/event_log.h"

namespace inference::control {

/// "lease d-7f3a09bc of alice, hard, for 600 s"
std::string Describe(const store::Lease& lease);

/// All drains of this daemon: leases to the disk, then the endpoints' admission, then the proof.
/// The control thread's own, but for what says otherwise.
///
/// Leases outlive the process; a ramp does not. Deadlines count on the monotonic clock; over a
/// restart the wall clock carries them, and can't lengthen them.
class Drains {
 public:
  /// Between two looks at an endpoint that is not drained yet, and at one that is.
  static constexpr base::Duration kLook = std::chrono::milliseconds(50);
  static constexpr base::Duration kLookDrained = std::chrono::milliseconds(500);
  /// An endpoint that no pool has any more keeps its leases for so long.
  static constexpr base::Duration kForgetGone = std::chrono::hours(1);

  /// `clock` and `events` outlive this.
  Drains(const base::Clock& clock, telemetry::EventLog& events, uint64_t seed)
      : clock_(clock), events_(events), rng_(seed) {}

  /// Reads the leases; they are in force from the next Attach() on. `store` outlives this.
  Status Load(store::EndpointStore& store);
  /// May this process write? If not, the one before it still serves requests.
  void SetOwner(bool owner) { owner_ = owner; }

  /// The endpoints of the state that is about to be published: those that are drained are closed
  /// before the first pick can see them.
  void Attach(std::shared_ptr<const picker::Runtime> next);

  DrainAnswer Drain(const DrainCommand& command);
  DrainAnswer Undrain(const UndrainCommand& command);
  /// Looks at everything that is due.
  void Tick();
  /// When Tick() is to be called; Time::max(): not before something is asked for.
  base::Time WakeAt() const { return wake_at_; }

  /// All that are drained or warming, as of the last look. Any thread.
  std::shared_ptr<const DrainRows> rows() const;
  /// Seconds from the first lease to Drained. Any thread reads.
  const telemetry::Histogram& seconds() const { return seconds_; }

 private:
  using Objects = std::vector<std::weak_ptr<datastore::Endpoint>>;
  struct Known {
    Objects objects;  // all that are this endpoint: a change of labels makes a new one
    std::vector<std::string> pools;
    uint64_t arrivals_gone = 0;             // of objects that are gone
    std::map<uint32_t, uint64_t> arrivals;  // last seen, by endpoint id
  };
  using Key = store::EndpointKey;

  Status Check(std::span<const Key> endpoints) const;
  HeldLease MakeLease(const DrainCommand& command, const Key& endpoint);
  HeldLease Resume(store::Lease lease) const;
  std::vector<PoolCapacity> Predict(std::span<const Key> endpoints,
                                    const CapacityGuard& guard) const;
  Status Guard(const std::vector<PoolCapacity>& capacity, const CapacityGuard& guard,
               std::span<const Key> endpoints) const;
  DrainObservation Look(const Key& key, bool closed);
  void Step(const Key& key, EndpointDrain& drain);
  void Report(const Key& key, const EndpointDrain& drain, const DrainEvent& event);
  void Set(const Key& key, const Admittance& wanted);
  void TellUndrained(const Key& key, const std::vector<store::Operation>& operations);
  bool UndoLapsed(const Key& key, EndpointDrain& drain);
  void MeetDeadlines(EndpointDrain& drain);
  void ForgetGone(const Key& key, EndpointDrain& drain);
  bool Commit(store::EndpointStore::Change change);
  void Plan();
  DrainRow Row(const Key& key, const EndpointDrain& drain) const;
  DrainRow RowOf(const Key& key) const;

  const base::Clock& clock_;
  telemetry::EventLog& events_;
  base::Rng rng_;
  store::EndpointStore* store_ = nullptr;
  bool owner_ = true;
  std::shared_ptr<const picker::Runtime> runtime_;
  std::map<Key, Known> known_;
  std::map<Key, EndpointDrain> drains_;
  std::map<Key, Admittance> set_;  // what differs from an open endpoint
  base::Time wake_at_ = base::Time::max();
  bool disk_failed_ = false;
  telemetry::Histogram seconds_{telemetry::RequestSecondsBounds()};

  mutable std::mutex rows_mutex_;
  std::shared_ptr<const DrainRows> rows_ = std::make_shared<DrainRows>();  // guarded by rows_mutex_
};

}  // namespace inference::control
