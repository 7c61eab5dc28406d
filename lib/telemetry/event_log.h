#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace inference::telemetry {

/// What an event may be, and what that means.
struct EventKind {
  std::string_view name;  // "Ejected"
  bool warning;           // somebody should look
  std::string_view doc;
};

namespace events {
inline constexpr EventKind kDraining{"Draining", false, "an endpoint got a lease of a drain"};
inline constexpr EventKind kUndrained{"Undrained", false,
                                      "a lease went, by command or by its time"};
inline constexpr EventKind kDrained{"Drained", false, "nothing runs on a drained endpoint: proven"};
inline constexpr EventKind kUnverified{"Unverified", true,
                                       "as Drained, but the server doesn't tell"};
inline constexpr EventKind kReopened{"Reopened", true, "a drained endpoint got a request"};
inline constexpr EventKind kOverdue{"Overdue", true, "an endpoint isn't drained in time"};
inline constexpr EventKind kGone{"Gone", false, "an endpoint that is drained is in no pool now"};
inline constexpr EventKind kReturned{"Returned", false, "such an endpoint is in a pool again"};
inline constexpr EventKind kWeighted{"Weighted", false, "an endpoint's weight was set by command"};
inline constexpr EventKind kWarming{"Warming", false,
                                    "an endpoint's share of requests begins to rise"};
inline constexpr EventKind kWarm{"Warm", false, "an endpoint has its whole share of requests"};
inline constexpr EventKind kEjected{"Ejected", true,
                                    "requests fail at an endpoint: no more for a "
                                    "while"};
inline constexpr EventKind kReadmitted{"Readmitted", false, "an ejected endpoint answers again"};
inline constexpr EventKind kUnreachable{"Unreachable", true, "an endpoint's metrics can't be read"};
inline constexpr EventKind kReachable{"Reachable", false, "an endpoint's metrics are read again"};
inline constexpr EventKind kChanged{"Changed", false, "objects were applied or deleted"};
inline constexpr EventKind kReloaded{"Reloaded", false, "another configuration is in force"};
inline constexpr EventKind kRejected{"Rejected", true, "a configuration is wrong and not in force"};

inline constexpr EventKind kAll[] = {
    kDraining,   kUndrained,   kDrained,   kUnverified, kReopened, kOverdue,
    kGone,       kReturned,    kWeighted,  kWarming,    kWarm,     kEjected,
    kReadmitted, kUnreachable, kReachable, kChanged,    kReloaded, kRejected,
};
}  // namespace events

/// Whom an event is about. An endpoint has all of it, the configuration only its kind.
struct EventSubject {
  std::string_view kind;  // constant: "endpoint", "configuration"
  std::string ns, name;
  std::string address;  // "10.2.0.11:8000"
};

/// Something that happened to the daemon or to an endpoint, not to a request.
struct Event {
  EventKind kind;
  EventSubject subject;
  std::string message;  // for people; may be empty
  std::string who;      // whoever asked for it; empty: nobody did
  std::string reason;   // that they gave
  uint64_t id = 0;      // given by the log, rising by one
  base::WallTime at{};  // the same
};

/// The last events of this process, in memory; what was done by command stands in the store too.
/// Thread-safe.
class EventLog {
 public:
  explicit EventLog(const base::Clock& clock = base::Clock::Real(), size_t capacity = 4096)
      : clock_(clock), capacity_(capacity) {}

  void Add(Event event);
  /// The oldest `limit` of those behind `id`, in order.
  std::vector<Event> After(uint64_t id, size_t limit) const;

 private:
  const base::Clock& clock_;
  const size_t capacity_;
  mutable std::mutex mutex_;
  std::deque<Event> events_;  // guarded by mutex_
  uint64_t last_id_ = 0;      // guarded by mutex_
};

}  // namespace inference::telemetry
