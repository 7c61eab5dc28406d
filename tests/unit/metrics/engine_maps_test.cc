#include "metrics/engine_maps.h"

#include <catch2/catch.hpp>

#include "metrics/builtin_engines.h"

namespace inference::metrics {
namespace {

api::Origin At(int line) {
  return {std::make_shared<const std::string>("inferenced.yaml"), line, 5};
}

api::EngineMap UserMap(std::string name) {
  api::EngineMap map;
  map.name = std::move(name);
  map.waiting = "my_queue{kind=waiting}";
  map.origin = At(12);
  return map;
}

TEST_CASE("every row of the built-in engines compiles") {
  const auto engines = NameMap::BuiltInEngines();
  CHECK(engines.size() == 6);
  for (std::string_view engine : engines) {
    INFO(engine);
    const auto map = NameMap::BuiltIn(engine);
    REQUIRE(map != nullptr);
    CHECK(map->engine() == engine);
    CHECK(map->sources().size() == FindBuiltInEngine(engine)->sources.size());
    CHECK(map->sources().size() <= NameMap::kMaxSources);
    for (const Source& source : map->sources()) {
      const NameMap::Name* found = map->Match(source.spec.name + "{a=\"b\"} 1");
      REQUIRE(found != nullptr);
      CHECK(found->text == source.spec.name);
      CHECK(map->Match(source.spec.name + " 1") == found);
      CHECK(map->Match(source.spec.name) == nullptr);
      CHECK(map->Match(source.spec.name + "_bucket 1") == nullptr);
    }
  }
  CHECK(NameMap::BuiltIn("gpt4all") == nullptr);
}

TEST_CASE("the engine comes from the label, the older label, the settings") {
  datastore::EndpointInfo info;
  api::ScrapeConfig config;
  CHECK(EngineOf(info, config) == "vllm");
  config.engine = api::Field<std::string>("triton");
  CHECK(EngineOf(info, config) == "triton");
  info.labels["inference.networking.k8s.io/engine-type"] = "llama.cpp";
  CHECK(EngineOf(info, config) == "llama.cpp");
  info.labels["llm-d.ai/engine-type"] = "sglang";
  CHECK(EngineOf(info, config) == "sglang");
  info.labels["llm-d.ai/engine-type"] = "";
  CHECK(EngineOf(info, config) == "llama.cpp");
}

TEST_CASE("user maps stand beside the built-in ones and replace those of their name") {
  api::Diagnostics diagnostics;
  const auto maps = EngineMaps::Make({UserMap("mine"), UserMap("vllm")}, diagnostics);
  CHECK(diagnostics.empty());
  CHECK(maps.names() == std::vector<std::string>{"llama.cpp", "mine", "sglang", "triton",
                                                 "triton-tensorrt-llm", "trtllm-serve", "vllm"});
  CHECK(maps.Find("vllm")->sources().size() == 1);
  CHECK(maps.Find("nobody") == nullptr);

  datastore::EndpointInfo info;
  api::ScrapeConfig config;
  CHECK(maps.For(info, config)->engine() == "vllm");
  info.labels["llm-d.ai/engine-type"] = "mine";
  CHECK(maps.For(info, config)->engine() == "mine");
  info.labels["llm-d.ai/engine-type"] = "nobody";
  config.engine = api::Field<std::string>("sglang");
  CHECK(maps.For(info, config)->engine() == "sglang");
  config.engine = api::Field<std::string>("nobody");
  CHECK(maps.For(info, config)->engine() == "vllm");
}

TEST_CASE("what is wrong with a user map is said with its origin") {
  struct Row {
    const char* says;
    void (*spoil)(api::EngineMap&);
  };
  const auto row = GENERATE(
      Row{"the name is missing", [](api::EngineMap& m) { m.name.clear(); }},
      Row{"kvUsage: 'a b' is no metric", [](api::EngineMap& m) { m.kv_usage = "a b"; }},
      Row{"it names no metric", [](api::EngineMap& m) { m.waiting.clear(); }},
      Row{"cacheInfo is given without labels", [](api::EngineMap& m) { m.cache_info = "c"; }},
      Row{"but no cacheInfo", [](api::EngineMap& m) { m.block_size_label = "page_size"; }},
      Row{"has a reserved name", [](api::EngineMap& m) { m.name = "default"; }});
  auto map = UserMap("mine");
  row.spoil(map);
  api::Diagnostics diagnostics;
  const auto maps = EngineMaps::Make({map}, diagnostics);
  REQUIRE(diagnostics.size() == 1);
  CHECK_THAT(diagnostics[0].ToString(), Catch::StartsWith("inferenced.yaml:12:5: error: engine '"));
  CHECK_THAT(diagnostics[0].message, Catch::Contains(row.says));
  CHECK(maps.Find("mine") == nullptr);
  CHECK(maps.Find("vllm")->sources().size() > 1);
}

TEST_CASE("a user map defined twice is refused") {
  api::Diagnostics diagnostics;
  EngineMaps::Make({UserMap("mine"), UserMap("mine")}, diagnostics);
  REQUIRE(diagnostics.size() == 1);
  CHECK_THAT(diagnostics[0].message, Catch::Contains("defined twice"));
}

}  // namespace
}  // namespace inference::metrics
