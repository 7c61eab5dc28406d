#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "datastore/endpoint.h"
#include "datastore/snapshot.h"

namespace inference::extproc {

/// A picked request whose response the picking stream does not see. It counts as in flight until an
/// observing stream ends it, or until it is as old as requests of its pool usually get.
struct UnseenRequest {
  datastore::Reservation reservation;
  std::shared_ptr<const datastore::Pool> pool;
  uint32_t pool_id = 0;
  std::string model;
  base::Time picked{};
  // Where its decision record is.
  uint32_t reactor = 0;
  uint64_t record = 0;
};

/// Unseen requests by request id, and what is known per pool about responses. Shared by all
/// reactors: the observing stream may come to another one. Thread-safe.
class InFlightTable {
 public:
  static constexpr size_t kShards = 64;
  /// Beyond it the one that would end next ends early. 64 x 4096 are 26,000 requests a second that
  /// nobody observes, for the default duration; an entry takes some 260 bytes.
  static constexpr size_t kMaxPerShard = 4096;
  static constexpr base::Duration kDefaultDuration = std::chrono::seconds(10);
  static constexpr base::Duration kMinDuration = std::chrono::seconds(1);
  static constexpr base::Duration kMaxDuration = std::chrono::minutes(5);
  /// For how long a pool counts as observed after an observing stream.
  static constexpr base::Duration kObservedFor = std::chrono::seconds(60);

  void Add(std::string_view request_id, UnseenRequest request, base::Time now);
  /// The oldest of that id, or nothing.
  std::optional<UnseenRequest> Take(std::string_view request_id);
  /// Ends what is over its time in shards i with i % of == part.
  void Expire(base::Time now, size_t part, size_t of);
  size_t size() const { return size_.load(std::memory_order_relaxed); }

  /// An observing stream serves this pool.
  void NoteObserver(uint32_t pool_id, base::Time now);
  bool Observed(uint32_t pool_id, base::Time now) const;
  /// A response of this pool took that long (moving average of 1/16).
  void NoteDuration(uint32_t pool_id, base::Duration duration);
  base::Duration PredictedDuration(uint32_t pool_id) const;

 private:
  /// Hash of the request id, then order of arrival: a client may send one id any number of times,
  /// and each operation must stay cheap.
  using Key = std::pair<size_t, uint64_t>;
  struct Entry {
    UnseenRequest request;
    base::Time expires;
  };
  struct Shard {
    std::mutex mutex;
    std::map<Key, Entry> requests;                  // guarded by mutex
    std::set<std::pair<base::Time, Key>> expiries;  // guarded by mutex; one per request
    uint64_t sequence = 0;                          // guarded by mutex
  };
  /// Pools beyond this many never count as observed and use the default duration.
  static constexpr size_t kMaxPools = 4096;
  struct PoolFacts {
    std::atomic<int64_t> observer_seen{0};  // nanoseconds
    std::atomic<int64_t> duration{0};       // nanoseconds; 0: none seen
  };

  /// Ends the request that expires first. REQUIRES: there is one.
  void DropFirst(Shard& shard);

  std::array<Shard, kShards> shards_;
  std::array<PoolFacts, kMaxPools> pools_;
  std::atomic<size_t> size_{0};
};

}  // namespace inference::extproc
