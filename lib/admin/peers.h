#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/kinds.h"
#include "inference/result.h"

// Who is at the other end of an admin connection, and what they may do.
namespace inference::admin {

/// As the kernel knows them (SO_PEERCRED, SO_PEERGROUPS): since they connected.
struct Peer {
  bool known = false;
  uint32_t uid = 0;
  std::vector<uint32_t> groups;  // the primary one first
  std::string name;              // "alice (uid 1000)"; "unknown"
};

/// `peer`: grpc::ServerContext::peer() of a call on a connection that was handed over by its
/// descriptor. REQUIRES: the call runs.
Peer PeerOf(std::string_view peer);

/// OK for root, the daemon's own user, and the operators that `config` names; for everyone when it
/// has none. Else PERMISSION_DENIED: says who was refused, and who wouldn't be.
Status MayOperate(const Peer& peer, const api::AdminConfig& config);

}  // namespace inference::admin
