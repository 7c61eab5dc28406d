#include "request/openai_request.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "unit/request/padded.h"

namespace inference::request {
namespace {

using api::CallKind;
using Pieces = std::vector<std::string_view>;

constexpr std::string_view kChat = "/v1/chat/completions";
constexpr std::string_view kCompletions = "/v1/completions";
constexpr std::string_view kEmbeddings = "/v1/embeddings";
constexpr std::string_view kResponses = "/v1/responses";
constexpr std::string_view kJson = "application/json";

struct Parsed {
  Parsed(std::string_view path, std::string_view text, std::string_view content_type = kJson)
      : padded(text), result(parser.Parse(path, content_type, padded.body(), request)) {}
  std::string Fault() const { return result.ok() ? "" : result.fault->ToString(); }
  /// All prompts' bytes, a '|' between pieces, prompts between "<" and ">".
  std::string Prompts() const {
    std::string out;
    for (const auto& prompt : request.prompts) {
      out += '<';
      for (uint32_t i = 0; i < prompt.count; ++i) {
        if (i > 0) out += '|';
        out += request.pieces[prompt.first + i];
      }
      out += '>';
    }
    return out;
  }

  RequestParser parser;
  api::InferenceRequest request;
  Padded padded;
  ParseResult result;
};

std::string TokenBytes(std::initializer_list<uint32_t> ids) {
  std::string out;
  for (uint32_t id : ids) out.append(reinterpret_cast<const char*>(&id), sizeof(id));
  return out;
}

TEST_CASE("the call comes from the path's last segments") {
  const std::vector<std::pair<std::string, CallKind>> rows = {
      {"/v1/chat/completions", CallKind::kChatCompletions},
      {"/v1/completions", CallKind::kCompletions},
      {"/v1/embeddings", CallKind::kEmbeddings},
      {"/v1/responses", CallKind::kResponses},
      {"/v1/chat/completions/", CallKind::kChatCompletions},
      {"/v1/chat/completions?a=/v1/embeddings", CallKind::kChatCompletions},
      {"/v1/completions#x", CallKind::kCompletions},
      {"/openai/deployments/gpt/chat/completions?api-version=1", CallKind::kChatCompletions},
      {"chat/completions", CallKind::kChatCompletions},
      {"/completions", CallKind::kCompletions},
      {"/v1/groupchat/completions", CallKind::kCompletions},
      {"/v1/mycompletions", CallKind::kOther},
      {"/v1/Completions", CallKind::kOther},
      {"/v1/chat/completions/render", CallKind::kOther},
      {"/v1/responses/resp_1/cancel", CallKind::kOther},
      {"/v1/models", CallKind::kOther},
      {"/", CallKind::kOther},
      {"", CallKind::kOther},
      {"?/completions", CallKind::kOther},
  };
  for (const auto& [path, call] : rows) {
    CAPTURE(path);
    CHECK(CallKindOfPath(path) == call);
  }
}

TEST_CASE("what isn't ours is routed without a model and never refused") {
  for (const auto& [path, type] : std::vector<std::pair<std::string_view, std::string_view>>{
           {"/v1/audio/transcriptions", "multipart/form-data"},
           {"/v1/models", kJson},
           {kChat, "application/grpc"},
           {kChat, "text/plain"},
           {kCompletions, "application/jsonx"}}) {
    const Parsed p(path, R"({"model":)", type);
    CAPTURE(path, type);
    CHECK(p.result.ok());
    CHECK(p.request.call == CallKind::kOther);
    CHECK(p.request.model.empty());
    CHECK(p.request.prompts.empty());
  }
}

TEST_CASE("content types that are JSON") {
  for (std::string_view type : {"", "application/json", "Application/JSON; charset=utf-8",
                                " application/json ;x", "application/vnd.api+json"}) {
    CAPTURE(type);
    CHECK(Parsed(kCompletions, R"({"model":"m","prompt":"p"})", type).request.model == "m");
  }
}

TEST_CASE("chat: all fields, as views into the body") {
  const Parsed p(kChat, R"({"model":"llama","messages":[
    {"role":"system","content":"You are brief."},
    {"role":"user","content":[{"type":"text","text":"Hi "},{"type":"text","text":"there"},"!"]},
    {"role":"assistant","content":null,"tool_calls":[{"id":"c1"}]},
    {"role":"tool","content":"42","tool_call_id":"c1"}],
    "tools":[ {"type":"function"} ],
    "stream":true,"stream_options":{"include_usage":true},
    "max_tokens":7,"max_completion_tokens":9,"cache_salt":"tenant"})");
  REQUIRE(p.Fault().empty());
  CHECK(p.request.call == CallKind::kChatCompletions);
  CHECK(p.request.model == "llama");
  CHECK(p.request.target_model == "llama");
  CHECK(p.request.stream);
  CHECK(p.result.include_usage);
  CHECK(p.request.max_tokens == 9);
  CHECK(p.request.cache_salt == "tenant");
  CHECK(
      p.Prompts() ==
      R"(<[ {"type":"function"} ]|system|You are brief.|user|Hi |there|!|assistant|[{"id":"c1"}]|)"
      "tool|42>");
  CHECK(p.padded.Holds(p.request.model));
  for (std::string_view piece : p.request.pieces) CHECK(p.padded.Holds(piece));
}

TEST_CASE("a longer conversation keeps the bytes of the shorter as its prefix") {
  const auto bytes = [](const std::string& messages) {
    const Parsed p(kChat, R"({"messages":[)" + messages + R"(],"tools":[{"a":1}],"model":"m"})");
    std::string out;
    for (std::string_view piece : p.request.pieces) out += piece;
    return out;
  };
  const std::string one = R"({"role":"user","content":"caf\u00e9 \"quoted\""})";
  const std::string two = one + R"(,{"role":"assistant","content":"yes"})";
  CHECK(bytes(one) == "[{\"a\":1}]usercaf\xC3\xA9 \"quoted\"");
  CHECK(bytes(two).substr(0, bytes(one).size()) == bytes(one));
  CHECK(bytes(two) == bytes(one) + "assistantyes");
}

TEST_CASE("assets are aligned runs of one token made of their content") {
  const auto parse = [](std::string_view part) {
    return Parsed(kChat, R"({"model":"m","messages":[{"role":"u","content":[{"text":"ab"},)" +
                             std::string(part) + R"(,{"text":"end"}]}]})");
  };
  const auto run = [](const Parsed& p) {
    std::string all;
    for (std::string_view piece : p.request.pieces) all += piece;
    CHECK(all.substr(0, 3) == "uab");
    CHECK(all[3] == '\0');
    CHECK(all.substr(all.size() - 3) == "end");
    const std::string body = all.substr(4, all.size() - 7);
    for (size_t i = 4; i < body.size(); ++i) CHECK(body[i] == body[i - 4]);
    return body;
  };
  const Parsed url = parse(R"({"type":"image_url","image_url":{"url":"http:\/\/a/b.png"}})");
  const Parsed text = parse(R"({"type":"input_image","image_url":"http://a/b.png"})");
  const Parsed other = parse(R"({"type":"image_url","image_url":{"url":"http://a/c.png"}})");
  CHECK(run(url).size() == 225 * 4);
  CHECK(run(url) == run(text));
  CHECK(run(url) != run(other));
  CHECK(run(parse(R"({"type":"video_url","video_url":{"url":"v"}})")).size() == 4500 * 4);
  CHECK(run(parse(R"({"input_audio":{"data":"abcdef","format":"wav"}})")).size() == 3 * 4);
  CHECK(run(parse(R"({"audio_url":{"url":"abcdefgh"}})")).size() == 2 * 4);
  CHECK(parse(R"({"type":"file","file":{"id":1}})").Prompts() ==
        R"(<u|ab|{"type":"file","file":{"id":1}}|end>)");
}

TEST_CASE("many assets stay cheap") {
  std::string body = R"({"model":"m","messages":[{"content":[{"video_url":"v"})";
  for (int i = 1; i < 1000; ++i) body += R"(,{"video_url":"v"})";
  const Parsed p(kChat, body + "]}]}");
  REQUIRE(p.Fault().empty());
  CHECK(p.request.PromptBytes() == (kMaxFullAssets * 4500 + 1000 - kMaxFullAssets) * 4);
}

TEST_CASE("completions: every form of a prompt") {
  const auto prompts = [](std::string_view prompt) {
    const Parsed p(kCompletions, R"({"model":"m","prompt":)" + std::string(prompt) + "}");
    CHECK(p.Fault() == "");
    return p.Prompts();
  };
  CHECK(prompts(R"("hello")") == "<hello>");
  CHECK(prompts(R"("")") == "<>");
  CHECK(prompts(R"(["a","b\nc"])") == "<a><b\nc>");
  CHECK(prompts("[1,256,4294967295]") == "<" + TokenBytes({1, 256, 4294967295}) + ">");
  CHECK(prompts("[[1],[2,3],[]]") == "<" + TokenBytes({1}) + "><" + TokenBytes({2, 3}) + "><>");
  CHECK(Parsed(kCompletions, R"({"model":"m","prompt_embeds":"AA=="})").result.ok());
}

TEST_CASE("embeddings: text, tokens, conversations") {
  CHECK(Parsed(kEmbeddings, R"({"model":"m","input":["a","b"]})").Prompts() == "<a><b>");
  CHECK(Parsed(kEmbeddings, R"({"model":"m","input":[7]})").Prompts() ==
        "<" + TokenBytes({7}) + ">");
  CHECK(Parsed(kEmbeddings, R"({"model":"m","messages":[{"role":"user","content":"x"}]})")
            .Prompts() == "<user|x>");
}

TEST_CASE("responses: instructions, tools, input") {
  CHECK(Parsed(kResponses, R"({"model":"m","input":"hi"})").Prompts() == "<hi>");
  const Parsed p(kResponses, R"({"input":[
     {"role":"user","content":[{"type":"input_text","text":"q"}]},
     {"type":"function_call","name":"f","arguments":"{}"},
     {"type":"message","role":"assistant","content":[{"type":"output_text","text":"a"}]}],
     "tools":[{"t":1}],"instructions":"be kind","model":"m","max_output_tokens":5,"max_tokens":6})");
  REQUIRE(p.Fault().empty());
  CHECK(p.Prompts() == R"(<be kind|[{"t":1}]|user|q|{"type":"function_call","name":"f",)"
                       R"("arguments":"{}"}|assistant|a>)");
  CHECK(p.request.max_tokens == 5);
}

TEST_CASE("max_tokens: whole numbers only, the rest is the server's to judge") {
  const auto chat = [](std::string_view fields) {
    const Parsed p(kChat, R"({"model":"m","messages":[{}],)" + std::string(fields) + "}");
    CHECK(p.Fault() == "");
    return p.request.max_tokens;
  };
  CHECK(chat(R"("max_tokens":7)") == 7);
  CHECK(chat(R"("max_tokens":0)") == 0);
  CHECK(chat(R"("max_tokens":7,"max_completion_tokens":null)") == 7);
  CHECK(chat(R"("max_tokens":7,"max_completion_tokens":1.5)") == 7);
  CHECK(chat(R"("max_tokens":-1)") == std::nullopt);
  CHECK(chat(R"("max_tokens":99999999999999999999)") == std::nullopt);
  CHECK(chat(R"("max_output_tokens":7)") == std::nullopt);
}

TEST_CASE("odd but valid bodies are understood") {
  // The last of two equal fields wins, as in Go and Python.
  CHECK(Parsed(kCompletions, R"({"model":1,"prompt":"a","model":"m","prompt":"b"})").Prompts() ==
        "<b>");
  CHECK(Parsed(kCompletions, R"({"\u006dodel":"m","prompt":"a"})").request.model == "m");
  CHECK(Parsed(kCompletions, R"({"model":"a\/b","prompt":"a"})").request.model == "a/b");
  CHECK(Parsed(kCompletions, R"({"model":"m","prompt":"\ud800"})").Prompts() == "<\xEF\xBF\xBD>");
  CHECK(
      Parsed(kCompletions, R"({"model":"m","prompt":"a","seed":1e400,"x":[[[{}]]]})").result.ok());
  CHECK(Parsed(kChat, R"({"model":"m","messages":[{"role":"user"}],"stream":null,"tools":null})")
            .result.ok());
}

TEST_CASE("faults: status, field, place and words") {
  struct Row {
    std::string_view path, body;
    std::string param, text;
  };
  const std::vector<Row> rows = {
      {kChat, "", "", "the body is empty (line 1, column 1)"},
      {kChat, "no healthy upstream", "", "expected a value, found 'n' (line 1, column 1)"},
      {kChat, "{\n \"model\": \"m\",\n \"messages\": [}", "",
       "expected a value, found '}' (line 3, column 15)"},
      {kChat, "[]", "", "the body must be a JSON object, found an array (line 1, column 1)"},
      {kChat, "\"m\"", "", "the body must be a JSON object, found a string (line 1, column 1)"},
      {kCompletions, R"({"model":12})", "model",
       R"("model" must be a string, found a number (line 1, column 10))"},
      {kCompletions, R"({"model":null})", "model",
       R"("model" must be a string, found null (line 1, column 10))"},
      {kCompletions, R"({"model":""})", "model", R"("model" is empty (line 1, column 10))"},
      {kCompletions, R"({"model":"é","prompt":{}})", "prompt",
       R"("prompt" must be a string or an array, found an object (line 1, column 23))"},
      {kCompletions, R"({"model":"m"})", "prompt", R"("prompt" is missing (line 1, column 1))"},
      {kCompletions, R"({"model":"m","prompt":null})", "prompt",
       R"("prompt" is missing (line 1, column 1))"},
      {kCompletions, R"({"model":"m","prompt":[]})", "prompt",
       R"("prompt" is empty (line 1, column 23))"},
      {kCompletions, R"({"model":"m","prompt":["a",1]})", "prompt[1]",
       R"("prompt[1]" must be a string, found a number (line 1, column 28))"},
      {kCompletions, R"({"model":"m","prompt":[1,"a"]})", "prompt[1]",
       R"("prompt[1]" must be a token id (a whole number from 0 to 4294967295), found a string (line 1, column 26))"},
      {kCompletions, R"({"model":"m","prompt":[4294967296]})", "prompt[0]",
       R"("prompt[0]" must be a token id (a whole number from 0 to 4294967295), found a number (line 1, column 24))"},
      {kCompletions, R"({"model":"m","prompt":[-1]})", "prompt[0]",
       R"("prompt[0]" must be a token id (a whole number from 0 to 4294967295), found a number (line 1, column 24))"},
      {kCompletions, R"({"model":"m","prompt":[[1],[true]]})", "prompt[1][0]",
       R"("prompt[1][0]" must be a token id (a whole number from 0 to 4294967295), found a boolean (line 1, column 29))"},
      {kCompletions, R"({"model":"m","prompt":[{}]})", "prompt[0]",
       R"("prompt[0]" must be a token id (a whole number from 0 to 4294967295), found an object (line 1, column 24))"},
      {kCompletions, R"({"model":"m","prompt":"a","stream":"yes"})", "stream",
       R"("stream" must be true or false, found a string (line 1, column 36))"},
      {kCompletions, R"({"model":"m","prompt":"a","stream_options":[]})", "stream_options",
       R"("stream_options" must be an object, found an array (line 1, column 44))"},
      {kCompletions, R"({"model":"m","prompt":"a","stream_options":{"include_usage":1}})",
       "stream_options.include_usage",
       R"("stream_options.include_usage" must be true or false, found a number (line 1, column 61))"},
      {kCompletions, R"({"model":"m","prompt":"a","max_tokens":"7"})", "max_tokens",
       R"("max_tokens" must be a whole number, found a string (line 1, column 40))"},
      {kCompletions, R"({"model":"m","prompt":"a","cache_salt":7})", "cache_salt",
       R"("cache_salt" must be a string, found a number (line 1, column 40))"},
      {kChat, R"({"model":"m"})", "messages", R"("messages" is missing (line 1, column 1))"},
      {kChat, R"({"model":"m","messages":[]})", "messages",
       R"("messages" is empty (line 1, column 25))"},
      {kChat, R"({"model":"m","messages":"a"})", "messages",
       R"("messages" must be an array, found a string (line 1, column 25))"},
      {kChat, R"({"model":"m","messages":[1]})", "messages[0]",
       R"("messages[0]" must be an object, found a number (line 1, column 26))"},
      {kChat, R"({"model":"m","messages":[{"role":1}]})", "messages[0].role",
       R"("messages[0].role" must be a string, found a number (line 1, column 34))"},
      {kChat, R"({"model":"m","messages":[{},{"content":1}]})", "messages[1].content",
       R"("messages[1].content" must be a string or an array of parts, found a number (line 1, column 40))"},
      {kChat, R"({"model":"m","messages":[{"content":[1]}]})", "messages[0].content[0]",
       R"("messages[0].content[0]" must be an object, found a number (line 1, column 38))"},
      {kChat, R"({"model":"m","messages":[{"content":[{"text":1}]}]})",
       "messages[0].content[0].text",
       R"("messages[0].content[0].text" must be a string, found a number (line 1, column 46))"},
      {kChat, R"({"model":"m","messages":[{"content":[{"image_url":{}}]}]})",
       "messages[0].content[0].image_url",
       R"("messages[0].content[0].image_url.url" must be a string (line 1, column 51))"},
      {kChat, R"({"model":"m","messages":[{"content":[{"input_audio":{"data":1}}]}]})",
       "messages[0].content[0].input_audio",
       R"("messages[0].content[0].input_audio.data" must be a string (line 1, column 61))"},
      {kChat, R"({"model":"m","messages":[{}],"tools":{}})", "tools",
       R"("tools" must be an array, found an object (line 1, column 38))"},
      {kEmbeddings, R"({"model":"m"})", "input", R"("input" is missing (line 1, column 1))"},
      {kResponses, R"({"model":"m"})", "input", R"("input" is missing (line 1, column 1))"},
      {kResponses, R"({"model":"m","input":[]})", "input",
       R"("input" is empty (line 1, column 22))"},
      {kResponses, R"({"model":"m","input":"a","instructions":1})", "instructions",
       R"("instructions" must be a string, found a number (line 1, column 41))"},
  };
  for (const Row& row : rows) {
    const Parsed p(row.path, row.body);
    CAPTURE(row.body);
    REQUIRE_FALSE(p.result.ok());
    CHECK(p.result.fault->http_status == 400);
    CHECK(p.result.fault->param == row.param);
    CHECK(p.result.fault->ToString() == row.text);
    CHECK(p.request.call == CallKind::kOther);
    CHECK(p.request.model.empty());
    CHECK(p.request.pieces.empty());
    CHECK(p.request.prompts.empty());
  }
}

TEST_CASE("a body without a model is whole but for that") {
  const Parsed p(kCompletions, R"( {"prompt":"hello world"})");
  REQUIRE(p.result.ok());
  REQUIRE(p.result.no_model);
  CHECK(p.result.no_model->http_status == 400);
  CHECK(p.result.no_model->param == "model");
  CHECK(p.result.no_model->ToString() == R"("model" is missing (line 1, column 2))");
  CHECK(p.request.call == CallKind::kCompletions);
  CHECK(p.request.model.empty());
  CHECK(p.Prompts() == "<hello world>");
}

TEST_CASE("where the model's name stands") {
  struct Row {
    std::string body, place;  // place: the bytes that are its name
  };
  for (const Row& row : {Row{R"({"model":"m","prompt":"p"})", R"("m")"},
                         Row{R"({"prompt":"p","model" : "a\"b" })", R"("a\"b")"},
                         Row{R"({"model":"x","model":"y","prompt":"p"})", R"("y")"}}) {
    const Parsed p(kCompletions, row.body);
    INFO(row.body);
    REQUIRE(p.result.model_at);
    CHECK_FALSE(p.result.model_at->missing());
    CHECK(row.body.substr(p.result.model_at->begin,
                          p.result.model_at->end - p.result.model_at->begin) == row.place);
  }
  const Parsed none(kCompletions, R"(  {"prompt":"p"})");
  REQUIRE(none.result.model_at);
  CHECK(none.result.model_at->missing());
  CHECK(none.result.model_at->begin == 3);
  CHECK_FALSE(Parsed("/v1/models", "{}").result.model_at);
}

TEST_CASE("a thousand levels are refused clearly, faults anywhere are found") {
  const std::string deep =
      R"({"model":"m","prompt":"a","x":)" + std::string(1000, '[') + std::string(1000, ']') + "}";
  CHECK_THAT(Parsed(kCompletions, deep).Fault(), Catch::Contains("256 levels deep"));
  // In a part that nobody reads, and behind 300 KB.
  const std::string large =
      R"({"model":"m","prompt":")" + std::string(300000, 'a') + "\",\n\"x\":01}";
  CHECK(Parsed(kCompletions, large).Fault() == "this is no JSON number (line 2, column 6)");
}

TEST_CASE("the parser's memory is used again, and given back after a large body") {
  RequestParser parser;
  api::InferenceRequest request;
  const std::string half(1 << 20, 'a');
  for (int round = 0; round < 3; ++round) {
    const Padded large(R"({"model":"m","prompt":"\n)" + half + half + "\"}");
    REQUIRE(parser.Parse(kCompletions, kJson, large.body(), request).ok());
    REQUIRE(request.pieces.size() == 1);
    CHECK(request.pieces[0].size() == 2 * half.size() + 1);
    CHECK(request.pieces[0].substr(0, 2) == "\na");
    CHECK(parser.memory() > 16 * half.size());
    const Padded small(R"({"model":"s","prompt":["\tb",""]})");
    REQUIRE(parser.Parse(kCompletions, kJson, small.body(), request).ok());
    CHECK(request.pieces == Pieces{"\tb"});
    CHECK(request.prompts.size() == 2);
    CHECK(request.model == "s");
    CHECK(parser.memory() <= half.size());
    const size_t before = parser.memory();
    REQUIRE(parser.Parse(kCompletions, kJson, small.body(), request).ok());
    CHECK(parser.memory() == before);
    REQUIRE(parser.Parse(kCompletions, kJson, large.body(), request).ok());
    parser.Trim();
    CHECK(parser.memory() == 0);
    const Padded bad("{");
    CHECK_FALSE(parser.Parse(kCompletions, kJson, bad.body(), request).ok());
  }
}

TEST_CASE("more prompts than are looked at are still checked") {
  std::string body = R"({"model":"m","prompt":["a")";
  for (size_t i = 0; i < kMaxPrompts + 10; ++i) body += ",\"b\"";
  const Parsed p(kCompletions, body + "]}");
  REQUIRE(p.Fault().empty());
  CHECK(p.request.prompts.size() == kMaxPrompts);
  CHECK(p.request.pieces.size() == kMaxPrompts);
  CHECK(Parsed(kCompletions, body + ",1]}").result.fault->param ==
        "prompt[" + std::to_string(kMaxPrompts + 11) + "]");
}

}  // namespace
}  // namespace inference::request
