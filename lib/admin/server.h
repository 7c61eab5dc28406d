#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "admin/daemon_info.h"
#include "admin/rooms.h"
#include "base/clock.h"
#include "inference/result.h"
#include "net/listener.h"

namespace grpc {
class Server;
}

namespace inference::admin {

class AdminService;

/// Serves inference.admin.v1 on a Unix socket. Who may connect is the socket's mode. Connections
/// are accepted here and handed to gRPC, because gRPC's own listener would take the path away from
/// a process that still answers on it, and would have a moment with the umask's mode.
class AdminServer {
 public:
  struct Options {
    uint64_t seed = 0;  // of the dry runs' random numbers
  };

  /// `listener` is a Unix socket; `clock` must outlive the server.
  static Result<std::unique_ptr<AdminServer>> Start(const Options& options, net::Listener listener,
                                                    const Rooms& rooms, DaemonInfo info,
                                                    const base::Clock& clock);
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  /// Ends watches, waits at most a second for other calls, removes the socket. Idempotent; not
  /// thread-safe.
  void Stop();

 private:
  AdminServer(net::Listener listener, net::FileDescriptor wake,
              std::unique_ptr<AdminService> service, std::unique_ptr<grpc::Server> server);
  void AcceptLoop();

  std::optional<net::Listener> listener_;
  net::FileDescriptor wake_;  // eventfd: written once, to stop
  std::unique_ptr<AdminService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::thread acceptor_;
};

}  // namespace inference::admin
