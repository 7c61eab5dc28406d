#pragma once

#include <string>
#include <string_view>

#include "api/diagnostic.h"
#include "manifest/reader.h"

namespace inference::manifest::edit {

struct Formatted {
  std::string text;
  api::Diagnostics findings;  // why it can't be formatted: not YAML
};

/// The text in one layout, with the same values and all comments:
///
/// - lines end with a line feed and without blanks, the last one too; no byte order mark;
/// - two spaces per level, one behind a dash; lists stand under their key as most lists of the file
///   do, not indented when it's a draw;
/// - no empty documents.
///
/// Order, quotes, blank lines, flow style and what stands inside of strings stay as they are. Each
/// step is read again and left out where it would change a value. Formatting twice changes nothing
/// more. Pure; thread-safe.
Formatted Format(const std::string& path, std::string_view text, const Limits& limits = {});

}  // namespace inference::manifest::edit
