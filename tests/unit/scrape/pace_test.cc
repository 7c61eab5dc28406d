#include "scrape/pace.h"

#include <catch2/catch.hpp>

namespace inference::scrape {
namespace {

using namespace std::chrono_literals;

TEST_CASE("the first failure is retried at once, then the pace halves down to once a second") {
  const base::Duration expected[] = {50ms, 50ms, 100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms};
  for (int failures = 0; failures < 8; ++failures) {
    CHECK(Delay(50ms, failures) == expected[failures]);
  }
  CHECK(Delay(50ms, 1'000'000) == 1s);
}

TEST_CASE("a target whose interval is longer than the backoff keeps its interval") {
  for (int failures : {0, 1, 2, 100}) CHECK(Delay(15s, failures) == 15s);
}

TEST_CASE("jitter is within 10 % on both sides, and spreads") {
  base::Rng rng(7);
  base::Duration least = 1h, most = 0s;
  for (int i = 0; i < 1000; ++i) {
    const base::Duration d = Jitter(100ms, rng);
    least = std::min(least, d);
    most = std::max(most, d);
  }
  CHECK(least >= 90ms);
  CHECK(least < 92ms);
  CHECK(most <= 110ms);
  CHECK(most > 108ms);
}

}  // namespace
}  // namespace inference::scrape
