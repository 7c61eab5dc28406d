#pragma once

#include <string>

#include "inferencectl/envelope.h"
#include "inferencectl/reports/assessment.h"

// An assessment in the formats that other programs take. Each is a whole document.
namespace inference::ctl {

/// kind ValidationReport, as of `-o json`.
Json ValidationJson(const Assessment& assessment, base::WallTime now);
/// One finding a line.
std::string ValidationJsonLines(const Assessment& assessment);
/// JUnit: a suite per file, a case per object, passing ones too.
std::string JunitReport(const Assessment& assessment);
/// SARIF 2.1.0 (OASIS). Paths are relative to where the program runs, with forward slashes.
std::string SarifReport(const Assessment& assessment);
/// Workflow commands of GitHub Actions: at most ten of a level, which is what GitHub shows of a
/// step, the errors first; the rest is counted in one line.
std::string GithubReport(const Assessment& assessment);
/// All findings as a Markdown table, for GitHub's job summary.
std::string GithubSummary(const Assessment& assessment);
/// GitLab Code Quality.
std::string GitlabReport(const Assessment& assessment);

}  // namespace inference::ctl
