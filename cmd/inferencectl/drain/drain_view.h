#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "inferencectl/drain/fleet.h"
#include "inferencectl/envelope.h"
#include "inferencectl/exit_code.h"
#include "inferencectl/invocation.h"
#include "inferencectl/table.h"

namespace inference::ctl {

/// "in flight 3, server running 3 waiting 0"
std::string CountsText(const DrainView& view);
Json DrainJson(const DrainView& view);
Json LeaseJson(const admin::v1::Lease& lease);
Table DrainTable(const std::vector<DrainView>& views);

/// How the drain of one endpoint ended.
struct DrainOutcome {
  Target target;
  DrainView last;
  ExitCode exit = ExitCode::kOk;
  std::string what;     // "drained", "accepted", "timeout", "lost", "refused", ...
  std::string message;  // for people
  int64_t duration_ms = 0;
};
Json OutcomeJson(const DrainOutcome& outcome);

}  // namespace inference::ctl
