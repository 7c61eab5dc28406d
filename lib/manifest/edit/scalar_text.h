#pragma once

#include <string>
#include <string_view>

namespace inference::manifest::edit {

/// A string as a YAML scalar in the style of what stood there: quotes stay what they were; a plain
/// one gets double quotes when it would not read back as that string.
std::string InStyleOf(std::string_view written, std::string_view value);

/// A string in double quotes (JSON's escapes, which YAML has too).
std::string Quoted(std::string_view value);

/// Does the text read back as that string without quotes, in every YAML, also inside [] and {}?
bool IsPlainString(std::string_view text);

}  // namespace inference::manifest::edit
