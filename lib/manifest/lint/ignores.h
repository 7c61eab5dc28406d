#pragma once

#include <string>
#include <vector>

#include "api/diagnostic.h"
#include "manifest/lint/workspace.h"

// What says that findings are meant. A comment:
//
//   # inferencectl:ignore INF0304 - gateway patched, OPS-112
//
// behind a line, on the line above it, or in front of everything in the file: then for all of it.
// Several codes are separated by commas. Or an annotation, for everything in its object:
//
//   inferencectl.dev/ignore: "INF0304=gateway patched; INF0401=no vLLM"
//
// Names stand for codes. The reason is a must.
namespace inference::manifest::lint {

/// A finding that is taken back, and why.
struct Suppressed {
  api::Diagnostic finding;
  std::string reason;
};

/// Moves what the files' comments and annotations ignore from `findings` to the result. Adds a
/// finding for each without a reason or a code that exists (it ignores nothing then), and for each
/// that ignored nothing. `compared`: what takes two states to judge was judged.
std::vector<Suppressed> TakeIgnored(const Workspace& workspace, api::Diagnostics& findings,
                                    bool compared);

}  // namespace inference::manifest::lint
