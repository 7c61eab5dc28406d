#include "inferencectl/list_view.h"

#include "base/text.h"
#include "inferencectl/format.h"
#include "inferencectl/json_path.h"

namespace inference::ctl {
namespace {

constexpr std::string_view kJsonPath = "jsonpath=";
constexpr std::string_view kCustomColumns = "custom-columns=";

struct CustomColumn {
  std::string header;
  JsonPath path;
};

Result<std::vector<CustomColumn>> CustomColumns(std::string_view spec) {
  std::vector<CustomColumn> out;
  if (base::SplitTrimmed(spec, ',').empty()) {
    return Status(Code::kInvalidArgument, "custom-columns: columns are missing, as NAME:.name");
  }
  for (std::string_view each : base::SplitTrimmed(spec, ',')) {
    const size_t colon = each.find(':');
    if (colon == 0 || colon == std::string_view::npos || colon + 1 == each.size()) {
      return Status(Code::kInvalidArgument, "custom-columns: \"" + base::Printable(each) +
                                                "\" is not HEADER:PATH, as NAME:.name");
    }
    const std::string_view text = each.substr(colon + 1);
    auto path = JsonPath::Parse(text[0] == '{' ? std::string(text) : "{" + std::string(text) + "}");
    if (!path) return path.status();
    out.push_back({std::string(each.substr(0, colon)), std::move(*path)});
  }
  return out;
}

std::string CellText(const std::vector<Json>& values) {
  if (values.empty()) return "<none>";
  std::string out;
  for (const Json& value : values) {
    out += out.empty() ? "" : ",";
    out += value.is_null() ? std::string(kUnknownText) : PlainText(value);
  }
  return SafeForTerminal(out);
}

/// Which columns --columns names, in its order.
Result<std::vector<size_t>> ColumnsOf(const std::string& spec, const Table& all) {
  std::vector<std::string> headers = all.Headers();
  for (std::string& header : headers) header = base::ToLower(header);
  const std::vector<std::string_view> known(headers.begin(), headers.end());
  std::vector<size_t> out;
  for (std::string_view name : base::SplitTrimmed(spec, ',')) {
    size_t i = 0;
    while (i < headers.size() && headers[i] != base::ToLower(name)) ++i;
    if (i == headers.size()) {
      const std::string_view meant = base::ClosestMatch(base::ToLower(name), known);
      return Status(Code::kInvalidArgument,
                    "no column \"" + base::Printable(name) + "\"" +
                        (meant.empty() ? "; --columns help lists them"
                                       : "; did you mean \"" + std::string(meant) + "\"?"));
    }
    out.push_back(i);
  }
  return out;
}

}  // namespace

Status CheckListOptions(const Invocation& run, const Table& all) {
  const std::string format = run.format();
  if (format.starts_with(kJsonPath)) {
    auto path = JsonPath::Parse(std::string_view(format).substr(kJsonPath.size()));
    if (!path) return path.status();
  }
  if (format.starts_with(kCustomColumns)) {
    auto columns = CustomColumns(std::string_view(format).substr(kCustomColumns.size()));
    if (!columns) return columns.status();
  }
  if (!run.args.Given("columns")) return Status::Ok();
  if (format != "table" && format != "wide") {
    return {Code::kInvalidArgument, "--columns is for tables, not for -o " + format};
  }
  const auto columns = ColumnsOf(run.args.Text("columns"), all);
  return columns ? Status::Ok() : columns.status();
}

bool PrintColumnNames(const Invocation& run, const Table& all) {
  if (!run.args.Given("columns") || run.args.Text("columns") != "help") return false;
  for (const std::string& header : all.Headers()) run.Print(header + "\n");
  return true;
}

bool PrintListDocument(const Invocation& run, const Json& document) {
  const std::string format = run.format();
  if (run.WantsDocument()) {
    run.PrintDocument(document);
    return true;
  }
  if (format.starts_with(kJsonPath)) {
    const auto path = JsonPath::Parse(std::string_view(format).substr(kJsonPath.size()));
    if (path) run.Print(path->Evaluate(document));
    return true;
  }
  if (!format.starts_with(kCustomColumns)) return false;
  const auto columns = CustomColumns(std::string_view(format).substr(kCustomColumns.size()));
  if (!columns) return true;
  Table table;
  for (const CustomColumn& column : *columns) table.AddColumn(column.header);
  for (const Json& item : document["items"]) {
    std::vector<Cell> row;
    for (const CustomColumn& column : *columns) {
      row.emplace_back(CellText(column.path.Values(item)));
    }
    table.AddRow(std::move(row));
  }
  run.Print(table.Render(!run.args.Switch("no-headers"), run.color));
  return true;
}

bool WantsAllColumns(const Invocation& run) {
  return run.format() == "wide" || run.args.Given("columns");
}

void PrintTable(const Invocation& run, Table table, bool headers) {
  if (run.args.Given("columns")) {
    if (const auto kept = ColumnsOf(run.args.Text("columns"), table); kept) table.Keep(*kept);
  }
  run.Print(table.Render(headers && !run.args.Switch("no-headers"), run.color));
}

}  // namespace inference::ctl
