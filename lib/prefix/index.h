#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace inference::prefix {

class EndpointUse;
class Shard;

/// Which endpoints are believed to hold which blocks: for each endpoint the blocks of the chains
/// last sent to it, at most as many as it can hold. Shared by all threads of a pool; thread-safe.
///
/// A chain lives as a whole in the shard of its first hash, so a look-up takes one lock. An
/// endpoint's capacity is one number for all shards and is never exceeded. What is forgotten is, in
/// a shard picked in proportion to what the endpoint has there, the block recorded longest ago that
/// was not recorded again since (CLOCK: near LRU); of one chain its end goes before its start. Only
/// Record counts as use, Match does not.
/// Memory: <= 40 bytes per block that one endpoint holds, far less for blocks held by many.
class Index {
 public:
  /// Most endpoints that one index follows; those beyond are not recorded.
  static constexpr size_t kMaxEndpoints = 32'000;

  /// Memory that a thread reuses from look-up to look-up.
  struct Scratch {
    std::vector<uint32_t> counts;
  };

  struct Stats {
    uint64_t blocks = 0;     // (endpoint, block) entries
    uint64_t bytes = 0;      // memory held
    uint64_t endpoints = 0;  // that hold at least one block or once did
  };

  /// `seed` decides only where entries lie in memory, so that nobody outside can aim for one spot.
  explicit Index(uint64_t seed);
  ~Index();
  Index(const Index&) = delete;
  Index& operator=(const Index&) = delete;

  /// Adds to matches[i] how many of the chain's first hashes endpoint_ids[i] holds without a gap.
  /// REQUIRES: matches.size() == endpoint_ids.size().
  void Match(std::span<const uint64_t> chain, std::span<const uint32_t> endpoint_ids,
             std::span<uint32_t> matches, Scratch& scratch) const;

  /// The endpoint got a prompt with this chain, and holds at most `capacity` blocks in all; it may
  /// change from call to call. Of a chain longer than that the first `capacity` blocks are kept.
  void Record(uint32_t endpoint_id, uint32_t capacity, std::span<const uint64_t> chain);

  /// Forgets the endpoint for good: a late Record for the same id is ignored.
  void Remove(uint32_t endpoint_id);

  /// Blocks that the endpoint is believed to hold.
  uint64_t BlocksOf(uint32_t endpoint_id) const;
  Stats ReadStats() const;

 private:
  static constexpr size_t kShards = 32;
  static constexpr size_t kRememberedRemovals = 4096;

  EndpointUse* UseOf(uint32_t endpoint_id);
  void MakeRoom(EndpointUse& use, uint32_t endpoint_id, uint64_t need, uint64_t random);
  Shard& ShardOf(std::span<const uint64_t> chain) const;

  std::vector<std::unique_ptr<Shard>> shards_;

  mutable std::mutex mutex_;  // after no shard's lock: never taken while one is held
  std::unordered_map<uint32_t, std::shared_ptr<EndpointUse>> uses_;  // guarded by mutex_
  std::unordered_set<uint32_t> removed_;                             // guarded by mutex_
  std::deque<uint32_t> removed_order_;                               // guarded by mutex_
};

}  // namespace inference::prefix
