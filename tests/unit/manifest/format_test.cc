#include "manifest/edit/format.h"

#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

#include "manifest/edit/change.h"

namespace inference::manifest::edit {
namespace {

std::vector<Node> Parse(const std::string& text) {
  api::Diagnostics found;
  return ParseDocuments("f.yaml", text, found, {});
}

// What formatting gives; checks what must always hold.
std::string Fmt(const std::string& text) {
  const Formatted once = Format("f.yaml", text);
  INFO("before:\n" << text << "after:\n" << once.text);
  if (once.findings.empty()) {
    CHECK(SameValues(Parse(text), Parse(once.text)));
    CHECK(Format("f.yaml", once.text).text == once.text);
  }
  return once.text;
}

TEST_CASE("lines end with a line feed and without blanks") {
  CHECK(Fmt("\xef\xbb\xbf"
            "a: b  \r\n  \r\nc: d # e \t\r\n\r\n\r\n") == "a: b\n\nc: d # e\n");
  CHECK(Fmt("a: b") == "a: b\n");
  CHECK(Fmt("") == "");
  CHECK(Fmt("# only\n") == "# only\n");
}

TEST_CASE("two spaces a level, one blank behind a dash, comments with what they are about") {
  CHECK(Fmt(R"(a:
    # of b
    b:
        c: 1   # d
        # behind
    -x: y
e:
   -   f: 1
       g: 2
   # of h
   -   - h
       - i
)") == R"(a:
  # of b
  b:
    c: 1   # d
    # behind
  -x: y
e:
  - f: 1
    g: 2
  # of h
  - - h
    - i
)");
}

TEST_CASE("lists stand as most lists of the file do") {
  CHECK(Fmt("a:\n- 1\nb:\n  - 2\nc:\n    - 3\n") == "a:\n  - 1\nb:\n  - 2\nc:\n  - 3\n");
  CHECK(Fmt("a:\n- 1\nb:\n  - 2\n") == "a:\n- 1\nb:\n- 2\n");
  CHECK(Fmt("- a:\n    - 1\n  b: 2\n") == "- a:\n    - 1\n  b: 2\n");
}

TEST_CASE("what stands in strings, in brackets and in quotes stays") {
  const std::string text = R"(a: |
  x
    y   
  # no comment

b: "one

   two  
  three"
c: {d: 1,
  e:   [2,
    3]}
f: 'yes'   # g
h: >-
  folded

)";
  CHECK(Fmt(text) == text.substr(0, text.size() - 1));
  CHECK(Fmt("a:\n    b: |\n       x\n        y\n    c: one\n     two\n") ==
        "a:\n  b: |\n     x\n      y\n  c: one\n   two\n");
  CHECK(Fmt("a: |+\n  x\n\n\n") == "a: |+\n  x\n\n\n");
  CHECK(Fmt("a: |\n  x") == "a: |\n  x");  // a line break would be another value
}

TEST_CASE("empty documents go, separators with a comment stay") {
  CHECK(Fmt("---\n---\na: 1\n---\n\n---\nb: 2\n---   # c\nd: 3\n---\n") ==
        "---\na: 1\n---\nb: 2\n---   # c\nd: 3\n");
}

TEST_CASE("what can't be moved safely stays, and what is no YAML as well") {
  const std::string odd = "a:\n    &x b: 1\n";
  CHECK(Fmt(odd) == odd);
  CHECK(Fmt("?   a\n: b\n") == "?   a\n: b\n");
  CHECK(Fmt("- &x   a\n-   *x\n") == "- &x   a\n-   *x\n");
  const Formatted broken = Format("f.yaml", "a: [  \n");
  CHECK(broken.text == "a: [  \n");
  CHECK(broken.findings.size() == 1);
}

// --- any document ---

class Maker {
 public:
  explicit Maker(unsigned seed) : rng_(seed) {}

  std::string Document() {
    std::string out = Below(3) == 0 ? "--- # d\n" : "---\n";
    return out + Map(Below(3), 3);
  }

 private:
  size_t Below(size_t n) { return rng_() % n; }
  std::string Blank() { return std::string(Below(3), ' '); }
  std::string End() {
    std::string out = Below(3) == 0 ? "  # note" : "";
    out += Blank() + (Below(9) == 0 ? "\r\n" : "\n");
    if (Below(8) == 0) out += Blank() + "\n";
    return out;
  }
  std::string CommentLine(size_t column) {
    return Below(4) == 0 ? std::string(Below(2) ? column : 0, ' ') + "# c\n" : "";
  }
  std::string Scalar(size_t column) {
    static const std::vector<std::string> kWords{"a", "'b'",    "\"c d\"", "1", "true",
                                                 "~", "[1, 2]", "{x: y}",  "''"};
    const std::string in(column + 1 + Below(3), ' ');
    switch (Below(10)) {
      case 0:
        return " |" + End1() + in + "text  \n" + in + "  # no\n\n" + in + "end\n";
      case 1:
        return " >-" + End1() + in + "fold\n" + in + "ed\n";
      case 2:
        return " one\n" + in + "two" + End();
      case 3:
        return " \"q\n\n" + in + "r  \n" + in + "s\"" + End();
      case 4:
        return " {a: 1,\n" + in + "b: [2,\n" + in + "  3]}" + End();
      default:
        return " " + kWords[Below(kWords.size())] + End();
    }
  }
  std::string End1() { return Blank() + "\n"; }

  std::string Value(size_t column, int depth) {
    const size_t kind = depth == 0 ? 2 : Below(4);
    if (kind == 0) return ":" + End() + Map(column + 1 + Below(4), depth - 1);
    if (kind == 1) return ":" + End() + List(column + Below(4), depth - 1);
    return ":" + Scalar(column);
  }

  std::string Map(size_t column, int depth) {
    std::string out;
    const size_t n = 1 + Below(3);
    for (size_t i = 0; i < n; ++i) {
      out += CommentLine(column) + std::string(column, ' ') + Rest(i, column, depth);
    }
    return out;
  }
  std::string Rest(size_t i, size_t column, int depth) {
    return "k" + std::to_string(i) + Value(column, depth);
  }

  std::string List(size_t column, int depth) {
    std::string out;
    const size_t n = 1 + Below(3);
    for (size_t i = 0; i < n; ++i) {
      out += CommentLine(column) + std::string(column, ' ') + "-";
      if (depth > 0 && Below(2) == 0) {
        const size_t gap = 1 + Below(3), inner = column + 1 + gap;
        out += std::string(gap, ' ') + Rest(0, inner, depth - 1);
        if (Below(2)) out += std::string(inner, ' ') + Rest(1, inner, depth - 1);
      } else {
        out += Scalar(column);
      }
    }
    return out;
  }

  std::mt19937 rng_;
};

TEST_CASE("property: formatting keeps values and comments, and twice is once") {
  size_t changed = 0, indented = 0;
  for (unsigned seed = 1; seed <= 2000; ++seed) {
    Maker maker(seed);
    const std::string text = maker.Document() + maker.Document();
    if (Parse(text).size() != 2) continue;
    INFO("seed " << seed);
    const std::string formatted = Fmt(text);
    changed += formatted != text ? 1 : 0;
    indented += formatted.find("\nk0") != std::string::npos ? 1 : 0;
    const auto hashes = [](const std::string& s) { return std::count(s.begin(), s.end(), '#'); };
    CHECK(hashes(formatted) == hashes(text));
    CHECK(formatted.find('\r') == std::string::npos);
  }
  CHECK(changed > 1500);
  CHECK(indented > 1500);
}

}  // namespace
}  // namespace inference::manifest::edit
