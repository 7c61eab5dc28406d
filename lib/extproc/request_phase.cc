#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "extproc/session.h"

namespace inference::extproc {
namespace {

using wire::BodyMode;
using wire::Kind;

/// Memory reserved on the word of a content-length header; the rest must arrive first.
constexpr size_t kMaxTrustedLength = size_t{1} << 20;

/// Envoy waits for a parked request this much longer than the line lets it wait.
constexpr base::Duration kParkedMargin = std::chrono::seconds(5);

/// A request id that may go back out in headers, logs and JSON.
bool IsUsableId(std::string_view id) {
  return !id.empty() && id.size() <= 128 &&
         std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

/// A random UUID, version 4.
std::string MakeRequestId(base::Rng& rng) {
  constexpr char kHex[] = "0123456789abcdef";
  uint64_t bits[2] = {rng.Next(), rng.Next()};
  bits[0] = (bits[0] & ~uint64_t{0xf000}) | 0x4000;
  bits[1] = (bits[1] & ~(uint64_t{0xc} << 60)) | uint64_t{0x8} << 60;
  std::string id;
  id.reserve(36);
  for (int i = 0; i < 32; ++i) {
    if (i == 8 || i == 12 || i == 16 || i == 20) id += '-';
    id += kHex[bits[i / 16] >> (60 - 4 * (i % 16)) & 0xf];
  }
  return id;
}

bool IsKnown(BodyMode mode) {
  return mode != BodyMode::kGrpc && mode != BodyMode::kUnknown;
}

}  // namespace

void Session::First(wire::Message& message) {
  // Absent: the peer leaves it to us, and the protocol's own mode is full duplex both ways.
  modes_ = message.protocol_config.value_or(
      wire::ProtocolConfig{BodyMode::kFullDuplex, BodyMode::kFullDuplex});
  if (!IsKnown(modes_.request) || !IsKnown(modes_.response)) {
    return ProtocolFault(Code::kUnimplemented,
                         "the body send mode GRPC is not supported: use FULL_DUPLEX_STREAMED");
  }
  if (message.observability) {
    role_ = Role::kObserve;
  } else if (message.kind == Kind::kRequestHeaders) {
    role_ = Role::kPick;
  } else if (message.kind == Kind::kResponseHeaders) {
    role_ = Role::kBystander;
  } else {
    return ProtocolFault(Code::kInvalidArgument,
                         "the first message must be request or response headers");
  }
  if (role_ != Role::kPick) out_.Arm(Timer::kNone);
}

void Session::StartRequest(wire::Message& message) {
  if (role_ == Role::kObserve) return;
  PendingRequest& pending = *pending_;
  std::swap(pending.headers, message.headers);
  std::swap(pending.route, message.route_name);
  std::swap(pending.subset, message.subset);
  pending.subset_present = message.subset_present;
  context_.headers.clear();
  for (size_t i = 0; i < pending.headers.size(); ++i) {
    context_.headers.push_back(pending.headers[i]);
  }
  pending.facts = request::ReadHeaders(context_.headers);
  if (IsUsableId(pending.facts.request_id)) {
    request_id_ = pending.facts.request_id;
  } else {
    request_id_ = MakeRequestId(context_.rng);
    generated_id_ = true;
  }
  state_ = State::kCollect;
  if (modes_.request == BodyMode::kNone || modes_.request == BodyMode::kStreamed) {
    return Decide(Kind::kRequestHeaders,
                  message.end_of_stream || modes_.request == BodyMode::kNone);
  }
  if (message.end_of_stream) return Decide(Kind::kRequestHeaders, true);
  if (modes_.request != BodyMode::kFullDuplex) {
    wire::AppendHeadersResponse(out_.tail(), wire::Phase::kRequest, {}, false, {});
  }
  const uint64_t length = pending.facts.content_length.value_or(0);
  if (length > context_.options.max_body_bytes) return Refuse(413, "", {}, {});
  // Without the room this may still be a small body; the bytes themselves decide.
  if (length > 0)
    (void)pending.body.Reserve(std::min<size_t>(length, kMaxTrustedLength), context_.bodies);
}

void Session::OnRequestBody(std::string_view bytes) {
  if (state_ != State::kCollect) {
    if (modes_.request == BodyMode::kStreamed && !request_ended_) return;
    // Nothing of a request follows its end; pieces of a bystander's request don't reach us.
    return ProtocolFault(Code::kInvalidArgument, "a request body after its end");
  }
  if (pending_->body.size() + bytes.size() > context_.options.max_body_bytes) {
    return Refuse(413, "", {}, {});
  }
  if (!pending_->body.Append(bytes, context_.bodies)) {
    context_.shard.body_budget_refusals.Add();
    Refuse(503, "too many request bodies are held at once; try again", {}, "rejected-saturated");
  }
}

void Session::OnRequestBodyEnd(bool end_of_stream) {
  if (state_ == State::kCollect) {
    // In the buffered dialects one message brings all there is to come, whatever its flag says:
    // Envoy clears it when trailers follow, and when it cut the body.
    if (end_of_stream || modes_.request != BodyMode::kFullDuplex) {
      Decide(Kind::kRequestBody, end_of_stream);
    }
    return;
  }
  if (modes_.request != BodyMode::kStreamed || request_ended_) {
    return ProtocolFault(Code::kInvalidArgument, "a request body after its end");
  }
  wire::AppendBodyResponse(out_.tail(), wire::Phase::kRequest, {}, false, {}, false, {});
  request_ended_ = end_of_stream;
  MaybeCloseEarly();
}

void Session::OnRequestTrailers() {
  if (state_ == State::kCollect) return Decide(Kind::kRequestTrailers, true);
  if (request_ended_)
    return ProtocolFault(Code::kInvalidArgument, "request trailers after its end");
  if (state_ == State::kParse || state_ == State::kParked) {
    trailers_came_ = true;  // answered behind the body
    return;
  }
  wire::AppendTrailersResponse(out_.tail(), wire::Phase::kRequest);
  request_ended_ = true;
  MaybeCloseEarly();
}

bool Session::ParseElsewhere(bool cut) {
  const request::RequestFacts& facts = pending_->facts;
  if (pending_->body.size() <= context_.options.parse_here_bytes) return false;
  // What isn't ours takes no time.
  if (request::CallKindOfPath(facts.path) == api::CallKind::kOther ||
      !request::IsJsonContentType(facts.content_type)) {
    return false;
  }
  auto job = std::make_unique<ParseJob>();
  job->body = pending_->body;
  job->path = facts.path;
  job->content_type = facts.content_type;
  job->cut = cut;
  out_.Parse(std::move(job));
  out_.Arm(Timer::kPick);
  state_ = State::kParse;
  return true;
}

void Session::OnParsed(ParseJob& job) {
  // Reset, refused or answered by another filter meanwhile.
  if (state_ != State::kParse) return;
  const base::Time begun = context_.clock.Now() - job.took;
  std::swap(context_.request, job.memory->request);
  if (TakeParsed(job.result)) PickEndpoint(begun);
  context_.ClearRequest();
  std::swap(context_.request, job.memory->request);
  if (trailers_came_ && state_ == State::kSent) OnRequestTrailers();
  if (half_closed_) OnHalfClose();
}

bool Session::TakeParsed(request::ParseResult& parsed) {
  api::InferenceRequest& request = context_.request;
  if (!parsed.ok()) {
    Refuse(parsed.fault->http_status, parsed.fault->ToString(), parsed.fault->param, {});
    return false;
  }
  if (request.model.empty() && !parsed.no_model) request.model = pending_->facts.gateway_model;
  pending_->parsed = std::move(parsed);
  return true;
}

void Session::Decide(Kind moment, bool request_ended) {
  const base::Time begun = context_.clock.Now();
  const request::RequestFacts& facts = pending_->facts;
  request_ended_ = request_ended;
  moment_ = moment;
  context_.ClearRequest();
  if (moment == Kind::kRequestHeaders) {
    context_.request.call = request::CallKindOfPath(facts.path);
    context_.request.model = facts.gateway_model;
  } else {
    // A body that the gateway cut is no fault of the client.
    const bool cut = modes_.request == BodyMode::kBufferedPartial && !request_ended;
    if (ParseElsewhere(cut)) return;
    request::ParseResult parsed = ParseBody(context_.parser, facts.path, facts.content_type,
                                            pending_->body, cut, context_.request);
    if (!TakeParsed(parsed)) return;
  }
  PickEndpoint(begun);
}

void Session::ShowHeaders() {
  PendingRequest& pending = *pending_;
  context_.headers.clear();
  for (size_t i = 0; i < pending.headers.size(); ++i) {
    const api::Header header = pending.headers[i];
    if (!context_.options.trust_priority_headers) {
      const request::ControlHeader* control = request::FindControlHeader(header.name);
      if (control != nullptr && (control->control == request::Control::kObjective ||
                                 control->control == request::Control::kFairnessId)) {
        continue;
      }
    }
    context_.headers.push_back(header);
  }
  context_.request.headers = context_.headers;
}

void Session::PickEndpoint(base::Time begun) {
  PendingRequest& pending = *pending_;
  ShowHeaders();
  context_.subset = base::SplitTrimmed(pending.subset, ',');
  picker::PickRequest asked{.request = &context_.request,
                            .pool = pending.pool,
                            .route = pending.route,
                            .subset = {pending.subset_present, context_.subset}};
  asked.has_waited = has_waited_;
  asked.can_rewrite = pending.parsed.model_at.has_value();
  if (context_.options.trust_priority_headers) {
    asked.objective = pending.facts.objective;
    asked.model_rewrite = pending.facts.model_rewrite;
  }
  picker::PickResult result =
      picker::Pick(*context_.runtime, asked, context_.now, context_.rng, context_.scratch);
  const base::Duration took = context_.clock.Now() - begun;
  if (result.refusal == picker::Refusal::kWait) return Park(result);
  Remember(result, took);
  if (!result.picked()) return RefusePick(result);
  reservation_ = std::move(result.reservation);
  NoteRename();
  response_needed_ =
      (renamed_ && modes_.response != BodyMode::kNone) || ResponseNeeded(*result.pool);
  Answer(result, moment_, request_ended_);
}

void Session::Park(const picker::PickResult& result) {
  // Outside full duplex Envoy waits for an answer no longer than its message_timeout, unless told
  // to; in full duplex it never does, and takes such a message for an error.
  const bool timed = modes_.request != BodyMode::kFullDuplex;
  if (timed) {
    wire::AppendTimeoutOverride(out_.tail(), result.pool->line->limits().wait + kParkedMargin);
  }
  out_.Park({result.pool->line, pending_->body.size()});
  out_.Arm(Timer::kNone);
  state_ = State::kParked;
}

void Session::OnReleased(flowcontrol::Release release) {
  if (state_ != State::kParked) return;
  state_ = State::kCollect;
  has_waited_ = true;
  if (release == flowcontrol::Release::kGo) {
    // The request is read again: what a parser made of it belongs to whoever came next.
    Decide(moment_, request_ended_);
  } else if (release == flowcontrol::Release::kFull) {
    Refuse(429, "the model servers are saturated and too many requests wait already", {},
           "rejected-saturated");
  } else {
    Refuse(429, "the model servers stayed saturated for as long as a request may wait", {},
           "rejected-ttl-expired");
  }
  if (trailers_came_ && state_ == State::kSent) OnRequestTrailers();
}

void Session::NoteRename() {
  // A longer name would stay in memory for as long as the response; nobody has one.
  constexpr size_t kMaxRestored = 512;
  const api::InferenceRequest& request = context_.request;
  if (!pending_->parsed.model_at || request.target_model == request.model) return;
  const request::ModelPlace& place = *pending_->parsed.model_at;
  renamed_ = std::make_unique<Renamed>();
  renamed_->served = request.target_model;
  if (place.end - place.begin <= kMaxRestored) {
    renamed_->asked = pending_->body.view().substr(place.begin, place.end - place.begin);
  }
}

bool Session::ResponseNeeded(const picker::PoolRuntime& pool) const {
  if (!endpoint_answer_.empty()) return true;
  switch (pool.response_tracking) {
    case api::ResponseTracking::kFull:
      return true;
    case api::ResponseTracking::kNone:
      return false;
    case api::ResponseTracking::kAuto:
      break;
  }
  return !context_.in_flight.Observed(pool.pool_id, context_.now);
}

void Session::Remember(const picker::PickResult& result, base::Duration took) {
  const api::InferenceRequest& request = context_.request;
  picked_ = context_.now;
  model_ = request.model.substr(0, 64);
  if (result.pool != nullptr) {
    pool_ = result.pool->pool;
    pool_id_ = result.pool->pool_id;
  }
  const std::string_view pool_key = pool_ ? std::string_view(pool_->key()) : std::string_view();
  series_ = &context_.shard.Series(pool_key, model_);
  series_->Picked(std::chrono::duration<double>(took).count());

  picker::DecisionRecord& record = context_.ring.Next();
  picker::FillRecord(*context_.runtime, result, context_.scratch.decision,
                     request.target_model == request.model ? "" : request.target_model, record);
  record.SetRequestId(request_id_);
  record.SetModel(model_);
  record.wall_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                       context_.clock.WallNow().time_since_epoch())
                       .count();
  record.pick_us = static_cast<uint32_t>(std::min<int64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(took).count(), UINT32_MAX));
  record.body_bytes = pending_->body.size();
  record_ = context_.ring.Commit();
  record_reactor_ = context_.reactor;
  has_record_ = true;
}

void Session::MaybeCloseEarly() {
  if (state_ != State::kSent || response_needed_ || !request_ended_) return;
  GoUnseen();
  out_.Close(Code::kOk);
  out_.Arm(Timer::kDrain);
  state_ = State::kDrain;
}

void Session::GoUnseen() {
  if (reservation_.active()) {
    context_.in_flight.Add(request_id_,
                           {.reservation = std::move(reservation_),
                            .pool = pool_,
                            .pool_id = pool_id_,
                            .model = model_,
                            .picked = picked_,
                            .reactor = record_reactor_,
                            .record = record_},
                           context_.now);
  }
  End(picker::StreamOutcome::kUnobserved, telemetry::Outcome::kUnobserved);
}

}  // namespace inference::extproc
