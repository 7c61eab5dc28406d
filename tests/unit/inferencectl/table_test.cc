#include "inferencectl/table.h"

#include <catch2/catch.hpp>

#include "inferencectl/format.h"

namespace inference::ctl {
namespace {

TEST_CASE("columns can be chosen") {
  Table table;
  for (const char* header : {"A", "B", "C"}) table.AddColumn(header);
  table.AddRow({"1", "2", "3"});
  CHECK(table.Headers() == std::vector<std::string>{"A", "B", "C"});
  table.Keep({2, 0});
  CHECK(table.Render(true, false) == "C  A\n3  1\n");
}

TEST_CASE("columns are aligned by display width and no line ends in spaces") {
  Table table;
  table.AddColumn("NAME");
  table.AddColumn("N", Table::Align::kRight);
  table.AddColumn("");
  table.AddRow({"gpu-1", "7", "x"});
  table.AddRow({"模型", "12345", ""});
  table.AddRow({"é", "", ""});
  CHECK(table.Render(true, false) ==
        "NAME       N\n"
        "gpu-1      7  x\n"
        "模型   12345\n"
        "é\n");
  CHECK(table.Render(false, false).substr(0, 5) == "gpu-1");
}

TEST_CASE("notes stand under their row and don't widen columns") {
  Table table;
  table.AddColumn("A");
  table.AddColumn("B");
  table.AddRow({"1", "2"});
  table.AddNote("a long remark about the first row");
  table.AddRow({"3", "4"});
  CHECK(table.Render(true, false) == "A  B\n1  2\n  └─ a long remark about the first row\n3  4\n");
}

TEST_CASE("colour changes no width") {
  Table table;
  table.AddColumn("A");
  table.AddColumn("B");
  table.AddRow({Cell("bad", Style::kBad), "x"});
  table.AddRow({"longer", "y"});
  CHECK(table.Render(false, true) == "\x1b[31mbad\x1b[0m     x\nlonger  y\n");
}

TEST_CASE("durations, numbers and bytes read well") {
  CHECK(HumanMillis(0) == "0ms");
  CHECK(HumanMillis(180) == "180ms");
  CHECK(HumanMillis(2100) == "2.1s");
  CHECK(HumanMillis(59'940) == "59.9s");
  CHECK(HumanMillis(192'000) == "3m12s");
  CHECK(HumanMillis(7'500'000) == "2h05m");
  CHECK(HumanMillis(3LL * 86'400'000 + 4LL * 3'600'000) == "3d04h");
  CHECK(HumanMicros(23) == "23us");
  CHECK(HumanMicros(2300) == "2ms");
  CHECK(HumanNumber(2.0) == "2");
  CHECK(HumanNumber(2.04) == "2");
  CHECK(HumanNumber(-0.01) == "0");
  CHECK(HumanNumber(0.25, 2) == "0.25");
  CHECK(HumanBytes(812) == "812 B");
  CHECK(HumanBytes(1229) == "1.2 KiB");
}

TEST_CASE("what isn't known is never zero") {
  admin::v1::Metric metric;
  CHECK(NumberOrUnknown(metric) == "<unknown>");
  metric.set_value(0);
  CHECK(NumberOrUnknown(metric) == "0");
  CHECK(PercentOrUnknown(std::nullopt) == "<unknown>");
  CHECK(PercentOrUnknown(0.384) == "38.4");
}

TEST_CASE("control characters of strangers don't reach the terminal") {
  CHECK(SafeForTerminal("a\x1b[31mb\n") == "a\\x1b[31mb\\x0a");
}

TEST_CASE("display width counts columns, not bytes") {
  CHECK(DisplayWidth("abc") == 3);
  CHECK(DisplayWidth("◀ é") == 3);
  CHECK(DisplayWidth("模型") == 4);
  CHECK(DisplayWidth("e\xcc\x81") == 1);
  CHECK(DisplayWidth("\xff\xfe") == 2);
}

}  // namespace
}  // namespace inference::ctl
