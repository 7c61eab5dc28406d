#include <catch2/catch.hpp>
#include <memory>

#include "api/codes.h"
#include "api/plugin_catalogue.h"

namespace inference::api {
namespace {

Origin At(int line, int column) {
  static const auto kFile = std::make_shared<const std::string>("picker.yaml");
  return {kFile, line, column};
}

PluginSpec Spec(std::string type, Value parameters) {
  return {type, type, std::move(parameters), At(2, 3), At(2, 9)};
}

Value::Member Member(std::string key, Value value, int line = 4) {
  return {std::move(key), At(line, 5), std::move(value)};
}

Value Map(std::vector<Value::Member> members) {
  return Value(std::move(members), At(4, 5));
}

struct Bad {
  std::string type;
  Value::Member member;
  std::string_view code;
  std::string message;
};

TEST_CASE("the getters return what was written, or the default") {
  Diagnostics out;
  const PluginInfo& info = *FindPlugin("approx-prefix-cache-producer");
  const PluginSpec spec =
      Spec(std::string(info.type), Map({Member("autoTune", Value(false, At(4, 15))),
                                        Member("blockSizeTokens", Value(int64_t{64}, At(5, 22))),
                                        Member("lruCapacityPerServer", Value())}));
  const Params params(info, spec, out);
  CHECK(out.empty());
  CHECK(params.ok());
  CHECK_FALSE(params.Bool("autoTune"));
  CHECK(params.Int("blockSizeTokens") == 64);
  CHECK(params.Int("lruCapacityPerServer") == 31250);  // null is as good as left out
  CHECK(params.Raw("lruCapacityPerServer") == nullptr);
  CHECK(params.Raw("blockSizeTokens") != nullptr);
  CHECK(params.Int("maxPrefixTokensToMatch") == 131072);

  const PluginInfo& scorer = *FindPlugin("prefix-cache-scorer");
  const PluginSpec weight =
      Spec("prefix-cache-scorer", Map({Member("matchLengthWeight", Value(int64_t{1}, At(4, 20)))}));
  const Params read(scorer, weight, out);
  CHECK(read.Number("matchLengthWeight") == 1.0);
  CHECK(read.String("prefixMatchInfoProducerName").empty());
  CHECK(out.empty());
}

TEST_CASE("every wrong parameter is reported where it stands") {
  const std::vector<Bad> table = {
      {"approx-prefix-cache-producer", Member("blockSizeToken", Value(int64_t{64}, At(4, 20))),
       codes::kUnknownParameter,
       "picker.yaml:4:5: error: plugin type 'approx-prefix-cache-producer' "
       "has no parameter 'blockSizeToken' (did you mean 'blockSizeTokens'?) [INF0503]"},
      {"approx-prefix-cache-producer",
       Member("blockSizeTokens", Value(std::string("64"), At(4, 20))), codes::kParameterType,
       "picker.yaml:4:20: error: parameter 'blockSizeTokens' of 'approx-prefix-cache-producer' "
       "must "
       "be a whole number, not '64' [INF0507]"},
      {"approx-prefix-cache-producer", Member("blockSizeTokens", Value(2.5, At(4, 20))),
       codes::kParameterType, "must be a whole number, not 2.5"},
      {"approx-prefix-cache-producer", Member("blockSizeTokens", Value(int64_t{0}, At(4, 20))),
       codes::kParameterRange, "must be 1 to 1048576, not 0"},
      {"approx-prefix-cache-producer",
       Member("lruCapacityPerServer", Value(int64_t{-1}, At(4, 20))), codes::kParameterRange,
       "must be at least 1, not -1"},
      {"approx-prefix-cache-producer", Member("autoTune", Value(std::string("yes"), At(4, 20))),
       codes::kParameterType, "must be true or false, not 'yes'"},
      {"prefix-cache-scorer", Member("matchLengthWeight", Value(1.5, At(4, 20))),
       codes::kParameterRange, "must be 0 to 1, not 1.5"},
      {"prefix-cache-scorer", Member("prefixMatchInfoProducerName", Value(int64_t{3}, At(4, 20))),
       codes::kParameterType, "must be a string, not 3"},
      {"label-selector-filter", Member("matchLabels", Value(Value::List{}, At(4, 20))),
       codes::kParameterType, "must be a map, not a list"},
      {"label-selector-filter", Member("matchExpressions", Value(true, At(4, 20))),
       codes::kParameterType, "must be a list, not true"},
      {"metrics-data-source", Member("port", Value(int64_t{9}, At(4, 20))),
       codes::kUnknownParameter, "it takes no parameters in this build"},
  };
  for (const Bad& bad : table) {
    Diagnostics out;
    const PluginSpec spec = Spec(bad.type, Map({bad.member}));
    const Params params(*FindPlugin(bad.type), spec, out);
    CHECK_FALSE(params.ok());
    REQUIRE(out.size() == 1);
    CHECK(out[0].code == bad.code);
    CHECK_THAT(out[0].ToString(), Catch::Contains(bad.message));
  }
}

TEST_CASE("all mistakes of one plugin are reported, not only the first") {
  Diagnostics out;
  const PluginSpec spec = Spec("prefix-cache-scorer",
                               Map({Member("bogus", Value(true, At(4, 12)), 4),
                                    Member("matchLengthWeight", Value(-1.0, At(5, 24)), 5),
                                    Member("matchLengthScaleTokens", Value(true, At(6, 29)), 6)}));
  const Params params(*FindPlugin("prefix-cache-scorer"), spec, out);
  REQUIRE(out.size() == 3);
  CHECK(out[0].origin.ToString() == "picker.yaml:4:5");
  CHECK(out[1].origin.ToString() == "picker.yaml:5:24");
  CHECK(out[2].origin.ToString() == "picker.yaml:6:29");
}

TEST_CASE("parameters that are no map are refused") {
  Diagnostics out;
  const PluginSpec spec = Spec("queue-scorer", Value(int64_t{7}, At(3, 15)));
  const Params params(*FindPlugin("queue-scorer"), spec, out);
  CHECK_FALSE(params.ok());
  REQUIRE(out.size() == 1);
  CHECK(out[0].origin.ToString() == "picker.yaml:3:15");
}

TEST_CASE("a required parameter that is missing is reported at the plugin") {
  static constexpr ParamSpec kParams[] = {
      {"label", ParamType::kString, "", 0, 0, "the label to read", true},
      {"every", ParamType::kDuration, "1s", 0, 0, "how often"},
      {"names", ParamType::kStringList, "", 0, 0, "some names"}};
  const PluginInfo info{"test-filter", PluginKind::kFilter, true, "beta", kParams, "a test"};
  Diagnostics out;
  const PluginSpec spec =
      Spec("test-filter",
           Map({Member("every", Value(std::string("soon"), At(4, 12))),
                Member("names", Value(Value::List{Value(int64_t{1}, At(5, 13))}, At(5, 12)), 5)}));
  const Params params(info, spec, out);
  REQUIRE(out.size() == 3);
  CHECK_THAT(out[0].message, Catch::Contains("a duration such as 200ms, not 'soon'"));
  CHECK_THAT(out[1].message, Catch::Contains("a list of strings"));
  CHECK(out[2].code == codes::kParameterMissing);
  CHECK(out[2].origin.ToString() == "picker.yaml:2:3");
}

TEST_CASE("untrusted names are cut and escaped in messages") {
  Diagnostics out;
  const PluginSpec spec =
      Spec("queue-scorer", Map({Member("a\nb" + std::string(500, 'x'), Value())}));
  const Params params(*FindPlugin("queue-scorer"), spec, out);
  REQUIRE(out.size() == 1);
  CHECK(out[0].message.size() < 200);
  CHECK(out[0].message.find('\n') == std::string::npos);
}

}  // namespace
}  // namespace inference::api
