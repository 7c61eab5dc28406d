// Sound manifests with one mistake each: a field dropped, renamed, of another type, just out of its
// range, in the wrong case. Each gives exactly the code that is meant, where it is. The mistakes
// are made by the tables of schema/, one after the other, in every file of tests/fixtures/sets.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "api/codes.h"
#include "manifest/document.h"
#include "manifest/lint/lint.h"
#include "manifest/schema/schema.h"

namespace inference::manifest {
namespace {

namespace fs = std::filesystem;
namespace codes = api::codes;
using schema::Field;
using schema::Type;

std::string TextOf(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> LinesOf(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::string Joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

/// Errors of one file alone, as "line:column code".
std::vector<std::string> ErrorsOf(const std::string& text) {
  const lint::Verdict verdict = lint::Run({{"a.yaml", text}}, {.threads = 1});
  std::vector<std::string> out;
  for (const api::Diagnostic& d : verdict.findings) {
    if (d.severity != api::Severity::kError) continue;
    out.push_back(std::to_string(d.origin.line) + ":" + std::to_string(d.origin.column) + " " +
                  d.code);
  }
  return out;
}

std::string At(const api::Origin& at, std::string_view code) {
  return std::to_string(at.line) + ":" + std::to_string(at.column) + " " + std::string(code);
}

struct Mutant {
  std::string what, text, expected;
};

/// Makes mutants of one document by its kind's table. Values are written in block style, a scalar a
/// line, ASCII in front of them: so lines and columns are enough to change the text.
class Mutator {
 public:
  Mutator(std::string text, std::vector<Mutant>& out) : lines_(LinesOf(text)), out_(out) {}

  void Document(const Node& document, const schema::Kind& kind) {
    for (const NodeMember& member : document.members) {
      if (member.key == "kind") {
        std::string lower = member.value.text;
        lower[0] = static_cast<char>(lower[0] - 'A' + 'a');
        const bool ours = kind.api_version.find("inference") != std::string_view::npos ||
                          kind.api_version.find("llm-d") != std::string_view::npos;
        if (ours) Replace(member.value, lower, codes::kUnknownKind, "kind in lower case");
      }
    }
    Object(document, kind.fields, "", false);
  }

 private:
  void Object(const Node& node, std::span<const Field> fields, const std::string& path, bool open) {
    for (const NodeMember& member : node.members) {
      const auto field = std::find_if(fields.begin(), fields.end(),
                                      [&](const Field& f) { return f.name == member.key; });
      if (field == fields.end()) continue;
      const std::string at = path.empty() ? member.key : path + "." + member.key;
      if (!open || field->required) Rename(member, at);
      if (field->required && node.members.size() > 1) Drop(node, member, at);
      Value(member.value, *field, at);
    }
  }

  void Value(const Node& node, const Field& field, const std::string& path) {
    switch (field.type) {
      case Type::kObject:
        Replace(node, "12", codes::kWrongType, path + " a number");
        return Object(node, field.fields, path, field.open);
      case Type::kList:
        Replace(node, "text", codes::kWrongType, path + " a text");
        for (const Node& item : node.items) Value(item, *field.items, path + "[]");
        return;
      case Type::kMap:
        Replace(node, "text", codes::kWrongType, path + " a text");
        for (const NodeMember& member : node.members) {
          Value(member.value, *field.items, path + "." + member.key);
        }
        return;
      case Type::kInteger:
        Replace(node, "text", codes::kWrongType, path + " a text");
        Replace(node, "'1'", codes::kWrongType, path + " quoted");
        Replace(node, "0x1f", codes::kAmbiguousScalar, path + " hexadecimal");
        return Range(node, field, path);
      case Type::kNumber:
        return Replace(node, "text", codes::kWrongType, path + " a text");
      case Type::kBool:
        Replace(node, "text", codes::kWrongType, path + " a text");
        return Replace(node, "yes", codes::kAmbiguousScalar, path + " yes");
      case Type::kString:
        return Text(node, field, path);
      case Type::kDuration:
        return Replace(node, "soon", codes::kWrongType, path + " no duration");
      case Type::kQuantity:
        return Replace(node, "much", codes::kWrongType, path + " no quantity");
      case Type::kIntOrString:
      case Type::kAny:
        return;
    }
  }

  void Range(const Node& node, const Field& field, const std::string& path) {
    const std::string_view code = field.range_code.empty() ? codes::kOutOfRange : field.range_code;
    if (field.min != schema::kNoMin) {
      Replace(node, std::to_string(field.min - 1), code, path + " too small");
    }
    if (field.max != schema::kNoMax) {
      Replace(node, std::to_string(field.max + 1), code, path + " too large");
    }
  }

  void Text(const Node& node, const Field& field, const std::string& path) {
    Replace(node, "12", codes::kWrongType, path + " a number");
    Replace(node, "on", codes::kAmbiguousScalar, path + " on");
    if (!field.one_of.empty() && !node.text.empty()) {
      std::string other = node.text;
      for (char& c : other)
        c = static_cast<char>(std::isupper(c) ? std::tolower(c) : std::toupper(c));
      if (other != node.text) Replace(node, other, codes::kBadValue, path + " in another case");
    } else if (field.max < 10'000 && field.format == schema::Format::kNone) {
      Replace(node, std::string(static_cast<size_t>(field.max) + 1, 'a'), codes::kOutOfRange,
              path + " too long");
    }
    if (field.format == schema::Format::kLabelValue && field.max == 63) {
      Replace(node, "'a b'", codes::kBadLabel, path + " no label");
    }
  }

  static int IndentOf(const std::string& line) {
    return static_cast<int>(line.find_first_not_of(' '));
  }

  // The line behind the last one of a member.
  size_t EndOf(const NodeMember& member) const {
    const int column = member.key_at.column - 1;
    auto end = static_cast<size_t>(member.key_at.line);
    while (end < lines_.size()) {
      const std::string& line = lines_[end];
      const bool item = line[static_cast<size_t>(std::max(IndentOf(line), 0))] == '-';
      // A list may stand at its key's own column.
      if (IndentOf(line) < column || (IndentOf(line) == column && !item)) break;
      if (line.starts_with("---")) break;
      ++end;
    }
    return end;
  }

  // Not in a flow list or map.
  bool EndsItsLine(const Node& scalar) const {
    const std::string rest = lines_[static_cast<size_t>(scalar.at.line - 1)].substr(
        static_cast<size_t>(scalar.at.column - 1));
    return rest == scalar.text || rest == "\"" + scalar.text + "\"" ||
           rest == "'" + scalar.text + "'";
  }

  // Only values that end where their line ends can be replaced by line and column.
  void Replace(const Node& node, const std::string& value, std::string_view code,
               const std::string& what) {
    std::vector<std::string> lines = lines_;
    auto line = static_cast<size_t>(node.at.line - 1);
    api::Origin at = node.at;
    if (node.kind == Node::Kind::kScalar) {
      if (!EndsItsLine(node)) return;
      lines[line].replace(static_cast<size_t>(node.at.column - 1), std::string::npos, value);
    } else {
      const auto owner = owner_.find(&node);
      if (owner == owner_.end()) return;
      const NodeMember& member = *owner->second;
      line = static_cast<size_t>(member.key_at.line - 1);
      if (member.value.at.line == member.key_at.line) return;  // flow style
      const auto colon = static_cast<size_t>(member.key_at.column - 1) + member.key.size() + 1;
      lines[line] = lines[line].substr(0, colon) + " " + value;
      lines.erase(lines.begin() + member.key_at.line,
                  lines.begin() + static_cast<ptrdiff_t>(EndOf(member)));
      at = {nullptr, member.key_at.line, static_cast<int>(colon) + 2, 0};
    }
    out_.push_back({what, Joined(lines), At(at, code)});
  }

  void Rename(const NodeMember& member, const std::string& path) {
    std::vector<std::string> lines = lines_;
    std::string& line = lines[static_cast<size_t>(member.key_at.line - 1)];
    line.insert(static_cast<size_t>(member.key_at.column - 1) + member.key.size(), "x");
    out_.push_back({path + " renamed", Joined(lines), At(member.key_at, codes::kUnknownField)});
  }

  void Drop(const Node& owner, const NodeMember& member, const std::string& path) {
    std::vector<std::string> lines = lines_;
    const auto first = static_cast<size_t>(member.key_at.line - 1);
    const std::string front = lines[first].substr(0, static_cast<size_t>(member.key_at.column - 1));
    const size_t end = EndOf(member);
    if (member.value.at.line == member.key_at.line && member.value.kind != Node::Kind::kScalar) {
      return;
    }
    if (front.find('-') != std::string::npos) {
      // The first of a list's item: the next one takes the dash.
      if (end >= lines.size() || IndentOf(lines[end]) != member.key_at.column - 1) return;
      lines[end].replace(0, front.size(), front);
    }
    lines.erase(lines.begin() + static_cast<ptrdiff_t>(first),
                lines.begin() + static_cast<ptrdiff_t>(end));
    api::Origin at = owner.at;
    out_.push_back({path + " dropped", Joined(lines), At(at, codes::kMissing)});
  }

 public:
  /// Who holds a map or a list.
  void Learn(const Node& node) {
    for (const NodeMember& member : node.members) {
      owner_.emplace(&member.value, &member);
      Learn(member.value);
    }
    for (const Node& item : node.items) Learn(item);
  }

 private:
  std::vector<std::string> lines_;
  std::vector<Mutant>& out_;
  std::map<const Node*, const NodeMember*> owner_;
};

std::vector<Mutant> MutantsOf(const std::string& text) {
  api::Diagnostics found;
  const std::vector<Node> documents = ParseDocuments("a.yaml", text, found, Limits());
  std::vector<Mutant> mutants;
  Mutator mutator(text, mutants);
  for (const Node& document : documents) {
    mutator.Learn(document);
    const schema::Kind* kind =
        schema::FindKind(lint::TextAt(document, "apiVersion"), lint::TextAt(document, "kind"));
    REQUIRE(kind != nullptr);
    mutator.Document(document, *kind);
  }
  return mutants;
}

TEST_CASE("a mistake in a sound manifest gives its code at its place, and nothing else") {
  size_t count = 0;
  for (const char* set : {"cluster", "host"}) {
    for (const auto& entry :
         fs::directory_iterator(fs::path(TEST_SOURCE_DIR) / "tests/fixtures/sets" / set)) {
      const std::string text = TextOf(entry.path());
      REQUIRE(ErrorsOf(text).empty());
      for (const Mutant& mutant : MutantsOf(text)) {
        ++count;
        INFO(entry.path().filename() << ": " << mutant.what << "\n" << mutant.text);
        CHECK(ErrorsOf(mutant.text) == std::vector<std::string>{mutant.expected});
      }
    }
  }
  INFO(count);
  CHECK(count > 500);
}

}  // namespace
}  // namespace inference::manifest
