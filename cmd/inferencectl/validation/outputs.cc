#include "inferencectl/validation/outputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>

#include "api/codes.h"
#include "base/text.h"
#include "inferencectl/diagnostic_view.h"
#include "inferencectl/format.h"
#include "inferencectl/reports/reports.h"
#include "inferencectl/validation/inputs.h"

namespace inference::ctl {
namespace {

using Texts = std::map<std::string_view, std::string_view>;  // by path

// As a shell takes it.
std::string ShellWord(const std::string& text) {
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("/._-+:@%,=").find(c) != std::string_view::npos;
  });
  if (plain && text[0] != '-') return text;
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// A command that mends it, or empty.
std::string CommandFor(const Finding& finding) {
  const api::Diagnostic& d = finding.diagnostic;
  if (!d.origin.file || *d.origin.file == kStdin) return "";
  if (finding.fix.safe()) {
    return fmt::format("inferencectl validate -f {} --fix", ShellWord(*d.origin.file));
  }
  if (d.code == api::codes::kLegacyKind) {
    return fmt::format("inferencectl convert -f {} --in-place", ShellWord(*d.origin.file));
  }
  return "";
}

std::string TextOf(const Finding& finding, const Texts& texts, bool color) {
  const api::Diagnostic& d = finding.diagnostic;
  const auto text = d.origin.file ? texts.find(*d.origin.file) : texts.end();
  return DiagnosticText(d, text == texts.end() ? std::string_view() : text->second, color,
                        CommandFor(finding));
}

std::string ReasonOf(const Finding& finding) {
  return fmt::format("ignored, {}: {}\n", SafeForTerminal(finding.reason),
                     SafeForTerminal(finding.diagnostic.ToString()));
}

std::string GoneOf(const EarlierFinding& gone) {
  return fmt::format("fixed: {}: {} [{}]\n", SafeForTerminal(gone.file),
                     SafeForTerminal(gone.message), SafeForTerminal(gone.code));
}

std::string LongText(const Assessment& assessment, bool color) {
  Texts texts;
  for (const auto& file : assessment.verdict.workspace.files()) texts.emplace(file.path, file.text);
  std::string out;
  for (const Finding& finding : assessment.findings) {
    if (assessment.Shows(finding)) out += TextOf(finding, texts, color);
  }
  return out;
}

std::string ShortText(const Assessment& assessment) {
  std::string out;
  for (const Finding& finding : assessment.findings) {
    if (assessment.Shows(finding)) out += SafeForTerminal(finding.diagnostic.ToString()) + "\n";
  }
  return out;
}

std::string ForPeople(std::string_view format, const Assessment& assessment, bool color) {
  std::string out = format == "short" ? ShortText(assessment) : LongText(assessment, color);
  for (const Finding& finding : assessment.suppressed) {
    if (assessment.show_suppressed) out += ReasonOf(finding);
  }
  for (const EarlierFinding& gone : assessment.fixed) out += GoneOf(gone);
  return out;
}

}  // namespace

std::string CountText(size_t n, std::string_view what) {
  return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

std::string SummaryOf(const Assessment& assessment) {
  std::string more;
  const auto add = [&](size_t n, std::string_view what) {
    if (n > 0) more += fmt::format(", {} {}", n, what);
  };
  add(assessment.suppressed.size(), "ignored");
  add(assessment.elsewhere, "in other files");
  std::string compared;
  if (assessment.compared) {
    compared = fmt::format("; {} new, {} unchanged, {} fixed", assessment.CountOf(Since::kNew),
                           assessment.CountOf(Since::kUnchanged), assessment.fixed.size());
  }
  return fmt::format("{}, {} in {} ({}{}){}",
                     CountText(assessment.CountOf(api::Severity::kError), "error"),
                     CountText(assessment.CountOf(api::Severity::kWarning), "warning"),
                     CountText(assessment.verdict.workspace.files().size(), "file"),
                     CountText(assessment.verdict.documents, "object"), more, compared);
}

std::string ReportIn(std::string_view format, const Assessment& assessment, bool color,
                     base::WallTime now) {
  if (format == "json") return ToText(ValidationJson(assessment, now));
  if (format == "yaml") return ToYaml(ValidationJson(assessment, now));
  if (format == "jsonl") return ValidationJsonLines(assessment);
  if (format == "junit") return JunitReport(assessment);
  if (format == "sarif") return SarifReport(assessment);
  if (format == "github") return GithubReport(assessment);
  if (format == "gitlab") return GitlabReport(assessment);
  return ForPeople(format, assessment, color);
}

void AddJobSummary(const Invocation& run, const std::vector<Output>& outputs,
                   const Assessment& assessment) {
  const bool github = std::any_of(outputs.begin(), outputs.end(),
                                  [](const Output& output) { return output.format == "github"; });
  const char* path = run.world.environment("GITHUB_STEP_SUMMARY");
  if (!github || path == nullptr || *path == 0 || assessment.findings.empty()) return;
  std::ofstream summary(path, std::ios::app);  // other steps write there too
  summary << GithubSummary(assessment);
  summary.close();
  if (summary.fail()) run.Remark("cannot write to GITHUB_STEP_SUMMARY, " + base::Printable(path));
}

Result<std::vector<Output>> OutputsOf(const Invocation& run, bool taken) {
  std::vector<Output> outputs;
  size_t on_stdout = taken ? 1 : 0;
  for (const std::string& each : run.args.List("output")) {
    const size_t equals = each.find('=');
    outputs.push_back(
        {each.substr(0, equals), equals == std::string::npos ? "" : each.substr(equals + 1)});
    on_stdout += equals == std::string::npos ? 1 : 0;
  }
  if (on_stdout > 1) {
    return Status(Code::kInvalidArgument,
                  taken
                      ? "standard output holds the diff of --fix=dry; write the report to a file: "
                        "-o json=FILE"
                      : "only one format can be on standard output; write the others to files: "
                        "-o sarif=FILE");
  }
  if (!outputs.empty() || taken) return outputs;
  outputs.push_back({"text", ""});
  const char* actions = run.world.environment("GITHUB_ACTIONS");
  if (actions != nullptr && std::string_view(actions) == "true") outputs.push_back({"github", ""});
  return outputs;
}

}  // namespace inference::ctl
