#include "manifest/edit/annotation.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <random>

#include "manifest/edit/tree.h"

namespace inference::manifest::edit {
namespace {

constexpr char kKey[] = "ours.dev/left";
constexpr char kValue[] = R"({"0":["v2","it's"]})";
constexpr char kInSingle[] = R"(ours.dev/left: '{"0":["v2","it''s"]}')";

Result<std::string> SetIn(const std::string& text, const std::optional<std::string>& value,
                          size_t document = 0) {
  api::Diagnostics findings;
  const auto documents = ParseDocuments("f.yaml", text, findings, {});
  for (const auto& d : findings) UNSCOPED_INFO(d.ToString());
  REQUIRE(findings.empty());
  return SetAnnotation("f.yaml", text, documents, document, kKey, value);
}

std::string Set(const std::string& text, size_t document = 0) {
  const auto changed = SetIn(text, kValue, document);
  return changed ? *changed : "error: " + std::string(changed.status().message());
}

std::string Remove(const std::string& text, size_t document = 0) {
  const auto changed = SetIn(text, std::nullopt, document);
  return changed ? *changed : "error: " + std::string(changed.status().message());
}

struct Case {
  std::string without, with;
  bool comes_back = true;  // byte for byte when it goes again
};

std::string Single() {
  return kInSingle;
}

TEST_CASE("an annotation comes and goes in the style of what is there") {
  const std::vector<Case> cases = {
      {"kind: A\nmetadata:\n  name: chat  # ours\nspec: {}\n",
       "kind: A\nmetadata:\n  name: chat  # ours\n  annotations:\n    " + Single() +
           "\nspec: {}\n"},
      {"metadata:\n  name: chat\n  namespace: llm\n  labels:\n    a: b\n",
       "metadata:\n  name: chat\n  namespace: llm\n  annotations:\n    " + Single() +
           "\n  labels:\n    a: b\n"},
      // The last line has no end.
      {"metadata:\n    name: chat",
       "metadata:\n    name: chat\n    annotations:\n      " + Single()},
      {"metadata: {name: chat, namespace: llm}  # c\n",
       "metadata: {name: chat, namespace: llm, annotations: {" + Single() + "}}  # c\n"},
      {"metadata:\n  annotations:\n    # why\n    a: b  # c\n  name: chat\n",
       "metadata:\n  annotations:\n    # why\n    " + Single() + "\n    a: b  # c\n  name: chat\n"},
      {"metadata:\n  annotations: {a: b}\n  name: chat\n",
       "metadata:\n  annotations: {" + Single() + ", a: b}\n  name: chat\n"},
      {"metadata:\n  annotations: {\n    a: b,  # c\n    d: e\n  }\n  name: chat\n",
       "metadata:\n  annotations: {\n    " + Single() +
           ",\n    a: b,  # c\n    d: e\n  }\n  name: chat\n"},
      {"metadata:\n  annotations: {}\n  name: chat\n",
       "metadata:\n  annotations: {" + Single() + "}\n  name: chat\n"},
      {"metadata:\n  annotations:\n  name: chat\n",
       "metadata:\n  annotations: {" + Single() + "}\n  name: chat\n", false},
      {"metadata:\n  annotations: ~  # none\n  name: chat\n",
       "metadata:\n  annotations: {" + Single() + "}  # none\n  name: chat\n", false},
      {"metadata: {name: chat, annotations: {}}\n",
       "metadata: {name: chat, annotations: {" + Single() + "}}\n", false},
      {"metadata:\n  annotations:\n    text: |\n      one\n\n      two\n  name: chat\n",
       "metadata:\n  annotations:\n    " + Single() +
           "\n    text: |\n      one\n\n      two\n  name: chat\n"},
      // JSON stays JSON.
      {R"({"metadata":{"name":"chat"},"spec":{}})",
       R"({"metadata":{"name":"chat", "annotations": {"ours.dev/left": )"
       R"("{\"0\":[\"v2\",\"it's\"]}"}},"spec":{}})"},
      {R"({"metadata":{"name":"chat","labels":{}}})",
       R"({"metadata":{"name":"chat", "annotations": {"ours.dev/left": )"
       R"("{\"0\":[\"v2\",\"it's\"]}"},"labels":{}}})"},
      {"{\n  \"metadata\": {\n    \"name\": \"chat\",\n    \"namespace\": \"llm\"\n  }\n}\n",
       "{\n  \"metadata\": {\n    \"name\": \"chat\",\n    \"namespace\": \"llm\",\n"
       R"(    "annotations": {"ours.dev/left": "{\"0\":[\"v2\",\"it's\"]}"})"
       "\n  }\n}\n"},
      // Of the second of three documents, and behind a byte order mark.
      {"\xEF\xBB\xBFmetadata:\n  name: chat\n",
       "\xEF\xBB\xBFmetadata:\n  name: chat\n"
       "  annotations:\n    " +
           Single() + "\n"},
  };
  for (const Case& one : cases) {
    INFO(one.without);
    CHECK(Set(one.without) == one.with);
    CHECK(Set(one.with) == one.with);
    if (one.comes_back) CHECK(Remove(one.with) == one.without);
    CHECK(Remove(one.without) == one.without);
    const std::string gone = Remove(one.with);
    INFO(gone);
    CHECK(gone.find(kKey) == std::string::npos);
    if (one.without.starts_with("{")) CHECK(nlohmann::json::accept(Set(one.without)));
  }
}

TEST_CASE("the other documents of a file are left alone") {
  const std::string one = "metadata:\n  name: a\n";
  const std::string text = one + "---\n# the second\nmetadata: {name: b}\n...\n---\n" + one;
  CHECK(Set(text, 1) == one + "---\n# the second\nmetadata: {name: b, annotations: {" + Single() +
                            "}}\n...\n---\n" + one);
  CHECK(Remove(Set(text, 1), 1) == text);
  CHECK(Set(text, 2) == text + "  annotations:\n    " + Single() + "\n");
}

TEST_CASE("a value keeps its quotes, and a key, too") {
  const std::string text =
      "metadata:\n  name: chat\n  annotations:\n    'ours.dev/left': \"x\"  # c\n";
  CHECK(Set(text) ==
        "metadata:\n  name: chat\n  annotations:\n    'ours.dev/left': "
        "\"{\\\"0\\\":[\\\"v2\\\",\\\"it's\\\"]}\"  # c\n");
  CHECK(Remove(text) == "metadata:\n  name: chat\n");
  const std::string empty = "metadata:\n  name: chat\n  annotations:\n    ours.dev/left:\n";
  CHECK(Set(empty) == "metadata:\n  name: chat\n  annotations:\n    " + Single() + "\n");
  const std::string folded =
      "metadata:\n  annotations:\n    ours.dev/left: >-\n      {}\n    a: b\n  name: chat\n";
  CHECK(Remove(folded) == "metadata:\n  annotations:\n    a: b\n  name: chat\n");
}

TEST_CASE("a comment keeps the map that it is in") {
  CHECK(Remove("metadata:\n  annotations:\n    # ours\n    ours.dev/left: x\n  name: chat\n") ==
        "metadata:\n  annotations: {}\n    # ours\n  name: chat\n");
}

TEST_CASE("annotations that aren't written out are left alone") {
  for (const std::string text : {
           "x: &a {b: c}\nmetadata:\n  name: chat\n  annotations: *a\n",
           "metadata:\n  name: chat\n  annotations: &a\n    b: c\nx: *a\n",
           "x: &m {name: chat}\nmetadata: *m\n",
           "metadata:\n  name: chat\n  annotations: [a]\n",
           "metadata:\n  name: chat\n  annotations: text\n",
       }) {
    INFO(text);
    CHECK_THAT(Set(text), Catch::StartsWith("error: "));
  }
}

TEST_CASE("more than an object may hold is refused") {
  const std::string text =
      "metadata:\n  name: chat\n  annotations:\n    a: " + std::string((256 << 10) - 20, 'x') +
      "\n";
  CHECK_THAT(Set(text), Catch::Contains("too long"));
}

// --- any object in any style ---

class Maker {
 public:
  explicit Maker(uint32_t seed) : rng_(seed) {}

  std::string Text() {
    json_ = Chance(5);
    flow_metadata_ = json_ || Chance(3);
    std::string metadata = flow_metadata_ ? FlowMetadata() : BlockMetadata();
    std::string text;
    if (json_) {
      text = "{\"kind\": \"A\", \"metadata\": " + metadata + "}\n";
    } else {
      if (Chance(3)) text += "# top\nkind: B\n---\n";
      if (Chance(2)) text += "kind: A  # one\n";
      text += metadata;
      if (Chance(2)) text += "spec:\n  a: [1, 2]\n  # end\n";
      if (Chance(4)) text += "---\nkind: C\n";
      if (Chance(6)) text.pop_back();
    }
    if (!Chance(3)) return text;
    std::string crlf;
    for (const char c : text) crlf += c == '\n' ? "\r\n" : std::string(1, c);
    return crlf;
  }

 private:
  bool Chance(unsigned n) { return rng_() % n == 0; }
  std::string Key(std::string key) {
    return json_ || Chance(4) ? "\"" + key + "\"" : Chance(6) ? "'" + key + "'" : key;
  }
  std::string Value() {
    static const std::vector<std::string> kValues = {"b", "'c, d'", "\"e: # f\"", "g#h"};
    return json_ ? "\"it\"" : kValues[rng_() % kValues.size()];
  }
  std::string Comment() { return Chance(3) ? "  # {why}: [" + std::to_string(rng_()) : ""; }

  std::string FlowMap(const std::vector<std::string>& members, const std::string& indent) {
    const bool lines = Chance(3);
    const std::string next = lines ? "\n" + indent + "  " : "";
    std::string out = "{" + next;
    for (size_t i = 0; i < members.size(); ++i) {
      if (i > 0) out += lines ? "," + next : ", ";
      out += members[i];
    }
    return out + (lines ? "\n" + indent + "}" : "}");
  }

  std::vector<std::string> FlowMembers() {
    std::vector<std::string> members;
    for (unsigned i = rng_() % 3; i > 0; --i) {
      members.push_back(Key("a.b/c" + std::to_string(i)) + ": " + Value());
    }
    return members;
  }

  std::string FlowMetadata() {
    std::vector<std::string> members = {Key("name") + ": " + (json_ ? "\"n\"" : "n")};
    if (Chance(2)) members.push_back(Key("namespace") + ": " + (json_ ? "\"s\"" : "s"));
    // Without a member nothing tells the user's `annotations` from ours.
    const auto annotations = FlowMembers();
    if (!annotations.empty()) {
      members.push_back(Key("annotations") + ": " + FlowMap(annotations, "    "));
    }
    std::shuffle(members.begin(), members.end(), rng_);
    return json_ ? FlowMap(members, "") : "metadata: " + FlowMap(members, "  ") + Comment() + "\n";
  }

  std::string BlockMetadata() {
    const std::string indent(1 + rng_() % 4, ' ');
    std::vector<std::string> members = {indent + Key("name") + ": n" + Comment() + "\n"};
    if (Chance(2)) members.push_back(indent + Key("namespace") + ": s" + Comment() + "\n");
    if (Chance(2)) members.push_back(indent + "labels:\n" + indent + "  app: x\n");
    const unsigned style = rng_() % 3;
    if (style == 1) {
      members.push_back(indent + Key("annotations") + ": " + FlowMap(FlowMembers(), indent) +
                        Comment() + "\n");
    } else if (style == 2) {
      std::string map = indent + Key("annotations") + ":" + Comment() + "\n";
      for (unsigned i = 1 + rng_() % 3; i > 0; --i) {
        if (Chance(4)) map += indent + "  # about " + std::to_string(i) + "\n";
        map += indent + "  " + Key("a.b/c" + std::to_string(i)) + ": " +
               (Chance(4) ? "|\n" + indent + "    text\n" : Value() + Comment() + "\n");
      }
      members.push_back(map);
    }
    std::shuffle(members.begin(), members.end(), rng_);
    std::string out = "metadata:" + Comment() + "\n";
    for (const std::string& member : members) out += member;
    return out;
  }

  std::mt19937 rng_;
  bool json_ = false, flow_metadata_ = false;
};

TEST_CASE("in any style an annotation comes, changes and goes without a trace") {
  for (uint32_t seed = 0; seed < 3000; ++seed) {
    const std::string text = Maker(seed).Text();
    api::Diagnostics findings;
    const auto documents = ParseDocuments("f.yaml", text, findings, {});
    INFO(seed << "\n" << text);
    REQUIRE(findings.empty());
    size_t document = 0;
    while (FindMember(documents[document], "metadata") == nullptr) ++document;
    const std::string with = Set(text, document);
    INFO(with);
    REQUIRE_FALSE(with.starts_with("error: "));
    // Nothing but what came: every byte of the text is there, in its order.
    const size_t same = static_cast<size_t>(
        std::mismatch(text.begin(), text.end(), with.begin(), with.end()).first - text.begin());
    REQUIRE(with.ends_with(text.substr(same)));
    if (text.find("\r\n") != std::string::npos) {
      CHECK(std::count(with.begin(), with.end(), '\n') ==
            std::count(with.begin(), with.end(), '\r'));
    }
    if (text.starts_with("{")) CHECK(nlohmann::json::accept(with));
    const auto other = SetIn(with, R"({"1":["w"]})", document);
    REQUIRE(other);
    CHECK(Set(*other, document) == with);
    CHECK(Remove(with, document) == text);
  }
}

}  // namespace
}  // namespace inference::manifest::edit
