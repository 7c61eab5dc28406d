#pragma once

#include <span>
#include <string>

#include "inferencectl/envelope.h"
#include "inferencectl/routing/judge.h"

// How tests of routing behaviour went.
namespace inference::ctl::routing {

/// A line per case; for those that failed also why, and the scores of the last request.
std::string TextOf(const Outcome& outcome, bool color, bool scores);
/// A suite per file.
std::string JunitOf(std::span<const Outcome> outcomes);
Json JsonOf(std::span<const Outcome> outcomes);

}  // namespace inference::ctl::routing
