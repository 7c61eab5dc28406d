#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "inference/result.h"
#include "inferencectl/invocation.h"
#include "inferencectl/reports/assessment.h"

// What validate prints, and where.
namespace inference::ctl {

struct Output {
  std::string format;
  std::string path;  // empty: standard output
};

/// The formats that were asked for, a file's name behind '='; text without any. One at most for
/// standard output, none when `taken` (it holds something else). An error is for exit code 2.
Result<std::vector<Output>> OutputsOf(const Invocation& run, bool taken);

std::string ReportIn(std::string_view format, const Assessment& assessment, bool color,
                     base::WallTime now);

/// GitHub shows ten annotations of a level: with the format github all findings are added to the
/// job's summary, the file that GITHUB_STEP_SUMMARY names.
void AddJobSummary(const Invocation& run, const std::vector<Output>& outputs,
                   const Assessment& assessment);

/// "2 errors, 1 warning in 3 files (9 objects, 1 ignored)"
std::string SummaryOf(const Assessment& assessment);

/// "3 files"
std::string CountText(size_t n, std::string_view what);

}  // namespace inference::ctl
