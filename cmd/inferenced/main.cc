#include "application.h"
#include "options.h"

int main(int argc, char** argv) {
  int exit_code = 0;
  const auto options = inferenced::ParseOptions(argc, argv, exit_code);
  return options ? inferenced::Run(*options) : exit_code;
}
