#pragma once

#include <string>
#include <vector>

#include "inferencectl/invocation.h"
#include "inferencectl/option_table.h"

namespace inference::ctl {

/// Names of a daemon's pools, endpoints, models, rules or targets of rules, for completion: what it
/// answers within 150 ms, else what it answered during the last minute, else nothing. Answers are
/// kept in $XDG_CACHE_HOME/inferencectl, a file per server. `server`: as typed; empty: what the
/// environment, the configuration files or the usual place say. Never prints.
std::vector<std::string> DaemonNames(Words words, const std::string& server, const World& world);

/// Keeps them for the next minute; without a place for it, doesn't.
void KeepNames(Words words, const std::string& server, const std::vector<std::string>& names,
               const World& world);

}  // namespace inference::ctl
