#include "inferenced/watchdog.h"

#include <catch2/catch.hpp>
#include <map>

namespace inferenced {
namespace {

using namespace std::chrono_literals;
using inference::base::Time;

/// Loops that turn when they are told to.
struct Loops {
  std::map<std::string, std::vector<std::function<void()>>> queues;
  int fed = 0;
  Time now = Time(1h);

  Watchdog::Loop Make(const std::string& name) {
    return {name,
            [this, name](std::function<void()> task) { queues[name].push_back(std::move(task)); }};
  }
  void Turn(const std::string& name) {
    for (const auto& task : std::exchange(queues[name], {})) task();
  }
};

TEST_CASE("the watchdog is fed while all loops turn") {
  Loops loops;
  Watchdog watchdog(8s, {loops.Make("control"), loops.Make("reactor 0")}, [&] { ++loops.fed; });
  CHECK(watchdog.period() == 1s);
  for (int second = 0; second < 60; ++second) {
    watchdog.Tick(loops.now += 1s);
    loops.Turn("control");
    loops.Turn("reactor 0");
    CHECK(watchdog.TakeLate(loops.now).empty());
  }
  // A round every 2 s, and each feeds once.
  CHECK(loops.fed >= 20);
  CHECK(loops.fed <= 30);
}

TEST_CASE("one loop that doesn't turn ends the feeding, is named once, and goes on") {
  Loops loops;
  Watchdog watchdog(8s, {loops.Make("control"), loops.Make("reactor 0")}, [&] { ++loops.fed; });
  std::vector<std::string> late;
  for (int second = 0; second < 20; ++second) {
    watchdog.Tick(loops.now += 1s);
    loops.Turn("control");
    for (const std::string& name : watchdog.TakeLate(loops.now)) late.push_back(name);
  }
  CHECK(loops.fed == 0);
  CHECK(late == std::vector<std::string>{"reactor 0"});
  CHECK(loops.queues["reactor 0"].size() == 1);  // nothing piles up
  loops.Turn("reactor 0");
  watchdog.Tick(loops.now += 1s);
  CHECK(loops.fed == 1);
}

TEST_CASE("a loop that turns after the watchdog is gone harms nothing") {
  Loops loops;
  {
    Watchdog watchdog(8s, {loops.Make("control")}, [&] { ++loops.fed; });
    watchdog.Tick(loops.now);
  }
  loops.Turn("control");
  CHECK(loops.fed == 0);
}

}  // namespace
}  // namespace inferenced
