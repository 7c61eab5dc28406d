#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace inference::ctl {

enum class Style { kPlain, kStrong, kFaint, kGood, kWarn, kBad };

/// `text` in that style when `color`, else as it is.
std::string Paint(Style style, std::string_view text, bool color);

struct Cell {
  std::string text;
  Style style = Style::kPlain;
  Cell(std::string t, Style s = Style::kPlain)
      : text(std::move(t)), style(s) {}  // NOLINT: implicit
  Cell(const char* t) : text(t) {}       // NOLINT: implicit
};

/// Columns aligned by what they take on a terminal; two spaces between; nothing behind the last
/// one.
class Table {
 public:
  enum class Align { kLeft, kRight };

  void AddColumn(std::string header, Align align = Align::kLeft);
  /// REQUIRES: one cell per column.
  void AddRow(std::vector<Cell> cells);
  /// A line under the last row, not aligned.
  void AddNote(std::string text);
  bool empty() const { return rows_.empty(); }
  std::vector<std::string> Headers() const;
  /// Only these columns, in this order. REQUIRES: each is less than their number.
  void Keep(const std::vector<size_t>& columns);

  std::string Render(bool headers, bool color) const;

 private:
  struct Column {
    std::string header;
    Align align;
  };
  struct Row {
    std::vector<Cell> cells;
    std::vector<std::string> notes;
  };
  void RenderLine(const std::vector<Cell>& cells, const std::vector<size_t>& widths, bool color,
                  std::string& out) const;

  std::vector<Column> columns_;
  std::vector<Row> rows_;
};

}  // namespace inference::ctl
