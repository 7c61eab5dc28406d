#include "extproc/upstream_health.h"

#include <catch2/catch.hpp>

#include "support/session_driver.h"

namespace inference::extproc {
namespace {

using namespace inference::test;  // NOLINT: the whole test speaks its language
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr char kRefused[] =
    "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_"
    "Connection_refused}";

struct Fixture {
  UpstreamHealth health;
  std::shared_ptr<datastore::Endpoint> endpoint =
      std::make_shared<datastore::Endpoint>(datastore::EndpointInfo{});
  base::Time now = base::FromNanos(1'000'000'000'000);

  void Fail() { Fail(now); }
  void Fail(base::Time picked) { health.NoteFailure(endpoint, "it fails", picked, now); }
  /// When it is tried again, in milliseconds from now.
  int64_t Pause() {
    for (int64_t ms = 0;; ms += 100) {
      health.Readmit(now);
      if (endpoint->reachable()) return ms;
      if (ms > 100'000) return -1;
      now += milliseconds(100);
    }
  }
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

TEST_CASE("Two failures in a row make an endpoint unreachable, a response between them does not") {
  Fixture f;
  f.Fail();
  f.health.NoteResponse(*f.endpoint, f.now);
  CHECK(f.health.size() == 0);
  f.Fail();
  CHECK(f.endpoint->reachable());
  f.Fail();
  CHECK(!f.endpoint->reachable());
  CHECK(f.endpoint->shunned_for() == std::string("it fails"));
}

TEST_CASE("A good scrape does not end what requests have shown") {
  Fixture f;
  f.Fail();
  f.Fail();
  f.endpoint->RecordSuccess();
  CHECK(!f.endpoint->reachable());
  CHECK(f.Pause() == 1000);
}

TEST_CASE("Each failure after a pause doubles it, up to 30 s; a response ends the row") {
  Fixture f;
  f.Fail();
  for (const int64_t pause : {1000, 2000, 4000, 8000, 16000, 30000, 30000}) {
    f.Fail();
    REQUIRE(!f.endpoint->reachable());
    CHECK(f.Pause() == pause);
  }
  f.health.NoteResponse(*f.endpoint, f.now);
  CHECK(f.health.size() == 0);
  f.Fail();
  CHECK(f.endpoint->reachable());
}

TEST_CASE("Requests of before are old news, good or bad") {
  Fixture f;
  const base::Time before = f.now;
  f.now += seconds(1);
  f.Fail(before);
  f.Fail(before);
  CHECK(!f.endpoint->reachable());
  f.health.NoteResponse(*f.endpoint, before);  // it began to answer before it failed
  f.health.NoteResponse(*f.endpoint, {});      // picked by another replica
  CHECK(!f.endpoint->reachable());
  f.Fail(before);  // more of the same crash: no longer pause
  CHECK(f.Pause() == 1000);
  f.Fail(before);
  CHECK(f.endpoint->reachable());
}

TEST_CASE("A request that was sent there for want of anything better brings it back") {
  Fixture f;
  f.Fail();
  f.Fail();
  f.health.NoteResponse(*f.endpoint, f.now);
  CHECK(f.endpoint->reachable());
}

TEST_CASE("Failures far apart are not in a row, and are forgotten") {
  Fixture f;
  f.Fail();
  f.now += UpstreamHealth::kForgetAfter;
  f.health.Readmit(f.now);
  CHECK(f.health.size() == 0);
  CHECK(f.endpoint.use_count() == 1);
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

TEST_CASE("The gateway's own answers for an endpoint that refuses make it unreachable") {
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
  for (int i = 0; i < 5; ++i) {
    world.Request(503, "", "");
    world.Request(503, "via_upstream", "192.168.1.1:8000");
    world.Request(504, "upstream_response_timeout", "192.168.1.1:8000");
    world.Request(503, "upstream_reset_before_response_started{overflow}", "192.168.1.1:8000");
    SessionDriver stream(world);
    stream.SendHeaders();
    stream.SendBody(ChatBody(), true);
    if (i % 2 == 0) stream.SendResponseHeaders();
    stream.session().OnReset();
  }
  CHECK(world.endpoint(0).reachable());
  CHECK(world.upstreams.size() == 0);
}

}  // namespace
}  // namespace inference::extproc
