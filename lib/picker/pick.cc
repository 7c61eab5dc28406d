#include "picker/pick.h"

namespace inference::picker {
namespace {

struct Resolved {
  const PoolRuntime* pool = nullptr;
  Refusal refusal = Refusal::kNone;
};

// The pool that the gateway names, else the route's, else the only one.
Resolved ResolvePool(const Runtime& runtime, const PickRequest& request) {
  if (!request.pool.empty()) {
    const PoolRuntime* pool = runtime.Find(request.pool);
    return {pool, pool ? Refusal::kNone : Refusal::kUnknownPool};
  }
  if (!request.route.empty()) {
    if (const PoolRuntime* pool = runtime.FindByRoute(request.route)) return {pool, Refusal::kNone};
  }
  if (runtime.pools().empty()) return {nullptr, Refusal::kNoPools};
  if (runtime.pools().size() > 1) return {nullptr, Refusal::kAmbiguousPool};
  return {&runtime.pools().front(), Refusal::kNone};
}

Refusal FromScheduling(scheduling::ScheduleError error) {
  switch (error) {
    case scheduling::ScheduleError::kNone:
      return Refusal::kNone;
    case scheduling::ScheduleError::kNoEndpoints:
      return Refusal::kNoEndpoints;
    case scheduling::ScheduleError::kFilteredOut:
      return Refusal::kFilteredOut;
  }
  return Refusal::kNoEndpoints;
}

/// Picks again when the drain of the endpoint began between the look at it and the count. Each turn
/// needs another drain to begin, so there are few.
constexpr int kMaxTurns = 16;

// Counts the request where it goes and where the gateway may send it instead. Counts nothing when
// the first endpoint is drained by now; a fallback that is leaves the list.
void Reserve(scheduling::Decision& decision, datastore::Reservation& reservation) {
  reservation = datastore::Reservation::Try(*decision.ranked[0]);
  if (!reservation.active()) return;
  size_t kept = 1;
  for (size_t i = 1; i < decision.n_ranked; ++i) {
    if (reservation.TryFallback(*decision.ranked[i])) decision.ranked[kept++] = decision.ranked[i];
  }
  decision.n_ranked = kept;
}

}  // namespace

int HttpStatus(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNone:
      return 200;
    case Refusal::kUnknownPool:
      return 404;
    case Refusal::kNoPools:
      return 503;
    case Refusal::kAmbiguousPool:
      return 404;
    case Refusal::kNoEndpoints:
      return 503;
    case Refusal::kFilteredOut:
      return 429;
  }
  return 500;
}

std::string_view DroppedReason(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNoPools:
    case Refusal::kNoEndpoints:
      return "rejected-no-endpoints";
    case Refusal::kFilteredOut:
      return "rejected-saturated";
    default:
      return {};
  }
}

std::string_view Message(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNone:
      return {};
    case Refusal::kUnknownPool:
      return "There is no inference pool of the name given.";
    case Refusal::kNoPools:
      return "No inference pool is configured yet.";
    case Refusal::kAmbiguousPool:
      return "There are several inference pools and nothing in the request says which one.";
    case Refusal::kNoEndpoints:
      return "No model server is available for this request.";
    case Refusal::kFilteredOut:
      return "No model server may take this request now; try again later.";
  }
  return {};
}

PickResult Pick(const Runtime& runtime, const PickRequest& request, base::Time now, base::Rng& rng,
                PickScratch& scratch, scheduling::Explanation* explanation, bool dry_run) {
  PickResult result;
  scratch.decision.n_ranked = scratch.decision.n_top = 0;
  scratch.decision.considered = scratch.decision.scored = 0;
  const Resolved resolved = ResolvePool(runtime, request);
  result.pool = resolved.pool;
  result.refusal = resolved.refusal;
  if (!resolved.pool) return result;

  const PoolRuntime& pool = *resolved.pool;
  for (int turn = 0; turn < kMaxTurns && !result.reservation.active(); ++turn) {
    if (explanation) explanation->dropped.clear();
    result.refusal = FromScheduling(scheduling::Schedule(
        *pool.scheduler, *pool.pool, *request.request, request.subset, pool.read,
        pool.destination_list, now, rng, scratch.scheduling, scratch.decision, explanation));
    scratch.decision.profile_columns = pool.columns_id;
    if (!result.picked() || dry_run) return result;
    Reserve(scratch.decision, result.reservation);
  }
  if (!result.reservation.active()) {
    result.refusal = Refusal::kNoEndpoints;
    return result;
  }
  scheduling::Commit(*pool.scheduler, scratch.scheduling, **scratch.decision.ranked[0]);
  return result;
}

}  // namespace inference::picker
