#include "flowcontrol/saturation.h"

#include <catch2/catch.hpp>

#include <cmath>

namespace inference::flowcontrol {
namespace {

double Of(std::initializer_list<std::pair<float, float>> endpoints,
          const SaturationLimits& limits = {}) {
  Saturation saturation(limits);
  for (const auto& [waiting, kv] : endpoints) saturation.Add(waiting, kv);
  return saturation.value();
}

TEST_CASE("saturation is the mean of the fuller of queue and KV cache") {
  CHECK(Of({{0, 0}}) == 0);
  CHECK(Of({{5, 0}}) == Approx(1));
  CHECK(Of({{0, 0.8F}}) == Approx(1));
  CHECK(Of({{5, 0.4F}, {0, 0}}) == Approx(0.5));
  CHECK(Of({{10, 0.2F}, {0, 0.4F}}) == Approx(1.25));
  CHECK(Of({{2, 0.25F}}, {.queue_depth = 4, .kv_usage = 1}) == Approx(0.5));
}

TEST_CASE("what is not known is full, and so is nothing") {
  CHECK(Of({}) == 1);
  CHECK(Of({{NAN, 0.1F}}) == 1);
  CHECK(Of({{0, NAN}}) == 1);
  CHECK(Of({{NAN, NAN}, {0, 0}}) == Approx(0.5));
}

TEST_CASE("the limits are those of the configuration's detector") {
  api::EndpointPickerConfig config;
  CHECK(ReadSaturationLimits(config) == SaturationLimits{});
  api::PluginSpec detector;
  detector.name = detector.type = "utilization-detector";
  detector.parameters =
      api::Value(api::Value::Map{{"queueDepthThreshold", {}, api::Value(int64_t{7}, {})},
                                 {"kvCacheUtilThreshold", {}, api::Value(0.5, {})}},
                 {});
  config.plugins.push_back(detector);
  CHECK(ReadSaturationLimits(config) == SaturationLimits{.queue_depth = 7, .kv_usage = 0.5});
}

}  // namespace
}  // namespace inference::flowcontrol
