#include "extproc/session.h"

#include <utility>

namespace inference::extproc {

void PendingRequest::Clear() {
  facts = {};
  headers.Clear();
  body.Release();
  pool.clear();
  route.clear();
  subset.clear();
  subset_present = false;
  parsed = {};
}

void SessionContext::ClearRequest() {
  request.call = api::CallKind::kOther;
  request.model = request.target_model = request.cache_salt = {};
  request.stream = false;
  request.max_tokens.reset();
  request.pieces.clear();
  request.prompts.clear();
  request.headers = {};
}

Session::Session(SessionContext& context, Outbox& out, std::string_view pool)
    : context_(context), out_(out) {
  if (context_.spare.empty()) {
    pending_ = std::make_unique<PendingRequest>();
  } else {
    pending_ = std::move(context_.spare.back());
    context_.spare.pop_back();
  }
  pending_->pool = pool;
  out_.Arm(Timer::kIdle);
}

Session::~Session() {
  OnReset();
  EndPending();
}

void Session::EndPending() {
  constexpr size_t kMaxSpare = 256;
  constexpr size_t kMaxSpareBytes = 16 * 1024;
  if (!pending_) return;
  if (context_.spare.size() < kMaxSpare && pending_->headers.memory() <= kMaxSpareBytes &&
      pending_->subset.capacity() <= kMaxSpareBytes) {
    pending_->Clear();
    context_.spare.push_back(std::move(pending_));
  }
  pending_.reset();
}

void Session::OnBody(wire::Kind kind, std::string_view bytes, size_t rest) {
  if (state_ >= State::kDrain || role_ == Role::kObserve) {
    if (state_ == State::kRespond && kind == wire::Kind::kResponseBody) OnResponseBody(bytes, rest);
    return;
  }
  if (kind == wire::Kind::kRequestBody && role_ == Role::kPick) return OnRequestBody(bytes);
  if (kind == wire::Kind::kResponseBody && state_ == State::kRespond) {
    return OnResponseBody(bytes, rest);
  }
  ProtocolFault(Code::kInvalidArgument, "a body before its headers");
}

void Session::OnMessage(wire::Message& message) {
  context_.shard.messages_in.Add();
  // Kinds that we don't know are newer than we are; the peer may send them beside the others.
  if (state_ >= State::kDrain || message.kind == wire::Kind::kNone) return;
  if (role_ == Role::kUnknown) First(message);
  if (state_ >= State::kDrain) return;
  switch (message.kind) {
    case wire::Kind::kRequestHeaders:
      if (state_ == State::kIdle) return StartRequest(message);
      break;
    case wire::Kind::kRequestBody:
      if (role_ == Role::kPick) return OnRequestBodyEnd(message.end_of_stream);
      break;
    case wire::Kind::kRequestTrailers:
      if (role_ == Role::kPick) return OnRequestTrailers();
      break;
    case wire::Kind::kResponseHeaders:
      if (state_ != State::kRespond) return OnResponseHeaders(message);
      break;
    case wire::Kind::kResponseBody:
      if (state_ == State::kRespond) return OnResponseBodyEnd(message.end_of_stream);
      break;
    case wire::Kind::kResponseTrailers:
      if (state_ == State::kRespond) return OnResponseTrailers();
      break;
    case wire::Kind::kNone:
      return;
  }
  // An observing filter may be set to copy the request as well: that is none of our business.
  if (role_ == Role::kObserve) return;
  ProtocolFault(Code::kInvalidArgument, "a message that does not follow from those before it");
}

void Session::ProtocolFault(Code code, const char* what) {
  context_.shard.protocol_errors.Add();
  protocol_fault_ = what;
  End(picker::StreamOutcome::kProtocolError, telemetry::Outcome::kProtocolError);
  out_.Close(code, what);
  out_.Arm(Timer::kDrain);
  state_ = State::kDrain;
}

void Session::End(picker::StreamOutcome outcome, telemetry::Outcome label) {
  reservation_.End();
  if (series_ != nullptr) series_->Ended(label);
  series_ = nullptr;
  if (has_record_) {
    Observed observed;
    observed.outcome = outcome;
    observed.http_status = http_status_;
    observed.served_endpoint_id = served_endpoint_id_;
    WriteRecord(observed);
  }
  EndPending();
}

void Session::WriteRecord(const Observed& observed) {
  if (record_reactor_ == context_.reactor) {
    context_.ring.Update(record_, observed);
  } else {
    context_.observed_sink.PostObserved(record_reactor_, record_, observed);
  }
  has_record_ = false;
}

void Session::OnHalfClose() {
  half_closed_ = true;
  if (state_ == State::kParse) return;  // nothing more will come, but the answer is still wanted
  OnReset();
  out_.Close(Code::kOk);
}

void Session::OnReset() {
  switch (state_) {
    case State::kSent:
      // What a filter looks like that is configured for the request only.
      if (role_ == Role::kPick && reservation_.active()) GoUnseen();
      break;
    case State::kCollect:
    case State::kParse:
    case State::kParked:
    case State::kRespond:
      End(picker::StreamOutcome::kClientClosed, telemetry::Outcome::kClientClosed);
      break;
    default:
      break;
  }
  state_ = State::kDone;
}

void Session::OnTimer() {
  switch (state_) {
    case State::kIdle:
      out_.Close(Code::kDeadlineExceeded, "no message came on this stream");
      state_ = State::kDone;
      break;
    case State::kCollect:
      Refuse(408, "the request body did not arrive in time", {}, {});
      break;
    case State::kParse:
      Refuse(503, "the request could not be read in time; try again", {}, {});
      break;
    case State::kDrain:
      out_.Close(Code::kOk);
      state_ = State::kDone;
      break;
    default:
      break;
  }
}

}  // namespace inference::extproc
