#include "net/listener.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>

namespace inference::net {
namespace {

constexpr int kBacklog = 1024;
constexpr int kStream = SOCK_STREAM | SOCK_CLOEXEC;

std::string ErrorText(int error) {
  return std::generic_category().message(error);
}

Status CannotListen(const std::string& address, const std::string& why, int error = errno) {
  const Code code = error == EADDRINUSE                 ? Code::kAlreadyExists
                    : error == EACCES || error == EPERM ? Code::kPermissionDenied
                                                        : Code::kUnavailable;
  return {code, "cannot listen on " + address + ": " + why + ": " + ErrorText(error)};
}

std::string NameOf(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  if (getsockname(fd, address, &size) != 0) return "?";
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  if (getnameinfo(address, size, host, sizeof host, port, sizeof port,
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "?";
  }
  const bool v6 = std::strchr(host, ':') != nullptr;
  return (v6 ? "[" + std::string(host) + "]" : host) + ":" + port;
}

using AddressList = std::unique_ptr<addrinfo, void (*)(addrinfo*)>;

// With no host: IPv6's any-address, which takes IPv4 too.
Result<AddressList> LookUp(const Address& address) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(address.host.empty() ? "::" : address.host.c_str(),
                                std::to_string(address.port).c_str(), &hints, &found);
  if (error != 0) return Status(Code::kInvalidArgument, gai_strerror(error));
  return AddressList(found, freeaddrinfo);
}

int BindTcp(const addrinfo& found, bool any_host, FileDescriptor& out) {
  FileDescriptor fd(socket(found.ai_family, kStream | SOCK_NONBLOCK, 0));
  if (fd.get() < 0) return errno;
  const int on = 1;
  const int v6_only = any_host ? 0 : 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (found.ai_family == AF_INET6) {
    setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only);
  }
  if (bind(fd.get(), found.ai_addr, found.ai_addrlen) != 0) return errno;
  out = std::move(fd);
  return 0;
}

Result<FileDescriptor> OpenTcp(const std::string& text, const Address& address, InUse in_use) {
  auto found = LookUp(address);
  if (!found.ok()) {
    return Status(Code::kInvalidArgument,
                  "cannot listen on " + text + ": " + found.status().message());
  }
  FileDescriptor fd;
  int error = BindTcp(**found, address.host.empty(), fd);
  if (error == EAFNOSUPPORT && address.host.empty()) {  // a machine without IPv6
    found = LookUp({{}, "0.0.0.0", address.port});
    if (found.ok()) error = BindTcp(**found, true, fd);
  }
  // Bound first: an address of another machine must not be asked who listens there.
  const bool bound_beside = error == 0 && in_use == InUse::kRefuse && SomebodyListens(address);
  if (bound_beside || (error == EADDRINUSE && in_use == InUse::kRefuse)) {
    return Status(Code::kAlreadyExists, "cannot listen on " + text + kBusy);
  }
  if (error != 0) return CannotListen(text, "bind", error);
  return fd;
}

bool FillName(const std::string& path, sockaddr_un& name) {
  if (path.empty() || path.size() >= sizeof name.sun_path) return false;
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.data(), path.size());
  return true;
}

int Connect(int fd, const sockaddr_un& name) {
  while (connect(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

// Whether the path may be renamed over: nothing there, or a socket that is dead or may be replaced.
Status MayReplace(const std::string& text, const std::string& path, InUse in_use) {
  struct stat info{};
  if (lstat(path.c_str(), &info) != 0) {
    return errno == ENOENT ? Status::Ok() : CannotListen(text, "look at the file");
  }
  if (!S_ISSOCK(info.st_mode)) {
    return Status(Code::kAlreadyExists, "cannot listen on " + text +
                                            ": the file exists and is no socket; move it away or "
                                            "choose another address");
  }
  if (in_use == InUse::kTakeOver || !SomebodyListens({path, {}, 0})) return Status::Ok();
  return Status(Code::kAlreadyExists, "cannot listen on " + text + kBusy);
}

// Made under another name and renamed: at no moment can anyone connect who may not, and at no
// moment does nobody listen.
Result<FileDescriptor> OpenUnix(const std::string& text, const std::string& path, InUse in_use,
                                const SocketAccess& access) {
  const std::string draft = path + "." + std::to_string(getpid());
  sockaddr_un name{};
  if (!FillName(draft, name)) {
    return Status(Code::kInvalidArgument,
                  "cannot listen on " + text + ": the path is too long; use a shorter one");
  }
  const std::string folder = path.substr(0, path.rfind('/'));
  if (!folder.empty()) mkdir(folder.c_str(), 0750);  // what is wrong with it, bind reports
  if (Status status = MayReplace(text, path, in_use); !status.ok()) return status;
  FileDescriptor fd(socket(AF_UNIX, kStream | SOCK_NONBLOCK, 0));
  unlink(draft.c_str());
  if (fd.get() < 0 || bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) {
    const int error = errno;
    return CannotListen(text, error == ENOENT ? "the folder cannot be made" : "bind", error);
  }
  const auto keep = static_cast<uid_t>(-1);
  if (access.group && chown(draft.c_str(), keep, *access.group) != 0) {
    Status status = CannotListen(text, "give it to group " + std::to_string(*access.group));
    unlink(draft.c_str());
    return status;
  }
  const bool ready = chmod(draft.c_str(), access.mode) == 0 && listen(fd.get(), kBacklog) == 0 &&
                     rename(draft.c_str(), path.c_str()) == 0;
  if (!ready) {
    Status status = CannotListen(text, "set up the socket");
    unlink(draft.c_str());
    return status;
  }
  return fd;
}

}  // namespace

Result<Listener> Listener::Open(const std::string& text, InUse in_use, const SocketAccess& access) {
  const Result<Address> address = ParseAddress(text);
  if (!address.ok()) return address.status();
  Listener listener;
  listener.unix_ = address->is_unix();
  auto fd = listener.unix_ ? OpenUnix(text, address->path, in_use, access)
                           : OpenTcp(text, *address, in_use);
  if (!fd.ok()) return fd.status();
  listener.fd_ = *std::move(fd);
  if (!listener.unix_) {
    if (listen(listener.fd(), kBacklog) != 0) return CannotListen(text, "listen");
    listener.address_ = NameOf(listener.fd());
    return listener;
  }
  listener.address_ = "unix://" + address->path;
  struct stat info{};
  if (lstat(address->path.c_str(), &info) == 0) {
    listener.path_ = address->path;
    listener.device_ = info.st_dev;
    listener.inode_ = info.st_ino;
  }
  return listener;
}

Result<Listener> Listener::Adopt(int fd) {
  Listener listener;
  listener.fd_.Reset(fd);
  int listening = 0;
  socklen_t size = sizeof listening;
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || listening == 0) {
    return Status(Code::kInvalidArgument, "file descriptor " + std::to_string(fd) +
                                              " from socket activation is not a listening socket");
  }
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  listener.address_ = LocalAddress(fd);
  listener.unix_ = listener.address_.starts_with("unix:");
  return listener;
}

std::string LocalAddress(int fd) {
  sockaddr_un name{};
  socklen_t size = sizeof name;
  const bool is_unix =
      getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) == 0 && name.sun_family == AF_UNIX;
  if (!is_unix) return NameOf(fd);
  return name.sun_path[0] == '/' ? std::string("unix://") + name.sun_path : "?";
}

Listener::~Listener() {
  struct stat info{};
  if (path_.empty() || fd_.get() < 0 || lstat(path_.c_str(), &info) != 0) return;
  if (info.st_dev == device_ && info.st_ino == inode_) unlink(path_.c_str());
}

bool SomebodyListens(const Address& address) {
  if (address.is_unix()) {
    sockaddr_un name{};
    if (!FillName(address.path, name)) return false;
    const FileDescriptor probe(socket(AF_UNIX, kStream | SOCK_NONBLOCK, 0));
    const int error = Connect(probe.get(), name);
    return error == 0 || error == EAGAIN;  // EAGAIN: its backlog is full
  }
  if (address.port == 0) return false;
  // Any-address: whoever listens there answers on loopback.
  Address where = address;
  if (where.host.empty() || where.host == "::" || where.host == "0.0.0.0") where.host = "localhost";
  const auto found = LookUp(where);
  if (!found.ok()) return false;
  for (const addrinfo* one = found->get(); one != nullptr; one = one->ai_next) {
    const FileDescriptor probe(socket(one->ai_family, kStream, 0));
    if (probe.get() >= 0 && connect(probe.get(), one->ai_addr, one->ai_addrlen) == 0) return true;
  }
  return false;
}

Result<FileDescriptor> ConnectUnix(const std::string& path) {
  const std::string where = "cannot connect to unix://" + path + ": ";
  sockaddr_un name{};
  if (!FillName(path, name)) {
    return Status(Code::kInvalidArgument, where + "the path is too long");
  }
  FileDescriptor fd(socket(AF_UNIX, kStream, 0));
  const int error = fd.get() < 0 ? errno : Connect(fd.get(), name);
  switch (error) {
    case 0:
      fcntl(fd.get(), F_SETFL, fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
      return fd;
    case ENOENT:
      return Status(Code::kUnavailable, where + "no such socket; is inferenced running?");
    case ECONNREFUSED:
      return Status(Code::kUnavailable,
                    where + "nobody answers on this socket; is inferenced running?");
    case EACCES:
      return Status(Code::kPermissionDenied,
                    where + "permission denied; join the socket's group or use sudo");
    default:
      return Status(Code::kUnavailable, where + ErrorText(error));
  }
}

}  // namespace inference::net
