#include "http/http_server.h"

#include <httplib.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <system_error>
#include <utility>

#include "http/request_stream.h"

namespace inference::http {

/// cpp-httplib, but with a limit to what a client can keep a thread for.
class HttpServer::Server : public httplib::Server {
 public:
  /// What is not accepted yet includes what is silent: with cpp-httplib's backlog of 5 a few of
  /// them would keep everybody else out.
  void Lengthen() { ::listen(svr_sock_, SOMAXCONN); }
  /// No connection keeps a thread from here on.
  void Hurry() { stopping_ = true; }

 private:
  bool process_and_close_socket(socket_t socket) override {
    bool done = false;
    if (!stopping_) {
      RequestStream stream(socket, stopping_);
      bool closed = false;
      done = stream.is_readable() && process_request(stream, true, closed, nullptr);
    }
    shutdown(socket, SHUT_RDWR);
    close(socket);
    return done;
  }

  std::atomic<bool> stopping_ = false;
};

namespace {

constexpr size_t kThreads = 8;
constexpr int kSilentSeconds = 10;  // that a connection may wait in the kernel for a first byte
constexpr size_t kMaxRequestBody = 1024;
constexpr const char* kText = "text/plain; charset=utf-8";
constexpr const char* kExposition = "text/plain; version=0.0.4; charset=utf-8";

// An IPv6 address that was named is for IPv6 alone, as for the other listeners.
void SetSocketOptions(socket_t socket, bool any_host) {
  // SO_REUSEPORT so that a successor can bind beside us; who may is decided before (net::InUse).
  const int on = 1;
  const int v6_only = any_host ? 0 : 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(socket, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  setsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only);  // fails on IPv4 sockets
  // Browsers and load balancers open connections and say nothing: those never reach a thread.
  setsockopt(socket, IPPROTO_TCP, TCP_DEFER_ACCEPT, &kSilentSeconds, sizeof kSilentSeconds);
}

void Configure(httplib::Server& server, HttpServer::Handlers handlers, bool any_host) {
  server.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  server.set_socket_options([any_host](socket_t socket) { SetSocketOptions(socket, any_host); });
  server.set_payload_max_length(kMaxRequestBody);

  server.Get("/healthz", [](const httplib::Request&, httplib::Response& response) {
    response.set_content("ok\n", kText);
  });
  server.Get("/readyz", [ready = std::move(handlers.ready)](const httplib::Request&,
                                                            httplib::Response& response) {
    const HttpServer::Readiness state = ready();
    response.status = state.ready ? 200 : 503;
    response.set_content((state.reason.empty() ? "ok" : state.reason) + "\n", kText);
  });
  server.Get("/metrics", [metrics = std::move(handlers.metrics)](const httplib::Request&,
                                                                 httplib::Response& response) {
    response.set_content(metrics(), kExposition);
  });
  server.set_error_handler([](const httplib::Request&, httplib::Response& response) {
    if (!response.body.empty()) return;  // a handler's own 503
    response.set_content(response.status == 404
                             ? "not found; there are /metrics, /healthz and /readyz\n"
                             : "refused: HTTP " + std::to_string(response.status) + "\n",
                         kText);
  });
}

/// The bound port, or -1 with errno set.
int Bind(httplib::Server& server, const std::string& host, int port) {
  errno = 0;
  if (port == 0) return server.bind_to_any_port(host);
  return server.bind_to_port(host, port) ? port : -1;
}

std::string Join(const std::string& host, int port) {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::Start(std::string_view address, Handlers handlers,
                                                      net::InUse in_use) {
  auto where = net::ParseAddress(address);
  if (!where) return where.status();
  if (where->is_unix()) {
    return Status(Code::kInvalidArgument, "HTTP needs host:port, not " + std::string(address));
  }
  if (in_use == net::InUse::kRefuse && net::SomebodyListens(*where)) {
    return Status(Code::kAlreadyExists, "cannot listen on " + std::string(address) + " for HTTP" +
                                            net::kBusy + ", or choose another http.address");
  }
  signal(SIGPIPE, SIG_IGN);
  auto server = std::make_unique<Server>();
  Configure(*server, std::move(handlers), where->host.empty());
  std::string host = where->host.empty() ? "::" : where->host;
  int port = Bind(*server, host, where->port);
  if (port < 0 && where->host.empty()) {  // no IPv6 here
    host = "0.0.0.0";
    port = Bind(*server, host, where->port);
  }
  if (port < 0) {
    const int error = errno;
    return Status(Code::kUnavailable,
                  "cannot listen on " + std::string(address) + " for HTTP" +
                      (error == 0 ? "" : ": " + std::generic_category().message(error)) +
                      "; choose another address in http.address");
  }
  server->Lengthen();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(server), Join(host, port), port));
}

HttpServer::HttpServer(std::unique_ptr<Server> server, std::string address, int port)
    : server_(std::move(server)),
      address_(std::move(address)),
      port_(port),
      thread_([this] { server_->listen_after_bind(); }) {
  // httplib's stop() does nothing before its loop runs.
  while (!server_->is_running()) std::this_thread::yield();
}

HttpServer::~HttpServer() {
  Stop();
}

void HttpServer::Stop() {
  if (!thread_.joinable()) return;
  server_->Hurry();
  server_->stop();
  thread_.join();
}

}  // namespace inference::http
