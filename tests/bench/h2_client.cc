#include "h2_client.h"

#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <stdexcept>

namespace bench {
namespace {

constexpr uint8_t kData = 0, kHeaders = 1, kRst = 3, kSettings = 4, kPing = 6, kGoaway = 7,
                  kWindowUpdate = 8;
constexpr uint8_t kEndStream = 1, kAck = 1, kEndHeaders = 4, kPadded = 8;
constexpr size_t kMaxFrame = 16384;

uint32_t Get32(std::string_view p) {
  return static_cast<uint32_t>(static_cast<uint8_t>(p[0])) << 24 |
         static_cast<uint32_t>(static_cast<uint8_t>(p[1])) << 16 |
         static_cast<uint32_t>(static_cast<uint8_t>(p[2])) << 8 | static_cast<uint8_t>(p[3]);
}

std::string Put32(uint32_t v) {
  return {static_cast<char>(v >> 24), static_cast<char>(v >> 16), static_cast<char>(v >> 8),
          static_cast<char>(v)};
}

// The first request fills the dynamic table, the others only name its entries.
std::string RequestBlock(bool first) {
  if (!first) return "\x83\x86\xc1\xc0\xbf\xbe";
  const auto literal = [](char name, std::string_view value) {
    return std::string(1, name) + static_cast<char>(value.size()) + std::string(value);
  };
  return std::string("\x83\x86") +
         literal(0x44, "/envoy.service.ext_proc.v3.ExternalProcessor/Process") +
         literal(0x41, "picker") + "\x40\x02te\x08trailers" + literal(0x5f, "application/grpc");
}

}  // namespace

uint64_t NowNanos() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                   std::chrono::steady_clock::now().time_since_epoch())
                                   .count());
}

H2Connection::H2Connection(int fd, SSL* ssl, const Conversation& conversation, int chunks,
                           bool hold)
    : fd_(fd), ssl_(ssl), conversation_(conversation), chunks_(chunks), hold_(hold) {
  out_ = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  // INITIAL_WINDOW_SIZE 16 MiB, MAX_CONCURRENT_STREAMS 1024, ENABLE_PUSH 0: what Envoy sends.
  PutFrame(kSettings, 0, 0,
           std::string("\0\x04", 2) + Put32(16 << 20) + std::string("\0\x03", 2) + Put32(1024) +
               std::string("\0\x02", 2) + Put32(0));
  PutFrame(kWindowUpdate, 0, 0, Put32(25100289));
}

H2Connection::~H2Connection() {
  if (ssl_) SSL_free(ssl_);
  close(fd_);
}

void H2Connection::PutFrame(uint8_t type, uint8_t flags, uint32_t id, std::string_view payload) {
  const auto n = static_cast<uint32_t>(payload.size());
  const char head[9] = {
      static_cast<char>(n >> 16),  static_cast<char>(n >> 8),  static_cast<char>(n),
      static_cast<char>(type),     static_cast<char>(flags),   static_cast<char>(id >> 24),
      static_cast<char>(id >> 16), static_cast<char>(id >> 8), static_cast<char>(id)};
  out_.append(head, sizeof head).append(payload);
}

void H2Connection::StartStream(size_t variant, uint64_t since_nanos) {
  const uint32_t id = next_id_;
  next_id_ += 2;
  PutFrame(kHeaders, kEndHeaders, id, RequestBlock(id == 1));
  Stream& stream = streams_[id];
  stream.since = since_nanos;
  stream.window = initial_window_;
  stream.chunks_left = chunks_;
  const size_t at = out_.size();
  SendData(id, stream, conversation_.request[variant % conversation_.request.size()]);
  // A request id of its own for each stream, written over the template's.
  const size_t where = out_.find(kRequestIdTemplate, at);
  if (where == std::string::npos) return;
  char unique[kRequestIdTemplate.size() + 1];
  std::snprintf(unique, sizeof unique, "00000000-0000-4000-8000-%012zx", variant);
  std::copy_n(unique, kRequestIdTemplate.size(), out_.begin() + static_cast<long>(where));
}

void H2Connection::SendData(uint32_t id, Stream& stream, std::string_view data) {
  if (!stream.pending.empty()) {
    throw std::logic_error("a stream in lock step sends before its last message went out");
  }
  stream.pending = data;
  PushPending(id, stream);
}

void H2Connection::PushPending(uint32_t id, Stream& stream) {
  while (!stream.pending.empty() && stream.window > 0 && window_ > 0) {
    const size_t n = std::min({stream.pending.size(), kMaxFrame, static_cast<size_t>(stream.window),
                               static_cast<size_t>(window_)});
    PutFrame(kData, 0, id, stream.pending.substr(0, n));
    stream.pending.remove_prefix(n);
    stream.window -= static_cast<int64_t>(n);
    window_ -= static_cast<int64_t>(n);
  }
}

void H2Connection::HalfClose(uint32_t id, Stream& stream) {
  if (stream.half_closed) return;
  stream.half_closed = true;
  PutFrame(kData, kEndStream, id, "");
}

void H2Connection::Answered(uint32_t id, Stream& stream) {
  stream.answered = true;
  if (on_answered) on_answered(NowNanos() - stream.since);
  if (hold_) return;
  if (chunks_ > 0) {
    SendData(id, stream, conversation_.response_headers);
  } else {
    HalfClose(id, stream);  // a request-only filter is done here
  }
}

void H2Connection::HandleMessage(uint32_t id, Stream& stream, MessageWatcher::Kind kind, bool end) {
  using Kind = MessageWatcher::Kind;
  ++stats.messages;
  switch (kind) {
    case Kind::kRequestBody:
      if (end) Answered(id, stream);
      return;
    case Kind::kResponseHeaders:
      SendData(id, stream, conversation_.response_chunk);
      return;
    case Kind::kResponseBody:
      if (stream.ending) {
        HalfClose(id, stream);
      } else if (--stream.chunks_left > 0) {
        SendData(id, stream, conversation_.response_chunk);
      } else {
        stream.ending = true;
        SendData(id, stream, conversation_.response_end);
      }
      return;
    case Kind::kRequestHeaders:
      return;
    case Kind::kOther:
      ++stats.errors;
      return;
  }
}

void H2Connection::Finish(uint32_t id, bool ok) {
  if (streams_.erase(id) == 0) return;
  ok ? ++stats.done : ++stats.errors;
  if (on_done) on_done(ok);
}

void H2Connection::HandleSettings(std::string_view payload) {
  for (; payload.size() >= 6; payload.remove_prefix(6)) {
    const int key = static_cast<uint8_t>(payload[0]) << 8 | static_cast<uint8_t>(payload[1]);
    if (key != 4) continue;
    const auto value = static_cast<int64_t>(Get32(payload.substr(2)));
    for (auto& [id, stream] : streams_) stream.window += value - initial_window_;
    initial_window_ = value;
  }
  PutFrame(kSettings, kAck, 0, "");
  for (auto& [id, stream] : streams_) PushPending(id, stream);
}

void H2Connection::HandleFrame(uint8_t type, uint8_t flags, uint32_t id, std::string_view payload) {
  const auto it = streams_.find(id);
  switch (type) {
    case kData: {
      unacked_ += payload.size();
      if (unacked_ > (4 << 20)) {
        PutFrame(kWindowUpdate, 0, 0, Put32(static_cast<uint32_t>(unacked_)));
        unacked_ = 0;
      }
      if (it == streams_.end()) return;
      if (flags & kPadded)
        payload = payload.substr(1, payload.size() - 1 - static_cast<uint8_t>(payload[0]));
      it->second.watcher.Feed(payload, [&](MessageWatcher::Kind kind, bool end) {
        HandleMessage(id, it->second, kind, end);
      });
      return;
    }
    case kHeaders:
      if (it != streams_.end() && (flags & kEndStream)) {
        const Stream& stream = it->second;
        const bool ok = stream.answered && (chunks_ == 0 || stream.ending);
        if (!stream.half_closed) HalfClose(id, it->second);
        Finish(id, ok);
      }
      return;
    case kRst:
      if (it != streams_.end()) Finish(id, false);
      return;
    case kSettings:
      if (!(flags & kAck)) HandleSettings(payload);
      return;
    case kPing:
      if (!(flags & kAck)) PutFrame(kPing, kAck, 0, payload);
      return;
    case kGoaway:
      broken_ = true;
      return;
    case kWindowUpdate: {
      const auto n = static_cast<int64_t>(Get32(payload));
      if (id != 0) {
        if (it == streams_.end()) return;
        it->second.window += n;
        PushPending(id, it->second);
        return;
      }
      window_ += n;
      for (auto& [stream_id, stream] : streams_) {
        if (window_ <= 0) break;
        PushPending(stream_id, stream);
      }
      return;
    }
    default:
      return;
  }
}

long H2Connection::Read(char* buffer, size_t n) {
  if (!ssl_) return recv(fd_, buffer, n, 0);
  const int got = SSL_read(ssl_, buffer, static_cast<int>(n));
  if (got > 0) return got;
  errno = SSL_get_error(ssl_, got) == SSL_ERROR_WANT_READ ? EAGAIN : EIO;
  return -1;
}

long H2Connection::Write(const char* buffer, size_t n) {
  if (!ssl_) return send(fd_, buffer, n, MSG_NOSIGNAL);
  const int sent = SSL_write(ssl_, buffer, static_cast<int>(n));
  if (sent > 0) return sent;
  errno = SSL_get_error(ssl_, sent) == SSL_ERROR_WANT_WRITE ? EAGAIN : EIO;
  return -1;
}

bool H2Connection::OnReadable() {
  static char buffer[256 * 1024];
  const long n = Read(buffer, sizeof buffer);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  if (n == 0) return false;
  stats.bytes_in += static_cast<uint64_t>(n);
  in_.append(buffer, static_cast<size_t>(n));
  std::string_view rest = in_;
  while (rest.size() >= 9) {
    const size_t size = static_cast<size_t>(static_cast<uint8_t>(rest[0])) << 16 |
                        static_cast<size_t>(static_cast<uint8_t>(rest[1])) << 8 |
                        static_cast<uint8_t>(rest[2]);
    if (rest.size() < 9 + size) break;
    HandleFrame(static_cast<uint8_t>(rest[3]), static_cast<uint8_t>(rest[4]),
                Get32(rest.substr(5)) & 0x7fffffff, rest.substr(9, size));
    rest.remove_prefix(9 + size);
  }
  in_.erase(0, in_.size() - rest.size());
  return !broken_;
}

bool H2Connection::Flush() {
  while (out_at_ < out_.size()) {
    const long n = Write(out_.data() + out_at_, out_.size() - out_at_);
    if (n < 0) {
      if (errno == EAGAIN || errno == EINTR) return true;
      return false;
    }
    out_at_ += static_cast<size_t>(n);
  }
  out_.clear();
  out_at_ = 0;
  return true;
}

}  // namespace bench
