#include "inferencesim/metrics_page.h"

#include <fmt/core.h>

#include <array>
#include <charconv>
#include <cmath>

namespace inference::sim {
namespace {

constexpr double kZero = 0;
constexpr double kOne = 1;
// A Python server collects garbage now and then; nobody looks at how much.
constexpr std::array<double, 3> kCollected = {15210, 2504, 811};
constexpr std::array<double, 3> kCollections = {1711, 155, 11};

std::string Labels(std::string_view before, std::string_view extra, std::string_view after) {
  std::string labels(before);
  labels += extra;
  labels += after;
  return labels;
}

std::string CacheConfigSeries(const EngineConfig& c) {
  const uint64_t tokens = uint64_t{c.num_gpu_blocks} * c.block_size;
  std::string page;
  AppendFamily("vllm:cache_config_info", "gauge", "How the KV cache of the engine is set up",
               &page);
  fmt::format_to(
      std::back_inserter(page),
      "vllm:cache_config_info{{_block_size_resolved=\"True\",block_size=\"{0}\",cache_dtype="
      "\"auto\","
      "cache_hit_alignment_tokens=\"None\",effective_attention_block_size=\"{0}\","
      "enable_mamba_shared_prefix_checkpoint=\"False\",enable_prefix_caching=\"{1}\",engine=\"0\","
      "gpu_memory_utilization=\"0.92\",hash_block_size=\"None\",is_attention_free=\"False\","
      "kv_cache_dtype_skip_layers=\"[]\",kv_cache_layout=\"None\",kv_cache_max_concurrency=\"{2}\","
      "kv_cache_memory_bytes=\"{3}\",kv_cache_size_tokens=\"{4}\","
      "kv_offloading_backend=\"native\",kv_offloading_size=\"None\","
      "kv_sharing_fast_prefill=\"False\",mamba_block_size=\"None\",mamba_cache_dtype=\"auto\","
      "mamba_cache_mode=\"none\",mamba_page_size_padded=\"None\",mamba_ssm_cache_dtype=\"float32\","
      "num_cpu_blocks=\"None\",num_gpu_blocks=\"{5}\",num_gpu_blocks_override=\"None\","
      "prefix_cache_retention_interval=\"0\",prefix_caching_hash_algo=\"xxhash\","
      "prefix_match_unit=\"None\",replayssm_buffer_len=\"16\",skip_page_size_padded=\"None\","
      "sliding_window=\"None\",swa_bounded_replay=\"True\",use_kda_recoverssm=\"False\","
      "use_replayssm=\"False\",user_specified_block_size=\"True\"}} 1.0\n",
      c.block_size, c.prefix_caching ? "True" : "False",
      static_cast<double>(tokens) / std::max(1u, c.max_model_len), tokens << 17, tokens,
      c.num_gpu_blocks);
  return page;
}

}  // namespace

void AppendValue(double value, std::string* out) {
  if (std::isnan(value)) {
    *out += "NaN";
    return;
  }
  if (std::isinf(value)) {
    *out += value > 0 ? "+Inf" : "-Inf";
    return;
  }
  char text[40];
  const bool large = std::abs(value) >= 1e6;
  const auto format = large ? std::chars_format::scientific : std::chars_format::general;
  const auto end = value == std::floor(value) && !large
                       ? std::to_chars(text, text + sizeof text, static_cast<int64_t>(value)).ptr
                       : std::to_chars(text, text + sizeof text, value, format).ptr;
  const std::string_view written(text, static_cast<size_t>(end - text));
  *out += written;
  if (written.find_first_of(".e") == std::string_view::npos) *out += ".0";
}

std::string EscapeLabel(std::string_view value) {
  std::string escaped;
  for (const char c : value) {
    if (c == '\\' || c == '"') escaped += '\\';
    if (c == '\n') {
      escaped += "\\n";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

void AppendFamily(std::string_view name, std::string_view type, std::string_view help,
                  std::string* out) {
  fmt::format_to(std::back_inserter(*out), "# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
}

MetricsPage::MetricsPage(const InstanceConfig& config, const Engine& engine, double created_unix)
    : engine_(engine),
      model_label_("model_name=\"" + EscapeLabel(config.model) + "\""),
      engine_label_("engine=\"0\","),
      base_labels_(engine_label_ + model_label_),
      cache_config_(CacheConfigSeries(config.engine)),
      created_(created_unix) {
  AddPythonAndProcess();
  AddFlops();
  AddScheduler();
  AddCaches();
  AddTokens();
  AddHistograms();
}

std::string MetricsPage::Render(const ProcessFacts& process, const HttpStats& http) {
  process_ = process;
  awake_ = engine_.sleep_level() == 0;
  weights_offloaded_ = engine_.sleep_level() == 1;
  discarded_ = engine_.sleep_level() == 2;
  std::string page;
  page.reserve(80 * 1024);
  for (const Line& line : lines_) {
    page += line.text;
    AppendValue(*line.value, &page);
  }
  page += pending_;
  AppendLora(&page);
  page += cache_config_;
  http.Render(created_, &page);
  return page;
}

void MetricsPage::AddFamily(std::string_view name, std::string_view type, std::string_view help) {
  AppendFamily(name, type, help, &pending_);
}

void MetricsPage::Add(std::string_view name, std::string_view labels, const double* value) {
  pending_ += name;
  if (!labels.empty()) fmt::format_to(std::back_inserter(pending_), "{{{}}}", labels);
  pending_ += ' ';
  lines_.push_back({std::move(pending_), value});
  pending_ = "\n";
}

void MetricsPage::AddCounter(std::string_view name, std::string_view help,
                             const std::vector<std::pair<std::string, const double*>>& series) {
  const std::string total = std::string(name) + "_total";
  const std::string created = std::string(name) + "_created";
  AddFamily(total, "counter", help);
  for (const auto& [labels, value] : series) Add(total, labels, value);
  AddFamily(created, "gauge", help);
  for (const auto& [labels, value] : series) Add(created, labels, &created_);
}

void MetricsPage::AddHistogram(std::string_view name, std::string_view help,
                               const Histogram& histogram) {
  AddFamily(name, "histogram", help);
  const std::string bucket = std::string(name) + "_bucket";
  for (size_t i = 0; i < histogram.cumulative().size(); ++i) {
    std::string bound;
    AppendValue(i < histogram.bounds().size() ? histogram.bounds()[i] : INFINITY, &bound);
    Add(bucket, Labels(engine_label_, "le=\"" + bound + "\",", model_label_),
        &histogram.cumulative()[i]);
  }
  Add(std::string(name) + "_count", base_labels_, &histogram.count());
  Add(std::string(name) + "_sum", base_labels_, &histogram.sum());
  AddFamily(std::string(name) + "_created", "gauge", help);
  Add(std::string(name) + "_created", base_labels_, &created_);
}

void MetricsPage::AddPythonAndProcess() {
  constexpr std::array<std::string_view, 3> kGenerations = {"generation=\"0\"", "generation=\"1\"",
                                                            "generation=\"2\""};
  const auto by_generation = [&](std::string_view name, std::string_view help,
                                 const std::array<double, 3>* values) {
    AddFamily(name, "counter", help);
    for (size_t i = 0; i < 3; ++i) {
      Add(name, kGenerations[i], values == nullptr ? &kZero : &(*values)[i]);
    }
  };
  by_generation("python_gc_objects_collected_total", "Objects freed by the collector", &kCollected);
  by_generation("python_gc_objects_uncollectable_total", "Objects it could not free", nullptr);
  by_generation("python_gc_collections_total", "Runs of the collector", &kCollections);
  AddFamily("python_info", "gauge", "The Python that a real server would run on");
  Add("python_info",
      "implementation=\"CPython\",major=\"3\",minor=\"12\",patchlevel=\"0\",version=\"3.12.0\"",
      &kOne);
  const auto one = [&](std::string_view name, std::string_view type, std::string_view help,
                       const double* value) {
    AddFamily(name, type, help);
    Add(name, "", value);
  };
  one("process_virtual_memory_bytes", "gauge", "Address space in bytes.", &process_.virtual_bytes);
  one("process_resident_memory_bytes", "gauge", "Largest resident set in bytes.",
      &process_.resident_bytes);
  one("process_start_time_seconds", "gauge", "Unix time of the start.",
      &process_.start_unix_seconds);
  one("process_cpu_seconds_total", "counter", "CPU time, user and system together.",
      &process_.cpu_seconds);
  one("process_open_fds", "gauge", "File descriptors in use.", &process_.open_fds);
  one("process_max_fds", "gauge", "File descriptors allowed.", &process_.max_fds);
}

void MetricsPage::AddFlops() {
  const std::vector<std::pair<std::string, const double*>> zero = {{base_labels_, &kZero}};
  AddCounter("vllm:estimated_flops_per_gpu", "Floating point work per device; not simulated.",
             zero);
  AddCounter("vllm:estimated_read_bytes_per_gpu", "Memory read per device; not simulated.", zero);
  AddCounter("vllm:estimated_write_bytes_per_gpu", "Memory written per device; not simulated.",
             zero);
}

void MetricsPage::AddScheduler() {
  const EngineStats& s = engine_.stats();
  AddFamily("vllm:num_requests_running", "gauge", "Sequences in the running batch.");
  Add("vllm:num_requests_running", base_labels_, &s.running);
  AddFamily("vllm:num_requests_waiting", "gauge", "Sequences in the queue.");
  Add("vllm:num_requests_waiting", base_labels_, &s.waiting);
  AddFamily("vllm:num_requests_waiting_by_reason", "gauge",
            "The queue by what it waits for: capacity (a batch slot or KV blocks) or deferred (an "
            "adapter slot).");
  Add("vllm:num_requests_waiting_by_reason", base_labels_ + ",reason=\"capacity\"",
      &s.waiting_for_capacity);
  Add("vllm:num_requests_waiting_by_reason", base_labels_ + ",reason=\"deferred\"",
      &s.waiting_deferred);
  AddFamily("vllm:engine_sleep_state", "gauge",
            "1 for the state that the engine is in: awake, weights_offloaded (sleep level 1) or "
            "discard_all (level 2).");
  Add("vllm:engine_sleep_state", base_labels_ + ",sleep_state=\"awake\"", &awake_);
  Add("vllm:engine_sleep_state", base_labels_ + ",sleep_state=\"weights_offloaded\"",
      &weights_offloaded_);
  Add("vllm:engine_sleep_state", base_labels_ + ",sleep_state=\"discard_all\"", &discarded_);
  AddFamily("vllm:kv_cache_usage_perc", "gauge", "Part of the KV blocks in use, 0 to 1.");
  Add("vllm:kv_cache_usage_perc", base_labels_, &s.kv_usage);
}

void MetricsPage::AddCaches() {
  const EngineStats& s = engine_.stats();
  const auto one = [&](std::string_view name, std::string_view help, const double* value) {
    AddCounter(name, help, {{base_labels_, value}});
  };
  one("vllm:prefix_cache_queries", "Prompt tokens looked up in the prefix cache.",
      &s.prefix_queries);
  one("vllm:prefix_cache_hits", "Prompt tokens found in the prefix cache.", &s.prefix_hits);
  one("vllm:external_prefix_cache_queries", "Tokens looked up in other caches; not simulated.",
      &kZero);
  one("vllm:external_prefix_cache_hits", "Tokens found in other caches; not simulated.", &kZero);
  one("vllm:mm_cache_queries", "Images looked up in the image cache; not simulated.", &kZero);
  one("vllm:mm_cache_hits", "Images found in the image cache; not simulated.", &kZero);
  one("vllm:num_preemptions", "Sequences taken out of the batch for want of KV blocks.",
      &s.preemptions);
}

void MetricsPage::AddTokens() {
  const EngineStats& s = engine_.stats();
  const auto source = [&](std::string_view name) {
    return fmt::format("{},source=\"{}\"", base_labels_, name);
  };
  AddCounter("vllm:prompt_tokens", "Prompt tokens taken in.", {{base_labels_, &s.prompt_tokens}});
  AddCounter("vllm:prompt_tokens_by_source", "Prompt tokens by where their KV came from.",
             {{source("local_compute"), &s.prompt_tokens_computed},
              {source("local_cache_hit"), &s.prefix_hits},
              {source("external_kv_transfer"), &kZero}});
  AddCounter("vllm:prompt_tokens_cached", "Prompt tokens that needed no computing.",
             {{base_labels_, &s.prefix_hits}});
  AddCounter("vllm:prompt_tokens_cached_by_source",
             "Prompt tokens that needed no computing, by the tier that held them; only the device "
             "tier is simulated.",
             {{source("device"), &s.prefix_hits},
              {source("host"), &kZero},
              {source("p2p"), &kZero},
              {source("disk"), &kZero},
              {source("external_unspecified"), &kZero}});
  AddCounter("vllm:generation_tokens", "Tokens written.", {{base_labels_, &s.generation_tokens}});
  const auto reason = [&](std::string_view name) {
    return Labels(engine_label_, fmt::format("finished_reason=\"{}\",", name), model_label_);
  };
  AddCounter("vllm:request_success", "Sequences that ended, by how.",
             {{reason("stop"), &s.finished[static_cast<size_t>(FinishReason::kStop)]},
              {reason("length"), &s.finished[static_cast<size_t>(FinishReason::kLength)]},
              {reason("abort"), &s.finished[static_cast<size_t>(FinishReason::kAbort)]},
              {reason("error"), &s.finished[static_cast<size_t>(FinishReason::kError)]},
              {reason("repetition"), &kZero}});
  AddCounter("vllm:admission_rejections", "Requests refused because the queue was full, by limit.",
             {{model_label_ + ",reason=\"max_num_queued_reqs\"", &s.rejected_requests},
              {model_label_ + ",reason=\"max_num_queued_tokens\"", &kZero}});
}

void MetricsPage::AddHistograms() {
  const EngineStats& s = engine_.stats();
  const auto add = [&](std::string_view name, std::string_view help, const Histogram& histogram) {
    AddHistogram(fmt::format("vllm:{}", name), help, histogram);
  };
  add("request_prompt_tokens", "Tokens of a prompt.", s.request_prompt_tokens);
  add("request_generation_tokens", "Tokens of an answer.", s.request_generation_tokens);
  add("iteration_tokens_total", "Tokens of an engine step.", s.iteration_tokens);
  add("request_max_num_generation_tokens", "Longest answer that was allowed, in tokens.",
      s.max_generation_tokens);
  add("request_params_n", "The n that was asked for.", s.params_n);
  add("request_params_max_tokens", "The max_tokens that was asked for.", s.params_max_tokens);
  add("time_to_first_token_seconds", "From arrival to the first token.", s.time_to_first_token);
  add("inter_token_latency_seconds", "Between two tokens of an answer.", s.inter_token_latency);
  add("request_time_per_output_token_seconds",
      "Mean time per token of an answer, without the first.", s.time_per_output_token);
  add("e2e_request_latency_seconds", "From arrival to the last token.", s.e2e_latency);
  add("request_queue_time_seconds", "Time in the queue.", s.queue_time);
  add("request_inference_time_seconds", "Time in the batch.", s.inference_time);
  add("request_prefill_time_seconds", "Time in the batch up to the first token.", s.prefill_time);
  add("request_decode_time_seconds", "Time in the batch after the first token.", s.decode_time);
  add("request_num_preemptions", "How often a sequence was preempted.", s.request_preemptions);
  add("request_prefill_kv_computed_tokens", "Prompt tokens that had to be computed.",
      s.prefill_computed_tokens);
}

void MetricsPage::AppendLora(std::string* page) const {
  const LoraSlots& lora = engine_.lora();
  if (lora.max_loras() == 0) return;
  AppendFamily("vllm:lora_requests_info", "gauge",
               "Adapters that run and wait; the value is the unix time of the last update.", page);
  for (const LoraSeries& series : lora.series()) {
    fmt::format_to(std::back_inserter(*page),
                   "vllm:lora_requests_info{{max_lora=\"{}\",running_lora_adapters=\"{}\","
                   "waiting_lora_adapters=\"{}\"}} ",
                   lora.max_loras(), EscapeLabel(series.running), EscapeLabel(series.waiting));
    AppendValue(series.unix_seconds, page);
    *page += '\n';
  }
}

}  // namespace inference::sim
