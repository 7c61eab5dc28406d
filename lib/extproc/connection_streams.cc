#include <array>

#include "extproc/connection.h"
#include "extproc/grpc.h"
#include "extproc/reactor.h"

namespace inference::extproc {
namespace {

/// A stream whose output waits beyond this gets no more window until it has gone.
constexpr size_t kMaxStreamOutput = size_t{1} << 19;
/// gRPC messages may be this much larger than the largest body.
constexpr size_t kMessageOverhead = size_t{1} << 19;
constexpr size_t kMaxHealthRequest = 5 + 256;

nghttp2_nv Header(std::string_view name, std::string_view value, uint8_t flags = 0) {
  return {reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
          reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(),
          static_cast<uint8_t>(flags | NGHTTP2_NV_FLAG_NO_COPY_NAME)};
}

nghttp2_nv Constant(std::string_view name, std::string_view value) {
  return Header(name, value, NGHTTP2_NV_FLAG_NO_COPY_VALUE);
}

constexpr std::string_view kCodes[] = {"0", "1", "2",  "3",  "4",  "5",  "6", "7",
                                       "8", "9", "10", "11", "12", "13", "14"};

/// Fills the status headers of a call's end; `message` must outlive them.
size_t StatusHeaders(const Outbox& out, const std::string& message, nghttp2_nv* nv) {
  size_t n = 0;
  nv[n++] = Constant("grpc-status", kCodes[static_cast<size_t>(out.code())]);
  if (!message.empty()) nv[n++] = Header("grpc-message", message);
  if (out.code() == Code::kUnimplemented) nv[n++] = Constant("grpc-accept-encoding", "identity");
  return n;
}

}  // namespace

nghttp2_data_provider OutboxProvider(Stream& stream);  // http2_callbacks.cc

void Connection::Head::Clear() {
  stream_id = 0;
  path.clear();
  method.clear();
  content_type.clear();
  timeout.clear();
  pool.clear();
  te_trailers = false;
  bytes = 0;
}

int Connection::OnHeader(int32_t stream_id, std::string_view name, std::string_view value) {
  if (stream_id != head_.stream_id) return 0;
  head_.bytes += name.size() + value.size();
  // Only this stream is refused; a gateway's other streams are not to blame.
  if (head_.bytes > kMaxHeadBytes) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  if (name == ":path") {
    head_.path = value;
  } else if (name == ":method") {
    head_.method = value;
  } else if (name == "content-type") {
    head_.content_type = value;
  } else if (name == "te") {
    head_.te_trailers = value == "trailers";
  } else if (name == "grpc-timeout") {
    head_.timeout = value;
  } else if (name == "x-inference-pool") {
    head_.pool = value;
  }
  return 0;
}

void Connection::OnRequest(int32_t stream_id, bool end_stream) {
  auto* stream = new Stream;
  stream->connection = this;
  stream->id = stream_id;
  streams_.insert(stream);
  nghttp2_session_set_stream_user_data(session_, stream_id, stream);
  reactor_.StreamOpened();
  reactor_.context().shard.streams_opened.Add();
  if (head_.method != "POST") return RejectHttp(*stream, "405");
  if (!grpc::IsGrpcContentType(head_.content_type)) return RejectHttp(*stream, "415");
  const auto timeout = grpc::ParseTimeout(head_.timeout);
  if (!head_.te_trailers) {
    stream->out.Close(Code::kInvalidArgument, "the header te: trailers is missing");
  } else if (!head_.timeout.empty() && !timeout) {
    stream->out.Close(Code::kInvalidArgument, "the header grpc-timeout is malformed");
  } else if (head_.path == grpc::kProcessPath && !health_only_) {
    OpenProcess(*stream, head_);
  } else if (head_.path == grpc::kHealthCheckPath) {
    stream->service = Stream::Service::kHealthCheck;
    stream->out.Arm(Timer::kIdle);
  } else if (head_.path == grpc::kHealthWatchPath) {
    stream->service = Stream::Service::kHealthWatch;
    stream->out.Arm(Timer::kIdle);
  } else {
    stream->out.Close(Code::kUnimplemented, "unknown method " + head_.path);
  }
  if (stream->out.closing()) stream->broken = true;
  if (timeout && !stream->broken) reactor_.SetCallDeadline(*stream, reactor_.now() + *timeout);
  if (end_stream) OnEndStream(*stream);
  Wake(*stream);
  reactor_.UpdateTimer(*stream, true);
}

void Connection::OpenProcess(Stream& stream, const Head& head) {
  SessionContext& context = reactor_.context();
  stream.service = Stream::Service::kProcess;
  stream.process.emplace(context, stream.out, head.pool,
                         context.options.max_body_bytes + kMessageOverhead);
}

void Connection::RejectHttp(Stream& stream, const char* status) {
  const nghttp2_nv nv[] = {Constant(":status", status)};
  nghttp2_submit_response(session_, stream.id, nv, std::size(nv), nullptr);
  stream.responding = stream.ended = stream.broken = true;
  stream.out.Close(Code::kOk);
  stream.out.Arm(Timer::kDrain);
  reactor_.UpdateTimer(stream, false);
}

void Connection::OnData(Stream& stream, std::string_view bytes) {
  stream.unconsumed += bytes.size();
  if (!stream.broken) {
    switch (stream.service) {
      case Stream::Service::kProcess:
        FeedProcess(stream, bytes);
        break;
      case Stream::Service::kHealthCheck:
      case Stream::Service::kHealthWatch:
        FeedHealth(stream, bytes);
        break;
      case Stream::Service::kNone:
        break;
    }
    Wake(stream);
    reactor_.UpdateTimer(stream, true);
  }
  GiveBackWindow(stream);
}

void Connection::FeedProcess(Stream& stream, std::string_view bytes) {
  Stream::Process& process = *stream.process;
  const wire::Fault fault = process.decoder.Feed(bytes, reactor_.messages(), process.session);
  if (fault) {
    stream.broken = true;
    reactor_.context().shard.protocol_errors.Add();
    LogFault(fault.text);
    process.session.OnReset();
    stream.out.Close(fault.code, fault.text);
    stream.out.Arm(Timer::kDrain);
  } else if (*process.session.protocol_fault() != '\0') {
    stream.broken = true;
    LogFault(process.session.protocol_fault());
  }
  FollowUp(stream);
}

// What a session asks for beside bytes.
void Connection::FollowUp(Stream& stream) {
  std::unique_ptr<ParseJob> job = stream.out.TakeParse();
  if (job && !stream.broken) reactor_.Parse(stream, std::move(job));
  std::optional<Outbox::Parking> parking = stream.out.TakePark();
  if (parking && !stream.broken) reactor_.Park(stream, std::move(*parking));
}

void Connection::FeedHealth(Stream& stream, std::string_view bytes) {
  if (stream.unary.size() + bytes.size() > kMaxHealthRequest) {
    stream.out.Close(Code::kResourceExhausted, "the health request is too large");
    stream.broken = true;
    return;
  }
  stream.unary.append(bytes);
  if (stream.unary.size() < 5) return;
  const auto byte = [&](size_t i) {
    return static_cast<uint32_t>(static_cast<uint8_t>(stream.unary[i]));
  };
  const size_t size = byte(1) << 24 | byte(2) << 16 | byte(3) << 8 | byte(4);
  if (byte(0) != 0) {
    stream.out.Close(Code::kUnimplemented, "compressed messages are not supported");
    stream.broken = true;
  } else if (size > kMaxHealthRequest) {
    stream.out.Close(Code::kResourceExhausted, "the health request is too large");
    stream.broken = true;
  } else if (stream.unary.size() >= 5 + size && stream.last_health == 255) {
    AnswerHealth(stream);
  }
}

void Connection::AnswerHealth(Stream& stream) {
  const bool watch = stream.service == Stream::Service::kHealthWatch;
  const auto service = grpc::DecodeHealthRequest(std::string_view(stream.unary).substr(5));
  if (!service) {
    stream.out.Close(Code::kInvalidArgument, "malformed health request");
    return;
  }
  const auto serving = grpc::HealthOf(*service, reactor_.shared().ready.load());
  if (!serving && !watch) {
    stream.out.Close(Code::kNotFound, "unknown service " + *service);
    return;
  }
  const auto status = serving.value_or(grpc::Serving::kServiceUnknown);
  if (stream.last_health == static_cast<uint8_t>(status)) return;
  stream.last_health = static_cast<uint8_t>(status);
  stream.out.tail() += grpc::EncodeHealthResponse(status);
  stream.out.Arm(Timer::kNone);
  if (!watch) stream.out.Close(Code::kOk);
}

void Connection::UpdateHealth() {
  for (Stream* stream : streams_) {
    if (stream->service != Stream::Service::kHealthWatch || stream->last_health == 255) continue;
    AnswerHealth(*stream);
    Wake(*stream);
  }
}

void Connection::OnEndStream(Stream& stream) {
  stream.half_closed = true;
  if (stream.broken) return;
  if (stream.process) {
    if (stream.process->decoder.partial()) {
      stream.process->session.OnReset();
      stream.out.Close(Code::kInvalidArgument, "the stream ended inside a message");
    } else {
      stream.process->session.OnHalfClose();
    }
  } else if (stream.service != Stream::Service::kNone && stream.last_health == 255) {
    stream.out.Close(Code::kInvalidArgument, "a health call without its message");
  }
  Wake(stream);
  reactor_.UpdateTimer(stream, true);
}

void Connection::OnStreamClose(int32_t stream_id) {
  auto* stream = static_cast<Stream*>(nghttp2_session_get_stream_user_data(session_, stream_id));
  if (stream == nullptr) return;
  streams_.erase(stream);
  reactor_.StreamClosed(*stream);
  delete stream;
}

void Connection::Wake(Stream& stream) {
  if (stream.ended || (stream.out.size() == 0 && !stream.out.closing())) return;
  if (!stream.responding) {
    SubmitResponse(stream);
  } else if (stream.deferred) {
    stream.deferred = false;
    nghttp2_session_resume_data(session_, stream.id);
  }
  reactor_.MarkDirty(*this);
}

void Connection::SubmitResponse(Stream& stream) {
  stream.responding = true;
  std::array<nghttp2_nv, 5> nv = {Constant(":status", "200"),
                                  Constant("content-type", "application/grpc")};
  if (stream.out.size() > 0) {
    const nghttp2_data_provider provider = OutboxProvider(stream);
    nghttp2_submit_response(session_, stream.id, nv.data(), 2, &provider);
    return;
  }
  // Nothing but a status: trailers only.
  const std::string message = grpc::PercentEncode(stream.out.message());
  const size_t n = 2 + StatusHeaders(stream.out, message, nv.data() + 2);
  nghttp2_submit_response(session_, stream.id, nv.data(), n, nullptr);
  stream.ended = true;
  stream.out.Arm(Timer::kDrain);
  reactor_.UpdateTimer(stream, false);
}

ssize_t Connection::ReadData(Stream& stream, size_t length, uint32_t* flags) {
  const size_t have = stream.out.size();
  if (have == 0 && !stream.out.closing()) {
    stream.deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (!stream.out.closing() || have > length) return static_cast<ssize_t>(std::min(have, length));
  // The last bytes, and only they, leave together with the trailers: a peer that had the whole
  // message before the end of the stream might already be sending what we would never answer.
  *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
  SubmitTrailers(stream);
  return static_cast<ssize_t>(have);
}

void Connection::SubmitTrailers(Stream& stream) {
  std::array<nghttp2_nv, 3> nv;
  const std::string message = grpc::PercentEncode(stream.out.message());
  const size_t n = StatusHeaders(stream.out, message, nv.data());
  nghttp2_submit_trailer(session_, stream.id, nv.data(), n);
  stream.ended = true;
  stream.out.Arm(Timer::kDrain);
  reactor_.UpdateTimer(stream, false);
}

void Connection::SendData(Stream& stream, const uint8_t* frame_head, size_t length) {
  constexpr size_t kFrameHead = 9;
  chain_.Append({reinterpret_cast<const char*>(frame_head), kFrameHead});
  stream.out.Take(length, [&](std::string_view bytes, const Body* owner) {
    if (owner != nullptr) {
      chain_.AppendSlice(bytes, *owner);
    } else {
      chain_.Append(bytes);
    }
  });
  GiveBackWindow(stream);
}

void Connection::GiveBackWindow(Stream& stream) {
  if (stream.unconsumed == 0 || stream.out.size() > kMaxStreamOutput) return;
  nghttp2_session_consume_stream(session_, stream.id, stream.unconsumed);
  stream.unconsumed = 0;
}

void Connection::OnTimer(Stream& stream) {
  if (stream.ended) {
    // Answered to the end, and the peer leaves the stream open.
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id, NGHTTP2_NO_ERROR);
    reactor_.MarkDirty(*this);
    return;
  }
  if (stream.process) {
    stream.process->session.OnTimer();
  } else {
    stream.out.Close(Code::kDeadlineExceeded, "no message came on this stream");
  }
  if (stream.out.closing() && stream.out.timer() != Timer::kDrain) stream.out.Arm(Timer::kDrain);
  Wake(stream);
  reactor_.UpdateTimer(stream, true);
}

void Connection::OnParsed(Stream& stream, ParseJob& job) {
  if (stream.broken) return;
  stream.process->session.OnParsed(job);
  FollowUp(stream);
  Wake(stream);
  reactor_.UpdateTimer(stream, true);
}

void Connection::OnReleased(Stream& stream, flowcontrol::Release release) {
  if (stream.broken) return;
  stream.process->session.OnReleased(release);
  FollowUp(stream);
  Wake(stream);
  reactor_.UpdateTimer(stream, true);
}

void Connection::OnCallDeadline(Stream& stream) {
  if (stream.process) stream.process->session.OnReset();
  stream.broken = true;
  stream.out.Close(Code::kDeadlineExceeded, "grpc-timeout has run out");
  stream.out.Arm(Timer::kDrain);
  Wake(stream);
  reactor_.UpdateTimer(stream, true);
}

}  // namespace inference::extproc
