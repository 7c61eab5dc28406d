#include "control/weights/endpoint_weights.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "control/endpoint_commands.h"

namespace inference::control {
namespace {

using datastore::Endpoint;
using datastore::WeightOf;

constexpr uint32_t kFull = Endpoint::kFullWeight;

std::string Percent(uint32_t permille) {
  return fmt::format("{:g} %", permille / 10.0);
}

std::string NoteOf(const store::Weight& weight) {
  return fmt::format("weight {} by {}{}", Percent(weight.permille), weight.who,
                     weight.reason.empty() ? "" : ": " + weight.reason);
}

}  // namespace

Status EndpointWeights::Load(store::EndpointStore& store) {
  store_ = &store;
  Result<std::vector<store::Weight>> weights = store.Weights();
  if (!weights.ok()) return weights.status();
  weights_.clear();
  for (store::Weight& weight : *weights) weights_[weight.endpoint] = std::move(weight);
  for (const auto& [key, known] : known_) TellWeight(key, known);
  NoteGone(clock_.Now());
  Plan();
  return Status::Ok();
}

// Of no other endpoints than those with a weight.
void EndpointWeights::NoteGone(base::Time now) {
  const std::map<Key, base::Time> before = std::exchange(gone_, {});
  for (const auto& [key, weight] : weights_) {
    if (known_.contains(key)) continue;
    const auto since = before.find(key);
    gone_.emplace(key, since == before.end() ? now : since->second);
  }
}

void EndpointWeights::TellWeight(const Key& key, const Known& known) const {
  const auto weight = weights_.find(key);
  for (const auto& endpoint : known.objects) {
    if (weight == weights_.end()) {
      endpoint->SetWeight(WeightOf::kOperator, kFull, {});
    } else {
      endpoint->SetWeight(WeightOf::kOperator, weight->second.permille, NoteOf(weight->second));
    }
  }
}

void EndpointWeights::Attach(std::shared_ptr<const picker::Runtime> next) {
  std::map<Key, Known> before = std::exchange(known_, {});
  for (size_t i = 0; i < next->pools().size(); ++i) {
    const picker::PoolRuntime& pool = next->pools()[i];
    for (const std::shared_ptr<Endpoint>& endpoint : pool.pool->endpoints()) {
      Known& known = known_[KeyOf(*endpoint)];
      known.pools.push_back(i);
      if (std::find(known.objects.begin(), known.objects.end(), endpoint) == known.objects.end()) {
        known.objects.push_back(endpoint);
      }
      if (const base::Duration window = *pool.slow_start.window; window > known.settings.window) {
        known.settings = {window, static_cast<uint32_t>(*pool.slow_start.min_weight_percent) * 10};
      }
      known.stale_after = std::max(known.stale_after, pool.read.stale_after);
    }
  }
  const bool first = runtime_ == nullptr;
  runtime_ = std::move(next);
  const base::Time now = clock_.Now();
  for (auto& [key, known] : known_) {
    const auto old = before.find(key);
    known.slow_start = old == before.end() ? SlowStart(!first) : old->second.slow_start;
    TellWeight(key, known);
  }
  NoteGone(now);
  Look(now);
  Plan();
}

bool EndpointWeights::Usable(const Known& known) const {
  return std::any_of(known.objects.begin(), known.objects.end(), [&](const auto& endpoint) {
    const auto asleep = endpoint->metrics.asleep.Read(clock_.Now(), known.stale_after);
    const bool sleeps = asleep.freshness == datastore::Freshness::kFresh && asleep.value >= 1;
    return endpoint->admission() == datastore::Admission::kOpen && endpoint->reachable() &&
           endpoint->page_begun_ns() != datastore::kNever && !sleeps;
  });
}

void EndpointWeights::Look(base::Time now) {
  // Those that carry their whole share, by pool, before this look.
  std::vector<int> carriers(runtime_->pools().size(), 0);
  std::map<const Known*, bool> usable;
  for (const auto& [key, known] : known_) {
    const bool is_usable = usable[&known] = Usable(known);
    if (!is_usable || !known.slow_start.whole()) continue;
    for (const size_t pool : known.pools) ++carriers[pool];
  }
  for (auto& [key, known] : known_) {
    const bool is_usable = usable[&known];
    const int own = is_usable && known.slow_start.whole() ? 1 : 0;
    const bool others = std::any_of(known.pools.begin(), known.pools.end(),
                                    [&](size_t pool) { return carriers[pool] > own; });
    const bool rose = known.slow_start.rising();
    known.slow_start.Observe(is_usable, others, known.settings, now);
    const uint32_t share = known.slow_start.share();
    for (const auto& endpoint : known.objects) {
      endpoint->SetWeight(WeightOf::kSlowStart, share,
                          share == kFull ? std::string() : "slow start, " + Percent(share));
    }
    if (rose == known.slow_start.rising()) continue;
    const std::string time =
        fmt::format("{:g} s", std::chrono::duration<double>(known.settings.window).count());
    if (known.slow_start.rising()) {
      spdlog::info("endpoint {}: its share of requests rises from {} in {}", key.ToString(),
                   Percent(share), time);
      events_.Add({telemetry::events::kWarming,
                   SubjectOf(key),
                   "from " + Percent(share) + ", in " + time,
                   {},
                   {}});
    } else if (is_usable) {
      events_.Add({telemetry::events::kWarm, SubjectOf(key), "after a slow start", {}, {}});
    }
  }
}

WeightAnswer EndpointWeights::Set(const WeightCommand& command) {
  WeightAnswer answer;
  answer.generation = runtime_ ? runtime_->generation() : 0;
  answer.status = MayKeep(store_, owner_);
  if (!answer.status.ok()) return answer;
  store::EndpointStore::Change change;
  const uint32_t after = std::clamp<uint32_t>(command.permille, 1, kFull);
  for (const Key& key : command.endpoints) {
    const auto old = weights_.find(key);
    if (!known_.contains(key) && old == weights_.end()) {
      answer.status = {Code::kNotFound, "no endpoint " + key.ToString()};
      return answer;
    }
    const uint32_t before = old == weights_.end() ? kFull : old->second.permille;
    answer.rows.push_back({key, before, after});
    if (before == after && (old == weights_.end() || old->second.reason == command.reason))
      continue;
    change.operations.push_back({0, clock_.WallNow(), command.peer, "endpoint weight",
                                 command.reason, SubjectText(key), Percent(before),
                                 Percent(after)});
    if (after == kFull) {
      change.unweighted.push_back(key);
    } else {
      change.weights.push_back({key, after, command.peer, command.reason, clock_.WallNow()});
    }
  }
  if (command.dry_run || change.operations.empty()) return answer;
  answer.status =
      store_->Commit(change);  // the disk first: what was answered for holds over a kill
  if (!answer.status.ok()) return answer;
  for (const store::Weight& weight : change.weights) weights_[weight.endpoint] = weight;
  for (const Key& key : change.unweighted) {
    weights_.erase(key);
    gone_.erase(key);
  }
  for (const WeightAnswer::Row& row : answer.rows) {
    if (const auto known = known_.find(row.endpoint); known != known_.end()) {
      TellWeight(row.endpoint, known->second);
    }
    if (row.before == row.after) continue;
    const std::string step = Percent(row.before) + " -> " + Percent(row.after);
    spdlog::info("endpoint {}: weight {} ({}){}", row.endpoint.ToString(), step, command.peer,
                 command.reason.empty() ? "" : ", \"" + command.reason + "\"");
    events_.Add({telemetry::events::kWeighted, SubjectOf(row.endpoint), step, command.peer,
                 command.reason});
  }
  return answer;
}

void EndpointWeights::ForgetGone(base::Time now) {
  if (!owner_ || store_ == nullptr) return;
  store::EndpointStore::Change change;
  for (const auto& [key, since] : gone_) {
    if (now - since < kForgetGone) continue;
    change.unweighted.push_back(key);
    change.operations.push_back({0, clock_.WallNow(), "inferenced", "endpoint weight",
                                 "the endpoint is gone", SubjectText(key),
                                 Percent(weights_.at(key).permille), ""});
  }
  if (change.unweighted.empty()) return;
  if (const Status written = store_->Commit(change); !written.ok()) {
    spdlog::error("the weights of endpoints that are gone can't be removed: {}", written.message());
  }
  // Also when it failed: after the next start they are found again.
  for (const Key& key : change.unweighted) {
    weights_.erase(key);
    gone_.erase(key);
  }
}

void EndpointWeights::Tick() {
  const base::Time now = clock_.Now();
  if (runtime_) Look(now);
  ForgetGone(now);
  Plan();
}

void EndpointWeights::Plan() {
  const base::Time now = clock_.Now();
  const bool slow = std::any_of(known_.begin(), known_.end(), [](const auto& entry) {
    return entry.second.settings.window > base::Duration(0);
  });
  wake_at_ = slow ? now + kLook : base::Time::max();
  for (const auto& [key, since] : gone_) wake_at_ = std::min(wake_at_, since + kForgetGone);
}

}  // namespace inference::control
