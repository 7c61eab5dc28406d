#include <charconv>

#include "extproc/session.h"

namespace inference::extproc {
namespace {

using wire::BodyMode;
using wire::Phase;

int StatusOf(const wire::HeaderBlock& headers) {
  const std::string_view text = headers.Find(":status");
  int status = 0;
  std::from_chars(text.data(), text.data() + text.size(), status);
  return status;
}

double Seconds(base::Duration d) {
  return std::chrono::duration<double>(d).count();
}

int64_t Micros(base::Duration d) {
  return std::chrono::duration_cast<std::chrono::microseconds>(d).count();
}

}  // namespace

void Session::OnResponseHeaders(wire::Message& message) {
  if (state_ == State::kCollect || state_ == State::kParse || state_ == State::kParked) {
    // Another filter or Envoy itself answered before the request was whole: nothing to pick any
    // more.
    End(picker::StreamOutcome::kClientClosed, telemetry::Outcome::kClientClosed);
    role_ = Role::kBystander;
    out_.Arm(Timer::kNone);
  }
  state_ = State::kRespond;
  if (role_ == Role::kObserve) TakeObserved(message);
  if (role_ != Role::kBystander) {
    http_status_ = StatusOf(message.headers);
    NoteUpstream(message);
    const auto kind = request::DetectResponseKind(message.headers.Find("content-type"),
                                                  message.headers.Find("content-encoding"));
    streaming_ = kind == request::ResponseKind::kSse;
    if (kind != request::ResponseKind::kOpaque && modes_.response != BodyMode::kNone) {
      usage_ = std::make_unique<request::UsageScanner>(kind);
      if (renamed_ && !renamed_->asked.empty() && role_ == Role::kPick) {
        renamed_->restorer =
            std::make_unique<request::ModelRestorer>(renamed_->served, renamed_->asked);
      }
    }
  }
  if (answers()) {
    const std::pair<std::string_view, std::string_view> shown{request::kEndpointHeader,
                                                              endpoint_answer_};
    // The length changes with the name; in full duplex Envoy has taken it away already.
    const std::string_view length = "content-length";
    const bool other_length = restores() && modes_.response != BodyMode::kFullDuplex;
    wire::AppendHeadersResponse(
        out_.tail(), Phase::kResponse,
        {{&shown, endpoint_answer_.empty() ? 0u : 1u}, {&length, other_length ? 1u : 0u}}, false,
        {});
  }
  if (message.end_of_stream) return FinishResponse(picker::StreamOutcome::kServed);
  // Without body messages the response's end is not ours to see; trailers may still come.
  if (modes_.response == BodyMode::kNone && role_ == Role::kPick) GoUnseen();
}

void Session::TakeObserved(wire::Message& message) {
  std::optional<UnseenRequest> found;
  if (!message.request_id.empty()) found = context_.in_flight.Take(message.request_id);
  if (found) {
    reservation_ = std::move(found->reservation);
    pool_ = std::move(found->pool);
    pool_id_ = found->pool_id;
    model_ = std::move(found->model);
    picked_ = found->picked;
    record_ = found->record;
    record_reactor_ = found->reactor;
    has_record_ = true;
  } else {
    context_.shard.observer_unmatched.Add();
    // Picked by another replica, or before the pool was known to be observed.
    const picker::Runtime& runtime = *context_.runtime;
    const picker::PoolRuntime* pool = nullptr;
    if (pending_ && !pending_->pool.empty()) pool = runtime.Find(pending_->pool);
    if (pool == nullptr && !message.route_name.empty())
      pool = runtime.FindRoute(message.route_name).pool;
    if (pool == nullptr && runtime.pools().size() == 1) pool = &runtime.pools().front();
    if (pool != nullptr) {
      pool_ = pool->pool;
      pool_id_ = pool->pool_id;
    }
  }
  EndPending();
  if (pool_ == nullptr) return;
  context_.in_flight.NoteObserver(pool_id_, context_.now);
  series_ = &context_.shard.Series(pool_->key(), model_);
}

void Session::NoteUpstream(const wire::Message& message) {
  if (pool_ == nullptr) return;
  const std::string_view host_port =
      !message.served.empty() ? message.served : message.upstream_address;
  const std::shared_ptr<datastore::Endpoint>* served =
      host_port.empty() ? nullptr : pool_->FindByHostPort(host_port);
  UpstreamReport report = ReadCodeDetails(message.code_details);
  if (served != nullptr) {
    served_endpoint_id_ = (*served)->id();
    if (http_status_ < 500 && (*served)->failures() > 0) (*served)->RecordSuccess();
    // A gateway that sends no details still sends the endpoint's own answers.
    if (message.code_details.empty()) report.answered = http_status_ < 500;
    reservation_.MoveTo(*served);
  } else if (!host_port.empty() || !reservation_.active()) {
    return;
  }
  const std::shared_ptr<datastore::Endpoint>& endpoint =
      served != nullptr ? *served : reservation_.endpoint();
  const bool bad = (report.answered && http_status_ >= 500) || report.fault != nullptr;
  if (!bad) {
    if (report.answered) context_.outliers.NoteAnswer(*endpoint, picked_);
    return;
  }
  static const api::OutlierDetectionConfig kDefault;
  const picker::PoolRuntime* pool = context_.runtime->Find(pool_->key());
  const api::OutlierDetectionConfig& limits = pool == nullptr ? kDefault : pool->outlier_detection;
  if (report.fault != nullptr) {
    context_.outliers.NoteNoAnswer(endpoint, report.fault, limits, picked_, context_.now);
  } else {
    context_.outliers.NoteServerError(endpoint, limits, *pool_, picked_, context_.now);
  }
}

void Session::OnResponseBody(std::string_view bytes, size_t rest) {
  if (restores()) {
    RestoreModel(bytes);
  } else if (answers() && modes_.response == BodyMode::kFullDuplex) {
    // Passed on as it comes; only the piece that ends the message waits for the flag behind it.
    if (rest > 0) {
      wire::AppendStreamedBodyHead(out_.tail(), Phase::kResponse, bytes.size(), false);
    } else {
      wire::AppendOpenBodyHead(out_.tail(), Phase::kResponse, bytes.size());
      piece_open_ = true;
    }
    out_.tail().append(bytes);
  }
  if (series_ == nullptr) return;
  NoteChunk(bytes.size());
  if (usage_) usage_->Feed(bytes);
}

void Session::RestoreModel(std::string_view bytes) {
  renamed_->restorer->Feed(bytes, renamed_->restored);
  if (modes_.response == BodyMode::kFullDuplex && !renamed_->restored.empty()) SendRestored(false);
}

// Sends what is restored: a piece in full duplex, elsewhere the answer to one body message.
void Session::SendRestored(bool end_of_stream) {
  std::string& restored = renamed_->restored;
  if (modes_.response == BodyMode::kFullDuplex) {
    wire::AppendStreamedBodyHead(out_.tail(), Phase::kResponse, restored.size(), end_of_stream);
    out_.tail() += restored;
  } else {
    wire::AppendBodyResponse(out_.tail(), Phase::kResponse, {}, false, {}, true, restored);
  }
  restored.clear();
}

void Session::NoteChunk(size_t bytes) {
  if (bytes == 0 || last_chunk_ == context_.now) return;
  if (first_chunk_ == base::Time{}) {
    first_chunk_ = context_.now;
    if (picked_ != base::Time{}) series_->FirstToken(Seconds(context_.now - picked_));
  } else if (streaming_) {
    series_->TokenGap(Seconds(context_.now - last_chunk_));
  }
  last_chunk_ = context_.now;
}

void Session::OnResponseBodyEnd(bool end_of_stream) {
  if (restores()) {
    if (end_of_stream) renamed_->restorer->Finish(renamed_->restored);
    if (end_of_stream || modes_.response != BodyMode::kFullDuplex) SendRestored(end_of_stream);
  } else if (answers()) {
    switch (modes_.response) {
      case BodyMode::kFullDuplex:
        if (piece_open_) {
          wire::AppendEndFlag(out_.tail(), end_of_stream);
        } else {
          wire::AppendStreamedBodyHead(out_.tail(), Phase::kResponse, 0, end_of_stream);
        }
        piece_open_ = false;
        break;
      case BodyMode::kNone:
        return ProtocolFault(Code::kInvalidArgument, "a response body although its mode is NONE");
      default:
        wire::AppendBodyResponse(out_.tail(), Phase::kResponse, {}, false, {}, false, {});
        break;
    }
  }
  if (end_of_stream) FinishResponse(picker::StreamOutcome::kServed);
}

void Session::OnResponseTrailers() {
  if (restores() && modes_.response == BodyMode::kFullDuplex) {
    renamed_->restorer->Finish(renamed_->restored);
    if (!renamed_->restored.empty()) SendRestored(false);
  }
  if (answers()) wire::AppendTrailersResponse(out_.tail(), Phase::kResponse);
  FinishResponse(picker::StreamOutcome::kServed);
}

void Session::FinishResponse(picker::StreamOutcome outcome) {
  Observed observed;
  observed.outcome = outcome;
  observed.http_status = http_status_;
  observed.served_endpoint_id = served_endpoint_id_;
  if (usage_) {
    usage_->Finish();
    const request::Usage& usage = usage_->usage();
    observed.prompt_tokens = usage.prompt_tokens;
    observed.cached_tokens = usage.cached_tokens;
    observed.completion_tokens = usage.completion_tokens;
    if (series_ != nullptr && usage.seen()) {
      series_->Usage(usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens);
    }
  }
  if (picked_ != base::Time{} && series_ != nullptr) {
    const base::Duration duration = context_.now - picked_;
    observed.duration_us = Micros(duration);
    if (first_chunk_ != base::Time{}) observed.ttft_us = Micros(first_chunk_ - picked_);
    series_->Duration(Seconds(duration));
    context_.in_flight.NoteDuration(pool_id_, duration);
  }
  if (has_record_) WriteRecord(observed);
  End(outcome, telemetry::Outcome::kServed);
  usage_.reset();
  out_.Arm(role_ == Role::kObserve ? Timer::kNone : Timer::kDrain);
  state_ = State::kDrain;
}

}  // namespace inference::extproc
