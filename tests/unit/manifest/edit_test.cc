#include "manifest/edit/change.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "manifest/edit/scalar_text.h"

namespace inference::manifest::edit {
namespace {

using What = Change::What;

std::vector<Node> Parse(const std::string& text) {
  api::Diagnostics found;
  return ParseDocuments("f.yaml", text, found, {});
}

// "key=value" of all scalars, by the bytes of their ranges.
void Collect(const std::string& text, const Node& node, std::vector<std::string>& out) {
  const auto part = [&](const Range& r) {
    return r.known() ? text.substr(r.begin, r.size()) : std::string("?");
  };
  if (node.kind == Node::Kind::kScalar || node.kind == Node::Kind::kNull || node.alias) {
    out.push_back(part(node.range));
  }
  for (const Node& item : node.items) Collect(text, item, out);
  for (const NodeMember& member : node.members) {
    out.push_back(part(member.key_range));
    Collect(text, member.value, out);
  }
}

std::vector<std::string> Ranges(const std::string& text) {
  std::vector<std::string> out;
  for (const Node& node : Parse(text)) Collect(text, node, out);
  return out;
}

using Strings = std::vector<std::string>;

TEST_CASE("every scalar and key has its bytes") {
  CHECK(Ranges("a: b\nc: 'd ''e'\n\"f\": \"g\\\"h\" # i\n") ==
        Strings{"a", "b", "c", "'d ''e'", "\"f\"", "\"g\\\"h\""});
  CHECK(Ranges("{a: b,c: [d,e e],\"f\":1}") == Strings{"a", "b", "c", "d", "e e", "\"f\"", "1"});
  CHECK(Ranges("\xef\xbb\xbf"
               "é: ü # x\r\nb: c\r\n") == Strings{"é", "ü", "b", "c"});
  CHECK(Ranges("a: &x !!str b\nc: *x\nd: ~\ne:\nf: null\n") ==
        Strings{"a", "b", "c", "*x", "d", "~", "e", "?", "f", "null"});
  CHECK(Ranges("a: one\n  two\n\n  three # c\nb: http://x:1/#y\n") ==
        Strings{"a", "one\n  two\n\n  three", "b", "http://x:1/#y"});
  CHECK(Ranges("a: |\n   x\n    y\n\n# c\nb: >-\n z\nc: |+\n w\n\n") ==
        Strings{"a", "|\n   x\n    y", "b", ">-\n z", "c", "|+\n w"});
  CHECK(Ranges("a: |2\n    x\n   y\nb: |\nc: 1\n") ==
        Strings{"a", "|2\n    x\n   y", "b", "|", "c", "1"});
}

TEST_CASE("collections reach to their bracket, or to the end of their last value") {
  const std::string text =
      "a: {b: c, d: }  # e\nf: [1, # ]\n  2 , ]\ng:\n- h: i\n  j: k # l\nm: n\n";
  const std::vector<Node> documents = Parse(text);
  REQUIRE(documents.size() == 1);
  const auto part = [&](size_t member) {
    const Range& r = documents[0].members[member].value.range;
    return text.substr(r.begin, r.size());
  };
  CHECK(part(0) == "{b: c, d: }");
  CHECK(part(1) == "[1, # ]\n  2 , ]");
  CHECK(part(2) == "- h: i\n  j: k");
}

TEST_CASE("splices keep all other bytes; overlaps are refused") {
  CHECK(*Splice("abcdef", {{4, 5, "X"}, {0, 1, ""}, {2, 2, "-"}, {2, 2, "+"}}) == "b-+cdXf");
  CHECK_FALSE(Splice("abcdef", {{1, 3, "x"}, {2, 4, "y"}}).ok());
  CHECK_FALSE(Splice("abc", {{2, 4, ""}}).ok());
  CHECK_FALSE(Splice("abc", {{2, 1, ""}}).ok());
}

TEST_CASE("a diff has context, both names and a missing line end") {
  CHECK(UnifiedDiff("x", "a\n", "a\n").empty());
  CHECK(UnifiedDiff("./d/x", "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nV\n6\n7\n8\n9\n") ==
        "--- a/d/x\n+++ b/d/x\n@@ -2,8 +2,8 @@\n 2\n 3\n 4\n-5\n+V\n 6\n 7\n 8\n 9\n");
  CHECK(UnifiedDiff("/x", "a\nb", "a\nb\n") ==
        "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n");
}

TEST_CASE("changes keep comments, quotes, line ends and the byte order mark") {
  const auto changed = [](const std::string& text, std::vector<Change> changes) {
    const auto result = ChangeText("f.yaml", text, Parse(text), changes);
    return result.ok() ? *result : "error: " + result.status().message();
  };
  const std::string text =
      "\xef\xbb\xbf# top\r\na :  'b' # c\r\nd:\r\n- e # f\r\n- g\r\n- e # h\r\ni: [1, 2, 1]\r\n";
  CHECK(changed(text, {{What::kRenameKey, {0, 0}, "aa"}, {What::kSetString, {0, 0}, "it's"}}) ==
        "\xef\xbb\xbf# top\r\naa :  'it''s' # c\r\nd:\r\n- e # f\r\n- g\r\n- e # h\r\ni: [1, 2, "
        "1]\r\n");
  CHECK(changed(text, {{What::kRemoveItem, {0, 1, 2}, ""}, {What::kRemoveItem, {0, 2, 2}, ""}}) ==
        "\xef\xbb\xbf# top\r\na :  'b' # c\r\nd:\r\n- e # f\r\n- g\r\ni: [1, 2]\r\n");
  CHECK(changed("a: [1, 2]\n", {{What::kRemoveItem, {0, 0, 0}, ""}}) == "a: [2]\n");
  CHECK(changed("a: 1.10\n", {{What::kSetString, {0, 0}, "1.10"}}) == "a: \"1.10\"\n");
  CHECK(changed("a: \"8\"\n", {{What::kSetPlain, {0, 0}, "8"}}) == "a: 8\n");
}

TEST_CASE("a change that would change another value is refused") {
  const std::string text = "a: &x b\nc: *x\n";
  const auto through = ChangeText("f.yaml", text, Parse(text), {{What::kSetString, {0, 0}, "d"}});
  CHECK_FALSE(through.ok());
  const auto alias = ChangeText("f.yaml", text, Parse(text), {{What::kSetString, {0, 1}, "d"}});
  REQUIRE(alias.ok());
  CHECK(*alias == "a: &x b\nc: d\n");
  const std::string nested = "a: &x {y: z}\nc: *x\n";
  CHECK_FALSE(
      ChangeText("f.yaml", nested, Parse(nested), {{What::kRenameKey, {0, 1, 0}, "d"}}).ok());
}

TEST_CASE("strings are quoted where a reader could take them for something else") {
  for (const char* text : {"a", "qwen3-32b", "a.b/c_d", "1.2.3"}) CHECK(IsPlainString(text));
  for (const char* text : {"", "yes", "NO", "null", "~", "1", "1e3", "0x1", "- a", "a: b", "a #b",
                           "@a", "*a", "true", ".5", "y", "012"}) {
    CAPTURE(text);
    CHECK_FALSE(IsPlainString(text));
  }
  CHECK(InStyleOf("x", "yes") == "\"yes\"");
  CHECK(InStyleOf("\"x\"", "a\"b") == "\"a\\\"b\"");
}

}  // namespace
}  // namespace inference::manifest::edit
