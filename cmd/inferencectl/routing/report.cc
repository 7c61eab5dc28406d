#include "inferencectl/routing/report.h"

#include <fmt/format.h>

#include <map>

#include "inferencectl/candidate_view.h"
#include "inferencectl/format.h"
#include "inferencectl/reports/xml.h"
#include "inferencectl/table.h"

namespace inference::ctl::routing {
namespace {

std::string Scores(const Outcome& outcome, bool color) {
  std::string out;
  if (outcome.last.candidates_size() > 0) {
    out += ScoreTable(outcome.last.columns(), outcome.last.candidates(), outcome.last.picker())
               .Render(true, color);
  }
  for (const auto& dropped : outcome.last.dropped()) {
    out += SafeForTerminal(fmt::format("{} was dropped by {}: {}\n", dropped.endpoint(),
                                       dropped.filter(), dropped.reason()));
  }
  std::string indented;
  for (size_t at = 0; at < out.size();) {
    const size_t end = std::min(out.find('\n', at), out.size() - 1) + 1;
    indented += "      " + out.substr(at, end - at);
    at = end;
  }
  return indented;
}

std::string CaseXml(const Outcome& outcome) {
  std::string out = fmt::format(R"(    <testcase name="{}" classname="{}" time="{:.3f}")",
                                Xml(outcome.name), Xml(outcome.scenario->name), outcome.seconds);
  if (outcome.failures.empty()) return out + "/>\n";
  std::string text;
  for (const std::string& failure : outcome.failures) text += failure + "\n";
  return out + fmt::format(">\n      <failure message=\"{}\">{}</failure>\n    </testcase>\n",
                           Xml(outcome.failures.front()),
                           Xml(outcome.at.ToString() + "\n" + text + Scores(outcome, false)));
}

}  // namespace

std::string TextOf(const Outcome& outcome, bool color, bool scores) {
  const bool passed = outcome.failures.empty();
  std::string out = fmt::format(
      "{}  {}: {}\n", Paint(passed ? Style::kGood : Style::kBad, passed ? "ok  " : "FAIL", color),
      SafeForTerminal(passed ? outcome.scenario->path : outcome.at.ToString()),
      SafeForTerminal(outcome.name));
  for (const std::string& failure : outcome.failures) {
    out += "      " + SafeForTerminal(failure) + "\n";
  }
  return passed && !scores ? out : out + Scores(outcome, color);
}

std::string JunitOf(std::span<const Outcome> outcomes) {
  struct Suite {
    std::string cases;
    size_t tests = 0, failures = 0;
    double seconds = 0;
  };
  std::map<std::string, Suite> suites;
  size_t failed = 0;
  for (const Outcome& outcome : outcomes) {
    Suite& suite = suites[outcome.scenario->path];
    suite.cases += CaseXml(outcome);
    ++suite.tests;
    suite.failures += outcome.failures.empty() ? 0 : 1;
    suite.seconds += outcome.seconds;
    failed += outcome.failures.empty() ? 0 : 1;
  }
  std::string out = fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<testsuites name=\"inferencectl test\" tests=\"{}\" failures=\"{}\">\n",
      outcomes.size(), failed);
  for (const auto& [path, suite] : suites) {
    out += fmt::format(
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" time=\"{:.3f}\">\n{}  "
        "</testsuite>\n",
        Xml(path), suite.tests, suite.failures, suite.seconds, suite.cases);
  }
  return out + "</testsuites>\n";
}

Json JsonOf(std::span<const Outcome> outcomes) {
  Json out = Json::array();
  for (const Outcome& outcome : outcomes) {
    Json one{{"file", outcome.scenario->path},
             {"test", outcome.scenario->name},
             {"case", outcome.name},
             {"line", outcome.at.line},
             {"passed", outcome.failures.empty()}};
    one["failures"] = outcome.failures;
    one["picks"] = Json::object();
    for (const auto& [name, n] : outcome.picks) one["picks"][name] = n;
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace inference::ctl::routing
