#pragma once

#include "inferenced/options.h"

namespace inferenced {

/// Runs the daemon, or checks or prints its configuration. Returns the process's exit code.
int Run(const Options& options);

}  // namespace inferenced
