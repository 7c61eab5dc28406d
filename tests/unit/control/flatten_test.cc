#include <catch2/catch.hpp>

#include "control/runtime_builder.h"

using namespace inference;

namespace {

api::EndpointSet SetOf(std::vector<api::EndpointSet::Endpoint> endpoints) {
  api::EndpointSet set;
  set.meta.name = "rack";
  set.meta.ns = "llm";
  set.meta.labels = {{"app", "vllm"}, {"gpu", "a100"}};
  set.endpoints = std::move(endpoints);
  return set;
}

api::EndpointSet::Endpoint Named(const std::string& name) {
  api::EndpointSet::Endpoint endpoint;
  endpoint.name = name;
  return endpoint;
}

}  // namespace

TEST_CASE("an endpoint's own labels win over those of its set") {
  auto endpoint = Named("gpu-1");
  endpoint.address = "10.0.0.1";
  endpoint.labels = {{"gpu", "h100"}};
  const auto flat = control::Flatten({SetOf({endpoint})}, {});
  REQUIRE(flat.size() == 1);
  CHECK(flat[0].info.labels == api::Labels{{"app", "vllm"}, {"gpu", "h100"}});
  CHECK(flat[0].info.ns == "llm");
  CHECK(flat[0].info.port == 0);
}

TEST_CASE("each port is an endpoint, ranks in order") {
  auto endpoint = Named("gpu-1");
  endpoint.address = "10.0.0.1";
  endpoint.ports = {api::Field<int>(8000), api::Field<int>(8002)};
  const auto flat = control::Flatten({SetOf({endpoint})}, {});
  REQUIRE(flat.size() == 2);
  CHECK(flat[0].info.name == "gpu-1/0");
  CHECK(flat[1].info.name == "gpu-1/1");
  CHECK(flat[1].info.port == 8002);
  CHECK(flat[1].info.rank == 1);
}

TEST_CASE("a DNS name is its addresses of one family, and nothing before it resolves") {
  auto endpoint = Named("gpu-1");
  endpoint.dns = "gpu.example";
  const std::vector<api::EndpointSet> sets = {SetOf({endpoint})};
  CHECK(control::Flatten(sets, {}).empty());
  const auto v4 = control::Flatten(sets, {{"gpu.example", {"10.0.0.1", "10.0.0.2", "fd00::1"}}});
  REQUIRE(v4.size() == 2);
  CHECK(v4[0].info.name == "gpu-1@10.0.0.1");
  CHECK(v4[1].info.address == "10.0.0.2");
  const auto v6 = control::Flatten(sets, {{"gpu.example", {"fd00::1"}}});
  REQUIRE(v6.size() == 1);
  CHECK(v6[0].info.address == "fd00::1");
}
