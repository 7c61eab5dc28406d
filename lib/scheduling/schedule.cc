#include <algorithm>
#include <array>
#include <cmath>

#include "scheduling/candidates.h"
#include "scheduling/explain.h"
#include "scheduling/scheduler.h"

namespace inference::scheduling {
namespace {

// A plugin's score as it counts: in [0,1], and the middle when it is no number.
double Clamped(float score) {
  return std::isnan(score) ? 0.5 : std::clamp(static_cast<double>(score), 0.0, 1.0);
}

// Which of `before` the filter took out of scratch.candidates; a filter keeps the order.
void NoteFiltered(const Profile& profile, size_t filter, Scratch& scratch, Dropped& dropped) {
  const Profile::NamedFilter& named = profile.filters[filter];
  size_t kept = 0;
  for (const Candidate& candidate : scratch.unfiltered) {
    if (kept < scratch.candidates.size() && scratch.candidates[kept].index == candidate.index) {
      ++kept;
      continue;
    }
    dropped.Add(candidate.get().id(), DropCause::kFilter, static_cast<uint8_t>(filter));
    if (scratch.context.explanation == nullptr) continue;
    ExplainDrop(named.name, candidate.get(), named.filter->Reason(), *scratch.context.explanation);
  }
}

void ApplyFilters(const Profile& profile, Scratch& scratch, Dropped& dropped) {
  scratch.candidates = scratch.all;
  for (size_t f = 0; f < profile.filters.size(); ++f) {
    // Copied, for only a comparison tells which ones a filter takes out.
    scratch.unfiltered = scratch.candidates;
    profile.filters[f].filter->Apply(scratch.context, scratch.candidates);
    if (scratch.candidates.size() == scratch.unfiltered.size()) continue;
    NoteFiltered(profile, f, scratch, dropped);
    if (scratch.candidates.empty()) return;
  }
}

// totals[i] = sum over the scorers of weight * score, clamped.
void ScoreAll(const Profile& profile, Scratch& scratch) {
  const size_t n = scratch.candidates.size();
  scratch.scores.assign(n * profile.scorers.size(), 0.0F);
  scratch.totals.assign(n, 0.0);
  for (size_t s = 0; s < profile.scorers.size(); ++s) {
    const Profile::WeightedScorer& scorer = profile.scorers[s];
    const std::span<float> scores = std::span(scratch.scores).subspan(s * n, n);
    scorer.scorer->Score(scratch.context, scratch.candidates, scores);
    for (size_t i = 0; i < n; ++i) scratch.totals[i] += scorer.weight * Clamped(scores[i]);
  }
}

TopCandidate MakeTop(const Profile& profile, const Scratch& scratch, size_t position) {
  const Candidate& candidate = scratch.candidates[position];
  TopCandidate top;
  top.endpoint_id = candidate.get().id();
  top.pool_index = candidate.index;
  top.total = static_cast<float>(scratch.totals[position]);
  for (size_t s = 0; s < std::min(profile.scorers.size(), kMaxColumns); ++s) {
    top.scores[s] = scratch.scores[s * scratch.candidates.size() + position];
  }
  top.waiting = candidate.waiting;
  top.running = candidate.running;
  top.kv_usage = candidate.kv_usage;
  top.unseen_picks = candidate.unseen_picks;
  top.in_flight = candidate.in_flight;
  top.prefix_match = candidate.prefix_match;
  top.metrics_age_ms = static_cast<int32_t>(
      std::min<int64_t>(MetricsAgeMs(candidate.get(), scratch.context.now), INT32_MAX));
  return top;
}

// The pick first, then the best of the others.
void FillTop(const Profile& profile, const Scratch& scratch, Decision& decision) {
  std::array<uint32_t, kMaxTop> best;
  const std::vector<double>& totals = scratch.totals;
  const uint32_t pick = scratch.ranked.front();
  const size_t n = std::min(totals.size(), kMaxTop);
  best[0] = pick;
  size_t size = 1;
  for (uint32_t i = 0; i < totals.size(); ++i) {
    if (i == pick) continue;
    if (size == n && (n == 1 || totals[i] <= totals[best[size - 1]])) continue;
    if (size < n) ++size;
    size_t at = size - 1;
    for (; at > 1 && totals[i] > totals[best[at - 1]]; --at) best[at] = best[at - 1];
    best[at] = i;
  }
  decision.n_top = size;
  for (size_t i = 0; i < size; ++i) decision.top[i] = MakeTop(profile, scratch, best[i]);
}

bool RunProfile(const Profile& profile, size_t want, Scratch& scratch, Decision& decision) {
  ApplyFilters(profile, scratch, decision.dropped);
  if (scratch.candidates.empty()) return false;
  ScoreAll(profile, scratch);
  profile.picker->Pick(scratch.context, scratch.totals, want, scratch.ranked);
  decision.considered = static_cast<uint32_t>(scratch.all.size());
  decision.scored = static_cast<uint32_t>(scratch.candidates.size());
  decision.prefix_total = scratch.context.prefix.total_blocks;
  decision.prefix_block_tokens = scratch.context.prefix.block_tokens;
  decision.n_ranked = std::min(scratch.ranked.size(), kMaxRanked);
  for (size_t i = 0; i < decision.n_ranked; ++i) {
    decision.ranked[i] = scratch.candidates[scratch.ranked[i]].endpoint;
  }
  FillTop(profile, scratch, decision);
  if (scratch.context.explanation) ExplainScores(profile, scratch, *scratch.context.explanation);
  return true;
}

// Producers, then profiles as the handler says. kFilteredOut when the primary profile picked
// nothing.
ScheduleError RunProfiles(const Scheduler& scheduler, size_t want, Scratch& scratch,
                          Decision& decision) {
  if (scratch.all.empty()) return ScheduleError::kNoEndpoints;
  for (const auto& [name, producer] : scheduler.producers) {
    producer->Produce(scratch.context, scratch.all);
  }
  if (scratch.any_pinned_only) {
    DropUnpinned(scratch, scratch.context.explanation);
    if (scratch.all.empty()) return ScheduleError::kNoEndpoints;
  }
  const size_t profiles = scheduler.profiles.size();
  scratch.outcomes.assign(profiles, {});
  if (profiles > 1) scratch.decisions.assign(profiles, {});
  while (true) {
    scratch.run.clear();
    scheduler.handler->Next(scratch.context, scratch.outcomes, scratch.run);
    if (scratch.run.empty()) break;
    for (const size_t p : scratch.run) {
      Decision& own = profiles > 1 ? scratch.decisions[p] : decision;
      scratch.outcomes[p] = {true, RunProfile(scheduler.profiles[p], want, scratch, own)};
    }
  }
  const size_t primary = scheduler.handler->Primary(scratch.outcomes);
  const bool picked = scratch.outcomes[primary].picked;
  if (profiles > 1) {
    Dropped dropped = decision.dropped;
    dropped.Append(scratch.decisions[primary].dropped);
    if (picked) decision = scratch.decisions[primary];
    decision.dropped = dropped;
  }
  return picked ? ScheduleError::kNone : ScheduleError::kFilteredOut;
}

DropCause CauseOf(const datastore::Endpoint& held_back) {
  if (held_back.ejection() != datastore::Ejection::kNone) return DropCause::kEjected;
  return held_back.reachable() ? DropCause::kAsleep : DropCause::kUnreachable;
}

// Those that nothing was asked of, beside those that filters dropped. The latter come last: when
// there are many, it is the others that nobody expects.
void FinishDropped(const Scratch& scratch, bool with_resting, bool with_held_back,
                   Decision& decision) {
  Dropped dropped = scratch.dropped;
  if (with_held_back) {
    for (const Candidate& one : scratch.held_back) {
      dropped.Add(one.get().id(), CauseOf(one.get()));
    }
    if (scratch.context.explanation) {
      ExplainHeldBack(scratch.held_back, *scratch.context.explanation);
    }
  }
  if (with_resting) {
    for (const Candidate& one : scratch.resting) dropped.Add(one.get().id(), DropCause::kWeight);
    if (scratch.context.explanation) {
      ExplainResting(scratch.resting, *scratch.context.explanation);
    }
  }
  dropped.Append(decision.dropped);
  decision.dropped = dropped;
}

}  // namespace

void Dropped::Append(const Dropped& other) {
  for (size_t i = 0; i < other.n_named() && total + i < kMaxDropped; ++i) {
    named[total + i] = other.named[i];
  }
  total += other.total;
  out_of_subset += other.out_of_subset;
}

ScheduleError Schedule(const Scheduler& scheduler, const datastore::Pool& pool,
                       const api::InferenceRequest& request, const Subset& subset,
                       const ReadOptions& options, size_t want, base::Time now, base::Rng& rng,
                       Scratch& scratch, Decision& decision, Explanation* explanation) {
  PickContext& context = scratch.context;
  context.request = &request;
  context.now = now;
  context.stale_after = options.stale_after;
  context.rng = &rng;
  context.explanation = explanation;
  context.prefix.Clear();
  decision.n_ranked = decision.n_top = 0;
  decision.considered = decision.scored = 0;
  decision.only_unreachable = false;
  decision.dropped = {};
  decision.prefix_total = decision.prefix_block_tokens = 0;

  BuildCandidates(pool, subset, options, now, scratch, explanation);
  want = std::clamp<size_t>(want, 1, kMaxRanked);
  ScheduleError error = RunProfiles(scheduler, want, scratch, decision);
  if (error == ScheduleError::kNone) {
    FinishDropped(scratch, true, true, decision);
    return error;
  }
  // Whoever was left out of the draw, then whoever may be back soon: better than a refusal.
  for (std::vector<Candidate>* const spare : {&scratch.resting, &scratch.held_back}) {
    scratch.all.swap(*spare);
    const ScheduleError again = RunProfiles(scheduler, want, scratch, decision);
    if (again == ScheduleError::kFilteredOut) error = again;
    if (again != ScheduleError::kNone) continue;
    decision.only_unreachable = spare == &scratch.held_back;
    if (explanation && decision.only_unreachable) {
      explanation->notes.push_back("only endpoints that are unreachable or asleep are left");
    }
    FinishDropped(scratch, false, !decision.only_unreachable, decision);
    return again;
  }
  FinishDropped(scratch, false, false, decision);
  return error;
}

void Commit(const Scheduler& scheduler, const Scratch& scratch, const datastore::Endpoint& picked) {
  for (const auto& [name, producer] : scheduler.producers) {
    producer->OnPicked(scratch.context, picked);
  }
}

}  // namespace inference::scheduling
