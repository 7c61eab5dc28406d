#include "datastore/endpoint.h"

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
  endpoint->ScrapeApplied(mark);
  CHECK(endpoint->UnseenPicks() == 1);  // the page knows of the first only
  Reservation after(endpoint);
  CHECK(endpoint->UnseenPicks() == 2);
  before.End();
  during.End();
  CHECK(endpoint->UnseenPicks() == 1);  // no more than are in flight
  endpoint->ScrapeApplied(endpoint->ScrapeBegins());
  CHECK(endpoint->UnseenPicks() == 0);
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
