#include "manifest/lint/embedded.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

namespace inference::manifest::lint {
namespace {

/// Where a literal block's text is in its file.
struct Block {
  int first_line;  // of the file, that has the text's first one
  int indent;      // columns in front of each line that isn't empty
};

size_t Spaces(std::string_view line) {
  return std::min(line.find_first_not_of(' '), line.size());
}

// The line in which the scalar begins, and what follows it.
std::string_view LinesFrom(std::string_view text, size_t begin) {
  const size_t line_break = text.substr(0, begin).rfind('\n');
  return text.substr(line_break == std::string_view::npos ? 0 : line_break + 1);
}

// Empty when the scalar is written in another style.
std::optional<Block> BlockOf(const SourceFile& file, const Node& value) {
  if (value.alias || !value.range.known() || file.text[value.range.begin] != '|') {
    return std::nullopt;
  }
  std::string_view rest = LinesFrom(file.text, value.range.begin);
  rest.remove_prefix(std::min(rest.find('\n'), rest.size() - 1) + 1);
  // The first line that isn't empty says how far the block is indented.
  std::string_view text = value.text;
  while (!text.empty() && !rest.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    const std::string_view written = rest.substr(0, rest.find('\n'));
    if (Spaces(line) < line.size()) {
      return Block{value.at.line + 1, static_cast<int>(Spaces(written) - Spaces(line))};
    }
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    rest.remove_prefix(std::min(written.size() + 1, rest.size()));
  }
  return std::nullopt;
}

class Mover {
 public:
  Mover(const Node& value, std::optional<Block> block) : value_(value), block_(block) {}

  void Move(api::Origin& origin) const {
    origin.id = value_.at.id;
    if (!block_) {
      origin.line = value_.at.line;
      origin.column = value_.at.column;
    } else if (origin.line > 0) {
      origin.line += block_->first_line - 1;
      origin.column += block_->indent;
    }
  }

  void Move(Node& node) const {
    Move(node.at);
    node.range = {};
    for (Node& item : node.items) Move(item);
    for (NodeMember& member : node.members) {
      Move(member.key_at);
      member.key_range = {};
      Move(member.value);
    }
  }

  void Move(api::Diagnostic& d) const {
    if (!block_) d.message = fmt::format("line {} of the text: {}", d.origin.line, d.message);
    Move(d.origin);
  }

 private:
  const Node& value_;
  const std::optional<Block> block_;
};

}  // namespace

bool MayHoldConfiguration(const Node& value) {
  if (value.kind != Node::Kind::kScalar) return false;
  const std::string_view text = value.text;
  return text.find("apiVersion") != std::string_view::npos &&
         (text.find("EndpointPickerConfig") != std::string_view::npos ||
          text.find("llm-d.ai/") != std::string_view::npos ||
          text.find("inference.networking") != std::string_view::npos);
}

std::vector<Node> ParseEmbedded(const SourceFile& file, const Node& value, api::Diagnostics& out,
                                const Limits& limits) {
  const Mover mover(value, BlockOf(file, value));
  const size_t before = out.size();
  std::vector<Node> documents = ParseDocuments(file.path, value.text, out, limits);
  for (size_t i = before; i < out.size(); ++i) mover.Move(out[i]);
  for (Node& document : documents) mover.Move(document);
  return documents;
}

}  // namespace inference::manifest::lint
