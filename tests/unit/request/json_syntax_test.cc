#include "request/json_syntax.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "request/json_index.h"
#include "unit/request/padded.h"

namespace inference::request {
namespace {

using namespace std::string_literals;

bool Indexes(std::string_view text) {
  const Padded padded(text);
  JsonIndex index;
  return index.Build(padded.body().data, padded.body().size);
}

TEST_CASE("valid JSON passes both readers") {
  const std::vector<std::string> texts = {
      "{}",
      "[]",
      " \r\n\t{ } ",
      R"("text")",
      "0",
      "-0",
      "-12.5e+30",
      "123456789012345678901234567890",
      "1e999",
      "true",
      "null",
      R"({"a":[1,2,{"b":null}],"c":{"d":[]}})",
      R"(["\u00e9\ud83d\ude00\ud800\"\\\/\b\f\n\r\t"])",
      "[\"\xC3\xA9\xF0\x9F\x98\x80\x7F\"]",
      R"({"a":1,"a":2})",
      std::string(kMaxJsonDepth, '[') + std::string(kMaxJsonDepth, ']'),
  };
  for (const std::string& text : texts) {
    CAPTURE(text);
    CHECK_FALSE(FindSyntaxFault(text).has_value());
    CHECK(Indexes(text));
  }
}

TEST_CASE("faults are refused by both readers and placed") {
  struct Row {
    std::string text;
    size_t offset;
    std::string message;
  };
  const std::vector<Row> rows = {
      {"", 0, "the body is empty"},
      {" \n ", 3, "the body is empty"},
      {"\xEF\xBB\xBF{}", 0, "byte order mark"},
      {"no healthy upstream", 0, "expected a value, found 'n'"},
      {R"({"a" 1})", 5, "expected ':' after a field name, found '1'"},
      {R"({"a":1 "b":2})", 7, "expected ',' or '}', found '\"'"},
      {R"({"a":1,})", 7, "expected a field name in quotes, found '}'"},
      {R"({a:1})", 1, "expected a field name in quotes, found 'a'"},
      {"[1,]", 3, "expected a value, found ']'"},
      {"[1 2]", 3, "expected ',' or ']', found '2'"},
      {"[1}", 2, "expected ',' or ']', found '}'"},
      {"[,1]", 1, "expected a value, found ','"},
      {"[1", 2, "expected ',' or ']', found the end of the body"},
      {R"({"a":)", 5, "expected a value, found the end of the body"},
      {R"({"a":"b)", 5, "this string is not closed"},
      {R"(["\x"])", 2, "this is no JSON escape"},
      {R"(["\u12g4"])", 2, "this is no JSON escape"},
      {R"(["\u12"])", 2, "this is no JSON escape"},
      {"[\"a\nb\"]", 3, "a control character in a string must be escaped"},
      {"[\"a\0b\"]"s, 3, "a control character in a string must be escaped"},
      {"[\"\xC3\"]", 2, "the body is not valid UTF-8"},
      {"[\"\xED\xA0\x80\"]", 2, "the body is not valid UTF-8"},
      {"[\"\xC0\xAF\"]", 2, "the body is not valid UTF-8"},
      {"[\"\xF5\x80\x80\x80\"]", 2, "the body is not valid UTF-8"},
      {"[\"\xF4\x90\x80\x80\"]", 2, "the body is not valid UTF-8"},
      {"[\xFF]", 1, "a byte that is not UTF-8"},
      {"[01]", 2, "this is no JSON number"},
      {"[-]", 1, "this is no JSON number"},
      {"[1.]", 1, "this is no JSON number"},
      {"[.5]", 1, "expected a value, found '.'"},
      {"[1e]", 1, "this is no JSON number"},
      {"[+1]", 1, "expected a value, found '+'"},
      {"[NaN]", 1, "expected a value, found 'N'"},
      {"[truex]", 5, "found 'x'"},
      {"[nul]", 1, "expected a value, found 'n'"},
      {"[1\0]"s, 2, "this is no JSON number"},
      {"[true\0]"s, 5, "found"},
      {"{}\f", 2, "the JSON value ends here"},
      {"{} {}", 3, "the JSON value ends here, but '{' follows"},
      {"{}]", 2, "the JSON value ends here, but ']' follows"},
      {"'a'", 0, "expected a value"},
      {std::string(kMaxJsonDepth + 1, '[') + std::string(kMaxJsonDepth + 1, ']'), kMaxJsonDepth,
       "more than 256 levels deep"},
      {std::string(100000, '['), kMaxJsonDepth, "more than 256 levels deep"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text.substr(0, 100));
    CHECK_FALSE(Indexes(row.text));
    const std::optional<SyntaxFault> fault = FindSyntaxFault(row.text);
    REQUIRE(fault.has_value());
    CHECK(fault->offset == row.offset);
    CHECK_THAT(fault->message, Catch::Contains(row.message));
  }
}

TEST_CASE("every cut of a valid text is refused by both readers") {
  const std::string text = R"({"a":["x\u00e9\n",-1.5e3,true,null,{"b":{}}],"c":"é"})";
  REQUIRE(Indexes(text));
  for (size_t size = 0; size < text.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(Indexes(text.substr(0, size)));
    CHECK(FindSyntaxFault(text.substr(0, size)).has_value());
  }
}

TEST_CASE("unescaping") {
  const auto unescape = [](std::string_view text) {
    std::string out(text.size(), '\0');
    out.resize(Unescape(text, out.data()));
    return out;
  };
  CHECK(unescape("plain") == "plain");
  CHECK(unescape(R"(\"\\\/\b\f\n\r\t)") == "\"\\/\b\f\n\r\t");
  CHECK(unescape(R"(a\u0041\u00e9\u20AC\ud83d\ude00z)") ==
        "aA\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z");
  CHECK(unescape(R"(\u0000)") == "\0"s);
  CHECK(unescape(R"(\udbff\udfff)") == "\xF4\x8F\xBF\xBF");
  // Lone surrogates, as Go does.
  CHECK(unescape(R"(\ud800)") == "\xEF\xBF\xBD");
  CHECK(unescape(R"(\udc00x)") == "\xEF\xBF\xBDx");
  CHECK(unescape(R"(\ud800\n)") == "\xEF\xBF\xBD\n");
  CHECK(unescape(R"(\ud800\u0041)") ==
        "\xEF\xBF\xBD"
        "A");
  CHECK(unescape(R"(\ud800\ud83d\ude00)") == "\xEF\xBF\xBD\xF0\x9F\x98\x80");
}

TEST_CASE("tokens, pairs and keys") {
  const Padded padded(R"( {"a" : [1, {"b":2} ] , "\u0063":"d\n"  } )");
  JsonIndex index;
  REQUIRE(index.Build(padded.body().data, padded.body().size));
  std::vector<std::string> keys, values;
  index.ForEachMember(0, [&](std::string_view key, uint32_t value) {
    keys.emplace_back(key);
    values.emplace_back(index.Raw(value));
    return true;
  });
  CHECK(keys == std::vector<std::string>{"a", "\\u0063"});
  CHECK(values == std::vector<std::string>{R"([1, {"b":2} ])", R"("d\n")"});
  CHECK(JsonIndex::KeyEquals("model", "model"));
  CHECK(JsonIndex::KeyEquals("\\u006d\\u006f\\u0064\\u0065\\u006c", "model"));
  CHECK_FALSE(JsonIndex::KeyEquals("\\u006d", "n"));
  CHECK_FALSE(JsonIndex::KeyEquals("models", "model"));
  CHECK(index.Raw(0) == padded.text().substr(1, padded.text().size() - 2));
}

}  // namespace
}  // namespace inference::request
