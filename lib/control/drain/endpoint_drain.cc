#include "control/drain/endpoint_drain.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace inference::control {
namespace {

using datastore::Admission;

std::string Count(int64_t n, std::string_view what) {
  return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

std::string Seconds(base::Duration duration) {
  return fmt::format("{:.1f} s", std::max(0.0, std::chrono::duration<double>(duration).count()));
}

}  // namespace

std::string_view NameOf(DrainState state) {
  switch (state) {
    case DrainState::kReady:
      return "Ready";
    case DrainState::kWarming:
      return "Warming";
    case DrainState::kDraining:
      return "Draining";
    case DrainState::kOverdue:
      return "Overdue";
    case DrainState::kDrained:
      return "Drained";
    case DrainState::kUnverified:
      return "Unverified";
    case DrainState::kGone:
      return "Gone";
  }
  return "Ready";
}

void EndpointDrain::Put(HeldLease lease, base::Time now) {
  ramp_.reset();
  if (leases_.empty()) {
    since_ = now;
    BeginAnew();
  }
  const auto old = std::find_if(leases_.begin(), leases_.end(), [&](const HeldLease& held) {
    return held.lease.id == lease.lease.id;
  });
  if (old != leases_.end()) {
    *old = std::move(lease);
  } else {
    leases_.push_back(std::move(lease));
  }
}

void EndpointDrain::Remove(std::string_view id, base::Duration ramp, base::Time now) {
  const size_t removed =
      std::erase_if(leases_, [&](const HeldLease& held) { return held.lease.id == id; });
  if (removed == 0 || !leases_.empty()) return;
  BeginAnew();
  gone_at_.reset();
  lost_ = 0;
  if (ramp > base::Duration(0)) ramp_ = Ramp{now, ramp};
}

const HeldLease* EndpointDrain::LeaseOf(std::string_view owner) const {
  for (const HeldLease& held : leases_) {
    if (held.lease.owner == owner) return &held;
  }
  return nullptr;
}

void EndpointDrain::ClearDeadlines() {
  for (HeldLease& held : leases_) {
    held.deadline.reset();
    held.lease.deadline.reset();
  }
}

void EndpointDrain::BeginAnew() {
  zero_since_.reset();
  verdict_ = Verdict::kOwed;
  drained_at_.reset();
}

base::Duration EndpointDrain::settle() const {
  base::Duration longest{0};
  for (const HeldLease& held : leases_) longest = std::max(longest, held.lease.settle);
  return longest;
}

bool EndpointDrain::soft(base::Time now) const {
  return std::all_of(leases_.begin(), leases_.end(),
                     [&](const HeldLease& held) { return held.soft_until > now; });
}

Admittance EndpointDrain::Wanted(base::Time now) const {
  Admittance out;
  if (!leases_.empty()) {
    const bool is_soft = soft(now);
    out.admission = is_soft ? Admission::kPinned : Admission::kClosed;
    out.note = is_soft ? "Draining (soft) by " : "Draining by ";
    for (const HeldLease& held : leases_) {
      if (&held != &leases_.front()) out.note += "; by ";
      out.note += held.lease.owner;
      if (!held.lease.reason.empty()) out.note += ": " + held.lease.reason;
    }
  } else if (ramp_) {
    const double part = std::chrono::duration<double>(now - ramp_->begun) /
                        std::chrono::duration<double>(ramp_->length);
    out.weight = static_cast<uint32_t>(std::clamp<double>(
        part * datastore::Endpoint::kFullWeight, kRampFrom, datastore::Endpoint::kFullWeight));
    out.weight_note = fmt::format("Warming, weight {} %", out.weight / 10);
  }
  return out;
}

std::vector<DrainEvent> EndpointDrain::Observe(const DrainObservation& seen, base::Time now) {
  std::vector<DrainEvent> events;
  const uint64_t arrivals_before = last_.owed.arrivals;
  last_ = seen;
  if (ramp_ && now - ramp_->begun >= ramp_->length) {
    ramp_.reset();
    events.push_back({DrainEvent::Kind::kWarm, ""});
  }
  if (leases_.empty()) return events;
  NotePresence(seen.present, now, events);
  const bool arrived = zero_since_ && seen.owed.arrivals != arrivals_before;
  const bool zero = seen.closed && !seen.predecessor && seen.owed.total() == 0;
  if (!zero || arrived) {
    if (drained()) {
      events.push_back({DrainEvent::Kind::kReopened, seen.closed
                                                         ? "a request was served there all the same"
                                                         : "what is left of its leases is soft"});
    }
    BeginAnew();
  }
  if (zero && !zero_since_) zero_since_ = now;
  Judge(now, events);
  return events;
}

void EndpointDrain::NotePresence(bool present, base::Time now, std::vector<DrainEvent>& events) {
  if (present == !gone_at_) return;
  if (present) {
    gone_at_.reset();
    lost_ = 0;
    BeginAnew();
    events.push_back({DrainEvent::Kind::kBack, ""});
    return;
  }
  gone_at_ = now;
  lost_ = drained() ? 0 : last_.owed.total();
  events.push_back({DrainEvent::Kind::kGone,
                    lost_ == 0 ? "" : "with " + Count(lost_, "request") + " in flight"});
}

void EndpointDrain::Judge(base::Time now, std::vector<DrainEvent>& events) {
  if (zero_since_ && verdict_ != Verdict::kProven) {
    const base::Time settled = *zero_since_ + settle();
    const bool told = last_.page && last_.page->begun >= settled;
    const bool busy = told && last_.page->total() > 0 && now - last_.page->begun <= kVerifyWithin;
    if (now >= settled && told && last_.page->total() == 0) {
      Settle(Verdict::kProven, now, events);
    } else if (busy && verdict_ == Verdict::kUnverified) {
      events.push_back({DrainEvent::Kind::kReopened, "the server still has requests"});
      verdict_ = Verdict::kOwed;
      drained_at_.reset();
    } else if (!busy && now >= settled + kVerifyWithin && verdict_ == Verdict::kOwed) {
      Settle(Verdict::kUnverified, now, events);
    }
  }
  if (drained()) return;
  for (HeldLease& held : leases_) {
    if (held.lapsed || !held.deadline || *held.deadline > now) continue;
    held.lapsed = true;
    events.push_back({DrainEvent::Kind::kOverdue, "the time of " + held.lease.owner + " is over"});
  }
}

void EndpointDrain::Settle(Verdict verdict, base::Time now, std::vector<DrainEvent>& events) {
  const bool proven = verdict == Verdict::kProven;
  verdict_ = verdict;
  if (!drained_at_) drained_at_ = now;
  events.push_back({proven ? DrainEvent::Kind::kDrained : DrainEvent::Kind::kUnverified,
                    "after " + Seconds(now - since_)});
}

DrainState EndpointDrain::state() const {
  if (leases_.empty()) return ramp_ ? DrainState::kWarming : DrainState::kReady;
  if (gone_at_) return DrainState::kGone;
  if (verdict_ == Verdict::kProven) return DrainState::kDrained;
  if (verdict_ == Verdict::kUnverified) return DrainState::kUnverified;
  const bool overdue = std::any_of(leases_.begin(), leases_.end(),
                                   [](const HeldLease& held) { return held.lapsed; });
  return overdue ? DrainState::kOverdue : DrainState::kDraining;
}

std::vector<std::string> EndpointDrain::ToUndo() const {
  std::vector<std::string> ids;
  for (const HeldLease& held : leases_) {
    if (held.lapsed && held.lease.on_deadline == store::OnDeadline::kUndo) {
      ids.push_back(held.lease.id);
    }
  }
  return ids;
}

std::vector<Blocker> EndpointDrain::Blockers(base::Time now) const {
  std::vector<Blocker> out;
  if (leases_.empty() || verdict_ == Verdict::kProven) return out;
  if (soft(now)) {
    base::Time hard = base::Time::max();
    for (const HeldLease& held : leases_) hard = std::min(hard, held.soft_until);
    out.push_back({"soft", "conversations may go on there for " + Seconds(hard - now)});
  }
  if (last_.predecessor) {
    out.push_back({"predecessor", "the daemon before this one still serves requests"});
  }
  if (last_.owed.in_flight > 0) {
    out.push_back({"in-flight", Count(last_.owed.in_flight, "request") + " in flight"});
  }
  if (last_.owed.fallbacks > 0) {
    out.push_back({"fallbacks", Count(last_.owed.fallbacks, "request") +
                                    " may still be sent there by the gateway"});
  }
  if (!zero_since_ || !out.empty()) return out;
  const base::Time settled = *zero_since_ + settle();
  if (now < settled) {
    out.push_back({"settling", "settling, " + Seconds(settled - now) + " left"});
  } else if (last_.page && last_.page->begun >= settled) {
    if (last_.page->total() > 0) {
      out.push_back(
          {"foreign", fmt::format("the server has {:g} running and {:g} waiting that this "
                                  "picker did not send or no longer follows",
                                  last_.page->running, last_.page->waiting)});
    }
  } else {
    out.push_back({"page", "no metrics page since tells what the server still has"});
  }
  return out;
}

}  // namespace inference::control
