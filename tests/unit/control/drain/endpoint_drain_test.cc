#include "control/drain/endpoint_drain.h"

#include <catch2/catch.hpp>

namespace inference::control {
namespace {

using std::chrono::seconds;
using Kind = DrainEvent::Kind;

const base::Time kStart = base::FromNanos(1'000'000'000'000);

base::Time At(double s) {
  return kStart + std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(s));
}

struct Terms {
  base::Duration soft_for{0};
  std::optional<double> deadline = std::nullopt;  // seconds
  store::OnDeadline then = store::OnDeadline::kLeave;
  base::Duration settle = seconds(2);
};

HeldLease Lease(const std::string& owner, const Terms& terms = {}, double now = 0) {
  HeldLease held;
  held.lease.id = "d-" + owner;
  held.lease.owner = owner;
  held.lease.settle = terms.settle;
  held.lease.soft_for = terms.soft_for;
  held.lease.on_deadline = terms.then;
  held.soft_until = At(now) + terms.soft_for;
  if (terms.deadline) held.deadline = At(*terms.deadline);
  return held;
}

DrainObservation Seen(int64_t in_flight, uint64_t arrivals = 0, int64_t fallbacks = 0) {
  DrainObservation seen;
  seen.closed = true;
  seen.owed = {in_flight, fallbacks, arrivals};
  return seen;
}

DrainObservation With(DrainObservation seen, double begun, double running, double waiting = 0) {
  seen.page = ServerPage{At(begun), running, waiting};
  return seen;
}

std::vector<Kind> Kinds(const std::vector<DrainEvent>& events) {
  std::vector<Kind> out;
  for (const DrainEvent& event : events) out.push_back(event.kind);
  return out;
}

std::string Codes(const EndpointDrain& drain, double now) {
  std::string out;
  for (const Blocker& blocker : drain.Blockers(At(now))) {
    CHECK_FALSE(blocker.text.empty());
    out += (out.empty() ? "" : " ") + std::string(blocker.code);
  }
  return out;
}

TEST_CASE("drained: A is 0 and settled, then a page that was asked for after that says 0") {
  EndpointDrain drain;
  drain.Put(Lease("alice"), At(0));
  CHECK(drain.Wanted(At(0)).admission == datastore::Admission::kClosed);
  drain.Observe(With(Seen(2, 9), -1, 2), At(0.1));
  CHECK(drain.state() == DrainState::kDraining);
  CHECK(Codes(drain, 0.1) == "in-flight");
  drain.Observe(Seen(0, 9, 1), At(1));
  CHECK(Codes(drain, 1) == "fallbacks");
  drain.Observe(With(Seen(0, 9), 1.5, 0), At(2));  // settles until 4
  CHECK(Codes(drain, 3) == "settling");
  drain.Observe(With(Seen(0, 9), 3.9, 0), At(4.1));  // asked for too early
  CHECK(drain.state() == DrainState::kDraining);
  CHECK(Codes(drain, 4.1) == "page");
  CHECK(Kinds(drain.Observe(With(Seen(0, 9), 4, 0), At(4.2))) == std::vector{Kind::kDrained});
  CHECK(drain.state() == DrainState::kDrained);
  CHECK(Codes(drain, 5).empty());
  CHECK(*drain.drained_at() - drain.since() == At(4.2) - At(0));
  // What others do there later doesn't undo it; a request of ours does.
  CHECK(drain.Observe(With(Seen(0, 9), 6, 5), At(6.1)).empty());
  CHECK(drain.state() == DrainState::kDrained);
  CHECK(Kinds(drain.Observe(Seen(1, 10), At(7))) == std::vector{Kind::kReopened});
  CHECK(drain.state() == DrainState::kDraining);
}

TEST_CASE("a request that came and went between two looks begins the settling anew") {
  EndpointDrain drain;
  drain.Put(Lease("alice"), At(0));
  drain.Observe(Seen(0, 5), At(0));
  drain.Observe(Seen(0, 6), At(1));  // settles until 3
  drain.Observe(With(Seen(0, 6), 2.5, 0), At(2.9));
  CHECK(drain.state() == DrainState::kDraining);
  drain.Observe(With(Seen(0, 6), 3, 0), At(3.1));
  CHECK(drain.state() == DrainState::kDrained);
}

TEST_CASE("requests that the server has and we don't are foreign, and named") {
  EndpointDrain drain;
  drain.Put(Lease("alice"), At(0));
  drain.Observe(Seen(0), At(0));
  drain.Observe(With(Seen(0), 2, 1, 1), At(2.1));
  CHECK(drain.state() == DrainState::kDraining);
  CHECK(Codes(drain, 2.1) == "foreign");
  CHECK(drain.Blockers(At(2.1))[0].text.find("1 running and 1 waiting") != std::string::npos);
  drain.Observe(With(Seen(0), 20, 1), At(20));  // for as long as pages say so
  CHECK(drain.state() == DrainState::kDraining);
  drain.Observe(With(Seen(0), 21, 0), At(21));
  CHECK(drain.state() == DrainState::kDrained);
}

TEST_CASE("without the server's numbers it is unverified, never drained") {
  EndpointDrain drain;
  drain.Put(Lease("alice"), At(0));
  drain.Observe(Seen(0), At(0));
  drain.Observe(Seen(0), At(6.9));
  CHECK(drain.state() == DrainState::kDraining);
  CHECK(Kinds(drain.Observe(Seen(0), At(7))) == std::vector{Kind::kUnverified});
  CHECK(drain.state() == DrainState::kUnverified);
  CHECK(drain.drained());
  // The numbers come back: either way they count.
  SECTION("0") {
    CHECK(Kinds(drain.Observe(With(Seen(0), 8, 0), At(8))) == std::vector{Kind::kDrained});
    CHECK(drain.state() == DrainState::kDrained);
  }
  SECTION("not 0") {
    CHECK(Kinds(drain.Observe(With(Seen(0), 8, 1), At(8))) == std::vector{Kind::kReopened});
    CHECK(drain.state() == DrainState::kDraining);
  }
}

TEST_CASE("numbers that are old by now are unknown") {
  EndpointDrain drain;
  drain.Put(Lease("alice"), At(0));
  drain.Observe(Seen(0), At(0));
  drain.Observe(With(Seen(0), 3, 1), At(8));
  CHECK(drain.state() == DrainState::kDraining);
  drain.Observe(With(Seen(0), 3, 1), At(8.1));
  CHECK(drain.state() == DrainState::kUnverified);
}

TEST_CASE("soft first, then hard; nothing is proven while it is soft") {
  EndpointDrain drain;
  drain.Put(Lease("alice", {.soft_for = seconds(60)}), At(0));
  CHECK(drain.Wanted(At(59)).admission == datastore::Admission::kPinned);
  DrainObservation seen = With(Seen(0), 50, 0);
  seen.closed = false;
  drain.Observe(seen, At(10));
  drain.Observe(seen, At(51));
  CHECK(drain.state() == DrainState::kDraining);
  CHECK(Codes(drain, 51) == "soft");
  CHECK(drain.Wanted(At(60)).admission == datastore::Admission::kClosed);
  drain.Observe(With(Seen(0), 60, 0), At(60));
  drain.Observe(With(Seen(0), 61.9, 0), At(62));
  CHECK(drain.state() == DrainState::kDraining);
  drain.Observe(With(Seen(0), 62, 0), At(62.1));
  CHECK(drain.state() == DrainState::kDrained);
}

TEST_CASE("a second owner that wants it hard makes it hard") {
  EndpointDrain drain;
  drain.Put(Lease("alice", {.soft_for = seconds(60)}), At(0));
  drain.Put(Lease("bob"), At(1));
  CHECK(drain.Wanted(At(1)).admission == datastore::Admission::kClosed);
  CHECK(drain.Wanted(At(1)).note == "Draining by alice; by bob");
}

TEST_CASE("two owners: it is drained until both are gone") {
  EndpointDrain drain;
  drain.Put(Lease("alice"), At(0));
  drain.Put(Lease("bob"), At(0));
  drain.Remove("d-alice", seconds(0), At(1));
  CHECK(drain.state() == DrainState::kDraining);
  CHECK(drain.Wanted(At(1)).admission == datastore::Admission::kClosed);
  CHECK(drain.LeaseOf("alice") == nullptr);
  REQUIRE(drain.LeaseOf("bob") != nullptr);
  drain.Remove("d-bob", seconds(0), At(2));
  CHECK(drain.state() == DrainState::kReady);
  CHECK(drain.Wanted(At(2)) == Admittance{});
  CHECK(drain.idle());
}

TEST_CASE("overdue: what is left to each lease is done, and never to a drained endpoint") {
  using store::OnDeadline;
  EndpointDrain drain;
  drain.Put(Lease("alice", {.deadline = 10, .then = OnDeadline::kUndo}), At(0));
  drain.Put(Lease("bob", {.deadline = 20, .then = OnDeadline::kForce}), At(0));
  drain.Observe(Seen(1), At(9.9));
  CHECK(drain.state() == DrainState::kDraining);
  CHECK(drain.ToUndo().empty());
  CHECK(Kinds(drain.Observe(Seen(1), At(10))) == std::vector{Kind::kOverdue});
  CHECK(drain.state() == DrainState::kOverdue);
  CHECK(drain.ToUndo() == std::vector<std::string>{"d-alice"});
  CHECK(drain.Observe(Seen(1), At(11)).empty());  // told once
  drain.Remove("d-alice", seconds(0), At(11));
  CHECK(drain.state() == DrainState::kDraining);
  // Drained in time: the deadline is nothing any more.
  drain.Observe(Seen(0), At(12));
  drain.Observe(With(Seen(0), 14, 0), At(14));
  CHECK(drain.state() == DrainState::kDrained);
  CHECK(drain.Observe(With(Seen(0), 14, 0), At(25)).empty());
  CHECK(drain.state() == DrainState::kDrained);
}

TEST_CASE("while the daemon before this one serves, nothing is proven") {
  EndpointDrain drain;
  drain.Put(Lease("alice"), At(0));
  DrainObservation seen = With(Seen(0), 9, 0);
  seen.predecessor = true;
  drain.Observe(seen, At(1));
  drain.Observe(seen, At(10));
  CHECK(drain.state() == DrainState::kDraining);
  CHECK(Codes(drain, 10) == "predecessor");
  drain.Observe(With(Seen(0), 9, 0), At(11));
  drain.Observe(With(Seen(0), 13, 0), At(13));
  CHECK(drain.state() == DrainState::kDrained);
}

TEST_CASE("an endpoint that goes away is gone, with what it had") {
  EndpointDrain drain;
  drain.Put(Lease("alice"), At(0));
  drain.Observe(Seen(2), At(1));
  DrainObservation gone = Seen(2);
  gone.present = false;
  CHECK(Kinds(drain.Observe(gone, At(2))) == std::vector{Kind::kGone});
  CHECK(drain.state() == DrainState::kGone);
  CHECK(drain.lost() == 2);
  CHECK(Kinds(drain.Observe(Seen(0), At(3))) == std::vector{Kind::kBack});
  CHECK(drain.state() == DrainState::kDraining);
  CHECK(drain.lost() == 0);
  // Drained before it went: nothing is lost.
  drain.Observe(With(Seen(0), 5, 0), At(5));
  gone.owed = {};
  drain.Observe(gone, At(6));
  CHECK(drain.state() == DrainState::kGone);
  CHECK(drain.lost() == 0);
}

TEST_CASE("warming: from 1 % to 100 % over the ramp") {
  EndpointDrain drain;
  drain.Put(Lease("alice"), At(0));
  drain.Remove("d-alice", seconds(60), At(0));
  CHECK(drain.state() == DrainState::kWarming);
  CHECK_FALSE(drain.idle());
  CHECK(drain.Wanted(At(0)).admission == datastore::Admission::kOpen);
  CHECK(drain.Wanted(At(0)).weight == 10);
  CHECK(drain.Wanted(At(30)).weight == 500);
  CHECK(drain.Wanted(At(30)).weight_note == "Warming, weight 50 %");
  CHECK(Kinds(drain.Observe(Seen(0), At(60))) == std::vector{Kind::kWarm});
  CHECK(drain.state() == DrainState::kReady);
  CHECK(drain.idle());
  CHECK(drain.Wanted(At(60)) == Admittance{});
  // A drain ends a ramp.
  drain.Put(Lease("bob"), At(61));
  drain.Remove("d-bob", seconds(60), At(61));
  drain.Put(Lease("bob"), At(70));
  CHECK(drain.Wanted(At(70)).weight == datastore::Endpoint::kFullWeight);
  CHECK(drain.state() == DrainState::kDraining);
}

TEST_CASE("the same owner again: another time limit, the same drain") {
  EndpointDrain drain;
  drain.Put(Lease("alice", {.deadline = 10}), At(0));
  drain.Observe(Seen(0), At(0));
  drain.Put(Lease("alice", {.deadline = 100}), At(1.5));
  CHECK(drain.leases().size() == 1);
  CHECK(drain.since() == At(0));
  drain.Observe(With(Seen(0), 2, 0), At(2.1));
  CHECK(drain.state() == DrainState::kDrained);
  drain.ClearDeadlines();
  CHECK_FALSE(drain.leases()[0].deadline);
}

}  // namespace
}  // namespace inference::control
