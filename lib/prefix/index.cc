#include "prefix/index.h"

#include <algorithm>

#include "prefix/shard.h"

namespace inference::prefix {
namespace {

// Room made beyond what is needed, so that a full endpoint does not lock a second shard every time.
constexpr uint32_t kMaxSlack = 64;
constexpr uint32_t kSlackShare = 64;  // at most this part of the capacity
// Bounds one Record; what does not fit after that is not recorded.
constexpr int kMaxEvictions = 256;

uint64_t NextRandom(uint64_t& state) {  // splitmix64
  uint64_t z = (state += 0x9E3779B97F4A7C15U);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

}  // namespace

Index::Index(uint64_t seed) {
  static_assert(kShards <= EndpointUse::kMaxShards);
  for (size_t i = 0; i < kShards; ++i) shards_.push_back(std::make_unique<Shard>(i, seed));
}

Index::~Index() = default;

Shard& Index::ShardOf(std::span<const uint64_t> chain) const {
  return *shards_[chain.front() % kShards];
}

void Index::Match(std::span<const uint64_t> chain, std::span<const uint32_t> endpoint_ids,
                  std::span<uint32_t> matches, Scratch& scratch) const {
  if (!chain.empty()) ShardOf(chain).Match(chain, endpoint_ids, matches, scratch);
}

void Index::Record(uint32_t endpoint_id, uint32_t capacity, std::span<const uint64_t> chain) {
  chain = chain.first(std::min<size_t>(chain.size(), capacity));
  if (chain.empty()) return;
  std::shared_ptr<EndpointUse> use;
  {
    const std::lock_guard lock(mutex_);
    if (removed_.contains(endpoint_id)) return;
    auto it = uses_.find(endpoint_id);
    if (it == uses_.end()) {
      if (uses_.size() == kMaxEndpoints) return;
      it = uses_.emplace(endpoint_id, std::make_shared<EndpointUse>()).first;
    }
    use = it->second;
  }
  use->capacity.store(capacity, std::memory_order_relaxed);
  Shard& shard = ShardOf(chain);
  auto need = static_cast<uint32_t>(chain.size());
  if (use->used() <= capacity) {
    need = shard.Record(use, endpoint_id, chain, /*partly=*/false);
    if (need == 0) return;
  }
  MakeRoom(*use, endpoint_id, need, chain.front());
  shard.Record(use, endpoint_id, chain, /*partly=*/true);
}

// Takes from shards in proportion to what the endpoint has there; what lies in a shard that nobody
// asks any more goes so too. Without a lock of a shard held.
void Index::MakeRoom(EndpointUse& use, uint32_t endpoint_id, uint64_t need, uint64_t random) {
  const uint32_t capacity = use.capacity.load(std::memory_order_relaxed);
  const uint32_t slack = std::min(kMaxSlack, capacity / kSlackShare);
  random += use.used();
  for (int tries = 0; tries < kMaxEvictions; ++tries) {
    const uint64_t used = use.used();
    if (used == 0 || used + need <= capacity || use.gone.load(std::memory_order_relaxed)) return;
    uint64_t point = NextRandom(random) % used;
    size_t victim = 0;
    for (; victim + 1 < kShards; ++victim) {
      const uint32_t here = use.in_shard[victim].load(std::memory_order_relaxed);
      if (point < here) break;
      point -= here;
    }
    shards_[victim]->Evict(endpoint_id, static_cast<uint32_t>(used + need - capacity) + slack);
  }
}

void Index::Remove(uint32_t endpoint_id) {
  std::shared_ptr<EndpointUse> use;
  {
    const std::lock_guard lock(mutex_);
    if (removed_.insert(endpoint_id).second) removed_order_.push_back(endpoint_id);
    if (removed_order_.size() > kRememberedRemovals) {
      removed_.erase(removed_order_.front());
      removed_order_.pop_front();
    }
    const auto it = uses_.find(endpoint_id);
    if (it == uses_.end()) return;
    use = std::move(it->second);
    uses_.erase(it);
  }
  use->gone.store(true, std::memory_order_relaxed);
  for (const auto& shard : shards_) shard->Remove(endpoint_id);
}

uint64_t Index::BlocksOf(uint32_t endpoint_id) const {
  const std::lock_guard lock(mutex_);
  const auto it = uses_.find(endpoint_id);
  return it == uses_.end() ? 0 : it->second->used();
}

Index::Stats Index::ReadStats() const {
  Stats stats;
  stats.bytes = sizeof(Index);
  for (const auto& shard : shards_) stats.bytes += shard->bytes();
  const std::lock_guard lock(mutex_);
  for (const auto& [id, use] : uses_) stats.blocks += use->used();
  stats.endpoints = uses_.size();
  stats.bytes += uses_.size() * (sizeof(EndpointUse) + 64);
  return stats;
}

}  // namespace inference::prefix
