#include "datastore/snapshot.h"

#include <catch2/catch.hpp>

namespace inference::datastore {
namespace {

api::InferencePool MakePool(const std::string& name, api::Labels selector, std::vector<int> ports) {
  api::InferencePool pool;
  pool.meta.name = name;
  pool.match_labels = std::move(selector);
  for (const int port : ports) pool.target_ports.emplace_back(port);
  return pool;
}

KnownEndpoint Known(const std::string& name, const std::string& address, api::Labels labels = {},
                    int port = 0) {
  KnownEndpoint known;
  known.info.name = name;
  known.info.ns = "default";
  known.info.address = address;
  known.info.labels = std::move(labels);
  known.info.port = port;
  return known;
}

std::string Names(const Pool& pool) {
  std::string names;
  for (const auto& endpoint : pool.endpoints()) {
    names += (names.empty() ? "" : " ") + endpoint->info().name + "=" + endpoint->info().host_port;
  }
  return names;
}

TEST_CASE("a pool takes the endpoints that its selector matches, in its namespace") {
  KnownEndpoint elsewhere = Known("d", "10.0.0.4", {{"app", "vllm"}});
  elsewhere.info.ns = "other";
  const auto pools = PoolBuilder().Build(
      {MakePool("p", {{"app", "vllm"}}, {8000}), MakePool("none", {{"app", "x"}}, {1})},
      {Known("a", "10.0.0.1", {{"app", "vllm"}, {"x", "y"}}), Known("b", "10.0.0.2"),
       Known("c", "::1", {{"app", "vllm"}}), elsewhere});
  REQUIRE(pools.size() == 2);
  CHECK(pools[0]->key() == "default/p");
  CHECK(Names(*pools[0]) == "a=10.0.0.1:8000 c=[::1]:8000");
  CHECK(pools[1]->endpoints().empty());
  CHECK((*pools[0]->FindByHostPort("[::1]:8000"))->info().name == "c");
  CHECK(pools[0]->FindByHostPort("10.0.0.2:8000") == nullptr);
}

TEST_CASE("each target port is an endpoint; an endpoint's own port wins") {
  const auto pools = PoolBuilder().Build({MakePool("p", {}, {8000, 8001})},
                                         {Known("a", "10.0.0.1"), Known("b", "10.0.0.2", {}, 9)});
  CHECK(Names(*pools[0]) == "a/0=10.0.0.1:8000 a/1=10.0.0.1:8001 b=10.0.0.2:9");
  CHECK(pools[0]->endpoints()[1]->info().rank == 1);
}

TEST_CASE("active-ports restricts ports") {
  const auto active = [](const std::string& key, const std::string& value) {
    KnownEndpoint known = Known("a", "10.0.0.1");
    known.info.annotations[key] = value;
    known.info.annotations["other"] = "1";
    const auto pools = PoolBuilder().Build({MakePool("p", {}, {8000, 8001, 8002})}, {known});
    std::string ports;
    for (const auto& endpoint : pools[0]->endpoints()) {
      ports += std::to_string(endpoint->info().port) + " ";
    }
    return ports;
  };
  for (const std::string key :
       {"llm-d.ai/active-ports", "inference.networking.k8s.io/active-ports"}) {
    CHECK(active(key, "8000,8001") == "8000 8001 ");
    CHECK(active(key, " 8002 , 8000") == "8000 8002 ");
    CHECK(active(key, "") == "");
    CHECK(active(key, "x,-1,8001,8001,80010,8000x") == "8001 ");
  }
  CHECK(active("unrelated", "1") == "8000 8001 8002 ");
}

TEST_CASE("an endpoint that did not change stays the same object") {
  PoolBuilder builder;
  const auto pool = MakePool("p", {}, {8000});
  const auto first = builder.Build({pool}, {Known("a", "10.0.0.1"), Known("b", "10.0.0.2")});
  const auto second =
      builder.Build({pool}, {Known("b", "10.0.0.2"), Known("a", "10.0.0.1", {{"gpu", "h100"}})});
  CHECK(second[0]->endpoints()[0] == first[0]->endpoints()[1]);
  CHECK(second[0]->endpoints()[1] != first[0]->endpoints()[0]);  // its labels changed
}

TEST_CASE("an endpoint of two pools is one object, from the first build on") {
  PoolBuilder builder;
  const std::vector<api::InferencePool> pools{MakePool("p", {}, {8000}), MakePool("q", {}, {8000})};
  const auto first = builder.Build(pools, {Known("a", "10.0.0.1")});
  CHECK(first[0]->endpoints()[0] == first[1]->endpoints()[0]);
  const auto second = builder.Build(pools, {Known("a", "10.0.0.1")});
  CHECK(second[1]->endpoints()[0] == first[0]->endpoints()[0]);
}

TEST_CASE("an endpoint that was away comes back as another one") {
  PoolBuilder builder;
  const auto pool = MakePool("p", {}, {8000});
  const uint32_t id = builder.Build({pool}, {Known("a", "10.0.0.1")})[0]->endpoints()[0]->id();
  builder.Build({pool}, {});
  CHECK(builder.Build({pool}, {Known("a", "10.0.0.1")})[0]->endpoints()[0]->id() != id);
}

}  // namespace
}  // namespace inference::datastore
