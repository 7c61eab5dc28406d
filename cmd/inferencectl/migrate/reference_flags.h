#pragma once

#include <string>
#include <vector>

#include "inference/result.h"

namespace inference::ctl {

/// A reference picker's command line (llm-d-router, as of its options in 2026) as a DaemonConfig.
struct Migration {
  struct Remark {
    std::string flag;   // with its dashes
    std::string text;   // what becomes of it, or what to do
    bool lost = false;  // it did something that nothing does here
  };
  std::string yaml;
  std::string picker_config;  // the file that it names; empty: none
  std::vector<Remark> remarks;
};

/// `words`: the arguments, without the program's name. INVALID_ARGUMENT names the word that is
/// wrong.
Result<Migration> MigrateFlags(const std::vector<std::string>& words);

}  // namespace inference::ctl
