#pragma once

#include <span>
#include <string>
#include <string_view>

#include "scheduling/decision.h"
#include "scheduling/scheduler.h"

// The parts of an Explanation, filled where the decision is made. Allocates; never called unless
// somebody asked.
namespace inference::scheduling {

void ExplainDrop(std::string_view filter, const datastore::Endpoint& endpoint, std::string reason,
                 Explanation& explanation);
/// Endpoints that their weight left out of this draw.
void ExplainResting(std::span<const Candidate> resting, Explanation& explanation);
/// Endpoints left out because they are unreachable or asleep.
void ExplainHeldBack(std::span<const Candidate> held_back, Explanation& explanation);
/// Columns, rows and notes of a profile that has scored and ranked scratch.candidates.
void ExplainScores(const Profile& profile, const Scratch& scratch, Explanation& explanation);

/// Age of the endpoint's last metrics page in milliseconds; -1: it has none.
int64_t MetricsAgeMs(const datastore::Endpoint& endpoint, base::Time now);

}  // namespace inference::scheduling
