#pragma once

#include <array>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>

#include "base/clock.h"

namespace inference::datastore {

/// How old a value may be and still count. Unknown is never zero.
enum class Freshness : uint8_t { kUnknown, kStale, kFresh };

inline constexpr int64_t kNever = std::numeric_limits<int64_t>::min();  // a time in nanoseconds

/// A value as it was read: NaN when unknown.
struct Reading {
  double value = std::numeric_limits<double>::quiet_NaN();
  Freshness freshness = Freshness::kUnknown;
  base::Duration age{0};  // meaningful unless unknown
};

/// One number that a model server reported, with its time. One writer, any readers; value and time
/// are two atomics, so a reader may pair a new value with the time of the page before it.
class Gauge {
 public:
  /// A value that is not finite says nothing: unknown from then on.
  void Set(double value, base::Time at) {
    if (!std::isfinite(value)) return Forget();
    value_.store(value, std::memory_order_relaxed);
    at_ns_.store(base::ToNanos(at), std::memory_order_release);
  }
  void Forget() { at_ns_.store(kNever, std::memory_order_release); }

  Reading Read(base::Time now, base::Duration stale_after) const {
    const int64_t at = at_ns_.load(std::memory_order_acquire);
    if (at == kNever) return {};
    Reading r;
    r.value = value_.load(std::memory_order_relaxed);
    r.age = base::Duration(base::ToNanos(now) - at);
    r.freshness = r.age > stale_after ? Freshness::kStale : Freshness::kFresh;
    return r;
  }

 private:
  std::atomic<double> value_{0};
  std::atomic<int64_t> at_ns_{kNever};
};

/// The LoRA adapters of one server, as hashes of their names (base::HashName is not needed by
/// readers: ask Contains with HashAdapter). One writer, any readers; a reader may see a mix of two
/// updates, which can only misjudge one pick.
class LoraState {
 public:
  static constexpr size_t kMaxAdapters = 128;

  /// Same hash for writers and readers.
  static uint64_t HashAdapter(std::string_view name);

  void Set(std::array<uint64_t, kMaxAdapters> const& running, size_t n_running,
           std::array<uint64_t, kMaxAdapters> const& waiting, size_t n_waiting, uint32_t max,
           base::Time at);
  /// A server that no longer serves adapters, or whose page says nothing of them.
  void Forget() { at_ns_.store(kNever, std::memory_order_release); }
  bool Known() const { return at_ns_.load(std::memory_order_acquire) != kNever; }
  Freshness FreshnessAt(base::Time now, base::Duration stale_after) const {
    const int64_t at = at_ns_.load(std::memory_order_acquire);
    if (at == kNever) return Freshness::kUnknown;
    return base::ToNanos(now) - at > stale_after.count() ? Freshness::kStale : Freshness::kFresh;
  }
  bool IsRunning(uint64_t hash) const { return Contains(running_, n_running_, hash); }
  bool IsWaiting(uint64_t hash) const { return Contains(waiting_, n_waiting_, hash); }
  uint32_t running_count() const { return n_running_.load(std::memory_order_relaxed); }
  uint32_t waiting_count() const { return n_waiting_.load(std::memory_order_relaxed); }
  uint32_t max() const { return max_.load(std::memory_order_relaxed); }

 private:
  using Slots = std::array<std::atomic<uint64_t>, kMaxAdapters>;
  static bool Contains(const Slots& slots, const std::atomic<uint32_t>& n, uint64_t hash);

  Slots running_{}, waiting_{};
  std::atomic<uint32_t> n_running_{0}, n_waiting_{0}, max_{0};
  std::atomic<int64_t> at_ns_{kNever};
};

/// Everything that model servers report about themselves. Written by the scrape thread (or by an
/// embedding program), read by picks.
struct MetricsState {
  Gauge waiting;                      // requests queued
  Gauge running;                      // requests in the batch
  Gauge kv_usage;                     // fraction, 0..1
  Gauge block_size;                   // tokens per KV block
  Gauge num_blocks;                   // KV blocks in all
  Gauge prefix_queries, prefix_hits;  // tokens, counters
  Gauge preemptions;                  // counter
  Gauge asleep;                       // 1 when the engine sleeps
  LoraState lora;

  std::atomic<int64_t> last_page_ns{0};  // when the last good page was applied
  std::atomic<uint64_t> pages{0}, page_errors{0};
};

}  // namespace inference::datastore
