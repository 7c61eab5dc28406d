#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <string_view>

#include "base/standard_streams.h"
#include "inferencectl/app.h"
#include "inferencectl/completion.h"

namespace {

std::string UserConfig() {
  const char* config = std::getenv("XDG_CONFIG_HOME");
  const char* home = std::getenv("HOME");
  if (config != nullptr && *config == '/') return std::string(config) + "/inferencectl/config.yaml";
  if (home == nullptr || *home != '/') return "";
  return std::string(home) + "/.config/inferencectl/config.yaml";
}

}  // namespace

int main(int argc, char** argv) {
  inference::base::KeepStandardStreams();
  signal(SIGPIPE, SIG_DFL);  // `inferencectl get endpoints -w | head` ends without a word
  std::ios::sync_with_stdio(false);
  inference::ctl::World world{std::cout,
                              std::cerr,
                              std::cin,
                              [](const char* name) { return std::getenv(name); },
                              inference::base::Clock::Real(),
                              isatty(STDOUT_FILENO) == 1};
  world.places.user = UserConfig();
  const std::string_view called = argc > 0 ? argv[0] : "";
  if (called.substr(called.rfind('/') + 1) == "kubectl-inference") {
    world.program = "kubectl inference";
  }
  const int code = inference::ctl::RunApp(argc, argv, world);
  // A question to a daemon that didn't answer in time may still be open.
  if (argc > 1 && inference::ctl::kCompleteVerb == argv[1]) _exit(code);
  return code;
}
