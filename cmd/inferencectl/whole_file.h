#pragma once

#include <string>
#include <string_view>

#include "inference/status.h"

namespace inference::ctl {

/// Writes a file whole or not at all: beside it first, then in its place. `mode`: permission bits.
/// The error names the file and the cause; nothing is left behind.
Status WriteWhole(const std::string& path, std::string_view text, unsigned mode = 0644);

}  // namespace inference::ctl
