#include "inferencectl/table.h"

#include <algorithm>

#include "inferencectl/format.h"

namespace inference::ctl {
namespace {

std::string_view Escape(Style style) {
  switch (style) {
    case Style::kStrong:
      return "\x1b[1m";
    case Style::kFaint:
      return "\x1b[2m";
    case Style::kGood:
      return "\x1b[32m";
    case Style::kWarn:
      return "\x1b[33m";
    case Style::kBad:
      return "\x1b[31m";
    case Style::kPlain:
      break;
  }
  return "";
}

}  // namespace

std::string Paint(Style style, std::string_view text, bool color) {
  if (!color || style == Style::kPlain || text.empty()) return std::string(text);
  return std::string(Escape(style)) + std::string(text) + "\x1b[0m";
}

void Table::AddColumn(std::string header, Align align) {
  columns_.push_back({std::move(header), align});
}

void Table::AddRow(std::vector<Cell> cells) {
  rows_.push_back({std::move(cells), {}});
}

void Table::AddNote(std::string text) {
  rows_.back().notes.push_back(std::move(text));
}

void Table::RenderLine(const std::vector<Cell>& cells, const std::vector<size_t>& widths,
                       bool color, std::string& out) const {
  // Padding is written before the next cell, so that no line ends in spaces.
  size_t pending = 0;
  for (size_t i = 0; i < columns_.size(); ++i) {
    const Cell& cell = cells[i];
    const size_t pad = widths[i] - DisplayWidth(cell.text);
    if (i > 0) pending += 2;
    if (columns_[i].align == Align::kRight) pending += pad;
    if (!cell.text.empty()) {
      out.append(pending, ' ');
      out += Paint(cell.style, cell.text, color);
      pending = 0;
    }
    if (columns_[i].align == Align::kLeft) pending += pad;
  }
  out += '\n';
}

std::vector<std::string> Table::Headers() const {
  std::vector<std::string> out;
  for (const Column& column : columns_) out.push_back(column.header);
  return out;
}

void Table::Keep(const std::vector<size_t>& columns) {
  std::vector<Column> kept;
  for (const size_t i : columns) kept.push_back(columns_[i]);
  columns_ = std::move(kept);
  for (Row& row : rows_) {
    std::vector<Cell> cells;
    for (const size_t i : columns) cells.push_back(row.cells[i]);
    row.cells = std::move(cells);
  }
}

std::string Table::Render(bool headers, bool color) const {
  std::vector<size_t> widths;
  std::vector<Cell> header;
  for (size_t i = 0; i < columns_.size(); ++i) {
    size_t width = headers ? DisplayWidth(columns_[i].header) : 0;
    for (const Row& row : rows_) width = std::max(width, DisplayWidth(row.cells[i].text));
    widths.push_back(width);
    header.emplace_back(columns_[i].header, Style::kStrong);
  }
  std::string out;
  if (headers) RenderLine(header, widths, color, out);
  for (const Row& row : rows_) {
    RenderLine(row.cells, widths, color, out);
    for (const std::string& note : row.notes) {
      out += Paint(Style::kFaint, "  └─ " + note, color) + "\n";
    }
  }
  return out;
}

}  // namespace inference::ctl
