#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "api/kinds.h"
#include "base/clock.h"
#include "datastore/metrics_state.h"

namespace inference::datastore {

/// What identifies and describes an endpoint; constant. One endpoint is one address with one port.
struct EndpointInfo {
  std::string name;  // "set-endpoint" or pod name, with "/rank" when there are several ports
  std::string ns;
  std::string address;  // IP literal, no brackets
  int port = 0;
  int rank = 0;           // index of the port
  std::string host_port;  // "10.0.0.1:8000", "[::1]:8000": what goes into the destination header
  api::Labels labels;
  api::Labels annotations;

  bool operator==(const EndpointInfo&) const = default;
};

/// "ip:port", IPv6 in brackets.
std::string JoinHostPort(const std::string& address, int port);

/// One endpoint: constant identity and live state. Shared by all snapshots that hold it, so that
/// counters survive a reload. Thread-safe.
class Endpoint {
 public:
  /// Failures in a row before an endpoint counts as unreachable.
  static constexpr int kFailuresToUnreachable = 2;

  explicit Endpoint(EndpointInfo info);

  const EndpointInfo& info() const { return info_; }
  /// Unique in the process, never used again. Key of the prefix index and of decision records.
  uint32_t id() const { return id_; }

  MetricsState metrics;

  // --- in flight: what we sent there and has not ended ---
  int64_t in_flight() const { return in_flight_.load(std::memory_order_relaxed); }
  uint64_t picks() const { return picks_.load(std::memory_order_relaxed); }
  /// Picks that the last applied metrics page cannot know of: those since its scrape began, at most
  /// those still in flight. Added to `waiting`, so that a burst between two scrapes doesn't herd.
  int64_t UnseenPicks() const;
  /// The scraper: call ScrapeBegins() when a request for a page is sent, keep the mark, and hand it
  /// back when that page is applied.
  uint64_t ScrapeBegins() const { return picks(); }
  void ScrapeApplied(uint64_t mark) { seen_picks_.store(mark, std::memory_order_relaxed); }

  // --- reachability ---
  bool reachable() const {
    return failures_.load(std::memory_order_relaxed) < kFailuresToUnreachable && !shunned();
  }
  /// Scrapes that failed in a row.
  int failures() const { return failures_.load(std::memory_order_relaxed); }
  /// A failed scrape.
  void RecordFailure() { failures_.fetch_add(1, std::memory_order_relaxed); }
  /// Any proof of life. Returns true when it ends a row of failures that was long enough.
  bool RecordSuccess() {
    return failures_.exchange(0, std::memory_order_relaxed) >= kFailuresToUnreachable;
  }
  /// Requests fail there, whatever its scrapes say: unreachable until EndShun. `fault`: constant
  /// text that goes on "the gateway reports that".
  void Shun(const char* fault) { shunned_for_.store(fault, std::memory_order_relaxed); }
  void EndShun() { shunned_for_.store(nullptr, std::memory_order_relaxed); }
  bool shunned() const { return shunned_for() != nullptr; }
  /// Null: not shunned.
  const char* shunned_for() const { return shunned_for_.load(std::memory_order_relaxed); }

 private:
  friend class Reservation;
  const EndpointInfo info_;
  const uint32_t id_;
  std::atomic<int64_t> in_flight_{0};
  std::atomic<uint64_t> picks_{0};
  std::atomic<uint64_t> seen_picks_{0};
  std::atomic<int> failures_{0};
  std::atomic<const char*> shunned_for_{nullptr};
};

/// One request in flight on an endpoint; counted from construction until End() or destruction,
/// exactly once. Movable. Not thread-safe itself; the counters are.
class Reservation {
 public:
  Reservation() = default;
  explicit Reservation(std::shared_ptr<Endpoint> endpoint);
  Reservation(Reservation&&) noexcept = default;
  Reservation& operator=(Reservation&& other) noexcept {
    if (this == &other) return *this;
    End();
    endpoint_ = std::move(other.endpoint_);
    return *this;
  }
  ~Reservation() { End(); }

  bool active() const { return endpoint_ != nullptr; }
  const std::shared_ptr<Endpoint>& endpoint() const { return endpoint_; }
  void End();
  /// The gateway served another endpoint than the one picked: move the count there.
  void MoveTo(std::shared_ptr<Endpoint> other);

 private:
  std::shared_ptr<Endpoint> endpoint_;
};

}  // namespace inference::datastore
