#include "picker/pick.h"

#include <algorithm>
#include <cmath>

#include "flowcontrol/saturation.h"
#include "scheduling/candidates.h"

namespace inference::picker {
namespace {

// There is nothing to choose; a route's rule that leads to the pool counts the request all the
// same.
void CountOnlyPool(const Runtime& runtime, std::string_view name, bool dry_run,
                   PickResult& result) {
  if (runtime.route_rules().empty()) return;
  const RouteRule* rule = runtime.FindRoute(name).rule;
  if (rule == nullptr) return;
  for (size_t i = 0; i < rule->pools.targets().size(); ++i) {
    const WeightedTarget& target = rule->pools.targets()[i];
    if (target.name != result.pool->pool->key()) continue;
    result.route_rule = rule;
    result.route_target = i;
    if (!dry_run) target.share->Add();
    return;
  }
}

// The pool that the gateway names, else the route's, else the only one.
void ResolvePool(const Runtime& runtime, const PickRequest& request, base::Rng& rng, bool dry_run,
                 PickResult& result) {
  if (!request.pool.empty()) {
    result.pool = runtime.Find(request.pool);
    if (result.pool == nullptr) result.refusal = Refusal::kUnknownPool;
    return;
  }
  if (runtime.pools().empty()) {
    result.refusal = Refusal::kNoPools;
    return;
  }
  if (runtime.pools().size() == 1) {
    result.pool = &runtime.pools().front();
    CountOnlyPool(runtime, request.route, dry_run, result);
    return;
  }
  const Runtime::Route route = runtime.FindRoute(request.route);
  if (route.rule == nullptr) {
    result.pool = route.pool;
    if (route.pool == nullptr) result.refusal = Refusal::kAmbiguousPool;
    return;
  }
  result.route_target = route.pool != nullptr ? 0 : route.rule->pools.Draw(rng);
  const WeightedTarget& drawn = route.rule->pools.targets()[result.route_target];
  result.pool = route.pool != nullptr ? route.pool : runtime.Find(drawn.name);
  if (result.pool == nullptr) {
    result.refusal = Refusal::kUnknownPool;
    return;
  }
  result.route_rule = route.rule;
  if (!dry_run) drawn.share->Add();
}

// Which model the server is asked for: a rule's, else the header's, else the client's.
// Source: llm-d-router.md 4.5.
void ResolveModel(const PickRequest& asked, base::Rng& rng, bool dry_run, PickResult& result) {
  api::InferenceRequest& request = *asked.request;
  request.target_model = request.model;
  const ModelTable* models = result.pool->models.get();
  if (models != nullptr) result.priority = models->PriorityOf(asked.objective, request.model);
  if (!asked.can_rewrite) return;
  if (!asked.model_rewrite.empty()) request.target_model = asked.model_rewrite;
  const ModelRule* rule = models == nullptr ? nullptr : models->FindRule(request.model);
  if (rule == nullptr) return;
  result.model_rule = rule;
  result.model_target = rule->choice.Draw(rng);
  const WeightedTarget& drawn = rule->choice.targets()[result.model_target];
  request.target_model = drawn.name;
  if (!dry_run) drawn.share->Add();
}

bool IsSaturated(const std::vector<scheduling::Candidate>& candidates,
                 const flowcontrol::SaturationLimits& limits) {
  flowcontrol::Saturation saturation(limits);
  for (const scheduling::Candidate& one : candidates) saturation.Add(one.waiting, one.kv_usage);
  return saturation.saturated();
}

// Behind those that wait already, too.
bool MustWait(const PickRequest& request, const PoolRuntime& pool,
              const std::vector<scheduling::Candidate>& candidates) {
  if (pool.line == nullptr || request.has_waited) return false;
  return pool.line->waiting() > 0 || IsSaturated(candidates, pool.saturation);
}

void Explain(const PickResult& result, const api::InferenceRequest& request,
             scheduling::Explanation& explanation) {
  const auto percent = [](const WeightedTarget& target) {
    return std::to_string(std::lround(target.fraction * 100)) + " %";
  };
  if (result.route_rule != nullptr) {
    const WeightedTarget& pool = result.route_rule->pools.targets()[result.route_target];
    explanation.notes.push_back("HTTPRoute " + result.route_rule->route + " rule " +
                                std::to_string(result.route_rule->index) + " drew pool " +
                                pool.name + " (" + percent(pool) + ")");
  }
  if (result.model_rule != nullptr) {
    const ModelRule& rule = *result.model_rule;
    explanation.notes.push_back(rule.kind + " " + rule.object + " rule " +
                                std::to_string(rule.index) + " drew model '" +
                                std::string(request.target_model) + "' (" +
                                percent(rule.choice.targets()[result.model_target]) + ")");
  } else if (request.target_model != request.model) {
    explanation.notes.push_back("a header asks for model '" + std::string(request.target_model) +
                                "'");
  }
  if (result.priority != Priority{}) {
    explanation.notes.push_back("priority " + std::to_string(result.priority.value) +
                                (result.priority.sheddable ? ", sheddable" : ""));
  }
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

/// Picks again when the endpoint was drained or ejected, or its trial taken, between the look at it
/// and the count. Each turn needs another endpoint to which that happened, so there are few.
constexpr int kMaxTurns = 16;

// Counts the request where it goes and where the gateway may send it instead. Counts nothing when
// the first endpoint takes none by now; a fallback that is leaves the list.
void Reserve(scheduling::Decision& decision, datastore::Reservation& reservation) {
  reservation = datastore::Reservation::Try(*decision.ranked[0], decision.only_unreachable);
  if (!reservation.active()) return;
  size_t kept = 1;
  for (size_t i = 1; i < decision.n_ranked; ++i) {
    if (reservation.TryFallback(*decision.ranked[i])) decision.ranked[kept++] = decision.ranked[i];
  }
  decision.n_ranked = kept;
}

// True when there is a reservation.
bool ScheduleAndReserve(const PickRequest& request, base::Time now, base::Rng& rng,
                        PickScratch& scratch, scheduling::Explanation* explanation, bool dry_run,
                        PickResult& result) {
  const PoolRuntime& pool = *result.pool;
  for (int turn = 0; turn < kMaxTurns && !result.reservation.active(); ++turn) {
    if (explanation) explanation->dropped.clear();
    result.refusal = FromScheduling(scheduling::Schedule(
        *pool.scheduler, *pool.pool, *request.request, request.subset, pool.read,
        pool.destination_list, now, rng, scratch.scheduling, scratch.decision, explanation));
    scratch.decision.profile_columns = pool.columns_id;
    // Now, for the candidates are those of the request's subset, and nothing has been taken yet.
    if (result.priority.sheddable && IsSaturated(scratch.scheduling.all, pool.saturation)) {
      result.refusal = Refusal::kShed;
    } else if (result.picked() && MustWait(request, pool, scratch.scheduling.all)) {
      result.refusal = Refusal::kWait;
    }
    if (!result.picked() || dry_run) return false;
    Reserve(scratch.decision, result.reservation);
  }
  if (!result.reservation.active()) result.refusal = Refusal::kNoEndpoints;
  return result.reservation.active();
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
    case Refusal::kShed:
    case Refusal::kWait:
      return 429;
    case Refusal::kNoModel:
      return 400;
  }
  return 500;
}

std::string_view DroppedReason(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNoPools:
    case Refusal::kNoEndpoints:
      return "rejected-no-endpoints";
    case Refusal::kFilteredOut:
    case Refusal::kShed:
    case Refusal::kWait:
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
    case Refusal::kShed:
      return "The model servers are saturated and this request is of low priority; try again "
             "later.";
    case Refusal::kWait:
      return "The model servers are saturated; try again later.";
    case Refusal::kNoModel:
      return "\"model\" is missing";
  }
  return {};
}

Room RoomIn(const PoolRuntime& pool, base::Time now, PickScratch& scratch) {
  scheduling::BuildCandidates(*pool.pool, {}, pool.read, now, scratch.scheduling, nullptr);
  const std::vector<scheduling::Candidate>& candidates = scratch.scheduling.all;
  if (IsSaturated(candidates, pool.saturation)) return {};
  double free = 1;
  for (const scheduling::Candidate& one : candidates) {
    if (!std::isnan(one.waiting)) free += std::max(0.0, pool.saturation.queue_depth - one.waiting);
  }
  return {false, static_cast<size_t>(free)};
}

PickResult Pick(const Runtime& runtime, const PickRequest& request, base::Time now, base::Rng& rng,
                PickScratch& scratch, scheduling::Explanation* explanation, bool dry_run) {
  PickResult result;
  scratch.decision.n_ranked = scratch.decision.n_top = 0;
  scratch.decision.considered = scratch.decision.scored = 0;
  scratch.decision.dropped = {};
  ResolvePool(runtime, request, rng, dry_run, result);
  if (result.pool == nullptr) return result;
  ResolveModel(request, rng, dry_run, result);
  if (explanation) Explain(result, *request.request, *explanation);
  // Whoever sees no body, or not all of it, can't say that it names no model.
  if (request.can_rewrite && request.request->target_model.empty() &&
      request.request->call != api::CallKind::kOther) {
    result.refusal = Refusal::kNoModel;
    return result;
  }

  if (!ScheduleAndReserve(request, now, rng, scratch, explanation, dry_run, result)) return result;
  scheduling::Commit(*result.pool->scheduler, scratch.scheduling, **scratch.decision.ranked[0]);
  return result;
}

}  // namespace inference::picker
