#include "inferencectl/drain/fleet.h"

#include <algorithm>
#include <set>

#include "inferencectl/format.h"

namespace inference::ctl {
namespace {

using admin::v1::Drain;
using admin::v1::Lease;
using State = DrainView::State;

State ToState(Drain::State state) {
  switch (state) {
    case Drain::WARMING:
      return State::kWarming;
    case Drain::DRAINING:
      return State::kDraining;
    case Drain::OVERDUE:
      return State::kOverdue;
    case Drain::DRAINED:
      return State::kDrained;
    case Drain::UNVERIFIED:
      return State::kUnverified;
    case Drain::GONE:
      return State::kGone;
    default:
      return State::kNone;
  }
}

/// The farther behind, the stronger.
int Rank(State state) {
  switch (state) {
    case State::kNone:
      return 0;
    case State::kWarming:
      return 1;
    case State::kGone:
      return 2;
    case State::kDrained:
      return 3;
    case State::kUnverified:
      return 4;
    case State::kDraining:
      return 5;
    case State::kOverdue:
      return 6;
  }
  return 0;
}

const Drain* Find(const admin::v1::ListDrainsResponse& list, const Target& target) {
  for (const Drain& drain : list.drains()) {
    if (TargetOf(drain.endpoint()) == target) return &drain;
  }
  return nullptr;
}

bool HasLease(const Drain& drain, const std::string& owner) {
  return std::any_of(drain.leases().begin(), drain.leases().end(),
                     [&](const Lease& lease) { return owner.empty() || lease.owner() == owner; });
}

void AddLeases(const Drain& drain, DrainView& out) {
  for (const Lease& lease : drain.leases()) {
    const bool known = std::any_of(out.leases.begin(), out.leases.end(), [&](const Lease& other) {
      return other.owner() == lease.owner();
    });
    if (!known) out.leases.push_back(lease);
  }
}

void AddNumbers(const Drain& drain, DrainView& out) {
  out.in_flight += drain.in_flight();
  out.fallbacks += drain.fallbacks();
  out.lost += drain.lost();
  out.since_ms = std::max(out.since_ms, drain.since_ms());
  if (drain.has_oldest() && (!out.oldest || out.oldest->age_ms() < drain.oldest().age_ms())) {
    out.oldest = drain.oldest();
  }
  out.weight_permille = std::min(out.weight_permille, drain.weight_permille());
  if (drain.has_drained_after_ms()) {
    out.drained_after_ms = std::max(out.drained_after_ms.value_or(0), drain.drained_after_ms());
  }
  if (!drain.has_running()) return;
  if (out.running && out.page_age_ms <= drain.page_age_ms()) return;
  out.running = drain.running();
  out.waiting = drain.waiting();
  out.page_age_ms = drain.page_age_ms();
}

std::string OldestText(const admin::v1::DrainBlocker& blocker, const Drain& drain) {
  if (blocker.code() != "in-flight" || !drain.has_oldest()) return "";
  std::string out = ", the oldest for " + HumanMillis(drain.oldest().age_ms());
  const std::string& id = drain.oldest().request_id();
  return id.empty() ? out : out + " (request " + SafeForTerminal(id) + ")";
}

}  // namespace

std::string_view NameOf(State state) {
  switch (state) {
    case State::kNone:
      return "Ready";
    case State::kWarming:
      return "Warming";
    case State::kDraining:
      return "Draining";
    case State::kOverdue:
      return "Overdue";
    case State::kDrained:
      return "Drained";
    case State::kUnverified:
      return "Unverified";
    case State::kGone:
      return "Gone";
  }
  return "Ready";
}

DrainLists AskAll(std::vector<Replica>& replicas) {
  DrainLists out;
  for (Replica& replica : replicas) {
    auto list = replica.Ask<admin::v1::ListDrainsResponse>(
        [](admin::AdminClient& client) { return client.ListDrains(); });
    out.emplace_back();
    if (list.ok()) out.back() = *std::move(list);
  }
  return out;
}

DrainView Together(const Target& target, const DrainLists& lists,
                   const std::vector<Replica>& replicas, const std::string& owner) {
  DrainView out;
  out.target = target;
  out.want = static_cast<int>(replicas.size());
  const auto block = [&](std::string code, std::string text) {
    out.codes.push_back(std::move(code));
    out.blockers.push_back(std::move(text));
  };
  for (size_t i = 0; i < lists.size(); ++i) {
    const std::string where = replicas.size() > 1 ? replicas[i].address() + ": " : "";
    if (!lists[i]) {
      const auto silent = replicas[i].SilentFor();
      block("replica",
            replicas[i].address() + " silent for " + HumanMillis(silent ? silent->count() : 0));
      continue;
    }
    const Drain* drain = Find(*lists[i], target);
    if (drain == nullptr || (!HasLease(*drain, owner) && drain->state() != Drain::WARMING)) {
      if (!owner.empty()) block("lease", replicas[i].address() + " has no lease of " + owner);
      continue;
    }
    if (HasLease(*drain, owner)) ++out.have;
    const State state = ToState(drain->state());
    if (Rank(state) > Rank(out.state)) out.state = state;
    AddLeases(*drain, out);
    AddNumbers(*drain, out);
    for (const auto& blocker : drain->blockers()) {
      block(blocker.code(), where + SafeForTerminal(blocker.text()) + OldestText(blocker, *drain));
    }
  }
  const bool complete = out.state == State::kDrained || out.state == State::kUnverified;
  if (complete && !out.acknowledged()) out.state = State::kDraining;
  return out;
}

std::vector<Target> AllDrained(const DrainLists& lists) {
  std::set<Target> all;
  for (const auto& list : lists) {
    if (!list) continue;
    for (const Drain& drain : list->drains()) all.insert(TargetOf(drain.endpoint()));
  }
  return {all.begin(), all.end()};
}

}  // namespace inference::ctl
