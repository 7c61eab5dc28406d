#include "admin/peers.h"

#include <pwd.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <array>
#include <charconv>

namespace inference::admin {

// gRPC names a connection that was handed to it by its descriptor, and keeps that open as long as
// a call of it runs.
std::string PeerName(std::string_view peer) {
  constexpr std::string_view kPrefix = "fd:";
  int fd = -1;
  if (!peer.starts_with(kPrefix)) return "unknown";
  peer.remove_prefix(kPrefix.size());
  const auto [end, error] = std::from_chars(peer.data(), peer.data() + peer.size(), fd);
  if (error != std::errc() || end != peer.data() + peer.size()) return "unknown";
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return "unknown";
  const std::string uid = "uid " + std::to_string(credentials.uid);
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> buffer{};
  if (getpwuid_r(credentials.uid, &entry, buffer.data(), buffer.size(), &found) != 0 || !found) {
    return uid;
  }
  return std::string(found->pw_name) + " (" + uid + ")";
}

}  // namespace inference::admin
