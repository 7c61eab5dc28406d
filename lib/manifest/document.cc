#include "manifest/document.h"

#include <fmt/format.h>
#include <yaml-cpp/anchor.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <memory>
#include <sstream>
#include <unordered_map>

#include "api/codes.h"
#include "base/text.h"
#include "manifest/extent.h"

namespace inference::manifest {
namespace {

using api::Origin;
namespace codes = api::codes;

bool IsContinuation(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

// Turns yaml-cpp's marks (from 0, columns in bytes) into ours (from 1, columns in code points).
// Remembers the last place: marks are near each other, and a JSON file is often one long line.
class Positions {
 public:
  Positions(const std::string& path, std::string_view text)
      : file_(std::make_shared<const std::string>(path)), text_(text) {
    starts_.push_back(0);
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\n') starts_.push_back(i + 1);
    }
  }

  Origin File() const { return {file_, 0, 0}; }

  Origin At(int line, int byte_column) {
    const size_t row = std::min(static_cast<size_t>(std::max(line, 0)), starts_.size() - 1);
    const size_t offset =
        std::min(starts_[row] + static_cast<size_t>(std::max(byte_column, 0)), text_.size());
    return AtOffset(row, offset);
  }

  size_t Offset(int line, int byte_column) const {
    return std::min(starts_[static_cast<size_t>(line)] + static_cast<size_t>(byte_column),
                    text_.size());
  }

  Origin AtByte(size_t offset) {
    const auto next = std::upper_bound(starts_.begin(), starts_.end(), offset);
    return AtOffset(static_cast<size_t>(next - starts_.begin()) - 1, offset);
  }

 private:
  Origin AtOffset(size_t row, size_t offset) {
    if (row != last_row_) {
      last_row_ = row;
      last_offset_ = starts_[row];
      last_column_ = 1;
    }
    for (; last_offset_ < offset; ++last_offset_)
      last_column_ += !IsContinuation(text_[last_offset_]);
    for (; last_offset_ > offset; --last_offset_) {
      last_column_ -= !IsContinuation(text_[last_offset_ - 1]);
    }
    return {file_, static_cast<int>(row) + 1, last_column_};
  }

  std::shared_ptr<const std::string> file_;
  std::string_view text_;
  std::vector<size_t> starts_;
  size_t last_row_ = 0, last_offset_ = 0;
  int last_column_ = 1;
};

// Length of the well-formed sequence at the front of `text`; 0 when there is none (RFC 3629).
size_t SequenceLength(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  const size_t length = lead < 0x80                   ? 1
                        : lead >= 0xc2 && lead < 0xe0 ? 2
                        : lead >= 0xe0 && lead < 0xf0 ? 3
                        : lead >= 0xf0 && lead < 0xf5 ? 4
                                                      : 0;
  if (length == 0 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if (!IsContinuation(text[i])) return 0;
  }
  if ((lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xed && byte(1) >= 0xa0) ||
      (lead == 0xf0 && byte(1) < 0x90) || (lead == 0xf4 && byte(1) >= 0x90)) {
    return 0;
  }
  return length;
}

// Nothing but well-formed UTF-8 without control characters goes to the parser: it would replace or
// misread the rest (its end-of-file mark is byte 4).
bool CheckEncoding(std::string_view text, Positions& positions, api::Diagnostics& diagnostics) {
  if (text.substr(0, 2) == "\xff\xfe" || text.substr(0, 2) == "\xfe\xff") {
    diagnostics.push_back({api::Severity::kError, std::string(codes::kEncoding),
                           positions.AtByte(0), "the file is UTF-16", "save it as UTF-8"});
    return false;
  }
  for (size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f) {
      diagnostics.push_back({api::Severity::kError, std::string(codes::kEncoding),
                             positions.AtByte(i), fmt::format("control character 0x{:02x}", c),
                             "in a quoted string write it as an escape; else remove it"});
      return false;
    }
    const size_t length = c < 0x80 ? 1 : SequenceLength(text.substr(i));
    if (length == 0) {
      diagnostics.push_back({api::Severity::kError, std::string(codes::kEncoding),
                             positions.AtByte(i), fmt::format("byte 0x{:02x} is not UTF-8", c),
                             "save the file as UTF-8"});
      return false;
    }
    i += length;
  }
  return true;
}

// Ends the parse from inside an event; the diagnostic is already written.
struct Stop {};

size_t CountNodes(const Node& node) {
  size_t count = 1;
  for (const Node& item : node.items) count += CountNodes(item);
  for (const NodeMember& member : node.members) count += CountNodes(member.value);
  return count;
}

size_t CountBytes(const Node& node) {
  size_t bytes = node.text.size();
  for (const Node& item : node.items) bytes += CountBytes(item);
  for (const NodeMember& member : node.members)
    bytes += member.key.size() + CountBytes(member.value);
  return bytes;
}

void ForgetRanges(Node& node) {
  node.range = {};
  for (Node& item : node.items) ForgetRanges(item);
  for (NodeMember& member : node.members) {
    member.key_range = {};
    ForgetRanges(member.value);
  }
}

/// What is read: `text` begins behind a byte order mark of `skipped` bytes.
struct Input {
  std::string_view text;
  size_t skipped = 0;
};

class Builder : public YAML::EventHandler {
 public:
  Builder(const Input& input, Positions& positions, const Limits& limits,
          std::vector<Node>& documents, api::Diagnostics& diagnostics)
      : input_(input),
        positions_(positions),
        limits_(limits),
        documents_(documents),
        diagnostics_(diagnostics) {}

  void OnDocumentStart(const YAML::Mark&) override {
    anchors_.clear();
    frames_.clear();
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node node = Make(mark, Node::Kind::kNull);
    SetRange(NullExtent(input_.text, Offset(mark)), node);
    Add(std::move(node), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto it = anchors_.find(anchor);
    if (it == anchors_.end()) {
      Report(codes::kUnsupportedYaml, At(mark), "an alias inside the value that it stands for", "");
      throw Stop();
    }
    Spend(mark, it->second.nodes, it->second.bytes);
    const Origin at = At(mark);
    Node copy = it->second.node;
    ForgetRanges(copy);
    copy.alias = true;
    SetRange(AliasExtent(input_.text, Offset(mark)), copy);
    Add(std::move(copy), 0, &at);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Node node = Make(mark, Node::Kind::kScalar);
    last_scalar_ = Offset(mark);
    node.text = value;
    node.plain = tag == "?";
    SetRange(ScalarExtent(input_.text, last_scalar_, value), node);
    if (tag != "?" && tag != "!" && tag != "tag:yaml.org,2002:str") {
      Report(codes::kUnsupportedYaml, node.at,
             fmt::format("the tag '{}' is not supported", base::Printable(tag, 60)),
             "write the value without a tag");
    }
    if (value.find('\0') != std::string::npos) {
      Report(codes::kEncoding, node.at, "a string with a NUL character", "");
      std::erase(node.text, '\0');
    }
    Add(std::move(node), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(mark, Node::Kind::kList, tag, anchor);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(mark, Node::Kind::kMap, tag, anchor);
  }
  void OnMapEnd() override { Close(); }

  /// Where the last scalar of the text begins.
  size_t last_scalar() const { return last_scalar_; }

 private:
  struct Frame {
    Node node;
    size_t offset = 0;       // of its beginning
    size_t content_end = 0;  // behind the last child so far, in the file
    YAML::anchor_t anchor = 0;
    bool has_key = false;
    bool drop_value = false;  // the key was refused
    std::string key;
    Origin key_at;
    Range key_range;
    std::unordered_map<std::string, Origin> seen;
  };
  struct Anchored {
    Node node;
    size_t nodes = 0, bytes = 0;
  };

  Origin At(const YAML::Mark& mark) { return positions_.At(mark.line, mark.column); }
  size_t Offset(const YAML::Mark& mark) const { return positions_.Offset(mark.line, mark.column); }

  void SetRange(const Extent& extent, Node& node) const {
    if (!extent.known()) return;
    node.range = {static_cast<uint32_t>(extent.begin + input_.skipped),
                  static_cast<uint32_t>(extent.end + input_.skipped)};
  }

  void Report(std::string_view code, Origin at, std::string message, std::string note) {
    diagnostics_.push_back({api::Severity::kError, std::string(code), std::move(at),
                            std::move(message), std::move(note)});
  }

  void Spend(const YAML::Mark& mark, size_t nodes, size_t alias_bytes) {
    nodes_ += nodes;
    alias_bytes_ += alias_bytes;
    if (nodes_ <= limits_.max_nodes && alias_bytes_ <= limits_.max_bytes) return;
    Report(codes::kLimit, At(mark),
           nodes_ > limits_.max_nodes
               ? fmt::format("more than {} values, aliases counted each time", limits_.max_nodes)
               : fmt::format("aliases repeat more than {} bytes", limits_.max_bytes),
           "split the file, or use fewer aliases");
    throw Stop();
  }

  Node Make(const YAML::Mark& mark, Node::Kind kind) {
    Spend(mark, 1, 0);
    Node node;
    node.kind = kind;
    node.at = At(mark);
    node.at.id = ++last_id_;
    return node;
  }

  void Open(const YAML::Mark& mark, Node::Kind kind, const std::string& tag,
            YAML::anchor_t anchor) {
    Frame frame;
    frame.node = Make(mark, kind);
    frame.offset = Offset(mark);
    frame.anchor = anchor;
    if (!tag.empty() && tag != "?" && tag != "!") {
      Report(codes::kUnsupportedYaml, frame.node.at,
             fmt::format("the tag '{}' is not supported", base::Printable(tag, 60)),
             "write the value without a tag");
    }
    frames_.push_back(std::move(frame));
    if (frames_.size() <= static_cast<size_t>(limits_.max_depth)) return;
    Report(codes::kLimit, At(mark), fmt::format("nested deeper than {} levels", limits_.max_depth),
           "");
    throw Stop();
  }

  void Close() {
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    const size_t end = frame.content_end > 0 ? frame.content_end - input_.skipped : 0;
    SetRange(CollectionExtent(input_.text, frame.offset, end), frame.node);
    Add(std::move(frame.node), frame.anchor);
  }

  // A finished value goes where it belongs: into the open list, as key or value of the open map, or
  // it is the document.
  void Add(Node node, YAML::anchor_t anchor, const Origin* alias_at = nullptr) {
    if (anchor != 0) {
      const size_t nodes = CountNodes(node), bytes = CountBytes(node);
      anchored_nodes_ += nodes;
      anchored_bytes_ += bytes;
      if (anchored_nodes_ > limits_.max_nodes || anchored_bytes_ > 4 * limits_.max_bytes) {
        Report(codes::kLimit, node.at, "too many values under anchors", "use fewer anchors");
        throw Stop();
      }
      anchors_[anchor] = {node, nodes, bytes};
    }
    if (frames_.empty()) {
      if (node.kind != Node::Kind::kNull) documents_.push_back(std::move(node));
      return;
    }
    Frame& top = frames_.back();
    top.content_end = std::max<size_t>(top.content_end, node.range.end);
    if (top.node.kind == Node::Kind::kList) {
      top.node.items.push_back(std::move(node));
    } else if (!top.has_key) {
      TakeKey(top, node, alias_at);
    } else {
      top.has_key = false;
      if (top.drop_value) return;
      top.node.members.push_back({std::move(top.key), top.key_at, top.key_range, std::move(node)});
    }
  }

  void TakeKey(Frame& frame, Node& node, const Origin* alias_at) {
    frame.has_key = true;
    frame.drop_value = true;
    frame.key_at = alias_at ? *alias_at : node.at;
    if (node.kind != Node::Kind::kScalar || alias_at) {
      Report(codes::kUnsupportedYaml, frame.key_at, "a key must be a string", "");
      return;
    }
    if (node.plain && node.text == "<<") {
      Report(codes::kUnsupportedYaml, node.at, "merge keys (<<) are not supported",
             "write the fields out, or alias a whole value");
      return;
    }
    const auto [it, inserted] = frame.seen.emplace(node.text, node.at);
    if (!inserted) {
      Report(codes::kDuplicateKey, node.at,
             fmt::format("the key '{}' is here twice", base::Printable(node.text, 60)),
             "the first one is at " + it->second.ToString());
      return;
    }
    frame.drop_value = false;
    frame.key = std::move(node.text);
    frame.key_range = node.range;
  }

  const Input input_;
  Positions& positions_;
  const Limits& limits_;
  std::vector<Node>& documents_;
  api::Diagnostics& diagnostics_;
  size_t nodes_ = 0, alias_bytes_ = 0, anchored_nodes_ = 0, anchored_bytes_ = 0;
  size_t last_scalar_ = 0;
  int last_id_ = 0;
  std::unordered_map<YAML::anchor_t, Anchored> anchors_;  // finished ones
  std::vector<Frame> frames_;
};

// The place of the quote that opens the scalar at `offset` when no quote closes it, else npos.
// yaml-cpp 0.7 takes a quoted string that ends with the file as complete when a line break stands
// in front of the end; a file cut short must not pass.
size_t UnclosedQuote(std::string_view text, size_t offset) {
  while (offset < text.size() && (text[offset] == '&' || text[offset] == '!')) {
    offset = text.find_first_of(" \t\r\n", offset);
    if (offset != std::string_view::npos) offset = text.find_first_not_of(" \t\r\n", offset);
  }
  if (offset >= text.size() || (text[offset] != '"' && text[offset] != '\'')) {
    return std::string_view::npos;
  }
  const char quote = text[offset];
  for (size_t i = offset + 1; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (text[i] == quote) {
      if (quote == '"' || text.substr(i + 1, 1) != "'") return std::string_view::npos;
      ++i;
    }
  }
  return offset;
}

std::string LeadingSpace(std::string_view text, int line) {
  size_t start = 0;
  for (int i = 1; i < line && start != std::string_view::npos; ++i) {
    start = text.find('\n', start);
    if (start != std::string_view::npos) ++start;
  }
  if (start == std::string_view::npos || start > text.size()) return "";
  const std::string_view rest = text.substr(start);
  return std::string(rest.substr(0, rest.find_first_not_of(" \t")));
}

}  // namespace

std::vector<Node> ParseDocuments(const std::string& path, std::string_view text,
                                 api::Diagnostics& diagnostics, const Limits& limits) {
  std::vector<Node> documents;
  if (text.size() > limits.max_bytes) {
    diagnostics.push_back(
        {api::Severity::kError,
         std::string(codes::kLimit),
         {std::make_shared<const std::string>(path), 0, 0},
         fmt::format("{} bytes; at most {} are read", text.size(), limits.max_bytes),
         "split the file"});
    return documents;
  }
  const size_t mark = text.starts_with("\xef\xbb\xbf") ? 3 : 0;
  text.remove_prefix(mark);
  Positions positions(path, text);
  if (!CheckEncoding(text, positions, diagnostics)) return documents;
  Builder builder({text, mark}, positions, limits, documents, diagnostics);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
    const size_t quote = UnclosedQuote(text, builder.last_scalar());
    if (quote != std::string_view::npos) {
      diagnostics.push_back(
          {api::Severity::kError, std::string(codes::kSyntax), positions.AtByte(quote),
           "not valid YAML: the quoted string never ends", "the file may have been cut short"});
    }
  } catch (const Stop&) {
  } catch (const YAML::Exception& e) {
    const Origin at = positions.At(e.mark.line, e.mark.column);
    const bool tab = LeadingSpace(text, at.line).find('\t') != std::string::npos;
    diagnostics.push_back({api::Severity::kError, std::string(codes::kSyntax), at,
                           "not valid YAML: " + base::Printable(e.msg),
                           tab ? "indent with spaces, not with tabs" : ""});
  } catch (const std::exception& e) {
    diagnostics.push_back({api::Severity::kError, std::string(codes::kSyntax), positions.File(),
                           "not valid YAML: " + base::Printable(e.what()), ""});
  }
  return documents;
}

}  // namespace inference::manifest
