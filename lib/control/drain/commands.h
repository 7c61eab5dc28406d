#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "control/drain/endpoint_drain.h"
#include "inference/result.h"
#include "store/endpoint_store.h"

// What admin may ask about drains, and what it is told.
namespace inference::control {

/// What must hold after a drain. Ready: open to requests, reachable, awake.
struct CapacityGuard {
  std::optional<int> min_ready;          // endpoints of each pool
  std::optional<int> min_ready_percent;  // of the pool's endpoints, 0 to 100
  std::optional<double> max_saturation;  // of the KV caches of those that are left, 0 to 1
  bool force = false;                    // go on whatever comes out
};

struct DrainCommand {
  std::vector<store::EndpointKey> endpoints;
  std::string owner;  // never empty
  std::string peer;
  std::string reason;
  base::Duration soft_for{0};
  std::optional<base::Duration> timeout;
  store::OnDeadline on_deadline = store::OnDeadline::kLeave;
  base::Duration settle = std::chrono::seconds(2);
  CapacityGuard guard;
  bool dry_run = false;
};

struct UndrainCommand {
  std::vector<store::EndpointKey> endpoints;
  std::string owner;
  bool all_owners = false;
  std::string peer;
  std::string reason;
  base::Duration ramp{0};
  bool dry_run = false;
};

/// What a pool has left when all that is to be drained is.
struct PoolCapacity {
  std::string pool;
  int ready = 0;                     // left
  int total = 0;                     // endpoints of the pool
  int needed = 0;                    // by the guard
  std::optional<double> saturation;  // predicted mean KV cache use; unknown when one's is
  bool fails_open = false;
};

/// One endpoint that is, or was asked to be, drained.
struct DrainRow {
  store::EndpointKey endpoint;
  std::vector<std::string> pools;
  DrainState state = DrainState::kReady;
  bool drained = false;  // proven or not
  std::vector<store::Lease> leases;
  std::vector<base::Duration> deadlines;  // one per lease: time left, negative when it is over;
                                          // Duration::max() when there is none
  datastore::Commitment owed;
  std::optional<ServerPage> page;
  std::optional<base::Duration> page_age;  // since it was asked for
  std::vector<Blocker> blockers;
  base::Duration since{0};                      // since it began
  std::optional<base::Duration> drained_after;  // how long it took
  int64_t lost = 0;                             // Gone: requests that had not ended
  uint32_t weight = datastore::Endpoint::kFullWeight;
};

using DrainRows = std::map<store::EndpointKey, DrainRow>;

struct DrainAnswer {
  /// NOT_FOUND: no such endpoint. FAILED_PRECONDITION: a guard, another owner's lease, or nothing
  /// is kept here. UNAVAILABLE: the state file is another process's still.
  Status status;
  std::vector<DrainRow> endpoints;  // those that were named
  std::vector<PoolCapacity> capacity;
  std::vector<std::string> warnings;
  uint64_t generation = 0;  // of the running state
};

}  // namespace inference::control
