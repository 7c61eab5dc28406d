#pragma once

#include "datastore/snapshot.h"
#include "scheduling/decision.h"
#include "scheduling/scheduler.h"

namespace inference::scheduling {

/// Fills scratch.all with the pool's endpoints that the subset allows, that are not drained and
/// that answer; scratch.resting with those of them that their weight left out of this draw; and
/// scratch.held_back with those that are unreachable or asleep. The others are in scratch.dropped.
/// Reads each number once.
///
/// An endpoint of weight w takes part in a request with the chance w: it gets the w-th part of what
/// it would get otherwise, whatever the picker.
void BuildCandidates(const datastore::Pool& pool, const Subset& subset, const ReadOptions& options,
                     base::Time now, Scratch& scratch, Explanation* explanation);

/// Takes endpoints in a soft drain out of scratch.all unless they hold at least half of the blocks
/// of the request's prompt. REQUIRES: the producers ran.
void DropUnpinned(Scratch& scratch, Explanation* explanation);

}  // namespace inference::scheduling
