#include "manifest/render.h"

#include <memory>

#include "manifest_reading.h"

namespace inference::manifest {
namespace {

api::Diagnostic Finding(int line, int column, std::string note = "") {
  return {api::Severity::kError,
          "INF0107",
          {std::make_shared<const std::string>("f.yaml"), line, column},
          "bad number",
          std::move(note)};
}

std::string Render(const std::string& text, const api::Diagnostic& d) {
  return RenderText({d}, [&](const std::string&) { return text; }, false);
}

TEST_CASE("a finding is shown under its line") {
  CHECK(Render("a: 1\nports: [70000, 1]\n", Finding(2, 9, "be modest")) ==
        "error[INF0107]: bad number\n"
        " --> f.yaml:2:9\n"
        "  |\n"
        "2 | ports: [70000, 1]\n"
        "  |         ^^^^^\n"
        "  = note: be modest\n");
}

TEST_CASE("quotes, wide characters, tabs and ends of lines") {
  CHECK_THAT(Render("k: \"a, b\" # c\n", Finding(1, 4)), Catch::Contains("|    ^^^^^^\n"));
  CHECK_THAT(Render("\xc3\xa9\xe2\x82\xac: xyz", Finding(1, 5)),
             Catch::Contains("1 | \xc3\xa9\xe2\x82\xac: xyz\n  |     ^^^\n"));
  CHECK_THAT(Render("\tk:\tv\r\n", Finding(1, 5)), Catch::Contains("1 |  k: v\n  |     ^\n"));
  CHECK_THAT(Render("k: 10.0.0.1:80\n", Finding(1, 4)), Catch::Contains("^^^^^^^^^^^\n"));
  CHECK_THAT(Render("k: v\n", Finding(1, 99)), Catch::Contains("|     ^\n"));
  CHECK_THAT(Render("k: v\n", Finding(7, 3)), Catch::Contains("7 | \n"));
  CHECK_THAT(Render("\xef\xbb\xbf"
                    "k: v\n",
                    Finding(1, 4)),
             Catch::Contains("1 | k: v\n"));
}

TEST_CASE("what is in the file cannot drive the terminal") {
  const std::string shown = Render("k: \x1b[31mred\x07\xff\n", Finding(1, 4));
  CHECK(shown.find('\x1b') == std::string::npos);
  CHECK_THAT(shown, Catch::Contains("k: ?[31mred??"));
}

TEST_CASE("a long line is shown around the place") {
  const std::string line = std::string(5000, 'x') + " here " + std::string(5000, 'y');
  const std::string shown = Render(line, Finding(1, 5002));
  CHECK(shown.size() < 500);
  CHECK_THAT(shown, Catch::Contains(" here ") && Catch::Contains(" ^^^^\n"));
}

TEST_CASE("findings without a line or a source are still told") {
  api::Diagnostic d = Finding(0, 0);
  CHECK(RenderText({d}, nullptr, false) == "error[INF0107]: bad number\n --> f.yaml\n");
  d.origin = {};
  d.severity = api::Severity::kWarning;
  CHECK(RenderText({d}, nullptr, false) == "warning[INF0107]: bad number\n");
  CHECK(RenderText({}, nullptr, false).empty());
}

TEST_CASE("colours are escapes around the same text") {
  const std::string colored =
      RenderText({Finding(1, 4)}, [](const std::string&) { return "k: v\n"; }, true);
  CHECK_THAT(colored, Catch::Contains("\x1b[1;31merror[INF0107]\x1b[0m"));
}

TEST_CASE("the short form is one line each") {
  CHECK(RenderShort({Finding(2, 9, "be modest"), Finding(3, 1)}) ==
        "f.yaml:2:9: error: bad number (be modest) [INF0107]\n"
        "f.yaml:3:1: error: bad number [INF0107]\n");
}

}  // namespace
}  // namespace inference::manifest
