#include "scheduling/producers/approx_prefix_cache_producer.h"

#include <catch2/catch.hpp>

#include "fleet.h"

namespace inference::scheduling {
namespace {

// Drives one producer alone.
class Learner {
 public:
  explicit Learner(size_t endpoints, api::Value parameters = {}) : fleet(endpoints) {
    api::Diagnostics out;
    producer_ = Builtins().producers.Make(
        Plugin("approx-prefix-cache-producer", std::move(parameters)), out);
    REQUIRE(producer_);
    context.request = &request;
    context.now = kNow;
  }

  std::vector<uint32_t> Look(const std::vector<std::string>& prompts) {
    request.pieces.assign(prompts.begin(), prompts.end());
    request.prompts.clear();
    for (uint32_t i = 0; i < prompts.size(); ++i) request.prompts.push_back({i, 1});
    auto candidates = fleet.Candidates();
    producer_->Produce(context, candidates);
    std::vector<uint32_t> matches;
    for (const Candidate& candidate : candidates) matches.push_back(candidate.prefix_match);
    return matches;
  }
  void Send(const std::vector<std::string>& prompts, size_t to) {
    Look(prompts);
    producer_->OnPicked(context, fleet[to]);
  }
  void Remove(size_t i) { producer_->OnRemoved(fleet[i].id()); }

  Fleet fleet;
  api::InferenceRequest request;
  PickContext context;

 private:
  std::unique_ptr<Producer> producer_;
};

using Matches = std::vector<uint32_t>;

// One block of 64 tokens per letter.
std::string Blocks(const std::string& letters) {
  std::string text;
  for (const char letter : letters) text += std::string(256, letter);
  return text;
}

TEST_CASE("the golden match: [1,3] after [1,2] on two of three servers") {
  Learner learner(3);
  learner.Send({Blocks("12")}, 0);
  learner.Send({Blocks("12")}, 2);
  CHECK(learner.Look({Blocks("13")}) == Matches{1, 0, 1});
  CHECK(learner.context.prefix.total_blocks == 2);
}

TEST_CASE("a conversation that grows is found again") {
  Learner learner(2);
  learner.Send({Blocks("123456") + "ab"}, 1);
  CHECK(learner.Look({Blocks("123456") + "abcd"}) == Matches{0, 6});
  CHECK(learner.Look({Blocks("123456") + "ab"}) == Matches{0, 7});
  CHECK(learner.context.prefix.total_blocks == 7);
}

TEST_CASE("models, salts and prompts are kept apart, prompts of one request add up") {
  Learner learner(1);
  learner.request.target_model = "a";
  learner.Send({Blocks("12"), Blocks("345")}, 0);
  CHECK(learner.Look({Blocks("12"), Blocks("345")}) == Matches{5});
  CHECK(learner.Look({Blocks("345")}) == Matches{3});
  CHECK(learner.Look({Blocks("12345")}) == Matches{2});
  learner.request.cache_salt = "s";
  CHECK(learner.Look({Blocks("12")}) == Matches{0});
  learner.request.cache_salt = "";
  learner.request.target_model = "b";
  CHECK(learner.Look({Blocks("12")}) == Matches{0});
}

TEST_CASE("no prompt, no prefix") {
  Learner learner(1);
  CHECK(learner.Look({}) == Matches{0});
  CHECK_FALSE(learner.context.prefix.known);
  learner.Send({""}, 0);
  CHECK_FALSE(learner.context.prefix.known);
}

TEST_CASE("block size: what servers report, never below 64 tokens") {
  const auto block = [](api::Value parameters, const std::vector<double>& reported) {
    Learner learner(reported.size(), std::move(parameters));
    for (size_t i = 0; i < reported.size(); ++i) {
      if (reported[i] != 0) learner.fleet[i].metrics.block_size.Set(reported[i], kNow);
    }
    learner.Look({"x"});
    return learner.context.prefix.block_tokens;
  };
  CHECK(block({}, {16}) == 64);
  CHECK(block({}, {128}) == 128);
  CHECK(block({}, {0, 256, 128}) == 128);
  CHECK(block({}, {0}) == 64);
  CHECK(block({}, {-5}) == 64);
  CHECK(block({}, {1e18}) == 64);
  CHECK(block(Map({{"blockSizeTokens", Int(16)}}), {0}) == 64);
  CHECK(block(Map({{"blockSizeTokens", Int(96)}}), {0}) == 96);
  CHECK(block(Map({{"blockSize", Int(400)}}), {0}) == 100);
  CHECK(block(Map({{"autoTune", Flag(false)}, {"blockSizeTokens", Int(96)}}), {128}) == 96);
}

// Blocks of the request's own chain that are still held after many others were sent.
uint32_t Kept(Learner& learner, const std::string& letters) {
  learner.Send({Blocks(letters)}, 0);
  return learner.Look({Blocks(letters)})[0];
}

TEST_CASE("capacity is the server's blocks in tokens, counted in our blocks") {
  Learner learner(1);
  learner.fleet[0].metrics.block_size.Set(16, kNow);
  learner.fleet[0].metrics.num_blocks.Set(12, kNow);  // 192 tokens: 3 blocks of 64
  CHECK(Kept(learner, "12345") == 3);
  learner.fleet[0].metrics.num_blocks.Set(16, kNow);
  CHECK(Kept(learner, "12345") == 4);

  Learner fixed(1, Map({{"autoTune", Flag(false)}, {"lruCapacityPerServer", Int(2)}}));
  fixed.fleet[0].metrics.block_size.Set(16, kNow);
  fixed.fleet[0].metrics.num_blocks.Set(1000, kNow);
  CHECK(Kept(fixed, "12345") == 2);
}

TEST_CASE("only the start of a long prompt is hashed") {
  const auto total = [](api::Value parameters) {
    Learner learner(1, std::move(parameters));
    learner.Look({Blocks("123456789")});
    return learner.context.prefix.total_blocks;
  };
  CHECK(total({}) == 9);
  CHECK(total(Map({{"maxPrefixTokensToMatch", Int(256)}})) == 4);
  CHECK(total(Map({{"maxPrefixTokensToMatch", Int(0)}, {"maxPrefixBlocksToMatch", Int(3)}})) == 3);
  CHECK(total(Map({{"maxPrefixTokensToMatch", Int(0)}, {"maxPrefixBlocksToMatch", Int(0)}})) == 9);
}

TEST_CASE("what a removed endpoint held is forgotten") {
  Learner learner(2);
  learner.Send({Blocks("12")}, 0);
  learner.Send({Blocks("12")}, 1);
  learner.Remove(0);
  CHECK(learner.Look({Blocks("12")}) == Matches{0, 2});
}

TEST_CASE("requests stay with the endpoint that has their prefix") {
  Bench bench(DefaultConfig());
  Fleet fleet(4);
  for (size_t i = 0; i < 4; ++i) fleet.Report(i, 1, 1, .5);
  const auto pool = fleet.pool();
  const std::string prompt = Blocks("123456");
  bench.Prompt(prompt);
  const std::string first = bench.Pick(pool);
  Commit(*bench.scheduler, bench.scratch, **bench.decision.ranked[0]);
  for (int i = 0; i < 20; ++i) CHECK(bench.Pick(pool) == first);
  CHECK(bench.decision.top[0].prefix_match == 6);
  CHECK(bench.decision.prefix_total == 6);
  CHECK(bench.decision.prefix_block_tokens == 64);
}

TEST_CASE("a dry run teaches nothing") {
  Bench bench(DefaultConfig());
  Fleet fleet(1);
  const auto pool = fleet.pool();
  const std::string prompt = Blocks("12");
  bench.Prompt(prompt);
  bench.Pick(pool);
  bench.Pick(pool);
  CHECK(bench.decision.top[0].prefix_match == 0);
}

}  // namespace
}  // namespace inference::scheduling
