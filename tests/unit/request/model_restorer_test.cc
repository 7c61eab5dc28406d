#include "request/model_restorer.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

namespace inference::request {
namespace {

// What comes out for `pieces`, the end included.
std::string Restore(const std::vector<std::string_view>& pieces, std::string_view served = "v1",
                    std::string_view asked = R"("chat")") {
  ModelRestorer restorer(served, asked);
  std::string out;
  for (const std::string_view piece : pieces) restorer.Feed(piece, out);
  restorer.Finish(out);
  return out;
}

struct Row {
  std::string_view in, out;
};

const Row kRows[] = {
    {R"({"model":"v1","x":1})", R"({"model":"chat","x":1})"},
    {R"({"id":"a","model" : "v1"})", R"({"id":"a","model" : "chat"})"},
    {R"({"response":{"model":"v1"}})", R"({"response":{"model":"chat"}})"},
    {R"({"model":"\u00761"})", R"({"model":"chat"})"},
    // Others stay.
    {R"({"model":"v10"})", R"({"model":"v10"})"},
    {R"({"model":"v"})", R"({"model":"v"})"},
    {R"({"model":"v\\1"})", R"({"model":"v\\1"})"},
    {R"({"model":"v1\""})", R"({"model":"v1\""})"},
    {R"({"model":"v1\"})", R"({"model":"v1\"})"},
    {R"({"model":null,"v1":"v1"})", R"({"model":null,"v1":"v1"})"},
    {R"({"models":"v1","amodel":"v1","model\n":"v1"})",
     R"({"models":"v1","amodel":"v1","model\n":"v1"})"},
    {R"({"x":"model","model":["v1"]})", R"({"x":"model","model":["v1"]})"},
    {R"({"text":"\"model\":\"v1\""})", R"({"text":"\"model\":\"v1\""})"},
    {R"({"text":"\\","model":"v1"})", R"({"text":"\\","model":"chat"})"},
    {R"({"model":"a very long name of another model that is no match","model":"v1"})",
     R"({"model":"a very long name of another model that is no match","model":"chat"})"},
    // Server-sent events.
    {"data: {\"model\":\"v1\"}\n\ndata: {\"model\":\"v1\"}\n\ndata: [DONE]\n\n",
     "data: {\"model\":\"chat\"}\n\ndata: {\"model\":\"chat\"}\n\ndata: [DONE]\n\n"},
    {": it's 5\" long\ndata: {\"model\":\"v1\"}\n\n",
     ": it's 5\" long\ndata: {\"model\":\"chat\"}\n\n"},
    {"{\"model\":\"v1\n\"model\":\"v1\"", "{\"model\":\"v1\n\"model\":\"chat\""},
    // Cut off.
    {R"({"model":"v)", R"({"model":"v)"},
    {R"({"mod)", R"({"mod)"},
    {"", ""},
};

TEST_CASE("the name is restored, and nothing else changes") {
  for (const Row& row : kRows) {
    INFO(row.in);
    CHECK(Restore({row.in}) == row.out);
  }
}

TEST_CASE("pieces may be cut at every byte") {
  for (const Row& row : kRows) {
    INFO(row.in);
    for (size_t a = 0; a <= row.in.size(); ++a) {
      for (size_t b = a; b <= row.in.size(); ++b) {
        const std::string out =
            Restore({row.in.substr(0, a), row.in.substr(a, b - a), row.in.substr(b)});
        if (out != row.out) FAIL("cut at " << a << " and " << b << ": " << out);
      }
    }
  }
}

TEST_CASE("names may need escapes on both sides") {
  CHECK(Restore({R"({"model":"org\/m\u00e9\"x"})"}, "org/m\u00e9\"x", R"("a\"b")") ==
        R"({"model":"a\"b"})");
  CHECK(Restore({"{\"model\":\"\xF0\x9F\xA6\x99\"}"}, "\xF0\x9F\xA6\x99", R"("l")") ==
        R"({"model":"l"})");
  CHECK(Restore({R"({"model":"\ud83e\udd99"})"}, "\xF0\x9F\xA6\x99", R"("l")") ==
        R"({"model":"l"})");
}

TEST_CASE("what may be the name is held back, and no more") {
  ModelRestorer restorer("v1", "\"chat\"");
  std::string out;
  restorer.Feed(R"({"model":"v)", out);
  CHECK(out == R"({"model":)");
  restorer.Feed(R"(1")", out);
  CHECK(out == R"({"model":"chat")");
  restorer.Feed(",\"model\":\"" + std::string(100, 'x'), out);
  CHECK(out == R"({"model":"chat","model":")" + std::string(100, 'x'));
}

}  // namespace
}  // namespace inference::request
