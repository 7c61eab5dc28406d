#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "api/kinds.h"
#include "base/clock.h"
#include "extproc/parse_pool.h"
#include "extproc/reactor.h"
#include "extproc/tls.h"
#include "inference/status.h"
#include "net/listener.h"
#include "picker/decision_record.h"

namespace inference::extproc {

/// The data plane: listeners, an acceptor and reactors that speak ext_proc and grpc.health.v1.
///
/// Lifecycle: Start, then SetServing(true) when requests may be picked, Drain, Stop. Thread-safe
/// after Start, but for Drain and Stop, which one thread calls.
class Server final : public picker::DecisionSource, private ObservedSink {
 public:
  struct Options {
    std::vector<api::ListenerConfig> listeners;
    std::string health_address;  // empty: health only on the listeners
    /// Sockets that socket activation passed, one for each of `listeners`, taken instead of
    /// opening; -1, or none: it is opened.
    std::vector<int> inherited;
    int inherited_health = -1;                // the same for health_address
    net::InUse in_use = net::InUse::kRefuse;  // when another process listens there already
    int workers = 0;                          // reactors; 0: one per core
    size_t max_body_bytes = size_t{64} << 20;
    int64_t body_budget = int64_t{2} << 30;  // bytes of bodies that the process may hold
    base::Duration pick_timeout = std::chrono::seconds(5);  // to read a large body; then 503
    size_t decision_ring = 4096;                            // remembered decisions per reactor
    bool trust_priority_headers = true;
    bool endpoint_header = false;
    uint64_t seed = 0;  // of all random choices; 0: a random one
    /// Told of ejections. Never null.
    std::shared_ptr<telemetry::EventLog> events = std::make_shared<telemetry::EventLog>();
  };

  /// `runtime` and `clock` must outlive the server.
  Server(Options options, const RuntimeHolder& runtime, const base::Clock& clock);
  ~Server() override;

  /// Opens all listeners and starts the threads. On an error nothing is left running; the message
  /// names the address.
  Status Start();
  /// Where the server listens, with real ports: the listeners in their order.
  const std::vector<std::string>& addresses() const { return addresses_; }
  /// The health listener's, or empty.
  const std::string& health_address() const { return health_address_; }

  /// What the health services readiness, envoy.service.ext_proc.v3.ExternalProcessor and the empty
  /// one say; liveness always serves. False at the start.
  void SetServing(bool serving);
  /// Takes no more connections, sends GOAWAY, and waits until all streams are finished. Returns how
  /// many were not, at the end of `timeout`.
  size_t Drain(base::Duration timeout);
  /// Cuts what is left and joins all threads.
  void Stop();

  /// Runs `task` on the thread of a reactor, soon: it has turned then. `reactor`: below
  /// shards().size(). Thread-safe.
  void PostTo(size_t reactor, std::function<void()> task) {
    reactors_[reactor]->Post(std::move(task));
  }

  /// One per reactor; they live as long as the server.
  std::vector<const telemetry::Shard*> shards() const;
  size_t open_connections() const;
  size_t open_streams() const;
  int64_t held_body_bytes() const { return budget_.used(); }
  /// Picked requests that count as in flight although we don't see their responses.
  size_t unseen_requests() const { return in_flight_.size(); }

  /// Listeners with a certificate. Constant after Start.
  struct Tls {
    std::string address;
    std::shared_ptr<const ListenerTls> state;
  };
  const std::vector<Tls>& tls() const { return tls_; }

  std::optional<picker::DecisionRecord> FindDecision(std::string_view request_id) override;
  picker::PendingByEndpoint OldestPending(const std::vector<uint32_t>& endpoint_ids) override;

 private:
  struct Port {
    net::Listener listener;
    std::shared_ptr<ListenerTls> tls;  // null: plaintext, always
    bool health_only;
  };

  /// What all rings together tell, within a second: `look` on each reactor's thread, one at a time.
  template <typename T>
  T AskReactors(std::function<void(const DecisionRing&, T&)> look);
  Result<net::Listener> OpenOrAdopt(int inherited, const std::string& address) const;
  Status OpenListeners();
  void RunAcceptor();
  void Accept(const Port& port);
  void RefreshTls();
  void ReportAcceptError(const Port& port, int error);
  Reactor& LeastLoaded();
  void StopAcceptor();
  void PostObserved(uint32_t reactor, uint64_t record, const Observed& observed) override;

  const Options options_;
  BodyBudget budget_;
  InFlightTable in_flight_;
  OutlierDetector outliers_{*options_.events};
  ParsePool parsers_;
  Dispatcher dispatcher_;
  ReactorShared shared_;
  std::vector<std::unique_ptr<Reactor>> reactors_;

  std::vector<Port> ports_;
  std::vector<std::string> addresses_;
  std::string health_address_;
  net::FileDescriptor acceptor_wake_;
  std::thread acceptor_;
  std::vector<Tls> tls_;  // of the listeners that have any
  // Of the acceptor alone:
  base::Time next_accept_report_{};
  uint64_t accept_errors_ = 0;  // since the last report
};

}  // namespace inference::extproc
