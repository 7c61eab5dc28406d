#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "api/diagnostic.h"
#include "api/kinds.h"
#include "api/plugin_catalogue.h"
#include "datastore/snapshot.h"
#include "inference/result.h"
#include "scheduling/decision.h"
#include "scheduling/plugin.h"

namespace inference::scheduling {

/// The plugin factories of one build. Filled by RegisterBuiltins; a test may add its own.
struct PluginRegistry {
  api::Registry<Producer> producers;
  api::Registry<Filter> filters;
  api::Registry<Scorer> scorers;
  api::Registry<Picker> pickers;
  api::Registry<ProfileHandler> handlers;
};
void RegisterBuiltins(PluginRegistry& registry);

/// One compiled scheduling profile. Weights are finite and >= 0.
struct Profile {
  struct NamedFilter {
    std::string name;
    std::shared_ptr<const Filter> filter;
  };
  struct WeightedScorer {
    std::string name;
    double weight = 1;
    std::shared_ptr<const Scorer> scorer;
  };
  std::string name;
  std::vector<NamedFilter> filters;
  std::vector<WeightedScorer> scorers;
  std::string picker_name;
  std::shared_ptr<const Picker> picker;
};

/// Everything that a pool schedules with: immutable but for what producers learn.
struct Scheduler {
  std::vector<std::pair<std::string, std::shared_ptr<const Producer>>> producers;  // in order
  std::vector<Profile> profiles;
  std::shared_ptr<const ProfileHandler> handler;
};

/// Builds the scheduler that an EndpointPickerConfig describes: defaults added (a picker, a
/// handler, the producers that scorers need), every mistake reported with its position. Null when
/// there are errors. Source: llm-d-router.md 2.1-2.5.
std::shared_ptr<const Scheduler> Compile(const api::EndpointPickerConfig& config,
                                         const PluginRegistry& registry, api::Diagnostics& out);

/// queue-scorer 2, kv-cache-utilization-scorer 2, prefix-cache-scorer 3, max-score-picker.
api::EndpointPickerConfig DefaultConfig();

/// How a pool wants its numbers read.
struct ReadOptions {
  base::Duration stale_after = std::chrono::seconds(2);
  bool inflight_correction = true;
};

/// Memory that one thread reuses from pick to pick; no allocation once it has grown.
struct Scratch {
  PickContext context;
  std::vector<Candidate> all, candidates;
  std::vector<Candidate> unfiltered;  // the candidates before a filter
  std::vector<Candidate> resting;     // not drawn by their weight: taken when `all` gives nothing
  std::vector<Candidate> held_back;   // unreachable or asleep: taken when nothing else is left
  bool any_pinned_only = false;       // among `all`
  Dropped dropped;                    // by anything but filters
  std::vector<std::string_view> subset_host_ports, subset_ips;  // sorted
  std::vector<float> scores;                                    // scorer-major
  std::vector<double> totals;
  std::vector<uint32_t> ranked;
  std::vector<size_t> run;
  std::vector<ProfileOutcome> outcomes;
  std::vector<Decision> decisions;  // per profile, when there are several
};

/// Which of the pool's endpoints the gateway allows.
struct Subset {
  bool present = false;
  std::span<const std::string_view> entries;  // "ip:port" (matches both) or "ip" (matches the ip)
};

enum class ScheduleError : uint8_t {
  kNone,
  kNoEndpoints,  // the pool, or the subset of it, is empty or drained: 503
  kFilteredOut,  // filters dropped all: 429, rejected-saturated
};

/// Picks at most `want` endpoints. Pure but for what producers learn in Commit: same pool state,
/// request, rng and now give the same decision. Fills `explanation` when it isn't null.
/// Never throws; never blocks but on one shard of the prefix index.
ScheduleError Schedule(const Scheduler& scheduler, const datastore::Pool& pool,
                       const api::InferenceRequest& request, const Subset& subset,
                       const ReadOptions& options, size_t want, base::Time now, base::Rng& rng,
                       Scratch& scratch, Decision& decision, Explanation* explanation);

/// Tells the producers where the request really went. REQUIRES: directly after Schedule with the
/// same scratch. A dry run does not call it.
void Commit(const Scheduler& scheduler, const Scratch& scratch, const datastore::Endpoint& picked);

}  // namespace inference::scheduling
