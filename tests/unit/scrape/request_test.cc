#include "scrape/request.h"

#include <net/if.h>
#include <netinet/in.h>

#include <catch2/catch.hpp>

namespace inference::scrape {
namespace {

Result<PageRequest> Make(const std::string& address, const api::ScrapeConfig& config = {}) {
  datastore::EndpointInfo info;
  info.address = address;
  info.port = 8000;
  return PageRequest::Make(info, config);
}

std::string BytesOf(const std::string& address, const api::ScrapeConfig& config = {}) {
  const auto request = Make(address, config);
  return request.ok() ? request->bytes : request.status().ToString();
}

TEST_CASE("the request of a target") {
  CHECK(BytesOf("10.0.0.1") ==
        "GET /metrics HTTP/1.1\r\nHost: 10.0.0.1:8000\r\nUser-Agent: inferenced\r\n"
        "Accept: text/plain;version=0.0.4\r\nAccept-Encoding: identity\r\n\r\n");
  CHECK_THAT(BytesOf("::1"), Catch::Contains("\r\nHost: [::1]:8000\r\n"));
  CHECK_THAT(BytesOf("fe80::1%lo"), Catch::Contains("\r\nHost: [fe80::1]:8000\r\n"));
  api::ScrapeConfig config;
  config.port = api::Field<int>(8002);
  config.path = api::Field<std::string>("prometheus/metrics?x=1");
  CHECK_THAT(BytesOf("10.0.0.1", config),
             Catch::StartsWith("GET /prometheus/metrics?x=1 HTTP/1.1\r\nHost: 10.0.0.1:8002\r\n"));
}

TEST_CASE("a path that would change the request is refused") {
  for (const char* path : {"/a b", "/a\r\nX: y", "/a\tb", "/\x7f"}) {
    api::ScrapeConfig config;
    config.path = api::Field<std::string>(path);
    CHECK_THAT(BytesOf("10.0.0.1", config), Catch::Contains("escape it as %XX"));
  }
}

TEST_CASE("a name, or what is nearly an address, is no address") {
  for (const char* address :
       {"", "localhost", "10.0.0.1@evil", "10.0.0.1/..", "10.1", "1.2.3.4%x", "::1]"}) {
    CHECK_THAT(BytesOf(address), Catch::Contains("is no IP address"));
  }
}

TEST_CASE("the socket address, with the zone by name or number") {
  sockaddr_storage address;
  socklen_t size = 0;
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
  REQUIRE(Make("10.0.0.1")->SocketAddress(address, size).ok());
  CHECK(size == sizeof v4);
  CHECK(v4.sin_family == AF_INET);
  CHECK(ntohl(v4.sin_addr.s_addr) == 0x0A000001);
  CHECK(ntohs(v4.sin_port) == 8000);
  for (const char* with_zone : {"fe80::1%lo", "fe80::1%1"}) {
    REQUIRE(Make(with_zone)->SocketAddress(address, size).ok());
    CHECK(size == sizeof v6);
    CHECK(v6.sin6_family == AF_INET6);
    CHECK(ntohs(v6.sin6_port) == 8000);
    CHECK(v6.sin6_scope_id == if_nametoindex("lo"));
  }
  CHECK_THAT(Make("fe80::1%nosuch")->SocketAddress(address, size).message(),
             Catch::Contains("no network interface 'nosuch'"));
}

TEST_CASE("settings are compared by value, each of them") {
  const api::ScrapeConfig base;
  api::ScrapeConfig same = base;
  same.path.origin = {std::make_shared<const std::string>("x.yaml"), 3, 1};
  CHECK(SameSettings(base, same));
  int changed = 0;
  const auto differs = [&](auto change) {
    api::ScrapeConfig other = base;
    change(other);
    CHECK_FALSE(SameSettings(base, other));
    ++changed;
  };
  differs([](auto& c) { c.interval.value *= 2; });
  differs([](auto& c) { c.timeout.value *= 2; });
  differs([](auto& c) { c.scheme.value = "https"; });
  differs([](auto& c) { c.path.value = "/x"; });
  differs([](auto& c) { c.port.value = 1; });
  differs([](auto& c) { c.insecure_skip_verify.value = true; });
  differs([](auto& c) { c.ca_file.value = "x"; });
  differs([](auto& c) { c.cert_file.value = "x"; });
  differs([](auto& c) { c.key_file.value = "x"; });
  CHECK(changed == 9);
}

}  // namespace
}  // namespace inference::scrape
