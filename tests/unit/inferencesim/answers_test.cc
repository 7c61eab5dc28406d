#include "inferencesim/answers.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "inferencesim/generation.h"

namespace inference::sim {
namespace {

using Json = nlohmann::json;

struct Sse {
  std::string event;
  std::string data;
};

std::vector<Sse> Split(const std::string& stream) {
  std::vector<Sse> events;
  size_t at = 0;
  while (at < stream.size()) {
    const size_t end = stream.find("\n\n", at);
    REQUIRE(end != std::string::npos);
    std::string text = stream.substr(at, end - at);
    Sse sse;
    if (text.starts_with("event: ")) {
      sse.event = text.substr(7, text.find('\n') - 7);
      text = text.substr(text.find('\n') + 1);
    }
    REQUIRE(text.starts_with("data: "));
    REQUIRE(text.find('\n') == std::string::npos);
    sse.data = text.substr(6);
    events.push_back(std::move(sse));
    at = end + 2;
  }
  return events;
}

AnswerHead Head(bool usage) {
  return {"r\"1", "the-model", 1700000000, usage};
}

ModelRequest Request(ApiKind kind, uint32_t n = 1) {
  ModelRequest request;
  request.kind = kind;
  request.n = n;
  return request;
}

/// Two tokens for each choice of a request.
std::string Stream(ModelRequest request, bool usage) {
  request.stream = true;
  Generation generation(request, Head(usage), 4, std::vector<uint32_t>(1, 7), {1});
  for (uint32_t i = 0; i < request.n; ++i) generation.AddSequence(10 + i);
  std::string out;
  for (const bool last : {false, true}) {
    for (uint32_t i = 0; i < request.n; ++i) {
      out += generation.OnEvent({10 + i, " tok", 4, last, FinishReason::kLength});
    }
  }
  REQUIRE(generation.done());
  return out;
}

TEST_CASE("a chat stream is role, tokens, finish, usage, DONE") {
  const auto events = Split(Stream(Request(ApiKind::kChat), true));
  REQUIRE(events.size() == 6);
  const Json role = Json::parse(events[0].data);
  CHECK(role["id"] == "chatcmpl-r\"1");
  CHECK(role["object"] == "chat.completion.chunk");
  CHECK(role["model"] == "the-model");
  CHECK(role["choices"][0]["delta"] == Json({{"role", "assistant"}, {"content", ""}}));
  CHECK(role["choices"][0]["finish_reason"].is_null());
  CHECK(Json::parse(events[1].data)["choices"][0]["delta"]["content"] == " tok");
  CHECK(Json::parse(events[2].data)["choices"][0]["delta"]["content"] == " tok");
  const Json finish = Json::parse(events[3].data);
  CHECK(finish["choices"][0]["delta"]["content"] == "");
  CHECK(finish["choices"][0]["finish_reason"] == "length");
  const Json usage = Json::parse(events[4].data);
  CHECK(usage["choices"].empty());
  CHECK(usage["usage"]["prompt_tokens"] == 7);
  CHECK(usage["usage"]["completion_tokens"] == 2);
  CHECK(usage["usage"]["total_tokens"] == 9);
  CHECK(usage["usage"]["prompt_tokens_details"]["cached_tokens"] == 4);
  CHECK(events[5].data == "[DONE]");
}

TEST_CASE("usage comes in a stream only when asked for") {
  const auto events = Split(Stream(Request(ApiKind::kChat), false));
  CHECK(events.size() == 5);
  for (const Sse& e : events) CHECK(e.data.find("usage") == std::string::npos);
}

TEST_CASE("a completions stream has text and no role chunk") {
  const auto events = Split(Stream(Request(ApiKind::kCompletions), false));
  REQUIRE(events.size() == 4);
  const Json first = Json::parse(events[0].data);
  CHECK(first["id"] == "cmpl-r\"1");
  CHECK(first["object"] == "text_completion");
  CHECK(first["choices"][0]["text"] == " tok");
  CHECK(Json::parse(events[2].data)["choices"][0]["finish_reason"] == "length");
  CHECK(events[3].data == "[DONE]");
}

TEST_CASE("several choices finish each for itself; the prompt counts once") {
  const auto events = Split(Stream(Request(ApiKind::kChat, 2), true));
  REQUIRE(events.size() == 2 + 4 + 2 + 1 + 1);
  CHECK(Json::parse(events[1].data)["choices"][0]["index"] == 1);
  const Json usage = Json::parse(events[8].data)["usage"];
  CHECK(usage["prompt_tokens"] == 7);
  CHECK(usage["completion_tokens"] == 4);
  CHECK(usage["prompt_tokens_details"]["cached_tokens"] == 4);
}

TEST_CASE("a responses stream has named events numbered from zero") {
  const auto events = Split(Stream(Request(ApiKind::kResponses), false));
  const std::vector<std::string> expected = {
      "response.created",           "response.in_progress",
      "response.output_item.added", "response.content_part.added",
      "response.output_text.delta", "response.output_text.delta",
      "response.output_text.done",  "response.content_part.done",
      "response.output_item.done",  "response.incomplete"};
  REQUIRE(events.size() == expected.size());
  for (size_t i = 0; i < events.size(); ++i) {
    CHECK(events[i].event == expected[i]);
    const Json data = Json::parse(events[i].data);
    CHECK(data["type"] == expected[i]);
    CHECK(data["sequence_number"] == i);
  }
  const Json last = Json::parse(events.back().data)["response"];
  CHECK(last["id"] == "resp_r\"1");
  CHECK(last["output"][0]["content"][0]["text"] == " tok tok");
  CHECK(last["usage"]["input_tokens"] == 7);
  CHECK(last["usage"]["input_tokens_details"]["cached_tokens"] == 4);
  CHECK(last["usage"]["output_tokens"] == 2);
}

TEST_CASE("a plain chat answer is one object") {
  Generation generation(Request(ApiKind::kChat), Head(false), 4, {7}, {1});
  generation.AddSequence(3);
  CHECK(generation.OnEvent({3, " one", 0, false, FinishReason::kStop}).empty());
  CHECK(generation.OnEvent({3, " two", 0, true, FinishReason::kStop}).empty());
  const Json body = Json::parse(generation.Body());
  CHECK(body["object"] == "chat.completion");
  CHECK(body["choices"][0]["message"]["content"] == " one two");
  CHECK(body["choices"][0]["finish_reason"] == "stop");
  CHECK(body["usage"]["completion_tokens"] == 2);
}

TEST_CASE("embeddings are of length one, equal for equal texts, and base64 on request") {
  const Usage usage{8, 0, 0};
  const Json body = Json::parse(EmbeddingsBody(Head(false), {5, 5, 6}, 8, false, usage));
  REQUIRE(body["data"].size() == 3);
  CHECK(body["data"][2]["index"] == 2);
  CHECK(body["data"][0]["embedding"] == body["data"][1]["embedding"]);
  CHECK(body["data"][0]["embedding"] != body["data"][2]["embedding"]);
  double squares = 0;
  for (const double v : body["data"][0]["embedding"]) squares += v * v;
  CHECK(squares == Approx(1));
  const Json encoded = Json::parse(EmbeddingsBody(Head(false), {5}, 8, true, usage));
  CHECK(encoded["data"][0]["embedding"].get<std::string>().size() == 44);  // 32 bytes
}

}  // namespace
}  // namespace inference::sim
