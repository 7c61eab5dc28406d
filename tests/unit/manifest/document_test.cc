#include "manifest/document.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <random>

#include "manifest/reader.h"

namespace inference::manifest {
namespace {

struct Parsed {
  std::vector<Node> documents;
  api::Diagnostics diagnostics;
  std::string first() const { return diagnostics.empty() ? "" : diagnostics[0].ToString(); }
};

Parsed Parse(std::string_view text, const Limits& limits = {}) {
  Parsed parsed;
  parsed.documents = ParseDocuments("f.yaml", text, parsed.diagnostics, limits);
  return parsed;
}

std::string At(const Node& node) {
  return std::to_string(node.at.line) + ":" + std::to_string(node.at.column);
}

const Node& Field(const Node& map, std::string_view key) {
  for (const NodeMember& member : map.members) {
    if (member.key == key) return member.value;
  }
  FAIL("no field " << key);
  return map;
}

TEST_CASE("places count from 1, columns in code points") {
  const Parsed p =
      Parse("a: 1\n\"\xc3\xa9\xe2\x82\xac\": [x, \"\xf0\x9f\x98\x80\", y]\nb:\n  - {c: d}\n");
  REQUIRE(p.documents.size() == 1);
  const Node& root = p.documents[0];
  CHECK(At(root) == "1:1");
  CHECK(At(Field(root, "a")) == "1:4");
  const Node& list = Field(root, "\xc3\xa9\xe2\x82\xac");
  CHECK(At(list) == "2:7");
  CHECK(At(list.items[1]) == "2:11");
  CHECK(At(list.items[2]) == "2:16");
  CHECK(At(Field(Field(root, "b").items[0], "c")) == "4:9");
  CHECK(root.members[2].key_at.ToString() == "f.yaml:3:1");
}

TEST_CASE("a byte order mark and CRLF do not move anything") {
  const Parsed p = Parse(
      "\xef\xbb\xbf"
      "a: 1\r\nb: two\r\nc:\r\n- x\r\n");
  REQUIRE(p.diagnostics.empty());
  const Node& root = p.documents[0];
  CHECK(At(root) == "1:1");
  CHECK(Field(root, "b").text == "two");
  CHECK(At(Field(root, "b")) == "2:4");
  CHECK(At(Field(root, "c").items[0]) == "4:3");
}

TEST_CASE("several documents, empty ones left out") {
  CHECK(Parse("").documents.empty());
  CHECK(Parse("# only a comment\n").documents.empty());
  CHECK(Parse("---\n---\na: 1\n---\n# nothing\n...\n---\nb: 2\n").documents.size() == 2);
}

TEST_CASE("JSON is read as it is") {
  const Parsed p = Parse(R"({"a":{"b":[1,2.5,true,null,"x\u00e9\/"]},"c":"1"})");
  INFO(p.first());
  REQUIRE(p.diagnostics.empty());
  api::Diagnostics out;
  const api::Value value = ToValue(p.documents[0], out);
  CHECK(out.empty());
  const api::Value::List& list = *value.Find("a")->Find("b")->AsList();
  CHECK(*list[0].AsInt() == 1);
  CHECK(*list[1].AsDouble() == 2.5);
  CHECK(*list[2].AsBool());
  CHECK(list[3].is_null());
  CHECK(*list[4].AsString() == "x\xc3\xa9/");
  CHECK(*value.Find("c")->AsString() == "1");
  CHECK(Parse("{\n\t\"a\": 1,\n\t\"b\": [\n\t\t2\n\t]\n}\n").diagnostics.empty());
}

TEST_CASE("what a plain scalar is") {
  const std::vector<std::pair<std::string, ScalarType>> table = {
      {"x", ScalarType::kString},
      {"true", ScalarType::kBool},
      {"False", ScalarType::kBool},
      {"tRUE", ScalarType::kString},
      {"0", ScalarType::kInt},
      {"-12", ScalarType::kInt},
      {"+12", ScalarType::kInt},
      {"1.5", ScalarType::kFloat},
      {"1e3", ScalarType::kFloat},
      {".5", ScalarType::kFloat},
      {"1.", ScalarType::kFloat},
      {"-.5e-3", ScalarType::kFloat},
      {"1.2.3", ScalarType::kString},
      {"10.2.0.11", ScalarType::kString},
      {"e3", ScalarType::kString},
      {".", ScalarType::kString},
      {"1e", ScalarType::kString},
      {"50ms", ScalarType::kString},
      {"2024-01-01", ScalarType::kString},
      {"yes", ScalarType::kAmbiguous},
      {"NO", ScalarType::kAmbiguous},
      {"on", ScalarType::kAmbiguous},
      {"010", ScalarType::kAmbiguous},
      {"0x1f", ScalarType::kAmbiguous},
      {"0o17", ScalarType::kAmbiguous},
      {"1_000", ScalarType::kAmbiguous},
      {".inf", ScalarType::kAmbiguous},
      {".NaN", ScalarType::kAmbiguous},
      {"0xyz", ScalarType::kString},
      {"north", ScalarType::kString},
      {"y", ScalarType::kString}};
  for (const auto& [text, type] : table) {
    INFO(text);
    const Parsed p = Parse("k: " + text + "\n");
    REQUIRE(p.documents.size() == 1);
    CHECK(TypeOf(Field(p.documents[0], "k")) == type);
    const Parsed quoted = Parse("k: '" + text + "'\nl: \"" + text + "\"\nm: !!str " + text + "\n");
    REQUIRE(quoted.diagnostics.empty());
    for (const char* key : {"k", "l", "m"}) {
      CHECK(TypeOf(Field(quoted.documents[0], key)) == ScalarType::kString);
    }
  }
}

TEST_CASE("an ambiguous scalar is no value") {
  const Parsed p = Parse("a: yes\nb: 010\n");
  api::Diagnostics out;
  ToValue(p.documents[0], out);
  REQUIRE(out.size() == 2);
  CHECK_THAT(out[0].ToString(), Catch::StartsWith("f.yaml:1:4: error: yes means different things"));
  CHECK_THAT(out[1].ToString(), Catch::StartsWith("f.yaml:2:4: error: 010"));
}

TEST_CASE("bad text is refused at its place") {
  using namespace std::string_literals;
  const std::vector<std::pair<std::string, std::string>> table = {
      {"a: 1\nb: \xff\n", "f.yaml:2:4: error: byte 0xff is not UTF-8"},
      {"\xc3\xa9: \xe2\x82", "f.yaml:1:4: error: byte 0xe2 is not UTF-8"},
      {"a: \xed\xa0\x80", "f.yaml:1:4: error: byte 0xed is not UTF-8"},
      {"a: \xc0\x80", "f.yaml:1:4: error: byte 0xc0 is not UTF-8"},
      {"a: \xf4\x90\x80\x80", "f.yaml:1:4: error: byte 0xf4 is not UTF-8"},
      {"a: b\nc: \0d"s, "f.yaml:2:4: error: control character 0x00"},
      {"a: \x1b[31m", "f.yaml:1:4: error: control character 0x1b"},
      {"a: \x04 b", "f.yaml:1:4: error: control character 0x04"},
      {"a: \x7f b", "f.yaml:1:4: error: control character 0x7f"},
      {"\xff\xfe"
       "a\0:\0"s,
       "f.yaml:1:1: error: the file is UTF-16"},
      {"a: \"x\\0y\"", "f.yaml:1:4: error: a string with a NUL character"},
      {"a: 1\na: 2\n",
       "f.yaml:2:1: error: the key 'a' is here twice (the first one is at f.yaml:1:1) [INF0002]"},
      {"{\"a\": 1, \"b\": 2, \"a\": 3}",
       "f.yaml:1:18: error: the key 'a' is here twice (the first one is at f.yaml:1:2)"},
      {"m: &x {a: 1}\nn:\n  <<: *x\n", "f.yaml:3:3: error: merge keys (<<) are not supported"},
      {"? [a]\n: 1\n", "f.yaml:1:3: error: a key must be a string"},
      {"a: &k b\n*k : 2\n", "f.yaml:2:1: error: a key must be a string"},
      {"~: 1\n", "f.yaml:1:1: error: a key must be a string"},
      {"a: !!binary aGk=\n", "f.yaml:1:4: error: the tag 'tag:yaml.org,2002:binary'"},
      {"a: !secret {b: 1}\n", "f.yaml:1:4: error: the tag '!secret'"},
      {"a: &x [*x]\n", "f.yaml:1:8: error: an alias inside the value that it stands for"},
      {"a: *nope\n", "f.yaml:1:4: error: not valid YAML"},
      {"a:\n\tb: 1\n", "(indent with spaces, not with tabs) [INF0001]"},
      {"a: [1, 2\n", "error: not valid YAML: end of sequence flow not found"},
      {"a: \"x\n", "f.yaml:1:4: error: not valid YAML: the quoted string never ends"},
      {"a: 1\nb: !!str 'it''s\n\n",
       "f.yaml:2:10: error: not valid YAML: the quoted string never ends"},
      {"a: [\"x\\\"\n", "error: not valid YAML"},
      {"\"x\n", "f.yaml:1:1: error: not valid YAML: the quoted string never ends"},
      {"a: \"x", "error: not valid YAML: illegal EOF in scalar"},
      {"a: b: c\n", "f.yaml:1:5: error: not valid YAML"},
      {"{a: 1}}\n", "error: not valid YAML"},
  };
  for (const auto& [text, message] : table) {
    INFO(text);
    CHECK_THAT(Parse(text).first(), Catch::Contains(message));
  }
}

TEST_CASE("documents in front of a syntax error are still there") {
  const Parsed p = Parse("a: 1\n---\nb: [\n");
  CHECK(p.documents.size() == 1);
  CHECK(p.diagnostics.size() == 1);
}

TEST_CASE("aliases stand for a whole value") {
  const Parsed p = Parse("a: &x {k: [1, 2]}\nb: *x\nc: &s text\nd: *s\n");
  REQUIRE(p.diagnostics.empty());
  CHECK(Field(Field(p.documents[0], "b"), "k").items.size() == 2);
  CHECK(Field(p.documents[0], "d").text == "text");
}

TEST_CASE("an alias of an earlier document is not known") {
  CHECK_FALSE(Parse("a: &x 1\n---\nb: *x\n").diagnostics.empty());
}

TEST_CASE("billion laughs stops at the budget") {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int j = 0; j < 9; ++j) text += ", " + before;
    text += "]\n";
  }
  CHECK_THAT(Parse(text, {.max_nodes = 100'000}).first(), Catch::Contains("INF0004"));
}

TEST_CASE("aliases of long strings stop at the budget too") {
  std::string text = "a: &a " + std::string(10'000, 'x') + "\nb: [";
  for (int i = 0; i < 1000; ++i) text += "*a,";
  text += "]\n";
  CHECK_THAT(Parse(text, {.max_bytes = 1 << 20}).first(),
             Catch::Contains("aliases repeat more than 1048576 bytes"));
}

TEST_CASE("deep nesting is refused, whatever it is made of") {
  for (const std::string& text : {std::string(10'000, '['), std::string(10'000, '{'),
                                  [] {
                                    std::string s;
                                    for (int i = 0; i < 10'000; ++i) s += "- ";
                                    return s;
                                  }(),
                                  [] {
                                    std::string s;
                                    for (int i = 0; i < 10'000; ++i) s += "? ";
                                    return s;
                                  }(),
                                  [] {
                                    std::string s;
                                    for (int i = 0; i < 300; ++i)
                                      s += std::string(static_cast<size_t>(i), ' ') + "a:\n";
                                    return s;
                                  }(),
                                  [] {
                                    std::string s;
                                    for (int i = 0; i < 5'000; ++i) s += "{a: [";
                                    return s;
                                  }()}) {
    const Parsed p = Parse(text);
    CHECK_THAT(p.first(), Catch::Contains("nested deeper than 64 levels"));
  }
  std::string deep = "x";
  for (int i = 0; i < 64; ++i) deep = "[" + deep + "]";
  CHECK(Parse(deep).diagnostics.empty());
  CHECK_THAT(Parse("[" + deep + "]").first(), Catch::Contains("f.yaml:1:65: error: nested deeper"));
}

TEST_CASE("100 MB are refused before anything looks at them") {
  const std::string text(100 << 20, 'a');
  CHECK_THAT(Parse(text).first(),
             Catch::Contains("f.yaml: error: 104857600 bytes; at most 16777216 are read"));
}

TEST_CASE("one long line of JSON is read in linear time") {
  std::string text = "{\"items\": [";
  for (int i = 0; i < 20'000; ++i) text += "{\"k\":\"\xc3\xa9\"},";
  text += "{}]}";
  const Parsed p = Parse(text);
  REQUIRE(p.diagnostics.empty());
  const Node& last = Field(p.documents[0], "items").items.back();
  CHECK(last.at.column == 12 + 20'000 * 10);
}

TEST_CASE("mutated documents never break the reader") {
  const std::string seed =
      "apiVersion: v1\nkind: List\nitems:\n- &x {a: [1, 'two', \"\\u00e9\"], b: *y}\n- |\n  block\n"
      "- >-\n  folded\n- ? k\n  : v\n--- # doc\n%TAG ! x\n<<: 0x1f\n";
  std::mt19937 rng(7);
  const std::string spice = "\n\t []{}:,-?&*!|>'\"%#@`<~0aY\\\r\xc3\xa9\xff";
  for (int round = 0; round < 3000; ++round) {
    std::string text = seed;
    for (unsigned n = 1 + rng() % 6; n > 0 && !text.empty(); --n) {
      const size_t at = rng() % text.size();
      switch (rng() % 3) {
        case 0:
          text[at] = spice[rng() % spice.size()];
          break;
        case 1:
          text.erase(at, 1 + rng() % 5);
          break;
        default:
          text.insert(at, 1 + rng() % 3, spice[rng() % spice.size()]);
      }
    }
    const Parsed p = Parse(text);
    for (const Node& document : p.documents) {
      api::Diagnostics out;
      ToValue(document, out);
      CHECK(document.at.line >= 1);
      CHECK(document.at.column >= 1);
    }
    for (const api::Diagnostic& d : p.diagnostics) CHECK(d.origin.known());
  }
}

}  // namespace
}  // namespace inference::manifest
