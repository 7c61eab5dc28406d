#include <catch2/catch.hpp>

#include "support/session_driver.h"

// Requests that wait for a saturated pool. The line is the real one; the test is its dispatcher.
namespace inference::extproc {
namespace {

using namespace inference::test;  // NOLINT: the whole test speaks its language

struct World : SessionWorld {
  explicit World(double waiting = 50) { Load(waiting); }
  /// Another generation, in which the one server has so many requests waiting.
  void Load(double waiting) {
    picker::PoolRuntime pool = MakePool("a", {{"192.168.1.1", waiting, .1, {}}}, clock.now);
    pool.line = line;
    Publish({pool});
  }
  std::shared_ptr<flowcontrol::Line> line = [] {
    auto made = std::make_shared<flowcontrol::Line>();
    made->SetLimits({.requests = 2, .bytes = 1000, .wait = std::chrono::seconds(30)});
    return made;
  }();
};

/// A stream whose request is complete.
struct Asked {
  explicit Asked(World& world, int mode = kFullDuplex) : stream(world) {
    stream.SendHeaders(mode, mode);
    stream.Take();
    stream.SendBody(ChatBody(), true);
    parking = stream.out.TakePark();
  }
  SessionDriver stream;
  std::optional<Outbox::Parking> parking;
};

TEST_CASE("a saturated pool's requests wait, and go when it is their turn") {
  World world;
  Asked asked(world);
  REQUIRE(asked.parking);
  CHECK(asked.parking->line == world.line);
  CHECK(asked.parking->bytes == ChatBody().size());
  CHECK(asked.stream.Take().empty());
  CHECK_FALSE(asked.stream.closed());
  CHECK(asked.stream.out.timer() == Timer::kNone);
  CHECK(world.InFlight(0, 0) == 0);

  asked.stream.session().OnReleased(flowcontrol::Release::kGo);
  const auto answers = asked.stream.Take();
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].Set("x-gateway-destination-endpoint") == "192.168.1.1:8000");
  CHECK(answers[1].body == ChatBody());
  CHECK(world.InFlight(0, 0) == 1);
  CHECK(world.Find("req-1")->outcome == picker::StreamOutcome::kPending);
}

TEST_CASE("requests go at once while there is room and nobody waits") {
  World world(0);
  CHECK_FALSE(Asked(world).parking);
  struct Nobody : flowcontrol::Waiter {
    void OnRelease(uint64_t, flowcontrol::Release) override {}
  } other;
  world.line->Enter(other, 1, 0, world.clock.now);
  CHECK(Asked(world).parking);  // behind the other
}

TEST_CASE("without a line nobody waits") {
  World world;
  picker::PoolRuntime pool = MakePool("a", {{"192.168.1.1", 50, .1, {}}}, world.clock.now);
  world.Publish({pool});
  Asked asked(world);
  CHECK_FALSE(asked.parking);
  CHECK(asked.stream.Take().size() == 2);
}

TEST_CASE("who finds no room, or waited too long, is refused once") {
  for (const auto& [release, reason] :
       {std::pair{flowcontrol::Release::kFull, "rejected-saturated"},
        std::pair{flowcontrol::Release::kExpired, "rejected-ttl-expired"}}) {
    World world;
    Asked asked(world);
    asked.stream.session().OnReleased(release);
    const ResponseMessage answer = asked.stream.TakeOne();
    CHECK(answer.status == 429);
    CHECK(answer.Set("x-llm-d-request-dropped-reason") == reason);
    CHECK(answer.Set("retry-after") == "1");
    CHECK(asked.stream.closed());
    CHECK(world.Find("req-1")->outcome == picker::StreamOutcome::kRefused);
    asked.stream.session().OnReleased(flowcontrol::Release::kGo);
    CHECK(asked.stream.Take().empty());
  }
}

TEST_CASE("a client that leaves while it waits leaves nothing") {
  for (const bool half : {true, false}) {
    World world;
    Asked asked(world);
    const int64_t held = world.budget.used();
    CHECK(held > 0);
    if (half) {
      asked.stream.session().OnHalfClose();
    } else {
      asked.stream.session().OnReset();
    }
    CHECK(asked.stream.session().done());
    asked.stream.session().OnReleased(flowcontrol::Release::kGo);
    CHECK(asked.stream.Take().empty());
    CHECK(world.InFlight(0, 0) == 0);
    CHECK(world.budget.used() == 0);
  }
}

TEST_CASE("what a reload has made of the pool counts when the waiting ends") {
  World world;
  Asked asked(world);
  world.Publish({MakePool("b", {{"10.0.0.1", 0, 0, {}}}, world.clock.now)});
  asked.stream.session().OnReleased(flowcontrol::Release::kGo);
  CHECK(asked.stream.Take()[0].Set("x-gateway-destination-endpoint") == "10.0.0.1:8000");
  Asked gone(world);
  World empty;
  Asked waits(empty);
  empty.Publish({});
  waits.stream.session().OnReleased(flowcontrol::Release::kGo);
  CHECK(waits.stream.TakeOne().status == 503);
}

TEST_CASE("trailers that come meanwhile are answered behind the body") {
  World world;
  SessionDriver stream(world);
  stream.SendHeaders(kBuffered, kBuffered);
  stream.Take();
  stream.SendBody(ChatBody(), false);  // buffered: all there is, with trailers to follow
  REQUIRE(stream.out.TakePark());
  CHECK(stream.TakeOne().kind == 10);
  stream.SendTrailers();
  CHECK(stream.Take().empty());
  stream.session().OnReleased(flowcontrol::Release::kGo);
  const auto answers = stream.Take();
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].kind == 3);
  CHECK(answers[1].kind == 5);
}

TEST_CASE("the gateway is asked for time where it measures it, and nowhere else") {
  World world;
  SessionDriver stream(world);
  stream.SendHeaders(kBuffered, kBuffered);
  stream.Take();
  stream.SendBody(ChatBody(), true);
  CHECK(stream.TakeOne().timeout_seconds == 35);
  CHECK(Asked(world).stream.Take().empty());
}

}  // namespace
}  // namespace inference::extproc
