#include "request/usage.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

namespace inference::request {
namespace {

struct Outcome {
  Usage usage;
  uint64_t events = 0;
  bool done = false;
  bool operator==(const Outcome&) const = default;
};

Outcome Scan(ResponseKind kind, const std::vector<std::string>& chunks) {
  UsageScanner scanner(kind);
  for (const std::string& chunk : chunks) scanner.Feed(chunk);
  scanner.Finish();
  return {scanner.usage(), scanner.events(), scanner.done()};
}

// The outcome of the text in one chunk, which every other way to cut it must share.
Outcome ScanAllWays(ResponseKind kind, const std::string& text) {
  const Outcome whole = Scan(kind, {text});
  std::vector<std::string> bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    CAPTURE(i);
    CHECK(Scan(kind, {text.substr(0, i), text.substr(i)}) == whole);
    bytes.push_back(text.substr(i, 1));
  }
  CHECK(Scan(kind, bytes) == whole);
  return whole;
}

constexpr Usage kNothing;

TEST_CASE("which responses are scanned") {
  struct Row {
    std::string_view type, encoding;
    ResponseKind kind;
  };
  const std::vector<Row> rows = {
      {"text/event-stream", "", ResponseKind::kSse},
      {"Text/Event-Stream; charset=utf-8", "identity", ResponseKind::kSse},
      {"text/event-stream", "gzip", ResponseKind::kOpaque},
      {"application/json", "", ResponseKind::kJson},
      {"application/json", "br", ResponseKind::kOpaque},
      {"text/plain", "", ResponseKind::kOpaque},
      {"", "", ResponseKind::kOpaque}};
  for (const Row& row : rows) {
    CAPTURE(row.type, row.encoding);
    CHECK(DetectResponseKind(row.type, row.encoding) == row.kind);
  }
}

TEST_CASE("usage of plain responses, cut anywhere") {
  const std::vector<std::pair<std::string, Usage>> rows = {
      {R"({"id":"x","choices":[{"message":{"content":"hi \"usage\":{\"prompt_tokens\":9}"}}],)"
       R"("usage":{"prompt_tokens":40,"total_tokens":42,"completion_tokens":2,)"
       R"("prompt_tokens_details":{"cached_tokens":32,"created_cache_tokens":null},)"
       R"("completion_tokens_details":null}})",
       {40, 2, 42, 32}},
      {R"({"object":"response","usage":{"input_tokens":5,"input_tokens_details":{"cached_tokens":0},)"
       R"("output_tokens":7}})",
       {5, 7, 12, 0}},
      {"{\n  \"usage\" : {\n \"prompt_tokens\" : 3 ,\n \"total_tokens\" : 3\n }\n}",
       {3, -1, 3, -1}},
      {R"({"data":[{"usage":{"prompt_tokens":1}}],"x":"\\","y":"\\\"","usage":{"prompt_tokens":2}})",
       {2, -1, -1, -1}},
      {R"({"response":{"usage":{"input_tokens":3},"x":{}},"usage":{"output_tokens":4}})",
       {3, 4, -1, -1}},
      {R"({"usage":null})", kNothing},
      {R"({"usage":[1],"model":"usage"})", kNothing},
      {R"({"usage":"{\"prompt_tokens\":1}"})", kNothing},
      {R"([{"usage":{"prompt_tokens":1}}])", kNothing},
      {R"({"usage":{"prompt_tokens":-1,"completion_tokens":1.5,"total_tokens":"7"}})", kNothing},
      {R"({"usage":{"prompt_tokens":99999999999999999999999,"completion_tokens":1e3}})", kNothing},
      {R"({"usage":{"prompt_tokens":1)", kNothing},
      {R"({"usage":{"other":{"prompt_tokens":1},"a_name_longer_than_any_of_ours":{"x":[}]}})",
       kNothing},
      {R"({"us\u0061ge":{"prompt_tokens":1}})", kNothing},
      {"no healthy upstream", kNothing},
      {"", kNothing},
  };
  for (const auto& [text, usage] : rows) {
    CAPTURE(text);
    const Outcome outcome = ScanAllWays(ResponseKind::kJson, text);
    CHECK(outcome.usage == usage);
    CHECK(outcome.events == 0);
  }
}

TEST_CASE("usage of streamed chat, cut anywhere") {
  const std::string text =
      ": a comment with \"usage\":{\"prompt_tokens\":1}\n\n"
      "event: usage\n"
      "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}],\"usage\":null}\n\n"
      "data: "
      "{\"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\":{\\\"prompt_tokens\\\":5}\"}}]}\n\n"
      "data:{\"choices\":[],\"usage\":{\"prompt_tokens\":40,\"completion_tokens\":2,"
      "\"total_tokens\":42,\"prompt_tokens_details\":{\"cached_tokens\":32}}}\n\n"
      "data: [DONE]\n\n";
  const Outcome expected{{40, 2, 42, 32}, 3, true};
  CHECK(ScanAllWays(ResponseKind::kSse, text) == expected);
  std::string crlf;
  for (char c : text) crlf += c == '\n' ? "\r\n" : std::string(1, c);
  CHECK(ScanAllWays(ResponseKind::kSse, crlf) == expected);
}

TEST_CASE("usage with every chunk: the last one counts") {
  const std::string text =
      "data: {\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1,\"total_tokens\":10,"
      "\"prompt_tokens_details\":{\"cached_tokens\":4}}}\n\n"
      "data: {\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,\"total_tokens\":11}}\n\n"
      "data: {\"usage\":null}\n\n";
  CHECK(ScanAllWays(ResponseKind::kSse, text) == Outcome{{9, 2, 11, 4}, 3, false});
}

TEST_CASE("each report has its own total") {
  const std::string text =
      "data: {\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1}}\n\n"
      "data: {\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}\n\n";
  CHECK(ScanAllWays(ResponseKind::kSse, text) == Outcome{{9, 2, 11, -1}, 2, false});
}

TEST_CASE("usage of streamed responses calls lies in the completed response") {
  const std::string text =
      "event: response.created\n"
      "data: {\"type\":\"response.created\",\"response\":{\"id\":\"r\",\"usage\":null}}\n\n"
      "event: response.completed\n"
      "data: "
      "{\"type\":\"response.completed\",\"response\":{\"output\":[{\"usage\":{\"input_tokens\":1}}]"
      ","
      "\"usage\":{\"input_tokens\":6,\"input_tokens_details\":{\"cached_tokens\":3},"
      "\"output_tokens\":4,\"total_tokens\":10},\"user\":null}}\n\n";
  CHECK(ScanAllWays(ResponseKind::kSse, text) == Outcome{{6, 4, 10, 3}, 2, false});
}

TEST_CASE("events: truncated ones count once, empty ones and other fields don't") {
  CHECK(ScanAllWays(ResponseKind::kSse, "data: {\"a\":").events == 1);
  CHECK(ScanAllWays(ResponseKind::kSse, "data:\ndata: \r\ndata\ndatax: 1\nid: 1\n\n").events == 0);
  CHECK(ScanAllWays(ResponseKind::kSse, "data: [DONE]") == Outcome{kNothing, 0, true});
  CHECK(ScanAllWays(ResponseKind::kSse, "data: [DONE]x\n") == Outcome{kNothing, 1, false});
  CHECK(ScanAllWays(ResponseKind::kSse, "data: 1\n data: 2\n").events == 1);
}

TEST_CASE("usage at the end of a line of megabytes") {
  const std::string filler(3 << 20, 'x');
  const std::string text = "data: {\"response\":{\"output\":[\"" + filler +
                           "\"],\"usage\":{\"input_tokens\":6,\"output_tokens\":4}}}\n\n";
  std::vector<std::string> chunks;
  for (size_t at = 0; at < text.size(); at += 16384) chunks.push_back(text.substr(at, 16384));
  CHECK(Scan(ResponseKind::kSse, chunks) == Outcome{{6, 4, 10, -1}, 1, false});
  CHECK(sizeof(UsageScanner) <= 256);
}

TEST_CASE("opaque responses give nothing, Reset forgets") {
  UsageScanner scanner;
  scanner.Feed(R"({"usage":{"prompt_tokens":1}})");
  CHECK_FALSE(scanner.usage().seen());
  scanner.Reset(ResponseKind::kJson);
  scanner.Feed(R"({"usage":{"prompt_tokens":1},"x":")");
  CHECK(scanner.usage().prompt_tokens == 1);
  scanner.Reset(ResponseKind::kSse);
  CHECK_FALSE(scanner.usage().seen());
  scanner.Feed("data: 1\n");
  CHECK(scanner.events() == 1);
}

}  // namespace
}  // namespace inference::request
