#pragma once

#include <string>
#include <string_view>

namespace inference::admin {

/// Who is at the other end of a Unix socket, as the kernel says: "alice (uid 1000)"; "uid 1000"
/// when the user has no name here, "unknown" when it can't be told. `peer` is what
/// grpc::ServerContext::peer() gives for a connection that we accepted: "fd:12".
std::string PeerName(std::string_view peer);

}  // namespace inference::admin
