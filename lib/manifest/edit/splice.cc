#include "manifest/edit/splice.h"

#include <fmt/format.h>

#include <algorithm>
#include <dtl/dtl.hpp>
#include <sstream>

namespace inference::manifest::edit {

Result<std::string> Splice(std::string_view text, std::vector<Edit> edits) {
  std::stable_sort(edits.begin(), edits.end(),
                   [](const Edit& a, const Edit& b) { return a.begin < b.begin; });
  std::string out;
  size_t at = 0;
  for (const Edit& edit : edits) {
    if (edit.begin > edit.end || edit.end > text.size()) {
      return Status(Code::kInvalidArgument, fmt::format("an edit of bytes {} to {} in a text of {}",
                                                        edit.begin, edit.end, text.size()));
    }
    if (edit.begin < at) {
      return Status(Code::kInvalidArgument,
                    fmt::format("two edits of the same bytes at {}", edit.begin));
    }
    out += text.substr(at, edit.begin - at);
    out += edit.replacement;
    at = edit.end;
  }
  out += text.substr(at);
  return out;
}

namespace {

// A line without its end; the last one of a text that lacks the line break says so.
std::vector<std::string> LinesOf(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) {
      lines.back() += "\n\\ No newline at end of file";
      break;
    }
    text.remove_prefix(end + 1);
  }
  return lines;
}

}  // namespace

std::string UnifiedDiff(std::string_view path, std::string_view before, std::string_view after) {
  if (before == after) return "";
  dtl::Diff<std::string, std::vector<std::string>> diff(LinesOf(before), LinesOf(after));
  diff.compose();
  diff.composeUnifiedHunks();
  while (path.starts_with("./")) path.remove_prefix(2);
  if (path.starts_with('/')) path.remove_prefix(1);
  std::ostringstream out;
  out << fmt::format("--- a/{0}\n+++ b/{0}\n", path);
  diff.printUnifiedFormat(out);
  return out.str();
}

}  // namespace inference::manifest::edit
