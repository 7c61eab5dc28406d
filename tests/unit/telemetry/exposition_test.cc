#include "telemetry/exposition.h"

#include <catch2/catch.hpp>

using namespace inference::telemetry;
using Catch::Contains;

TEST_CASE("a histogram counts a value in the first bucket that is not below it") {
  Histogram h(PickSecondsBounds());
  h.Observe(5e-6);  // on the bound
  h.Observe(6e-6);
  h.Observe(1e-7);
  h.Observe(100);  // over all
  CHECK(h.bucket(0) == 2);
  CHECK(h.bucket(1) == 1);
  CHECK(h.bucket(h.bounds().size()) == 1);
  CHECK(h.sum() == Approx(100.0000111));
}

TEST_CASE("shards add up on the page, bucket by bucket") {
  Shard one, two;
  one.Series("llm/a", "qwen").Picked(8e-6);
  two.Series("llm/a", "qwen").Picked(30e-6);
  two.Series("llm/a", "qwen").Ended(Outcome::kServed);
  one.Series("llm/a", "qwen").Ended(Outcome::kServed);
  one.streams_opened.Add(5);
  two.streams_opened.Add(2);
  one.streams_closed.Add(3);
  Exposition page;
  const RequestStatsCollector collector({&one, &two});
  page.Register([&](Families& f) { collector.Collect(f); });
  const std::string text = page.Render();
  CHECK_THAT(text, Contains("inferenced_requests_total{pool=\"llm/a\",model=\"qwen\","
                            "outcome=\"served\"} 2"));
  CHECK_THAT(text, Contains("inferenced_pick_duration_seconds_bucket{pool=\"llm/a\",model=\"qwen\","
                            "le=\"1e-05\"} 1"));
  CHECK_THAT(text, Contains("inferenced_pick_duration_seconds_bucket{pool=\"llm/a\",model=\"qwen\","
                            "le=\"5e-05\"} 2"));
  CHECK_THAT(text,
             Contains("inferenced_pick_duration_seconds_count{pool=\"llm/a\",model=\"qwen\"} 2"));
  CHECK_THAT(text, Contains("inferenced_streams 4"));
  CHECK_THAT(text, Contains("inferenced_streams_opened_total 7"));
  CHECK_THAT(text, !Contains("outcome=\"saturated\""));
}

TEST_CASE("a client can't make series without end by inventing model names") {
  Shard shard;
  for (int i = 0; i < 1000; ++i) shard.Series("p", "m" + std::to_string(i)).Ended(Outcome::kServed);
  Exposition page;
  const RequestStatsCollector collector({&shard});
  page.Register([&](Families& f) { collector.Collect(f); });
  const std::string text = page.Render();
  size_t series = 0;
  for (size_t at = 0; (at = text.find("inferenced_requests_total{", at)) != std::string::npos;
       ++at) {
    ++series;
  }
  CHECK(series <= Shard::kMaxModels + 1);
  CHECK_THAT(text, Contains("model=\"other\",outcome=\"served\"} " +
                            std::to_string(1000 - Shard::kMaxModels)));
}

TEST_CASE("a label with a quote or a line end does not break the page") {
  Exposition page;
  page.Register([](Families& f) { AddGauge(f, "x", "help", {{"model", "a\"b\nc"}}, 1); });
  CHECK_THAT(page.Render(), Contains("x{model=\"a\\\"b\\nc\"} 1"));
}
