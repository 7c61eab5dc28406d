#include "scrape/fetch.h"

#include <catch2/catch.hpp>

namespace inference::scrape {
namespace {

std::string UrlOf(const std::string& address, const api::ScrapeConfig& config = {}) {
  datastore::EndpointInfo info;
  info.address = address;
  info.port = 8000;
  const auto url = MakeUrl(info, config);
  return url.ok() ? *url : url.status().ToString();
}

TEST_CASE("the URL of a target") {
  CHECK(UrlOf("10.0.0.1") == "http://10.0.0.1:8000/metrics");
  CHECK(UrlOf("::1") == "http://[::1]:8000/metrics");
  CHECK(UrlOf("fe80::1%eth0") == "http://[fe80::1%25eth0]:8000/metrics");
  api::ScrapeConfig config;
  config.scheme = api::Field<std::string>("https");
  config.port = api::Field<int>(8002);
  config.path = api::Field<std::string>("prometheus/metrics?x=1");
  CHECK(UrlOf("10.0.0.1", config) == "https://10.0.0.1:8002/prometheus/metrics?x=1");
}

TEST_CASE("a name, or what would change the URL, is no address") {
  for (const char* address :
       {"", "localhost", "10.0.0.1@evil", "10.0.0.1/..", "10.1", "1.2.3.4%x"}) {
    CHECK_THAT(UrlOf(address), Catch::Contains("is no IP address"));
  }
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
