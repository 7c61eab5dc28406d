#include "scrape/stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <system_error>

#include "scrape/socket_error.h"

namespace inference::scrape {
namespace {

constexpr uint32_t kIncoming = EPOLLIN | EPOLLRDHUP | EPOLLET;
constexpr uint32_t kBothWays = kIncoming | EPOLLOUT;

std::string Words(int error) {
  return std::generic_category().message(error);
}

// OpenSSL takes an int.
int TlsSize(size_t size) {
  return static_cast<int>(std::min<size_t>(size, INT_MAX));
}

}  // namespace

Stream::Stream(int epoll, void* tag, const PageRequest& request, const api::ScrapeConfig& config,
               TlsContexts& contexts)
    : epoll_(epoll), tag_(tag), request_(request), config_(config), contexts_(contexts) {}

void Stream::Close() {
  ssl_.reset();
  if (fd_ >= 0) close(fd_);  // which takes it out of the epoll set
  fd_ = -1;
  connected_ = false;
}

Stream::State Stream::Open() {
  sockaddr_storage address;
  socklen_t size = 0;
  errno = 0;
  if (Status status = request_.SocketAddress(address, size); !status.ok()) {
    if (IsShortage(errno)) return FailShortage(errno);
    fault_ = {Failure::kConnect, status.message()};
    return State::kFailed;
  }
  fd_ = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return FailSystem("cannot make a socket", Failure::kConnect, errno);
  if (*config_.scheme == "https") {
    ssl_ = contexts_.Make(config_, request_.address, fault_);
    if (!ssl_) return fault_.failure == Failure::kShortage ? FailShortage(EMFILE) : State::kFailed;
    if (SSL_set_fd(ssl_.get(), fd_) != 1) return FailShortage(ENOMEM);
  }
  const int one = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect(fd_, reinterpret_cast<sockaddr*>(&address), size) != 0 && errno != EINPROGRESS) {
    return FailSystem("cannot connect", Failure::kConnect, errno);
  }
  if (!Watch(EPOLL_CTL_ADD, kBothWays)) {
    return FailSystem("cannot watch a socket", Failure::kOther, errno);
  }
  return State::kOk;
}

Stream::State Stream::Establish() {
  if (!connected_) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return FailSystem("cannot connect", Failure::kConnect, error);
    connected_ = true;
  }
  if (ssl_) {
    if (const State state = Handshake(); state != State::kOk) return state;
  }
  if (!Watch(EPOLL_CTL_MOD, kIncoming)) {
    return FailSystem("cannot watch a socket", Failure::kOther, errno);
  }
  return State::kOk;
}

Stream::State Stream::Handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) return State::kOk;
  const State state = TlsState(result);
  if (state == State::kClosed) {
    fault_ = {Failure::kTls,
              "TLS: the server closed the connection in the handshake; is this "
              "its https port?"};
    return State::kFailed;
  }
  return state;
}

Stream::State Stream::Send(std::string_view bytes, size_t& sent) {
  sent = 0;
  State state = State::kOk;
  while (state == State::kOk && sent < bytes.size()) {
    const std::string_view rest = bytes.substr(sent);
    if (ssl_) {
      ERR_clear_error();
      const int n = SSL_write(ssl_.get(), rest.data(), TlsSize(rest.size()));
      if (n <= 0) state = TlsState(n);
      sent += static_cast<size_t>(std::max(n, 0));
    } else {
      const ssize_t n = send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL);
      const int error = errno;
      if (n < 0 && error != EINTR) {
        state = error == EAGAIN ? State::kWait : FailSystem("cannot send", Failure::kOther, error);
      }
      sent += static_cast<size_t>(std::max<ssize_t>(n, 0));
    }
  }
  // Only a page's request that is larger than the socket's buffer gets here.
  if (state == State::kWait && !Watch(EPOLL_CTL_MOD, kBothWays)) {
    return FailSystem("cannot watch a socket", Failure::kOther, errno);
  }
  return state;
}

Stream::State Stream::Receive(std::span<char> room, size_t& received) {
  received = 0;
  if (ssl_) {
    ERR_clear_error();
    const int n = SSL_read(ssl_.get(), room.data(), TlsSize(room.size()));
    if (n <= 0) return TlsState(n);
    received = static_cast<size_t>(n);
    return State::kOk;
  }
  ssize_t n;
  do {
    n = recv(fd_, room.data(), room.size(), 0);
  } while (n < 0 && errno == EINTR);
  if (n == 0) return State::kClosed;
  if (n < 0) {
    return errno == EAGAIN ? State::kWait : FailSystem("cannot receive", Failure::kOther, errno);
  }
  received = static_cast<size_t>(n);
  return State::kOk;
}

bool Stream::StillIdle(uint32_t events) {
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) return false;
  if (!ssl_) return (events & EPOLLIN) == 0;
  // TLS sends records of its own, such as session tickets.
  char byte;
  size_t received = 0;
  return Receive({&byte, 1}, received) == State::kWait;
}

// After a call that didn't do what it was asked for.
Stream::State Stream::TlsState(int result) {
  const int error = errno;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return State::kWait;
    case SSL_ERROR_ZERO_RETURN:
      return State::kClosed;
    case SSL_ERROR_SYSCALL:
      if (ERR_peek_error() == 0 && error != 0) {
        return FailSystem("the connection broke",
                          SSL_is_init_finished(ssl_.get()) ? Failure::kOther : Failure::kTls,
                          error);
      }
      break;
    default:
      break;
  }
  fault_ = {Failure::kTls, TlsError(ssl_.get(), request_.address)};
  return State::kFailed;
}

Stream::State Stream::FailSystem(const char* what, Failure failure, int error) {
  if (IsShortage(error)) return FailShortage(error);
  fault_ = {failure, std::string(what) + ": " + Words(error)};
  return State::kFailed;
}

Stream::State Stream::FailShortage(int error) {
  const char* what = "it needs memory";
  if (error == EMFILE) what = "raise the limit of open files (LimitNOFILE= of the unit, ulimit -n)";
  if (error == ENFILE) what = "raise the system's limit of open files (sysctl fs.file-max)";
  fault_ = {Failure::kShortage,
            "no connection, for want of resources here: " + Words(error) + "; " + what};
  return State::kFailed;
}

bool Stream::Watch(int operation, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = tag_;
  return epoll_ctl(epoll_, operation, fd_, &event) == 0;
}

}  // namespace inference::scrape
