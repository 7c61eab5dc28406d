#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "inference/result.h"
#include "net/address.h"
#include "net/file_descriptor.h"

namespace inference::net {

/// What to do when another process listens on the address already.
enum class InUse {
  kRefuse,    // an error
  kTakeOver,  // listen beside it (TCP), or in its place (Unix): it is about to stop
};

/// Who may connect to a Unix socket.
struct SocketAccess {
  unsigned mode = 0660;
  std::optional<uint32_t> group;  // that the file belongs to; none: the process's
};

/// A listening, non-blocking socket.
class Listener {
 public:
  /// Opens `address`. A TCP socket is bound with SO_REUSEPORT, or nobody could ever take it over.
  /// A Unix socket gets its `access` before anyone can connect, a missing parent folder is made
  /// (0750), and a file that a dead process left is replaced; one that is no socket never is.
  /// Errors name the address and say what to do.
  static Result<Listener> Open(const std::string& address, InUse in_use,
                               const SocketAccess& access = {});
  /// Takes a socket that already listens, as socket activation passes it, and makes it
  /// non-blocking. Its file, when it is a Unix socket, stays when the listener goes.
  static Result<Listener> Adopt(int fd);

  Listener(Listener&&) noexcept = default;
  Listener& operator=(Listener&&) noexcept = default;
  /// Removes the file of a Unix socket that it made, unless another process has replaced it.
  ~Listener();

  int fd() const { return fd_.get(); }
  /// With the real port: "127.0.0.1:9002", "[::]:9002", "unix:///path".
  const std::string& address() const { return address_; }
  bool is_unix() const { return unix_; }

 private:
  Listener() = default;

  FileDescriptor fd_;
  std::string address_;
  std::string path_;  // of a Unix socket that we made
  uint64_t device_ = 0, inode_ = 0;
  bool unix_ = false;
};

/// What to do about kAlreadyExists, for messages: begins with a colon.
inline constexpr const char* kBusy =
    ": another process listens there; stop it, or start with --take-over to replace it";

/// Where a socket is bound, in the form of Listener::address(); "?" for what is neither TCP nor a
/// Unix socket with a path.
std::string LocalAddress(int fd);

/// Does anyone accept connections there? False for port 0.
bool SomebodyListens(const Address& address);

/// Connects to a Unix socket. The message says what is wrong with it and what to do.
Result<FileDescriptor> ConnectUnix(const std::string& path);

}  // namespace inference::net
