#pragma once

#include <memory>
#include <string>
#include <utility>

#include "api/kinds.h"
#include "extproc/tls.h"
#include "inference/result.h"

namespace inference::extproc {

/// An open file descriptor; closed when it goes.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    Reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~FileDescriptor() { Reset(-1); }
  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }
  void Reset(int fd);

 private:
  int fd_ = -1;
};

/// A listening socket.
class Listener {
 public:
  /// Opens `config.address`: "unix:///path", "host:port", "[v6]:port", port 0 for any. TCP sockets
  /// are bound with SO_REUSEPORT, so that a new process can take over before the old one goes. A
  /// Unix socket gets mode 0660; a file that a dead process left is replaced, one that somebody
  /// still listens on is not. Errors name the address.
  static Result<Listener> Open(const api::ListenerConfig& config);
  /// Takes a socket that already listens, as socket activation passes it.
  static Result<Listener> Adopt(int fd, const api::TlsConfig& tls);

  Listener(Listener&&) noexcept = default;
  Listener& operator=(Listener&&) noexcept = default;
  /// Removes the file of a Unix socket that it made, unless another process has replaced it.
  ~Listener();

  int fd() const { return fd_.get(); }
  /// With the real port.
  const std::string& address() const { return address_; }
  const std::shared_ptr<SSL_CTX>& tls() const { return tls_; }
  bool tcp() const { return path_.empty() && !unix_; }

 private:
  Listener() = default;

  FileDescriptor fd_;
  std::string address_;
  std::string path_;  // of a Unix socket that we made
  uint64_t device_ = 0, inode_ = 0;
  bool unix_ = false;
  std::shared_ptr<SSL_CTX> tls_;
};

}  // namespace inference::extproc
