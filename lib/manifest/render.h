#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "api/diagnostic.h"

// Diagnostics as text for people.
namespace inference::manifest {

/// The text of a file that a diagnostic names, or empty when it is not at hand.
using SourceLookup = std::function<std::optional<std::string>(const std::string& path)>;

/// Each finding with its line and a caret under the place:
///
///   error[INF0107]: spec.targetPorts[0].number must be 1 to 65535, not 70000
///     --> pool.yaml:8:15
///      |
///    8 |   - {number: 70000}
///      |              ^^^^^
///      = note: ...
///
/// Control characters of the source are shown as '?'. `color`: ANSI escapes.
std::string RenderText(const api::Diagnostics& diagnostics, const SourceLookup& source, bool color);

/// How many columns the word or quoted value takes that begins at `column` (from 1, in code points)
/// of a line; at least 1.
size_t CaretWidth(std::string_view line, int column);

/// One line each, as compilers print them: "pool.yaml:8:15: error: ... [INF0107]".
std::string RenderShort(const api::Diagnostics& diagnostics);

}  // namespace inference::manifest
