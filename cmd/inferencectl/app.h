#pragma once

#include "inferencectl/invocation.h"

namespace inference::ctl {

/// The whole program: reads the words, runs the verb, tells failures. Returns the exit code.
int RunApp(int argc, const char* const* argv, World& world);

}  // namespace inference::ctl
