#pragma once

#include "datastore/snapshot.h"
#include "scheduling/decision.h"
#include "scheduling/scheduler.h"

namespace inference::scheduling {

/// Fills scratch.all with the pool's endpoints that the subset allows and that answer, and
/// scratch.held_back with those that the subset allows but that are unreachable or asleep. Reads
/// each number once.
void BuildCandidates(const datastore::Pool& pool, const Subset& subset, const ReadOptions& options,
                     base::Time now, Scratch& scratch, Explanation* explanation);

}  // namespace inference::scheduling
