#include "extproc/listener.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace inference::extproc {
namespace {

constexpr std::string_view kUnixPrefix = "unix://";
constexpr int kBacklog = 1024;

Status SystemError(const std::string& address, const std::string& what) {
  const Code code = errno == EADDRINUSE ? Code::kAlreadyExists : Code::kUnavailable;
  return {code, "cannot listen on " + address + ": " + what + ": " + std::strerror(errno)};
}

/// "host:port", "[v6]:port" or ":port" (all addresses).
bool SplitHostPort(const std::string& address, std::string& host, std::string& port) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return false;
  host = address.substr(0, colon);
  port = address.substr(colon + 1);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string::npos) {
    return false;
  }
  return !port.empty();
}

std::string NameOf(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  if (getsockname(fd, address, &size) != 0) return "?";
  if (address->sa_family == AF_UNIX) {
    return std::string(kUnixPrefix) + reinterpret_cast<sockaddr_un*>(address)->sun_path;
  }
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  if (getnameinfo(address, size, host, sizeof(host), port, sizeof(port),
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "?";
  }
  const std::string text = host;
  return (text.find(':') != std::string::npos ? "[" + text + "]" : text) + ":" + port;
}

Result<FileDescriptor> OpenTcp(const std::string& address) {
  std::string host;
  std::string port;
  if (!SplitHostPort(address, host, port)) {
    return Status(Code::kInvalidArgument, "cannot listen on " + address +
                                              ": expected host:port, [v6]:port or unix:///path");
  }
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  // With no host: IPv6's any-address, which takes IPv4 too.
  const int error = getaddrinfo(host.empty() ? "::" : host.c_str(), port.c_str(), &hints, &found);
  if (error != 0) {
    return Status(Code::kInvalidArgument,
                  "cannot listen on " + address + ": " + gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> guard(found, freeaddrinfo);
  FileDescriptor fd(socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return SystemError(address, "socket");
  const int on = 1;
  const int off = 0;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
  if (found->ai_family == AF_INET6) {
    setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, host.empty() ? &off : &on, sizeof(on));
  }
  if (bind(fd.get(), found->ai_addr, found->ai_addrlen) != 0) return SystemError(address, "bind");
  return fd;
}

/// Removes what a dead process left; an error when somebody listens there or it is no socket.
Status ClearStale(const std::string& address, const std::string& path, const sockaddr_un& name) {
  struct stat info{};
  if (lstat(path.c_str(), &info) != 0) return Status::Ok();
  if (!S_ISSOCK(info.st_mode)) {
    return {Code::kAlreadyExists,
            "cannot listen on " + address + ": the file exists and is no socket"};
  }
  const FileDescriptor probe(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int connected =
      connect(probe.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name));
  if (connected == 0 || errno != ECONNREFUSED) {
    return {Code::kAlreadyExists,
            "cannot listen on " + address + ": another process listens there"};
  }
  unlink(path.c_str());
  return Status::Ok();
}

Result<FileDescriptor> OpenUnix(const std::string& address, const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(name.sun_path)) {
    return Status(Code::kInvalidArgument, "cannot listen on " + address + ": a path of 1 to " +
                                              std::to_string(sizeof(name.sun_path) - 1) +
                                              " bytes is needed");
  }
  path.copy(name.sun_path, path.size());
  if (Status status = ClearStale(address, path, name); !status.ok()) return status;
  FileDescriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  // Set before bind, so that the file never exists with wider rights.
  if (fd.get() < 0 || fchmod(fd.get(), 0660) != 0) return SystemError(address, "socket");
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) != 0) {
    return SystemError(address, "bind");
  }
  return fd;
}

}  // namespace

void FileDescriptor::Reset(int fd) {
  if (fd_ >= 0) close(fd_);
  fd_ = fd;
}

Result<Listener> Listener::Open(const api::ListenerConfig& config) {
  const std::string& address = config.address.value;
  Listener listener;
  auto tls = MakeTlsContext(config.tls);
  if (!tls) return tls.status();
  listener.tls_ = std::move(*tls);
  listener.unix_ = address.starts_with(kUnixPrefix);
  const std::string path = listener.unix_ ? address.substr(kUnixPrefix.size()) : "";
  auto fd = listener.unix_ ? OpenUnix(address, path) : OpenTcp(address);
  if (!fd) return fd.status();
  listener.fd_ = std::move(*fd);
  struct stat info{};
  if (listener.unix_ && stat(path.c_str(), &info) == 0) {
    listener.path_ = path;
    listener.device_ = info.st_dev;
    listener.inode_ = info.st_ino;
  }
  if (listen(listener.fd(), kBacklog) != 0) return SystemError(address, "listen");
  listener.address_ = NameOf(listener.fd());
  return listener;
}

Result<Listener> Listener::Adopt(int fd, const api::TlsConfig& tls) {
  Listener listener;
  listener.fd_.Reset(fd);
  int listening = 0;
  socklen_t size = sizeof(listening);
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || listening == 0) {
    return Status(Code::kInvalidArgument, "file descriptor " + std::to_string(fd) +
                                              " from socket activation is not a listening socket");
  }
  auto context = MakeTlsContext(tls);
  if (!context) return context.status();
  listener.tls_ = std::move(*context);
  listener.address_ = NameOf(fd);
  listener.unix_ = listener.address_.starts_with(kUnixPrefix);
  return listener;
}

Listener::~Listener() {
  struct stat info{};
  if (path_.empty() || fd_.get() < 0 || lstat(path_.c_str(), &info) != 0) return;
  if (info.st_dev == device_ && info.st_ino == inode_) unlink(path_.c_str());
}

}  // namespace inference::extproc
