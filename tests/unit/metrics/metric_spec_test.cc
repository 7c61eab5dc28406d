#include "metrics/metric_spec.h"

#include <catch2/catch.hpp>

namespace inference::metrics {
namespace {

using Match = MetricSpec::Match;

TEST_CASE("a spec is a name with labels, quoted or not") {
  const auto plain = ParseMetricSpec("vllm:num_requests_waiting");
  REQUIRE(plain.ok());
  CHECK(plain->name == "vllm:num_requests_waiting");
  CHECK(plain->matches.empty());

  for (const char* text :
       {"m{a=1,b=two}", "m{a=\"1\",b=\"two\"}", " m { a = 1 , b = \"two\" , } ", "m{a=1, b=two}"}) {
    INFO(text);
    const auto spec = ParseMetricSpec(text);
    REQUIRE(spec.ok());
    CHECK(spec->name == "m");
    CHECK(spec->matches == std::vector<Match>{{"a", "1"}, {"b", "two"}});
  }
  CHECK(ParseMetricSpec("m{a=\"x\\\"y\\\\z\\n,}\"}")->matches[0].value == "x\"y\\z\n,}");
  CHECK(ParseMetricSpec("m{a=}")->matches[0].value.empty());
  CHECK(ParseMetricSpec("m{}")->matches.empty());
}

TEST_CASE("what is wrong with a spec is said with its place") {
  const auto [text, says] = GENERATE(table<const char*, const char*>({
      {"", "a metric name is missing at character 1"},
      {"9lives", "a metric name is missing at character 1"},
      {"a-b", "unexpected text at character 2"},
      {"m{a=1", "'}' is missing at character 6"},
      {"m{", "'}' is missing at character 3"},
      {"m{a}", "'=' is missing after label 'a' at character 4"},
      {"m{=1}", "a label name is missing at character 3"},
      {"m{a:b=1}", "'=' is missing after label 'a' at character 4"},
      {"m{a=1,a=2}", "label 'a' is given twice"},
      {"m{a=\"1}", "the closing quote is missing"},
      {"m{a=\"1\" b=2}", "',' or '}' is missing at character 9"},
      {"m{a=x\"y\"}", "quote this label value"},
      {"m{a=1} 5", "unexpected text at character 8"},
  }));
  INFO(text);
  const auto spec = ParseMetricSpec(text);
  REQUIRE_FALSE(spec.ok());
  CHECK(spec.status().code() == Code::kInvalidArgument);
  CHECK_THAT(spec.status().message(), Catch::Contains(says));
}

TEST_CASE("a spec is bounded") {
  CHECK_FALSE(ParseMetricSpec(std::string(MetricSpec::kMaxText + 1, 'a')).ok());
  std::string many = "m{";
  for (size_t i = 0; i <= MetricSpec::kMaxMatches; ++i) many += "l" + std::to_string(i) + "=1,";
  CHECK_THAT(ParseMetricSpec(many + "}").status().message(), Catch::Contains("too many labels"));
}

}  // namespace
}  // namespace inference::metrics
