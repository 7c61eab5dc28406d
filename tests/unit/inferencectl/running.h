#pragma once

#include <string>
#include <vector>

#include "folder.h"
#include "run_app.h"

namespace inference::ctl {

/// One run of the program in this process.
inline Outcome Run(const std::vector<std::string>& words, const std::string& input = "") {
  return RunWith(words, {}, input);
}

}  // namespace inference::ctl
