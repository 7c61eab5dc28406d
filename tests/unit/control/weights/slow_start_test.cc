#include "control/weights/slow_start.h"

#include <catch2/catch.hpp>

namespace inference::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct World {
  explicit World(bool is_new) : slow(is_new) {}
  uint32_t Look(bool usable, bool others = true) {
    slow.Observe(usable, others, settings, now);
    return slow.share();
  }
  uint32_t Pass(base::Duration time, bool usable = true, bool others = true) {
    now += time;
    return Look(usable, others);
  }
  SlowStart::Settings settings{seconds(10), 100};
  SlowStart slow;
  base::Time now = base::FromNanos(1'000'000'000'000);
};

TEST_CASE("a new endpoint's share rises evenly from the least to all") {
  World w(true);
  CHECK(w.Look(false) == 100);  // before anyone can pick it
  CHECK(w.Look(true) == 100);
  CHECK(w.slow.rising());
  CHECK(w.Pass(seconds(5)) == 550);
  CHECK(w.Pass(milliseconds(2500)) == 775);
  CHECK(w.Pass(milliseconds(2500)) == 1000);
  CHECK(w.slow.whole());
  CHECK(w.Pass(seconds(100)) == 1000);
}

TEST_CASE("an endpoint that was there has its whole share") {
  World w(false);
  CHECK(w.Look(true) == 1000);
  CHECK(w.slow.whole());
}

TEST_CASE("away for a while, it begins anew; for a moment, it doesn't") {
  World w(false);
  w.Look(true);
  CHECK(w.Look(false) == 1000);
  CHECK(w.Pass(SlowStart::kAway - milliseconds(1), true) == 1000);
  CHECK(w.Pass(milliseconds(100), false) == 1000);
  CHECK(w.Pass(SlowStart::kAway, false) == 100);
  CHECK(w.Pass(milliseconds(100)) == 100);
  CHECK(w.Pass(seconds(5)) == 550);
  w.Pass(milliseconds(100), false);  // while it rises: a moment more
  CHECK(w.Pass(milliseconds(100)) == 568);
  w.Pass(milliseconds(100), false);
  w.Pass(SlowStart::kAway, false);
  CHECK(w.Pass(milliseconds(100)) == 100);
}

TEST_CASE("where nobody else can carry the rest, there is no slow start") {
  World w(true);
  CHECK(w.Look(false, false) == 1000);
  CHECK(w.Look(true, false) == 1000);
  CHECK(w.slow.whole());
}

TEST_CASE("without a window every share is whole, at once when it is taken away") {
  World w(true);
  w.settings.window = seconds(0);
  CHECK(w.Look(true) == 1000);
  World rising(true);
  rising.Look(true);
  rising.settings.window = seconds(0);
  CHECK(rising.Pass(seconds(1)) == 1000);
  CHECK(rising.slow.whole());
}

TEST_CASE("the least share is within its bounds") {
  World w(true);
  w.settings.min_permille = 0;
  CHECK(w.Look(true) == 1);
  World all(true);
  all.settings.min_permille = 5000;
  CHECK(all.Look(true) == 1000);
}

}  // namespace
}  // namespace inference::control
