#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/snapshot_holder.h"
#include "extproc/connection.h"
#include "extproc/decision_ring.h"
#include "extproc/dispatcher.h"
#include "extproc/parse_pool.h"
#include "extproc/session.h"
#include "picker/runtime.h"
#include "telemetry/request_stats.h"

namespace inference::extproc {

using RuntimeHolder = base::SnapshotHolder<picker::Runtime>;

/// What all reactors share. Outlives them; thread-safe.
struct ReactorShared {
  const base::Clock& clock;
  const RuntimeHolder& runtime;
  SessionOptions session;
  size_t ring_size = 0;
  base::Duration pick_timeout{};  // to read a large body
  BodyBudget& budget;
  InFlightTable& in_flight;
  OutlierDetector& outliers;
  ObservedSink& observed_sink;
  ParsePool& parsers;
  Dispatcher& dispatcher;
  std::atomic<bool> ready{false};  // readiness, as the health service tells it
  size_t reactors = 1;
};

/// One thread with its epoll set, connections, sessions, telemetry shard and decision ring. Public
/// methods are thread-safe unless they say otherwise.
class Reactor final : private flowcontrol::Waiter {
 public:
  /// The next piece of a request, or a first message, must come within this time.
  static constexpr base::Duration kIdleTimeout = std::chrono::seconds(60);
  /// A stream that we have ended is reset when the peer doesn't end it within this time.
  static constexpr base::Duration kDrainTimeout = std::chrono::seconds(5);

  Reactor(ReactorShared& shared, uint32_t index, uint64_t seed);
  ~Reactor();

  Status Start();
  /// Closes everything and joins the thread. REQUIRES: the parse pool is stopped, for it works on
  /// jobs of ours.
  void Stop();
  /// Runs `task` on the reactor's thread, in order; never if the reactor stops first.
  void Post(std::function<void()> task);
  void AddConnection(net::FileDescriptor fd, std::shared_ptr<SSL_CTX> tls, bool health_only);
  /// GOAWAY on every connection, now and on those to come; each closes with its last stream.
  void Drain();
  /// Readiness has changed: the Watch streams are told.
  void PostHealthUpdate();
  size_t connections() const { return n_connections_.load(std::memory_order_relaxed); }
  size_t streams() const { return n_streams_.load(std::memory_order_relaxed); }
  const telemetry::Shard& shard() const { return shard_; }

  // --- for connections and posted tasks, on the reactor's thread ---
  SessionContext& context() { return context_; }
  wire::MessagePool& messages() { return messages_; }
  DecisionRing& ring() { return ring_; }
  ReactorShared& shared() { return shared_; }
  base::Time now() const { return context_.now; }
  /// Where a connection reads into; kReadSize bytes.
  static constexpr size_t kReadSize = 256 * 1024;
  char* read_buffer() { return read_buffer_.get(); }
  /// To be flushed at the end of this turn.
  void MarkDirty(Connection& connection);
  void StreamOpened() { n_streams_.store(n_streams_.load(std::memory_order_relaxed) + 1); }
  void StreamClosed(Stream& stream);
  /// Follows what the stream's outbox asks for; `activity`: the peer sent something.
  void UpdateTimer(Stream& stream, bool activity);
  /// Has a worker run the job, then tells the stream, if it is still there.
  void Parse(Stream& stream, std::unique_ptr<ParseJob> job);
  /// Has the stream wait for its pool, then tells it, if it is still there.
  void Park(Stream& stream, Outbox::Parking parking);
  void SetCallDeadline(Stream& stream, base::Time when);

 private:
  void OnRelease(uint64_t ticket, flowcontrol::Release release) override;
  void FinishPark(uint64_t ticket, flowcontrol::Release release);
  void Run();
  void StartTurn();
  void RunTasks();
  void RunTimers();
  void Sweep();
  void FlushDirty();
  void Close(Connection& connection);
  void UpdateInterest(Connection& connection);
  int WaitMillis() const;
  TimerList* ListOf(Timer timer);
  void FinishParse(ParseJob& job);

  ReactorShared& shared_;
  const uint32_t index_;
  telemetry::Shard shard_;
  DecisionRing ring_;
  SessionContext context_;
  wire::MessagePool messages_;
  RuntimeHolder::Reader runtime_;
  std::unique_ptr<char[]> read_buffer_;

  net::FileDescriptor epoll_, wake_;
  std::unordered_map<int, std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> dirty_, flushing_;
  TimerList idle_{kIdleTimeout}, pick_{shared_.pick_timeout}, drain_{kDrainTimeout};
  std::set<std::pair<base::Time, Stream*>> call_deadlines_;
  struct Parsing {
    std::unique_ptr<ParseJob> job;
    Stream* stream;  // null: gone
  };
  std::unordered_map<ParseJob*, Parsing> parsing_;
  struct Parked {
    Stream* stream;
    std::shared_ptr<flowcontrol::Line> line;
  };
  std::unordered_map<uint64_t, Parked> parked_;  // by ticket
  uint64_t last_ticket_ = 0;
  base::Time next_sweep_{}, next_expiry_{};
  std::optional<base::Time> finish_drain_;
  bool draining_ = false;

  std::mutex mutex_;
  std::vector<std::function<void()>> tasks_;  // guarded by mutex_
  std::vector<std::function<void()>> running_tasks_;
  std::atomic<bool> stop_{false};
  std::atomic<size_t> n_connections_{0}, n_streams_{0};
  std::thread thread_;
};

}  // namespace inference::extproc
