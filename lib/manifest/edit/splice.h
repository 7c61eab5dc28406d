#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "inference/result.h"

namespace inference::manifest::edit {

/// Bytes `begin` up to `end` of a text become `replacement`; everything else stays byte for byte.
struct Edit {
  size_t begin = 0, end = 0;
  std::string replacement;
};

/// The text with all edits made, in any order. Insertions at one place stay in the order given.
/// kInvalidArgument when two overlap or one reaches out of the text.
Result<std::string> Splice(std::string_view text, std::vector<Edit> edits);

/// What changed, as `diff -u` prints it, with "a/path" and "b/path"; `patch` and `git apply` take
/// it. Empty when nothing did.
std::string UnifiedDiff(std::string_view path, std::string_view before, std::string_view after);

}  // namespace inference::manifest::edit
