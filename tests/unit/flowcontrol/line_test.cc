#include "flowcontrol/line.h"

#include <catch2/catch.hpp>

#include <deque>
#include <map>
#include <random>
#include <set>
#include <thread>
#include <vector>

namespace inference::flowcontrol {
namespace {

using std::chrono::seconds;

struct Recorder : Waiter {
  void OnRelease(uint64_t ticket, Release release) override {
    const std::lock_guard lock(mutex);
    released.emplace_back(ticket, release);
  }
  std::mutex mutex;
  std::vector<std::pair<uint64_t, Release>> released;
};

using Released = std::vector<std::pair<uint64_t, Release>>;
const base::Time kStart = base::FromNanos(1'000'000'000);

TEST_CASE("a line is first come, first served") {
  Line line;
  line.SetLimits({.requests = 10, .bytes = 1000, .wait = seconds(5)});
  Recorder a, b;
  CHECK(line.Enter(a, 1, 10, kStart));
  CHECK(line.Enter(b, 1, 10, kStart));
  CHECK(line.Enter(a, 2, 10, kStart));
  CHECK(line.waiting() == 3);
  CHECK(line.bytes() == 30);
  line.Turn(kStart, 0);
  CHECK(a.released.empty());
  line.Turn(kStart, 2);
  CHECK(a.released == Released{{1, Release::kGo}});
  CHECK(b.released == Released{{1, Release::kGo}});
  line.Turn(kStart, 10);
  CHECK(a.released.size() == 2);
  CHECK(line.waiting() == 0);
  CHECK(line.bytes() == 0);
}

TEST_CASE("a line takes up to its limits, and by default nothing") {
  Line line;
  Recorder waiter;
  CHECK_FALSE(line.Enter(waiter, 1, 0, kStart));
  line.SetLimits({.requests = 2, .bytes = 100, .wait = seconds(1)});
  CHECK(line.Enter(waiter, 1, 60, kStart));
  CHECK_FALSE(line.Enter(waiter, 2, 41, kStart));
  CHECK(line.Enter(waiter, 3, 40, kStart));
  CHECK_FALSE(line.Enter(waiter, 4, 0, kStart));
  line.Leave(waiter, 1);
  CHECK(line.Enter(waiter, 4, 60, kStart));
  line.SetLimits({});  // those that wait go on waiting
  CHECK(line.waiting() == 2);
  CHECK_FALSE(line.Enter(waiter, 5, 0, kStart));
}

TEST_CASE("who has waited long enough is refused, before anybody else goes") {
  Line line;
  line.SetLimits({.requests = 10, .bytes = 100, .wait = seconds(5)});
  Recorder waiter;
  line.Enter(waiter, 1, 0, kStart);
  line.Enter(waiter, 2, 0, kStart + seconds(1));
  line.Turn(kStart + seconds(5), 1);
  CHECK(waiter.released == Released{{1, Release::kExpired}, {2, Release::kGo}});
}

TEST_CASE("who left is not called") {
  Line line;
  line.SetLimits({.requests = 10, .bytes = 100, .wait = seconds(5)});
  Recorder waiter, other;
  line.Enter(waiter, 1, 5, kStart);
  line.Leave(other, 1);
  CHECK(line.waiting() == 1);
  line.Leave(waiter, 1);
  line.Leave(waiter, 1);
  line.Turn(kStart + seconds(9), 9);
  CHECK(waiter.released.empty());
  CHECK(line.bytes() == 0);
}

// Against a model of it: every request that entered ends once, in order, within its time.
TEST_CASE("a line keeps its promises whatever happens") {
  std::mt19937 rng(11);
  for (int turn = 0; turn < 300; ++turn) {
    Line line;
    const LineLimits limits{.requests = 1 + rng() % 8, .bytes = rng() % 200, .wait = seconds(3)};
    line.SetLimits(limits);
    Recorder waiter;
    std::deque<std::pair<uint64_t, base::Time>> model;
    std::map<uint64_t, uint64_t> bytes;
    base::Time now = kStart;
    uint64_t next = 0, held = 0;
    for (int step = 0; step < 200; ++step) {
      now += std::chrono::milliseconds(rng() % 500);
      const auto what = rng() % 4;
      if (what == 0) {
        const uint64_t size = rng() % 60;
        const bool fits = model.size() < limits.requests && held + size <= limits.bytes;
        REQUIRE(line.Enter(waiter, ++next, size, now) == fits);
        if (!fits) continue;
        model.emplace_back(next, now);
        bytes[next] = size;
        held += size;
      } else if (what == 1 && !model.empty()) {
        const size_t at = rng() % model.size();
        line.Leave(waiter, model[at].first);
        held -= bytes[model[at].first];
        model.erase(model.begin() + static_cast<std::ptrdiff_t>(at));
      } else {
        waiter.released.clear();
        size_t free = rng() % 3;
        line.Turn(now, free);
        Released wanted;
        std::erase_if(model, [&](const auto& entry) {
          const bool over = entry.second + limits.wait <= now;
          if (!over && free == 0) return false;
          if (!over) --free;
          wanted.emplace_back(entry.first, over ? Release::kExpired : Release::kGo);
          held -= bytes[entry.first];
          return true;
        });
        REQUIRE(waiter.released == wanted);
      }
      REQUIRE(line.waiting() == model.size());
      REQUIRE(line.bytes() == held);
    }
  }
}

TEST_CASE("threads that enter and leave while turns are made lose nothing") {
  Line line;
  line.SetLimits({.requests = 1000, .bytes = 1 << 20, .wait = seconds(100)});
  constexpr uint64_t kEach = 3000;
  Recorder waiters[2];
  std::vector<uint64_t> left[2];
  std::atomic<bool> done{false};
  std::thread turner([&] {
    while (!done) line.Turn(kStart, 3);
    line.Turn(kStart, SIZE_MAX);
  });
  std::vector<std::thread> threads;
  std::atomic<uint64_t> entered[2] = {0, 0};
  for (size_t t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t i = 0; i < kEach; ++i) {
        while (!line.Enter(waiters[t], i, 1, kStart)) std::this_thread::yield();
        ++entered[t];
        if (i % 7 == 0) line.Leave(waiters[t], i);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  done = true;
  turner.join();
  for (const Recorder& waiter : waiters) {
    std::set<uint64_t> seen;
    for (const auto& [ticket, release] : waiter.released) CHECK(seen.insert(ticket).second);
    for (uint64_t i = 0; i < kEach; ++i) {
      if (i % 7 != 0) CHECK(seen.contains(i));
    }
  }
  CHECK(line.waiting() == 0);
}

}  // namespace
}  // namespace inference::flowcontrol
