#pragma once

#include <string>
#include <vector>

#include "api/kinds.h"
#include "inference/result.h"

namespace inferenced {

/// Listening sockets that the service manager holds for us over restarts; -1: we open that one.
struct InheritedSockets {
  std::vector<int> listeners;  // one for each listener of the configuration
  int health = -1;
  int admin = -1;
};

/// A socket as the service manager passes it.
struct GivenSocket {
  int fd = -1;
  std::string name;     // FileDescriptorName= of its unit, else the unit's name
  std::string address;  // as net::LocalAddress()
};

/// Which socket is for what: by its name (extproc, health, admin), else by the address that the
/// configuration has. Several of the name extproc go to the listeners of their addresses, then to
/// the others in order. INVALID_ARGUMENT: one that fits nothing; whoever connects there would wait
/// for ever.
inference::Result<InheritedSockets> Assign(const std::vector<GivenSocket>& given,
                                           const inference::api::DaemonConfig& config);

/// The sockets of this process (sd_listen_fds(3)), assigned. Call once.
inference::Result<InheritedSockets> TakeInheritedSockets(
    const inference::api::DaemonConfig& config);

}  // namespace inferenced
