#include "metrics/page_scanner.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <fstream>
#include <iterator>
#include <string>

namespace inference::metrics {
namespace {

using namespace std::chrono_literals;
using datastore::Gauge;
using datastore::LoraState;
using datastore::MetricsState;

const base::Time kNow = base::FromNanos(5'000'000'000);

// NaN when the gauge was not written at kNow.
double At(const Gauge& gauge) {
  return gauge.Read(kNow, 1ns).value;
}
bool Unknown(const Gauge& gauge) {
  return std::isnan(At(gauge));
}

PageResult ScanAs(std::string_view engine, std::string_view page, MetricsState& state) {
  return Scan(page, *NameMap::BuiltIn(engine), kNow, state);
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file.good());
  return {std::istreambuf_iterator<char>(file), {}};
}

bool Running(const MetricsState& state, std::string_view adapter) {
  return state.lora.IsRunning(LoraState::HashAdapter(adapter));
}
bool Waiting(const MetricsState& state, std::string_view adapter) {
  return state.lora.IsWaiting(LoraState::HashAdapter(adapter));
}

TEST_CASE("a real vLLM page") {
  MetricsState state;
  const auto result = ScanAs("vllm", ReadFile(TEST_DATA_DIR "/vllm.txt"), state);
  REQUIRE(result.status.ok());
  CHECK(result.bad_series == 0);
  CHECK(At(state.waiting) == 18);
  CHECK(At(state.running) == 4);
  CHECK(At(state.kv_usage) == 1.0);
  CHECK(At(state.block_size) == 32);
  CHECK(At(state.num_blocks) == 40);
  CHECK(At(state.prefix_queries) == 3400);
  CHECK(At(state.prefix_hits) == 128);
  CHECK(At(state.preemptions) == 3);
  CHECK(At(state.asleep) == 0);
  CHECK(state.lora.max() == 2);
  CHECK(state.lora.running_count() == 1);
  CHECK(Running(state, "lora-b"));
  CHECK_FALSE(Running(state, "lora-a"));
  CHECK(Waiting(state, "lora-b"));
  CHECK(state.pages == 1);
  CHECK(state.last_page_ns == base::ToNanos(kNow));
  for (size_t q = 0; q < kNumQuantities; ++q) CHECK(result.Has(static_cast<Quantity>(q)));
}

TEST_CASE("SGLang, before and after 0.5.11") {
  MetricsState state;
  REQUIRE(ScanAs("sglang",
                 "sglang:num_queue_reqs{model_name=\"m\",tp_rank=\"0\",priority=\"7\"} 2\n"
                 "sglang:num_queue_reqs{model_name=\"m\",tp_rank=\"0\",priority=\"\"} 3\n"
                 "sglang:num_running_reqs{model_name=\"m\",tp_rank=\"0\"} 21\n"
                 "sglang:num_running_reqs{model_name=\"m\",tp_rank=\"1\"} 21\n"
                 "sglang:token_usage{model_name=\"m\",tp_rank=\"0\"} 0.28\n"
                 "sglang:cache_config_info{page_size=\"64\",num_pages=\"3700\"} 1\n"
                 "sglang:prompt_tokens_total{is_streaming=\"true\"} 600\n"
                 "sglang:prompt_tokens_total{is_streaming=\"false\"} 400\n"
                 "sglang:cached_tokens_total{cache_source=\"device\"} 70\n"
                 "sglang:cached_tokens_total{cache_source=\"host\"} 30\n"
                 "sglang:num_retracted_requests_total{priority=\"\"} 5\n",
                 state)
              .status.ok());
  CHECK(At(state.waiting) == 3);
  CHECK(At(state.running) == 21);
  CHECK(At(state.kv_usage) == 0.28);
  CHECK(At(state.block_size) == 64);
  CHECK(At(state.num_blocks) == 3700);
  CHECK(At(state.prefix_queries) == 1000);
  CHECK(At(state.prefix_hits) == 100);
  CHECK(At(state.preemptions) == 5);
  CHECK(Unknown(state.asleep));
  CHECK_FALSE(state.lora.Known());

  REQUIRE(ScanAs("sglang", "sglang:page_size 16\nsglang:num_pages 10\n", state).status.ok());
  CHECK(At(state.block_size) == 16);
  CHECK(At(state.num_blocks) == 10);
}

TEST_CASE("Triton, plain: pending requests of all models; running is unknown") {
  MetricsState state;
  REQUIRE(ScanAs("triton",
                 "nv_inference_pending_request_count{model=\"tokenize\",version=\"1\"} 1\n"
                 "nv_inference_pending_request_count{model=\"llama\",version=\"1\"} 6\n"
                 "nv_inference_exec_count{model=\"llama\",version=\"1\"} 90210\n",
                 state)
              .status.ok());
  CHECK(At(state.waiting) == 7);
  CHECK(Unknown(state.running));
  CHECK(Unknown(state.kv_usage));
}

TEST_CASE("Triton with TensorRT-LLM picks series of one name by label") {
  MetricsState state;
  const char* page =
      "nv_trt_llm_request_metrics{model=\"t\",request_type=\"context\",version=\"1\"} 1\n"
      "nv_trt_llm_request_metrics{model=\"t\",request_type=\"scheduled\",version=\"1\"} 8\n"
      "nv_trt_llm_request_metrics{model=\"t\",request_type=\"max\",version=\"1\"} 512\n"
      "nv_trt_llm_request_metrics{model=\"t\",request_type=\"waiting\",version=\"1\"} 4\n"
      "nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=\"tokens_per\",model=\"t\"} 64\n"
      "nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=\"used\",model=\"t\"} 100\n"
      "nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=\"max\",model=\"t\"} 6239\n"
      "nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=\"fraction\",model=\"t\"} 0.016\n";
  REQUIRE(ScanAs("triton-tensorrt-llm", page, state).status.ok());
  CHECK(At(state.waiting) == 4);
  CHECK(At(state.running) == 8);
  CHECK(At(state.kv_usage) == 0.016);
  CHECK(At(state.block_size) == 64);
  CHECK(At(state.num_blocks) == 6239);
}

TEST_CASE("trtllm-serve and llama.cpp") {
  MetricsState trt;
  REQUIRE(ScanAs("trtllm-serve",
                 "trtllm_num_requests_waiting{model_name=\"m\"} 2.0\n"
                 "trtllm_num_requests_running{model_name=\"m\"} 5.0\n"
                 "trtllm_kv_cache_utilization{model_name=\"m\"} 0.5\n"
                 "trtllm_kv_cache_tokens_per_block{model_name=\"m\"} 32.0\n"
                 "trtllm_kv_cache_max_blocks{model_name=\"m\"} 1000.0\n",
                 trt)
              .status.ok());
  CHECK(At(trt.waiting) == 2);
  CHECK(At(trt.running) == 5);
  CHECK(At(trt.kv_usage) == 0.5);
  CHECK(At(trt.block_size) == 32);
  CHECK(At(trt.num_blocks) == 1000);

  MetricsState llama;
  REQUIRE(
      ScanAs("llama.cpp", "llamacpp:requests_processing 3\nllamacpp:requests_deferred 46\n", llama)
          .status.ok());
  CHECK(At(llama.running) == 3);
  CHECK(At(llama.waiting) == 46);
  CHECK(Unknown(llama.kv_usage));
  REQUIRE(ScanAs("llama.cpp", "llamacpp:kv_cache_usage_ratio 0.25", llama).status.ok());
  CHECK(At(llama.kv_usage) == 0.25);
}

TEST_CASE("a user's map") {
  api::EngineMap map;
  map.name = "mine";
  map.waiting = "my_requests{state=\"queued\",tier=gold}";
  map.running = "my_requests{state=running}";
  map.cache_info = "my_cache";
  map.num_blocks_label = "pages";
  map.block_size = "my_page_tokens";
  map.sleep_state = "my_sleep";
  map.lora = "my_lora";
  api::Diagnostics diagnostics;
  const auto compiled = NameMap::FromEngineMap(map, diagnostics);
  REQUIRE(compiled != nullptr);
  MetricsState state;
  const auto result = Scan(
      "my_requests{state=\"queued\",tier=\"silver\"} 9\n"
      "my_requests{tier=\"gold\",state=\"queued\"} 4\n"
      "my_requests{state=\"running\"} 2\n"
      "my_cache{pages=\"77\"} 1\nmy_page_tokens 8\nmy_sleep 2\n"
      "my_lora{max_lora=\"1\",running_lora_adapters=\"x\",waiting_lora_adapters=\"\"} 1\n",
      *compiled, kNow, state);
  REQUIRE(result.status.ok());
  CHECK(At(state.waiting) == 4);
  CHECK(At(state.running) == 2);
  CHECK(At(state.num_blocks) == 77);
  CHECK(At(state.block_size) == 8);
  CHECK(At(state.asleep) == 1);
  CHECK(Running(state, "x"));
}

TEST_CASE("data-parallel engines: requests and blocks add up, KV use is the mean") {
  MetricsState state;
  REQUIRE(ScanAs("vllm",
                 "vllm:num_requests_waiting{engine=\"0\",model_name=\"m\"} 10\n"
                 "vllm:num_requests_waiting{engine=\"1\",model_name=\"m\"} 2\n"
                 "vllm:num_requests_waiting{engine=\"1\",model_name=\"other\"} 100\n"
                 "vllm:num_requests_running{engine=\"1\"} 3\n"
                 "vllm:kv_cache_usage_perc{engine=\"0\"} 0.9\n"
                 "vllm:kv_cache_usage_perc{engine=\"1\"} 0.1\n"
                 "vllm:cache_config_info{block_size=\"16\",num_gpu_blocks=\"40\",engine=\"0\"} 1\n"
                 "vllm:cache_config_info{block_size=\"16\",num_gpu_blocks=\"50\",engine=\"1\"} 1\n"
                 "vllm:engine_sleep_state{engine=\"0\",sleep_state=\"awake\"} 1\n"
                 "vllm:engine_sleep_state{engine=\"0\",sleep_state=\"discard_all\"} 0\n"
                 "vllm:engine_sleep_state{engine=\"1\",sleep_state=\"weights_offloaded\"} 1\n",
                 state)
              .status.ok());
  CHECK(At(state.waiting) == 12);
  CHECK(At(state.running) == 3);
  CHECK(At(state.kv_usage) == Approx(0.5));
  CHECK(At(state.block_size) == 16);
  CHECK(At(state.num_blocks) == 90);
  CHECK(At(state.asleep) == 1);
}

TEST_CASE("more shards than there is room for are left out and counted") {
  std::string page;
  for (int i = 0; i < 200; ++i) {
    page += "vllm:num_requests_waiting{engine=\"" + std::to_string(i) + "\"} 1\n";
  }
  MetricsState state;
  const auto result = ScanAs("vllm", page, state);
  CHECK(At(state.waiting) == 128);
  CHECK(result.bad_series == 72);
}

TEST_CASE("today's name is preferred to the legacy one, wherever it stands") {
  const char* pages[] = {"vllm:kv_cache_usage_perc 0.3\nvllm:gpu_cache_usage_perc 0.8\n",
                         "vllm:gpu_cache_usage_perc 0.8\nvllm:kv_cache_usage_perc 0.3\n"};
  for (const char* page : pages) {
    MetricsState state;
    REQUIRE(ScanAs("vllm", page, state).status.ok());
    CHECK(At(state.kv_usage) == 0.3);
  }
  MetricsState state;
  REQUIRE(ScanAs("vllm", "vllm:gpu_cache_usage_perc{model_name=\"m\"} 0.8\n", state).status.ok());
  CHECK(At(state.kv_usage) == 0.8);
}

TEST_CASE("LoRA: the newest series wins, lists may have blanks, an empty list is no adapter") {
  const char* page =
      "vllm:lora_requests_info{max_lora=\"4\",running_lora_adapters=\"a, b ,c\","
      "waiting_lora_adapters=\" d ,,\"} 1.79523647e+09\n"
      "vllm:lora_requests_info{max_lora=\"9\",running_lora_adapters=\"old\","
      "waiting_lora_adapters=\"\"} 1.79523646e+09\n";
  MetricsState state;
  REQUIRE(ScanAs("vllm", page, state).status.ok());
  CHECK(state.lora.max() == 4);
  CHECK(state.lora.running_count() == 3);
  CHECK(Running(state, "a"));
  CHECK(Running(state, "b"));
  CHECK(Running(state, "c"));
  CHECK_FALSE(Running(state, "old"));
  CHECK(state.lora.waiting_count() == 1);
  CHECK(Waiting(state, "d"));

  // A page without the family keeps what was known; a newer, empty series clears it.
  REQUIRE(ScanAs("vllm", "vllm:num_requests_waiting 0\n", state).status.ok());
  CHECK(Running(state, "a"));
  REQUIRE(ScanAs("vllm",
                 "vllm:lora_requests_info{max_lora=\"None\",running_lora_adapters=\"\","
                 "waiting_lora_adapters=\"\"} 5\n",
                 state)
              .status.ok());
  CHECK(state.lora.running_count() == 0);
  CHECK(state.lora.max() == 0);
}

TEST_CASE("LoRA: escaped names, and more than there is room for") {
  MetricsState state;
  REQUIRE(ScanAs("vllm",
                 "vllm:lora_requests_info{running_lora_adapters=\"a\\\"b\\\\,x}y\","
                 "waiting_lora_adapters=\"\"} 5\n",
                 state)
              .status.ok());
  CHECK(Running(state, "a\"b\\"));
  CHECK(Running(state, "x}y"));

  std::string many;
  for (int i = 0; i < 1000; ++i) many += "n" + std::to_string(i) + ",";
  REQUIRE(
      ScanAs("vllm", "vllm:lora_requests_info{running_lora_adapters=\"" + many + "\"} 6\n", state)
          .status.ok());
  CHECK(state.lora.running_count() == LoraState::kMaxAdapters);
}

TEST_CASE("the dialects of the text format") {
  const auto [page, waiting] = GENERATE(table<std::string, double>({
      {"vllm:num_requests_waiting 3", 3},
      {"vllm:num_requests_waiting 3\r\nvllm:num_requests_running 1\r\n", 3},
      {"vllm:num_requests_waiting\t3\n", 3},
      {"  vllm:num_requests_waiting {engine=\"0\"}   3  \n", 3},
      {"vllm:num_requests_waiting{ engine = \"0\" , model_name=\"m\" , } 3\n", 3},
      {"vllm:num_requests_waiting{} 3\n", 3},
      {"vllm:num_requests_waiting{m=\"a } 9 { \\\" \\\\\"} 3\n", 3},
      {"vllm:num_requests_waiting 3 1700000000000\n", 3},
      {"vllm:num_requests_waiting 3 # {trace=\"x\"} 9 1.5\n", 3},
      {"vllm:num_requests_waiting 3 1.7e9 # {trace=\"x\"} 9\n", 3},
      {"vllm:num_requests_waiting 3 10\nvllm:num_requests_waiting 4 11\n", 4},
      {"vllm:num_requests_waiting 3 10\nvllm:num_requests_waiting 4 9\n", 3},
      {"vllm:num_requests_waiting 3\nvllm:num_requests_waiting 4\n", 3},
      {"vllm:num_requests_waiting 3\nvllm:num_requests_waiting 4 1\n", 4},
      {"vllm:num_requests_waiting +3e0\n", 3},
      {"# vllm:num_requests_waiting 9\n#\n\n\r\nvllm:num_requests_waiting 3\n# EOF\n", 3},
      {"# HELP vllm:num_requests_waiting x\nvllm:num_requests_waiting 3\n", 3},
      {"vllm:num_requests_waiting_by_reason{reason=\"capacity\"} 9\n"
       "vllm:num_requests_waiting 3\n",
       3},
      {"vllm:num_requests_waiting NaN\nvllm:num_requests_waiting 3\n", 3},
  }));
  INFO(page);
  MetricsState state;
  REQUIRE(ScanAs("vllm", page, state).status.ok());
  CHECK(At(state.waiting) == waiting);
}

TEST_CASE("a value that can't be is unknown, never zero") {
  const std::string line = GENERATE(
      as<std::string>(), "vllm:num_requests_waiting NaN", "vllm:num_requests_waiting +Inf",
      "vllm:num_requests_waiting -Inf", "vllm:num_requests_waiting -1",
      "vllm:num_requests_waiting 1e300", "vllm:num_requests_waiting 1e999",
      "vllm:num_requests_waiting ", "vllm:num_requests_waiting x", "vllm:num_requests_waiting 3x",
      "vllm:num_requests_waiting 3 x", "vllm:num_requests_waiting 3 NaN",
      "vllm:num_requests_waiting 3 4 5", "vllm:num_requests_waiting +-3",
      "vllm:num_requests_waiting{engine=\"0} 3", "vllm:num_requests_waiting{engine=0} 3",
      "vllm:num_requests_waiting{engine=\"0\" 3", "vllm:num_requests_waiting{engine=\"0\"x=\"\"} 3",
      "vllm:num_requests_waiting{=\"0\"} 3", "vllm:num_requests_waiting{engine",
      "vllm:num_requests_waiting{");
  INFO(line);
  MetricsState state;
  const auto result = ScanAs("vllm", line + "\nvllm:num_requests_running 2\n", state);
  REQUIRE(result.status.ok());
  CHECK(Unknown(state.waiting));
  CHECK(result.bad_series == 1);
  CHECK(At(state.running) == 2);

  MetricsState nothing;
  const auto alone = ScanAs("vllm", line, nothing);
  CHECK(alone.status.code() == Code::kFailedPrecondition);
  CHECK_THAT(alone.status.message(), Catch::Contains("1 series have no usable value"));
}

TEST_CASE("KV use is a fraction; sizes are positive; the text None is unknown and no fault") {
  MetricsState state;
  const auto result = ScanAs("vllm",
                             "vllm:kv_cache_usage_perc 1.02\n"
                             "vllm:cache_config_info{block_size=\"0\",num_gpu_blocks=\"None\"} 1\n",
                             state);
  REQUIRE(result.status.ok());
  CHECK(At(state.kv_usage) == 1.0);
  CHECK(Unknown(state.block_size));
  CHECK(Unknown(state.num_blocks));
  CHECK(result.bad_series == 1);
}

TEST_CASE("a page without our names is an error and refreshes nothing") {
  MetricsState state;
  REQUIRE(ScanAs("vllm", "vllm:num_requests_waiting 3\n", state).status.ok());
  const base::Time later = kNow + 10s;
  for (std::string_view page :
       {"", "\n", "<html>not here</html>", "sglang:num_queue_reqs 3\n", "vllm:num_requests_waiting",
        "{\"error\":\"x\"}", "vllm:num_requests_waitin 3\n", "xvllm:num_requests_waiting 3\n"}) {
    INFO(page);
    const auto result = Scan(page, *NameMap::BuiltIn("vllm"), later, state);
    CHECK(result.status.code() == Code::kFailedPrecondition);
    CHECK_THAT(result.status.message(), Catch::Contains("no metric of engine 'vllm'"));
    CHECK(result.quantities == 0);
  }
  CHECK(state.waiting.Read(later, 1s).age == 10s);
  CHECK(state.waiting.Read(later, 1s).freshness == datastore::Freshness::kStale);
  CHECK(state.last_page_ns == base::ToNanos(kNow));
  CHECK(state.pages == 1);
  CHECK(state.page_errors == 0);
}

TEST_CASE("a quantity that a page lacks keeps its value and its age") {
  MetricsState state;
  REQUIRE(ScanAs("vllm", "vllm:num_requests_waiting 3\nvllm:kv_cache_usage_perc 0.5\n", state)
              .status.ok());
  const base::Time later = kNow + 3s;
  const auto result =
      Scan("vllm:num_requests_waiting 4\n", *NameMap::BuiltIn("vllm"), later, state);
  CHECK(result.Has(Quantity::kWaiting));
  CHECK_FALSE(result.Has(Quantity::kKvUsage));
  CHECK(state.waiting.Read(later, 1s).age == 0s);
  CHECK(state.kv_usage.Read(later, 1s).value == 0.5);
  CHECK(state.kv_usage.Read(later, 1s).age == 3s);
}

TEST_CASE("a series with more labels than there is room for is a bad one") {
  std::string line = "vllm:num_requests_waiting{";
  for (int i = 0; i < 200; ++i) line += "l" + std::to_string(i) + "=\"\",";
  MetricsState state;
  CHECK(ScanAs("vllm", line + "} 3\n", state).bad_series == 1);
  CHECK(Unknown(state.waiting));
}

}  // namespace
}  // namespace inference::metrics
