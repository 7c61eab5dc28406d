#pragma once

#include <string_view>

namespace inference::ctl {

/// The text of completions/inferencectl.SHELL, put in at build time. Empty for another shell.
std::string_view CompletionScript(std::string_view shell);

}  // namespace inference::ctl
