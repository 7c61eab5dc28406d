#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

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

/// May new requests go there? Requests that run there go on, whatever it says.
enum class Admission : uint8_t {
  kOpen,
  kPinned,  // soft drain: only requests that go on with what the endpoint has cached for them
  kClosed,  // hard drain
};

/// Do requests fail there, so that it gets none? See extproc::OutlierDetector.
enum class Ejection : uint8_t {
  kNone,
  kEjected,    // none, unless nothing else is left
  kTrialDue,   // the next request that is picked for it tries it
  kTrialRuns,  // that one is under way; else as kEjected
};

/// Who lowers an endpoint's share of requests. Shares multiply.
enum class WeightOf : uint8_t { kOperator, kUndrain, kSlowStart };

/// What we owe an endpoint; see Endpoint::commitment().
struct Commitment {
  int64_t in_flight = 0;  // sent there, not ended
  int64_t fallbacks =
      0;  // requests that a gateway may still send there: a list has it behind others
  uint64_t arrivals = 0;  // requests that ever counted as in flight; it never falls
  int64_t total() const { return in_flight + fallbacks; }
};

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
  /// `begun`: when the page was asked for.
  void ScrapeApplied(uint64_t mark, base::Time begun) {
    seen_picks_.store(mark, std::memory_order_relaxed);
    page_begun_ns_.store(base::ToNanos(begun), std::memory_order_release);
  }
  /// When the last applied page was asked for; kNever before the first one. What `metrics` holds is
  /// from that page or a later one.
  int64_t page_begun_ns() const { return page_begun_ns_.load(std::memory_order_acquire); }

  // --- admission: written by one thread (the daemon's control thread) ---
  /// Without ordering, for a first look; Reservation::Try looks again.
  Admission admission() const { return admission_.load(std::memory_order_relaxed); }
  /// `note`: for people, e.g. "Draining by alice: kernel upgrade".
  void SetAdmission(Admission admission, std::string note);
  std::string admission_note() const;

  /// What is owed there. After SetAdmission(kClosed) by the same thread, a total of 0 is a proof
  /// that nothing that was picked for the endpoint has still to end or may still come.
  ///
  /// Why: Try() first counts and then looks at the admission, SetAdmission() stores it before
  /// anyone counts, and all four operations are seq_cst, so they stand in one order. If Try's look
  /// comes before the store, its count does too, and is seen by every reading after the store until
  /// the request ends. If the look comes after the store, Try gives its count back and the request
  /// is picked anew, without this endpoint. Fallbacks are read before requests in flight, because a
  /// request moves from the one to the other in that order (counted there before it is given back
  /// here), never back. A gateway may still serve a request here that was not sent here: it moves
  /// in as `arrivals` tells.
  Commitment commitment() const;

  /// Share of the requests that it would get otherwise, in permille, 1 to kFullWeight: the product
  /// of what each of WeightOf has set.
  static constexpr uint32_t kFullWeight = 1000;
  uint32_t weight() const { return weight_.load(std::memory_order_relaxed); }
  /// `note`: for people, why. Written by one thread.
  void SetWeight(WeightOf of, uint32_t permille, std::string note);
  /// What one of them has set.
  uint32_t share(WeightOf of) const;
  /// Why weight() is less than kFullWeight: the notes, "; " between them.
  std::string weight_note() const;

  // --- reachability ---
  bool reachable() const {
    const Ejection state = ejection();
    return failures_.load(std::memory_order_relaxed) < kFailuresToUnreachable &&
           state != Ejection::kEjected && state != Ejection::kTrialRuns;
  }
  /// Scrapes that failed in a row.
  int failures() const { return failures_.load(std::memory_order_relaxed); }
  /// A failed scrape.
  void RecordFailure() { failures_.fetch_add(1, std::memory_order_relaxed); }
  /// Any proof of life. Returns true when it ends a row of failures that was long enough.
  bool RecordSuccess() {
    return failures_.exchange(0, std::memory_order_relaxed) >= kFailuresToUnreachable;
  }

  // --- ejection: whatever its scrapes say. Written by one thread at a time, but for the step from
  // kTrialDue to kTrialRuns, which Reservation::Try takes ---
  Ejection ejection() const { return ejection_.load(std::memory_order_relaxed); }
  /// `fault`: constant text that goes on "the gateway reports that".
  void Eject(const char* fault) {
    ejected_for_.store(fault, std::memory_order_relaxed);
    ejection_.store(Ejection::kEjected, std::memory_order_relaxed);
    ejections_.fetch_add(1, std::memory_order_relaxed);
  }
  void OfferTrial() { ejection_.store(Ejection::kTrialDue, std::memory_order_relaxed); }
  void Readmit() { ejection_.store(Ejection::kNone, std::memory_order_relaxed); }
  uint64_t ejections() const { return ejections_.load(std::memory_order_relaxed); }
  /// "ejected: ..." or "half open: ...", for people; empty when it is neither.
  std::string ejection_note() const;

 private:
  friend class Reservation;
  const EndpointInfo info_;
  const uint32_t id_;
  std::atomic<int64_t> in_flight_{0};
  std::atomic<uint64_t> picks_{0};
  std::atomic<uint64_t> seen_picks_{0};
  std::atomic<int64_t> fallbacks_{0};
  std::atomic<int64_t> page_begun_ns_{kNever};
  std::atomic<int> failures_{0};
  std::atomic<uint32_t> weight_{kFullWeight};
  std::atomic<Admission> admission_{Admission::kOpen};
  std::atomic<Ejection> ejection_{Ejection::kNone};
  std::atomic<const char*> ejected_for_{nullptr};
  std::atomic<uint64_t> ejections_{0};
  mutable std::mutex note_mutex_;
  std::string admission_note_;  // guarded by note_mutex_
  struct Share {
    uint32_t permille = kFullWeight;
    std::string note;
  };
  std::array<Share, 3> shares_;  // guarded by note_mutex_; by WeightOf
};

/// One request in flight on an endpoint, and the endpoints that the gateway may send it to instead;
/// each counted until End() or destruction, exactly once. Movable. Not thread-safe itself; the
/// counters are.
class Reservation {
 public:
  Reservation() = default;
  /// Counts, whatever the endpoint's admission.
  explicit Reservation(std::shared_ptr<Endpoint> endpoint);
  /// Counts unless the endpoint is closed (see Endpoint::commitment()), or ejected and no trial is
  /// due: then inactive. `ejected_too`: nothing better was left, so ejected is no reason.
  static Reservation Try(const std::shared_ptr<Endpoint>& endpoint, bool ejected_too = false);
  Reservation(Reservation&&) noexcept = default;
  Reservation& operator=(Reservation&& other) noexcept {
    if (this == &other) return *this;
    End();
    endpoint_ = std::move(other.endpoint_);
    fallbacks_ = std::move(other.fallbacks_);
    return *this;
  }
  ~Reservation() { End(); }

  bool active() const { return endpoint_ != nullptr; }
  const std::shared_ptr<Endpoint>& endpoint() const { return endpoint_; }
  /// The gateway may send the request there instead. False, and nothing is counted, when that
  /// endpoint takes no new requests. REQUIRES: active.
  bool TryFallback(const std::shared_ptr<Endpoint>& endpoint);
  void End();
  /// The gateway served `other`: the count goes there, and the fallbacks are none any more.
  void MoveTo(std::shared_ptr<Endpoint> other);

 private:
  using Endpoints = std::vector<std::shared_ptr<Endpoint>>;
  void EndFallbacks();

  std::shared_ptr<Endpoint> endpoint_;
  std::unique_ptr<Endpoints> fallbacks_;  // null when there are none: the usual case
};

}  // namespace inference::datastore
