#include "metrics/builtin_engines.h"

#include <algorithm>
#include <array>

namespace inference::metrics {
namespace {

using enum Quantity;

// Rows of one quantity stand in order of preference: today's name first, older ones after it.
constexpr BuiltInSource kVllm[] = {
    {kWaiting, "vllm:num_requests_waiting"},
    {kRunning, "vllm:num_requests_running"},
    {kKvUsage, "vllm:kv_cache_usage_perc"},
    {kKvUsage, "vllm:gpu_cache_usage_perc"},
    {kBlockSize, "vllm:cache_config_info", "block_size"},
    {kNumBlocks, "vllm:cache_config_info", "num_gpu_blocks"},
    {kPrefixQueries, "vllm:prefix_cache_queries_total"},
    {kPrefixQueries, "vllm:gpu_prefix_cache_queries_total"},
    {kPrefixHits, "vllm:prefix_cache_hits_total"},
    {kPrefixHits, "vllm:gpu_prefix_cache_hits_total"},
    {kPreemptions, "vllm:num_preemptions_total"},
    {kAsleep, "vllm:engine_sleep_state{sleep_state=weights_offloaded}"},
    {kAsleep, "vllm:engine_sleep_state{sleep_state=discard_all}"},
    {kLora, "vllm:lora_requests_info"},
};

// With priorities enabled, SGLang also has a series for each priority; the one with an empty label
// is the total.
constexpr BuiltInSource kSglang[] = {
    {kWaiting, "sglang:num_queue_reqs{priority=}"},
    {kRunning, "sglang:num_running_reqs{priority=}"},
    {kKvUsage, "sglang:token_usage"},
    {kBlockSize, "sglang:page_size"},
    {kBlockSize, "sglang:cache_config_info", "page_size"},
    {kNumBlocks, "sglang:num_pages"},
    {kNumBlocks, "sglang:cache_config_info", "num_pages"},
    {kPrefixQueries, "sglang:prompt_tokens_total"},
    {kPrefixHits, "sglang:cached_tokens_total"},
    {kPreemptions, "sglang:num_retracted_requests_total{priority=}"},
};

// nv_inference_exec_count is a counter of executions since start, not of running requests: left
// out.
constexpr BuiltInSource kTriton[] = {
    {kWaiting, "nv_inference_pending_request_count"},
};

constexpr BuiltInSource kTritonTensorRtLlm[] = {
    {kWaiting, "nv_trt_llm_request_metrics{request_type=waiting}"},
    {kRunning, "nv_trt_llm_request_metrics{request_type=scheduled}"},
    {kKvUsage, "nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=fraction}"},
    {kBlockSize, "nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=tokens_per}"},
    {kNumBlocks, "nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=max}"},
};

constexpr BuiltInSource kTrtLlmServe[] = {
    {kWaiting, "trtllm_num_requests_waiting"},
    {kRunning, "trtllm_num_requests_running"},
    {kKvUsage, "trtllm_kv_cache_utilization"},
    {kBlockSize, "trtllm_kv_cache_tokens_per_block"},
    {kNumBlocks, "trtllm_kv_cache_max_blocks"},
    {kPrefixQueries, "trtllm_prompt_tokens_total"},
    {kPrefixHits, "trtllm_prompt_cached_tokens_total"},
};

// Servers of mid-2025 and later have no KV gauge at all: unknown.
constexpr BuiltInSource kLlamaCpp[] = {
    {kWaiting, "llamacpp:requests_deferred"},
    {kRunning, "llamacpp:requests_processing"},
    {kKvUsage, "llamacpp:kv_cache_usage_ratio"},
};

constexpr std::string_view kEngineShards[] = {"engine"};
constexpr std::string_view kSglangShards[] = {"dp_rank", "is_streaming", "cache_source"};
constexpr std::string_view kTritonShards[] = {"model", "version"};
constexpr std::string_view kDpShards[] = {"dp_rank"};

constexpr std::array kEngines{
    BuiltInEngine{"vllm", kVllm, kEngineShards},
    BuiltInEngine{"sglang", kSglang, kSglangShards},
    BuiltInEngine{"triton", kTriton, kTritonShards},
    BuiltInEngine{"triton-tensorrt-llm", kTritonTensorRtLlm, kTritonShards},
    BuiltInEngine{"trtllm-serve", kTrtLlmServe, kDpShards},
    BuiltInEngine{"llama.cpp", kLlamaCpp, kDpShards},
};

}  // namespace

const BuiltInEngine* FindBuiltInEngine(std::string_view name) {
  const auto found = std::find_if(kEngines.begin(), kEngines.end(),
                                  [&](const BuiltInEngine& e) { return e.name == name; });
  return found == kEngines.end() ? nullptr : &*found;
}

std::vector<std::string_view> BuiltInEngineNames() {
  std::vector<std::string_view> names;
  for (const BuiltInEngine& engine : kEngines) names.push_back(engine.name);
  return names;
}

}  // namespace inference::metrics
