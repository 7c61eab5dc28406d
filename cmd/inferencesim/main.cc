#include <sys/resource.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "base/standard_streams.h"
#include "inferencesim/options.h"

namespace {

using namespace inference;  // NOLINT: a program's main

/// Every stream needs a descriptor.
void RaiseFileLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

/// A reader never sees half a file.
bool WriteWhole(const std::string& path, const std::string& text) {
  const std::string temporary = path + ".tmp";
  std::ofstream file(temporary, std::ios::trunc);
  file << text;
  file.close();
  std::error_code error;
  if (file) std::filesystem::rename(temporary, path, error);
  return file && !error;
}

}  // namespace

int main(int argc, char** argv) {
  base::KeepStandardStreams();
  sim::ProgramOptions options;
  if (const auto code = sim::ParseOptions(argc, argv, &options)) return *code;
  RaiseFileLimit();
  auto fleet = sim::Fleet::Make(options.fleet, base::Clock::Real());
  if (!fleet) {
    std::fprintf(stderr, "inferencesim: %s\n", fleet.status().message().c_str());
    // The options contradict each other, or a port can't be had.
    return fleet.status().code() == Code::kInvalidArgument ? 2 : 1;
  }
  const std::string endpoints =
      sim::DescribeEndpoints(**fleet, options.print_endpoints, options.manifest);
  if (!options.endpoints_file.empty() && !WriteWhole(options.endpoints_file, endpoints)) {
    std::fprintf(stderr, "inferencesim: cannot write %s\n", options.endpoints_file.c_str());
    return 1;
  }
  std::fputs(endpoints.c_str(), stdout);
  std::fflush(stdout);
  (*fleet)->Run(/*handle_signals=*/true);
  return 0;
}
