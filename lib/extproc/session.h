#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/rng.h"
#include "datastore/endpoint.h"
#include "datastore/snapshot.h"
#include "extproc/body.h"
#include "extproc/decision_ring.h"
#include "extproc/in_flight.h"
#include "extproc/outbox.h"
#include "extproc/outlier_detector.h"
#include "extproc/parse_job.h"
#include "extproc/wire.h"
#include "picker/pick.h"
#include "picker/runtime.h"
#include "request/headers.h"
#include "request/model_restorer.h"
#include "request/openai_request.h"
#include "request/usage.h"
#include "telemetry/request_stats.h"

namespace inference::extproc {

struct SessionOptions {
  size_t max_body_bytes = size_t{64} << 20;
  size_t parse_here_bytes = kParseHereBytes;  // larger bodies go through Outbox::Parse
  /// May clients set the objective and fairness headers? If not, plugins don't see them.
  bool trust_priority_headers = true;
  /// Answer x-inference-endpoint to clients that send it.
  bool endpoint_header = false;
};

/// Takes what an observing stream learnt to the reactor that decided. Thread-safe.
class ObservedSink {
 public:
  virtual void PostObserved(uint32_t reactor, uint64_t record, const Observed& observed) = 0;

 protected:
  ~ObservedSink() = default;
};

/// A request that waits for its decision; given back when the answer is written.
struct PendingRequest {
  wire::HeaderBlock headers;
  request::RequestFacts facts;  // views into `headers`
  Body body;
  std::string pool, route, subset;
  bool subset_present = false;
  request::ParseResult parsed;  // of the body

  void Clear();
};

/// What all sessions of one reactor share. One thread, but for what says otherwise.
struct SessionContext {
  SessionContext(const SessionOptions& options, const base::Clock& clock, BodyBudget& budget,
                 InFlightTable& in_flight, OutlierDetector& outliers, ObservedSink& observed_sink,
                 telemetry::Shard& shard, DecisionRing& ring, uint64_t seed, uint32_t reactor)
      : options(options),
        clock(clock),
        bodies(budget, shard.held_bytes),
        in_flight(in_flight),
        outliers(outliers),
        observed_sink(observed_sink),
        shard(shard),
        ring(ring),
        rng(seed),
        reactor(reactor) {}

  const SessionOptions options;
  const base::Clock& clock;  // only to measure how long a decision takes, and for wall time
  BodyAccount bodies;
  InFlightTable& in_flight;     // shared by all reactors, thread-safe
  OutlierDetector& outliers;    // the same
  ObservedSink& observed_sink;  // thread-safe
  telemetry::Shard& shard;
  DecisionRing& ring;
  base::Rng rng;
  const uint32_t reactor;

  // Set by the reactor once per loop turn.
  std::shared_ptr<const picker::Runtime> runtime;
  base::Time now{};

  // Memory that is used again.
  request::RequestParser parser;
  picker::PickScratch scratch;
  api::InferenceRequest request;
  std::vector<api::Header> headers;
  std::vector<std::string_view> subset;
  std::vector<std::unique_ptr<PendingRequest>> spare;

  /// Forgets the request before; keeps its memory.
  void ClearRequest();
};

/// One ext_proc stream: what Envoy says in, what we answer out. Knows no socket and no clock; each
/// event happens at `context.now`. A stream in its response phase holds less than 1 KiB.
///
/// Its first message tells what it is: request headers make a *pick* stream; anything flagged as
/// observability an *observing* one, which is never answered; response headers without the flag a
/// *bystander*, whose messages are answered empty.
class Session final : public wire::Events {
 public:
  /// `pool`: the gRPC initial metadata x-inference-pool, or empty. Both references must outlive it.
  Session(SessionContext& context, Outbox& out, std::string_view pool);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void OnBody(wire::Kind kind, std::string_view bytes, size_t rest) override;
  void OnMessage(wire::Message& message) override;
  /// The peer will send no more.
  void OnHalfClose();
  /// The stream is gone: reset, connection lost, or ended by a fault that the transport answered.
  void OnReset();
  /// The timer that Outbox::timer() asked for has run out.
  void OnTimer();
  /// The job that Outbox::Parse() asked for has run. Uses its memory, and leaves it to the caller.
  void OnParsed(ParseJob& job);
  /// The waiting that Outbox::Park() asked for is over.
  void OnReleased(flowcontrol::Release release);

  bool done() const { return state_ == State::kDone; }
  /// A fault of the peer that was answered with INVALID_ARGUMENT or UNIMPLEMENTED; empty: none.
  const char* protocol_fault() const { return protocol_fault_; }

 private:
  enum class State : uint8_t {
    kIdle,
    kCollect,  // the request's body
    kParse,    // a worker reads it
    kParked,   // it waits for its pool
    kSent,     // answered; the response hasn't begun
    kRespond,  // the response passes by
    kDrain,    // nothing to do but for the stream to end
    kDone,
  };
  enum class Role : uint8_t { kUnknown, kPick, kObserve, kBystander };

  // request_phase.cc
  void First(wire::Message& message);
  void StartRequest(wire::Message& message);
  void OnRequestBody(std::string_view bytes);
  void OnRequestBodyEnd(bool end_of_stream);
  void OnRequestTrailers();
  void Decide(wire::Kind moment, bool request_ended);
  bool ParseElsewhere(bool cut);
  bool TakeParsed(request::ParseResult& parsed);
  void PickEndpoint(base::Time begun);
  void ShowHeaders();
  void NoteRename();
  void Park(const picker::PickResult& result);
  bool ResponseNeeded(const picker::PoolRuntime& pool) const;
  void Remember(const picker::PickResult& result, base::Duration took);
  void MaybeCloseEarly();
  void GoUnseen();

  // answers.cc
  void Answer(const picker::PickResult& result, wire::Kind moment, bool request_ended);
  void EchoBody(bool end_of_stream);
  void EchoPieces(const Body& body, std::string_view bytes, bool end);
  /// The body in two parts around the model's name, and that name as the server gets it.
  struct Splice {
    std::string_view before, after;
    std::string name;
  };
  Splice SpliceModel() const;
  void Refuse(int status, std::string_view message, std::string_view param,
              std::string_view reason);
  void RefusePick(const picker::PickResult& result);

  // response_phase.cc
  void OnResponseHeaders(wire::Message& message);
  void OnResponseBody(std::string_view bytes, size_t rest);
  void OnResponseBodyEnd(bool end_of_stream);
  void OnResponseTrailers();
  void TakeObserved(wire::Message& message);
  void NoteUpstream(const wire::Message& message);
  void NoteChunk(size_t bytes);
  void RestoreModel(std::string_view bytes);
  void SendRestored(bool end_of_stream);
  void FinishResponse(picker::StreamOutcome outcome);

  // session.cc
  void ProtocolFault(Code code, const char* what);
  void EndPending();
  void WriteRecord(const Observed& observed);
  /// Ends the reservation and writes the record, once.
  void End(picker::StreamOutcome outcome, telemetry::Outcome label);

  bool answers() const { return role_ != Role::kObserve; }
  bool restores() const { return renamed_ && renamed_->restorer; }

  SessionContext& context_;
  Outbox& out_;
  std::unique_ptr<PendingRequest> pending_;

  // What is known of the pick, or of the pick that we observe the response of.
  datastore::Reservation reservation_;
  std::shared_ptr<const datastore::Pool> pool_;
  telemetry::RequestSeries* series_ = nullptr;
  std::string request_id_;
  std::string model_;
  std::string endpoint_answer_;  // the client asked for the picked endpoint
  /// Of a request whose model was renamed.
  struct Renamed {
    std::string served, asked;  // `asked` as a JSON string; empty: the client named none
    std::unique_ptr<request::ModelRestorer> restorer;  // while the response passes by
    std::string restored;                              // not sent yet
  };
  std::unique_ptr<Renamed> renamed_;
  uint64_t record_ = 0;
  uint32_t record_reactor_ = 0;
  uint32_t pool_id_ = 0;
  base::Time picked_{};

  // The response.
  base::Time first_chunk_{}, last_chunk_{};
  int64_t served_endpoint_id_ = -1;
  std::unique_ptr<request::UsageScanner> usage_;
  int http_status_ = 0;

  const char* protocol_fault_ = "";
  State state_ = State::kIdle;
  wire::Kind moment_ = wire::Kind::kNone;  // what came when we decided
  Role role_ = Role::kUnknown;
  wire::ProtocolConfig modes_;
  bool generated_id_ = false;
  bool request_ended_ = false;  // the peer owes us no more of the request
  bool half_closed_ = false;    // the peer sends no more
  bool trailers_came_ = false;  // while the body was being parsed, or waited
  bool has_waited_ = false;
  bool response_needed_ = true;
  bool has_record_ = false;  // neither ended nor handed on
  bool streaming_ = false;   // the response is a stream of events
  bool piece_open_ = false;  // a response piece awaits its end-of-stream flag
};

}  // namespace inference::extproc
