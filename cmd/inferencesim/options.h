#pragma once

#include <optional>
#include <string>

#include "inferencesim/endpoints.h"
#include "inferencesim/fleet.h"

namespace inference::sim {

struct ProgramOptions {
  FleetOptions fleet;
  EndpointFormat print_endpoints = EndpointFormat::kText;
  std::string endpoints_file;  // empty: none
  ManifestNames manifest;
};

/// Reads the command line. An exit code when there is nothing to run: 0 after --help and --version,
/// 2 after a fault, which has been said on stderr.
std::optional<int> ParseOptions(int argc, const char* const* argv, ProgramOptions* options);

}  // namespace inference::sim
