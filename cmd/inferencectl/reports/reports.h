#pragma once

#include <string>

#include "inferencectl/envelope.h"
#include "manifest/lint/lint.h"

// A verdict in the formats that other programs take. Each is a whole document.
namespace inference::ctl {

/// kind ValidationReport, as of `-o json`.
Json ValidationJson(const manifest::lint::Verdict& verdict, base::WallTime now);
/// One finding a line.
std::string ValidationJsonLines(const manifest::lint::Verdict& verdict);
/// JUnit: a suite per file, a case per object, passing ones too.
std::string JunitReport(const manifest::lint::Verdict& verdict);
/// SARIF 2.1.0 (OASIS). Paths are relative to where the program runs, with forward slashes.
std::string SarifReport(const manifest::lint::Verdict& verdict);
/// Workflow commands of GitHub Actions: at most ten of a level, which is what GitHub shows of a
/// step, the errors first; the rest is counted in one line.
std::string GithubReport(const manifest::lint::Verdict& verdict);
/// All findings as a Markdown table, for GitHub's job summary.
std::string GithubSummary(const manifest::lint::Verdict& verdict);
/// GitLab Code Quality.
std::string GitlabReport(const manifest::lint::Verdict& verdict);

}  // namespace inference::ctl
