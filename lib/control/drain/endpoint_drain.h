#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "datastore/endpoint.h"
#include "store/endpoint_store.h"

// The drain of one endpoint as a state machine: pure, in the time that it is told.
namespace inference::control {

/// When the last page that tells both numbers was asked for, and what it told.
struct ServerPage {
  base::Time begun{};
  double running = 0, waiting = 0;  // requests
  double total() const { return running + waiting; }
};

/// What was seen of an endpoint at one moment.
struct DrainObservation {
  bool present = true;             // a pool has it
  bool closed = false;             // its admission was closed before anything below was read
  bool predecessor = false;        // another process of this daemon still serves requests
  datastore::Commitment owed;      // counter A, over all objects that are this endpoint
  std::optional<ServerPage> page;  // counter B
};

enum class DrainState : uint8_t {
  kReady,       // nobody drains it
  kWarming,     // nobody drains it any more; its share of requests still rises
  kDraining,    // no new requests; some that run may be left
  kOverdue,     // the same, and a lease's time is over
  kDrained,     // proven: nothing runs there, neither of ours nor of anybody
  kUnverified,  // nothing of ours runs there; what the server says is not known
  kGone,        // no pool has it any more
};
std::string_view NameOf(DrainState state);

/// A lease with its times as this process measures them.
struct HeldLease {
  store::Lease lease;
  base::Time soft_until{};
  std::optional<base::Time> deadline;
  bool lapsed = false;  // the deadline passed before the endpoint was drained
};

/// How an endpoint is to be set while its drain is as it is.
struct Admittance {
  datastore::Admission admission = datastore::Admission::kOpen;
  std::string note;
  uint32_t weight = datastore::Endpoint::kFullWeight;
  std::string weight_note;
  bool operator==(const Admittance&) const = default;
};

/// Why an endpoint isn't drained yet.
struct Blocker {
  std::string_view code;  // "soft", "predecessor", "in-flight", "fallbacks", "settling", "page",
                          // "foreign"
  std::string text;       // for people
};

struct DrainEvent {
  enum class Kind : uint8_t {
    kDrained,     // proven
    kUnverified,  // as good as it gets without the server's numbers
    kReopened,    // a request came all the same: it is draining again
    kOverdue,
    kGone,
    kBack,  // a pool has it again
    kWarm,  // the share of requests is whole again
  };
  Kind kind;
  std::string text;  // what to add, for people; may be empty
};

/// Drained means: the admission was closed, then A was 0 without an arrival for the longest settle
/// time of the leases, and a page asked for after that said B = 0. Time and what is seen come from
/// the caller: times never fall, and `now` is taken after what is observed was read.
class EndpointDrain {
 public:
  /// After A settled, how long a page is waited for before the result is "unverified".
  static constexpr base::Duration kVerifyWithin = std::chrono::seconds(5);
  /// The share that a ramp begins with, in permille.
  static constexpr uint32_t kRampFrom = 10;

  /// New, or in place of the one with that id.
  void Put(HeldLease lease, base::Time now);
  /// When the last one goes: the share of requests rises over `ramp`.
  void Remove(std::string_view id, base::Duration ramp, base::Time now);
  const std::vector<HeldLease>& leases() const { return leases_; }
  const HeldLease* LeaseOf(std::string_view owner) const;
  /// The leases need not be met in time any more: the endpoint is drained.
  void ClearDeadlines();

  Admittance Wanted(base::Time now) const;
  std::vector<DrainEvent> Observe(const DrainObservation& seen, base::Time now);

  DrainState state() const;
  bool drained() const { return verdict_ != Verdict::kOwed; }
  /// Leases whose time is over and that are to be undone then.
  std::vector<std::string> ToUndo() const;
  std::vector<Blocker> Blockers(base::Time now) const;
  /// Nobody drains it and nothing rises: there is nothing to remember.
  bool idle() const { return leases_.empty() && !ramp_; }

  const DrainObservation& last() const { return last_; }
  /// When the first of its leases came, or this process found it.
  base::Time since() const { return since_; }
  std::optional<base::Time> drained_at() const { return drained_at_; }
  /// Requests that were not ended when it went away.
  int64_t lost() const { return lost_; }
  std::optional<base::Time> gone_at() const { return gone_at_; }

 private:
  enum class Verdict : uint8_t { kOwed, kUnverified, kProven };
  struct Ramp {
    base::Time begun;
    base::Duration length;
  };
  void NotePresence(bool present, base::Time now, std::vector<DrainEvent>& events);
  void Judge(base::Time now, std::vector<DrainEvent>& events);
  void Settle(Verdict verdict, base::Time now, std::vector<DrainEvent>& events);
  void BeginAnew();
  base::Duration settle() const;
  bool soft(base::Time now) const;

  std::vector<HeldLease> leases_;
  std::optional<Ramp> ramp_;
  base::Time since_{};

  DrainObservation last_;
  std::optional<base::Time> zero_since_;  // A is 0, without an arrival since
  Verdict verdict_ = Verdict::kOwed;
  std::optional<base::Time> drained_at_;
  std::optional<base::Time> gone_at_;
  int64_t lost_ = 0;
};

}  // namespace inference::control
