#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "base/text.h"
#include "inferencectl/diagnostic_view.h"
#include "inferencectl/reports/reports.h"
#include "inferencectl/reports/xml.h"

// JUnit and the workflow commands of GitHub Actions.
namespace inference::ctl {
namespace {

constexpr size_t kGithubShows = 10;

std::string FailureXml(const api::Diagnostic& d) {
  std::string text = d.origin.ToString() + ": " + d.message;
  if (!d.note.empty()) text += "\n" + d.note;
  return fmt::format("      <failure type=\"{}\" message=\"{}\">{}</failure>\n", Xml(d.code),
                     Xml(d.message), Xml(text));
}

// Data of a workflow command; a property has two more characters with a meaning.
std::string Command(std::string_view text, bool property) {
  std::string out;
  for (const char c : text) {
    if (c == '%') {
      out += "%25";
    } else if (c == '\r') {
      out += "%0D";
    } else if (c == '\n') {
      out += "%0A";
    } else if (property && c == ':') {
      out += "%3A";
    } else if (property && c == ',') {
      out += "%2C";
    } else {
      out += c;
    }
  }
  return out;
}

std::string CommandOf(const Finding& finding) {
  const api::Diagnostic& d = finding.diagnostic;
  const char* verb = d.severity == api::Severity::kError     ? "error"
                     : d.severity == api::Severity::kWarning ? "warning"
                                                             : "notice";
  std::string out = fmt::format("::{} title={}", verb, Command(d.code, true));
  if (d.origin.file) out += ",file=" + Command(*d.origin.file, true);
  if (d.origin.line > 0) {
    out += fmt::format(",line={},col={}", d.origin.line, std::max(d.origin.column, 1));
    const int end = finding.place.end_column;
    if (end > d.origin.column) out += fmt::format(",endColumn={}", end);
  }
  return out + "::" + Command(d.note.empty() ? d.message : d.message + "; " + d.note, false) + "\n";
}

}  // namespace

std::string JunitReport(const Assessment& assessment) {
  const manifest::lint::Verdict& verdict = assessment.verdict;
  const auto& files = verdict.workspace.files();
  // What belongs to no object is a case of its own.
  std::map<std::pair<std::string, std::string>, std::string> failures;  // by file, case
  size_t failed = 0;
  for (const Finding& finding : assessment.findings) {
    const api::Diagnostic& d = finding.diagnostic;
    if (d.severity != api::Severity::kError || !assessment.Shows(finding)) continue;
    const manifest::lint::Object* object = finding.place.object;
    const std::string name = object != nullptr ? object->Title() : "(file)";
    failures[{d.origin.file ? *d.origin.file : "", name}] += FailureXml(d);
    ++failed;
  }
  std::string suites;
  size_t all = 0;
  for (const auto& file : files) {
    std::string cases;
    size_t tests = 0, bad = 0;
    const auto add = [&](const std::string& name) {
      const auto found = failures.find({file.path, name});
      ++tests;
      const std::string head =
          fmt::format("    <testcase name=\"{}\" classname=\"{}\"", Xml(name), Xml(file.path));
      if (found == failures.end()) {
        cases += head + "/>\n";
        return;
      }
      ++bad;
      cases += head + ">\n" + found->second + "    </testcase>\n";
      failures.erase(found);
    };
    for (const auto& object : verdict.workspace.objects()) {
      if (!object.embedded && files[object.file].path == file.path) add(object.Title());
    }
    if (failures.contains({file.path, "(file)"}) || tests == 0) add("(file)");
    all += tests;
    suites +=
        fmt::format("  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\">\n{}  </testsuite>\n",
                    Xml(file.path), tests, bad, cases);
  }
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"inferencectl validate\" "
      "tests=\"{}\" failures=\"{}\">\n{}</testsuites>\n",
      all, failed, suites);
}

std::string GithubReport(const Assessment& assessment) {
  std::string out;
  size_t hidden = 0;
  for (const auto level : {api::Severity::kError, api::Severity::kWarning, api::Severity::kInfo}) {
    size_t shown = 0;
    for (const Finding& finding : assessment.findings) {
      if (finding.diagnostic.severity != level || !assessment.Shows(finding)) continue;
      if (shown == kGithubShows) {
        ++hidden;
        continue;
      }
      ++shown;
      out += CommandOf(finding);
    }
  }
  if (hidden > 0) {
    out += fmt::format("{} more finding{}: GitHub shows ten of a level\n", hidden,
                       hidden == 1 ? "" : "s");
  }
  return out;
}

std::string GithubSummary(const Assessment& assessment) {
  std::string out =
      "### inferencectl validate\n\n| level | code | place | finding |\n|---|---|---|---|\n";
  for (const Finding& finding : assessment.findings) {
    if (!assessment.Shows(finding)) continue;
    const api::Diagnostic& d = finding.diagnostic;
    std::string text = d.note.empty() ? d.message : d.message + "; " + d.note;
    std::string cell;
    for (const char c : text) {
      if (c == '\n') {
        cell += ' ';
      } else {
        // What Markdown or HTML would take for its own.
        if (std::string_view("|<>`*_[]\\").find(c) != std::string_view::npos) cell += '\\';
        cell += c;
      }
    }
    out += fmt::format("| {} | {} | {} | {} |\n", LevelName(d.severity), d.code,
                       d.origin.known() ? d.origin.ToString() : "", cell);
  }
  return out + "\n";
}

}  // namespace inference::ctl
