// Bodies that a worker parses, as a session sees it: the test is the worker.
#include <catch2/catch.hpp>

#include "extproc/parse_job.h"
#include "support/session_driver.h"

namespace inference::extproc {
namespace {

using namespace inference::test;  // NOLINT: the whole test speaks its language

constexpr char kDestination[] = "x-gateway-destination-endpoint";

struct World : SessionWorld {
  explicit World(SessionOptions options = {}) : SessionWorld({}, options) { PublishOne("a"); }
  void PublishOne(const std::string& name) {
    Publish({MakePool(name, {{"192.168.1.1", 3, .2, {}}, {"192.168.1.2", 0, .1, {}}}, clock.now)});
  }
};

std::string Large(const std::string& model = "m") {
  return ChatBody(model, std::string(kParseHereBytes, 'x'));
}

std::unique_ptr<ParseJob> Run(World& world, std::unique_ptr<ParseJob> job) {
  REQUIRE(job);
  job->memory = std::make_unique<ParseMemory>();
  job->Run(world.clock);
  return job;
}

/// A full-duplex stream whose large body is whole, and its job.
struct Parsing {
  explicit Parsing(World& world, const std::string& body = Large()) : stream(world) {
    stream.SendHeaders();
    stream.SendBody(body, true);
    CHECK(stream.Take().empty());
    job = stream.out.TakeParse();
    REQUIRE(job);
  }
  SessionDriver stream;
  std::unique_ptr<ParseJob> job;
};

TEST_CASE("A body is parsed elsewhere only beyond the bound, and only if it is ours to read") {
  World world;
  const auto parsed_elsewhere = [&](const std::string& body, const char* path) {
    SessionDriver stream(world);
    RequestMessage headers = stream.Headers();
    headers.headers[1].second = path;
    stream.Send(headers);
    stream.SendBody(body, true);
    return stream.out.TakeParse() != nullptr;
  };
  const size_t frame = ChatBody("m", "").size();
  const std::string most = ChatBody("m", std::string(kParseHereBytes - frame, 'x'));
  REQUIRE(most.size() == kParseHereBytes);
  CHECK(!parsed_elsewhere(most, "/v1/chat/completions"));
  CHECK(parsed_elsewhere(most + " ", "/v1/chat/completions"));
  CHECK(!parsed_elsewhere(most + " ", "/v1/files"));
}

TEST_CASE("A large body is answered once it is parsed, like a small one") {
  World world;
  const std::string body = Large();
  Parsing parsing(world, body);
  const auto job = Run(world, std::move(parsing.job));
  parsing.stream.session().OnParsed(*job);
  const auto answers = parsing.stream.Take();
  REQUIRE(answers.size() >= 3);
  CHECK(answers[0].Set(kDestination) == "192.168.1.2:8000");
  std::string echoed;
  for (size_t i = 1; i < answers.size(); ++i) echoed += answers[i].body;
  CHECK(echoed == body);
  CHECK(answers.back().end_of_stream);
  CHECK(world.InFlight(0, 1) == 1);
  const auto record = world.Find("req-1");
  REQUIRE(record);
  CHECK(record->model_view() == "m");
  CHECK(record->body_bytes == body.size());
}

TEST_CASE("The record of a large body tells the parsing and the pick, not the wait between") {
  World world;
  Parsing parsing(world);
  const auto job = Run(world, std::move(parsing.job));
  job->took = std::chrono::milliseconds(7);
  world.Advance(std::chrono::seconds(3));
  parsing.stream.session().OnParsed(*job);
  CHECK(world.Find("req-1")->pick_us == 7000);
}

TEST_CASE("A fault in a large body is refused with its place") {
  World world;
  Parsing parsing(world, Large() + "]");
  const auto job = Run(world, std::move(parsing.job));
  parsing.stream.session().OnParsed(*job);
  const ResponseMessage answer = parsing.stream.TakeOne();
  CHECK(answer.status == 400);
  CHECK(answer.body.find("column " + std::to_string(Large().size() + 1)) != std::string::npos);
  CHECK(parsing.stream.closed());
}

TEST_CASE("A reload while a body is parsed: the newest runtime picks") {
  World world;
  Parsing parsing(world);
  world.Publish({MakePool("a", {{"192.168.9.9", 0, 0, {}}}, world.clock.now)});
  const auto job = Run(world, std::move(parsing.job));
  parsing.stream.session().OnParsed(*job);
  CHECK(parsing.stream.Take().at(0).Set(kDestination) == "192.168.9.9:8000");
}

TEST_CASE("What ends a stream while its body is parsed ends it at once") {
  World world;
  enum { kReset, kDestroyed, kTimer, kMoreBody };
  for (const int what : {kReset, kDestroyed, kTimer, kMoreBody}) {
    CAPTURE(what);
    {
      Parsing parsing(world);
      SessionDriver& stream = parsing.stream;
      CHECK(stream.out.timer() == Timer::kPick);
      switch (what) {
        case kReset:
          stream.session().OnReset();
          break;
        case kDestroyed:
          stream.Destroy();
          break;
        case kTimer:
          stream.session().OnTimer();
          CHECK(stream.TakeOne().status == 503);
          break;
        case kMoreBody:
          stream.SendBody("x", true);
          CHECK(stream.code() == Code::kInvalidArgument);
          break;
      }
      // The worker still holds the body, and nothing else does.
      CHECK(world.budget.used() > 0);
      const auto job = Run(world, std::move(parsing.job));
      if (what != kDestroyed) stream.session().OnParsed(*job);
      CHECK(stream.Take().empty());
    }
    CHECK(world.InFlight(0, 0) + world.InFlight(0, 1) == 0);
    CHECK(world.budget.used() == 0);
  }
}

TEST_CASE("A peer that has no more to say after a large body gets its answer") {
  World world;
  Parsing parsing(world);
  parsing.stream.session().OnHalfClose();
  CHECK(!parsing.stream.closed());
  const auto job = Run(world, std::move(parsing.job));
  parsing.stream.session().OnParsed(*job);
  const auto answers = parsing.stream.Take();
  REQUIRE(answers.size() >= 2);
  CHECK(answers[0].Set(kDestination) == "192.168.1.2:8000");
  CHECK(parsing.stream.closed());
}

TEST_CASE("A job whose stream ended before it was taken goes with it") {
  World world;
  {
    SessionDriver stream(world);
    stream.SendHeaders();
    stream.SendBody(Large(), true);
    stream.session().OnReset();
  }
  CHECK(world.budget.used() == 0);
}

TEST_CASE("Another answer of the gateway while a body is parsed: only a bystander remains") {
  World world;
  {
    Parsing parsing(world);
    parsing.stream.SendResponseHeaders(504);
    CHECK(parsing.stream.TakeOne().kind == 2);
    const auto job = Run(world, std::move(parsing.job));
    parsing.stream.session().OnParsed(*job);
    CHECK(parsing.stream.Take().empty());
    parsing.stream.SendResponseBody("timeout", true);
    CHECK(parsing.stream.Take().size() == 1);
  }
  CHECK(world.InFlight(0, 0) + world.InFlight(0, 1) == 0);
  CHECK(world.budget.used() == 0);
}

TEST_CASE("Trailers that come while a buffered body is parsed are answered behind it") {
  World world;
  SessionDriver stream(world);
  stream.SendHeaders(kBuffered, kNone);
  CHECK(stream.TakeOne().kind == 1);
  stream.SendBody(Large(), false);
  const auto job = Run(world, stream.out.TakeParse());
  stream.SendTrailers();
  CHECK(stream.Take().empty());
  stream.session().OnParsed(*job);
  const auto answers = stream.Take();
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].kind == 3);
  CHECK(answers[0].Set(kDestination) == "192.168.1.2:8000");
  CHECK(answers[1].kind == 5);
}

TEST_CASE("Trailers behind the end of a body that is parsed are a fault") {
  World world;
  Parsing parsing(world);
  parsing.stream.SendTrailers();
  CHECK(parsing.stream.code() == Code::kInvalidArgument);
}

TEST_CASE("A body that the gateway cut gives its model and what came of the prompt") {
  for (const size_t size : {size_t{10}, 2 * kParseHereBytes}) {
    World world;
    SessionDriver stream(world);
    stream.SendHeaders(kBufferedPartial, kNone);
    CHECK(stream.TakeOne().kind == 1);
    const std::string body = ChatBody("big-model", std::string(size, 'x'));
    stream.SendBody(std::string_view(body).substr(0, body.size() - 5), false);
    if (size > kParseHereBytes) {
      const auto job = Run(world, stream.out.TakeParse());
      stream.session().OnParsed(*job);
    }
    CHECK(stream.TakeOne().Set(kDestination) == "192.168.1.2:8000");
    CHECK(world.Find("req-1")->model_view() == "big-model");
  }
}

TEST_CASE("Memory of a job serves the next") {
  World world;
  std::unique_ptr<ParseMemory> memory = std::make_unique<ParseMemory>();
  for (const char* model : {"one", "two"}) {
    Parsing parsing(world, Large(model));
    parsing.job->memory = std::move(memory);
    parsing.job->Run(world.clock);
    parsing.stream.session().OnParsed(*parsing.job);
    memory = std::move(parsing.job->memory);
    CHECK(world.Find("req-1")->model_view() == model);
    parsing.stream.Destroy();
  }
}

}  // namespace
}  // namespace inference::extproc
