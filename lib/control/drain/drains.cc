#include "control/drain/drains.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace inference::control {
namespace {

using datastore::Admission;
using datastore::Endpoint;
using Change = store::EndpointStore::Change;

}  // namespace

std::string Describe(const store::Lease& lease) {
  std::string out = fmt::format("lease {} of {}, {}", lease.id, lease.owner,
                                lease.soft_for > base::Duration(0) ? "soft, then hard" : "hard");
  if (lease.timeout > base::Duration(0)) {
    out += fmt::format(", for {:g} s", std::chrono::duration<double>(lease.timeout).count());
  }
  return out;
}

HeldLease Drains::Resume(store::Lease lease) const {
  const base::Time now = clock_.Now();
  const base::WallTime wall = clock_.WallNow();
  HeldLease held;
  const auto left = [&](base::WallTime until, base::Duration most) {
    return std::clamp<base::Duration>(until - wall, base::Duration(0), most);
  };
  held.soft_until =
      now +
      left(lease.created + std::chrono::duration_cast<base::WallTime::duration>(lease.soft_for),
           lease.soft_for);
  if (lease.deadline) held.deadline = now + left(*lease.deadline, lease.timeout);
  held.lease = std::move(lease);
  return held;
}

Status Drains::Load(store::EndpointStore& store) {
  store_ = &store;
  Result<std::vector<store::Lease>> leases = store.Leases();
  if (!leases.ok()) return leases.status();
  const base::Time now = clock_.Now();
  std::map<Key, EndpointDrain> before = std::exchange(drains_, {});
  for (store::Lease& lease : *leases) {
    const Key key = lease.endpoint;
    drains_[key].Put(Resume(std::move(lease)), now);
  }
  for (const auto& [key, drain] : drains_) before.erase(key);
  for (const auto& [key, drain] : before) Set(key, {});
  for (const auto& [key, drain] : drains_) Set(key, drain.Wanted(now));
  if (!drains_.empty()) {
    spdlog::info("{} endpoint{} being drained", drains_.size(),
                 drains_.size() == 1 ? " is" : "s are");
  }
  Plan();
  return Status::Ok();
}

void Drains::Attach(std::shared_ptr<const picker::Runtime> next) {
  for (auto& [key, known] : known_) known.pools.clear();
  for (const picker::PoolRuntime& pool : next->pools()) {
    for (const std::shared_ptr<Endpoint>& endpoint : pool.pool->endpoints()) {
      Known& known = known_[KeyOf(*endpoint)];
      std::erase_if(known.objects, [](const auto& object) { return object.expired(); });
      known.pools.push_back(pool.pool->key());
      const bool have = std::any_of(known.objects.begin(), known.objects.end(),
                                    [&](const auto& object) { return object.lock() == endpoint; });
      if (have) continue;
      known.objects.push_back(endpoint);
      if (const auto set = set_.find(KeyOf(*endpoint)); set != set_.end()) {
        endpoint->SetAdmission(set->second.admission, set->second.note);
        endpoint->SetWeight(datastore::WeightOf::kUndrain, set->second.weight,
                            set->second.weight_note);
      }
    }
  }
  std::erase_if(known_, [&](const auto& entry) {
    const bool held = std::any_of(entry.second.objects.begin(), entry.second.objects.end(),
                                  [](const auto& object) { return !object.expired(); });
    return entry.second.pools.empty() && !held && !drains_.contains(entry.first);
  });
  runtime_ = std::move(next);
}

void Drains::Set(const Key& key, const Admittance& wanted) {
  const auto set = set_.find(key);
  if ((set == set_.end() ? Admittance{} : set->second) == wanted) return;
  if (wanted == Admittance{}) {
    set_.erase(key);
  } else {
    set_[key] = wanted;
  }
  const auto known = known_.find(key);
  if (known == known_.end()) return;
  for (const std::weak_ptr<Endpoint>& object : known->second.objects) {
    const std::shared_ptr<Endpoint> endpoint = object.lock();
    if (!endpoint) continue;
    endpoint->SetAdmission(wanted.admission, wanted.note);
    endpoint->SetWeight(datastore::WeightOf::kUndrain, wanted.weight, wanted.weight_note);
  }
}

DrainObservation Drains::Look(const Key& key, bool closed) {
  DrainObservation seen;
  seen.closed = closed;
  seen.predecessor = !owner_;
  const auto found = known_.find(key);
  seen.present = found != known_.end() && !found->second.pools.empty();
  if (found == known_.end()) return seen;
  Known& known = found->second;
  std::erase_if(known.objects, [](const auto& object) { return object.expired(); });
  std::map<uint32_t, uint64_t> arrivals;
  for (const std::weak_ptr<Endpoint>& object : known.objects) {
    const std::shared_ptr<Endpoint> endpoint = object.lock();
    if (!endpoint) continue;
    const datastore::Commitment owed = endpoint->commitment();
    seen.owed.in_flight += owed.in_flight;
    seen.owed.fallbacks += owed.fallbacks;
    arrivals[endpoint->id()] = owed.arrivals;
    known.arrivals.erase(endpoint->id());
    // The page of one that no pool has any more says nothing: nobody asks for it.
    const int64_t begun = endpoint->page_begun_ns();
    if (begun == datastore::kNever) continue;
    const base::Time at = base::FromNanos(begun), now = clock_.Now();
    const auto fresh = [&](const datastore::Gauge& gauge) {
      // A number that a later page didn't tell is older than that page.
      return gauge.Read(now, now - at);
    };
    const auto running = fresh(endpoint->metrics.running);
    const auto waiting = fresh(endpoint->metrics.waiting);
    const bool told = running.freshness == datastore::Freshness::kFresh &&
                      waiting.freshness == datastore::Freshness::kFresh;
    if (told && (!seen.page || seen.page->begun < at)) {
      seen.page = ServerPage{at, running.value, waiting.value};
    }
  }
  for (const auto& [id, last] : known.arrivals) known.arrivals_gone += last;
  known.arrivals = std::move(arrivals);
  seen.owed.arrivals = known.arrivals_gone;
  for (const auto& [id, count] : known.arrivals) seen.owed.arrivals += count;
  return seen;
}

void Drains::Step(const Key& key, EndpointDrain& drain) {
  const Admittance wanted = drain.Wanted(clock_.Now());
  Set(key, wanted);  // before anything is counted: see Endpoint::commitment()
  const DrainObservation seen = Look(key, wanted.admission == Admission::kClosed);
  for (const DrainEvent& event : drain.Observe(seen, clock_.Now())) Report(key, drain, event);
  if (UndoLapsed(key, drain)) Set(key, drain.Wanted(clock_.Now()));
  if (drain.drained()) MeetDeadlines(drain);
  ForgetGone(key, drain);
}

void Drains::Report(const Key& key, const EndpointDrain& drain, const DrainEvent& event) {
  using Kind = DrainEvent::Kind;
  namespace events = telemetry::events;
  const std::string who = key.ToString();
  const char* const gap = event.text.empty() ? "" : ", ";
  const auto note = [&](const telemetry::EventKind& kind, std::string message) {
    events_.Add({kind, SubjectOf(key), std::move(message), {}, {}});
  };
  switch (event.kind) {
    case Kind::kDrained:
      seconds_.Observe(std::chrono::duration<double>(*drain.drained_at() - drain.since()).count());
      note(events::kDrained, event.text);
      return spdlog::info("endpoint {} is drained {}", who, event.text);
    case Kind::kUnverified:
      note(events::kUnverified, event.text);
      return spdlog::warn("endpoint {} is drained (unverified: its metrics tell nothing) {}", who,
                          event.text);
    case Kind::kReopened:
      note(events::kReopened, event.text);
      return spdlog::warn("endpoint {} is draining again: {}", who, event.text);
    case Kind::kOverdue:
      note(events::kOverdue, event.text);
      return spdlog::warn("endpoint {} is not drained yet: {}", who, event.text);
    case Kind::kGone:
      note(events::kGone, event.text);
      return spdlog::info("endpoint {} is gone from the pools while it was drained{}{}", who, gap,
                          event.text);
    case Kind::kBack:
      note(events::kReturned, "and still being drained");
      return spdlog::info("endpoint {} is there again, and still being drained", who);
    case Kind::kWarm:
      note(events::kWarm, "after a drain");
      return spdlog::info("endpoint {} has its whole share of requests again", who);
  }
}

bool Drains::Commit(Change change) {
  if (!owner_ || store_ == nullptr) return false;
  const Status written = store_->Commit(change);
  if (!written.ok() && !disk_failed_) {
    spdlog::error("the leases can't be written: {}; it is tried again", written.message());
  }
  disk_failed_ = !written.ok();
  return written.ok();
}

void Drains::TellUndrained(const Key& key, const std::vector<store::Operation>& operations) {
  for (const store::Operation& operation : operations) {
    events_.Add(
        {telemetry::events::kUndrained, SubjectOf(key), operation.before, {}, operation.reason});
  }
}

bool Drains::UndoLapsed(const Key& key, EndpointDrain& drain) {
  const std::vector<std::string> ids = drain.ToUndo();
  if (ids.empty()) return false;
  Change change;
  change.removals = ids;
  for (const HeldLease& held : drain.leases()) {
    if (std::find(ids.begin(), ids.end(), held.lease.id) == ids.end()) continue;
    change.operations.push_back({0, clock_.WallNow(), "inferenced", "undrain", "its time was over",
                                 SubjectText(key), Describe(held.lease), ""});
  }
  const std::vector<store::Operation> done = change.operations;
  if (!Commit(std::move(change))) return false;
  TellUndrained(key, done);
  for (const std::string& id : ids) drain.Remove(id, base::Duration(0), clock_.Now());
  spdlog::info("endpoint {}: {} lease{} undone", key.ToString(), ids.size(),
               ids.size() == 1 ? "" : "s");
  return true;
}

// Else a daemon that starts again would find them over, and call a drained endpoint overdue.
void Drains::MeetDeadlines(EndpointDrain& drain) {
  Change change;
  for (const HeldLease& held : drain.leases()) {
    if (!held.lease.deadline) continue;
    change.puts.push_back(held.lease);
    change.puts.back().deadline.reset();
  }
  if (!change.puts.empty() && Commit(std::move(change))) drain.ClearDeadlines();
}

void Drains::ForgetGone(const Key& key, EndpointDrain& drain) {
  if (!drain.gone_at() || clock_.Now() - *drain.gone_at() < kForgetGone) return;
  Change change;
  for (const HeldLease& held : drain.leases()) {
    change.removals.push_back(held.lease.id);
    change.operations.push_back({0, clock_.WallNow(), "inferenced", "undrain",
                                 "the endpoint is gone", SubjectText(key), Describe(held.lease),
                                 ""});
  }
  const std::vector<std::string> ids = change.removals;
  const std::vector<store::Operation> done = change.operations;
  if (!Commit(std::move(change))) return;
  TellUndrained(key, done);
  for (const std::string& id : ids) drain.Remove(id, base::Duration(0), clock_.Now());
}

void Drains::Tick() {
  for (auto& [key, drain] : drains_) Step(key, drain);
  for (auto it = drains_.begin(); it != drains_.end();) {
    if (it->second.idle()) {
      Set(it->first, {});
      it = drains_.erase(it);
    } else {
      ++it;
    }
  }
  Plan();
}

void Drains::Plan() {
  base::Duration pause = base::Duration::max();
  auto rows = std::make_shared<DrainRows>();
  for (const auto& [key, drain] : drains_) {
    const bool calm = drain.state() == DrainState::kDrained || drain.state() == DrainState::kGone;
    pause = std::min(pause, calm ? kLookDrained : kLook);
    rows->emplace(key, Row(key, drain));
  }
  wake_at_ = drains_.empty() ? base::Time::max() : clock_.Now() + pause;
  const std::lock_guard lock(rows_mutex_);
  rows_ = std::move(rows);
}

std::shared_ptr<const DrainRows> Drains::rows() const {
  const std::lock_guard lock(rows_mutex_);
  return rows_;
}

DrainRow Drains::Row(const Key& key, const EndpointDrain& drain) const {
  const base::Time now = clock_.Now();
  DrainRow row;
  row.endpoint = key;
  if (const auto known = known_.find(key); known != known_.end()) row.pools = known->second.pools;
  row.state = drain.state();
  row.drained = drain.drained();
  for (const HeldLease& held : drain.leases()) {
    row.leases.push_back(held.lease);
    row.deadlines.push_back(held.deadline ? *held.deadline - now : base::Duration::max());
  }
  row.owed = drain.last().owed;
  row.page = drain.last().page;
  if (row.page) row.page_age = now - row.page->begun;
  row.blockers = drain.Blockers(now);
  row.since = now - drain.since();
  if (drain.drained_at()) row.drained_after = *drain.drained_at() - drain.since();
  row.lost = drain.lost();
  row.weight = drain.Wanted(now).weight;
  return row;
}

DrainRow Drains::RowOf(const Key& key) const {
  const auto drain = drains_.find(key);
  return Row(key, drain == drains_.end() ? EndpointDrain() : drain->second);
}

}  // namespace inference::control
