#include "admin/unix_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace inference::admin {
namespace {

std::string ErrorText(int error) {
  return std::generic_category().message(error);
}

Result<sockaddr_un> MakeAddress(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Status(Code::kInvalidArgument, "socket path " + path + " is longer than " +
                                              std::to_string(sizeof address.sun_path - 1) +
                                              " bytes; use a shorter one");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

const sockaddr* AsSockaddr(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

int Connect(int fd, const sockaddr_un& address) {
  while (connect(fd, AsSockaddr(address), sizeof address) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

Status RemoveStale(const std::string& path, const sockaddr_un& address) {
  struct stat info{};
  if (lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return Status::Ok();
    return Status(Code::kUnavailable, "cannot look at " + path + ": " + ErrorText(errno));
  }
  if (!S_ISSOCK(info.st_mode)) {
    return Status(Code::kFailedPrecondition,
                  path + " exists and is not a socket; move it away or choose another address");
  }
  Fd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int error = Connect(probe.get(), address);
  if (error != ECONNREFUSED) {
    const std::string why =
        error == 0 || error == EAGAIN ? "another process answers on it" : ErrorText(error);
    return Status(Code::kAlreadyExists, "cannot take over the socket " + path + ": " + why);
  }
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return Status(Code::kPermissionDenied,
                  "cannot remove the stale socket " + path + ": " + ErrorText(errno));
  }
  return Status::Ok();
}

}  // namespace

Result<std::string> UnixPath(std::string_view address) {
  std::string_view path = address;
  if (path.substr(0, 5) == "unix:") {
    path.remove_prefix(5);
    if (path.substr(0, 2) == "//") path.remove_prefix(2);
    if (!path.empty() && path[0] == '/') return std::string(path);
  }
  return Status(Code::kInvalidArgument, "\"" + std::string(address) +
                                            "\" is not the address of a Unix socket; write "
                                            "unix:///absolute/path");
}

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) close(fd_);
    fd_ = other.Release();
  }
  return *this;
}

Fd::~Fd() {
  if (fd_ >= 0) close(fd_);
}

int Fd::Release() {
  const int fd = fd_;
  fd_ = -1;
  return fd;
}

UnixListener::UnixListener(Fd fd, std::string path, unsigned long long inode)
    : fd_(std::move(fd)), path_(std::move(path)), inode_(inode) {}

UnixListener::~UnixListener() {
  if (fd_.get() < 0) return;
  struct stat info{};
  if (lstat(path_.c_str(), &info) == 0 && info.st_ino == inode_) unlink(path_.c_str());
}

Result<UnixListener> UnixListener::Make(const std::string& path, unsigned mode) {
  auto address = MakeAddress(path);
  if (!address) return address.status();
  const std::string folder = path.substr(0, path.rfind('/'));
  if (!folder.empty()) mkdir(folder.c_str(), 0750);  // bind reports what matters
  if (Status status = RemoveStale(path, *address); !status.ok()) return status;

  Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  auto failed = [&](const char* what) {
    const int error = errno;
    return Status(error == EACCES ? Code::kPermissionDenied : Code::kUnavailable,
                  std::string("cannot ") + what + " " + path + ": " + ErrorText(error));
  };
  if (fd.get() < 0) return failed("make a socket for");
  if (bind(fd.get(), AsSockaddr(*address), sizeof *address) != 0) return failed("bind");
  struct stat info{};
  if (lstat(path.c_str(), &info) != 0) return failed("look at");
  UnixListener listener(std::move(fd), path, info.st_ino);
  if (chmod(path.c_str(), mode) != 0) return failed("set the mode of");
  if (listen(listener.fd(), 64) != 0) return failed("listen on");
  return listener;
}

int UnixListener::Accept() const {
  return accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

Result<Fd> ConnectUnix(const std::string& path) {
  auto address = MakeAddress(path);
  if (!address) return address.status();
  Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int error = fd.get() < 0 ? errno : Connect(fd.get(), *address);
  const std::string where = "cannot connect to unix://" + path + ": ";
  switch (error) {
    case 0:
      break;
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
  fcntl(fd.get(), F_SETFL, fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
  return fd;
}

}  // namespace inference::admin
