#include <sys/resource.h>

#include <iostream>

#include "base/standard_streams.h"
#include "inferenced/application.h"
#include "inferenced/options.h"

namespace {

// Every connection and every model server takes a descriptor; the usual soft limit is 1024.
void RaiseOpenFiles() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
  constexpr int kCannotWrite = 3;
  inference::base::KeepStandardStreams();
  RaiseOpenFiles();
  int exit_code = 0;
  const auto options = inferenced::ParseOptions(argc, argv, exit_code);
  if (options) exit_code = inferenced::Run(*options);
  if (!std::cout.flush() && exit_code == 0) {
    std::cerr << "inferenced: cannot write the output\n";
    return kCannotWrite;
  }
  return exit_code;
}
