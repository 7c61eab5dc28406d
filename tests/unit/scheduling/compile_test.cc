#include <catch2/catch.hpp>

#include "fleet.h"

namespace inference::scheduling {
namespace {

struct Compiled {
  std::shared_ptr<const Scheduler> scheduler;
  api::Diagnostics out;
  std::string text() const {
    std::string all;
    for (const api::Diagnostic& d : out) all += d.ToString() + "\n";
    return all;
  }
};

Compiled Run(const api::EndpointPickerConfig& config) {
  Compiled compiled;
  compiled.scheduler = Compile(config, Builtins(), compiled.out);
  CHECK((compiled.scheduler == nullptr) == api::HasErrors(compiled.out));
  return compiled;
}

void CheckRefused(const api::EndpointPickerConfig& config, const std::string& message) {
  const Compiled compiled = Run(config);
  CHECK(!compiled.scheduler);
  CHECK_THAT(compiled.text(), Catch::Contains(message));
}

TEST_CASE("the default configuration: queue 2, KV 2, prefix 3, max score") {
  const Compiled compiled = Run(DefaultConfig());
  REQUIRE(compiled.scheduler);
  CHECK(compiled.text().empty());
  REQUIRE(compiled.scheduler->profiles.size() == 1);
  const Profile& profile = compiled.scheduler->profiles[0];
  CHECK(profile.name == "default");
  REQUIRE(profile.scorers.size() == 3);
  CHECK(profile.scorers[0].name == "queue-scorer");
  CHECK(profile.scorers[0].weight == 2);
  CHECK(profile.scorers[1].name == "kv-cache-utilization-scorer");
  CHECK(profile.scorers[1].weight == 2);
  CHECK(profile.scorers[2].name == "prefix-cache-scorer");
  CHECK(profile.scorers[2].weight == 3);
  CHECK(profile.picker_name == "max-score-picker");
  REQUIRE(compiled.scheduler->producers.size() == 1);
  CHECK(compiled.scheduler->producers[0].first == "approx-prefix-cache-producer");
  CHECK(compiled.scheduler->handler);
}

TEST_CASE("a scorer without a weight weighs 1, and without a prefix scorer nothing is hashed") {
  const Compiled compiled = Run(Config({{Plugin("queue-scorer"), kNoWeight}}));
  REQUIRE(compiled.scheduler);
  CHECK(compiled.scheduler->profiles[0].scorers[0].weight == 1);
  CHECK(compiled.scheduler->producers.empty());
}

TEST_CASE("without profiles every filter, scorer and picker is in one, in order") {
  api::EndpointPickerConfig config = Config({{Plugin("queue-scorer"), kNoWeight},
                                             {Plugin("random-picker"), kNoWeight},
                                             {Plugin("label-selector-filter"), kNoWeight},
                                             {Plugin("load-aware-scorer", {}, "load"), kNoWeight}});
  config.profiles.clear();
  const Compiled compiled = Run(config);
  REQUIRE(compiled.scheduler);
  const Profile& profile = compiled.scheduler->profiles.at(0);
  CHECK(profile.filters.size() == 1);
  REQUIRE(profile.scorers.size() == 2);
  CHECK(profile.scorers[1].name == "load");
  CHECK(profile.picker_name == "random-picker");
}

TEST_CASE("a profile without a picker takes the first declared one") {
  api::EndpointPickerConfig config = Config({{Plugin("queue-scorer"), 1}});
  config.plugins.push_back(Plugin("random-picker"));
  const Compiled compiled = Run(config);
  REQUIRE(compiled.scheduler);
  CHECK(compiled.scheduler->profiles[0].picker_name == "random-picker");
  CHECK(compiled.text().empty());
}

TEST_CASE("a prefix scorer finds its producer by name, by type, or gets one") {
  const auto producers = [](api::Value parameters, const std::string& producer_name) {
    api::EndpointPickerConfig config =
        Config({{Plugin("prefix-cache-scorer", std::move(parameters)), 1}});
    if (!producer_name.empty()) {
      config.plugins.push_back(Plugin("approx-prefix-cache-producer", {}, producer_name));
    }
    const Compiled compiled = Run(config);
    std::string names;
    if (!compiled.scheduler) return "refused: " + compiled.text();
    for (const auto& [name, producer] : compiled.scheduler->producers) names += name;
    return names;
  };
  CHECK(producers({}, "") == "approx-prefix-cache-producer");
  CHECK(producers({}, "mine") == "mine");
  CHECK(producers(Map({{"prefixMatchInfoProducerName", Text("mine")}}), "mine") == "mine");
  CHECK_THAT(producers(Map({{"prefixMatchInfoProducerName", Text("other")}}), "mine"),
             Catch::Contains("'other' that is not there"));
}

TEST_CASE("mistakes are reported where they are") {
  CheckRefused(Config({{Plugin("queue-score"), 1}}),
               "picker.yaml:2:1: error: unknown plugin type 'queue-score' (did you mean "
               "'queue-scorer'?)");
  CheckRefused(Config({{Plugin("latency-scorer"), 1}}),
               "picker.yaml:2:1: error: plugin type 'latency-scorer' is not in this build");
  CheckRefused(Config({{Plugin("latency-scorer", Map({{"ttftweight", Int(1)}})), 1}}),
               "warning: plugin type 'latency-scorer' has no parameter 'ttftweight' (did you mean "
               "'ttftWeight'?)");
  CheckRefused(Config({{Plugin("latency-scorer", Map({{"ttftWeight", Text("1")}})), 1}}),
               "warning: parameter 'ttftWeight' of 'latency-scorer' must be a number, not '1'");
  CheckRefused(Config({{Plugin("decode-filter", Map({{"role", Text("x")}})), 1}}),
               "has no parameter 'role' (it takes no parameters)");
  CheckRefused(Config({{Plugin("vllmgrpc-parser", Map({{"x", Int(1)}})), 1}}),
               "'vllmgrpc-parser' is not in this build, and its parameters are not known to it");
  CheckRefused(Config({{Plugin("vllmgrpc-parser"), 1}}),
               "'vllmgrpc-parser' is not in this build (remove");
  CheckRefused(Config({{Plugin("queue-scorer", Map({{"x", Int(1)}})), 1}}),
               "picker.yaml:95:1: error: plugin type 'queue-scorer' has no parameter 'x'");
  CheckRefused(Config({{Plugin("queue-scorer"), 1}, {Plugin("queue-scorer"), 1}}),
               "picker.yaml:3:1: error: two plugins have the name 'queue-scorer' (the other one is "
               "at picker.yaml:2:1");
  CheckRefused(Config({{Plugin("queue-scorer"), -1}}), "picker.yaml:52:1: error: the weight of");
  CheckRefused(Config({{Plugin("queue-scorer"), INFINITY}}), "finite number of at least 0");
  CheckRefused(
      Config({{Plugin("random-picker"), kNoWeight}, {Plugin("max-score-picker"), kNoWeight}}),
      "picker.yaml:53:1: error: profile 'default' has two pickers");
  CheckRefused(Config({{Plugin("single-profile-handler"), kNoWeight}}),
               "'single-profile-handler' does not belong into a profile");
}

TEST_CASE("references, profiles and handlers that do not work out") {
  api::EndpointPickerConfig config = Config({{Plugin("queue-scorer"), 1}});
  config.profiles[0].plugins[0].plugin_ref = "queue-scorr";
  CheckRefused(config,
               "picker.yaml:52:1: error: no plugin has the name 'queue-scorr' (did you mean");

  config = Config({{Plugin("queue-scorer"), 1}});
  config.profiles.push_back(config.profiles[0]);
  CheckRefused(config, "two scheduling profiles have the name 'default'");
  config.profiles[1].name = "second";
  CheckRefused(config, "several profiles need a profile handler");
  config.plugins.push_back(Plugin("single-profile-handler"));
  CheckRefused(config, "single-profile-handler runs one profile, and there are 2");
  config.plugins.push_back(Plugin("single-profile-handler", {}, "another"));
  CheckRefused(config, "there can be only one profile handler");

  config = Config({{Plugin("queue-scorer"), 1}});
  config.profiles[0].name.clear();
  CheckRefused(config, "a scheduling profile needs a name");

  config = Config({{Plugin("prefix-cache-scorer"), 1}});
  config.plugins.push_back(Plugin("approx-prefix-cache-producer", {}, "a"));
  config.plugins.push_back(Plugin("approx-prefix-cache-producer", {}, "b"));
  CheckRefused(config, "only one producer of type 'approx-prefix-cache-producer'");
}

TEST_CASE("all mistakes are found in one run") {
  const Compiled compiled =
      Run(Config({{Plugin("queue-score"), 1}, {Plugin("latency-scorer"), 1}}));
  CHECK(compiled.out.size() == 2);
}

TEST_CASE("plugins whose work is done elsewhere are accepted and said to have no effect") {
  api::EndpointPickerConfig config = Config({{Plugin("queue-scorer"), 1}});
  config.plugins.push_back(Plugin("metrics-data-source"));
  const Compiled compiled = Run(config);
  REQUIRE(compiled.scheduler);
  CHECK_THAT(compiled.text(), Catch::Contains("info: plugin type 'metrics-data-source'"));
  config.plugins.push_back(Plugin("core-metrics-extractor", Map({{"bogus", Int(1)}})));
  CheckRefused(config, "acts on parameter 'bogus'");
}

TEST_CASE("what has no effect is warned of") {
  api::EndpointPickerConfig config =
      Config({{Plugin("queue-scorer"), 1}, {Plugin("label-selector-filter"), 2}});
  config.plugins.push_back(Plugin("load-aware-scorer"));
  const Compiled compiled = Run(config);
  CHECK(compiled.scheduler);
  CHECK_THAT(compiled.text(), Catch::Contains("no profile uses the plugin 'load-aware-scorer'"));
  CHECK_THAT(compiled.text(), Catch::Contains("weight of 'label-selector-filter' has no effect"));
}

}  // namespace
}  // namespace inference::scheduling
