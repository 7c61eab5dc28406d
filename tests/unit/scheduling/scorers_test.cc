#include <catch2/catch.hpp>

#include "fleet.h"

namespace inference::scheduling {
namespace {

using Scores = std::vector<float>;

std::unique_ptr<Scorer> Make(const api::PluginSpec& spec) {
  api::Diagnostics out;
  auto scorer = Builtins().scorers.Make(spec, out);
  REQUIRE(scorer);
  return scorer;
}

Scores ScoreAll(const Scorer& scorer, const PickContext& context,
                const std::vector<Candidate>& candidates) {
  Scores scores(candidates.size(), -1);
  scorer.Score(context, candidates, scores);
  return scores;
}

Scores ScoreValues(const api::PluginSpec& spec, float Candidate::* field, const Scores& values) {
  const Fleet fleet(values.size());
  auto candidates = fleet.Candidates();
  for (size_t i = 0; i < values.size(); ++i) candidates[i].*field = values[i];
  return ScoreAll(*Make(spec), PickContext(), candidates);
}

TEST_CASE("queue-scorer: shortest queue 1, longest 0") {
  const auto score = [](const Scores& values) {
    return ScoreValues(Plugin("queue-scorer"), &Candidate::waiting, values);
  };
  CHECK(score({10, 5, 0}) == Scores{0, .5, 1});
  CHECK(score({5, 5}) == Scores{1, 1});
  CHECK(score({0, 0}) == Scores{1, 1});
  CHECK(score({7}) == Scores{1});
}

TEST_CASE("queue-scorer: unknown is not zero and does not move the scale") {
  const auto score = [](const Scores& values) {
    return ScoreValues(Plugin("queue-scorer"), &Candidate::waiting, values);
  };
  CHECK(score({10, kUnknown, 5, 0}) == Scores{0, .5, .5, 1});
  CHECK(score({4, kUnknown, 8}) == Scores{1, .5, 0});
  CHECK(score({kUnknown, kUnknown}) == Scores{.5, .5});
  CHECK(score({kUnknown, 3}) == Scores{.5, 1});
}

TEST_CASE("running-requests-size-scorer scales as the queue does") {
  CHECK(ScoreValues(Plugin("running-requests-size-scorer"), &Candidate::running,
                    {10, 5, 0, kUnknown}) == Scores{0, .5, 1, .5});
}

TEST_CASE("kv-cache-utilization-scorer: what is free") {
  CHECK(ScoreValues(Plugin("kv-cache-utilization-scorer"), &Candidate::kv_usage,
                    {0, .25, 1, kUnknown}) == Scores{1, .75, 0, .5});
}

TEST_CASE("load-aware-scorer: half of the range, down to 0 at the threshold") {
  const auto score = [](api::Value parameters, const Scores& values) {
    return ScoreValues(Plugin("load-aware-scorer", std::move(parameters)), &Candidate::waiting,
                       values);
  };
  const Scores got = score(Map({{"threshold", Int(10)}}), {2, 0, 15});
  CHECK(got[0] == Approx(.4));
  CHECK(got[1] == Approx(.5));
  CHECK(got[2] == 0);
  CHECK(score({}, {64})[0] == Approx(.25));
  CHECK(score(Map({{"threshold", Int(-3)}}), {64})[0] == Approx(.25));
  // An unknown queue must not look like an idle server.
  CHECK(score({}, {kUnknown})[0] == Approx(.25));
}

TEST_CASE("prefix-cache-scorer: ratio, and the share of the match's length") {
  const auto score = [](api::Value parameters, uint32_t match, uint32_t total, uint32_t block) {
    const Fleet fleet(1);
    auto candidates = fleet.Candidates();
    candidates[0].prefix_match = match;
    PickContext context;
    context.prefix.total_blocks = total;
    context.prefix.block_tokens = block;
    return ScoreAll(*Make(Plugin("prefix-cache-scorer", std::move(parameters))), context,
                    candidates)[0];
  };
  CHECK(score({}, 5, 10, 1) == Approx(.5));
  CHECK(score({}, 2, 10, 1) == Approx(.2));
  CHECK(score({}, 0, 0, 1) == 0);
  const auto half = [] {
    return Map({{"matchLengthWeight", Number(.5)}, {"matchLengthScaleTokens", Int(100)}});
  };
  CHECK(score(half(), 5, 10, 1) == Approx(.25125));
  CHECK(score(half(), 50, 100, 1) == Approx(.375));
  CHECK(score(half(), 400, 400, 1) == Approx(1));
}

TEST_CASE("prefix-cache-scorer refuses a length share without a scale") {
  api::Diagnostics out;
  CHECK_FALSE(Builtins().scorers.Make(
      Plugin("prefix-cache-scorer",
             Map({{"matchLengthWeight", Number(.5)}, {"matchLengthScaleTokens", Int(0)}})),
      out));
  REQUIRE(out.size() == 1);
  CHECK(out[0].origin.line == 92);
}

struct Adapters {
  std::vector<std::string> running, waiting;
  uint32_t max = 0;
};

void SetLora(datastore::Endpoint& endpoint, const Adapters& adapters, base::Time at = kNow) {
  std::array<uint64_t, datastore::LoraState::kMaxAdapters> running{}, waiting{};
  for (size_t i = 0; i < adapters.running.size(); ++i) {
    running[i] = datastore::LoraState::HashAdapter(adapters.running[i]);
  }
  for (size_t i = 0; i < adapters.waiting.size(); ++i) {
    waiting[i] = datastore::LoraState::HashAdapter(adapters.waiting[i]);
  }
  endpoint.metrics.lora.Set(running, adapters.running.size(), waiting, adapters.waiting.size(),
                            adapters.max, at);
}

TEST_CASE("lora-affinity-scorer: runs, has room, waits, none") {
  Fleet fleet(7);
  SetLora(fleet[0], {{"m1"}, {}, 2});
  SetLora(fleet[1], {{"m2"}, {}, 2});
  SetLora(fleet[2], {{"m2"}, {"m1"}, 2});
  SetLora(fleet[3], {{"m2"}, {"m3"}, 2});
  SetLora(fleet[4], {{}, {}, 0});
  SetLora(fleet[5], {{"m1"}, {}, 2}, kNow - std::chrono::seconds(5));  // stale; [6] never reported
  api::InferenceRequest request;
  request.target_model = "m1";
  PickContext context;
  context.request = &request;
  context.now = kNow;
  context.stale_after = std::chrono::seconds(2);
  CHECK(ScoreAll(*Make(Plugin("lora-affinity-scorer")), context, fleet.Candidates()) ==
        Scores{1.0F, 0.8F, 0.6F, 0, 0, 0.5F, 0.5F});
}

}  // namespace
}  // namespace inference::scheduling
