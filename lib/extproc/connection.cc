#include "extproc/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "extproc/grpc.h"
#include "extproc/reactor.h"

namespace inference::extproc {
namespace {

/// Output waiting beyond this stops production, and reading too: the peer must take some first.
constexpr size_t kMaxPendingOutput = size_t{1} << 20;
constexpr base::Duration kHandshakeTimeout = std::chrono::seconds(10);
constexpr base::Duration kQuietBeforePing = std::chrono::seconds(60);
constexpr base::Duration kPingTimeout = std::chrono::seconds(20);

}  // namespace

nghttp2_session* NewHttp2Session(Connection& connection);  // http2_callbacks.cc

Connection::Connection(Reactor& reactor, net::FileDescriptor fd, std::shared_ptr<SSL_CTX> tls,
                       bool health_only)
    : reactor_(reactor), fd_(std::move(fd)), ssl_(nullptr, SSL_free), health_only_(health_only) {
  const int on = 1;
  setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));  // fails on Unix sockets
  if (tls) {
    ssl_.reset(SSL_new(tls.get()));
    SSL_set_fd(ssl_.get(), fd_.get());
    SSL_set_accept_state(ssl_.get());
  }
  session_ = NewHttp2Session(*this);
  last_read_ = reactor_.now();
}

Connection::~Connection() {
  // Sessions end as if the peer had reset their streams.
  for (Stream* stream : streams_) {
    reactor_.StreamClosed(*stream);
    delete stream;
  }
  streams_.clear();
  if (session_ != nullptr) nghttp2_session_del(session_);
}

uint32_t Connection::wanted_events() const {
  uint32_t events = 0;
  if (!(blocked_ && chain_.size() >= kMaxPendingOutput)) events |= EPOLLIN;
  if (blocked_ || read_wants_write_) events |= EPOLLOUT;
  return events;
}

ssize_t Connection::Read(char* buffer, size_t size) {
  if (!ssl_) return recv(fd_.get(), buffer, size, 0);
  read_wants_write_ = false;
  size_t total = 0;
  while (total < size) {
    ERR_clear_error();
    const int n = SSL_read(ssl_.get(), buffer + total, static_cast<int>(size - total));
    if (n > 0) {
      total += static_cast<size_t>(n);
      continue;
    }
    const int error = SSL_get_error(ssl_.get(), n);
    if (total > 0) break;  // whatever it is comes again
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
      read_wants_write_ = error == SSL_ERROR_WANT_WRITE;
      errno = EAGAIN;
      return -1;
    }
    if (error == SSL_ERROR_ZERO_RETURN) return 0;
    errno = EPROTO;
    return -1;
  }
  return static_cast<ssize_t>(total);
}

bool Connection::OnReadable() {
  // TLS may hold decrypted bytes that epoll knows nothing of, hence the loop.
  do {
    const ssize_t n = Read(reactor_.read_buffer(), Reactor::kReadSize);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    if (n == 0) return false;
    seen_input_ = true;
    last_read_ = reactor_.now();
    reactor_.context().shard.bytes_in.Add(static_cast<uint64_t>(n));
    const auto* bytes = reinterpret_cast<const uint8_t*>(reactor_.read_buffer());
    const ssize_t used = nghttp2_session_mem_recv(session_, bytes, static_cast<size_t>(n));
    reactor_.MarkDirty(*this);
    if (used != n) return false;
  } while (ssl_ && SSL_pending(ssl_.get()) > 0);
  return true;
}

bool Connection::Produce() {
  while (chain_.size() < kMaxPendingOutput) {
    const uint8_t* data = nullptr;
    const ssize_t n = nghttp2_session_mem_send(session_, &data);
    if (n < 0) return false;
    if (n == 0) break;
    chain_.Append({reinterpret_cast<const char*>(data), static_cast<size_t>(n)});
  }
  return true;
}

bool Connection::Flush() {
  // What was produced while the socket took nothing would only lie here.
  while (true) {
    if (!blocked_ && !Produce()) return false;
    if (chain_.size() == 0) break;
    if (!WriteSome()) return false;
    if (blocked_) break;
  }
  const bool finished = draining_ && goaway_sent_ && streams_.empty() && chain_.size() == 0;
  if (finished) return false;
  return chain_.size() > 0 || nghttp2_session_want_read(session_) != 0 ||
         nghttp2_session_want_write(session_) != 0;
}

bool Connection::WriteSome() {
  const size_t before = chain_.size();
  const bool ok = ssl_ ? WriteTls() : WritePlain();
  reactor_.context().shard.bytes_out.Add(before - chain_.size());
  return ok;
}

bool Connection::WritePlain() {
  blocked_ = false;
  while (chain_.size() > 0) {
    std::array<iovec, 64> io;
    msghdr message{};
    message.msg_iov = io.data();
    message.msg_iovlen = chain_.Peek(io);
    const ssize_t n = sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR) continue;
      blocked_ = errno == EAGAIN;
      return blocked_;
    }
    chain_.Consume(static_cast<size_t>(n));
  }
  return true;
}

bool Connection::WriteTls() {
  blocked_ = false;
  while (chain_.size() > 0) {
    std::array<iovec, 1> io;
    chain_.Peek(io);
    ERR_clear_error();
    const int n = SSL_write(ssl_.get(), io[0].iov_base, static_cast<int>(io[0].iov_len));
    if (n > 0) {
      chain_.Consume(static_cast<size_t>(n));
      continue;
    }
    const int error = SSL_get_error(ssl_.get(), n);
    // A write that waits to read goes on with the next input, which marks us dirty.
    blocked_ = error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ;
    return blocked_;
  }
  return true;
}

void Connection::BeginDrain() {
  if (draining_) return;
  draining_ = true;
  nghttp2_submit_shutdown_notice(session_);
  reactor_.MarkDirty(*this);
}

void Connection::FinishDrain() {
  if (goaway_sent_) return;
  goaway_sent_ = true;
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR,
                        nullptr, 0);
  reactor_.MarkDirty(*this);
}

bool Connection::CheckLiveness(base::Time now) {
  const base::Duration quiet = now - last_read_;
  if (!seen_input_) return quiet < kHandshakeTimeout;
  if (ping_sent_ > last_read_) return now - ping_sent_ < kPingTimeout;
  if (quiet < kQuietBeforePing) return true;
  ping_sent_ = now;
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
  reactor_.MarkDirty(*this);
  return true;
}

void Connection::LogFault(const char* what) {
  if (logged_fault_) return;
  logged_fault_ = true;
  spdlog::warn(
      "ext_proc peer broke the protocol (further faults of this connection are only counted): {}",
      what);
}

}  // namespace inference::extproc
