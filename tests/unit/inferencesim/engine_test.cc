#include "inferencesim/engine.h"

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

namespace inference::sim {
namespace {

using std::chrono::milliseconds;

/// Runs an engine in virtual time and keeps what happened.
class Bench {
 public:
  explicit Bench(const EngineConfig& config) : engine(config, 1000.0), config_(config) {}

  SequenceSpec Spec(const std::string& prompt, uint32_t max_tokens,
                    const std::string& adapter = "") {
    SequenceSpec spec;
    spec.model = adapter.empty() ? "base" : adapter;
    spec.adapter = adapter;
    spec.prompt = BlockHasher(config_.block_size, spec.model);
    spec.prompt.Append(prompt);
    spec.prompt_tokens = EstimateTokens(prompt.size());
    spec.max_tokens = max_tokens;
    return spec;
  }
  uint64_t Submit(const std::string& prompt, uint32_t max_tokens, const std::string& adapter = "") {
    const Result<uint64_t> id = engine.Submit(Spec(prompt, max_tokens, adapter), now);
    REQUIRE(id.ok());
    submitted[*id] = now;
    return *id;
  }
  /// One engine step; false when there is nothing to do.
  bool Step() {
    const auto next = engine.NextEvent();
    if (!next) return false;
    now = *next;
    std::vector<EngineEvent> events;
    engine.Advance(now, &events);
    for (const EngineEvent& e : events) {
      text[e.sequence] += e.text;
      cached[e.sequence] = e.cached_tokens;
      if (!first.contains(e.sequence)) first[e.sequence] = now - submitted[e.sequence];
      if (e.finished) finished.push_back(e.sequence);
    }
    return true;
  }
  void RunAll() {
    for (int steps = 0; Step(); ++steps) REQUIRE(steps < 100000);
  }

  Engine engine;
  base::Time now = base::FromNanos(1'000'000'000);
  std::map<uint64_t, std::string> text;
  std::map<uint64_t, uint32_t> cached;
  std::map<uint64_t, base::Duration> first;  // time to first token
  std::map<uint64_t, base::Time> submitted;
  std::vector<uint64_t> finished;

 private:
  EngineConfig config_;
};

EngineConfig Small() {
  EngineConfig config;
  config.block_size = 4;  // 16 bytes
  config.num_gpu_blocks = 100;
  config.max_num_seqs = 4;
  config.max_model_len = 400;
  config.max_loras = 2;
  config.step_base_ms = 10;
  config.prefill_us_per_token = 1000;
  config.decode_us_per_seq = 1000;
  config.lora_load_ms = 500;
  return config;
}

std::string Prompt(size_t tokens, char c) {
  return std::string(tokens * kBytesPerToken, c);
}

TEST_CASE("one request takes prefill and decode steps of the modelled length") {
  Bench bench(Small());
  const auto start = bench.now;
  const uint64_t id = bench.Submit(Prompt(20, 'a'), 3);
  bench.RunAll();
  CHECK(bench.first[id] == milliseconds(10 + 20));
  // Then two decodes of 10 ms and 1 ms for the one sequence.
  CHECK(bench.now - start == milliseconds(30 + 11 + 11));
  CHECK(bench.text[id].size() == 3 * kBytesPerToken);
  CHECK(bench.finished == std::vector<uint64_t>{id});
  CHECK(bench.engine.served().at("base") == 1);
}

TEST_CASE("a larger batch makes every token slower") {
  Bench alone(Small());
  alone.Submit(Prompt(4, 'a'), 50);
  alone.RunAll();
  Bench crowd(Small());
  for (char c = 'a'; c < 'e'; ++c) crowd.Submit(Prompt(4, c), 50);
  crowd.RunAll();
  const auto mean = [](const Bench& b) {
    return b.engine.stats().inter_token_latency.sum() /
           b.engine.stats().inter_token_latency.count();
  };
  CHECK(mean(alone) == Approx(0.011));
  CHECK(mean(crowd) > 0.0135);
}

TEST_CASE("durations follow time scale and latency factor") {
  EngineConfig config = Small();
  config.time_scale = 0.1;
  Bench bench(config);
  bench.engine.SetLatencyFactor(5);
  const uint64_t id = bench.Submit(Prompt(20, 'a'), 1);
  bench.RunAll();
  CHECK(bench.first[id] == milliseconds(15));
}

TEST_CASE("the batch limit queues in order of arrival") {
  Bench bench(Small());
  std::vector<uint64_t> ids;
  for (int i = 0; i < 7; ++i) ids.push_back(bench.Submit(Prompt(4, static_cast<char>('a' + i)), 5));
  bench.Step();
  CHECK(bench.engine.running() == 4);
  CHECK(bench.engine.waiting() == 3);
  CHECK(bench.engine.stats().running == 4);
  CHECK(bench.engine.stats().waiting == 3);
  CHECK(bench.engine.stats().waiting_for_capacity == 3);
  bench.RunAll();
  CHECK(bench.finished == ids);
  CHECK(bench.engine.stats().running == 0);
  CHECK(bench.engine.stats().waiting == 0);
}

TEST_CASE("a full queue refuses, a prompt that never fits is told so") {
  EngineConfig config = Small();
  config.max_num_seqs = 1;
  config.max_num_queued_reqs = 2;
  Bench bench(config);
  for (int i = 0; i < 3; ++i) bench.Submit(Prompt(4, 'a'), 5);
  const auto full = bench.engine.Submit(bench.Spec(Prompt(4, 'a'), 5), bench.now);
  CHECK(full.status().code() == Code::kResourceExhausted);
  CHECK(bench.engine.stats().rejected_requests == 1);
  const auto longer = bench.engine.Submit(bench.Spec(Prompt(398, 'a'), 3), bench.now);
  CHECK(longer.status().code() == Code::kInvalidArgument);
}

TEST_CASE("the KV cache limits the context where it is smaller than max_model_len") {
  EngineConfig config = Small();
  config.num_gpu_blocks = 10;
  Bench bench(config);
  CHECK(bench.engine.max_model_len() == 40);
  CHECK_FALSE(bench.engine.Submit(bench.Spec(Prompt(40, 'a'), 1), bench.now).ok());
  bench.Submit(Prompt(39, 'a'), 1);
  bench.RunAll();
  CHECK(bench.finished.size() == 1);
}

TEST_CASE("KV blocks are taken with the prompt, grow with decode, and come back") {
  Bench bench(Small());
  bench.Submit(Prompt(8, 'a'), 6);
  CHECK(bench.engine.cache().used_blocks() == 2);
  bench.Step();  // the first token; its KV needs a third block
  CHECK(bench.engine.cache().used_blocks() == 3);
  for (int i = 0; i < 3; ++i) bench.Step();  // tokens 2..4: 8 + 4 fill three blocks
  CHECK(bench.engine.cache().used_blocks() == 3);
  bench.Step();
  CHECK(bench.engine.cache().used_blocks() == 4);
  CHECK(bench.engine.stats().kv_usage == Approx(0.04));
  bench.RunAll();
  CHECK(bench.engine.cache().used_blocks() == 0);
  CHECK(bench.engine.stats().kv_usage == 0);
}

TEST_CASE("a cached prefix shortens the time to the first token") {
  Bench bench(Small());
  const std::string prefix = Prompt(40, 'p');
  const uint64_t cold = bench.Submit(prefix + Prompt(4, 'x'), 1);
  bench.RunAll();
  const uint64_t warm = bench.Submit(prefix + Prompt(4, 'y'), 1);
  bench.RunAll();
  CHECK(bench.first[cold] == milliseconds(10 + 44));
  CHECK(bench.first[warm] == milliseconds(10 + 4));
  CHECK(bench.cached[cold] == 0);
  CHECK(bench.cached[warm] == 40);
  CHECK(bench.engine.stats().prefix_queries == 88);
  CHECK(bench.engine.stats().prefix_hits == 40);
}

TEST_CASE("a repeated prompt still computes its last token") {
  Bench bench(Small());
  bench.Submit(Prompt(16, 'a'), 1);
  bench.RunAll();
  const uint64_t again = bench.Submit(Prompt(16, 'a'), 1);
  bench.RunAll();
  CHECK(bench.cached[again] == 12);
}

TEST_CASE("an answer that comes back in the next turn is found in the cache") {
  Bench bench(Small());
  const std::string turn = Prompt(8, 'a');
  const uint64_t one = bench.Submit(turn, 9);
  bench.RunAll();
  const uint64_t two = bench.Submit(turn + bench.text[one] + Prompt(8, 'b'), 1);
  bench.RunAll();
  CHECK(bench.cached[two] == 16);  // 8 + 9 tokens, the KV of the last was never computed
}

TEST_CASE("adapters do not share prefixes with the base model") {
  Bench bench(Small());
  bench.Submit(Prompt(16, 'a'), 1);
  bench.RunAll();
  const uint64_t id = bench.Submit(Prompt(16, 'a'), 1, "lora");
  bench.RunAll();
  CHECK(bench.cached[id] == 0);
}

TEST_CASE("prefixes are evicted least recently used first") {
  EngineConfig config = Small();
  config.num_gpu_blocks = 12;
  Bench bench(config);
  bench.Submit(Prompt(16, 'a'), 1);
  bench.RunAll();
  bench.Submit(Prompt(16, 'b'), 1);
  bench.RunAll();
  bench.Submit(Prompt(28, 'c'), 1);  // 7 blocks; 4 are unused, so 3 of the 4 of 'a' go
  bench.RunAll();
  const uint64_t b = bench.Submit(Prompt(16, 'b'), 1);
  bench.RunAll();
  const uint64_t a = bench.Submit(Prompt(16, 'a'), 1);
  bench.RunAll();
  CHECK(bench.cached[b] == 12);
  CHECK(bench.cached[a] < 12);
}

TEST_CASE("out of blocks the youngest is preempted and finishes later") {
  EngineConfig config = Small();
  config.num_gpu_blocks = 10;
  Bench bench(config);
  const uint64_t elder = bench.Submit(Prompt(12, 'a'), 20);
  const uint64_t younger = bench.Submit(Prompt(12, 'b'), 20);
  bench.RunAll();
  CHECK(bench.engine.stats().preemptions >= 1);
  CHECK(bench.finished == std::vector<uint64_t>{elder, younger});
  CHECK(bench.text[younger].size() == 20 * kBytesPerToken);
  CHECK(bench.engine.cache().used_blocks() == 0);
  CHECK(bench.engine.stats().request_preemptions.count() == 2);
}

TEST_CASE("a preempted sequence comes back before those that arrived later") {
  EngineConfig config = Small();
  config.num_gpu_blocks = 10;
  config.max_num_seqs = 2;
  Bench bench(config);
  const uint64_t elder = bench.Submit(Prompt(12, 'a'), 20);
  bench.Submit(Prompt(12, 'b'), 20);
  bench.Submit(Prompt(4, 'c'), 1);  // would fit beside the elder
  bench.RunAll();
  CHECK(bench.engine.stats().preemptions >= 1);
  CHECK(bench.finished.front() == elder);
}

TEST_CASE("a long prompt is computed in pieces of the token budget") {
  EngineConfig config = Small();
  config.max_num_batched_tokens = 16;
  Bench bench(config);
  const uint64_t id = bench.Submit(Prompt(40, 'a'), 1);
  bench.RunAll();
  CHECK(bench.first[id] == milliseconds((10 + 16) * 2 + 10 + 8));
}

TEST_CASE("at most max_loras adapters run at once; others pass those that wait") {
  Bench bench(Small());
  const uint64_t blocker = bench.Submit(Prompt(4, 'x'), 2);
  const uint64_t a = bench.Submit(Prompt(4, 'a'), 30, "a");
  const uint64_t b = bench.Submit(Prompt(4, 'b'), 30, "b");
  const uint64_t c = bench.Submit(Prompt(4, 'c'), 2, "c");
  const uint64_t base = bench.Submit(Prompt(4, 'd'), 2);
  bench.Step();
  CHECK(bench.engine.running() == 4);
  CHECK(bench.engine.waiting() == 1);
  CHECK(bench.engine.stats().waiting_deferred == 1);
  const LoraSeries& newest = bench.engine.lora().series().back();
  CHECK(newest.running == "a,b");
  CHECK(newest.waiting == "c");
  CHECK(newest.unix_seconds ==
        Approx(1000.0 + static_cast<double>(base::ToNanos(bench.now)) / 1e9));
  bench.RunAll();
  CHECK(bench.finished == std::vector<uint64_t>{blocker, base, a, b, c});
  CHECK(bench.engine.served().at("c") == 1);
}

TEST_CASE("an adapter costs its load once, until its slot went to another") {
  EngineConfig config = Small();
  config.max_loras = 1;
  config.prefix_caching = false;
  Bench bench(config);
  const auto ttft = [&](const std::string& adapter) {
    const uint64_t id = bench.Submit(Prompt(4, 'a'), 1, adapter);
    bench.RunAll();
    return bench.first[id];
  };
  CHECK(ttft("a") == milliseconds(514));
  CHECK(ttft("a") == milliseconds(14));
  CHECK(ttft("b") == milliseconds(514));
  CHECK(ttft("a") == milliseconds(514));
  // The page keeps all label sets that there ever were.
  CHECK(bench.engine.lora().series().size() >= 3);
}

TEST_CASE("a running adapter keeps its slot, an idle one goes") {
  LoraSlots slots(2);
  CHECK(slots.AddRunning("a"));
  CHECK(slots.AddRunning("b"));
  slots.RemoveRunning("b");
  CHECK(slots.AddRunning("c"));
  CHECK(slots.resident("a"));
  CHECK_FALSE(slots.resident("b"));
}

TEST_CASE("an abort frees slot and blocks at once, running or waiting") {
  EngineConfig config = Small();
  config.max_num_seqs = 1;
  Bench bench(config);
  const uint64_t running = bench.Submit(Prompt(40, 'a'), 50);
  const uint64_t waiting = bench.Submit(Prompt(4, 'b'), 5);
  bench.Step();
  bench.engine.Abort(waiting, bench.now);
  CHECK(bench.engine.stats().waiting == 0);
  bench.engine.Abort(running, bench.now);
  CHECK(bench.engine.running() == 0);
  CHECK(bench.engine.stats().running == 0);
  CHECK(bench.engine.cache().used_blocks() == 0);
  CHECK(bench.engine.stats().finished[static_cast<size_t>(FinishReason::kAbort)] == 2);
  bench.engine.Abort(running, bench.now);
  bench.RunAll();
  CHECK(bench.finished.empty());
}

TEST_CASE("asleep nothing starts; awake it goes on") {
  Bench bench(Small());
  bench.engine.SetSleepLevel(1, bench.now);
  const uint64_t id = bench.Submit(Prompt(4, 'a'), 2);
  CHECK_FALSE(bench.engine.NextEvent().has_value());
  CHECK(bench.engine.stats().waiting == 1);
  bench.engine.SetSleepLevel(0, bench.now);
  bench.RunAll();
  CHECK(bench.finished == std::vector<uint64_t>{id});
}

TEST_CASE("a pooling sequence ends with its prefill") {
  Bench bench(Small());
  SequenceSpec spec = bench.Spec(Prompt(8, 'a'), 0);
  spec.pooling = true;
  REQUIRE(bench.engine.Submit(std::move(spec), bench.now).ok());
  bench.RunAll();
  CHECK(bench.finished.size() == 1);
  CHECK(bench.engine.stats().generation_tokens == 0);
}

TEST_CASE("jitter is the same for the same seed") {
  const auto run = [](uint64_t seed) {
    EngineConfig config = Small();
    config.jitter = 0.5;
    config.seed = seed;
    Bench bench(config);
    bench.Submit(Prompt(8, 'a'), 20);
    bench.RunAll();
    return bench.now;
  };
  CHECK(run(1) == run(1));
  CHECK(run(1) != run(2));
}

TEST_CASE("histograms count every request and token") {
  Bench bench(Small());
  for (int i = 0; i < 3; ++i) bench.Submit(Prompt(8, static_cast<char>('a' + i)), 4);
  bench.RunAll();
  const EngineStats& s = bench.engine.stats();
  CHECK(s.time_to_first_token.count() == 3);
  CHECK(s.inter_token_latency.count() == 9);
  CHECK(s.e2e_latency.count() == 3);
  CHECK(s.generation_tokens == 12);
  CHECK(s.prompt_tokens == 24);
  CHECK(s.request_prompt_tokens.sum() == 24);
  // Buckets are cumulative: nothing at or below 5 tokens, all at or below 10.
  CHECK(s.request_prompt_tokens.cumulative()[2] == 0);
  CHECK(s.request_prompt_tokens.cumulative()[3] == 3);
}

}  // namespace
}  // namespace inference::sim
