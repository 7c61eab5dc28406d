#pragma once

#include <string>
#include <vector>

#include "api/diagnostic.h"
#include "manifest/lint/workspace.h"

// Comments that say which findings are meant:
//
//   # inferencectl:ignore INF0304 - gateway patched, OPS-112
//
// behind a line, on the line above it, or in front of everything in the file: then for all of it.
// Several codes are separated by commas; names stand for codes. The reason is a must.
namespace inference::manifest::lint {

/// A finding that a comment takes back, and why.
struct Suppressed {
  api::Diagnostic finding;
  std::string reason;
};

/// Moves what the files' comments ignore from `findings` to the result. Adds a finding for each
/// comment without a reason or a code that exists (it ignores nothing then), and for each that
/// ignored nothing.
std::vector<Suppressed> TakeIgnored(const std::vector<SourceFile>& files,
                                    api::Diagnostics& findings);

}  // namespace inference::manifest::lint
