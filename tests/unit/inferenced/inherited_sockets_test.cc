#include "inferenced/inherited_sockets.h"

#include <catch2/catch.hpp>

namespace inferenced {
namespace {

inference::api::DaemonConfig Config() {
  inference::api::DaemonConfig config;
  config.listeners.resize(2);
  config.listeners[0].address.value = "127.0.0.1:9002";
  config.listeners[1].address.value = ":9102";
  config.health_address.value = "127.0.0.1:9003";
  config.admin.address.value = "unix:///run/inferenced/admin.sock";
  return config;
}

TEST_CASE("nothing is given: all is opened") {
  const auto sockets = Assign({}, Config());
  REQUIRE(sockets.ok());
  CHECK(sockets->listeners == std::vector<int>{-1, -1});
  CHECK(sockets->health == -1);
  CHECK(sockets->admin == -1);
}

TEST_CASE("names say what a socket is for, whatever its address") {
  const auto sockets = Assign({{3, "admin", "unix:///run/other.sock"},
                               {4, "extproc", "10.0.0.1:80"},
                               {5, "health", "[::1]:7"}},
                              Config());
  REQUIRE(sockets.ok());
  CHECK(sockets->admin == 3);
  CHECK(sockets->listeners == std::vector<int>{4, -1});
  CHECK(sockets->health == 5);
}

TEST_CASE("several of one name go to the listeners of their addresses first") {
  const auto sockets =
      Assign({{3, "extproc", "10.0.0.1:80"}, {4, "extproc", "127.0.0.1:9002"}}, Config());
  REQUIRE(sockets.ok());
  CHECK(sockets->listeners == std::vector<int>{4, 3});
}

TEST_CASE("without a name that we know the address decides") {
  const auto sockets = Assign({{3, "inferenced.socket", "[::]:9102"},
                               {4, "unknown", "unix:///run/inferenced/admin.sock"},
                               {5, "unknown", "127.0.0.1:9003"}},
                              Config());
  REQUIRE(sockets.ok());
  CHECK(sockets->listeners == std::vector<int>{-1, 3});
  CHECK(sockets->admin == 4);
  CHECK(sockets->health == 5);
}

TEST_CASE("a socket that fits nothing is refused by name and address") {
  const std::vector<std::vector<GivenSocket>> wrong = {
      {{3, "grpc.socket", "127.0.0.1:1"}},
      {{3, "admin", "127.0.0.1:1"}},
      {{3, "admin", "unix:///a"}, {4, "admin", "unix:///b"}},
      {{3, "extproc", "1.1.1.1:1"}, {4, "extproc", "1.1.1.1:2"}, {5, "extproc", "1.1.1.1:3"}},
  };
  for (const auto& given : wrong) {
    CAPTURE(given.back().name, given.size());
    const auto sockets = Assign(given, Config());
    REQUIRE_FALSE(sockets.ok());
    CHECK(sockets.status().message().find(given.back().address) != std::string::npos);
    CHECK(sockets.status().message().find("'" + given.back().name + "'") != std::string::npos);
  }
}

}  // namespace
}  // namespace inferenced
