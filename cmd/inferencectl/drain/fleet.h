#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "inference/admin/v1/admin.pb.h"
#include "inferencectl/drain/targets.h"
#include "inferencectl/replicas.h"

namespace inference::ctl {

/// What all daemons together say of the drain of one endpoint.
struct DrainView {
  enum class State {
    kNone,  // nobody drains it
    kWarming,
    kDraining,
    kOverdue,
    kDrained,
    kUnverified,
    kGone,
  };
  Target target;
  State state = State::kNone;
  int have = 0, want = 0;  // daemons that drain it, of all
  int64_t in_flight = 0, fallbacks = 0;
  std::optional<double> running, waiting;  // of the youngest page
  int64_t page_age_ms = 0;                 // of that one
  int64_t since_ms = 0;
  std::optional<int64_t> drained_after_ms;
  std::optional<admin::v1::PendingRequest> oldest;  // of those in flight
  int64_t lost = 0;                                 // Gone: requests that had not ended
  uint32_t weight_permille = 1000;
  std::vector<admin::v1::Lease> leases;  // one per owner
  std::vector<std::string> codes;        // of what is in the way
  std::vector<std::string> blockers;     // the same, for people

  bool acknowledged() const { return have == want; }
};
std::string_view NameOf(DrainView::State state);

/// What each daemon said last: null when it is silent.
using DrainLists = std::vector<std::optional<admin::v1::ListDrainsResponse>>;
DrainLists AskAll(std::vector<Replica>& replicas);

/// Taken together: drained when every daemon says so; else what the one that is farthest behind
/// says. A silent daemon, and one without a lease of `owner` (empty: of anybody), is a blocker.
DrainView Together(const Target& target, const DrainLists& lists,
                   const std::vector<Replica>& replicas, const std::string& owner);

/// All endpoints that one of them drains or warms, in order.
std::vector<Target> AllDrained(const DrainLists& lists);

}  // namespace inference::ctl
