#include "http/http_server.h"

#include <arpa/inet.h>
#include <httplib.h>
#include <sys/socket.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "net/file_descriptor.h"

namespace inference::http {
namespace {

HttpServer::Handlers Ready(bool ready, std::string reason = "") {
  return {[] { return std::string("# HELP x y\nx 1\n"); },
          [=] { return HttpServer::Readiness{ready, reason}; }};
}

std::unique_ptr<HttpServer> StartOrFail(std::string_view address, HttpServer::Handlers handlers) {
  auto server = HttpServer::Start(address, std::move(handlers));
  INFO(server.status().ToString());
  REQUIRE(server.ok());
  return std::move(*server);
}

TEST_CASE("metrics and health are served") {
  auto server = StartOrFail("127.0.0.1:0", Ready(true));
  CHECK(server->address() == "127.0.0.1:" + std::to_string(server->port()));
  httplib::Client client("127.0.0.1", server->port());
  auto metrics = client.Get("/metrics");
  REQUIRE(metrics);
  CHECK(metrics->status == 200);
  CHECK(metrics->body == "# HELP x y\nx 1\n");
  CHECK(metrics->get_header_value("Content-Type") == "text/plain; version=0.0.4; charset=utf-8");
  auto health = client.Get("/healthz");
  REQUIRE(health);
  CHECK(health->status == 200);
}

TEST_CASE("readiness says why not") {
  auto server = StartOrFail("127.0.0.1:0", Ready(false, "no manifest read yet"));
  httplib::Client client("127.0.0.1", server->port());
  auto ready = client.Get("/readyz");
  REQUIRE(ready);
  CHECK(ready->status == 503);
  CHECK(ready->body == "no manifest read yet\n");
  server = StartOrFail("127.0.0.1:0", Ready(true));
  httplib::Client other("127.0.0.1", server->port());
  auto now = other.Get("/readyz");
  REQUIRE(now);
  CHECK(now->status == 200);
  CHECK(now->body == "ok\n");
}

TEST_CASE("anything else is refused") {
  auto server = StartOrFail("127.0.0.1:0", Ready(true));
  httplib::Client client("127.0.0.1", server->port());
  auto missing = client.Get("/");
  REQUIRE(missing);
  CHECK(missing->status == 404);
  CHECK(missing->body.find("/readyz") != std::string::npos);
  auto posted = client.Post("/metrics", "x", "text/plain");
  REQUIRE(posted);
  CHECK(posted->status == 404);
}

TEST_CASE("IPv6 works where the machine has it") {
  auto server = HttpServer::Start("[::1]:0", Ready(true));
  if (!server) {
    WARN("no IPv6 loopback here: " << server.status().message());
    return;
  }
  CHECK((*server)->address() == "[::1]:" + std::to_string((*server)->port()));
  httplib::Client client("::1", (*server)->port());
  auto health = client.Get("/healthz");
  REQUIRE(health);
  CHECK(health->status == 200);
}

TEST_CASE("a taken port is an error that names it, not a silent share") {
  auto first = StartOrFail("127.0.0.1:0", Ready(true));
  auto second = HttpServer::Start(first->address(), Ready(true));
  REQUIRE_FALSE(second.ok());
  CHECK(second.status().message() == "cannot listen on " + first->address() +
                                         " for HTTP: another process listens there; stop it, or "
                                         "start with --take-over to replace it, or choose another "
                                         "http.address");
}

TEST_CASE("a successor may bind beside it, and serves when the first one is gone") {
  auto first = StartOrFail("127.0.0.1:0", Ready(false));
  auto second = HttpServer::Start(first->address(), Ready(true), net::InUse::kTakeOver);
  REQUIRE(second.ok());
  first->Stop();
  httplib::Client client("127.0.0.1", (*second)->port());
  auto ready = client.Get("/readyz");
  REQUIRE(ready);
  CHECK(ready->status == 200);
}

TEST_CASE("stop ends the server and may be called twice") {
  auto server = StartOrFail("127.0.0.1:0", Ready(true));
  const int port = server->port();
  server->Stop();
  server->Stop();
  httplib::Client client("127.0.0.1", port);
  CHECK_FALSE(client.Get("/healthz"));
}

// Connections that send `text` once, and a byte more whenever Drip() is called.
class SlowClients {
 public:
  SlowClients(int port, size_t count, std::string_view text) {
    sockaddr_in server{};
    server.sin_family = AF_INET;
    server.sin_port = htons(static_cast<uint16_t>(port));
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (size_t i = 0; i < count; ++i) {
      sockets_.emplace_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      REQUIRE(connect(sockets_.back().get(), reinterpret_cast<sockaddr*>(&server), sizeof server) ==
              0);
      Send(text);
    }
    dripping_ = std::thread([this, drip = !text.empty()] {
      while (drip && !ended_) {
        for (const auto& one : sockets_) send(one.get(), "x", 1, MSG_NOSIGNAL);
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
      }
    });
  }
  ~SlowClients() {
    ended_ = true;
    dripping_.join();
  }

 private:
  void Send(std::string_view text) {
    send(sockets_.back().get(), text.data(), text.size(), MSG_NOSIGNAL);
  }

  std::vector<net::FileDescriptor> sockets_;
  std::atomic<bool> ended_ = false;
  std::thread dripping_;
};

bool Answers(const HttpServer& server) {
  httplib::Client probe("127.0.0.1", server.port());
  probe.set_read_timeout(8);
  const auto health = probe.Get("/healthz");
  return health && health->status == 200;
}

TEST_CASE("connections that say nothing keep no probe waiting") {
  auto server = StartOrFail("127.0.0.1:0", Ready(true));
  const SlowClients silent(server->port(), 100, "");
  CHECK(Answers(*server));
}

TEST_CASE("requests that never end keep neither a probe waiting nor the stop") {
  auto server = StartOrFail("127.0.0.1:0", Ready(true));
  const SlowClients slow(server->port(), 12, "GET /healthz HTTP/1.1\r\nX: ");
  CHECK(Answers(*server));
  const SlowClients more(server->port(), 100, "GET /healthz HTTP/1.1\r\nX: ");
  auto stopped = std::async(std::launch::async, [&] { server->Stop(); });
  // A hundred would have two seconds each, on eight threads.
  CHECK(stopped.wait_for(std::chrono::seconds(10)) == std::future_status::ready);
}

TEST_CASE("an idle connection per thread delays a probe, but not for long") {
  auto server = StartOrFail("127.0.0.1:0", Ready(true));
  httplib::Client idle_a("127.0.0.1", server->port());
  httplib::Client idle_b("127.0.0.1", server->port());
  idle_a.set_keep_alive(true);
  idle_b.set_keep_alive(true);
  REQUIRE(idle_a.Get("/healthz"));
  REQUIRE(idle_b.Get("/healthz"));
  // Both asked to keep their connection; a third client is answered at once all the same.
  httplib::Client probe("127.0.0.1", server->port());
  probe.set_read_timeout(1);
  auto health = probe.Get("/healthz");
  REQUIRE(health);
  CHECK(health->status == 200);
}

}  // namespace
}  // namespace inference::http
