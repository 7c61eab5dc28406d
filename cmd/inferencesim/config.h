#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "inference/result.h"

namespace inference::sim {

/// What an engine is made of. The defaults resemble an 8B model on one middling GPU.
struct EngineConfig {
  uint32_t block_size = 16;  // tokens
  uint32_t num_gpu_blocks = 4096;
  bool prefix_caching = true;
  uint32_t max_num_seqs = 64;
  uint32_t max_num_batched_tokens = 2048;  // budget of one step
  uint32_t max_num_queued_reqs = 0;        // 0: no limit
  uint32_t max_model_len = 32768;
  uint32_t max_loras = 4;  // at once; 0: LoRA is off
  double step_base_ms = 8;
  double prefill_us_per_token = 50;
  double decode_us_per_seq = 100;
  double lora_load_ms = 200;
  double jitter = 0;      // 0..1: a step lasts up to this part longer or shorter
  double time_scale = 1;  // all durations are multiplied by it; 0.1 is ten times faster
  uint64_t seed = 1;
};

/// One simulated server.
struct InstanceConfig {
  std::string name;
  std::string address = "127.0.0.1";
  uint16_t port = 0;  // 0: any free port
  std::string model = "sim-model";
  std::vector<std::string> loras;       // registered from the start
  uint32_t default_output_tokens = 64;  // when the client sets no limit
  uint32_t embedding_dimensions = 384;
  uint32_t max_body_mb = 64;
  uint32_t queue_full_status = 503;
  EngineConfig engine;
};

/// A setting that can be given for all instances as --NAME VALUE, and for one in
/// --instance NAME=VALUE,...
struct Setting {
  std::string_view name;
  std::string_view value_name;
  std::string_view help;
  /// Takes the text of the value; the message of an error says what would be right.
  Status (*set)(InstanceConfig* config, std::string_view value);
};

/// All settings, in the order of the help text.
std::span<const Setting> Settings();

/// Applies NAME=VALUE[,NAME=VALUE...]; `lora` may come more than once. Unknown names are errors.
Status ApplySettings(std::string_view text, InstanceConfig* config);

/// Rules between settings, after all are applied.
Status CheckConfig(const InstanceConfig& config);

}  // namespace inference::sim
