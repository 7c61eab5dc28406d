#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/rng.h"
#include "inference/result.h"
#include "inferencesim/block_hasher.h"
#include "inferencesim/config.h"
#include "inferencesim/engine_stats.h"
#include "inferencesim/kv_cache.h"
#include "inferencesim/lora.h"

namespace inference::sim {

/// One sequence to run: a prompt and how much to write.
struct SequenceSpec {
  std::string model;    // as the client named it; for the counts
  std::string adapter;  // LoRA adapter, empty for the base model
  BlockHasher prompt;   // fed with the prompt, made with the engine's block size
  uint32_t prompt_tokens = 0;
  uint32_t max_tokens = 0;   // tokens to write; 0 only when `pooling`
  uint32_t requested_n = 1;  // the client's `n`, for the histogram
  bool pooling = false;      // an embedding: ends with the prefill
  FinishReason ending = FinishReason::kLength;
};

/// Something that happened to a sequence.
struct EngineEvent {
  uint64_t sequence = 0;
  std::string_view text;       // the new token; empty at the end of a pooling sequence
  uint32_t cached_tokens = 0;  // of the prompt, found in the prefix cache
  bool finished = false;       // the last event of the sequence
  FinishReason reason = FinishReason::kLength;
};

/// The scheduler of a model server, driven by explicit times: no clock, no thread, no I/O.
///
/// Works in steps as vLLM does: a step serves every running sequence (one token each, or a piece
/// of its prefill within the token budget), then admits waiting ones in order of arrival while
/// batch slots, KV blocks and adapter slots last. Out of blocks, the youngest running sequence is
/// preempted and computed anew later. Not thread-safe. Times must not go backwards.
class Engine {
 public:
  /// `unix_offset`: unix seconds of base::Time zero, to stamp series that show wall time.
  Engine(const EngineConfig& config, double unix_offset);

  /// Queues a sequence and returns its number. kInvalidArgument when it can never fit
  /// (max_model_len, KV size), kResourceExhausted when the queue is full.
  Result<uint64_t> Submit(SequenceSpec spec, base::Time now);

  /// The client went away: batch slot and blocks are free at once. Unknown numbers are ignored.
  void Abort(uint64_t sequence, base::Time now);

  /// When Advance() has something to do; nothing while idle or asleep.
  std::optional<base::Time> NextEvent() const { return step_end_; }

  /// Does all that is due up to `now` and appends what happened to `events`.
  void Advance(base::Time now, std::vector<EngineEvent>* events);

  /// 0: awake. Asleep nothing new starts, and the KV content is gone (1: weights off the device,
  /// 2: all discarded).
  void SetSleepLevel(int level, base::Time now);
  int sleep_level() const { return sleep_level_; }
  /// Multiplies the duration of steps that start from now on. > 0.
  void SetLatencyFactor(double factor) { latency_factor_ = factor; }
  /// Forgets cached prefixes; false while blocks are in use.
  bool ResetPrefixCache() { return cache_.Reset(); }
  /// Frees the slot of an adapter that was unloaded.
  void ForgetAdapter(const std::string& adapter) { lora_.Forget(adapter); }

  /// Longest prompt plus answer, in tokens: max_model_len, or less when the KV cache is smaller.
  uint32_t max_model_len() const;
  size_t running() const { return running_.size(); }
  size_t waiting() const { return waiting_.size(); }
  const KvCache& cache() const { return cache_; }
  const LoraSlots& lora() const { return lora_; }
  const EngineStats& stats() const { return stats_; }
  const EngineConfig& config() const { return config_; }
  /// Finished sequences by model name as the client gave it.
  const std::map<std::string, uint64_t>& served() const { return served_; }

 private:
  struct Sequence {
    uint64_t id = 0;
    SequenceSpec spec;
    uint64_t seed = 0;
    std::vector<KvCache::BlockId> blocks;
    uint32_t computed = 0;   // tokens whose KV is held
    uint32_t scheduled = 0;  // tokens of the step under way
    uint32_t generated = 0;
    uint32_t published = 0;  // leading blocks that others may share
    uint32_t cached_tokens = 0;
    uint32_t preemptions = 0;
    bool admitted = false;  // at least once
    base::Time arrived;
    base::Time first_scheduled;
    base::Time first_token;
    base::Time last_token;

    uint32_t tokens() const { return spec.prompt_tokens + generated; }
  };
  struct StepCost {
    uint32_t prefill_tokens = 0;
    uint32_t decodes = 0;
    uint32_t adapter_loads = 0;
  };

  void StartStep(base::Time now);
  void ScheduleRunning(uint32_t* budget, StepCost* cost, bool* preempted);
  void ScheduleWaiting(base::Time now, uint32_t* budget, StepCost* cost);
  bool Admit(Sequence* s, base::Time now, uint32_t* budget, StepCost* cost);
  void Plan(Sequence* s, uint32_t count, uint32_t* budget, StepCost* cost);
  bool GrowTo(Sequence* s, uint32_t tokens);
  void PreemptYoungest();
  void FinishStep(base::Time now, std::vector<EngineEvent>* events);
  void EmitToken(Sequence* s, base::Time now, std::vector<EngineEvent>* events);
  void ObserveFinish(const Sequence& s, base::Time now);
  void ReleaseRunning(Sequence* s);
  base::Duration StepDuration(const StepCost& cost);
  void UpdateGauges(base::Time now);

  const EngineConfig config_;
  const double unix_offset_;
  base::Rng rng_;
  KvCache cache_;
  LoraSlots lora_;
  EngineStats stats_;
  std::unordered_map<uint64_t, std::unique_ptr<Sequence>> sequences_;
  std::vector<Sequence*> running_;  // oldest admission first
  std::deque<Sequence*> waiting_;   // next first
  std::map<std::string, uint64_t> served_;
  std::optional<base::Time> step_end_;
  uint64_t next_id_ = 1;
  double latency_factor_ = 1;
  int sleep_level_ = 0;
};

}  // namespace inference::sim
