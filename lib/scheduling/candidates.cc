#include "scheduling/candidates.h"

#include <algorithm>

#include "base/text.h"
#include "scheduling/explain.h"

namespace inference::scheduling {
namespace {

// "10.0.0.1:80" and "[::1]:80" name a port; "10.0.0.1", "::1" and "[::1]" an address.
bool HasPort(std::string_view entry) {
  const size_t colon = entry.rfind(':');
  if (colon == std::string_view::npos) return false;
  if (entry.front() == '[') return entry[colon - 1] == ']';
  return entry.find(':') == colon;
}

void ParseSubset(const Subset& subset, Scratch& scratch) {
  scratch.subset_host_ports.clear();
  scratch.subset_ips.clear();
  for (std::string_view entry : subset.entries) {
    entry = base::TrimSpace(entry);
    if (entry.empty()) continue;
    if (HasPort(entry)) {
      scratch.subset_host_ports.push_back(entry);
      continue;
    }
    if (entry.front() == '[' && entry.back() == ']') entry = entry.substr(1, entry.size() - 2);
    scratch.subset_ips.push_back(entry);
  }
  std::sort(scratch.subset_host_ports.begin(), scratch.subset_host_ports.end());
  std::sort(scratch.subset_ips.begin(), scratch.subset_ips.end());
}

bool InSubset(const datastore::EndpointInfo& info, const Scratch& scratch) {
  const auto has = [](const std::vector<std::string_view>& sorted, std::string_view text) {
    return std::binary_search(sorted.begin(), sorted.end(), text);
  };
  return has(scratch.subset_host_ports, info.host_port) || has(scratch.subset_ips, info.address);
}

float ReadFresh(const datastore::Gauge& gauge, base::Time now, base::Duration stale_after) {
  const datastore::Reading reading = gauge.Read(now, stale_after);
  return reading.freshness == datastore::Freshness::kFresh ? static_cast<float>(reading.value)
                                                           : kUnknown;
}

Candidate Read(const std::shared_ptr<datastore::Endpoint>& endpoint, uint32_t index,
               const ReadOptions& options, base::Time now) {
  const datastore::MetricsState& metrics = endpoint->metrics;
  Candidate candidate;
  candidate.endpoint = &endpoint;
  candidate.index = index;
  candidate.waiting = ReadFresh(metrics.waiting, now, options.stale_after);
  candidate.running = ReadFresh(metrics.running, now, options.stale_after);
  candidate.kv_usage = ReadFresh(metrics.kv_usage, now, options.stale_after);
  candidate.in_flight = static_cast<uint32_t>(std::max<int64_t>(0, endpoint->in_flight()));
  if (options.inflight_correction) {
    candidate.unseen_picks = static_cast<float>(endpoint->UnseenPicks());
    candidate.waiting += candidate.unseen_picks;
  }
  return candidate;
}

bool Drawn(const datastore::Endpoint& endpoint, base::Rng& rng) {
  const uint32_t weight = endpoint.weight();
  return weight >= datastore::Endpoint::kFullWeight ||
         rng.Unit() * datastore::Endpoint::kFullWeight < weight;
}

}  // namespace

void BuildCandidates(const datastore::Pool& pool, const Subset& subset, const ReadOptions& options,
                     base::Time now, Scratch& scratch, Explanation* explanation) {
  scratch.all.clear();
  scratch.resting.clear();
  scratch.held_back.clear();
  scratch.any_pinned_only = false;
  scratch.dropped = {};
  if (subset.present) ParseSubset(subset, scratch);
  uint32_t index = 0;
  for (const std::shared_ptr<datastore::Endpoint>& endpoint : pool.endpoints()) {
    const uint32_t at = index++;
    if (subset.present && !InSubset(endpoint->info(), scratch)) {
      ++scratch.dropped.out_of_subset;
      if (explanation)
        ExplainDrop("subset", *endpoint, "not in the gateway's subset", *explanation);
      continue;
    }
    const datastore::Admission admission = endpoint->admission();
    const bool asleep = ReadFresh(endpoint->metrics.asleep, now, options.stale_after) == 1.0F;
    const bool answers = endpoint->reachable() && !asleep;
    const bool pinned_only = admission == datastore::Admission::kPinned;
    if (admission == datastore::Admission::kClosed || (pinned_only && !answers)) {
      scratch.dropped.Add(endpoint->id(), DropCause::kDrain);
      if (explanation) ExplainDrop("drain", *endpoint, endpoint->admission_note(), *explanation);
      continue;
    }
    Candidate candidate = Read(endpoint, at, options, now);
    candidate.pinned_only = pinned_only;
    scratch.any_pinned_only |= pinned_only;
    if (!answers) {
      scratch.held_back.push_back(candidate);
    } else if (pinned_only || Drawn(*endpoint, *scratch.context.rng)) {
      scratch.all.push_back(candidate);
    } else {
      scratch.resting.push_back(candidate);
    }
  }
}

void DropUnpinned(Scratch& scratch, Explanation* explanation) {
  const uint32_t blocks = scratch.context.prefix.total_blocks;
  std::erase_if(scratch.all, [&](const Candidate& candidate) {
    if (!candidate.pinned_only) return false;
    if (candidate.prefix_match > 0 && candidate.prefix_match >= blocks - blocks / 2) return false;
    scratch.dropped.Add(candidate.get().id(), DropCause::kDrain);
    if (explanation) {
      ExplainDrop("drain", candidate.get(), candidate.get().admission_note(), *explanation);
    }
    return true;
  });
}

}  // namespace inference::scheduling
