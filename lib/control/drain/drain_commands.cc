#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>
#include <utility>

#include "control/drain/drains.h"

// What is asked for: drain, undrain, and what must be left.
namespace inference::control {
namespace {

using datastore::Admission;
using datastore::Endpoint;
using Change = store::EndpointStore::Change;

bool IsReady(const Endpoint& endpoint, base::Time now, base::Duration stale_after) {
  const auto asleep = endpoint.metrics.asleep.Read(now, stale_after);
  const bool sleeps = asleep.freshness == datastore::Freshness::kFresh && asleep.value >= 1;
  return endpoint.admission() == Admission::kOpen && endpoint.reachable() && !sleeps;
}

std::string Names(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

}  // namespace

Status Drains::Check(std::span<const Key> endpoints) const {
  if (Status may = MayKeep(store_, owner_); !may.ok()) return may;
  for (const Key& key : endpoints) {
    const auto known = known_.find(key);
    const bool present = known != known_.end() && !known->second.pools.empty();
    if (present || drains_.contains(key)) continue;
    return {Code::kNotFound, "no endpoint " + key.ToString()};
  }
  return Status::Ok();
}

HeldLease Drains::MakeLease(const DrainCommand& command, const Key& endpoint) {
  const base::Time now = clock_.Now();
  const base::WallTime wall = clock_.WallNow();
  HeldLease held;
  store::Lease& lease = held.lease;
  const auto drain = drains_.find(endpoint);
  const HeldLease* mine = drain == drains_.end() ? nullptr : drain->second.LeaseOf(command.owner);
  lease.id = mine ? mine->lease.id : fmt::format("d-{:08x}", rng_.Next() & 0xffffffff);
  lease.created = mine ? mine->lease.created : wall;
  lease.reason = mine && command.reason.empty() ? mine->lease.reason : command.reason;
  lease.endpoint = endpoint;
  lease.owner = command.owner;
  lease.peer = command.peer;
  lease.soft_for = command.soft_for;
  lease.on_deadline = command.on_deadline;
  lease.settle = command.settle;
  held.soft_until = now + command.soft_for;
  if (command.timeout) {
    lease.timeout = *command.timeout;
    lease.deadline = wall + std::chrono::duration_cast<base::WallTime::duration>(*command.timeout);
    held.deadline = now + *command.timeout;
  }
  return held;
}

std::vector<PoolCapacity> Drains::Predict(std::span<const Key> endpoints,
                                          const CapacityGuard& guard) const {
  std::vector<PoolCapacity> out;
  if (!runtime_) return out;
  const base::Time now = clock_.Now();
  const std::set<Key> going(endpoints.begin(), endpoints.end());
  for (const picker::PoolRuntime& pool : runtime_->pools()) {
    PoolCapacity capacity;
    capacity.pool = pool.pool->key();
    capacity.total = static_cast<int>(pool.pool->endpoints().size());
    const auto& ref = pool.pool->spec().picker_ref;
    capacity.fails_open = ref && ref->failure_mode == "FailOpen";
    bool touched = false, loses_ready = false, known = true;
    double load = 0;
    for (const std::shared_ptr<Endpoint>& endpoint : pool.pool->endpoints()) {
      const datastore::EndpointInfo& info = endpoint->info();
      const bool goes = going.contains({info.ns, info.name, info.address, info.port});
      touched = touched || goes;
      if (!IsReady(*endpoint, now, pool.read.stale_after)) continue;
      const auto kv = endpoint->metrics.kv_usage.Read(now, pool.read.stale_after);
      known = known && kv.freshness == datastore::Freshness::kFresh;
      load += known ? kv.value : 0;
      loses_ready = loses_ready || goes;
      if (!goes) ++capacity.ready;
    }
    if (!touched) continue;
    if (loses_ready) {  // what isn't ready takes nothing away
      const int percent = guard.min_ready_percent.value_or(0);
      capacity.needed =
          std::max({1, guard.min_ready.value_or(0), (capacity.total * percent + 99) / 100});
    }
    if (known && capacity.ready > 0) capacity.saturation = load / capacity.ready;
    out.push_back(std::move(capacity));
  }
  return out;
}

Status Drains::Guard(const std::vector<PoolCapacity>& capacity, const CapacityGuard& guard,
                     std::span<const Key> endpoints) const {
  const bool all_drained = std::all_of(endpoints.begin(), endpoints.end(), [&](const Key& key) {
    const auto drain = drains_.find(key);
    return drain != drains_.end() && !drain->second.leases().empty();
  });
  if (guard.force || all_drained) return Status::Ok();
  for (const PoolCapacity& pool : capacity) {
    if (pool.ready < pool.needed) {
      return {Code::kFailedPrecondition,
              fmt::format("pool {} would have {} ready endpoint{} left, {} needed; drain fewer, or "
                          "say --force-capacity",
                          pool.pool, pool.ready, pool.ready == 1 ? "" : "s", pool.needed)};
    }
    if (!guard.max_saturation || pool.needed == 0) continue;
    if (!pool.saturation) {
      return {Code::kFailedPrecondition,
              "the KV cache use of an endpoint of pool " + pool.pool +
                  " is unknown, so nothing can be said of its saturation; wait for its metrics, or "
                  "say --force-capacity"};
    }
    if (*pool.saturation > *guard.max_saturation) {
      return {Code::kFailedPrecondition,
              fmt::format("pool {} would be saturated: {:.2f} of the KV caches that are left, {:g} "
                          "allowed; drain fewer, or say --force-capacity",
                          pool.pool, *pool.saturation, *guard.max_saturation)};
    }
  }
  return Status::Ok();
}

DrainAnswer Drains::Drain(const DrainCommand& command) {
  DrainAnswer answer;
  answer.generation = runtime_ ? runtime_->generation() : 0;
  answer.status = Check(command.endpoints);
  if (!answer.status.ok()) return answer;
  answer.capacity = Predict(command.endpoints, command.guard);
  for (const PoolCapacity& pool : answer.capacity) {
    if (!pool.fails_open) continue;
    answer.warnings.push_back("pool " + pool.pool +
                              " fails open: a gateway that finds no daemon running sends requests "
                              "to drained endpoints too");
  }
  answer.status = Guard(answer.capacity, command.guard, command.endpoints);
  if (!answer.status.ok() || command.dry_run) {
    for (const Key& key : command.endpoints) answer.endpoints.push_back(RowOf(key));
    return answer;
  }
  Change change;
  std::vector<HeldLease> leases;
  for (const Key& key : command.endpoints) {
    HeldLease held = MakeLease(command, key);
    const auto drain = drains_.find(key);
    const HeldLease* before =
        drain == drains_.end() ? nullptr : drain->second.LeaseOf(command.owner);
    change.operations.push_back({0, clock_.WallNow(), command.peer, "drain", held.lease.reason,
                                 SubjectText(key), before ? Describe(before->lease) : "",
                                 Describe(held.lease)});
    change.puts.push_back(held.lease);
    leases.push_back(std::move(held));
  }
  // The disk first: what was answered for holds over a kill.
  answer.status = store_->Commit(change);
  if (!answer.status.ok()) return answer;
  for (HeldLease& held : leases) {
    spdlog::info("endpoint {} is being drained: {} ({}){}", held.lease.endpoint.ToString(),
                 Describe(held.lease), command.peer,
                 held.lease.reason.empty() ? "" : ", \"" + held.lease.reason + "\"");
    events_.Add({telemetry::events::kDraining, SubjectOf(held.lease.endpoint), Describe(held.lease),
                 command.peer, held.lease.reason});
    const Key key = held.lease.endpoint;
    drains_[key].Put(std::move(held), clock_.Now());
  }
  Tick();
  for (const Key& key : command.endpoints) answer.endpoints.push_back(RowOf(key));
  return answer;
}

DrainAnswer Drains::Undrain(const UndrainCommand& command) {
  DrainAnswer answer;
  answer.generation = runtime_ ? runtime_->generation() : 0;
  answer.status = Check(command.endpoints);
  if (!answer.status.ok()) return answer;
  Change change;
  for (const Key& key : command.endpoints) {
    const auto drain = drains_.find(key);
    if (drain == drains_.end()) continue;  // nobody drains it: as asked for
    std::vector<std::string> others;
    const size_t before = change.removals.size();
    for (const HeldLease& held : drain->second.leases()) {
      if (!command.all_owners && held.lease.owner != command.owner) {
        others.push_back(held.lease.owner);
        continue;
      }
      change.removals.push_back(held.lease.id);
      change.operations.push_back({0, clock_.WallNow(), command.peer, "undrain", command.reason,
                                   SubjectText(key), Describe(held.lease), ""});
    }
    if (others.empty()) continue;
    if (change.removals.size() == before) {
      answer.status = {Code::kFailedPrecondition,
                       fmt::format("{} has no lease on endpoint {}; it is drained by {}: name it "
                                   "with --owner, or say --all-owners",
                                   command.owner, key.ToString(), Names(others))};
      return answer;
    }
    answer.warnings.push_back("endpoint " + key.ToString() + " is still drained by " +
                              Names(others));
  }
  if (!command.dry_run && !change.removals.empty()) {
    answer.status = store_->Commit(change);
    if (!answer.status.ok()) return answer;
    for (const Key& key : command.endpoints) {
      const auto drain = drains_.find(key);
      if (drain == drains_.end()) continue;
      for (const HeldLease& held : drain->second.leases()) {
        if (std::find(change.removals.begin(), change.removals.end(), held.lease.id) ==
            change.removals.end()) {
          continue;
        }
        events_.Add({telemetry::events::kUndrained, SubjectOf(key), Describe(held.lease),
                     command.peer, command.reason});
      }
      for (const std::string& id : change.removals) {
        drain->second.Remove(id, command.ramp, clock_.Now());
      }
    }
    for (const store::Operation& operation : change.operations) {
      spdlog::info("{}: {} undone by {}", operation.subject, operation.before, command.peer);
    }
    Tick();
  }
  for (const Key& key : command.endpoints) answer.endpoints.push_back(RowOf(key));
  return answer;
}

}  // namespace inference::control
