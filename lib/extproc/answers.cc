#include <array>

#include "extproc/session.h"
#include "request/error_body.h"

namespace inference::extproc {
namespace {

using wire::BodyMode;
using wire::Kind;
using wire::Phase;

/// Largest piece of a body that we stream back, as the reference picker sends them.
constexpr size_t kMaxPiece = 62000;
/// Bodies up to this size are copied next to their frame: cheaper than a slice of their own.
constexpr size_t kCopyBelow = 4096;
/// Headers that one answer may remove; there are fewer names of ours than this.
constexpr size_t kMaxRemoved = 32;

constexpr std::string_view kAcceptEncoding = "accept-encoding";

/// Seconds after which a refused client should try again.
constexpr std::string_view kRetryAfter = "1";

using HeaderPair = std::pair<std::string_view, std::string_view>;

/// The names of ours that the client really sent and that must not reach the model server, each
/// once.
size_t NamesToRemove(const wire::HeaderBlock& headers, bool endpoint_header,
                     std::array<std::string_view, kMaxRemoved>& names) {
  size_t n = 0;
  for (size_t i = 0; i < headers.size() && n < names.size(); ++i) {
    const std::string_view name = headers[i].name;
    if (!name.starts_with("x-")) continue;
    if (!request::MustRemove(name) && !(endpoint_header && name == request::kEndpointHeader))
      continue;
    bool listed = false;
    for (size_t k = 0; k < n; ++k) listed = listed || names[k] == name;
    if (!listed) names[n++] = name;
  }
  return n;
}

telemetry::Outcome LabelOf(int status) {
  switch (status) {
    case 404:
      return telemetry::Outcome::kUnknownPool;
    case 408:
      return telemetry::Outcome::kTimeout;
    case 429:
      return telemetry::Outcome::kSaturated;
    case 503:
      return telemetry::Outcome::kUnavailable;
    default:
      return telemetry::Outcome::kBadRequest;
  }
}

}  // namespace

void Session::Answer(const picker::PickResult& result, Kind moment, bool request_ended) {
  const scheduling::Decision& decision = context_.scratch.decision;
  std::string destination;
  const size_t listed =
      std::max<size_t>(1, std::min(decision.n_ranked, result.pool->destination_list));
  for (size_t i = 0; i < listed; ++i) {
    if (i > 0) destination += ',';
    destination += (*decision.ranked[i])->info().host_port;
  }
  if (context_.options.endpoint_header && pending_->facts.wants_endpoint) {
    endpoint_answer_ = reservation_.endpoint()->info().host_port;
    response_needed_ = true;
  }
  const bool buffered =
      modes_.request == BodyMode::kBuffered || modes_.request == BodyMode::kBufferedPartial;
  std::string body, length;
  if (buffered && renamed_) {
    const Splice splice = SpliceModel();
    body = std::string(splice.before).append(splice.name).append(splice.after);
    length = std::to_string(body.size());
  }
  std::array<HeaderPair, 3> set = {HeaderPair{request::kDestinationHeader, destination}};
  size_t n_set = 1;
  if (generated_id_) set[n_set++] = {request::kRequestIdHeader, request_id_};
  if (!length.empty()) set[n_set++] = {"content-length", length};
  std::array<std::string_view, kMaxRemoved> remove;
  size_t n_remove = NamesToRemove(pending_->headers, context_.options.endpoint_header, remove);
  // A name can't be given back in a compressed response.
  if (renamed_ && n_remove < kMaxRemoved && !pending_->headers.Find(kAcceptEncoding).empty()) {
    remove[n_remove++] = kAcceptEncoding;
  }
  const wire::HeaderMutation mutation{{set.data(), n_set}, {remove.data(), n_remove}};

  if (buffered && moment == Kind::kRequestBody) {
    wire::AppendBodyResponse(out_.tail(), Phase::kRequest, mutation, true, destination,
                             renamed_ != nullptr, body);
  } else if (buffered && moment == Kind::kRequestTrailers) {
    // No body came, and headers can't be set here any more: metadata is all that is left.
    wire::AppendTrailersResponse(out_.tail(), Phase::kRequest, destination);
  } else {
    wire::AppendHeadersResponse(out_.tail(), Phase::kRequest, mutation, true, destination);
    if (modes_.request == BodyMode::kFullDuplex && moment != Kind::kRequestHeaders) {
      EchoBody(moment == Kind::kRequestBody);
    }
  }
  request_ended_ = request_ended;
  state_ = State::kSent;
  out_.Arm(Timer::kNone);
  EndPending();
  MaybeCloseEarly();
}

Session::Splice Session::SpliceModel() const {
  const std::string_view body = pending_->body.view();
  const request::ModelPlace& place = *pending_->parsed.model_at;
  Splice splice{body.substr(0, place.begin), body.substr(place.end), {}};
  if (place.missing()) splice.name = "\"model\":";
  request::AppendJsonString(renamed_->served, splice.name);
  if (place.missing()) splice.name += ',';
  return splice;
}

void Session::EchoBody(bool end_of_stream) {
  const Body& body = pending_->body;
  if (renamed_) {
    const Splice splice = SpliceModel();
    EchoPieces(body, splice.before, false);
    wire::AppendStreamedBodyHead(out_.tail(), Phase::kRequest, splice.name.size(), false);
    out_.tail() += splice.name;
    EchoPieces(body, splice.after, end_of_stream);
  } else {
    EchoPieces(body, body.view(), end_of_stream);
  }
  if (!end_of_stream) wire::AppendTrailersResponse(out_.tail(), Phase::kRequest);
}

void Session::EchoPieces(const Body& body, std::string_view bytes, bool end) {
  const size_t begin = static_cast<size_t>(bytes.data() - body.data());
  size_t offset = 0;
  // An empty body still needs its end; with trailers to follow there is nothing to say of it.
  do {
    const size_t piece = std::min(kMaxPiece, bytes.size() - offset);
    const bool last = offset + piece == bytes.size();
    if (piece > 0 || end) {
      wire::AppendStreamedBodyHead(out_.tail(), Phase::kRequest, piece, end && last);
      if (piece <= kCopyBelow) {
        out_.tail().append(bytes, offset, piece);
      } else {
        out_.AddSlice(body, begin + offset, piece);
      }
    }
    offset += piece;
  } while (offset < bytes.size());
}

void Session::RefusePick(const picker::PickResult& result) {
  if (result.refusal == picker::Refusal::kNoModel) {
    const request::Fault& fault = *pending_->parsed.no_model;
    return Refuse(400, fault.ToString(), fault.param, {});
  }
  Refuse(picker::HttpStatus(result.refusal), picker::Message(result.refusal), {},
         picker::DroppedReason(result.refusal));
}

void Session::Refuse(int status, std::string_view message, std::string_view param,
                     std::string_view reason) {
  const bool before_pick = !has_record_;
  if (before_pick) {
    context_.ClearRequest();
    Remember({.refusal = {}, .pool = nullptr, .reservation = {}}, {});
  }
  http_status_ = status;
  std::string limit;
  if (status == 413) {
    limit = "the request body is larger than " + std::to_string(context_.options.max_body_bytes) +
            " bytes";
    message = limit;
  }
  if (before_pick) context_.ring.SetFault(record_, message);
  std::array<HeaderPair, 4> headers = {HeaderPair{"content-type", "application/json"},
                                       HeaderPair{request::kRequestIdHeader, request_id_}};
  size_t n = 2;
  if (!reason.empty()) headers[n++] = {request::kDroppedReasonHeader, reason};
  if (status == 429 || status == 503) headers[n++] = {"retry-after", kRetryAfter};
  const std::string body = request::MakeErrorBody(status, message, param, reason);
  std::string details = "inferenced_";
  details += reason.empty() ? request::ErrorType(status) : reason;
  wire::AppendImmediateResponse(out_.tail(), status, {{headers.data(), n}, {}}, body, details);
  End(picker::StreamOutcome::kRefused, LabelOf(status));
  // What is in flight by now is ignored; answering it would be taken for an error.
  out_.Close(Code::kOk);
  out_.Arm(Timer::kDrain);
  state_ = State::kDrain;
}

}  // namespace inference::extproc
