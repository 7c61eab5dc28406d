#include <catch2/catch.hpp>

#include "extproc/decision_ring.h"
#include "extproc/in_flight.h"
#include "extproc/stream.h"

namespace inference::extproc {
namespace {

const base::Time kNow = base::FromNanos(1'000'000'000'000);

uint64_t Record(DecisionRing& ring, std::string_view id, int status = 0) {
  picker::DecisionRecord& record = ring.Next();
  record.SetRequestId(id);
  record.http_status = status;
  return ring.Commit();
}

TEST_CASE("The ring remembers the newest decisions, by request id") {
  DecisionRing ring(3);
  CHECK(!ring.Find("a"));
  const uint64_t a = Record(ring, "a", 1);
  Record(ring, "b");
  Record(ring, "a", 2);
  CHECK(ring.Find("a")->http_status == 2);
  Record(ring, "c");
  ring.Update(a, {.http_status = 99});  // forgotten by now: must not hit the slot's new owner
  CHECK(ring.Find("c")->http_status == 0);
  CHECK(ring.Find("b"));
  Record(ring, "d");
  CHECK(!ring.Find("b"));
  const std::string longer(100, 'x');
  Record(ring, longer);
  CHECK(ring.Find(longer));
}

TEST_CASE("What the response told is added to its record") {
  DecisionRing ring(3);
  const uint64_t handle = Record(ring, "a", 0);
  ring.Update(handle, {.http_status = 200, .ttft_us = 5, .cached_tokens = 7});
  CHECK(ring.Find("a")->outcome == picker::StreamOutcome::kServed);
  CHECK(ring.Find("a")->http_status == 200);
  CHECK(ring.Find("a")->cached_tokens == 7);
}

TEST_CASE("A ring of no size remembers nothing") {
  DecisionRing ring(0);
  ring.Update(Record(ring, "a"), {});
  CHECK(!ring.Find("a"));
}

UnseenRequest Unseen(const std::shared_ptr<datastore::Endpoint>& endpoint, uint64_t record) {
  UnseenRequest request;
  request.reservation = datastore::Reservation(endpoint);
  request.record = record;
  return request;
}

std::shared_ptr<datastore::Endpoint> MakeEndpoint() {
  return std::make_shared<datastore::Endpoint>(datastore::EndpointInfo{});
}

TEST_CASE("Unseen requests of one id are taken in order, each once") {
  auto table = std::make_unique<InFlightTable>();
  const auto endpoint = MakeEndpoint();
  table->Add("same", Unseen(endpoint, 1), kNow);
  table->Add("same", Unseen(endpoint, 2), kNow);
  CHECK(endpoint->in_flight() == 2);
  CHECK(table->Take("same")->record == 1);
  CHECK(table->Take("same")->record == 2);
  CHECK(!table->Take("same"));
  CHECK(endpoint->in_flight() == 0);
  table->Expire(kNow + std::chrono::hours(1), 0, 1);
  CHECK(endpoint->in_flight() == 0);
}

TEST_CASE("The table of unseen requests is bounded: the oldest ends early") {
  auto table = std::make_unique<InFlightTable>();
  const auto endpoint = MakeEndpoint();
  for (size_t i = 0; i < InFlightTable::kMaxPerShard + 10; ++i) {
    table->Add("same", Unseen(endpoint, i), kNow);
  }
  CHECK(table->size() == InFlightTable::kMaxPerShard);
  CHECK(endpoint->in_flight() == static_cast<int64_t>(InFlightTable::kMaxPerShard));
  table->Expire(kNow + InFlightTable::kDefaultDuration, 0, 1);
  CHECK(table->size() == 0);
}

TEST_CASE("A pool of long requests does not hold back the expiries of others") {
  auto table = std::make_unique<InFlightTable>();
  const auto endpoint = MakeEndpoint();
  for (int i = 0; i < 100; ++i) table->NoteDuration(1, std::chrono::minutes(2));
  UnseenRequest slow = Unseen(endpoint, 1);
  slow.pool_id = 1;
  table->Add("same", std::move(slow), kNow);
  table->Add("same", Unseen(endpoint, 2), kNow);
  table->Expire(kNow + InFlightTable::kDefaultDuration, 0, 1);
  CHECK(table->size() == 1);
  CHECK(table->Take("same")->record == 1);
}

TEST_CASE("What was taken does not count towards the bound") {
  auto table = std::make_unique<InFlightTable>();
  const auto endpoint = MakeEndpoint();
  table->Add("same", Unseen(endpoint, 0), kNow);
  for (size_t i = 0; i < 2 * InFlightTable::kMaxPerShard; ++i) {
    table->Add("same", Unseen(endpoint, i), kNow);
    REQUIRE(table->Take("same"));
  }
  CHECK(table->size() == 1);
  CHECK(endpoint->in_flight() == 1);
}

TEST_CASE("The predicted duration follows what was seen, within bounds") {
  auto table = std::make_unique<InFlightTable>();
  CHECK(table->PredictedDuration(3) == InFlightTable::kDefaultDuration);
  table->NoteDuration(3, std::chrono::milliseconds(1));
  CHECK(table->PredictedDuration(3) == InFlightTable::kMinDuration);
  for (int i = 0; i < 500; ++i) table->NoteDuration(3, std::chrono::hours(1));
  CHECK(table->PredictedDuration(3) == InFlightTable::kMaxDuration);
  CHECK(table->PredictedDuration(1 << 20) == InFlightTable::kDefaultDuration);
}

TEST_CASE("A timer list keeps the first to run out at its front") {
  TimerList list(std::chrono::seconds(5));
  Stream a;
  Stream b;
  Stream c;
  list.Start(a, kNow);
  list.Start(b, kNow + std::chrono::seconds(1));
  list.Start(c, kNow + std::chrono::seconds(2));
  list.Start(a, kNow + std::chrono::seconds(3));
  CHECK(list.front() == &b);
  CHECK(a.deadline == kNow + std::chrono::seconds(8));
  list.Stop(b);
  list.Stop(b);
  CHECK(list.front() == &c);
  list.Stop(a);
  list.Stop(c);
  CHECK(list.front() == nullptr);
}

}  // namespace
}  // namespace inference::extproc
