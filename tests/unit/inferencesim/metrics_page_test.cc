#include "inferencesim/metrics_page.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <sstream>

namespace inference::sim {
namespace {

/// Series with labels to value text, and family name to type.
struct Parsed {
  std::map<std::string, std::string> series;
  std::map<std::string, std::string> types;
  size_t lines = 0;
};

Parsed Parse(const std::string& page) {
  Parsed parsed;
  std::istringstream in(page);
  for (std::string line; std::getline(in, line); ++parsed.lines) {
    INFO(line);
    REQUIRE_FALSE(line.empty());
    if (line.starts_with("# TYPE ")) {
      const size_t space = line.find(' ', 7);
      const bool first =
          parsed.types.emplace(line.substr(7, space - 7), line.substr(space + 1)).second;
      REQUIRE(first);
      continue;
    }
    if (line.starts_with("# HELP ")) continue;
    const size_t space = line.rfind(' ');
    REQUIRE(space != std::string::npos);
    const bool first = parsed.series.emplace(line.substr(0, space), line.substr(space + 1)).second;
    REQUIRE(first);
  }
  return parsed;
}

InstanceConfig Config() {
  InstanceConfig config;
  config.model = "m\"x";
  config.engine.num_gpu_blocks = 200;
  return config;
}

struct Page {
  Page() : engine(config.engine, 0), page(config, engine, 1.5e9) {}
  void Run(const std::string& adapter) {
    SequenceSpec spec;
    spec.adapter = adapter;
    spec.prompt.Append(std::string(400, 'a'));
    spec.prompt_tokens = 100;
    spec.max_tokens = 5;
    REQUIRE(engine.Submit(std::move(spec), now).ok());
  }
  void Finish() {
    std::vector<EngineEvent> events;
    while (engine.NextEvent()) engine.Advance(now = *engine.NextEvent(), &events);
  }
  Parsed Render() { return Parse(page.Render({}, http)); }

  InstanceConfig config = Config();
  Engine engine;
  HttpStats http;
  MetricsPage page;
  base::Time now = base::FromNanos(5'000'000'000);
};

const std::string kBase = R"({engine="0",model_name="m\"x"})";

TEST_CASE("numbers are written as the Python client writes them") {
  const auto text = [](double value) {
    std::string out;
    AppendValue(value, &out);
    return out;
  };
  CHECK(text(0) == "0.0");
  CHECK(text(21) == "21.0");
  CHECK(text(-3) == "-3.0");
  CHECK(text(0.25) == "0.25");
  CHECK(text(1.75e9) == "1.75e+09");
  CHECK(text(INFINITY) == "+Inf");
  CHECK(text(NAN) == "NaN");
}

TEST_CASE("the page has the families, types and size of a real one") {
  Page page;
  const std::string text = page.page.Render({}, page.http);
  const Parsed parsed = Parse(text);
  CHECK(text.size() > 45'000);
  CHECK(text.size() < 75'000);
  CHECK(parsed.lines > 550);
  CHECK(parsed.lines < 800);
  const std::map<std::string, std::string> expected = {
      {"vllm:num_requests_running", "gauge"},
      {"vllm:num_requests_waiting", "gauge"},
      {"vllm:num_requests_waiting_by_reason", "gauge"},
      {"vllm:kv_cache_usage_perc", "gauge"},
      {"vllm:engine_sleep_state", "gauge"},
      {"vllm:cache_config_info", "gauge"},
      {"vllm:lora_requests_info", "gauge"},
      {"vllm:prefix_cache_queries_total", "counter"},
      {"vllm:prefix_cache_queries_created", "gauge"},
      {"vllm:prefix_cache_hits_total", "counter"},
      {"vllm:num_preemptions_total", "counter"},
      {"vllm:admission_rejections_total", "counter"},
      {"vllm:time_to_first_token_seconds", "histogram"},
      {"vllm:inter_token_latency_seconds", "histogram"},
      {"vllm:e2e_request_latency_seconds", "histogram"},
      {"python_info", "gauge"},
      {"process_resident_memory_bytes", "gauge"},
      {"http_requests_total", "counter"},
      {"http_request_size_bytes", "summary"}};
  for (const auto& [name, type] : expected) {
    INFO(name);
    REQUIRE(parsed.types.contains(name));
    CHECK(parsed.types.at(name) == type);
  }
  CHECK(text.find("gpu_cache_usage_perc") == std::string::npos);
}

TEST_CASE("cache_config_info tells block size and count and no model") {
  Page page;
  const Parsed parsed = page.Render();
  const auto info = std::find_if(parsed.series.begin(), parsed.series.end(), [](const auto& s) {
    return s.first.starts_with("vllm:cache_config_info{");
  });
  REQUIRE(info != parsed.series.end());
  CHECK(info->first.find(",block_size=\"16\",") != std::string::npos);
  CHECK(info->first.find(",num_gpu_blocks=\"200\",") != std::string::npos);
  CHECK(info->first.find("model_name") == std::string::npos);
  CHECK(std::count(info->first.begin(), info->first.end(), '=') == 37);
}

TEST_CASE("gauges, counters and histograms follow the engine") {
  Page page;
  page.Run("");
  Parsed parsed = page.Render();
  CHECK(parsed.series.at("vllm:num_requests_running" + kBase) == "1.0");
  CHECK(parsed.series.at("vllm:kv_cache_usage_perc" + kBase) == "0.035");  // 7 of 200 blocks
  page.Finish();
  page.Run("");
  page.Finish();
  parsed = page.Render();
  CHECK(parsed.series.at("vllm:num_requests_running" + kBase) == "0.0");
  CHECK(parsed.series.at("vllm:prefix_cache_queries_total" + kBase) == "200.0");
  CHECK(parsed.series.at("vllm:prefix_cache_hits_total" + kBase) == "96.0");
  CHECK(parsed.series.at("vllm:time_to_first_token_seconds_count" + kBase) == "2.0");
  const std::string bucket = R"(vllm:inter_token_latency_seconds_bucket{engine="0",le=")";
  CHECK(parsed.series.at(bucket + R"(0.01",model_name="m\"x"})") == "8.0");
  CHECK(parsed.series.at(bucket + R"(+Inf",model_name="m\"x"})") == "8.0");
}

TEST_CASE("buckets never fall") {
  Page page;
  page.Run("");
  page.Finish();
  std::istringstream in(page.page.Render({}, page.http));
  std::string family;
  double last = 0;
  size_t buckets = 0;
  for (std::string line; std::getline(in, line);) {
    const size_t at = line.find("_bucket{");
    if (at == std::string::npos) continue;
    if (line.substr(0, at) != family) last = 0;
    family = line.substr(0, at);
    const double value = std::stod(line.substr(line.rfind(' ')));
    CHECK(value >= last);
    last = value;
    ++buckets;
  }
  CHECK(buckets > 250);
}

TEST_CASE("old adapter sets stay, the newest has the greatest value") {
  Page page;
  page.Run("a");
  page.Finish();
  page.now += std::chrono::seconds(1);
  page.Run("b");
  const Parsed parsed = page.Render();
  std::map<double, std::string> by_time;
  for (const auto& [series, value] : parsed.series) {
    if (series.starts_with("vllm:lora_requests_info")) by_time[std::stod(value)] = series;
  }
  REQUIRE(by_time.size() >= 3);  // none, a, b
  CHECK(by_time.rbegin()->second ==
        "vllm:lora_requests_info{max_lora=\"4\",running_lora_adapters=\"b\","
        "waiting_lora_adapters=\"\"}");
}

TEST_CASE("sleep shows as one state of three") {
  Page page;
  page.engine.SetSleepLevel(2, page.now);
  const Parsed parsed = page.Render();
  const auto state = [&](const std::string& name) {
    return parsed.series.at(
        R"(vllm:engine_sleep_state{engine="0",model_name="m\"x",sleep_state=")" + name + "\"}");
  };
  CHECK(state("awake") == "0.0");
  CHECK(state("weights_offloaded") == "0.0");
  CHECK(state("discard_all") == "1.0");
}

TEST_CASE("http families count by path, sizes without the method") {
  Page page;
  page.http.Record("/v1/models", "GET", 200, 0, 100, 0.02);
  page.http.Record("/v1/models", "GET", 404, 0, 50, 0.3);
  page.http.Record("/v1/completions", "POST", 200, 10, 100, 0.2);
  const Parsed parsed = page.Render();
  CHECK(parsed.series.at(
            R"(http_requests_total{handler="/v1/models",method="GET",status="4xx"})") == "1.0");
  CHECK(parsed.series.at(R"(http_response_size_bytes_sum{handler="/v1/models"})") == "150.0");
  CHECK(parsed.series.at(R"(http_request_duration_highr_seconds_bucket{le="0.025"})") == "1.0");
  CHECK(parsed.series.at("http_request_duration_highr_seconds_count") == "3.0");
}

}  // namespace
}  // namespace inference::sim
