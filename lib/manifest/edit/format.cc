#include "manifest/edit/format.h"

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "manifest/document.h"
#include "manifest/edit/change.h"

namespace inference::manifest::edit {
namespace {

// Until nothing changes any more: a step that was left out may be possible after another one.
constexpr int kMaxRounds = 4;
constexpr size_t kStep = 2;  // of indentation

/// The lines of a text and what is known of them. Line breaks are "\n".
class Lines {
 public:
  explicit Lines(std::string_view text) : text_(text) {
    for (size_t at = 0; at < text.size();) {
      starts_.push_back(at);
      at = std::min(text.find('\n', at), text.size() - 1) + 1;
    }
  }

  size_t size() const { return starts_.size(); }
  /// What ends a line: nothing at the end of a text without a line break.
  std::string_view End(size_t line) const {
    return line + 1 < size() || text_.ends_with('\n') ? "\n" : "";
  }
  /// Without its line break.
  std::string_view operator[](size_t line) const {
    const size_t end = line + 1 < size() ? starts_[line + 1] : text_.size();
    std::string_view out = text_.substr(starts_[line], end - starts_[line]);
    if (out.ends_with('\n')) out.remove_suffix(1);
    return out;
  }
  size_t Of(size_t offset) const {
    return static_cast<size_t>(std::upper_bound(starts_.begin(), starts_.end(), offset) -
                               starts_.begin()) -
           1;
  }
  size_t Column(size_t offset) const { return offset - starts_[Of(offset)]; }
  size_t Indent(size_t line) const {
    return std::min((*this)[line].find_first_not_of(' '), (*this)[line].size());
  }
  bool IsBlank(size_t line) const {
    return (*this)[line].find_first_not_of(" \t\r") == std::string_view::npos;
  }
  bool IsComment(size_t line) const {
    const size_t first = (*this)[line].find_first_not_of(" \t");
    return first != std::string_view::npos && (*this)[line][first] == '#';
  }
  bool IsMarker(size_t line) const {
    const std::string_view text = (*this)[line];
    return (text.starts_with("---") || text.starts_with("...")) &&
           (text.size() == 3 || text[3] == ' ' || text[3] == '\t' || text[3] == '\r');
  }
  std::string_view text() const { return text_; }

 private:
  std::string_view text_;
  std::vector<size_t> starts_;
};

template <typename Visit>
void EachNode(const Node& node, Visit visit) {
  visit(node);
  for (const Node& item : node.items) EachNode(item, visit);
  for (const NodeMember& member : node.members) EachNode(member.value, visit);
}

// Lines that end inside of a string: blanks there may belong to it.
std::vector<bool> InsideStrings(const Lines& lines, const std::vector<Node>& documents) {
  std::vector<bool> inside(lines.size(), false);
  for (const Node& document : documents) {
    EachNode(document, [&](const Node& node) {
      if (node.kind != Node::Kind::kScalar || !node.range.known() || node.alias) return;
      const char first = lines.text()[node.range.begin];
      const bool block = first == '|' || first == '>';
      const size_t begin = lines.Of(node.range.begin) + (block ? 1 : 0);
      size_t end = lines.Of(node.range.end - 1) + (block ? 1 : 0);
      const bool keeps = block && lines[begin - 1].find('+') != std::string_view::npos;
      while (keeps && end < lines.size() && lines.IsBlank(end)) ++end;
      for (size_t i = begin; i < end; ++i) inside[i] = true;
    });
  }
  return inside;
}

// --- the steps ---

std::string WithLineFeeds(std::string_view text, const std::vector<Node>&) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && text.substr(i + 1, 1) == "\n") continue;
    out += text[i];
  }
  return out;
}

std::string WithoutTrailingBlanks(std::string_view text, const std::vector<Node>& documents) {
  const Lines lines(text);
  const std::vector<bool> inside = InsideStrings(lines, documents);
  std::string out;
  for (size_t i = 0; i < lines.size(); ++i) {
    std::string_view line = lines[i];
    if (!inside[i]) line = line.substr(0, line.find_last_not_of(" \t") + 1);
    out += line;
    out += lines.End(i);
  }
  size_t last = lines.size();
  while (last > 0 && lines.IsBlank(last - 1) && !inside[last - 1]) --last;
  for (size_t i = last; i < lines.size(); ++i) {
    out.resize(out.size() - lines.End(i).size());  // blank lines: a line feed each by now
  }
  return out;
}

std::string WithFinalLineFeed(std::string_view text, const std::vector<Node>&) {
  std::string out(text);
  if (!out.empty() && !out.ends_with('\n')) out += '\n';
  return out;
}

// A bare "---" with nothing between it and the next one, or the end.
std::string WithoutEmptyDocuments(std::string_view text, const std::vector<Node>&) {
  const Lines lines(text);
  std::string out;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i] == "---") {
      size_t next = i + 1;
      while (next < lines.size() && lines.IsBlank(next)) ++next;
      if (next == lines.size() || (lines[next].starts_with("---") && lines.IsMarker(next))) {
        i = next - 1;
        continue;
      }
    }
    out += lines[i];
    out += lines.End(i);
  }
  return out;
}

/// Where each line that begins a key or an item has to begin.
class Layout {
 public:
  Layout(const Lines& lines, bool indent_lists)
      : lines_(lines), indent_lists_(indent_lists), indent_(lines.size()) {}

  void Document(const Node& root) { Block(root, 0); }
  bool ok() const { return ok_; }

  std::string Apply() {
    std::string out;
    ptrdiff_t shift = 0;  // of the last line that was placed
    for (size_t i = 0; i < lines_.size(); ++i) {
      const std::string_view line = lines_[i];
      if (lines_.IsBlank(i) || lines_.IsMarker(i)) {
        out += line;
        shift = lines_.IsMarker(i) ? 0 : shift;
      } else {
        const size_t old = lines_.Indent(i);
        const size_t now = indent_[i] ? *indent_[i] : Follows(i, shift);
        if (indent_[i]) shift = static_cast<ptrdiff_t>(now) - static_cast<ptrdiff_t>(old);
        out += std::string(now, ' ') + Body(i, old);
      }
      out += lines_.End(i);
    }
    return out;
  }

 private:
  bool IsFlow(const Node& node) const {
    const char first = lines_.text()[node.range.begin];
    return first == '{' || first == '[';
  }

  static bool IsCollection(const Node& node) {
    return !node.alias && (node.kind == Node::Kind::kMap || node.kind == Node::Kind::kList);
  }

  void Block(const Node& node, size_t column) {
    if (!IsCollection(node)) return;
    if (!node.range.known()) {
      ok_ = false;
    } else if (!IsFlow(node)) {
      node.kind == Node::Kind::kMap ? Members(node, column) : Items(node, column);
    }
  }

  // The line is placed when what is at `offset` is the first of it.
  void Place(size_t offset, size_t column) {
    const size_t line = lines_.Of(offset);
    if (lines_.Indent(line) == lines_.Column(offset)) {
      indent_[line] = column;
    } else if (gaps_.find(line) == gaps_.end()) {
      ok_ = false;  // neither at the start of its line nor behind a dash
    }
  }

  void Members(const Node& map, size_t column) {
    for (const NodeMember& member : map.members) {
      if (!member.key_range.known()) {
        ok_ = false;
        return;
      }
      Place(member.key_range.begin, column);
      const bool list = member.value.kind == Node::Kind::kList;
      Block(member.value, list && !indent_lists_ ? column : column + kStep);
    }
  }

  void Items(const Node& list, size_t column) {
    for (const Node& item : list.items) {
      if (!item.range.known()) {
        ok_ = false;
        return;
      }
      const std::string_view text = lines_.text();
      const size_t line = lines_.Of(item.range.begin);
      const size_t dash = text.find_last_not_of(' ', item.range.begin - 1);
      if (dash == std::string_view::npos || text[dash] != '-' || lines_.Of(dash) != line) {
        ok_ = false;  // an anchor in between, or the item is on the next line
        return;
      }
      Place(dash, column);
      if (item.range.begin > dash + 2) extra_[line].push_back({dash + 2, item.range.begin});
      gaps_[line] = true;
      Block(item, column + kStep);
    }
  }

  // Comments stand with what follows them, where they did; all else moves with what is above.
  size_t Follows(size_t line, ptrdiff_t shift) const {
    const auto old = static_cast<ptrdiff_t>(lines_.Indent(line));
    if (lines_.IsComment(line)) {
      if (old == 0) return 0;
      size_t next = line + 1;
      while (next < lines_.size() && (lines_.IsBlank(next) || lines_.IsComment(next))) ++next;
      if (next < lines_.size() && indent_[next] && lines_.Indent(next) == lines_.Indent(line)) {
        return *indent_[next];
      }
    }
    return static_cast<size_t>(std::max<ptrdiff_t>(old + shift, 0));
  }

  // The line behind its indentation, one blank behind each dash.
  std::string Body(size_t line, size_t old) const {
    std::string body(lines_[line].substr(old));
    const auto found = extra_.find(line);
    if (found == extra_.end()) return body;
    auto gaps = found->second;
    std::sort(gaps.begin(), gaps.end());
    for (size_t i = gaps.size(); i-- > 0;) {
      body.erase(lines_.Column(gaps[i].first) - old, gaps[i].second - gaps[i].first);
    }
    return body;
  }

  const Lines& lines_;
  const bool indent_lists_;
  bool ok_ = true;
  std::vector<std::optional<size_t>> indent_;
  std::map<size_t, bool> gaps_;                                     // lines with a dash
  std::map<size_t, std::vector<std::pair<size_t, size_t>>> extra_;  // blanks behind dashes
};

// How most lists of the file stand under their keys.
bool IndentsLists(const Lines& lines, const std::vector<Node>& documents) {
  int indented = 0;
  for (const Node& document : documents) {
    EachNode(document, [&](const Node& node) {
      for (const NodeMember& member : node.members) {
        const Range& list = member.value.range;
        if (member.value.kind != Node::Kind::kList || member.value.alias || !list.known() ||
            !member.key_range.known() || lines.text()[list.begin] == '[') {
          continue;
        }
        const size_t key = lines.Column(member.key_range.begin);
        indented += lines.Column(list.begin) > key ? 1 : -1;
      }
    });
  }
  return indented > 0;
}

std::string Reindented(std::string_view text, const std::vector<Node>& documents) {
  const Lines lines(text);
  Layout layout(lines, IndentsLists(lines, documents));
  for (const Node& document : documents) layout.Document(document);
  return layout.ok() ? layout.Apply() : std::string(text);
}

using Step = std::string (*)(std::string_view, const std::vector<Node>&);
constexpr Step kSteps[] = {&WithLineFeeds, &WithoutEmptyDocuments, &Reindented,
                           &WithoutTrailingBlanks, &WithFinalLineFeed};

}  // namespace

Formatted Format(const std::string& path, std::string_view text, const Limits& limits) {
  Formatted out{std::string(text), {}};
  const std::vector<Node> wanted = ParseDocuments(path, text, out.findings, limits);
  if (api::HasErrors(out.findings)) return out;
  for (int round = 0; round < kMaxRounds; ++round) {
    const std::string before = out.text;
    for (const Step step : kSteps) {
      api::Diagnostics found;
      const std::vector<Node> documents = ParseDocuments(path, out.text, found, limits);
      std::string next = step(out.text, documents);
      if (next == out.text) continue;
      const std::vector<Node> read = ParseDocuments(path, next, found, limits);
      if (!api::HasErrors(found) && SameValues(read, wanted)) out.text = std::move(next);
    }
    if (out.text == before) break;
  }
  return out;
}

}  // namespace inference::manifest::edit
