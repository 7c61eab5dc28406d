#include "inferencesim/config.h"

#include <fmt/core.h>

#include <array>
#include <charconv>

#include "base/text.h"

namespace inference::sim {
namespace {

template <typename T>
Status Number(std::string_view text, T low, T high, T* out) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  // Written so that NaN fails too.
  if (error != std::errc() || end != text.data() + text.size() ||
      !(value >= low && value <= high)) {
    return Status(Code::kInvalidArgument,
                  fmt::format("'{}' is not a number from {} to {}", text, low, high));
  }
  *out = value;
  return Status::Ok();
}

Status Bool(std::string_view text, bool* out) {
  if (text != "true" && text != "false") {
    return Status(Code::kInvalidArgument, fmt::format("'{}' is neither true nor false", text));
  }
  *out = text == "true";
  return Status::Ok();
}

Status Text(std::string_view text, std::string* out) {
  if (text.empty()) return Status(Code::kInvalidArgument, "must not be empty");
  *out = text;
  return Status::Ok();
}

using C = InstanceConfig;
using V = std::string_view;

constexpr std::array kSettings = {
    Setting{"model", "NAME", "model that is served [sim-model]",
            [](C* c, V v) { return Text(v, &c->model); }},
    Setting{"lora", "NAME", "LoRA adapter that is registered from the start; repeatable",
            [](C* c, V v) { return Text(v, &c->loras.emplace_back()); }},
    Setting{"max-num-seqs", "N", "sequences in one batch [64]",
            [](C* c, V v) { return Number<uint32_t>(v, 1, 65536, &c->engine.max_num_seqs); }},
    Setting{"max-num-batched-tokens", "N", "tokens in one step [2048]",
            [](C* c, V v) {
              return Number<uint32_t>(v, 1, 1u << 24, &c->engine.max_num_batched_tokens);
            }},
    Setting{
        "max-num-queued-reqs", "N", "refuse requests beyond this queue; 0: no limit [0]",
        [](C* c, V v) { return Number<uint32_t>(v, 0, 1u << 24, &c->engine.max_num_queued_reqs); }},
    Setting{"queue-full-status", "CODE", "HTTP status of that refusal, 503 or 429 [503]",
            [](C* c, V v) { return Number<uint32_t>(v, 400, 599, &c->queue_full_status); }},
    Setting{"max-model-len", "TOKENS", "prompt and answer together [32768]",
            [](C* c, V v) { return Number<uint32_t>(v, 1, 1u << 24, &c->engine.max_model_len); }},
    Setting{"default-output-tokens", "N", "tokens written when the client sets no limit [64]",
            [](C* c, V v) { return Number<uint32_t>(v, 1, 1u << 20, &c->default_output_tokens); }},
    Setting{"block-size", "TOKENS", "KV block [16]",
            [](C* c, V v) { return Number<uint32_t>(v, 1, 4096, &c->engine.block_size); }},
    Setting{"num-gpu-blocks", "N", "KV blocks [4096]",
            [](C* c, V v) { return Number<uint32_t>(v, 1, 1u << 22, &c->engine.num_gpu_blocks); }},
    Setting{"prefix-caching", "BOOL", "reuse the KV blocks of equal prefixes [true]",
            [](C* c, V v) { return Bool(v, &c->engine.prefix_caching); }},
    Setting{"max-loras", "N", "adapters that run at once; 0: LoRA is off [4]",
            [](C* c, V v) { return Number<uint32_t>(v, 0, 4096, &c->engine.max_loras); }},
    Setting{"lora-load-ms", "MS", "time to load an adapter into a slot [200]",
            [](C* c, V v) { return Number<double>(v, 0, 1e6, &c->engine.lora_load_ms); }},
    Setting{"step-base-ms", "MS", "duration of an empty step [8]",
            [](C* c, V v) { return Number<double>(v, 0, 1e6, &c->engine.step_base_ms); }},
    Setting{"prefill-us-per-token", "US", "added per prompt token not in the cache [50]",
            [](C* c, V v) { return Number<double>(v, 0, 1e6, &c->engine.prefill_us_per_token); }},
    Setting{"decode-us-per-seq", "US", "added per decoding sequence of the batch [100]",
            [](C* c, V v) { return Number<double>(v, 0, 1e6, &c->engine.decode_us_per_seq); }},
    Setting{"jitter", "PART", "vary each step by up to this part, 0 to 1 [0]",
            [](C* c, V v) { return Number<double>(v, 0, 1, &c->engine.jitter); }},
    Setting{"time-scale", "FACTOR", "multiply all durations; 0.1 is ten times faster [1]",
            [](C* c, V v) { return Number<double>(v, 1e-6, 1e6, &c->engine.time_scale); }},
    Setting{"seed", "N", "of the jitter and the texts [1]",
            [](C* c, V v) { return Number<uint64_t>(v, 0, UINT64_MAX, &c->engine.seed); }},
    Setting{"embedding-dimensions", "N", "length of an embedding [384]",
            [](C* c, V v) { return Number<uint32_t>(v, 1, 16384, &c->embedding_dimensions); }},
    Setting{"max-body-mb", "MB", "longest request body [64]",
            [](C* c, V v) { return Number<uint32_t>(v, 1, 2047, &c->max_body_mb); }},
};

// Those that only --instance takes: the program has flags of its own for them.
constexpr std::array kInstanceSettings = {
    Setting{"name", "NAME", "", [](C* c, V v) { return Text(v, &c->name); }},
    Setting{"port", "PORT", "", [](C* c, V v) { return Number<uint16_t>(v, 0, 65535, &c->port); }},
    Setting{"address", "IP", "", [](C* c, V v) { return Text(v, &c->address); }},
};

const Setting* FindSetting(std::string_view name) {
  for (const Setting& s : kInstanceSettings) {
    if (s.name == name) return &s;
  }
  for (const Setting& s : kSettings) {
    if (s.name == name) return &s;
  }
  return nullptr;
}

Status UnknownSetting(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Setting& s : kInstanceSettings) names.push_back(s.name);
  for (const Setting& s : kSettings) names.push_back(s.name);
  const std::string_view meant = base::ClosestMatch(name, names);
  return Status(Code::kInvalidArgument,
                fmt::format("unknown setting '{}'{}", name,
                            meant.empty() ? "; --help lists them all"
                                          : fmt::format("; did you mean '{}'?", meant)));
}

}  // namespace

std::span<const Setting> Settings() {
  return kSettings;
}

Status ApplySettings(std::string_view text, InstanceConfig* config) {
  for (const std::string_view item : base::SplitTrimmed(text, ',')) {
    const size_t equals = item.find('=');
    if (equals == std::string_view::npos) {
      return Status(Code::kInvalidArgument, fmt::format("'{}' is not NAME=VALUE", item));
    }
    const std::string_view name = base::TrimSpace(item.substr(0, equals));
    const Setting* setting = FindSetting(name);
    if (setting == nullptr) return UnknownSetting(name);
    if (Status s = setting->set(config, base::TrimSpace(item.substr(equals + 1))); !s.ok()) {
      return Status(s.code(), fmt::format("{}: {}", name, s.message()));
    }
  }
  return Status::Ok();
}

Status CheckConfig(const InstanceConfig& config) {
  if (!config.loras.empty() && config.engine.max_loras == 0) {
    return Status(
        Code::kInvalidArgument,
        fmt::format("instance {}: it has LoRA adapters, so max-loras must not be 0", config.name));
  }
  for (const std::string& lora : config.loras) {
    if (lora == config.model) {
      return Status(
          Code::kInvalidArgument,
          fmt::format("instance {}: adapter and model have the same name '{}'", config.name, lora));
    }
  }
  return Status::Ok();
}

}  // namespace inference::sim
