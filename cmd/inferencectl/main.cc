#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "inferencectl/app.h"

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_DFL);  // `inferencectl get endpoints -w | head` ends without a word
  std::ios::sync_with_stdio(false);
  inference::ctl::World world{std::cout,
                              std::cerr,
                              std::cin,
                              [](const char* name) { return std::getenv(name); },
                              inference::base::Clock::Real(),
                              isatty(STDOUT_FILENO) == 1};
  return inference::ctl::RunApp(argc, argv, world);
}
