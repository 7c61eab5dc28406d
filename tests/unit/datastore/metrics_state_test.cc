#include "datastore/metrics_state.h"

#include <catch2/catch.hpp>

namespace inference::datastore {
namespace {

using std::chrono::seconds;

const base::Time kNow = base::FromNanos(0);  // the clock's own zero is a time like any other

TEST_CASE("a gauge is unknown, fresh, then stale") {
  Gauge gauge;
  CHECK(gauge.Read(kNow, seconds(2)).freshness == Freshness::kUnknown);
  CHECK(std::isnan(gauge.Read(kNow, seconds(2)).value));
  gauge.Set(0, kNow);
  CHECK(gauge.Read(kNow, seconds(2)).freshness == Freshness::kFresh);
  CHECK(gauge.Read(kNow + seconds(2), seconds(2)).freshness == Freshness::kFresh);
  const Reading stale = gauge.Read(kNow + seconds(3), seconds(2));
  CHECK(stale.freshness == Freshness::kStale);
  CHECK(stale.value == 0);
  CHECK(stale.age == seconds(3));
  // A page that was applied after the loop turn's `now`.
  CHECK(gauge.Read(kNow - seconds(1), seconds(2)).freshness == Freshness::kFresh);
  gauge.Forget();
  CHECK(gauge.Read(kNow, seconds(2)).freshness == Freshness::kUnknown);
}

TEST_CASE("what is no number is unknown") {
  for (const double value : {NAN, INFINITY, -INFINITY}) {
    Gauge gauge;
    gauge.Set(3, kNow);
    gauge.Set(value, kNow);
    CHECK(gauge.Read(kNow, seconds(2)).freshness == Freshness::kUnknown);
  }
}

TEST_CASE("LoRA adapters: running, waiting, and their age") {
  LoraState lora;
  CHECK_FALSE(lora.Known());
  CHECK(lora.FreshnessAt(kNow, seconds(2)) == Freshness::kUnknown);
  std::array<uint64_t, LoraState::kMaxAdapters> running{}, waiting{};
  running[0] = LoraState::HashAdapter("a");
  waiting[0] = LoraState::HashAdapter("b");
  lora.Set(running, 1, waiting, 1, 4, kNow);
  CHECK(lora.Known());
  CHECK(lora.IsRunning(LoraState::HashAdapter("a")));
  CHECK_FALSE(lora.IsRunning(LoraState::HashAdapter("b")));
  CHECK(lora.IsWaiting(LoraState::HashAdapter("b")));
  CHECK(lora.running_count() + lora.waiting_count() == 2);
  CHECK(lora.max() == 4);
  CHECK(lora.FreshnessAt(kNow + seconds(2), seconds(2)) == Freshness::kFresh);
  CHECK(lora.FreshnessAt(kNow + seconds(3), seconds(2)) == Freshness::kStale);
  lora.Set(running, 0, waiting, 0, 4, kNow);
  CHECK_FALSE(lora.IsRunning(LoraState::HashAdapter("a")));
  lora.Forget();
  CHECK_FALSE(lora.Known());
}

TEST_CASE("more adapters than there is room for are cut") {
  LoraState lora;
  std::array<uint64_t, LoraState::kMaxAdapters> many{};
  many.fill(1);
  lora.Set(many, LoraState::kMaxAdapters + 50, many, LoraState::kMaxAdapters + 50, 400, kNow);
  CHECK(lora.running_count() == LoraState::kMaxAdapters);
  CHECK_FALSE(lora.IsRunning(2));
}

}  // namespace
}  // namespace inference::datastore
