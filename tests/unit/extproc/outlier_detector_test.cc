#include "extproc/outlier_detector.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "support/session_driver.h"

namespace inference::extproc {
namespace {

using namespace inference::test;  // NOLINT: the whole test speaks its language
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr char kRefused[] =
    "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_"
    "Connection_refused}";

using datastore::Ejection;

struct Fixture {
  Fixture() {
    std::vector<std::shared_ptr<datastore::Endpoint>> endpoints;
    for (int i = 0; i < 4; ++i) {
      datastore::EndpointInfo info;
      info.ns = "llm";
      info.name = "gpu-" + std::to_string(i);
      info.host_port = "10.0.0." + std::to_string(i) + ":8000";
      endpoints.push_back(std::make_shared<datastore::Endpoint>(std::move(info)));
    }
    pool = std::make_shared<const datastore::Pool>(api::InferencePool{}, std::move(endpoints));
  }
  const std::shared_ptr<datastore::Endpoint>& at(size_t i) { return pool->endpoints()[i]; }
  datastore::Endpoint& endpoint() { return *at(0); }

  void Fail() { Fail(now); }
  void Fail(base::Time picked) { detector.NoteNoAnswer(at(0), "it fails", limits, picked, now); }
  void Error(size_t i = 0) { detector.NoteServerError(at(i), limits, *pool, now, now); }
  void Answer(size_t i = 0) { detector.NoteAnswer(*at(i), now); }
  void Eject() {
    while (endpoint().reachable()) Fail();
  }
  /// Until a request may try it, in milliseconds from now.
  int64_t UntilTrial() {
    for (int64_t ms = 0;; ms += 100) {
      detector.Readmit(now);
      if (endpoint().ejection() == Ejection::kTrialDue) return ms;
      if (ms > 100'000) return -1;
      now += milliseconds(100);
    }
  }
  std::vector<std::string_view> Told() {
    std::vector<std::string_view> out;
    for (const telemetry::Event& event : events.After(0, 100)) out.push_back(event.kind.name);
    return out;
  }

  telemetry::EventLog events;
  OutlierDetector detector{events};
  api::OutlierDetectionConfig limits;
  std::shared_ptr<const datastore::Pool> pool;
  base::Time now = base::FromNanos(1'000'000'000'000);
};

TEST_CASE("Code details tell only what is surely the endpoint's doing") {
  CHECK(ReadCodeDetails("via_upstream").answered);
  CHECK(ReadCodeDetails(kRefused).fault != nullptr);
  for (const char* reason : {"remote_connection_failure", "connection_timeout",
                             "connection_termination", "remote_reset", "protocol_error"}) {
    CAPTURE(reason);
    const std::string details =
        std::string("upstream_reset_before_response_started{") + reason + "}";
    CHECK(ReadCodeDetails(details).fault != nullptr);
    CHECK(!ReadCodeDetails(details).answered);
  }
  for (const char* details :
       {"", "via_upstream_not", "upstream_reset_before_response_started{overflow}",
        "upstream_reset_before_response_started{local_reset}",
        "upstream_reset_before_response_started{local_connection_failure}",
        "upstream_reset_before_response_started", "upstream_reset_before_response_started{",
        "upstream_response_timeout", "downstream_remote_disconnect", "no_healthy_upstream"}) {
    CAPTURE(details);
    CHECK(ReadCodeDetails(details).fault == nullptr);
    CHECK(!ReadCodeDetails(details).answered);
  }
}

TEST_CASE("Requests without an answer eject when they come in a row") {
  Fixture f;
  f.Fail();
  f.Answer();
  CHECK(f.detector.size() == 0);
  f.Fail();
  CHECK(f.endpoint().reachable());
  f.Fail();
  CHECK(!f.endpoint().reachable());
  CHECK(f.endpoint().ejection_note() == "ejected: the gateway reports that it fails");
  CHECK(f.endpoint().ejections() == 1);
  CHECK(f.Told() == std::vector<std::string_view>{"Ejected"});
}

TEST_CASE("What is told of an ejection: of whom, why, for how long, and its end") {
  Fixture f;
  f.Eject();
  f.UntilTrial();
  f.Fail();
  f.UntilTrial();
  f.Answer();
  const auto told = f.events.After(0, 10);
  REQUIRE(told.size() == 3);
  CHECK(told[0].subject.kind == "endpoint");
  CHECK(told[0].subject.ns == "llm");
  CHECK(told[0].subject.name == "gpu-0");
  CHECK(told[0].subject.address == "10.0.0.0:8000");
  CHECK(told[0].message == "the gateway reports that it fails; it is tried again in 1 s");
  CHECK(told[1].message ==
        "the gateway reports that it fails; it is tried again in 2 s, as the last try failed");
  CHECK(told[2].message == "it answers again");
}

TEST_CASE("Server errors eject when they come in a row, later than no answers do") {
  Fixture f;
  for (int i = 0; i < 4; ++i) f.Error();
  f.Answer();
  for (int i = 0; i < 4; ++i) f.Error();
  CHECK(f.endpoint().reachable());
  f.Error();
  CHECK(!f.endpoint().reachable());
  CHECK(f.endpoint().ejection_note().find("status 5xx") != std::string::npos);
}

TEST_CASE("Limits of 0 never eject") {
  Fixture f;
  f.limits.consecutive_5xx = api::Field<int>(0);
  f.limits.consecutive_connection_failures = api::Field<int>(0);
  for (int i = 0; i < 100; ++i) {
    f.Error();
    f.Fail();
  }
  CHECK(f.endpoint().reachable());
  CHECK(f.detector.size() == 0);

  Fixture uncounted;  // errors are answers all the same
  uncounted.limits.consecutive_5xx = api::Field<int>(0);
  uncounted.Eject();
  uncounted.Error();
  CHECK(uncounted.endpoint().reachable());
}

TEST_CASE("Answers eject no more endpoints than the pool can spare; no answer always does") {
  Fixture f;  // 50 % of 4
  const auto errors = [&](size_t i) {
    for (int n = 0; n < 20; ++n) f.Error(i);
    return !f.at(i)->reachable();
  };
  CHECK(errors(0));
  CHECK(errors(1));
  CHECK(!errors(2));
  for (int n = 0; n < 2; ++n) f.detector.NoteNoAnswer(f.at(3), "it fails", f.limits, f.now, f.now);
  CHECK(!f.at(3)->reachable());
  f.limits.max_ejection_percent = api::Field<int>(100);
  CHECK(errors(2));

  Fixture half;  // 49 % of 4 is 1: rounded down
  half.limits.max_ejection_percent = api::Field<int>(49);
  for (int n = 0; n < 20; ++n) half.Error(0), half.Error(1);
  CHECK(!half.at(0)->reachable());
  CHECK(half.at(1)->reachable());

  Fixture one;  // of a few percent, still one
  one.limits.max_ejection_percent = api::Field<int>(1);
  for (int n = 0; n < 5; ++n) one.Error();
  CHECK(!one.endpoint().reachable());
  Fixture none;
  none.limits.max_ejection_percent = api::Field<int>(0);
  for (int n = 0; n < 50; ++n) none.Error();
  CHECK(none.endpoint().reachable());
}

TEST_CASE("A good scrape does not end what requests have shown") {
  Fixture f;
  f.Eject();
  f.endpoint().RecordSuccess();
  CHECK(!f.endpoint().reachable());
  CHECK(f.UntilTrial() == 1000);
}

TEST_CASE("Half open, one request tries it, and only one") {
  Fixture f;
  f.Eject();
  CHECK(!datastore::Reservation::Try(f.at(0)).active());
  CHECK(datastore::Reservation::Try(f.at(0), /*ejected_too=*/true).active());
  CHECK(f.UntilTrial() == 1000);
  CHECK(f.endpoint().reachable());
  const auto trial = datastore::Reservation::Try(f.at(0));
  CHECK(trial.active());
  CHECK(f.endpoint().ejection() == Ejection::kTrialRuns);
  CHECK(!f.endpoint().reachable());
  CHECK(!datastore::Reservation::Try(f.at(0)).active());
  CHECK(f.endpoint().in_flight() == 1);
  f.Answer();
  CHECK(f.endpoint().reachable());
  CHECK(f.endpoint().ejection() == Ejection::kNone);
  CHECK(f.detector.size() == 0);
  CHECK(f.Told() == std::vector<std::string_view>{"Ejected", "Readmitted"});
}

TEST_CASE("Of many threads that pick it, one has the trial") {
  for (int round = 0; round < 200; ++round) {
    Fixture f;
    f.Eject();
    f.endpoint().OfferTrial();
    std::atomic<int> got{0}, ready{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        ++ready;
        while (ready < 4) {
        }
        if (datastore::Reservation::Try(f.at(0)).active()) ++got;
      });
    }
    for (std::thread& thread : threads) thread.join();
    REQUIRE(got == 1);
    CHECK(f.endpoint().in_flight() == 0);
  }
}

TEST_CASE("Each trial that fails doubles the time, up to the longest; an answer ends the row") {
  Fixture f;
  f.Eject();
  for (const int64_t time : {1000, 2000, 4000, 8000, 16000, 30000, 30000}) {
    REQUIRE(!f.endpoint().reachable());
    CHECK(f.UntilTrial() == time);
    f.now += milliseconds(1);
    f.Fail();
  }
  f.Answer();
  CHECK(f.detector.size() == 0);
  f.Fail();
  CHECK(f.endpoint().reachable());
}

TEST_CASE("Times of ejection are the pool's") {
  Fixture f;
  f.limits.base_ejection_time = api::Field<std::chrono::nanoseconds>(milliseconds(200));
  f.limits.max_ejection_time = api::Field<std::chrono::nanoseconds>(milliseconds(500));
  f.Eject();
  for (const int64_t time : {200, 400, 500, 500}) {
    CHECK(f.UntilTrial() == time);
    f.now += milliseconds(1);
    f.Fail();  // one is enough now
  }
}

TEST_CASE("A trial that nothing is heard of is given to another request") {
  Fixture f;
  f.Eject();
  f.UntilTrial();
  {
    const auto lost = datastore::Reservation::Try(f.at(0));
  }
  f.detector.Readmit(f.now);
  f.now += OutlierDetector::kTrialPatience - milliseconds(1);
  f.detector.Readmit(f.now);
  CHECK(f.endpoint().ejection() == Ejection::kTrialRuns);
  f.now += milliseconds(1);
  f.detector.Readmit(f.now);
  CHECK(f.endpoint().ejection() == Ejection::kTrialDue);
  // That one has as much time.
  f.now += seconds(60);
  f.detector.Readmit(f.now);
  const auto second = datastore::Reservation::Try(f.at(0));
  CHECK(second.active());
  f.detector.Readmit(f.now);
  CHECK(f.endpoint().ejection() == Ejection::kTrialRuns);
  f.now += OutlierDetector::kTrialPatience - milliseconds(1);
  f.detector.Readmit(f.now);
  CHECK(f.endpoint().ejection() == Ejection::kTrialRuns);
}

TEST_CASE("What was sent to an ejected endpoint is no trial: its failure says nothing new") {
  Fixture f;
  f.Eject();
  const base::Time sent = f.now + milliseconds(500);
  CHECK(f.UntilTrial() == 1000);
  const auto trial = datastore::Reservation::Try(f.at(0));
  f.Fail(sent);
  f.detector.NoteServerError(f.at(0), f.limits, *f.pool, sent, f.now);
  CHECK(f.endpoint().ejection() == Ejection::kTrialRuns);
  CHECK(f.endpoint().ejections() == 1);
}

TEST_CASE("Requests of before are old news, good or bad") {
  Fixture f;
  const base::Time before = f.now;
  f.now += seconds(1);
  f.Fail(before);
  f.Fail(before);
  CHECK(!f.endpoint().reachable());
  f.detector.NoteAnswer(f.endpoint(), before);  // it began to answer before it failed
  f.detector.NoteAnswer(f.endpoint(), {});      // picked by another replica
  CHECK(!f.endpoint().reachable());
  f.Fail(before);  // more of the same crash: no longer time
  CHECK(f.UntilTrial() == 1000);
  f.Fail(before);
  CHECK(f.endpoint().reachable());
}

TEST_CASE("A request that was sent there for want of anything better brings it back") {
  Fixture f;
  f.Eject();
  f.Fail();  // or it doesn't, and that changes nothing
  CHECK(f.endpoint().ejections() == 1);
  f.Answer();
  CHECK(f.endpoint().reachable());
  for (int i = 0; i < 5; ++i) f.Error();
  REQUIRE(!f.endpoint().reachable());
  f.Error();  // not by one more error, which doesn't eject it anew either
  CHECK(!f.endpoint().reachable());
  CHECK(f.endpoint().ejections() == 2);
  f.Answer();
  CHECK(f.endpoint().reachable());
}

TEST_CASE("An error is an answer: it ends an ejection for none, and counts itself") {
  Fixture f;
  f.Eject();
  f.Error();
  CHECK(f.endpoint().reachable());
  for (int i = 0; i < 4; ++i) f.Error();
  CHECK(!f.endpoint().reachable());
}

TEST_CASE("An error between requests without an answer ends their row") {
  Fixture f;
  f.Fail();
  f.Error();
  f.Fail();
  CHECK(f.endpoint().reachable());
}

TEST_CASE("Failures far apart are not in a row, and are forgotten") {
  Fixture f;
  f.Fail();
  f.now += OutlierDetector::kForgetAfter;
  f.detector.Readmit(f.now);
  CHECK(f.detector.size() == 0);

  // Each is near enough to the one before it.
  const auto wait = [&] {
    f.now += OutlierDetector::kForgetAfter - milliseconds(1);
    f.detector.Readmit(f.now);
  };
  f.limits.consecutive_connection_failures = api::Field<int>(3);
  f.limits.consecutive_5xx = api::Field<int>(3);
  for (int i = 0; i < 3; ++i) {
    wait();
    f.Fail();
  }
  CHECK(!f.at(0)->reachable());
  for (int i = 0; i < 3; ++i) {
    wait();
    f.Error(1);
  }
  CHECK(!f.at(1)->reachable());
}

TEST_CASE("bug: an endpoint that went away while it was ejected was remembered for ever") {
  Fixture f;
  auto gone = std::make_shared<datastore::Endpoint>(datastore::EndpointInfo{});
  for (int n = 0; n < 2; ++n) f.detector.NoteNoAnswer(gone, "it fails", f.limits, f.now, f.now);
  f.now += seconds(1);
  f.detector.Readmit(f.now);
  REQUIRE(gone->ejection() == Ejection::kTrialDue);
  CHECK(f.detector.size() == 1);
  const std::weak_ptr<datastore::Endpoint> watched = gone;
  gone.reset();  // no pool has it, so no request will try it
  f.detector.Readmit(f.now);
  CHECK(f.detector.size() == 0);
  CHECK(watched.expired());
}

struct World : SessionWorld {
  World() : SessionWorld() {
    Publish({MakePool("a", {{"192.168.1.1", 0, 0, {}}, {"192.168.1.2", 50, .9, {}}}, clock.now)});
  }
  const datastore::Endpoint& endpoint(size_t i) {
    return *context.runtime->pools()[0].pool->endpoints()[i];
  }
  /// A request whose response brings these attributes.
  void Request(int status, const std::string& details, const std::string& upstream) {
    SessionDriver stream(*this);
    stream.SendHeaders();
    stream.SendBody(ChatBody(), true);
    RequestMessage response;
    response.kind = 3;
    response.headers = {{":status", std::to_string(status)}};
    if (!details.empty()) response.attributes.emplace_back("response.code_details", details);
    if (!upstream.empty()) response.attributes.emplace_back("upstream.address", upstream);
    response.end_of_stream = true;
    stream.Send(response);
  }
};

TEST_CASE("The gateway's own answers for an endpoint that refuses eject it") {
  for (const char* upstream : {"", "192.168.1.1:8000"}) {
    World world;
    world.Request(503, kRefused, upstream);
    CHECK(world.endpoint(0).reachable());
    world.Request(503, kRefused, upstream);
    CHECK(!world.endpoint(0).reachable());
    world.Request(200, "via_upstream", "192.168.1.2:8000");
    CHECK(!world.endpoint(0).reachable());
    world.Request(500, "via_upstream", "192.168.1.1:8000");  // an error, but an answer
    CHECK(world.endpoint(0).reachable());
  }
}

TEST_CASE("Answers of the endpoint with status 5xx eject it, by the limits of its pool") {
  World world;
  for (int i = 0; i < 4; ++i) world.Request(503, "via_upstream", "192.168.1.1:8000");
  CHECK(world.endpoint(0).reachable());
  world.Request(599, "via_upstream", "192.168.1.1:8000");
  CHECK(!world.endpoint(0).reachable());

  World strict;
  auto pool = strict.context.runtime->pools()[0];
  pool.outlier_detection.consecutive_5xx = api::Field<int>(1);
  strict.Publish({pool});
  strict.Request(500, "via_upstream", "192.168.1.1:8000");
  CHECK(!strict.endpoint(0).reachable());
}

TEST_CASE("A failure counts at the endpoint that the gateway names, if it is of the pool") {
  World world;
  for (int i = 0; i < 3; ++i) {
    world.Request(503, kRefused, "192.168.1.2:8000");
    world.Request(503, kRefused, "10.0.0.1:1");
  }
  CHECK(world.endpoint(0).reachable());
  CHECK(!world.endpoint(1).reachable());
}

TEST_CASE("Errors and resets that are not surely the endpoint's doing never count against it") {
  World world;
  for (int i = 0; i < 20; ++i) {
    world.Request(503, "", "");
    world.Request(429, "via_upstream", "192.168.1.1:8000");
    world.Request(504, "upstream_response_timeout", "192.168.1.1:8000");
    world.Request(503, "upstream_reset_before_response_started{overflow}", "192.168.1.1:8000");
    SessionDriver stream(world);
    stream.SendHeaders();
    stream.SendBody(ChatBody(), true);
    if (i % 2 == 0) stream.SendResponseHeaders();
    stream.session().OnReset();
  }
  CHECK(world.endpoint(0).reachable());
  CHECK(world.outliers.size() == 0);
}

}  // namespace
}  // namespace inference::extproc
