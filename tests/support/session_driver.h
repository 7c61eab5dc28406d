#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/kinds.h"
#include "base/clock.h"
#include "extproc/session.h"
#include "picker/runtime.h"
#include "support/ext_proc_messages.h"

namespace inference::test {

/// A clock that moves when told to.
class ManualClock : public base::Clock {
 public:
  base::Time Now() const override { return now; }
  base::WallTime WallNow() const override {
    return base::WallTime(std::chrono::seconds(1'700'000'000));
  }
  base::Time now = base::FromNanos(1'000'000'000'000);
};

/// What a model server reports in a test.
struct TestEndpoint {
  std::string address;
  double waiting = 0, kv_usage = 0;
  std::vector<std::string> adapters;
};

/// A pool "default/<name>" on port 8000 whose endpoints have just been scraped. `plugins`: scorer
/// plugin names with weight 1 for its one profile; empty: the built-in defaults.
picker::PoolRuntime MakePool(const std::string& name, const std::vector<TestEndpoint>& endpoints,
                             base::Time now, const std::vector<std::string>& plugins = {});

/// What all sessions of a test share: one reactor's worth of context over real scheduling.
class SessionWorld : private extproc::ObservedSink {
 public:
  explicit SessionWorld(std::vector<picker::PoolRuntime> pools = {},
                        extproc::SessionOptions options = {}, int64_t body_budget = 1 << 30);
  void Publish(std::vector<picker::PoolRuntime> pools);
  void Advance(base::Duration by);
  /// The endpoint's in-flight count.
  int64_t InFlight(size_t pool, size_t endpoint) const;
  std::optional<picker::DecisionRecord> Find(std::string_view request_id) const {
    return ring.Find(request_id);
  }

  ManualClock clock;
  extproc::BodyBudget budget;
  extproc::InFlightTable in_flight;
  telemetry::EventLog events;
  extproc::OutlierDetector outliers{events};
  telemetry::Shard shard;
  extproc::DecisionRing ring{64};
  extproc::SessionContext context;
  extproc::wire::MessagePool messages;
  std::vector<std::pair<uint32_t, extproc::Observed>> posted;

 private:
  void PostObserved(uint32_t reactor, uint64_t record, const extproc::Observed& observed) override;
};

/// One stream: encodes what the gateway says, feeds it through the real codec, reads the answers.
class SessionDriver {
 public:
  explicit SessionDriver(SessionWorld& world, std::string_view pool = {});

  void Send(const RequestMessage& message);
  void SendBytes(std::string_view bytes);
  /// POST headers for chat completions with a request id; `modes` in the protocol configuration.
  RequestMessage Headers(int request_mode = kFullDuplex, int response_mode = kFullDuplex) const;
  void SendHeaders(int request_mode = kFullDuplex, int response_mode = kFullDuplex);
  void SendBody(std::string_view body, bool end);
  void SendTrailers(int kind = 6);
  void SendResponseHeaders(int status = 200, const std::string& content_type = "application/json",
                           const std::string& served = {});
  void SendResponseBody(std::string_view body, bool end);

  /// The answers since the last call.
  std::vector<ResponseMessage> Take();
  /// The one answer since the last call; throws when there is another number of them.
  ResponseMessage TakeOne();

  bool closed() const { return out.closing(); }
  Code code() const { return out.code(); }
  extproc::Session& session() { return *session_; }
  /// Ends the object, as a transport does when the stream is gone.
  void Destroy() { session_.reset(); }

  SessionWorld& world;
  extproc::Outbox out;
  Code fault = Code::kOk;

 private:
  std::string bytes_;
  extproc::wire::Decoder decoder_;
  std::unique_ptr<extproc::Session> session_;
};

/// A chat body for `model`.
std::string ChatBody(const std::string& model = "m", const std::string& prompt = "hello");

}  // namespace inference::test
