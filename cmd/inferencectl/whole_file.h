#pragma once

#include <string>
#include <string_view>

#include "inference/status.h"

// Files written whole or not at all: a file beside it, fsync, rename. Errors name the file and the
// cause; nothing is left behind.
namespace inference::ctl {

/// `mode`: permission bits of a file that is not there yet. What is there is rewritten; what is no
/// regular file (a pipe) is written to.
Status WriteWhole(const std::string& path, std::string_view text, unsigned mode = 0644);

/// Gives an existing file another text. It keeps mode and owner; a link stays a link to what it
/// points to. Refused for a file that nobody may write.
Status RewriteFile(const std::string& path, std::string_view text);

}  // namespace inference::ctl
