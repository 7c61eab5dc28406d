#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "api/origin.h"
#include "api/severity.h"

namespace inference::api {

/// One finding about what somebody wrote.
struct Diagnostic {
  Severity severity = Severity::kError;
  std::string code;  // "INF0105"; never reused for another meaning
  Origin origin;
  std::string message;  // what is wrong here; lower case, no trailing period
  std::string note;     // what will happen, or what to do; may be empty

  /// "pool.yaml:16:5: error: message [INF0105]"; without the place when there is none.
  std::string ToString() const {
    const char* word = severity == Severity::kError     ? "error"
                       : severity == Severity::kWarning ? "warning"
                                                        : "info";
    std::string out = origin.known() ? origin.ToString() + ": " : "";
    out += std::string(word) + ": " + message;
    if (!note.empty()) out += " (" + note + ")";
    return code.empty() ? out : out + " [" + code + "]";
  }
};

using Diagnostics = std::vector<Diagnostic>;

inline bool HasErrors(const Diagnostics& diagnostics) {
  return std::any_of(diagnostics.begin(), diagnostics.end(),
                     [](const Diagnostic& d) { return d.severity == Severity::kError; });
}

}  // namespace inference::api
