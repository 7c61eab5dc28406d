#include "manifest/document_text.h"

#include <catch2/catch.hpp>

#include "manifest/reader.h"

using namespace inference;
using namespace inference::manifest;

namespace {

std::vector<std::string> Texts(const std::string& text) {
  api::Diagnostics diagnostics;
  const std::vector<Node> documents = ParseDocuments("f.yaml", text, diagnostics, {});
  CHECK(diagnostics.empty());
  std::vector<std::string> out;
  for (const Node& document : documents) out.push_back(TextOf(document, SplitDocuments(text)));
  return out;
}

std::string Pool(const std::string& name) {
  return "apiVersion: inference.networking.k8s.io/v1\nkind: InferencePool\nmetadata: {name: " +
         name +
         ", namespace: llm, labels: {team: a}}\nspec:\n  selector: {matchLabels: {app: "
         "vllm}}\n  targetPorts: [{number: 8000}]\n";
}

}  // namespace

TEST_CASE("a document's text is what stands between the markers, comments included") {
  CHECK(Texts("a: 1\n") == std::vector<std::string>{"a: 1\n"});
  CHECK(Texts("# first\na: 1 # one\n\n---\n\n# second\nb: 2\n...\n---\nc: 3") ==
        std::vector<std::string>{"# first\na: 1 # one\n", "# second\nb: 2\n", "c: 3\n"});
  CHECK(Texts("---\n---\na: 1\n---\n") == std::vector<std::string>{"a: 1\n"});
  CHECK(Texts("--- # comment\na: 1\n") == std::vector<std::string>{" # comment\na: 1\n"});
  CHECK(Texts("--- {a: 1}\n--- {b: 2}\n") == std::vector<std::string>{" {a: 1}\n", " {b: 2}\n"});
  CHECK(Texts("\xEF\xBB\xBF"
              "a: 1\r\n---\r\nb: 2\r\n") == std::vector<std::string>{"a: 1\n", "b: 2\n"});
  CHECK(Texts("%YAML 1.2\n---\na: 1\n") == std::vector<std::string>{"a: 1\n"});
  // Not markers: longer dashes, an indented one, dashes in a block scalar.
  CHECK(Texts("a: |\n  ---\n  x\nb: ----\n").size() == 1);
}

TEST_CASE("a node written as a document reads back to the same tree") {
  const std::string text =
      "a: [1, two, \"3\", null, {b: \"true\", c: true, \"x y\": \"new\\nline \\\"q\\\"\"}]\n"
      "empty: []\nnone: {}\nunicode: \"gr\\u00fcn \xE2\x98\x83\"\n";
  api::Diagnostics diagnostics;
  const auto first = ParseDocuments("f", text, diagnostics, {});
  const auto second = ParseDocuments("f", WriteDocument(first.at(0)), diagnostics, {});
  REQUIRE(diagnostics.empty());
  CHECK(WriteDocument(second.at(0)) == WriteDocument(first.at(0)));
  const auto& items = second.at(0).members.at(0).value.items;
  REQUIRE(items.size() == 5);
  CHECK(TypeOf(items[0]) == ScalarType::kInt);
  CHECK(TypeOf(items[2]) == ScalarType::kString);
  CHECK(items[3].kind == Node::Kind::kNull);
  CHECK(TypeOf(items[4].members.at(0).value) == ScalarType::kString);
  CHECK(TypeOf(items[4].members.at(1).value) == ScalarType::kBool);
  CHECK(items[4].members.at(2).value.text == "new\nline \"q\"");
}

TEST_CASE("each object read keeps its own text") {
  ManifestSet set;
  api::Diagnostics diagnostics;
  ReadManifests("f.yaml", "# one\n" + Pool("a") + "---\n# two\n" + Pool("b"), set, diagnostics);
  REQUIRE(diagnostics.empty());
  REQUIRE(set.objects.size() == 2);
  CHECK(set.objects[0].text == "# one\n" + Pool("a"));
  CHECK(set.objects[1].text == "# two\n" + Pool("b"));
  CHECK(set.objects[1].group == "inference.networking.k8s.io");
  CHECK(set.objects[1].kind == "InferencePool");
  CHECK(set.objects[1].ns == "llm");
  CHECK(set.objects[1].name == "b");
  CHECK(set.objects[1].labels.at("team") == "a");
  CHECK(set.objects[1].origin.line == 10);
}

TEST_CASE("an item of a List gets a document of its own that reads alike") {
  const std::string list =
      "apiVersion: v1\nkind: List\nitems:\n- apiVersion: inference.networking.k8s.io/v1\n"
      "  kind: InferencePool\n  metadata: {name: a, namespace: llm}\n  spec:\n"
      "    selector: {matchLabels: {app: vllm, \"on\": \"yes\"}}\n"
      "    targetPorts: [{number: 8000}]\n";
  ManifestSet set, again;
  api::Diagnostics diagnostics;
  ReadManifests("f.yaml", list, set, diagnostics);
  REQUIRE(diagnostics.empty());
  REQUIRE(set.objects.size() == 1);
  ReadManifests("g.yaml", set.objects[0].text, again, diagnostics);
  REQUIRE(diagnostics.empty());
  REQUIRE(again.pools.size() == 1);
  CHECK(again.pools[0].match_labels == set.pools[0].match_labels);
}
