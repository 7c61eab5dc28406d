#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace inference::sim {

/// The KV blocks of one instance, with automatic prefix caching: a block that nobody uses keeps
/// its content until it is needed for another, the least recently used first. Not thread-safe.
class KvCache {
 public:
  using BlockId = uint32_t;

  /// Without `prefix_caching` nothing is ever found again.
  KvCache(uint32_t num_blocks, bool prefix_caching);

  uint32_t num_blocks() const { return static_cast<uint32_t>(blocks_.size()); }
  /// Blocks that a new request may have, those with reusable content included.
  uint32_t free_blocks() const { return free_count_; }
  uint32_t used_blocks() const { return num_blocks() - free_count_; }
  /// Blocks with content that a later request could share, in use or not.
  uint32_t cached_blocks() const { return static_cast<uint32_t>(by_hash_.size()); }
  /// Used blocks over all blocks, 0..1.
  double usage() const;

  /// How many of the leading `hashes` are held here.
  uint32_t CountCached(std::span<const uint64_t> hashes) const;

  /// Appends to `blocks` the blocks of `cached` (each must be held, as CountCached says) and then
  /// `fresh` blocks. False, and nothing changed, when there are not enough free ones.
  bool Allocate(std::span<const uint64_t> cached, uint32_t fresh, std::vector<BlockId>* blocks);

  /// Block `id`, in use, is full of the content with this hash: others may share it from now on.
  void Publish(BlockId id, uint64_t hash);

  /// Gives all `blocks` of a request back and clears the vector. The tail is reused first, because
  /// heads are shared more often.
  void Free(std::vector<BlockId>* blocks);

  /// Forgets all content. False, and nothing changed, while any block is in use.
  bool Reset();

 private:
  static constexpr BlockId kNone = UINT32_MAX;
  struct Block {
    uint64_t hash = 0;
    uint32_t users = 0;
    bool published = false;
    BlockId previous = kNone;  // in the list of free blocks
    BlockId next = kNone;
  };

  void PushFree(BlockId id);
  void Unlink(BlockId id);
  BlockId TakeOldest();

  const bool prefix_caching_;
  std::vector<Block> blocks_;
  std::unordered_map<uint64_t, BlockId> by_hash_;
  BlockId head_ = kNone;  // the least recently used free block
  BlockId tail_ = kNone;
  uint32_t free_count_ = 0;
};

}  // namespace inference::sim
