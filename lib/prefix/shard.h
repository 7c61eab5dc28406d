#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "prefix/block_table.h"
#include "prefix/index.h"

namespace inference::prefix {

/// How much of an endpoint's capacity is used, over all shards. Thread-safe.
class EndpointUse {
 public:
  static constexpr size_t kMaxShards = 64;

  std::atomic<uint32_t> capacity{0};
  std::atomic<bool> gone{false};  // set before the shards are cleared; they look under their lock
  std::array<std::atomic<uint32_t>, kMaxShards> in_shard{};  // written under that shard's lock

  uint32_t used() const { return used_.load(std::memory_order_relaxed); }
  /// Takes up to `wanted` blocks of what is left of the capacity; returns how many.
  uint32_t Reserve(uint32_t wanted);
  void Release(uint32_t blocks) { used_.fetch_sub(blocks, std::memory_order_relaxed); }

 private:
  std::atomic<uint32_t> used_{0};
};

/// A queue of keys, oldest first, in one array.
class KeyRing {
 public:
  size_t size() const { return size_; }
  size_t bytes() const { return keys_.capacity() * sizeof(uint64_t); }
  void Push(uint64_t key);
  uint64_t Pop();

 private:
  std::vector<uint64_t> keys_;
  size_t head_ = 0;
  size_t size_ = 0;
};

/// One part of an Index under one lock. Thread-safe.
class alignas(64) Shard {
 public:
  Shard(size_t number, uint64_t seed) : number_(number), seed_(seed) {}

  void Match(std::span<const uint64_t> chain, std::span<const uint32_t> endpoint_ids,
             std::span<uint32_t> matches, Index::Scratch& scratch) const;

  /// Marks the chain's known blocks as used and adds the others when all of them fit, else none,
  /// and returns how many do not fit. With `partly`, adds the first ones that fit and returns 0.
  uint32_t Record(const std::shared_ptr<EndpointUse>& use, uint32_t endpoint_id,
                  std::span<const uint64_t> chain, bool partly);
  /// Forgets up to `blocks` of the endpoint's oldest blocks.
  void Evict(uint32_t endpoint_id, uint32_t blocks);
  void Remove(uint32_t endpoint_id);

  uint64_t bytes() const;

 private:
  // An endpoint's number in this shard; holders name it: number * 2 + (used since it was queued).
  struct Local {
    std::shared_ptr<EndpointUse> use;  // null: number is free
    KeyRing ring;                      // each block that it holds here, once
  };
  static constexpr uint16_t kUsedBit = 1;
  static constexpr uint32_t kNone = UINT32_MAX;

  uint64_t KeyOf(uint64_t hash) const { return (hash ^ seed_) * 0x9E3779B97F4A7C15U; }
  uint32_t LocalOf(uint32_t endpoint_id) const;
  uint32_t MakeLocal(uint32_t endpoint_id, const std::shared_ptr<EndpointUse>& use);
  std::span<const uint16_t> HoldersOf(const BlockSlot& slot) const;
  uint16_t* FindHolder(BlockSlot& slot, uint32_t local);
  void AddHolder(BlockSlot& slot, uint32_t local);
  void RemoveHolder(BlockSlot& slot, uint32_t local);
  uint32_t ListOf(const BlockSlot& slot) const { return slot.holders[1] | slot.holders[2] << 16; }
  void MoveToList(BlockSlot& slot);
  void AddMissing(uint32_t local, uint32_t granted);

  const size_t number_;
  const uint64_t seed_;
  mutable std::mutex mutex_;
  // all guarded by mutex_
  BlockTable table_;
  std::vector<Local> locals_;
  std::vector<uint32_t> free_locals_;
  std::unordered_map<uint32_t, uint32_t> local_by_id_;
  std::vector<std::vector<uint16_t>> lists_;  // sorted
  std::vector<uint32_t> free_lists_;
  std::vector<uint64_t> missing_;  // scratch of Record
};

}  // namespace inference::prefix
