#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "api/codes.h"
#include "api/plugin_catalogue.h"

namespace inference::api {
namespace {

TEST_CASE("the catalogue is sorted, without repetition, and complete in every row") {
  const auto rows = PluginCatalogue();
  CHECK(rows.size() > 90);
  for (size_t i = 1; i < rows.size(); ++i) {
    INFO(rows[i].type);
    CHECK(rows[i - 1].type < rows[i].type);
  }
  const std::set<std::string_view> stabilities = {"beta", "alpha", "deprecated"};
  for (const PluginInfo& row : rows) {
    INFO(row.type);
    CHECK(FindPlugin(row.type) == &row);
    CHECK(stabilities.count(row.stability) == 1);
    CHECK_FALSE(row.doc.empty());
    if (!row.available) CHECK(row.params.empty());  // nothing is promised for what is not there
    for (const ParamSpec& param : row.params) CHECK_FALSE(param.doc.empty());
  }
}

TEST_CASE("what this build acts on") {
  std::vector<std::string_view> available;
  for (const PluginInfo& row : PluginCatalogue()) {
    if (row.available) available.push_back(row.type);
  }
  const std::vector<std::string_view> expected = {"approx-prefix-cache-producer",
                                                  "core-metrics-extractor",
                                                  "kv-cache-utilization-scorer",
                                                  "label-selector-filter",
                                                  "load-aware-scorer",
                                                  "lora-affinity-scorer",
                                                  "max-score-picker",
                                                  "metrics-data-source",
                                                  "openai-parser",
                                                  "passthrough-parser",
                                                  "prefix-cache-scorer",
                                                  "queue-scorer",
                                                  "random-picker",
                                                  "running-requests-size-scorer",
                                                  "single-profile-handler",
                                                  "token-producer",
                                                  "utilization-detector",
                                                  "weighted-random-picker"};
  CHECK(available == expected);
}

TEST_CASE("what plugins take that are elsewhere") {
  size_t known = 0;
  for (const PluginInfo& row : PluginCatalogue()) {
    INFO(row.type);
    const auto params = ReferenceParams(row.type);
    if (!params) continue;
    ++known;
    CHECK_FALSE(row.available);  // those say it themselves
    std::set<std::string_view> names;
    for (const ParamSpec& param : *params) CHECK(names.insert(param.name).second);
  }
  CHECK(known == 65);  // each of the table's is in the catalogue
  CHECK(ReferenceParams("decode-filter")->empty());
  CHECK(ReferenceParams("topology-extractor")->size() == 4);
  CHECK_FALSE(ReferenceParams("vllmgrpc-parser"));
}

TEST_CASE("an unknown type is not found") {
  CHECK(FindPlugin("queue-score") == nullptr);
  CHECK(FindPlugin("") == nullptr);
  CHECK(FindPlugin("zzz") == nullptr);
  REQUIRE(FindPlugin("dcgm-extractor") != nullptr);
  CHECK_FALSE(FindPlugin("dcgm-extractor")->available);
  CHECK(PluginKindName(FindPlugin("random-picker")->kind) == "picker");
}

TEST_CASE("codes are unique, sorted and findable") {
  const auto all = codes::All();
  std::set<std::string_view> names;
  for (size_t i = 0; i < all.size(); ++i) {
    INFO(all[i].code);
    if (i > 0) CHECK(all[i - 1].code < all[i].code);
    CHECK(names.insert(all[i].name).second);
    CHECK(codes::Find(all[i].code) == &all[i]);
    CHECK_FALSE(all[i].title.empty());
  }
  CHECK(codes::Find("INF9999") == nullptr);
}

}  // namespace
}  // namespace inference::api
