#include "extproc/in_flight.h"

#include <algorithm>
#include <functional>

namespace inference::extproc {

void InFlightTable::Add(std::string_view request_id, UnseenRequest request, base::Time now) {
  const base::Time when = now + PredictedDuration(request.pool_id);
  const size_t hash = std::hash<std::string_view>()(request_id);
  Shard& shard = shards_[hash % kShards];
  std::lock_guard lock(shard.mutex);
  if (shard.requests.size() >= kMaxPerShard) DropFirst(shard);
  const Key key{hash, ++shard.sequence};
  shard.requests.emplace(key, Entry{std::move(request), when});
  shard.expiries.emplace(when, key);
  size_.fetch_add(1, std::memory_order_relaxed);
}

std::optional<UnseenRequest> InFlightTable::Take(std::string_view request_id) {
  const size_t hash = std::hash<std::string_view>()(request_id);
  Shard& shard = shards_[hash % kShards];
  std::lock_guard lock(shard.mutex);
  const auto oldest = shard.requests.lower_bound({hash, 0});
  if (oldest == shard.requests.end() || oldest->first.first != hash) return std::nullopt;
  std::optional<UnseenRequest> taken(std::move(oldest->second.request));
  shard.expiries.erase({oldest->second.expires, oldest->first});
  shard.requests.erase(oldest);
  size_.fetch_sub(1, std::memory_order_relaxed);
  return taken;
}

void InFlightTable::DropFirst(Shard& shard) {
  const auto first = shard.expiries.begin();
  shard.requests.erase(first->second);
  shard.expiries.erase(first);
  size_.fetch_sub(1, std::memory_order_relaxed);
}

void InFlightTable::Expire(base::Time now, size_t part, size_t of) {
  for (size_t i = part; i < kShards; i += of) {
    Shard& shard = shards_[i];
    std::lock_guard lock(shard.mutex);
    while (!shard.expiries.empty() && shard.expiries.begin()->first <= now) DropFirst(shard);
  }
}

void InFlightTable::NoteObserver(uint32_t pool_id, base::Time now) {
  if (pool_id >= kMaxPools) return;
  pools_[pool_id].observer_seen.store(base::ToNanos(now), std::memory_order_relaxed);
}

bool InFlightTable::Observed(uint32_t pool_id, base::Time now) const {
  if (pool_id >= kMaxPools) return false;
  const int64_t seen = pools_[pool_id].observer_seen.load(std::memory_order_relaxed);
  return seen != 0 && base::ToNanos(now) - seen < kObservedFor.count();
}

void InFlightTable::NoteDuration(uint32_t pool_id, base::Duration duration) {
  if (pool_id >= kMaxPools) return;
  std::atomic<int64_t>& average = pools_[pool_id].duration;
  const int64_t old = average.load(std::memory_order_relaxed);
  // Two reactors may overwrite each other's sample: an average can bear it.
  average.store(old == 0 ? std::max<int64_t>(duration.count(), 1)
                         : std::max<int64_t>(old + (duration.count() - old) / 16, 1),
                std::memory_order_relaxed);
}

base::Duration InFlightTable::PredictedDuration(uint32_t pool_id) const {
  if (pool_id >= kMaxPools) return kDefaultDuration;
  const int64_t average = pools_[pool_id].duration.load(std::memory_order_relaxed);
  if (average == 0) return kDefaultDuration;
  return std::clamp(base::Duration(average), kMinDuration, kMaxDuration);
}

}  // namespace inference::extproc
