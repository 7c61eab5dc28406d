#pragma once

#include <optional>
#include <string>

namespace inferenced {

enum class Mode { kServe, kCheckConfig, kDumpConfig };

struct Options {
  Mode mode = Mode::kServe;
  std::string config;
  std::string log_level;   // empty: as configured
  bool take_over = false;  // listen in the place of a running daemon
};

/// Parses the command line. Prints help, the version or what is wrong itself; empty then, with the
/// exit code in `exit_code`.
std::optional<Options> ParseOptions(int argc, char** argv, int& exit_code);

}  // namespace inferenced
