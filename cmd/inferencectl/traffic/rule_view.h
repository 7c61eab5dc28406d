#pragma once

#include <string>

#include "admin/client.h"
#include "inferencectl/invocation.h"

namespace inference::ctl::traffic {

/// All that is known of an object whose rules choose models or pools: where it is written, what its
/// rules match, where requests go, and where they went. `word`: rewrite, model or route.
Answer DescribeRules(const Invocation& run, admin::AdminClient& client, const std::string& word,
                     const std::string& name);

}  // namespace inference::ctl::traffic
