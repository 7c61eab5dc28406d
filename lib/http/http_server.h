#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "inference/result.h"
#include "net/listener.h"

namespace inference::http {

/// Serves GET /metrics, /healthz and /readyz in plain text, for scrapers and probes. Read-only;
/// eight threads of its own, one request per connection. A connection without a byte holds no
/// thread, one that sends its request slowly for two seconds at most.
class HttpServer {
 public:
  struct Readiness {
    bool ready = false;
    std::string reason;  // shown in the answer
  };
  /// Called on the server's threads, possibly at the same time.
  struct Handlers {
    std::function<std::string()> metrics;  // Prometheus text format 0.0.4
    std::function<Readiness()> ready;
  };

  /// Binds `address`, host and port (port 0: any), and starts. Ignores SIGPIPE in this process:
  /// cpp-httplib writes to sockets that the other side may have closed.
  static Result<std::unique_ptr<HttpServer>> Start(std::string_view address, Handlers handlers,
                                                   net::InUse in_use = net::InUse::kRefuse);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// "127.0.0.1:9090": the address as bound.
  const std::string& address() const { return address_; }
  int port() const { return port_; }
  /// Ends what is under way at once, sent or not. Idempotent; not thread-safe.
  void Stop();

 private:
  class Server;
  HttpServer(std::unique_ptr<Server> server, std::string address, int port);

  std::unique_ptr<Server> server_;
  const std::string address_;
  const int port_;
  std::thread thread_;
};

}  // namespace inference::http
