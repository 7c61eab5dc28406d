#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "inferencectl/drain/drain_view.h"
#include "inferencectl/drain/fleet.h"
#include "inferencectl/drain/targets.h"
#include "inferencectl/invocation.h"
#include "inferencectl/replicas.h"

namespace inference::ctl {

struct DrainOptions {
  admin::v1::DrainRequest request;  // but for the endpoints
  std::optional<std::chrono::milliseconds> timeout;
  bool allow_unverified = false;
  bool wait = true;
  size_t max_parallel = 1;
  std::string exec;  // run once an endpoint is drained; empty: nothing
};

/// Drains endpoints one after the other, or some at a time, and follows them to their end.
class RollingDrain {
 public:
  RollingDrain(const Invocation& run, std::vector<Replica>& replicas, DrainOptions options)
      : run_(run), replicas_(replicas), options_(std::move(options)) {}

  /// One outcome for each target. A failure stops those that have not begun.
  std::vector<DrainOutcome> Run(const std::vector<Target>& targets);
  /// The signal that ended it, or 0.
  int signal() const { return signal_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Active {
    Target target;
    Clock::time_point begun{}, next_word{};
    std::string told;  // last progress
    bool accepted = false;
  };

  /// Asks all daemons; an outcome when that ends it.
  std::optional<DrainOutcome> Begin(Active& active);
  std::optional<Status> Propose(const Target& target);
  admin::v1::DrainRequest RequestFor(const Target& target) const;
  /// Daemons that came back without the lease get it again.
  void Renew(const Target& target, const DrainLists& lists);
  std::optional<DrainOutcome> Judge(const Active& active, const DrainView& view);
  std::optional<DrainOutcome> JudgeTime(const Active& active, const DrainView& view) const;
  void Tell(Active& active, const DrainView& view);
  DrainOutcome Execute(DrainOutcome outcome) const;
  DrainOutcome End(const Active& active, const DrainView& view, ExitCode exit, std::string what,
                   std::string message) const;
  void Finish(DrainOutcome outcome);

  const Invocation& run_;
  std::vector<Replica>& replicas_;
  const DrainOptions options_;
  std::vector<DrainOutcome> outcomes_;
  int signal_ = 0;
};

}  // namespace inference::ctl
