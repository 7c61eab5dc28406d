#include "inferenced/inherited_sockets.h"

#include <systemd/sd-daemon.h>

#include <cstdlib>

#include "net/address.h"
#include "net/listener.h"

namespace inferenced {
namespace {

using inference::Code;
using inference::Result;
using inference::Status;

bool SameAddress(const std::string& given, const std::string& configured) {
  const auto a = inference::net::ParseAddress(given);
  const auto b = inference::net::ParseAddress(configured);
  if (!a.ok() || !b.ok()) return false;
  if (a->is_unix() || b->is_unix()) return a->path == b->path;
  const auto host = [](const inference::net::Address& address) {
    return address.host == "::" ? std::string() : address.host;
  };
  return a->port == b->port && host(*a) == host(*b);
}

Status Misfit(const GivenSocket& socket, const std::string& why) {
  return {Code::kInvalidArgument,
          "socket '" + socket.name + "' (" + socket.address + ") of the service manager: " + why};
}

class Assigner {
 public:
  explicit Assigner(const inference::api::DaemonConfig& config) : config_(config) {
    sockets_.listeners.assign(config.listeners.size(), -1);
  }

  /// The listener of the socket's address; true when there is one that has no socket yet.
  bool TakeByAddress(const GivenSocket& given) {
    for (size_t i = 0; i < config_.listeners.size(); ++i) {
      if (sockets_.listeners[i] >= 0) continue;
      if (!SameAddress(given.address, *config_.listeners[i].address)) continue;
      sockets_.listeners[i] = given.fd;
      return true;
    }
    return false;
  }

  Status TakeNext(const GivenSocket& given) {
    for (int& fd : sockets_.listeners) {
      if (fd >= 0) continue;
      fd = given.fd;
      return Status::Ok();
    }
    return Misfit(given,
                  "the configuration has no listener for it; add one to listeners, or "
                  "stop the socket unit");
  }

  Status TakeHealth(const GivenSocket& given) { return TakeOnly(given, sockets_.health); }

  Status TakeAdmin(const GivenSocket& given) {
    if (!given.address.starts_with("unix:")) {
      return Misfit(given, "the admin API is on Unix sockets only; set ListenStream= to a path");
    }
    return TakeOnly(given, sockets_.admin);
  }

  Status TakeUnnamed(const GivenSocket& given) {
    if (TakeByAddress(given)) return Status::Ok();
    if (SameAddress(given.address, *config_.health_address)) return TakeHealth(given);
    if (SameAddress(given.address, *config_.admin.address)) return TakeAdmin(given);
    return Misfit(given,
                  "nothing in the configuration has that address; set FileDescriptorName= of its "
                  "unit to extproc, health or admin");
  }

  InheritedSockets sockets() && { return std::move(sockets_); }

 private:
  Status TakeOnly(const GivenSocket& given, int& fd) {
    if (fd >= 0) return Misfit(given, "there is another one of that name; one is enough");
    fd = given.fd;
    return Status::Ok();
  }

  const inference::api::DaemonConfig& config_;
  InheritedSockets sockets_;
};

}  // namespace

Result<InheritedSockets> Assign(const std::vector<GivenSocket>& given,
                                const inference::api::DaemonConfig& config) {
  Assigner assigner(config);
  std::vector<GivenSocket> rest;
  for (const GivenSocket& socket : given) {
    Status status;
    if (socket.name == "health") {
      status = assigner.TakeHealth(socket);
    } else if (socket.name == "admin") {
      status = assigner.TakeAdmin(socket);
    } else if (socket.name != "extproc") {
      status = assigner.TakeUnnamed(socket);
    } else if (!assigner.TakeByAddress(socket)) {
      rest.push_back(socket);
    }
    if (!status.ok()) return status;
  }
  for (const GivenSocket& socket : rest) {
    if (Status status = assigner.TakeNext(socket); !status.ok()) return status;
  }
  return std::move(assigner).sockets();
}

Result<InheritedSockets> TakeInheritedSockets(const inference::api::DaemonConfig& config) {
  char** names = nullptr;
  const int count = sd_listen_fds_with_names(/*unset_environment=*/1, &names);
  std::vector<GivenSocket> given;
  for (int i = 0; i < count; ++i) {
    const int fd = SD_LISTEN_FDS_START + i;
    given.push_back({fd, names[i], inference::net::LocalAddress(fd)});
    free(names[i]);
  }
  free(names);
  if (count < 0) {
    return Status(Code::kInvalidArgument, "LISTEN_FDS, LISTEN_PID or LISTEN_FDNAMES can't be read");
  }
  return Assign(given, config);
}

}  // namespace inferenced
