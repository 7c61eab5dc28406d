#include "inferencectl/diagnostic_view.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "inferencectl/format.h"
#include "inferencectl/table.h"
#include "manifest/render.h"

namespace inference::ctl {
namespace {

constexpr size_t kMaxLineShown = 200;  // bytes

/// The part of a line in front of a column, which counts code points from 1.
std::string_view Before(std::string_view line, int column) {
  size_t at = 0;
  for (int i = 1; i < column && at < line.size(); ++i) {
    ++at;
    while (at < line.size() && (static_cast<unsigned char>(line[at]) & 0xC0) == 0x80) ++at;
  }
  return line.substr(0, at);
}

/// The source line with a caret; empty when it can't be shown well.
std::string Snippet(const api::Origin& origin, std::string_view text, Style style, bool color) {
  const std::string_view line = SourceLine(text, origin.line);
  if (line.empty() || line.size() > kMaxLineShown || !base::IsValidUtf8(line)) return "";
  std::string shown(line);
  std::string before(Before(line, origin.column));
  const auto width = static_cast<int>(manifest::CaretWidth(line, origin.column));
  const size_t carets =
      DisplayWidth(Before(line, origin.column + width)) - DisplayWidth(Before(line, origin.column));
  for (std::string* s : {&shown, &before}) {
    for (char& c : *s) {
      if (static_cast<unsigned char>(c) < 0x20) c = ' ';  // tabs: one column, as counted
    }
  }
  const std::string number = std::to_string(origin.line);
  const std::string margin(number.size(), ' ');
  return fmt::format("{}│ {}\n{}│ {}{}\n", number, shown, margin,
                     std::string(DisplayWidth(before), ' '),
                     Paint(style, std::string(std::max<size_t>(carets, 1), '^'), color));
}

}  // namespace

std::string_view SourceLine(std::string_view text, int number) {
  for (int i = 1; i < number; ++i) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  std::string_view line = text.substr(0, text.find('\n'));
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

std::string_view LevelName(api::Severity severity) {
  switch (severity) {
    case api::Severity::kWarning:
      return "warning";
    case api::Severity::kInfo:
      return "info";
    default:
      return "error";
  }
}

std::string DiagnosticText(const api::Diagnostic& d, std::string_view text, bool color,
                           std::string_view fix) {
  const Style style = d.severity == api::Severity::kError     ? Style::kBad
                      : d.severity == api::Severity::kWarning ? Style::kWarn
                                                              : Style::kFaint;
  std::string head(LevelName(d.severity));
  if (!d.code.empty()) head += "[" + d.code + "]";
  std::string out = Paint(style, head, color) + ": " + SafeForTerminal(d.message) + "\n";
  out += "  ┌─ " + SafeForTerminal(d.origin.ToString()) + "\n";
  if (d.origin.line > 0 && !text.empty()) out += Snippet(d.origin, text, style, color);
  if (!d.note.empty()) out += "  = note: " + SafeForTerminal(d.note) + "\n";
  if (!fix.empty()) out += "  = fix:  " + SafeForTerminal(fix) + "\n";
  return out + "\n";
}

Json DiagnosticJson(const api::Diagnostic& d) {
  Json out{{"code", d.code}, {"level", LevelName(d.severity)}, {"message", d.message}};
  out["note"] = d.note.empty() ? Json(nullptr) : Json(d.note);
  out["file"] = d.origin.file ? Json(*d.origin.file) : Json(nullptr);
  out["line"] = d.origin.line > 0 ? Json(d.origin.line) : Json(nullptr);
  out["column"] = d.origin.column > 0 ? Json(d.origin.column) : Json(nullptr);
  return out;
}

}  // namespace inference::ctl
