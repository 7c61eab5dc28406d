#include "extproc/decision_ring.h"

#include <catch2/catch.hpp>
#include <string>

namespace inference::extproc {
namespace {

using picker::PendingByEndpoint;
using picker::StreamOutcome;

struct Ring {
  uint64_t Add(const std::string& id, uint32_t endpoint, int64_t wall_ms) {
    picker::DecisionRecord& record = ring.Next();
    record.SetRequestId(id);
    record.wall_ms = wall_ms;
    if (endpoint != 0) {
      record.n_top = 1;
      record.top[0].endpoint_id = endpoint;
    }
    return ring.Commit();
  }
  std::string Oldest(uint32_t endpoint, PendingByEndpoint known = {}) const {
    ring.OldestPending({endpoint}, known);
    return known.contains(endpoint) ? known.at(endpoint).request_id : "none";
  }
  DecisionRing ring{4};
};

TEST_CASE("the newest record of an id is found, until it is forgotten") {
  Ring r;
  CHECK_FALSE(r.ring.Find("a"));
  r.Add("a", 1, 10);
  r.Add("a", 2, 20);
  r.Add("b", 3, 30);
  REQUIRE(r.ring.Find("a"));
  CHECK(r.ring.Find("a")->wall_ms == 20);
  for (int i = 0; i < 3; ++i) r.Add("c", 1, 40);
  CHECK_FALSE(r.ring.Find("a"));
  CHECK(r.ring.Find("b"));
}

TEST_CASE("the oldest request of an endpoint that has not ended") {
  Ring r;
  CHECK(r.Oldest(0) == "none");  // empty records are no requests
  const uint64_t first = r.Add("first", 1, 10);
  r.Add("second", 1, 20);
  r.Add("other", 2, 5);
  r.Add("refused", 0, 1);
  CHECK(r.Oldest(1) == "first");
  CHECK(r.Oldest(2) == "other");
  CHECK(r.Oldest(3) == "none");
  CHECK(r.Oldest(1, {{1, {"older elsewhere", 9}}}) == "older elsewhere");
  CHECK(r.Oldest(1, {{1, {"younger elsewhere", 11}}}) == "first");
  Observed ended;
  ended.outcome = StreamOutcome::kServed;
  r.ring.Update(first, ended);
  CHECK(r.Oldest(1) == "second");
  for (int i = 0; i < 4; ++i) r.Add("new", 3, 50);
  CHECK(r.Oldest(1) == "none");  // forgotten
}

TEST_CASE("a ring without room remembers nothing") {
  DecisionRing ring(0);
  ring.Next().SetRequestId("a");
  ring.Commit();
  CHECK_FALSE(ring.Find("a"));
  PendingByEndpoint out;
  ring.OldestPending({0, 1}, out);
  CHECK(out.empty());
}

}  // namespace
}  // namespace inference::extproc
