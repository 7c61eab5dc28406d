#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "inference/result.h"
#include "inferencectl/envelope.h"
#include "inferencectl/reports/assessment.h"

// Earlier states that findings are compared with.
namespace inference::ctl {

/// What a baseline file remembers (kind ValidationBaseline, as WriteBaseline makes it).
Result<std::vector<EarlierFinding>> ReadBaseline(const std::string& path);

/// The findings as a baseline: JSON, one finding a line, sorted, so that it makes small diffs.
std::string BaselineText(const Assessment& assessment);

/// What was found in the files of an earlier state, judged as those of now.
std::vector<EarlierFinding> EarlierFindings(const manifest::lint::Verdict& verdict);

/// The manifests of an earlier state. `against`: "git:REF", the files in `paths` as of a commit; or
/// a file or folder, whose files take the names of those in `paths` when that is one file or folder
/// too.
Result<std::vector<manifest::lint::SourceText>> EarlierSources(
    std::string_view against, const std::vector<std::string>& paths);

}  // namespace inference::ctl
