// Random bodies, read by us and by a library that has nothing to do with us.
#include <catch2/catch.hpp>

#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "request/json_index.h"
#include "request/json_syntax.h"
#include "request/openai_request.h"
#include "request/usage.h"
#include "unit/request/padded.h"

namespace inference::request {
namespace {

using nlohmann::json;

class Maker {
 public:
  explicit Maker(uint32_t seed) : random_(seed) {}
  uint32_t Below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }
  bool Coin() { return Below(2) == 0; }

  std::string Text() {
    static const std::vector<std::string> kBits = {
        "a",  "hello ", "\"",        "\\",      "\n", "\x01", "\xC3\xA9", "\xF0\x9F\x98\x80",
        "{}", "[,]",    "\"usage\"", "\\u0041", "/",  "\x7F", "model",    std::string(70, 'z')};
    std::string out;
    for (uint32_t n = Below(6); n > 0; --n) out += kBits[Below(kBits.size())];
    return out;
  }

  json Anything(int depth) {
    switch (Below(depth > 4 ? 5 : 7)) {
      case 0:
        return Text();
      case 1:
        return static_cast<int64_t>(random_());
      case 2:
        return -1.5e10 / (Below(100) + 1);
      case 3:
        return Coin();
      case 4:
        return nullptr;
      case 5: {
        json out = json::array();
        for (uint32_t n = Below(4); n > 0; --n) out.push_back(Anything(depth + 1));
        return out;
      }
      default: {
        json out = json::object();
        for (uint32_t n = Below(4); n > 0; --n) out[Text()] = Anything(depth + 1);
        return out;
      }
    }
  }

  // Written with random spacing and escapes.
  std::string Write(const json& value) {
    return value.dump(static_cast<int>(Below(3)) - 1, Coin() ? ' ' : '\t', Coin());
  }

 private:
  std::mt19937 random_;
};

// What the pieces must be: bytes, or a value as the client wrote it.
struct Expected {
  std::string text;
  bool raw = false;
};

void Expect(std::string text, std::vector<Expected>& out) {
  if (!text.empty()) out.push_back({std::move(text)});
}

json RandomMessage(Maker& make, std::vector<Expected>& expected) {
  json message = json::object();
  if (make.Coin()) message["role"] = make.Text();
  if (message.contains("role")) Expect(message["role"], expected);
  message["zz"] = make.Anything(0);
  if (make.Coin()) {
    message["content"] = make.Text();
    Expect(message["content"], expected);
  } else if (make.Coin()) {
    message["content"] = json::array();
    for (uint32_t n = make.Below(3); n > 0; --n) {
      const std::string text = make.Text();
      Expect(text, expected);
      json part = text;
      if (make.Coin()) part = json{{"type", "text"}, {"text", text}, {"x", make.Anything(2)}};
      message["content"].push_back(part);
    }
  }
  if (make.Below(4) == 0) {
    message["tool_calls"] = json::array({make.Anything(1)});
    expected.push_back({message["tool_calls"].dump(), true});
  }
  return message;
}

void CheckPieces(const api::InferenceRequest& request, const std::vector<Expected>& expected) {
  REQUIRE(request.pieces.size() == expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    if (expected[i].raw) {
      REQUIRE(json::parse(request.pieces[i]) == json::parse(expected[i].text));
    } else {
      REQUIRE(request.pieces[i] == expected[i].text);
    }
  }
}

TEST_CASE("random chats are read as another library reads them") {
  RequestParser parser;
  api::InferenceRequest request;
  for (uint32_t seed = 0; seed < 3000; ++seed) {
    CAPTURE(seed);
    Maker make(seed);
    std::vector<Expected> expected;
    json body = make.Anything(0);
    if (!body.is_object()) body = json::object();
    body["model"] = "m" + make.Text();
    if (make.Coin()) {
      body["tools"] = json::array({make.Anything(0)});
      expected.push_back({body["tools"].dump(), true});
    }
    body["messages"] = json::array();
    for (uint32_t n = 1 + make.Below(4); n > 0; --n) {
      body["messages"].push_back(RandomMessage(make, expected));
    }
    if (make.Coin()) body["stream"] = make.Coin();
    if (make.Coin()) body["max_tokens"] = make.Below(1000);
    const std::string text = make.Write(body);
    CAPTURE(text);
    const Padded padded(text);
    const ParseResult result =
        parser.Parse("/v1/chat/completions", "application/json", padded.body(), request);
    REQUIRE(result.ok());
    REQUIRE(padded.text() == text);
    REQUIRE(request.model == body["model"].get<std::string>());
    REQUIRE(request.stream == body.value("stream", false));
    REQUIRE(request.max_tokens.has_value() == body.contains("max_tokens"));
    if (request.max_tokens) REQUIRE(*request.max_tokens == body["max_tokens"]);
    REQUIRE(request.prompts.size() == 1);
    CheckPieces(request, expected);
  }
}

TEST_CASE("random changes of a body get the other library's verdict") {
  JsonIndex index;
  for (uint32_t seed = 0; seed < 20000; ++seed) {
    CAPTURE(seed);
    Maker make(seed);
    std::string text = make.Write(make.Anything(0));
    static constexpr std::string_view kBytes = "{}[],:\"\\ u0.-tn\x01\xC3\xFF";
    for (uint32_t n = make.Below(3); n > 0 && !text.empty(); --n) {
      const size_t at = make.Below(static_cast<uint32_t>(text.size()));
      if (make.Coin()) {
        text.erase(at, 1);
      } else {
        text[at] = kBytes[make.Below(kBytes.size())];
      }
    }
    const Padded padded(text);
    CAPTURE(text);
    const bool ours = index.Build(padded.body().data, padded.body().size);
    REQUIRE(ours == !FindSyntaxFault(text).has_value());
    // The other library refuses escapes of lone surrogates (and 1e999, hence no 'e' above).
    if (text.find("\\ud") == text.npos) REQUIRE(ours == json::accept(text));
  }
}

TEST_CASE("random responses give the usage that another library finds") {
  for (uint32_t seed = 0; seed < 3000; ++seed) {
    CAPTURE(seed);
    Maker make(seed);
    json body = make.Anything(0);
    if (!body.is_object()) body = json::object();
    body["a"] = make.Anything(0);
    body["z"] = make.Anything(0);
    Usage expected;
    if (make.Coin()) {
      json usage{{"prompt_tokens", make.Below(1000)}, {"total_tokens", 5000}};
      usage["x"] = make.Anything(1);
      expected.prompt_tokens = usage["prompt_tokens"];
      expected.total_tokens = 5000;
      body[make.Coin() ? "usage" : "response"] = usage;
      if (!body.contains("usage"))
        body["response"] = json{{"usage", usage}, {"y", make.Anything(1)}};
    }
    const std::string text = make.Write(body);
    CAPTURE(text);
    UsageScanner scanner(ResponseKind::kJson);
    for (size_t at = 0; at < text.size();) {
      const size_t size = 1 + make.Below(40);
      scanner.Feed(std::string_view(text).substr(at, size));
      at += size;
    }
    scanner.Finish();
    REQUIRE(scanner.usage() == expected);
  }
}

}  // namespace
}  // namespace inference::request
