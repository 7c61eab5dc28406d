#include <catch2/catch.hpp>

#include "support/session_driver.h"

// Models that rules rename: the body to the server, the response to the client.
namespace inference::extproc {
namespace {

using namespace inference::test;  // NOLINT: the whole test speaks its language

struct World : SessionWorld {
  /// Renames `asked` (empty: any model) to `served`.
  explicit World(const std::string& served = "v1", const std::string& asked = "chat",
                 SessionOptions options = {})
      : SessionWorld({}, options) {
    picker::PoolRuntime pool = MakePool("a", {{"192.168.1.1", 0, .1, {}}}, clock.now);
    api::ModelRewrite rewrite;
    rewrite.kind = "InferenceModelRewrite";
    rewrite.meta.ns = pool.pool->spec().meta.ns;
    rewrite.meta.name = "r";
    rewrite.pool = {std::string("a"), {}};
    api::ModelRewrite::Rule rule;
    if (!asked.empty()) rule.models.push_back(asked);
    rule.targets.push_back({served, std::nullopt, {}});
    rewrite.rules.push_back(rule);
    picker::ShareBook shares;
    pool.models = std::make_shared<const picker::ModelTable>(
        std::vector{rewrite}, std::vector<api::Objective>{}, pool.pool->key(), shares,
        base::WallTime{});
    Publish({pool});
  }
};

std::string Joined(const std::vector<ResponseMessage>& answers, int kind) {
  std::string body;
  for (const ResponseMessage& answer : answers) {
    if (answer.kind == kind) body += answer.body;
  }
  return body;
}

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

TEST_CASE("full duplex: the body goes on with the new name and is otherwise the same") {
  for (const size_t prompt : {5UL, 70'000UL, 200'000UL}) {
    World world("a \"quoted\" n\u00e4me");
    SessionDriver stream(world);
    stream.SendHeaders();
    const std::string body = ChatBody("chat", std::string(prompt, 'p'));
    stream.SendBody(body, true);
    if (prompt > 64 << 10) {  // a worker reads it
      auto job = stream.out.TakeParse();
      REQUIRE(job);
      job->memory = std::make_unique<ParseMemory>();
      job->Run(world.clock);
      stream.session().OnParsed(*job);
    }
    const auto answers = stream.Take();
    REQUIRE(answers.size() >= 3);
    CHECK(Joined(answers, 3) == Replaced(body, R"("chat")", R"("a \"quoted\" näme")"));
    for (size_t i = 1; i < answers.size(); ++i) {
      CHECK(answers[i].body.size() <= 62000);
      CHECK(answers[i].end_of_stream == (i + 1 == answers.size()));
    }
    CHECK(answers[0].Set("content-length").empty());
  }
}

TEST_CASE("full duplex with trailers: no piece is the end") {
  World world;
  SessionDriver stream(world);
  stream.SendHeaders();
  const std::string body = ChatBody("chat");
  stream.SendBody(body, false);
  stream.SendTrailers();
  const auto answers = stream.Take();
  CHECK(Joined(answers, 3) == Replaced(body, "chat", "v1"));
  for (const ResponseMessage& answer : answers) CHECK_FALSE(answer.end_of_stream);
  CHECK(answers.back().kind == 5);
}

TEST_CASE("buffered: the whole body is replaced, with its length") {
  World world;
  SessionDriver stream(world);
  stream.SendHeaders(kBuffered, kBuffered);
  stream.Take();
  const std::string body = ChatBody("chat");
  stream.SendBody(body, true);
  const ResponseMessage answer = stream.TakeOne();
  const std::string renamed = Replaced(body, "chat", "v1");
  CHECK(answer.replaces_body);
  CHECK(answer.body == renamed);
  CHECK(answer.Set("content-length") == std::to_string(renamed.size()));
}

TEST_CASE("a body that the gateway cut, or that we don't see, is never renamed") {
  {
    World world;
    SessionDriver stream(world);
    stream.SendHeaders(kBufferedPartial, kBuffered);
    stream.Take();
    stream.SendBody(ChatBody("chat"), false);
    CHECK_FALSE(stream.TakeOne().replaces_body);
    CHECK(world.Find("req-1")->target_model_view().empty());
  }
  {
    World world;
    SessionDriver stream(world);
    stream.SendHeaders(kNone, kNone);
    CHECK(stream.Take().size() == 1);
  }
}

TEST_CASE("a body without a model gets one, or is refused as before") {
  constexpr char kBody[] = R"( {"messages":[{"role":"user","content":"x"}]})";
  {
    World world("v1", "");
    SessionDriver stream(world);
    stream.SendHeaders();
    stream.SendBody(kBody, true);
    CHECK(Joined(stream.Take(), 3) ==
          R"( {"model":"v1","messages":[{"role":"user","content":"x"}]})");
    // Nothing to give back: the client named no model.
    stream.SendResponseHeaders();
    stream.SendResponseBody(R"({"model":"v1"})", true);
    CHECK(Joined(stream.Take(), 4) == R"({"model":"v1"})");
  }
  {
    World world;
    SessionDriver stream(world);
    stream.SendHeaders();
    stream.SendBody(kBody, true);
    const ResponseMessage answer = stream.TakeOne();
    CHECK(answer.status == 400);
    CHECK_THAT(answer.body, Catch::Contains("missing (line 1, column 2)"));
  }
}

TEST_CASE("of two equal members the last one counts and is renamed") {
  World world;
  SessionDriver stream(world);
  stream.SendHeaders();
  stream.SendBody(R"({"model":"x","prompt":"p","model":"chat","messages":[{"role":"user"}]})",
                  true);
  CHECK_THAT(Joined(stream.Take(), 3), Catch::Contains(R"("model":"x","prompt":"p","model":"v1")"));
}

TEST_CASE("compressed answers are not asked for, since no name can be given back in them") {
  World world;
  SessionDriver stream(world);
  RequestMessage headers = stream.Headers();
  headers.headers.emplace_back("accept-encoding", "gzip");
  stream.Send(headers);
  stream.SendBody(ChatBody("chat"), true);
  const auto answers = stream.Take();
  CHECK(answers[0].remove == std::vector<std::string>{"accept-encoding"});

  SessionDriver plain(world);
  plain.Send(headers);
  plain.SendBody(ChatBody("other"), true);
  CHECK(plain.Take()[0].remove.empty());
}

/// A stream whose request has been renamed from chat to v1.
struct Renamed {
  explicit Renamed(World& world, int response_mode) : stream(world) {
    stream.SendHeaders(kFullDuplex, response_mode);
    stream.SendBody(ChatBody("chat"), true);
    stream.Take();
  }
  SessionDriver stream;
};

constexpr std::string_view kEvents =
    "data: {\"id\":\"1\",\"model\":\"v1\",\"choices\":[{\"delta\":{\"content\":\"\\\"model\\\":"
    "\\\"v1\\\"\"}}]}\n\ndata: {\"model\":\"v1\",\"usage\":{\"prompt_tokens\":3,"
    "\"completion_tokens\":4}}\n\ndata: [DONE]\n\n";

TEST_CASE("full duplex: names cut at every byte of an event are restored") {
  const std::string wanted = Replaced(std::string(kEvents), R"("model":"v1")", R"("model":"chat")");
  for (size_t cut = 0; cut <= kEvents.size(); ++cut) {
    World world;
    Renamed renamed(world, kFullDuplex);
    SessionDriver& stream = renamed.stream;
    stream.SendResponseHeaders(200, "text/event-stream");
    stream.SendResponseBody(kEvents.substr(0, cut), false);
    stream.SendResponseBody(kEvents.substr(cut), true);
    const auto answers = stream.Take();
    INFO(cut);
    REQUIRE(Joined(answers, 4) == wanted);
    REQUIRE(answers.back().end_of_stream);
    for (size_t i = 0; i + 1 < answers.size(); ++i) REQUIRE_FALSE(answers[i].end_of_stream);
    REQUIRE(world.Find("req-1")->completion_tokens == 4);
  }
}

TEST_CASE("full duplex: what was held back goes out before the trailers") {
  World world;
  Renamed renamed(world, kFullDuplex);
  renamed.stream.SendResponseHeaders();
  renamed.stream.SendResponseBody(R"({"model":"v)", false);
  renamed.stream.SendTrailers(7);
  const auto answers = renamed.stream.Take();
  CHECK(Joined(answers, 4) == R"({"model":"v)");
  CHECK(answers.back().kind == 6);
}

TEST_CASE("streamed and buffered: each body message is answered once, its length not promised") {
  for (const int mode : {kStreamed, kBuffered}) {
    World world;
    Renamed renamed(world, mode);
    SessionDriver& stream = renamed.stream;
    stream.SendResponseHeaders();
    CHECK(stream.TakeOne().remove == std::vector<std::string>{"content-length"});
    if (mode == kStreamed) {
      stream.SendResponseBody(R"({"model":"v)", false);
      const ResponseMessage held = stream.TakeOne();
      CHECK(held.replaces_body);
      CHECK(held.body == R"({"model":)");
      stream.SendResponseBody(R"(1"})", true);
      CHECK(stream.TakeOne().body == R"("chat"})");
    } else {
      stream.SendResponseBody(R"({"model":"v1"})", true);
      CHECK(stream.TakeOne().body == R"({"model":"chat"})");
    }
  }
}

TEST_CASE("other answers pass untouched") {
  World world;
  Renamed renamed(world, kFullDuplex);
  renamed.stream.SendResponseHeaders(200, "application/octet-stream");
  renamed.stream.SendResponseBody(R"({"model":"v1"})", true);
  CHECK(Joined(renamed.stream.Take(), 4) == R"({"model":"v1"})");
}

TEST_CASE("the record tells both names and the rule") {
  World world;
  Renamed renamed(world, kFullDuplex);
  const auto record = world.Find("req-1");
  REQUIRE(record);
  CHECK(record->model_view() == "chat");
  CHECK(record->target_model_view() == "v1");
  CHECK(record->model_rule_view() == "InferenceModelRewrite default/r rule 0 (100 %)");
}

TEST_CASE("a header renames only where clients may set it") {
  for (const bool trusted : {true, false}) {
    SessionOptions options;
    options.trust_priority_headers = trusted;
    World world("v1", "never", options);
    SessionDriver stream(world);
    RequestMessage headers = stream.Headers();
    headers.headers.emplace_back("x-llm-d-model-name-rewrite", "h");
    stream.Send(headers);
    stream.SendBody(ChatBody("chat"), true);
    const auto answers = stream.Take();
    CHECK(Joined(answers, 3) == ChatBody(trusted ? "h" : "chat"));
    CHECK(answers[0].remove == std::vector<std::string>{"x-llm-d-model-name-rewrite"});
  }
}

}  // namespace
}  // namespace inference::extproc
