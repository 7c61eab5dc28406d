// Bodies of which only the beginning came.
#include <catch2/catch.hpp>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "request/cut_json.h"
#include "request/openai_request.h"
#include "unit/request/padded.h"

namespace inference::request {
namespace {

using nlohmann::json;

std::vector<std::string> Prompts(const api::InferenceRequest& request) {
  std::vector<std::string> out;
  for (const auto& prompt : request.prompts) {
    std::string text;
    for (uint32_t i = 0; i < prompt.count; ++i) text += request.pieces[prompt.first + i];
    out.push_back(std::move(text));
  }
  return out;
}

struct Read {
  std::string model;
  std::vector<std::string> prompts;
};

// The beginning stands in memory of exactly its size, so that a sanitizer sees what reads on.
Read ReadCut(std::string_view path, std::string_view begin) {
  static RequestParser parser;
  const std::unique_ptr<char[]> exact(new char[begin.size() + 1]);
  begin.copy(exact.get(), begin.size());
  api::InferenceRequest request;
  parser.ParseCut(path, "application/json", {exact.get(), begin.size()}, request);
  return {std::string(request.model), Prompts(request)};
}

Read ReadWhole(std::string_view path, std::string_view text) {
  RequestParser parser;
  const Padded padded(text);
  api::InferenceRequest request;
  const ParseResult result = parser.Parse(path, "application/json", padded.body(), request);
  REQUIRE(result.ok());
  return {std::string(request.model), Prompts(request)};
}

bool IsPrefix(const std::vector<std::string>& part, const std::vector<std::string>& whole) {
  if (part.size() > whole.size()) return false;
  for (size_t i = 0; i < part.size(); ++i) {
    if (!whole[i].starts_with(part[i])) return false;
    if (i + 1 < part.size() && whole[i] != part[i]) return false;
  }
  return true;
}

// `model_end`: where the model's closing quote is passed. `late`: bytes that stand first in the
// prompt although the body may bring them last.
void CheckEveryCut(std::string_view path, const std::string& text, size_t model_end,
                   const std::string& late = {}) {
  const Read whole = ReadWhole(path, text);
  std::vector<std::string> without_late = whole.prompts;
  for (std::string& prompt : without_late) {
    if (!late.empty() && prompt.starts_with(late)) prompt.erase(0, late.size());
  }
  size_t longest = 0;
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    CAPTURE(path, text, cut);
    const Read read = ReadCut(path, std::string_view(text).substr(0, cut));
    REQUIRE(read.model == (cut >= model_end ? whole.model : ""));
    REQUIRE((IsPrefix(read.prompts, whole.prompts) || IsPrefix(read.prompts, without_late)));
    size_t bytes = 0;
    for (const std::string& prompt : read.prompts) bytes += prompt.size();
    longest = std::max(longest, bytes);
  }
  const Read last = ReadCut(path, text);
  CHECK(last.prompts == whole.prompts);
  CHECK(longest > 0);
}

constexpr char kChat[] = "/v1/chat/completions";
constexpr char kCompletions[] = "/v1/completions";
constexpr char kResponses[] = "/v1/responses";

// Behind the value of the last "model", which has no escape in these.
size_t ModelEnd(const std::string& text) {
  const size_t key = text.rfind("model\"");
  const size_t begin = text.find('"', text.find(':', key)) + 1;
  return text.find('"', begin) + 1;
}

TEST_CASE("a body cut at any byte gives its whole model or none, and a prompt's beginning") {
  const std::pair<const char*, std::string> rows[] = {
      {kCompletions, R"({"model":"m/one:a","stream":true,"max_tokens":12,"prompt":"one two"})"},
      {kCompletions, R"( { "prompt" : "x\n\"q\" \\ \u00e9 \ud83d\ude00 end" , "model" : "m" } )"},
      {kCompletions, "{\"model\":\"m\",\"prompt\":\"\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80 z\"}"},
      {kCompletions, R"({"model":"m","prompt":[1,23,456,4294967295],"stream":false})"},
      {kCompletions, R"({"model":"m","prompt":[[1,22],[333],[4,5]]})"},
      {kCompletions, R"({"model":"m","prompt":["first","second","third"],"n":2})"},
      {kCompletions, R"({"metadata":{"prompt":"no","model":"no"},"model":"m","prompt":"p"})"},
      {"/v1/embeddings", R"({"input":["a","bc"],"model":"m"})"},
      {kChat, R"({"model":"m","messages":[{"role":"system","content":"Be brief."},)"
              R"({"role":"user","content":[{"type":"text","text":"look"},)"
              R"({"type":"image_url","image_url":{"url":"https://a/b.png"}},"and",)"
              R"({"type":"text","text":"say"}]},{"role":"assistant","content":null,)"
              R"("tool_calls":[{"id":"1","function":{"name":"f","arguments":"{\"a\":1}"}}]}]})"},
      {kChat, R"({"messages":[{"content":"before its role","role":"user"},)"
              R"({"content":"again","role":"user"}],"model":"m"})"},
      {kChat, R"({"model":"m","tools":[{"type":"function","function":{"name":"f"}}],)"
              R"("messages":[{"role":"user","content":"hi"}]})"},
      {kResponses, R"({"model":"m","instructions":"Be brief.","input":"hello there"})"},
      {kResponses, R"({"model":"m","instructions":"I","input":[{"role":"user","content":"a"},)"
                   R"({"type":"function_call","name":"f"},{"role":"user","content":)"
                   R"([{"type":"input_text","text":"b"}]}]})"}};
  for (const auto& [path, text] : rows) CheckEveryCut(path, text, ModelEnd(text));
}

TEST_CASE("what a cut body may still bring first is missing from its prompt, no more") {
  const std::string tools = R"([{"type":"function"}])";
  const std::string chat =
      R"({"model":"m","messages":[{"role":"user","content":"hi"}],"tools":)" + tools + "}";
  CheckEveryCut(kChat, chat, ModelEnd(chat), tools);
  const std::string responses = R"({"model":"m","input":"hello","instructions":"Be brief."})";
  for (size_t cut = 0; cut < responses.size(); ++cut) {
    const Read read = ReadCut(kResponses, std::string_view(responses).substr(0, cut));
    CAPTURE(cut);
    REQUIRE((IsPrefix(read.prompts, {"hello"}) || IsPrefix(read.prompts, {"Be brief.hello"})));
  }
}

TEST_CASE("random chats cut at any byte") {
  static const std::vector<std::string> kBits = {
      "a", "hello ", "\"", "\\", "\n", "\xC3\xA9", "\xF0\x9F\x98\x80", "{}", "[,]", "\\u00", "1"};
  for (uint32_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto below = [&](size_t n) { return random() % n; };
    const auto text = [&] {
      std::string out;
      for (size_t n = below(6); n > 0; --n) out += kBits[below(kBits.size())];
      return out;
    };
    nlohmann::ordered_json body;
    if (below(2) == 0) body["stream"] = true;
    body["model"] = "model-" + std::to_string(seed);
    if (below(2) == 0) body["stop"] = {text(), nullptr, -1.5e-3, {{"k", text()}}};
    for (size_t n = 1 + below(4); n > 0; --n) {
      nlohmann::ordered_json message;
      message["role"] = "user";
      if (below(3) == 0) message["name"] = text();
      if (below(2) == 0) {
        message["content"] = "c" + text();
      } else {
        message["content"] = {text(), {{"type", "text"}, {"text", text()}}, text()};
      }
      body["messages"].push_back(message);
    }
    const std::string written = body.dump(static_cast<int>(below(3)) - 1, ' ', below(2) == 0);
    CheckEveryCut(kChat, written, ModelEnd(written));
  }
}

TEST_CASE("a cut body that cannot be read has no model and is no fault") {
  const std::string_view rows[] = {"",
                                   "  ",
                                   "[1,2",
                                   "nul",
                                   "\"model",
                                   "{\"model\":\"m\"]",
                                   "{\"model\":\"m\",\"prompt\":\"\xFF",
                                   "{\"model\":5,\"prompt\":\"x",
                                   "{\"model\":\"\",\"prompt\":\"x"};
  for (const std::string_view text : rows) {
    CAPTURE(text);
    const Read read = ReadCut(kCompletions, text);
    CHECK((read.model.empty() || read.model == "m"));
  }
  CHECK(ReadCut("/v1/files", "{\"model\":\"m\",").model.empty());
  // The last member is at fault: the others still count.
  CHECK(ReadCut(kCompletions, "{\"model\":\"m\",\"prompt\":\"\xFF").model == "m");
  CHECK(ReadCut(kCompletions, R"({"model":"m","cache_salt":[1)").model == "m");
}

TEST_CASE("cut nonsense is survived") {
  static constexpr std::string_view kBytes = "{{[[}],:\"\"\\ u0.-tn\x01\xC3\xFF";
  for (uint32_t seed = 0; seed < 20000; ++seed) {
    std::mt19937 random(seed);
    std::string text = "{\"prompt\":";
    for (size_t n = random() % 24; n > 0; --n) text += kBytes[random() % kBytes.size()];
    ReadCut(kCompletions, text);
  }
  const std::string deep(kMaxPieces, '[');
  ReadCut(kCompletions, "{\"prompt\":" + deep);
}

TEST_CASE("a cut prompt ends at a whole character") {
  const auto prompt = [](std::string_view text) {
    const Read read = ReadCut(kCompletions, text);
    return read.prompts.empty() ? "none" : read.prompts[0];
  };
  CHECK(prompt(R"({"prompt":"ab)") == "ab");
  CHECK(prompt(R"({"prompt":"ab\)") == "ab");
  CHECK(prompt(R"({"prompt":"ab\u00e)") == "ab");
  CHECK(prompt(R"({"prompt":"ab\ud83d)") == "ab");
  CHECK(prompt(R"({"prompt":"ab\ud83d\ude0)") == "ab");
  CHECK(prompt(R"({"prompt":"ab\ud83d\ude00)") == "ab\xF0\x9F\x98\x80");
  CHECK(prompt("{\"prompt\":\"ab\xF0\x9F\x98") == "ab");
  CHECK(prompt("{\"prompt\":\"ab\xF0\x9F\x98\x80") == "ab\xF0\x9F\x98\x80");
  CHECK(prompt(R"({"prompt")") == "none");
  CHECK(prompt(R"({"prompt":[12,3)") == std::string("\x0c\0\0\0", 4));
}

}  // namespace
}  // namespace inference::request
