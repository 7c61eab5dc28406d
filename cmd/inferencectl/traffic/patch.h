#pragma once

#include <string>

#include "inferencectl/envelope.h"
#include "inferencectl/traffic/weight_plan.h"

namespace inference::ctl::traffic {

/// The plan as a JSON patch (RFC 6902) of the object: `test` operations for what it replaces and
/// removes, and for the names beside that; then the changes. Empty when nothing changes.
Json PatchOf(const Source& source, const WeightPlan& plan);

}  // namespace inference::ctl::traffic
