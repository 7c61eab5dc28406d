#include <atomic>
#include <catch2/catch.hpp>
#include <cmath>
#include <thread>

#include "inference/inference.h"

namespace inference {
namespace {

std::string Page(int waiting, double kv_usage) {
  return "vllm:num_requests_waiting{model_name=\"m\"} " + std::to_string(waiting) +
         "\nvllm:num_requests_running{model_name=\"m\"} 1\n"
         "vllm:kv_cache_usage_perc{model_name=\"m\"} " +
         std::to_string(kv_usage) + "\n";
}

Picker Make(std::string_view yaml = {}, Picker::Options options = {}) {
  options.seed = 1;
  Result<Picker> picker = Picker::FromConfig(yaml, options);
  INFO(picker.status().ToString());
  REQUIRE(picker.ok());
  return std::move(picker).value();
}

constexpr std::string_view kQueueOnly = R"(
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: label-selector-filter
  parameters: {matchLabels: {gpu: h100}}
- type: queue-scorer
schedulingProfiles:
- name: default
  plugins:
  - pluginRef: label-selector-filter
  - {pluginRef: queue-scorer, weight: 2}
)";

TEST_CASE("a program adds servers, reports pages, and gets the best one") {
  Picker picker = Make();
  REQUIRE(picker.UpsertEndpoint({"a", "10.0.0.1", 8000, {}}).ok());
  REQUIRE(picker.UpsertEndpoint({"b", "::1", 8000, {}}).ok());
  REQUIRE(picker.ReportMetrics("a", Page(9, .9)).ok());
  REQUIRE(picker.ReportMetrics("b", Page(0, .1)).ok());
  PickResult result = picker.Pick({"m", {}, {}, {}});
  REQUIRE(result.picked);
  CHECK(result.endpoints == std::vector<std::string>{"[::1]:8000"});
  CHECK(result.http_status == 200);

  const Explanation why = picker.Explain({"m", {}, {}, {}});
  REQUIRE(why.rows.size() == 2);
  CHECK(why.rows[0].endpoint == "[::1]:8000");
  CHECK(why.rows[0].rank == 0);
  CHECK(why.rows[0].in_flight == 1);
  CHECK(why.rows[0].waiting == 1);  // none queued, one picked since the page
  CHECK(why.columns.size() == 3);
  CHECK(why.picker == "max-score-picker");

  result.reservation.End();
  CHECK_FALSE(result.reservation.active());
  CHECK(picker.Explain({"m", {}, {}, {}}).rows[0].in_flight == 0);
}

TEST_CASE("a reservation ends with its handle, and outlives the picker") {
  PickResult kept;
  {
    Picker picker = Make();
    REQUIRE(picker.UpsertEndpoint({"a", "10.0.0.1", 8000, {}}).ok());
    {
      const PickResult gone = picker.Pick({});
    }
    CHECK(picker.Explain({}).rows[0].in_flight == 0);
    kept = picker.Pick({});
    CHECK(picker.Explain({}).rows[0].in_flight == 1);
    REQUIRE(picker.RemoveEndpoint("a").ok());
  }
  CHECK(kept.reservation.active());
}

TEST_CASE("a prompt comes back to the server that has it") {
  Picker picker = Make();
  for (const std::string name : {"a", "b", "c"}) {
    REQUIRE(picker.UpsertEndpoint({name, "10.0.0.1", name[0], {}}).ok());
  }
  const std::string system(2000, 's'), one(500, '1'), two(500, '2');
  const PickResult first = picker.Pick({"m", {{"system", system, "user", one}}, {}, {}});
  REQUIRE(first.picked);
  const Explanation why = picker.Explain({"m", {{"system", system, "user", two}}, {}, {}});
  CHECK(why.rows[0].endpoint == first.endpoints[0]);
  CHECK(why.rows[0].prefix_match == 7);
  CHECK(why.prefix_blocks == 10);
  CHECK(picker.Explain({"other", {{"system", system}}, {}, {}}).rows[0].prefix_match == 0);
}

TEST_CASE("refusals say status, reason and sentence") {
  Picker picker = Make(kQueueOnly);
  CHECK(picker.Pick({}).http_status == 503);
  REQUIRE(picker.UpsertEndpoint({"a", "10.0.0.1", 8000, {{"gpu", "a100"}}}).ok());
  const PickResult filtered = picker.Pick({});
  CHECK_FALSE(filtered.picked);
  CHECK(filtered.http_status == 429);
  CHECK(filtered.reason == "rejected-saturated");
  CHECK_FALSE(filtered.message.empty());
  CHECK_FALSE(filtered.reservation.active());
  const Explanation why = picker.Explain({});
  CHECK_FALSE(why.picked);
  REQUIRE(why.dropped.size() == 1);
  CHECK(why.dropped[0].by == "label-selector-filter");

  REQUIRE(picker.UpsertEndpoint({"a", "10.0.0.1", 8000, {{"gpu", "h100"}}}).ok());
  CHECK(picker.Pick({}).picked);
  const PickResult outside =
      picker.Pick({{}, {}, {}, std::vector<std::string_view>{"10.0.0.9:8000"}});
  CHECK(outside.http_status == 503);
  CHECK(outside.reason == "rejected-no-endpoints");
  CHECK(picker.Pick({{}, {}, {}, std::vector<std::string_view>{"10.0.0.1"}}).picked);
}

TEST_CASE("fallbacks as many as asked for") {
  Picker::Options options;
  options.destination_list = 2;
  Picker picker = Make({}, options);
  for (int port = 1; port <= 3; ++port) {
    REQUIRE(picker.UpsertEndpoint({"", "10.0.0.1", port, {}}).ok());
  }
  CHECK(picker.Pick({}).endpoints.size() == 2);
}

TEST_CASE("a server that fails twice is left alone until it answers") {
  Picker picker = Make();
  REQUIRE(picker.UpsertEndpoint({"a", "10.0.0.1", 8000, {}}).ok());
  REQUIRE(picker.UpsertEndpoint({"b", "10.0.0.2", 8000, {}}).ok());
  REQUIRE(picker.ReportMetrics("b", Page(50, .9)).ok());
  REQUIRE(picker.ReportFailure("a").ok());
  REQUIRE(picker.ReportFailure("a").ok());
  for (int i = 0; i < 10; ++i) CHECK(picker.Pick({}).endpoints[0] == "10.0.0.2:8000");
  REQUIRE(picker.ReportMetrics("a", Page(0, .1)).ok());
  CHECK(picker.Pick({}).endpoints[0] == "10.0.0.1:8000");
}

TEST_CASE("mistakes are told with their place") {
  std::vector<std::string> warnings;
  const Result<Picker> wrong = Picker::FromConfig(
      "apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\nplugins:\n- type: queue-scorr\n",
      {}, &warnings);
  CHECK(wrong.status().code() == Code::kInvalidArgument);
  CHECK_THAT(wrong.status().message(), Catch::Contains("config:4:"));
  CHECK_THAT(wrong.status().message(), Catch::Contains("queue-scorer"));
  Picker::Options options;
  options.destination_list = 17;
  CHECK(Picker::FromConfig("", options).status().code() == Code::kInvalidArgument);

  Picker picker = Make();
  CHECK(picker.UpsertEndpoint({"a", "gpu.example", 8000, {}}).code() == Code::kInvalidArgument);
  CHECK(picker.UpsertEndpoint({"a", "10.0.0.1", 0, {}}).code() == Code::kInvalidArgument);
  REQUIRE(picker.UpsertEndpoint({"a", "10.0.0.1", 8000, {}}).ok());
  CHECK(picker.UpsertEndpoint({"b", "10.0.0.1", 8000, {}}).code() == Code::kAlreadyExists);
  CHECK(picker.RemoveEndpoint("b").code() == Code::kNotFound);
  CHECK(picker.ReportFailure("b").code() == Code::kNotFound);
  CHECK(picker.ReportMetrics("b", "").code() == Code::kNotFound);
  CHECK(picker.ReportMetrics("a", Page(1, .1), "nonsense").code() == Code::kInvalidArgument);
  CHECK(picker.ReportMetrics("a", "<html>").code() == Code::kFailedPrecondition);
  CHECK(picker.ReportMetrics("a", std::string(9 << 20, '#')).code() == Code::kInvalidArgument);
}

TEST_CASE("many threads use one picker") {
  Picker picker = Make();
  for (int port = 1; port <= 8; ++port) {
    REQUIRE(picker.UpsertEndpoint({std::to_string(port), "10.0.0.1", port, {}}).ok());
  }
  std::atomic<int> refused{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const std::string prompt(3000, static_cast<char>('a' + t));
      for (int i = 0; i < 300; ++i) {
        const PickResult result = picker.Pick({"m", {{prompt}}, {}, {}});
        if (!result.picked) ++refused;
        const std::string name = std::to_string(1 + i % 4);
        if (t == 0) (void)picker.RemoveEndpoint(name);
        if (t == 1) (void)picker.UpsertEndpoint({name, "10.0.0.1", 1 + i % 4, {}});
        if (t == 2) (void)picker.ReportMetrics("8", Page(i, .5));
        if (t == 3) picker.Explain({"m", {{prompt}}, {}, {}});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(refused == 0);
  for (const auto& row : picker.Explain({}).rows) CHECK(row.in_flight == 0);
}

}  // namespace
}  // namespace inference
