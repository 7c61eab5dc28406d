#include "prefix/shard.h"

#include <algorithm>

namespace inference::prefix {
namespace {

// Ahead of the look-up, so that the memory of a chain's blocks is fetched side by side.
constexpr size_t kPrefetchDistance = 12;
// A list of holders moves back into its slot when so few are left.
constexpr size_t kBackInSlot = 3;

// Second chances that one eviction may give before it takes blocks although they were used: bounds
// the time under the lock.
uint64_t ChancesFor(uint32_t blocks) {
  return 64 + uint64_t{4} * blocks;
}

bool LocalLess(uint16_t holder, uint32_t local) {
  return (holder >> 1) < local;
}

}  // namespace

uint32_t EndpointUse::Reserve(uint32_t wanted) {
  uint32_t used = used_.load(std::memory_order_relaxed);
  while (true) {
    const uint32_t limit = capacity.load(std::memory_order_relaxed);
    const uint32_t granted = used >= limit ? 0 : std::min(wanted, limit - used);
    if (granted == 0) return 0;
    if (used_.compare_exchange_weak(used, used + granted, std::memory_order_relaxed)) {
      return granted;
    }
  }
}

void KeyRing::Push(uint64_t key) {
  if (size_ == keys_.size()) {
    std::vector<uint64_t> grown;
    grown.reserve(std::max<size_t>(8, size_ + size_ * 2 / 5));
    for (size_t i = 0; i < size_; ++i) grown.push_back(keys_[(head_ + i) % size_]);
    grown.resize(grown.capacity());
    keys_.swap(grown);
    head_ = 0;
  }
  size_t at = head_ + size_;
  if (at >= keys_.size()) at -= keys_.size();
  keys_[at] = key;
  ++size_;
}

uint64_t KeyRing::Pop() {
  const uint64_t key = keys_[head_];
  if (++head_ == keys_.size()) head_ = 0;
  --size_;
  return key;
}

void Shard::Match(std::span<const uint64_t> chain, std::span<const uint32_t> endpoint_ids,
                  std::span<uint32_t> matches, Index::Scratch& scratch) const {
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < std::min(kPrefetchDistance, chain.size()); ++i) {
    table_.Prefetch(KeyOf(chain[i]));
  }
  std::vector<uint32_t>& counts = scratch.counts;
  counts.assign(locals_.size(), 0);
  size_t depth = 0;
  for (; depth < chain.size(); ++depth) {
    if (depth + kPrefetchDistance < chain.size()) {
      table_.Prefetch(KeyOf(chain[depth + kPrefetchDistance]));
    }
    const BlockSlot* slot = table_.Find(KeyOf(chain[depth]));
    if (!slot) break;
    bool any = false;
    for (const uint16_t holder : HoldersOf(*slot)) {
      uint32_t& count = counts[holder >> 1];
      if (count != depth) continue;  // a gap before: its cache is of no use from there on
      ++count;
      any = true;
    }
    if (!any) break;
  }
  if (depth == 0) return;
  for (size_t i = 0; i < endpoint_ids.size(); ++i) {
    const uint32_t local = LocalOf(endpoint_ids[i]);
    if (local != kNone) matches[i] += counts[local];
  }
}

uint32_t Shard::Record(const std::shared_ptr<EndpointUse>& use, uint32_t endpoint_id,
                       std::span<const uint64_t> chain, bool partly) {
  const std::lock_guard lock(mutex_);
  if (use->gone.load(std::memory_order_relaxed)) return 0;
  uint32_t local = LocalOf(endpoint_id);
  if (local == kNone) local = MakeLocal(endpoint_id, use);
  missing_.clear();
  for (const uint64_t hash : chain) {
    const uint64_t key = KeyOf(hash);
    BlockSlot* slot = table_.Find(key);
    uint16_t* holder = slot ? FindHolder(*slot, local) : nullptr;
    if (holder) {
      *holder |= kUsedBit;
    } else {
      missing_.push_back(key);
    }
  }
  const auto wanted = static_cast<uint32_t>(missing_.size());
  if (wanted == 0) return 0;
  const uint32_t granted = use->Reserve(wanted);
  if (granted < wanted && !partly) {
    use->Release(granted);
    return wanted;
  }
  AddMissing(local, granted);
  return 0;
}

// The end of a chain is queued before its start, so that it goes first.
void Shard::AddMissing(uint32_t local, uint32_t granted) {
  Local& endpoint = locals_[local];
  for (size_t i = granted; i-- > 0;) {
    const uint64_t key = missing_[i];
    BlockSlot* slot = table_.Find(key);
    if (!slot) slot = table_.Insert(key);
    if (!slot->empty() && FindHolder(*slot, local)) {  // twice in one chain
      endpoint.use->Release(1);
      continue;
    }
    AddHolder(*slot, local);
    endpoint.ring.Push(key);
    endpoint.use->in_shard[number_].fetch_add(1, std::memory_order_relaxed);
  }
}

void Shard::Evict(uint32_t endpoint_id, uint32_t blocks) {
  const std::lock_guard lock(mutex_);
  const uint32_t local = LocalOf(endpoint_id);
  if (local == kNone) return;
  Local& endpoint = locals_[local];
  uint64_t chances = ChancesFor(blocks);
  while (blocks > 0 && endpoint.ring.size() > 0) {
    const uint64_t key = endpoint.ring.Pop();
    BlockSlot* slot = table_.Find(key);
    uint16_t* holder = FindHolder(*slot, local);
    if ((*holder & kUsedBit) && chances > 0) {
      *holder &= static_cast<uint16_t>(~kUsedBit);
      endpoint.ring.Push(key);
      --chances;
      continue;
    }
    RemoveHolder(*slot, local);
    endpoint.use->in_shard[number_].fetch_sub(1, std::memory_order_relaxed);
    endpoint.use->Release(1);
    --blocks;
  }
}

void Shard::Remove(uint32_t endpoint_id) {
  const std::lock_guard lock(mutex_);
  const uint32_t local = LocalOf(endpoint_id);
  if (local == kNone) return;
  Local& endpoint = locals_[local];
  while (endpoint.ring.size() > 0) RemoveHolder(*table_.Find(endpoint.ring.Pop()), local);
  endpoint = Local{};
  local_by_id_.erase(endpoint_id);
  free_locals_.push_back(local);
  table_.ShrinkIfSparse();
}

uint64_t Shard::bytes() const {
  const std::lock_guard lock(mutex_);
  constexpr uint64_t kPerLocal = sizeof(Local) + 48;  // with its node in the map
  uint64_t bytes = sizeof(Shard) + table_.bytes() + locals_.capacity() * kPerLocal;
  for (const Local& local : locals_) bytes += local.ring.bytes();
  bytes += lists_.capacity() * sizeof(lists_[0]);
  for (const auto& list : lists_) bytes += list.capacity() * sizeof(uint16_t);
  return bytes + missing_.capacity() * sizeof(uint64_t);
}

uint32_t Shard::LocalOf(uint32_t endpoint_id) const {
  const auto it = local_by_id_.find(endpoint_id);
  return it == local_by_id_.end() ? kNone : it->second;
}

uint32_t Shard::MakeLocal(uint32_t endpoint_id, const std::shared_ptr<EndpointUse>& use) {
  uint32_t local;
  if (free_locals_.empty()) {
    local = static_cast<uint32_t>(locals_.size());
    locals_.emplace_back();
  } else {
    local = free_locals_.back();
    free_locals_.pop_back();
  }
  locals_[local].use = use;
  local_by_id_[endpoint_id] = local;
  return local;
}

std::span<const uint16_t> Shard::HoldersOf(const BlockSlot& slot) const {
  if (slot.holders[0] == BlockSlot::kInList) return lists_[ListOf(slot)];
  size_t n = 0;
  while (n < slot.holders.size() && slot.holders[n] != BlockSlot::kFree) ++n;
  return {slot.holders.data(), n};
}

uint16_t* Shard::FindHolder(BlockSlot& slot, uint32_t local) {
  if (slot.holders[0] == BlockSlot::kInList) {
    std::vector<uint16_t>& list = lists_[ListOf(slot)];
    const auto it = std::lower_bound(list.begin(), list.end(), local, LocalLess);
    return it != list.end() && (*it >> 1) == local ? &*it : nullptr;
  }
  for (uint16_t& holder : slot.holders) {
    if (holder == BlockSlot::kFree) return nullptr;
    if ((holder >> 1) == local) return &holder;
  }
  return nullptr;
}

void Shard::AddHolder(BlockSlot& slot, uint32_t local) {
  const auto holder = static_cast<uint16_t>(local << 1);
  if (slot.holders[0] != BlockSlot::kInList) {
    for (uint16_t& place : slot.holders) {
      if (place != BlockSlot::kFree) continue;
      place = holder;
      return;
    }
    MoveToList(slot);
  }
  std::vector<uint16_t>& list = lists_[ListOf(slot)];
  list.insert(std::lower_bound(list.begin(), list.end(), local, LocalLess), holder);
}

void Shard::MoveToList(BlockSlot& slot) {
  uint32_t number;
  if (free_lists_.empty()) {
    number = static_cast<uint32_t>(lists_.size());
    lists_.emplace_back();
  } else {
    number = free_lists_.back();
    free_lists_.pop_back();
  }
  lists_[number].assign(slot.holders.begin(), slot.holders.end());
  std::sort(lists_[number].begin(), lists_[number].end());
  slot.holders = {BlockSlot::kInList, static_cast<uint16_t>(number & 0xFFFF),
                  static_cast<uint16_t>(number >> 16), BlockSlot::kFree};
}

void Shard::RemoveHolder(BlockSlot& slot, uint32_t local) {
  uint16_t* holder = FindHolder(slot, local);
  if (slot.holders[0] != BlockSlot::kInList) {
    uint16_t* last = slot.holders.data() + HoldersOf(slot).size() - 1;
    *holder = *last;
    *last = BlockSlot::kFree;
    if (slot.empty()) table_.Erase(&slot);
    return;
  }
  const uint32_t number = ListOf(slot);
  std::vector<uint16_t>& list = lists_[number];
  list.erase(list.begin() + (holder - list.data()));
  if (list.size() > kBackInSlot) return;
  slot.holders.fill(BlockSlot::kFree);
  std::copy(list.begin(), list.end(), slot.holders.begin());
  list = {};
  free_lists_.push_back(number);
}

}  // namespace inference::prefix
