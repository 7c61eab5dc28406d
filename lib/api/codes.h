#pragma once

#include <span>
#include <string_view>

#include "api/code_names.h"
#include "api/severity.h"

// The diagnostic codes: codes.yaml beside this file is where they are written down. The constants
// (code_names.h) and the rows are made from it at build time.
namespace inference::api::codes {

struct CodeInfo {
  std::string_view code;  // "INF0104"
  std::string_view name;  // kebab-case, accepted wherever a code is
  Severity severity;
  std::string_view title;      // one line, lower case
  std::string_view why;        // what happens if nothing is done
  std::string_view bad, good;  // examples, parts of a manifest; may be empty
  std::string_view by;         // what reports it, if not `inferencectl validate`; else empty
  bool retired;                // no longer reported; never used for anything else
};

/// Every code, sorted. Constant data; thread-safe.
std::span<const CodeInfo> All();
/// By code or by name; null when there is none.
const CodeInfo* Find(std::string_view code_or_name);

}  // namespace inference::api::codes
