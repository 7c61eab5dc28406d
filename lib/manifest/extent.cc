#include "manifest/extent.h"

#include <algorithm>

namespace inference::manifest {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

bool IsSpace(char c) {
  return kSpace.find(c) != std::string_view::npos;
}

// Behind white space and comments.
size_t SkipSpace(std::string_view text, size_t i) {
  while (i < text.size()) {
    if (IsSpace(text[i])) {
      ++i;
    } else if (text[i] == '#' && (i == 0 || IsSpace(text[i - 1]))) {
      i = std::min(text.find('\n', i), text.size());
    } else {
      break;
    }
  }
  return i;
}

Extent QuotedExtent(std::string_view text, size_t begin) {
  const char quote = text[begin];
  for (size_t i = begin + 1; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (text[i] == quote) {
      if (quote == '"' || text.substr(i + 1, 1) != "'") return {begin, i + 1};
      ++i;
    }
  }
  return {};
}

// Line breaks of a plain scalar are folded: white space of any kind stands for that of the value.
Extent PlainExtent(std::string_view text, size_t begin, std::string_view value) {
  size_t at = begin;
  for (size_t i = 0; i < value.size();) {
    if (IsSpace(value[i])) {
      const size_t from = at;
      while (at < text.size() && IsSpace(text[at])) ++at;
      if (at == from) return {};
      while (i < value.size() && IsSpace(value[i])) ++i;
    } else if (at < text.size() && text[at] == value[i]) {
      ++at;
      ++i;
    } else {
      return {};
    }
  }
  return {begin, at};
}

size_t LineEnd(std::string_view text, size_t i) {
  return std::min(text.find('\n', i), text.size());
}

size_t Indent(std::string_view line) {
  return std::min(line.find_first_not_of(' '), line.size());
}

bool IsEmptyLine(std::string_view line) {
  return line.find_first_not_of(kSpace) == std::string_view::npos;
}

// The lines behind a '|' or '>' that are indented as its first one.
Extent BlockExtent(std::string_view text, size_t begin, std::string_view value) {
  size_t line_end = LineEnd(text, begin);
  size_t end = line_end;
  while (end > begin && IsSpace(text[end - 1])) --end;
  const size_t first = value.find_first_not_of("\r\n");
  if (first == std::string_view::npos) return {begin, end};
  const size_t of_value = Indent(value.substr(first));
  size_t indent = std::string_view::npos;  // of the content, once its first line is seen
  while (line_end < text.size()) {
    const size_t start = line_end + 1;
    line_end = LineEnd(text, start);
    const std::string_view line = text.substr(start, line_end - start);
    if (IsEmptyLine(line)) continue;
    if (indent == std::string_view::npos) {
      if (Indent(line) < of_value) return {};
      indent = Indent(line) - of_value;
    }
    if (Indent(line) < indent || line.starts_with("---") || line.starts_with("...")) break;
    end = line.ends_with('\r') ? line_end - 1 : line_end;
  }
  return {begin, end};
}

}  // namespace

size_t SkipProperties(std::string_view text, size_t offset) {
  while (offset < text.size() && (text[offset] == '&' || text[offset] == '!')) {
    offset = std::min(text.find_first_of(kSpace, offset), text.size());
    offset = SkipSpace(text, offset);
  }
  return offset;
}

Extent ScalarExtent(std::string_view text, size_t offset, std::string_view value) {
  const size_t begin = SkipProperties(text, offset);
  if (begin >= text.size()) return {};
  switch (text[begin]) {
    case '"':
    case '\'':
      return QuotedExtent(text, begin);
    case '|':
    case '>':
      return BlockExtent(text, begin, value);
    default:
      return PlainExtent(text, begin, value);
  }
}

Extent NullExtent(std::string_view text, size_t offset) {
  const size_t begin = SkipProperties(text, offset);
  for (const std::string_view word : {"null", "Null", "NULL", "~"}) {
    if (!text.substr(std::min(begin, text.size())).starts_with(word)) continue;
    const size_t end = begin + word.size();
    const std::string_view next = text.substr(end, 1);
    if (next.empty() || IsSpace(next[0]) || next == "," || next == "]" || next == "}") {
      return {begin, end};
    }
  }
  return {};
}

Extent AliasExtent(std::string_view text, size_t offset) {
  if (offset >= text.size() || text[offset] != '*') return {};
  return {offset, std::min(text.find_first_of(" \t\r\n,]}", offset), text.size())};
}

Extent CollectionExtent(std::string_view text, size_t offset, size_t content_end) {
  const size_t begin = SkipProperties(text, offset);
  if (begin >= text.size()) return {};
  const char open = text[begin];
  if (open != '{' && open != '[') return {begin, content_end};
  const char close = open == '{' ? '}' : ']';
  size_t i = std::max(begin + 1, content_end);
  while (true) {
    i = SkipSpace(text, i);
    if (i >= text.size()) return {};
    if (text[i] == close) return {begin, i + 1};
    // What may stand behind the last child: its comma, the colon of a key without a value.
    if (text[i] != ',' && text[i] != ':' && text[i] != '?') return {};
    ++i;
  }
}

}  // namespace inference::manifest
