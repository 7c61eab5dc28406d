#pragma once

#include <string>

#include "inference/status.h"

namespace inference::telemetry {

/// Sets up the process's logger (spdlog's default one) on standard error.
/// Levels: error = somebody must act; warn = degraded, we go on; info = a change of state (start,
/// stop, reload, endpoint lost or back); debug = one line per decision; trace = protocol detail. No
/// level prints a prompt. `level`: trace|debug|info|warn|error. `format`: text, json, or auto (json
/// unless standard error is a terminal; priority prefixes when the journal reads it).
Status SetUpLog(const std::string& level, const std::string& format);

}  // namespace inference::telemetry
