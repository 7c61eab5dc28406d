#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "telemetry/counters.h"

namespace inference::telemetry {

/// How a stream ended, as a metric label.
enum class Outcome : uint8_t {
  kServed,       // response seen to its end
  kUnobserved,   // picked; the response was not ours to see
  kBadRequest,   // 400, 413
  kUnknownPool,  // 404
  kSaturated,    // 429
  kUnavailable,  // 503
  kTimeout,      // 408, 504
  kClientClosed,
  kProtocolError,
  kCount,
};
std::string_view OutcomeName(Outcome outcome);

/// The numbers of one pool and model on one reactor. Written by that reactor only.
class RequestSeries {
 public:
  RequestSeries(std::string pool, std::string model);

  // Call sites are one word each.
  void Picked(double seconds) { pick_seconds_.Observe(seconds); }
  void Ended(Outcome outcome) { outcomes_[static_cast<size_t>(outcome)].Add(); }
  void FirstToken(double seconds) { ttft_seconds_.Observe(seconds); }
  void TokenGap(double seconds) { gap_seconds_.Observe(seconds); }
  void Duration(double seconds) { duration_seconds_.Observe(seconds); }
  void Usage(int64_t prompt, int64_t cached, int64_t completion);

 private:
  friend class RequestStatsCollector;
  const std::string pool_, model_;
  Histogram pick_seconds_, ttft_seconds_, gap_seconds_, duration_seconds_;
  Histogram prompt_tokens_, cached_tokens_, completion_tokens_;
  std::array<Counter, static_cast<size_t>(Outcome::kCount)> outcomes_;
};

/// One reactor's telemetry. All methods but construction belong to its reactor's thread; readers go
/// through RequestStatsCollector.
class Shard {
 public:
  /// At most this many models get a series of their own; the rest share "other", for a client may
  /// send any name.
  static constexpr size_t kMaxModels = 200;
  static constexpr std::string_view kOtherModel = "other";

  /// The series of a pool and model; the reference stays valid for the shard's life.
  RequestSeries& Series(std::string_view pool, std::string_view model);

  Counter streams_opened, streams_closed;
  Counter connections_opened, connections_closed;
  Counter messages_in, bytes_in, bytes_out;
  Counter protocol_errors;     // a message that doesn't fit the state
  Counter observer_unmatched;  // observed a response whose request another replica picked
  Counter body_budget_refusals;
  Counter held_bytes;  // body bytes held now
  Counter parked;      // requests that wait for their pool now

 private:
  friend class RequestStatsCollector;
  mutable std::mutex
      grow_mutex_;  // guards series_ against the collector; taken to add, not to look up
  std::deque<RequestSeries> series_;
  std::unordered_map<std::string, RequestSeries*> by_key_;  // "pool\nmodel"
  std::string lookup_;                                      // reused key
  size_t models_ = 0;
};

}  // namespace inference::telemetry
