#include "admin/peers.h"

#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "net/accounts.h"

namespace inference::admin {
namespace {

std::vector<uint32_t> GroupsOf(int fd) {
  std::vector<gid_t> groups(64);
  socklen_t size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
  int done = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size);
  if (done != 0 && errno == ERANGE) {  // `size` says how much it takes
    groups.resize(size / sizeof(gid_t));
    done = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size);
  }
  if (done != 0) return {};
  return {groups.begin(), groups.begin() + static_cast<ptrdiff_t>(size / sizeof(gid_t))};
}

}  // namespace

// gRPC names a connection that was handed to it by its descriptor, and keeps that open as long as
// a call of it runs.
Peer PeerOf(std::string_view peer) {
  constexpr std::string_view kPrefix = "fd:";
  Peer out;
  out.name = "unknown";
  int fd = -1;
  if (!peer.starts_with(kPrefix)) return out;
  peer.remove_prefix(kPrefix.size());
  const auto [end, error] = std::from_chars(peer.data(), peer.data() + peer.size(), fd);
  if (error != std::errc() || end != peer.data() + peer.size()) return out;
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return out;
  out.known = true;
  out.uid = credentials.uid;
  out.groups = GroupsOf(fd);
  out.groups.insert(out.groups.begin(), credentials.gid);
  out.name = net::UserName(credentials.uid);
  return out;
}

Status MayOperate(const Peer& peer, const api::AdminConfig& config) {
  if (!config.operators) return Status::Ok();
  if (peer.known && (peer.uid == 0 || peer.uid == geteuid())) return Status::Ok();
  std::string operators;
  const auto name = [&](const char* what, const std::string& who) {
    operators += (operators.empty() ? "" : ", ") + std::string(what) + who;
  };
  for (const api::Field<std::string>& user : config.operators->users) {
    const Result<uint32_t> uid = net::UserId(*user);
    if (peer.known && uid.ok() && *uid == peer.uid) return Status::Ok();
    name("user ", *user);
  }
  for (const api::Field<std::string>& group : config.operators->groups) {
    const Result<uint32_t> gid = net::GroupId(*group);
    if (gid.ok() && std::find(peer.groups.begin(), peer.groups.end(), *gid) != peer.groups.end()) {
      return Status::Ok();
    }
    name("group ", *group);
  }
  if (operators.empty()) operators = "root and the daemon's user";
  return {Code::kPermissionDenied, peer.name +
                                       " may look here, not change anything; operators are " +
                                       operators + " (admin.operators of the daemon)"};
}

}  // namespace inference::admin
