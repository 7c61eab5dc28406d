#pragma once

#include <istream>
#include <string>
#include <string_view>
#include <vector>

#include "inference/result.h"
#include "inferencectl/arguments.h"
#include "manifest/lint/workspace.h"

// The files that verbs for manifests are given.
namespace inference::ctl {

inline constexpr std::string_view kStdin = "<stdin>";

/// -f and the operands.
std::vector<std::string> PathsOf(const Arguments& args);

/// The files behind `paths`, each once: as manifest::ExpandPaths, folders with all in them, and "-"
/// for `in`, shown as <stdin>. The text of a file is kept as it is. What can't be read has a status
/// that says why.
std::vector<manifest::lint::SourceText> ReadInputs(const std::vector<std::string>& paths,
                                                   std::istream& in);

/// OK, or why the first one that can't be read can't.
Status AllReadable(const std::vector<manifest::lint::SourceText>& sources);

/// The same files as of a commit ("origin/main"), under the names that they have now. Globs match
/// the names of that commit; "-" is left out.
Result<std::vector<manifest::lint::SourceText>> ReadInputsAt(const std::vector<std::string>& paths,
                                                             const std::string& ref);

/// Which of `files` differ from the merge base with `ref`, or are not known to git.
Result<std::vector<std::string>> ChangedSince(const std::vector<manifest::lint::SourceText>& files,
                                              const std::string& ref);

}  // namespace inference::ctl
