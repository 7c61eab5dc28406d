#include "manifest/render.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "base/text.h"

namespace inference::manifest {
namespace {

constexpr size_t kMaxColumns = 120;  // of a source line; longer ones are shown around the place

struct Style {
  std::string_view error = "", warning = "", info = "", frame = "", bold = "", off = "";
};
constexpr Style kColors{"\x1b[1;31m", "\x1b[1;33m", "\x1b[1;36m",
                        "\x1b[1;34m", "\x1b[1m",    "\x1b[0m"};

// The line's code points, each of one column; what can't be shown is '?'.
std::vector<std::string> Cells(std::string_view line) {
  std::vector<std::string> cells;
  const bool utf8 = base::IsValidUtf8(line);
  for (const char c : line) {
    const auto byte = static_cast<unsigned char>(c);
    if (utf8 && (byte & 0xc0) == 0x80 && !cells.empty()) {
      cells.back() += c;
    } else if (c == '\t') {
      cells.emplace_back(" ");
    } else {
      cells.emplace_back(
          byte < 0x20 || byte == 0x7f || (!utf8 && byte >= 0x80) ? "?" : std::string(1, c));
    }
  }
  return cells;
}

std::string_view LineOf(std::string_view text, int line) {
  if (text.substr(0, 3) == "\xef\xbb\xbf") text.remove_prefix(3);
  for (int i = 1; i < line; ++i) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  text = text.substr(0, text.find('\n'));
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

// How many columns the value at `at` takes: up to the quote that closes it, or a delimiter.
size_t Extent(const std::vector<std::string>& cells, size_t at) {
  if (at >= cells.size()) return 1;
  const bool quoted = cells[at] == "\"" || cells[at] == "'";
  for (size_t i = at + 1; i < cells.size(); ++i) {
    if (quoted && cells[i] == cells[at]) return i + 1 - at;
    if (!quoted && cells[i].find_first_of(" ,]}:") == 0) {
      const bool inside = cells[i] == ":" && i + 1 < cells.size() && cells[i + 1] != " ";
      if (!inside) return i - at;
    }
  }
  return cells.size() - at;
}

void AppendSource(const api::Diagnostic& d, std::string_view text, const Style& style,
                  std::string& out) {
  std::vector<std::string> cells = Cells(LineOf(text, d.origin.line));
  size_t at = static_cast<size_t>(std::max(d.origin.column, 1)) - 1;
  at = std::min(at, cells.size());
  size_t extent = Extent(cells, at);
  size_t first = 0;
  if (cells.size() > kMaxColumns && at > kMaxColumns / 2) first = at - kMaxColumns / 2;
  const size_t last = std::min(cells.size(), first + kMaxColumns);
  extent = std::clamp<size_t>(extent, 1, std::max<size_t>(1, last - std::min(at, last)));
  std::string shown;
  for (size_t i = first; i < last; ++i) shown += cells[i];
  const std::string number = std::to_string(d.origin.line);
  const std::string margin(number.size() + 1, ' ');
  const std::string_view color = d.severity == api::Severity::kError     ? style.error
                                 : d.severity == api::Severity::kWarning ? style.warning
                                                                         : style.info;
  out += fmt::format("{}{}|{}\n", style.frame, margin, style.off);
  out += fmt::format("{}{} |{} {}\n", style.frame, number, style.off, shown);
  out += fmt::format("{}{}|{} {}{}{}{}\n", style.frame, margin, style.off,
                     std::string(at - first, ' '), color, std::string(extent, '^'), style.off);
}

void AppendOne(const api::Diagnostic& d, const std::optional<std::string>& text, const Style& style,
               std::string& out) {
  const bool error = d.severity == api::Severity::kError;
  const bool warning = d.severity == api::Severity::kWarning;
  const std::string code = d.code.empty() ? "" : "[" + d.code + "]";
  out += fmt::format("{}{}{}{}{}: {}{}\n",
                     error     ? style.error
                     : warning ? style.warning
                               : style.info,
                     error     ? "error"
                     : warning ? "warning"
                               : "info",
                     code, style.off, style.bold, d.message, style.off);
  const std::string indent(std::to_string(std::max(d.origin.line, 1)).size(), ' ');
  if (d.origin.known()) {
    out += fmt::format("{}{}-->{} {}\n", indent, style.frame, style.off, d.origin.ToString());
    if (text && d.origin.line > 0) AppendSource(d, *text, style, out);
  }
  if (!d.note.empty()) {
    out += fmt::format("{} {}={} note: {}\n", indent, style.frame, style.off, d.note);
  }
}

}  // namespace

std::string RenderText(const api::Diagnostics& diagnostics, const SourceLookup& source,
                       bool color) {
  const Style style = color ? kColors : Style{};
  std::map<std::string, std::optional<std::string>> texts;
  std::string out;
  for (const api::Diagnostic& d : diagnostics) {
    if (!out.empty()) out += '\n';
    if (!d.origin.known()) {
      AppendOne(d, std::nullopt, style, out);
      continue;
    }
    const auto [it, inserted] = texts.try_emplace(*d.origin.file);
    if (inserted && source) it->second = source(*d.origin.file);
    AppendOne(d, it->second, style, out);
  }
  return out;
}

size_t CaretWidth(std::string_view line, int column) {
  return Extent(Cells(line), static_cast<size_t>(std::max(column, 1)) - 1);
}

std::string RenderShort(const api::Diagnostics& diagnostics) {
  std::string out;
  for (const api::Diagnostic& d : diagnostics) out += d.ToString() + "\n";
  return out;
}

}  // namespace inference::manifest
