#include "scheduling/explain.h"

#include <algorithm>
#include <cmath>

namespace inference::scheduling {
namespace {

std::string Count(size_t n, std::string_view of, size_t all) {
  return std::string(of) + " is unknown for " + std::to_string(n) + " of " + std::to_string(all) +
         (all == 1 ? " endpoint" : " endpoints");
}

void NoteUnknown(std::span<const Candidate> candidates, float Candidate::* value,
                 std::string_view name, Explanation& explanation) {
  const auto n = static_cast<size_t>(
      std::count_if(candidates.begin(), candidates.end(),
                    [&](const Candidate& candidate) { return std::isnan(candidate.*value); }));
  if (n > 0) explanation.notes.push_back(Count(n, name, candidates.size()));
}

Explanation::Row MakeRow(const Profile& profile, const Scratch& scratch, size_t position) {
  const Candidate& candidate = scratch.candidates[position];
  const datastore::Endpoint& endpoint = candidate.get();
  Explanation::Row row;
  row.endpoint = endpoint.info().name;
  row.host_port = endpoint.info().host_port;
  for (size_t s = 0; s < profile.scorers.size(); ++s) {
    row.scores.push_back(scratch.scores[s * scratch.candidates.size() + position]);
  }
  row.total = scratch.totals[position];
  row.waiting = candidate.waiting;
  row.running = candidate.running;
  row.kv_usage = candidate.kv_usage;
  row.unseen_picks = candidate.unseen_picks;
  row.in_flight = candidate.in_flight;
  row.prefix_match = candidate.prefix_match;
  row.metrics_age_ms = MetricsAgeMs(endpoint, scratch.context.now);
  row.stale =
      row.metrics_age_ms >= 0 &&
      base::Duration(std::chrono::milliseconds(row.metrics_age_ms)) > scratch.context.stale_after;
  const auto at = std::find(scratch.ranked.begin(), scratch.ranked.end(), position);
  if (at != scratch.ranked.end()) row.rank = static_cast<int>(at - scratch.ranked.begin());
  return row;
}

}  // namespace

int64_t MetricsAgeMs(const datastore::Endpoint& endpoint, base::Time now) {
  const int64_t at = endpoint.metrics.last_page_ns.load(std::memory_order_relaxed);
  return at == 0 ? -1 : std::max<int64_t>(0, (base::ToNanos(now) - at) / 1'000'000);
}

void ExplainDrop(std::string_view filter, const datastore::Endpoint& endpoint, std::string reason,
                 Explanation& explanation) {
  explanation.dropped.push_back(
      {std::string(filter), endpoint.info().name, endpoint.info().host_port, std::move(reason)});
}

void ExplainHeldBack(std::span<const Candidate> held_back, Explanation& explanation) {
  for (const Candidate& candidate : held_back) {
    const datastore::Endpoint& endpoint = candidate.get();
    std::string reason = endpoint.ejection_note();
    if (reason.empty()) {
      reason = endpoint.reachable()
                   ? "the engine is asleep"
                   : "unreachable: " + std::to_string(endpoint.failures()) + " failures in a row";
    }
    ExplainDrop("reachability", endpoint, std::move(reason), explanation);
  }
}

void ExplainResting(std::span<const Candidate> resting, Explanation& explanation) {
  for (const Candidate& candidate : resting) {
    ExplainDrop("weight", candidate.get(), candidate.get().weight_note() + ": not drawn this time",
                explanation);
  }
}

void ExplainScores(const Profile& profile, const Scratch& scratch, Explanation& explanation) {
  explanation.profile = profile.name;
  explanation.picker = profile.picker_name;
  explanation.prefix_total = scratch.context.prefix.total_blocks;
  explanation.prefix_block_tokens = scratch.context.prefix.block_tokens;
  explanation.columns.clear();
  for (const Profile::WeightedScorer& scorer : profile.scorers) {
    explanation.columns.push_back({scorer.name, scorer.weight});
  }
  explanation.rows.clear();
  for (size_t i = 0; i < scratch.candidates.size(); ++i) {
    explanation.rows.push_back(MakeRow(profile, scratch, i));
  }
  std::stable_sort(explanation.rows.begin(), explanation.rows.end(),
                   [](const auto& a, const auto& b) { return a.total > b.total; });
  NoteUnknown(scratch.candidates, &Candidate::waiting, "the queue length", explanation);
  NoteUnknown(scratch.candidates, &Candidate::running, "the number of running requests",
              explanation);
  NoteUnknown(scratch.candidates, &Candidate::kv_usage, "the KV cache use", explanation);
}

}  // namespace inference::scheduling
