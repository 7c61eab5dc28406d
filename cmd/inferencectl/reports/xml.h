#pragma once

#include <string>
#include <string_view>

namespace inference::ctl {

/// Text as XML 1.0 has it, in content and in attributes; characters that it can't hold become '?'.
std::string Xml(std::string_view text);

}  // namespace inference::ctl
