#include <catch2/catch.hpp>

#include "support/session_driver.h"

namespace inference::extproc {
namespace {

using namespace inference::test;  // NOLINT: the whole test speaks its language

constexpr char kDestination[] = "x-gateway-destination-endpoint";

/// Three endpoints of which the second is the least loaded.
std::vector<picker::PoolRuntime> OnePool(base::Time now) {
  return {MakePool(
      "a", {{"192.168.1.1", 3, .2, {}}, {"192.168.1.2", 0, .1, {}}, {"192.168.1.3", 10, .2, {}}},
      now)};
}

struct World : SessionWorld {
  explicit World(SessionOptions options = {}, int64_t budget = 1 << 30)
      : SessionWorld({}, options, budget) {
    Publish(OnePool(clock.now));
  }
};

void CheckPick(const ResponseMessage& answer, const std::string& host_port = "192.168.1.2:8000") {
  CHECK(answer.Set(kDestination) == host_port);
  CHECK(answer.metadata_destination == host_port);
  CHECK(answer.clear_route_cache);
}

TEST_CASE("Full duplex: nothing is said before the body's end, then header, body, end") {
  World world;
  SessionDriver stream(world);
  stream.SendHeaders();
  CHECK(stream.Take().empty());
  const std::string body = ChatBody();
  stream.SendBody(body.substr(0, 10), false);
  CHECK(stream.Take().empty());
  // HTTP/1.1 clients make Envoy send the end as an empty message of its own.
  stream.SendBody(body.substr(10), false);
  stream.SendBody("", true);
  const auto answers = stream.Take();
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].kind == 1);
  CheckPick(answers[0]);
  CHECK(answers[0].set.size() == 1);  // the client's own headers are never echoed
  CHECK(answers[1].kind == 3);
  CHECK(answers[1].streamed);
  CHECK(answers[1].body == body);
  CHECK(answers[1].end_of_stream);
  CHECK(!stream.closed());
  CHECK(world.InFlight(0, 1) == 1);
}

TEST_CASE("Full duplex: large bodies come back in pieces of 62,000 bytes") {
  const std::pair<size_t, size_t> rows[] = {{61000, 1}, {62000, 1}, {62001, 2}, {125000, 3}};
  for (const auto& [size, pieces] : rows) {
    World world;
    SessionDriver stream(world);
    RequestMessage headers = stream.Headers();
    headers.headers[1].second = "/v1/other";  // not parsed
    stream.Send(headers);
    std::string body(size, 'x');
    for (size_t i = 0; i < size; ++i) body[i] = static_cast<char>('a' + i % 23);
    stream.SendBody(body, true);
    const auto answers = stream.Take();
    REQUIRE(answers.size() == 1 + pieces);
    std::string joined;
    for (size_t i = 1; i < answers.size(); ++i) {
      joined += answers[i].body;
      CHECK(answers[i].body.size() <= 62000);
      CHECK(answers[i].end_of_stream == (i + 1 == answers.size()));
    }
    CHECK(joined == body);
    CHECK(world.budget.used() == 0);
  }
}

TEST_CASE("Full duplex: an empty body is ended by one empty piece") {
  World world;
  SessionDriver stream(world);
  RequestMessage headers = stream.Headers();
  headers.headers[1].second = "/v1/other";
  stream.Send(headers);
  stream.SendBody("", true);
  const auto answers = stream.Take();
  REQUIRE(answers.size() == 2);
  CHECK((answers[1].streamed && answers[1].end_of_stream && answers[1].body.empty()));
}

TEST_CASE(
    "Full duplex: with trailers no body piece ends the stream, and the trailers are answered") {
  World world;
  SessionDriver stream(world);
  stream.SendHeaders();
  stream.SendBody(ChatBody(), false);
  stream.SendTrailers();
  const auto answers = stream.Take();
  REQUIRE(answers.size() == 3);
  CheckPick(answers[0]);
  CHECK(answers[1].body == ChatBody());
  CHECK(!answers[1].end_of_stream);
  CHECK(answers[2].kind == 5);
}

TEST_CASE("A request without a body is answered by a header response alone, in every dialect") {
  for (int mode : {kFullDuplex, kBuffered, kBufferedPartial, kStreamed, kNone}) {
    World world;
    SessionDriver stream(world);
    RequestMessage headers = stream.Headers(mode);
    headers.headers[0].second = "GET";
    headers.headers[1].second = "/v1/models";
    headers.end_of_stream = true;
    stream.Send(headers);
    const ResponseMessage answer = stream.TakeOne();
    CHECK(answer.kind == 1);
    CheckPick(answer);
  }
}

TEST_CASE("Buffered: an empty header response at once, the pick with the body") {
  for (int mode : {kBuffered, kBufferedPartial}) {
    for (bool end : {true, false}) {
      World world;
      SessionDriver stream(world);
      stream.SendHeaders(mode, kNone);
      ResponseMessage answer = stream.TakeOne();
      CHECK(answer.kind == 1);
      CHECK(answer.set.empty());
      CHECK(answer.metadata_destination.empty());
      stream.SendBody(ChatBody(), end);
      answer = stream.TakeOne();
      CHECK(answer.kind == 3);
      CHECK((!answer.streamed && !answer.replaces_body));
      CheckPick(answer);
      if (!end) {
        stream.SendTrailers();
        CHECK(stream.TakeOne().kind == 5);
      }
    }
  }
}

TEST_CASE("Buffered partial: a cut body is no fault of the client") {
  World world;
  SessionDriver stream(world);
  stream.SendHeaders(kBufferedPartial, kNone);
  stream.Take();
  stream.SendBody(ChatBody().substr(0, 30), false);
  CheckPick(stream.TakeOne());
}

TEST_CASE("Streamed: the pick comes with the headers, pieces and trailers are answered empty") {
  World world;
  SessionDriver stream(world);
  RequestMessage headers = stream.Headers(kStreamed, kNone);
  headers.headers.emplace_back("x-gateway-model-name", "from-header");
  stream.Send(headers);
  CheckPick(stream.TakeOne());
  CHECK(world.Find("req-1")->model_view() == "from-header");
  stream.SendBody("abc", false);
  ResponseMessage answer = stream.TakeOne();
  CHECK(answer.kind == 3);
  CHECK((!answer.streamed && !answer.replaces_body));
  stream.SendTrailers();
  CHECK(stream.TakeOne().kind == 5);
}

TEST_CASE("None: an empty protocol_config is a request without body messages") {
  World world;
  SessionDriver stream(world);
  stream.SendHeaders(kNone, kNone);
  CheckPick(stream.TakeOne());
}

TEST_CASE("An absent protocol_config means full duplex") {
  World world;
  SessionDriver stream(world);
  RequestMessage headers = stream.Headers();
  headers.modes.reset();
  stream.Send(headers);
  CHECK(stream.Take().empty());
  stream.SendBody(ChatBody(), true);
  CHECK(stream.Take().size() == 2);
}

TEST_CASE("The GRPC body mode is refused on either side") {
  for (const auto& [request, response] : {std::pair{kGrpcMode, kNone}, {kFullDuplex, kGrpcMode}}) {
    World world;
    SessionDriver stream(world);
    stream.SendHeaders(request, response);
    CHECK(stream.Take().empty());
    REQUIRE(stream.closed());
    CHECK(stream.code() == Code::kUnimplemented);
    CHECK(world.shard.protocol_errors.value() == 1);
  }
}

TEST_CASE("Headers of ours that the client sent are removed, the destination is overwritten") {
  World world;
  SessionDriver stream(world);
  RequestMessage headers = stream.Headers();
  for (const char* name : {"x-gateway-inference-objective", "x-gateway-inference-fairness-id",
                           "x-gateway-model-name-rewrite", "x-gateway-destination-endpoint-subset",
                           kDestination, "x-gateway-inference-objective"}) {
    headers.headers.emplace_back(name, "6.6.6.6:666");
  }
  stream.Send(headers);
  stream.SendBody(ChatBody(), true);
  const ResponseMessage answer = stream.Take().at(0);
  CheckPick(answer);
  CHECK(answer.remove == std::vector<std::string>{"x-gateway-inference-objective",
                                                  "x-gateway-inference-fairness-id",
                                                  "x-gateway-model-name-rewrite",
                                                  "x-gateway-destination-endpoint-subset"});
}

TEST_CASE("A request id is made only where there is none that can be used") {
  World world;
  for (const char* sent : {"", "with space", "\x01"}) {
    SessionDriver stream(world);
    RequestMessage headers = stream.Headers();
    headers.headers.back().second = sent;
    if (*sent == '\0') headers.headers.pop_back();
    stream.Send(headers);
    stream.SendBody(ChatBody(), true);
    const std::string id = stream.Take().at(0).Set("x-request-id");
    CHECK(id.size() == 36);
    CHECK(id[14] == '4');
    CHECK(world.Find(id).has_value());
  }
}

TEST_CASE("The destination list is as long as the pool allows, the same in header and metadata") {
  World world;
  auto pools = OnePool(world.clock.now);
  pools[0].destination_list = 2;
  world.Publish(std::move(pools));
  SessionDriver stream(world);
  stream.SendHeaders();
  stream.SendBody(ChatBody(), true);
  CheckPick(stream.Take().at(0), "192.168.1.2:8000,192.168.1.1:8000");
}

TEST_CASE("The subset hint restricts the pick; empty or foreign subsets are 503") {
  struct Row {
    std::vector<std::string> subset;
    std::string expected;  // empty: 503
  };
  const Row rows[] = {
      {{"192.168.1.1:8000", "192.168.1.2:8000", "192.168.1.3:8000"}, "192.168.1.2:8000"},
      {{"192.168.1.3"}, "192.168.1.3:8000"},
      {{"192.168.1.3:8000"}, "192.168.1.3:8000"},
      {{"192.168.1.99:8000"}, ""},
      {{}, ""}};
  for (const Row& row : rows) {
    for (bool as_text : {false, true}) {
      World world;
      SessionDriver stream(world);
      RequestMessage headers = stream.Headers();
      if (as_text) {
        headers.subset_text.emplace();
        for (const std::string& entry : row.subset) *headers.subset_text += entry + ", ";
      } else {
        headers.subset = row.subset;
      }
      stream.Send(headers);
      stream.SendBody(ChatBody(), true);
      const ResponseMessage answer = stream.Take().at(0);
      if (!row.expected.empty()) {
        CheckPick(answer, row.expected);
        continue;
      }
      CHECK(answer.status == 503);
      CHECK(answer.Set("x-llm-d-request-dropped-reason") == "rejected-no-endpoints");
    }
  }
}

TEST_CASE("The pool comes from initial metadata, else from the route, else there is only one") {
  World world;
  world.Publish({MakePool("a", {{"10.0.0.1", 0, 0, {}}}, world.clock.now),
                 MakePool("b", {{"10.0.0.2", 0, 0, {}}}, world.clock.now)});
  const auto ask = [&](std::string_view pool, const std::string& route) {
    SessionDriver stream(world, pool);
    RequestMessage headers = stream.Headers();
    if (!route.empty()) headers.attributes = {{"xds.route_name", route}};
    stream.Send(headers);
    stream.SendBody(ChatBody(), true);
    const ResponseMessage answer = stream.Take().at(0);
    return answer.status != 0 ? std::to_string(answer.status) : answer.Set(kDestination);
  };
  CHECK(ask("default/b", "") == "10.0.0.2:8000");
  CHECK(ask("a", "route-b") == "10.0.0.1:8000");
  CHECK(ask("", "route-b") == "10.0.0.2:8000");
  CHECK(ask("nowhere", "") == "404");
  CHECK(ask("", "") == "404");
}

TEST_CASE("Refusals are immediate responses in OpenAI form, and what is in flight is ignored") {
  struct Row {
    const char* what;
    std::string body;
    int status;
    const char* type;
  };
  const Row rows[] = {{"no JSON", "no healthy upstream", 400, "invalid_request_error"},
                      {"no model", R"({"prompt":"hello"})", 400, "invalid_request_error"},
                      {"too large", std::string(2000, ' '), 413, "invalid_request_error"}};
  for (const Row& row : rows) {
    INFO(row.what);
    World world({.max_body_bytes = 1000});
    SessionDriver stream(world);
    stream.SendHeaders();
    stream.SendBody(row.body, true);
    const ResponseMessage answer = stream.TakeOne();
    CHECK(answer.kind == 7);
    CHECK(answer.status == row.status);
    CHECK(answer.Set("content-type") == "application/json");
    CHECK(answer.Set("x-request-id") == "req-1");
    CHECK(answer.Set("retry-after").empty());
    CHECK(answer.body.find(row.type) != std::string::npos);
    CHECK(!answer.details.empty());
    CHECK(answer.details.find(' ') == std::string::npos);
    CHECK(stream.closed());
    CHECK(stream.code() == Code::kOk);
    CHECK(world.budget.used() == 0);
    CHECK(world.Find("req-1")->http_status == row.status);
    CHECK(world.Find("req-1")->outcome == picker::StreamOutcome::kRefused);
    stream.SendBody("more", true);
    stream.SendTrailers();
    stream.SendResponseHeaders();
    CHECK(stream.Take().empty());
  }
}

TEST_CASE("A content-length over the limit is refused before the body comes") {
  World world({.max_body_bytes = 1000});
  SessionDriver stream(world);
  RequestMessage headers = stream.Headers();
  headers.headers.emplace_back("content-length", "1001");
  stream.Send(headers);
  CHECK(stream.TakeOne().status == 413);
}

TEST_CASE("Bodies over the process's budget are refused with 503 and a retry") {
  World world({}, 1000);
  SessionDriver first(world);
  first.SendHeaders();
  first.SendBody(std::string(800, ' '), false);
  CHECK(world.shard.held_bytes.value() == 800);
  SessionDriver second(world);
  second.SendHeaders();
  second.SendBody(std::string(300, ' '), false);
  const ResponseMessage answer = second.TakeOne();
  CHECK(answer.status == 503);
  CHECK(answer.Set("retry-after") == "1");
  CHECK(world.shard.body_budget_refusals.value() == 1);
  first.Destroy();
  CHECK(world.budget.used() == 0);
}

TEST_CASE("A pool without endpoints is 503, also for a GET") {
  World world;
  world.Publish({MakePool("a", {}, world.clock.now)});
  SessionDriver stream(world);
  RequestMessage headers = stream.Headers();
  headers.end_of_stream = true;
  stream.Send(headers);
  const ResponseMessage answer = stream.TakeOne();
  CHECK(answer.status == 503);
  CHECK(answer.Set("x-llm-d-request-dropped-reason") == "rejected-no-endpoints");
  CHECK(answer.Set("retry-after") == "1");
}

TEST_CASE("A body that stops coming is refused with 408, a silent stream is closed") {
  World world;
  SessionDriver stream(world);
  CHECK(stream.out.timer() == Timer::kIdle);
  stream.SendHeaders();
  CHECK(stream.out.timer() == Timer::kIdle);
  stream.session().OnTimer();
  CHECK(stream.TakeOne().status == 408);
  CHECK(stream.out.timer() == Timer::kDrain);
  SessionDriver silent(world);
  silent.session().OnTimer();
  CHECK(silent.code() == Code::kDeadlineExceeded);
}

TEST_CASE("Messages that do not follow are INVALID_ARGUMENT") {
  struct Row {
    const char* what;
    std::vector<int> kinds;  // after full duplex headers when the first isn't one
  };
  World world;
  const auto message = [](int kind) {
    RequestMessage m;
    m.kind = kind;
    m.end_of_stream = true;
    if (kind == 4) m.body = ChatBody();
    return m;
  };
  for (const std::vector<int>& kinds :
       {std::vector<int>{4}, {6}, {5}, {7}, {2, 5}, {2, 4, 4}, {2, 4, 6}, {2, 7}, {2, 4, 7}}) {
    SessionDriver stream(world);
    for (int kind : kinds) {
      RequestMessage next = kind == 2 ? stream.Headers() : message(kind);
      stream.Send(next);
    }
    INFO(kinds.front() << " and " << kinds.size() << " in all");
    REQUIRE(stream.closed());
    CHECK(stream.code() == Code::kInvalidArgument);
    CHECK(*stream.session().protocol_fault() != '\0');
    stream.Take();
  }
  CHECK(world.InFlight(0, 1) == 0);
}

TEST_CASE("Half-close and reset anywhere leave nothing behind") {
  for (int stop = 0; stop < 4; ++stop) {
    for (bool reset : {false, true}) {
      World world;
      {
        SessionDriver stream(world);
        if (stop > 0) stream.SendHeaders();
        if (stop > 1) stream.SendBody(ChatBody(), stop > 2);
        stream.Take();
        reset ? stream.session().OnReset() : stream.session().OnHalfClose();
        CHECK(stream.session().done());
        CHECK(stream.closed() == !reset);
        CHECK(stream.code() == Code::kOk);
      }
      CHECK(world.budget.used() == 0);
      // A request-only filter looks like this: the request is still on its way.
      CHECK(world.InFlight(0, 1) == (stop == 3 ? 1 : 0));
      CHECK(world.in_flight.size() == (stop == 3 ? 1 : 0));
    }
  }
}

TEST_CASE(
    "Golden picks of the reference picker: queue, KV cache, prefix and LoRA scorers at weight 1") {
  struct Row {
    const char* what;
    std::string model;
    std::vector<TestEndpoint> endpoints;
    const char* expected;
  };
  const Row rows[] = {
      {"lower queue and KV",
       "m",
       {{"192.168.1.1", 3, .2, {}}, {"192.168.1.2", 0, .1, {}}, {"192.168.1.3", 10, .2, {}}},
       "192.168.1.2:8000"},
      {"active LoRA, low queue",
       "sql-lora",
       {{"192.168.1.1", 0, .2, {"foo", "bar"}},
        {"192.168.1.2", 0, .1, {"foo", "sql-lora"}},
        {"192.168.1.3", 10, .2, {"foo", "bar"}}},
       "192.168.1.2:8000"},
      {"LoRA beats KV",
       "sql-lora",
       {{"192.168.1.1", 10, .2, {"foo", "bar"}},
        {"192.168.1.2", 10, .4, {"foo", "sql-lora"}},
        {"192.168.1.3", 10, .3, {"foo"}}},
       "192.168.1.2:8000"},
      {"not shed by default",
       "sql-lora",
       {{"192.168.1.1", 6, .2, {"foo", "bar", "sql-lora"}},
        {"192.168.1.2", 0, .85, {"foo"}},
        {"192.168.1.3", 10, .9, {"foo"}}},
       "192.168.1.1:8000"},
      {"split body",
       "sql-lora",
       {{"192.168.1.1", 4, .2, {"foo", "bar", "sql-lora"}},
        {"192.168.1.2", 4, .85, {"foo", "sql-lora"}}},
       "192.168.1.1:8000"},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    World world;
    world.Publish({MakePool("a", row.endpoints, world.clock.now,
                            {"queue-scorer", "kv-cache-utilization-scorer", "prefix-cache-scorer",
                             "lora-affinity-scorer"})});
    SessionDriver stream(world);
    RequestMessage headers = stream.Headers();
    headers.headers[1].second = "/v1/completions";
    stream.Send(headers);
    const std::string body =
        R"({"max_tokens":100,"model":")" + row.model + R"(","prompt":"test1"})";
    stream.SendBody(body.substr(0, 20), false);
    stream.SendBody(body.substr(20), true);
    const auto answers = stream.Take();
    REQUIRE(answers.size() == 2);
    CheckPick(answers[0], row.expected);
    CHECK(answers[1].body == body);
  }
}

}  // namespace
}  // namespace inference::extproc
