#include "inferencesim/openai_request.h"

#include <catch2/catch.hpp>

#include "inferencesim/block_hasher.h"

namespace inference::sim {
namespace {

ModelRequest Good(ApiKind kind, std::string_view body) {
  auto parsed = ParseModelRequest(kind, body);
  if (const auto* error = std::get_if<ApiError>(&parsed)) FAIL(error->message);
  return std::get<ModelRequest>(parsed);
}

ApiError Bad(ApiKind kind, std::string_view body) {
  auto parsed = ParseModelRequest(kind, body);
  REQUIRE(std::holds_alternative<ApiError>(parsed));
  return std::get<ApiError>(parsed);
}

TEST_CASE("chat: members are read") {
  const ModelRequest request = Good(ApiKind::kChat, R"({"model":"m","stream":true,"n":2,
      "stream_options":{"include_usage":true},"max_completion_tokens":9,"cache_salt":"s",
      "messages":[{"role":"user","content":"hi"}]})");
  CHECK(request.model == "m");
  CHECK(request.stream);
  CHECK(request.include_usage);
  CHECK(request.n == 2);
  CHECK(request.max_tokens == 9u);
  CHECK(request.cache_salt == "s");
  CHECK(request.prompts.size() == 1);
}

TEST_CASE("chat: a turn with its answer is the head of the next turn") {
  const std::string one =
      Good(ApiKind::kChat, R"({"messages":[{"role":"user","content":"q"}]})").prompts[0];
  const std::string two = Good(ApiKind::kChat, R"({"messages":[{"role":"user","content":"q"},
      {"role":"assistant","content":" answer"},{"role":"user","content":"more"}]})")
                              .prompts[0];
  CHECK(two.starts_with(one + " answer"));
}

TEST_CASE("chat: text parts are text, images cost the same whatever their address") {
  const auto prompt = [](std::string_view content) {
    return Good(ApiKind::kChat,
                R"({"messages":[{"role":"user","content":)" + std::string(content) + "}]}")
        .prompts[0];
  };
  CHECK(prompt(R"([{"type":"text","text":"a"},{"type":"text","text":"b"}])") == prompt(R"("ab")"));
  const std::string one = prompt(R"([{"type":"image_url","image_url":{"url":"http://a"}}])");
  const std::string two = prompt(R"([{"type":"image_url","image_url":{"url":"http://bbbbb"}}])");
  CHECK(one.size() == two.size());
  CHECK(one != two);
  CHECK(one.size() > 1024);
}

TEST_CASE("completions: strings, lists and tokens") {
  CHECK(Good(ApiKind::kCompletions, R"({"prompt":"a"})").max_tokens == 16u);
  CHECK(Good(ApiKind::kCompletions, R"({"prompt":["a","b"]})").prompts.size() == 2);
  const ModelRequest tokens = Good(ApiKind::kCompletions, R"({"prompt":[1,2,300]})");
  REQUIRE(tokens.prompts.size() == 1);
  CHECK(EstimateTokens(tokens.prompts[0].size()) == 3);
  CHECK(Good(ApiKind::kCompletions, R"({"prompt":[[1],[2,3]]})").prompts.size() == 2);
}

TEST_CASE("responses: string, items and instructions") {
  const std::string text = Good(ApiKind::kResponses, R"({"input":"hi"})").prompts[0];
  const std::string items = Good(ApiKind::kResponses, R"({"input":[{"role":"user","content":
      [{"type":"input_text","text":"hi"}]}]})")
                                .prompts[0];
  CHECK(text == items);
  const std::string more =
      Good(ApiKind::kResponses, R"({"input":"hi","instructions":"be kind"})").prompts[0];
  CHECK(more == "<|system|>\nbe kind\n" + text);
}

TEST_CASE("what is wrong is refused with the member's name") {
  CHECK(Bad(ApiKind::kChat, "{").status == 400);
  CHECK(Bad(ApiKind::kChat, "[]").status == 400);
  CHECK(Bad(ApiKind::kChat, "{}").param == "messages");
  CHECK(Bad(ApiKind::kChat, R"({"messages":3})").param == "messages");
  CHECK(Bad(ApiKind::kChat, R"({"messages":[],"model":3})").param == "model");
  CHECK(Bad(ApiKind::kChat, R"({"messages":[],"stream":"yes"})").param == "stream");
  CHECK(Bad(ApiKind::kChat, R"({"messages":[],"max_tokens":0})").param == "max_tokens");
  CHECK(Bad(ApiKind::kCompletions, R"({"prompt":[1,"a"]})").param == "prompt");
  CHECK(Bad(ApiKind::kCompletions, R"({"prompt":""})").param == "prompt");
  CHECK(Bad(ApiKind::kCompletions, R"({"prompt":"a","n":100000})").param == "n");
  CHECK(Bad(ApiKind::kEmbeddings, R"({"input":"a","encoding_format":"x"})").param ==
        "encoding_format");
  const std::string deep =
      R"({"messages":)" + std::string(5000, '[') + std::string(5000, ']') + "}";
  CHECK(Bad(ApiKind::kChat, deep).status == 400);
}

TEST_CASE("errors look like the API's") {
  CHECK(ErrorJson({404, "no \"such\" model", "model"}) ==
        R"({"error":{"message":"no \"such\" model","type":"NotFoundError","param":"model",)"
        R"("code":404}})");
}

TEST_CASE("hashes are of full blocks and depend on all that stands before") {
  const auto hashes = [](std::string_view root, std::vector<std::string> pieces) {
    BlockHasher hasher(4, root);
    for (const std::string& piece : pieces) hasher.Append(piece);
    return hasher.hashes();
  };
  const std::string text(40, 'a');  // two blocks of 16 bytes and a half
  CHECK(hashes("m", {text}).size() == 2);
  CHECK(hashes("m", {text}) ==
        hashes("m", {text.substr(0, 3), text.substr(3, 20), text.substr(23)}));
  CHECK(hashes("m", {text})[0] != hashes("m", {text})[1]);
  CHECK(hashes("m", {text})[0] != hashes("n", {text})[0]);
  CHECK(hashes("m", {"b" + text})[1] != hashes("m", {text})[1]);
}

}  // namespace
}  // namespace inference::sim
