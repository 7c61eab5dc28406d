#include <catch2/catch.hpp>

#include "support/session_driver.h"

namespace inference::extproc {
namespace {

using namespace inference::test;  // NOLINT: the whole test speaks its language

struct World : SessionWorld {
  explicit World(api::ResponseTracking tracking = api::ResponseTracking::kAuto,
                 SessionOptions options = {})
      : SessionWorld({}, options) {
    auto pool = MakePool("a", {{"10.0.0.1", 0, 0, {}}, {"10.0.0.2", 5, .5, {}}}, clock.now);
    pool.response_tracking = tracking;
    pool_id = pool.pool_id;
    Publish({pool});
  }
  uint32_t pool_id = 0;
};

/// Brings a stream to where the response begins.
void Pick(SessionDriver& stream, int response_mode = kFullDuplex) {
  stream.SendHeaders(kFullDuplex, response_mode);
  stream.SendBody(ChatBody(), true);
  REQUIRE(stream.Take().size() == 2);
}

constexpr char kAnswer[] =
    R"({"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":10,"total_tokens":17,"prompt_tokens_details":{"cached_tokens":4}}})";

TEST_CASE(
    "Full duplex: each response piece is passed on as it comes, and the end ends the request") {
  World world;
  SessionDriver stream(world);
  Pick(stream);
  CHECK(world.InFlight(0, 0) == 1);
  world.Advance(std::chrono::milliseconds(20));
  stream.SendResponseHeaders();
  const ResponseMessage headers = stream.TakeOne();
  CHECK(headers.kind == 2);
  CHECK(headers.set.empty());
  const std::string answer = kAnswer;
  stream.SendResponseBody(answer.substr(0, 50), false);
  ResponseMessage piece = stream.TakeOne();
  CHECK((piece.kind == 4 && piece.streamed && !piece.end_of_stream));
  CHECK(piece.body == answer.substr(0, 50));
  world.Advance(std::chrono::milliseconds(10));
  stream.SendResponseBody(answer.substr(50), false);
  CHECK(stream.TakeOne().body == answer.substr(50));
  stream.SendResponseBody("", true);
  piece = stream.TakeOne();
  CHECK((piece.streamed && piece.end_of_stream && piece.body.empty()));
  CHECK(world.InFlight(0, 0) == 0);
  const auto record = world.Find("req-1");
  REQUIRE(record);
  CHECK(record->outcome == picker::StreamOutcome::kServed);
  CHECK(record->http_status == 200);
  CHECK(record->prompt_tokens == 7);
  CHECK(record->cached_tokens == 4);
  CHECK(record->completion_tokens == 10);
  CHECK(record->ttft_us == 20000);
  CHECK(record->duration_us == 30000);
  stream.session().OnReset();
  CHECK(world.Find("req-1")->outcome == picker::StreamOutcome::kServed);
}

TEST_CASE("A response piece cut by the transport is passed on without waiting for its rest") {
  World world;
  SessionDriver stream(world);
  Pick(stream);
  stream.SendResponseHeaders();
  stream.Take();
  RequestMessage message;
  message.kind = 5;
  message.body.assign(1000, 'z');
  message.end_of_stream = true;
  const std::string bytes = Frame(Encode(message));
  stream.SendBytes(std::string_view(bytes).substr(0, 400));
  const ResponseMessage first = stream.TakeOne();
  CHECK(!first.end_of_stream);
  CHECK(!first.body.empty());
  stream.SendBytes(std::string_view(bytes).substr(400));
  const ResponseMessage second = stream.TakeOne();
  CHECK(second.end_of_stream);
  CHECK(first.body + second.body == message.body);
}

TEST_CASE("Response trailers are answered and end the request") {
  World world;
  SessionDriver stream(world);
  Pick(stream);
  stream.SendResponseHeaders();
  stream.SendResponseBody(kAnswer, false);
  CHECK(world.InFlight(0, 0) == 1);
  stream.Take();
  stream.SendTrailers(7);
  CHECK(stream.TakeOne().kind == 6);
  CHECK(world.InFlight(0, 0) == 0);
  CHECK(world.Find("req-1")->prompt_tokens == 7);
}

TEST_CASE("Other response dialects are answered empty") {
  for (int mode : {kStreamed, kBuffered, kBufferedPartial}) {
    World world;
    SessionDriver stream(world);
    Pick(stream, mode);
    stream.SendResponseHeaders();
    CHECK(stream.TakeOne().kind == 2);
    stream.SendResponseBody(kAnswer, true);
    const ResponseMessage answer = stream.TakeOne();
    CHECK(answer.kind == 4);
    CHECK((!answer.streamed && !answer.replaces_body));
    CHECK(world.Find("req-1")->completion_tokens == 10);
  }
}

TEST_CASE("Response headers that end the stream end the request") {
  World world;
  SessionDriver stream(world);
  Pick(stream);
  RequestMessage message;
  message.kind = 3;
  message.headers = {{":status", "204"}};
  message.end_of_stream = true;
  stream.Send(message);
  CHECK(stream.TakeOne().kind == 2);
  CHECK(world.InFlight(0, 0) == 0);
  CHECK(world.Find("req-1")->http_status == 204);
}

TEST_CASE("Without response body messages the end is not seen: the reservation ages out") {
  World world;
  SessionDriver stream(world);
  Pick(stream, kNone);
  stream.SendResponseHeaders();
  CHECK(stream.TakeOne().kind == 2);
  CHECK(world.InFlight(0, 0) == 1);
  stream.session().OnReset();
  CHECK(world.InFlight(0, 0) == 1);
  CHECK(world.in_flight.size() == 1);
  world.Advance(InFlightTable::kDefaultDuration);
  world.in_flight.Expire(world.clock.now, 0, 1);
  CHECK(world.InFlight(0, 0) == 0);
}

TEST_CASE("The served endpoint takes over the reservation") {
  World world;
  SessionDriver stream(world);
  Pick(stream);
  stream.SendResponseHeaders(200, "application/json", "10.0.0.2:8000");
  CHECK(world.InFlight(0, 0) == 0);
  CHECK(world.InFlight(0, 1) == 1);
  stream.SendResponseBody(kAnswer, true);
  CHECK(world.InFlight(0, 1) == 0);
  CHECK(world.Find("req-1")->served_endpoint_id ==
        world.context.runtime->pools()[0].pool->endpoints()[1]->id());
}

TEST_CASE("A response that breaks off ends the reservation, once") {
  World world;
  {
    SessionDriver stream(world);
    Pick(stream);
    stream.SendResponseHeaders();
    stream.session().OnReset();
    stream.session().OnReset();
  }
  CHECK(world.InFlight(0, 0) == 0);
  CHECK(world.in_flight.size() == 0);
  CHECK(world.Find("req-1")->outcome == picker::StreamOutcome::kClientClosed);
}

TEST_CASE("Response tracking none: closed with OK right after the body's end") {
  World world(api::ResponseTracking::kNone);
  SessionDriver stream(world);
  Pick(stream);
  CHECK(stream.closed());
  CHECK(stream.code() == Code::kOk);
  CHECK(world.InFlight(0, 0) == 1);
  CHECK(world.in_flight.size() == 1);
  CHECK(world.Find("req-1")->outcome == picker::StreamOutcome::kUnobserved);
}

TEST_CASE("Early close waits for what the gateway still has to send") {
  World world(api::ResponseTracking::kNone);
  SessionDriver streamed(world);
  streamed.SendHeaders(kStreamed, kNone);
  CHECK(!streamed.closed());
  streamed.SendBody("x", false);
  CHECK(!streamed.closed());
  streamed.SendBody("y", true);
  CHECK(streamed.closed());
  SessionDriver buffered(world);
  buffered.SendHeaders(kBuffered, kNone);
  buffered.SendBody(ChatBody(), false);
  CHECK(!buffered.closed());
  buffered.SendTrailers();
  CHECK(buffered.closed());
  SessionDriver headers_only(world);
  headers_only.SendHeaders(kNone, kNone);
  CHECK(headers_only.closed());
}

TEST_CASE("The picked endpoint is told to clients that ask, where the operator allows it") {
  for (bool allowed : {true, false}) {
    World world(api::ResponseTracking::kNone, {.endpoint_header = allowed});
    SessionDriver stream(world);
    RequestMessage headers = stream.Headers();
    headers.headers.emplace_back("x-inference-endpoint", "?1");
    stream.Send(headers);
    stream.SendBody(ChatBody(), true);
    const auto answers = stream.Take();
    CHECK(answers.at(0).remove.size() == (allowed ? 1 : 0));
    CHECK(stream.closed() == !allowed);
    if (!allowed) continue;
    stream.SendResponseHeaders();
    CHECK(stream.TakeOne().Set("x-inference-endpoint") == "10.0.0.1:8000");
  }
}

TEST_CASE("An answer from elsewhere before the request is whole is passed through") {
  World world;
  SessionDriver stream(world);
  stream.SendHeaders();
  stream.SendBody("{", false);
  stream.SendResponseHeaders(403);
  CHECK(stream.TakeOne().kind == 2);
  CHECK(world.budget.used() == 0);
  stream.SendResponseBody("no", true);
  const ResponseMessage answer = stream.TakeOne();
  CHECK((answer.body == "no" && answer.end_of_stream));
  CHECK(world.InFlight(0, 0) == 0);
}

TEST_CASE("A bystander's messages are answered empty and counted nowhere") {
  World world;
  SessionDriver stream(world);
  RequestMessage message;
  message.kind = 3;
  message.headers = {{":status", "200"}};
  message.modes = {{kNone, kStreamed}};
  stream.Send(message);
  CHECK(stream.TakeOne().kind == 2);
  stream.SendResponseBody(kAnswer, false);
  const ResponseMessage answer = stream.TakeOne();
  CHECK((answer.kind == 4 && !answer.streamed));
  stream.SendTrailers(7);
  CHECK(stream.TakeOne().kind == 6);
  CHECK(world.shard.observer_unmatched.value() == 0);
}

/// What the second, observing filter sends.
RequestMessage Observing(const std::string& request_id) {
  RequestMessage message;
  message.kind = 3;
  message.observability = true;
  message.headers = {{":status", "200"}, {"content-type", "application/json"}};
  message.modes = {{kNone, kStreamed}};
  message.attributes = {{"request.id", request_id}, {"upstream.address", "10.0.0.2:8000"}};
  return message;
}

TEST_CASE(
    "An observing stream is never answered, ends the pick's reservation, and latches the pool") {
  World world;
  SessionDriver pick(world);
  Pick(pick);
  CHECK(!pick.closed());  // nobody observes yet
  pick.session().OnReset();
  REQUIRE(world.in_flight.size() == 1);

  world.Advance(std::chrono::milliseconds(50));
  SessionDriver observer(world);
  observer.Send(Observing("req-1"));
  CHECK(world.in_flight.size() == 0);
  CHECK(world.InFlight(0, 1) == 1);  // where it was really served
  observer.SendResponseBody(kAnswer, true);
  CHECK(observer.Take().empty());
  CHECK(!observer.closed());
  CHECK(world.InFlight(0, 1) == 0);
  const auto record = world.Find("req-1");
  CHECK(record->cached_tokens == 4);
  CHECK(record->duration_us == 50000);
  CHECK(record->outcome == picker::StreamOutcome::kServed);

  SessionDriver next(world);
  Pick(next);
  CHECK(next.closed());  // the observer sees the response for us
  world.Advance(InFlightTable::kObservedFor + std::chrono::seconds(1));
  SessionDriver later(world);
  Pick(later);
  CHECK(!later.closed());
}

TEST_CASE("An observed response that another replica picked is counted, its usage too") {
  World world;
  SessionDriver observer(world);
  observer.Send(Observing("unknown"));
  observer.SendResponseBody(kAnswer, true);
  CHECK(world.shard.observer_unmatched.value() == 1);
  CHECK(world.in_flight.Observed(world.pool_id, world.clock.now));
}

TEST_CASE("An observing filter that copies the request too changes nothing") {
  World world;
  SessionDriver observer(world);
  RequestMessage headers = observer.Headers(kStreamed, kStreamed);
  headers.observability = true;
  observer.Send(headers);
  observer.SendBody(ChatBody(), true);
  observer.Send(Observing("unknown"));
  observer.SendResponseBody(kAnswer, true);
  CHECK(observer.Take().empty());
  CHECK(!observer.closed());
  CHECK(world.InFlight(0, 0) == 0);
}

TEST_CASE("Unseen requests live as long as requests of their pool usually take") {
  World world(api::ResponseTracking::kNone);
  for (int i = 0; i < 100; ++i)
    world.in_flight.NoteDuration(world.pool_id, std::chrono::seconds(3));
  CHECK(world.in_flight.PredictedDuration(world.pool_id) == std::chrono::seconds(3));
  SessionDriver stream(world);
  Pick(stream);
  world.Advance(std::chrono::milliseconds(2900));
  world.in_flight.Expire(world.clock.now, 0, 1);
  CHECK(world.InFlight(0, 0) == 1);
  world.Advance(std::chrono::milliseconds(200));
  world.in_flight.Expire(world.clock.now, 0, 1);
  CHECK(world.InFlight(0, 0) == 0);
}

TEST_CASE("A stream in its response phase is small") {
  CHECK(sizeof(Session) + sizeof(Outbox) <= 1024);
}

}  // namespace
}  // namespace inference::extproc
