#pragma once

#include <string>
#include <string_view>

#include "api/diagnostic.h"
#include "inferencectl/envelope.h"

namespace inference::ctl {

/// A line of a text, from 1, without its end; empty when there is none.
std::string_view SourceLine(std::string_view text, int number);
/// "error", "warning" or "info".
std::string_view LevelName(api::Severity severity);
/// The message, where it is, and the line with a caret under the column. `text`: of the file that
/// it points into; empty when that isn't at hand. `fix`: a command that mends it, or empty.
std::string DiagnosticText(const api::Diagnostic& diagnostic, std::string_view text, bool color,
                           std::string_view fix = {});
Json DiagnosticJson(const api::Diagnostic& diagnostic);

}  // namespace inference::ctl
