#include "datastore/endpoint.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

namespace inference::datastore {
namespace {

std::shared_ptr<Endpoint> Make(std::string name = "e") {
  EndpointInfo info;
  info.name = std::move(name);
  return std::make_shared<Endpoint>(std::move(info));
}

TEST_CASE("host and port are joined, IPv6 in brackets") {
  CHECK(JoinHostPort("10.0.0.1", 8000) == "10.0.0.1:8000");
  CHECK(JoinHostPort("::1", 8000) == "[::1]:8000");
}

TEST_CASE("ids are never the same") {
  CHECK(Make()->id() != Make()->id());
}

TEST_CASE("a reservation counts exactly once, however it ends") {
  const auto endpoint = Make();
  {
    Reservation first(endpoint);
    CHECK(endpoint->in_flight() == 1);
    Reservation moved(std::move(first));
    CHECK_FALSE(first.active());
    CHECK(endpoint->in_flight() == 1);
    moved.End();
    moved.End();
    CHECK(endpoint->in_flight() == 0);
    Reservation second(endpoint);
    second = Reservation(endpoint);  // the old one ends
    CHECK(endpoint->in_flight() == 1);
    Reservation& same = second;
    second = std::move(same);
    CHECK(second.active());
    CHECK(endpoint->in_flight() == 1);
  }
  CHECK(endpoint->in_flight() == 0);
  CHECK(endpoint->picks() == 3);
}

TEST_CASE("a reservation moves to the endpoint that really served") {
  const auto a = Make(), b = Make();
  Reservation reservation(a);
  reservation.MoveTo(b);
  CHECK(a->in_flight() == 0);
  CHECK(b->in_flight() == 1);
  reservation.MoveTo(b);
  reservation.MoveTo(nullptr);
  CHECK(b->in_flight() == 1);
  CHECK(b->picks() == 1);
  Reservation ended;
  ended.MoveTo(a);
  CHECK(a->in_flight() == 0);
}

TEST_CASE("unseen picks are those since the scrape began, still in flight") {
  const auto endpoint = Make();
  Reservation before(endpoint);
  CHECK(endpoint->UnseenPicks() == 1);
  const uint64_t mark = endpoint->ScrapeBegins();
  Reservation during(endpoint);
  endpoint->ScrapeApplied(mark, base::Time{});
  CHECK(endpoint->UnseenPicks() == 1);  // the page knows of the first only
  Reservation after(endpoint);
  CHECK(endpoint->UnseenPicks() == 2);
  before.End();
  during.End();
  CHECK(endpoint->UnseenPicks() == 1);  // no more than are in flight
  endpoint->ScrapeApplied(endpoint->ScrapeBegins(), base::Time{});
  CHECK(endpoint->UnseenPicks() == 0);
}

TEST_CASE("a closed endpoint takes no pick and is no fallback") {
  const auto open = Make(), closed = Make();
  closed->SetAdmission(Admission::kClosed, "Draining by alice");
  CHECK(closed->admission_note() == "Draining by alice");
  CHECK_FALSE(Reservation::Try(closed).active());
  CHECK(closed->commitment().total() == 0);
  CHECK(closed->commitment().arrivals == 0);
  Reservation reservation = Reservation::Try(open);
  REQUIRE(reservation.active());
  CHECK_FALSE(reservation.TryFallback(closed));
  CHECK(closed->commitment().total() == 0);
  closed->SetAdmission(Admission::kPinned, "");
  CHECK(Reservation::Try(closed).active());
  CHECK_FALSE(reservation.TryFallback(closed));  // pinned requests are sent, not spilled
}

TEST_CASE("a fallback is owed until it is known who served, or the request ends") {
  const auto a = Make(), b = Make(), c = Make();
  Reservation reservation(a);
  REQUIRE(reservation.TryFallback(b));
  REQUIRE(reservation.TryFallback(c));
  CHECK(b->commitment().fallbacks == 1);
  CHECK(b->commitment().total() == 1);
  Reservation moved(std::move(reservation));
  moved.MoveTo(b);
  CHECK(a->commitment().total() == 0);
  CHECK(b->commitment().fallbacks == 0);
  CHECK(b->commitment().in_flight == 1);
  CHECK(c->commitment().total() == 0);
  Reservation served_first(a);
  REQUIRE(served_first.TryFallback(b));
  served_first.MoveTo(a);  // as picked
  CHECK(b->commitment().fallbacks == 0);
  Reservation ended(a);
  REQUIRE(ended.TryFallback(c));
  ended.End();
  CHECK(c->commitment().total() == 0);
}

TEST_CASE("a weight stays within its bounds") {
  const auto endpoint = Make();
  CHECK(endpoint->weight() == Endpoint::kFullWeight);
  endpoint->SetWeight(WeightOf::kUndrain, 0, "warming");
  CHECK(endpoint->weight() == 1);
  CHECK(endpoint->weight_note() == "warming");
  endpoint->SetWeight(WeightOf::kUndrain, 5000, "what is whole needs no reason");
  CHECK(endpoint->weight() == Endpoint::kFullWeight);
  CHECK(endpoint->weight_note().empty());
}

TEST_CASE("shares of a weight multiply, each with its reason") {
  const auto endpoint = Make();
  endpoint->SetWeight(WeightOf::kSlowStart, 500, "slow start");
  endpoint->SetWeight(WeightOf::kOperator, 300, "by alice");
  CHECK(endpoint->weight() == 150);
  CHECK(endpoint->share(WeightOf::kOperator) == 300);
  CHECK(endpoint->weight_note() == "by alice; slow start");
  endpoint->SetWeight(WeightOf::kSlowStart, 1, "");
  CHECK(endpoint->weight() == 1);  // never nothing
}

TEST_CASE("an ejected endpoint takes what has nowhere else to go; half open it takes one request") {
  const auto endpoint = Make();
  endpoint->Eject("connections fail");
  CHECK(endpoint->ejection_note() == "ejected: the gateway reports that connections fail");
  CHECK_FALSE(endpoint->reachable());
  CHECK_FALSE(Reservation::Try(endpoint).active());
  CHECK(endpoint->commitment().total() == 0);
  CHECK(endpoint->picks() == 0);
  CHECK(Reservation::Try(endpoint, /*ejected_too=*/true).active());
  endpoint->OfferTrial();
  CHECK(endpoint->reachable());
  CHECK(endpoint->ejection_note() ==
        "half open, the next request tries it: the gateway reports that connections fail");
  CHECK(Reservation::Try(endpoint, /*ejected_too=*/true).active());
  CHECK(endpoint->ejection() == Ejection::kTrialDue);  // that one was no trial
  CHECK(Reservation::Try(endpoint).active());
  CHECK(endpoint->ejection_note() ==
        "half open, a request tries it: the gateway reports that connections fail");
  CHECK_FALSE(endpoint->reachable());
  CHECK_FALSE(Reservation::Try(endpoint).active());
  endpoint->Readmit();
  CHECK(endpoint->ejection_note().empty());
  CHECK(Reservation::Try(endpoint).active());
  CHECK(endpoint->in_flight() == 0);
  CHECK(endpoint->ejections() == 1);
}

// What Endpoint::commitment() promises: once a closed endpoint owes nothing, nothing runs there and
// nothing comes. Each thread looks, between its pick and its end, whether that was just claimed.
TEST_CASE("a closed endpoint that owes nothing runs nothing, with many threads") {
  const auto endpoint = Make(), other = Make();
  std::atomic<bool> claimed{false}, stop{false}, wrong{false};
  std::vector<std::thread> threads;
  const auto run = [&] {
    for (int look = 0; look < 20; ++look) wrong = wrong || claimed.load();
  };
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      while (!stop.load()) {
        Reservation reservation = Reservation::Try(t == 0 ? other : endpoint);
        if (!reservation.active()) continue;
        if (t == 0) {
          if (!reservation.TryFallback(endpoint)) continue;
          reservation.MoveTo(endpoint);
        }
        run();
      }
    });
  }
  for (int round = 0; round < 300; ++round) {
    const uint64_t before = endpoint->picks();
    while (endpoint->picks() < before + 20) std::this_thread::yield();
    endpoint->SetAdmission(Admission::kClosed, "");
    while (endpoint->commitment().total() != 0) std::this_thread::yield();
    claimed = true;
    claimed = false;
    endpoint->SetAdmission(Admission::kOpen, "");
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  CHECK_FALSE(wrong);
}

TEST_CASE("two failures in a row make an endpoint unreachable, any success ends it") {
  const auto endpoint = Make();
  CHECK(endpoint->reachable());
  endpoint->RecordFailure();
  CHECK(endpoint->reachable());
  CHECK_FALSE(endpoint->RecordSuccess());
  endpoint->RecordFailure();
  CHECK(endpoint->reachable());
  endpoint->RecordFailure();
  CHECK_FALSE(endpoint->reachable());
  CHECK(endpoint->RecordSuccess());
  CHECK(endpoint->reachable());
}

TEST_CASE("counts are right with many threads") {
  const auto endpoint = Make();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) {
        Reservation reservation(endpoint);
        if (i % 2 == 0) reservation.End();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(endpoint->in_flight() == 0);
  CHECK(endpoint->picks() == 20000);
}

}  // namespace
}  // namespace inference::datastore
