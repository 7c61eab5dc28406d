#include "inferencesim/kv_cache.h"

namespace inference::sim {

KvCache::KvCache(uint32_t num_blocks, bool prefix_caching)
    : prefix_caching_(prefix_caching), blocks_(num_blocks) {
  for (BlockId id = 0; id < num_blocks; ++id) PushFree(id);
}

double KvCache::usage() const {
  return blocks_.empty() ? 0.0 : static_cast<double>(used_blocks()) / num_blocks();
}

uint32_t KvCache::CountCached(std::span<const uint64_t> hashes) const {
  uint32_t count = 0;
  while (count < hashes.size() && by_hash_.contains(hashes[count])) ++count;
  return count;
}

bool KvCache::Allocate(std::span<const uint64_t> cached, uint32_t fresh,
                       std::vector<BlockId>* blocks) {
  uint32_t from_free = fresh;
  for (const uint64_t hash : cached) {
    if (blocks_[by_hash_.at(hash)].users == 0) ++from_free;
  }
  if (from_free > free_count_) return false;
  // The shared ones leave the free list before a fresh block could evict them.
  for (const uint64_t hash : cached) {
    const BlockId id = by_hash_.at(hash);
    if (blocks_[id].users++ == 0) Unlink(id);
    blocks->push_back(id);
  }
  for (uint32_t i = 0; i < fresh; ++i) blocks->push_back(TakeOldest());
  return true;
}

void KvCache::Publish(BlockId id, uint64_t hash) {
  if (!prefix_caching_) return;
  Block& block = blocks_[id];
  if (block.published || !by_hash_.emplace(hash, id).second) return;
  block.hash = hash;
  block.published = true;
}

void KvCache::Free(std::vector<BlockId>* blocks) {
  for (; !blocks->empty(); blocks->pop_back()) {
    const BlockId id = blocks->back();
    if (--blocks_[id].users == 0) PushFree(id);
  }
}

bool KvCache::Reset() {
  if (used_blocks() != 0) return false;
  by_hash_.clear();
  for (Block& block : blocks_) block.published = false;
  return true;
}

void KvCache::PushFree(BlockId id) {
  blocks_[id].previous = tail_;
  blocks_[id].next = kNone;
  (tail_ == kNone ? head_ : blocks_[tail_].next) = id;
  tail_ = id;
  ++free_count_;
}

void KvCache::Unlink(BlockId id) {
  const Block& block = blocks_[id];
  (block.previous == kNone ? head_ : blocks_[block.previous].next) = block.next;
  (block.next == kNone ? tail_ : blocks_[block.next].previous) = block.previous;
  --free_count_;
}

KvCache::BlockId KvCache::TakeOldest() {
  const BlockId id = head_;
  Unlink(id);
  Block& block = blocks_[id];
  if (block.published) by_hash_.erase(block.hash);
  block.published = false;
  block.users = 1;
  return id;
}

}  // namespace inference::sim
