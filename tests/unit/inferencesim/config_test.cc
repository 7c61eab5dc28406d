#include "inferencesim/config.h"

#include <catch2/catch.hpp>

#include "inferencesim/faults.h"
#include "inferencesim/options.h"

namespace inference::sim {
namespace {

TEST_CASE("settings are applied by name") {
  InstanceConfig config;
  REQUIRE(ApplySettings("name=a, port=9,address=::1,max-num-seqs=3,lora=x,lora=y,time-scale=0.5",
                        &config)
              .ok());
  CHECK(config.name == "a");
  CHECK(config.port == 9);
  CHECK(config.address == "::1");
  CHECK(config.engine.max_num_seqs == 3);
  CHECK(config.loras == std::vector<std::string>{"x", "y"});
  CHECK(config.engine.time_scale == 0.5);
}

TEST_CASE("a wrong setting is refused with what would be right") {
  InstanceConfig config;
  const auto message = [&](std::string_view text) {
    return ApplySettings(text, &config).message();
  };
  CHECK(message("max-num-seq=3") == "unknown setting 'max-num-seq'; did you mean 'max-num-seqs'?");
  CHECK(message("jitter=2") == "jitter: '2' is not a number from 0 to 1");
  CHECK(message("jitter=nan") == "jitter: 'nan' is not a number from 0 to 1");
  CHECK(message("port=70000") == "port: '70000' is not a number from 0 to 65535");
  CHECK(message("port") == "'port' is not NAME=VALUE");
}

TEST_CASE("faults change by member, null and clear restore") {
  Result<Faults> faults =
      ChangeFaults({}, R"({"hang":true,"error_rate":0.5,"die_after_tokens":3})");
  REQUIRE(faults.ok());
  CHECK(faults->hang);
  CHECK(faults->die_after_tokens == 3u);
  faults = ChangeFaults(*faults, R"({"die_after_tokens":null,"latency_factor":2})");
  REQUIRE(faults.ok());
  CHECK_FALSE(faults->die_after_tokens.has_value());
  CHECK(faults->hang);
  CHECK(faults->latency_factor == 2);
  faults = ChangeFaults(*faults, R"({"clear":true,"sleep_level":1})");
  REQUIRE(faults.ok());
  CHECK_FALSE(faults->hang);
  CHECK(faults->latency_factor == 1);
  CHECK(faults->sleep_level == 1);
}

TEST_CASE("what faults print they read") {
  const auto first = ChangeFaults(
      {}, R"({"refuse":true,"metrics_page":"nan","error_status":429,"metrics_delay_ms":5})");
  REQUIRE(first.ok());
  const auto again = ChangeFaults({}, FaultsToJson(*first));
  REQUIRE(again.ok());
  CHECK(FaultsToJson(*again) == FaultsToJson(*first));
}

TEST_CASE("a wrong fault is refused and changes nothing") {
  CHECK(ChangeFaults({}, "[]").status().message() == "the body must be a JSON object");
  CHECK(ChangeFaults({}, R"({"hangs":true})").status().message() ==
        "unknown fault 'hangs'; did you mean 'hang'?");
  CHECK(ChangeFaults({}, R"({"error_rate":2})").status().message() ==
        "error_rate must be a number from 0 to 1");
  CHECK_FALSE(ChangeFaults({}, R"({"metrics_page":"x"})").ok());
  CHECK(ParseFaultFlags({}, "hang,metrics_page=garbage")->metrics_page == PageFault::kGarbage);
  CHECK(ParseFaultFlags({}, "hang")->hang);
}

TEST_CASE("the command line makes instances") {
  ProgramOptions options;
  const char* argv[] = {"inferencesim", "--instances", "2",
                        "--port-base",  "9100",        "--block-size",
                        "32",           "--instance",  "name=x,port=5,block-size=64",
                        "--fault",      "*:hang"};
  REQUIRE_FALSE(ParseOptions(static_cast<int>(std::size(argv)), argv, &options).has_value());
  const auto& instances = options.fleet.instances;
  REQUIRE(instances.size() == 3);
  CHECK(instances[1].name == "sim-1");
  CHECK(instances[1].port == 9101);
  CHECK(instances[1].engine.block_size == 32);
  CHECK(instances[2].name == "x");
  CHECK(instances[2].engine.block_size == 64);
  REQUIRE(options.fleet.faults.size() == 1);
  CHECK(options.fleet.faults[0].first == "*");
}

}  // namespace
}  // namespace inference::sim
