#include "inferencesim/listener.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace inference::sim {
namespace {

constexpr int kBacklog = 1024;

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

Result<Address> ParseAddress(const std::string& text, uint16_t port) {
  Address address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    address.length = sizeof(sockaddr_in);
  } else if (inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    address.length = sizeof(sockaddr_in6);
  } else {
    return Status(Code::kInvalidArgument, fmt::format("'{}' is not an IPv4 or IPv6 address", text));
  }
  return address;
}

Status SystemError(std::string_view what, const std::string& address, uint16_t port) {
  return Status(Code::kUnavailable,
                fmt::format("cannot {} {} port {}: {}", what, address, port, std::strerror(errno)));
}

/// A socket bound to the address, or -1 with errno.
int BindSocket(Address address) {
  const int fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, address.get(), address.length) == 0) return fd;
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

uint16_t LocalPort(int fd) {
  Address address;
  address.length = sizeof address.storage;
  getsockname(fd, address.get(), &address.length);
  // The port is at the same place in both families.
  return ntohs(reinterpret_cast<sockaddr_in*>(&address.storage)->sin_port);
}

}  // namespace

Result<BoundPort> BoundPort::Make(const std::string& address, uint16_t port) {
  const Result<Address> parsed = ParseAddress(address, port);
  if (!parsed) return parsed.status();
  const int fd = BindSocket(*parsed);
  if (fd < 0) return SystemError("bind", address, port);
  return BoundPort(fd, address, LocalPort(fd));
}

BoundPort::BoundPort(int fd, std::string address, uint16_t port)
    : fd_(fd), address_(std::move(address)), port_(port) {}

BoundPort::BoundPort(BoundPort&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), address_(std::move(other.address_)), port_(other.port_) {}

BoundPort::~BoundPort() {
  if (fd_ >= 0) close(fd_);
}

std::string BoundPort::HostPort() const {
  const bool v6 = address_.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", address_, v6 ? "]" : "", port_);
}

Result<int> BoundPort::Listen() const {
  const Result<Address> parsed = ParseAddress(address_, port_);
  if (!parsed) return parsed.status();
  const int fd = BindSocket(*parsed);
  if (fd < 0) return SystemError("bind", address_, port_);
  // Accepted sockets inherit it: a token must not wait for the next one.
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (listen(fd, kBacklog) == 0) return fd;
  const Status status = SystemError("listen on", address_, port_);
  close(fd);
  return status;
}

}  // namespace inference::sim
