#pragma once

#include <string>
#include <string_view>

#include "inference/result.h"

namespace inference::admin {

/// The path of "unix:///run/x.sock" or "unix:/run/x.sock"; an error for anything else.
Result<std::string> UnixPath(std::string_view address);

/// A file descriptor that closes itself.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.Release()) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd();

  int get() const { return fd_; }
  int Release();

 private:
  int fd_ = -1;
};

/// A listening Unix socket, removed from the file system when it goes.
class UnixListener {
 public:
  /// Binds, sets `mode`, and only then listens: nobody can connect before the mode is set. A
  /// missing parent folder is made (0750). A socket file that nobody answers on is replaced; one
  /// that somebody answers on, and any other kind of file, is left alone and is an error.
  static Result<UnixListener> Make(const std::string& path, unsigned mode);

  UnixListener(UnixListener&&) noexcept = default;
  UnixListener& operator=(UnixListener&&) = delete;
  ~UnixListener();

  int fd() const { return fd_.get(); }
  /// The next connection, non-blocking, or -1 with errno set.
  int Accept() const;

 private:
  UnixListener(Fd fd, std::string path, unsigned long long inode);
  Fd fd_;
  std::string path_;
  unsigned long long inode_ = 0;  // ours: a successor's file of the same name is not removed
};

/// Connects. The message says what is wrong with the socket and what to do.
Result<Fd> ConnectUnix(const std::string& path);

}  // namespace inference::admin
