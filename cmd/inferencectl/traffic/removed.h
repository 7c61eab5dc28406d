#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "inference/result.h"
#include "manifest/document.h"

// Targets that weight 0 took out of a rule, and that come back when they get a weight again.
namespace inference::ctl::traffic {

/// The object's annotation that remembers them: {"0":["v2"]}, names by the rule's index.
inline constexpr std::string_view kRemovedTargets = "inferenced.dev/removed-targets";

using RemovedTargets = std::map<size_t, std::vector<std::string>>;

/// What the annotation says; nothing without one. INVALID_ARGUMENT, as a sentence, when it isn't
/// what this program writes: people can write it, too.
Result<RemovedTargets> ReadRemoved(const manifest::Node& document);

/// Of one rule, but for those that are targets (`present`) all the same.
std::vector<std::string> RemovedFrom(const RemovedTargets& removed, size_t rule,
                                     const std::vector<std::string>& present);

/// The annotation's value: ASCII on one line; empty when nothing is to be remembered.
/// INVALID_ARGUMENT when it would be longer than ReadRemoved takes.
Result<std::string> WriteRemoved(const RemovedTargets& removed);

}  // namespace inference::ctl::traffic
