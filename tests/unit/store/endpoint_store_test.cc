#include "store/endpoint_store.h"

#include <catch2/catch.hpp>

#include "store/manifest_store.h"
#include "support/temp_dir.h"

namespace inference::store {
namespace {

using std::chrono::milliseconds;

const base::WallTime kNow{std::chrono::seconds(1'700'000'000)};

std::unique_ptr<EndpointStore> OpenIn(const testing::TempDir& dir, int64_t keep = 1000) {
  auto store = EndpointStore::Open(dir / "state.db", keep);
  REQUIRE(store.ok());
  return std::move(*store);
}

Lease Make(const std::string& id, const std::string& owner) {
  Lease lease;
  lease.id = id;
  lease.endpoint = {"llm", "gpu-1", "10.2.0.11", 8000};
  lease.owner = owner;
  lease.peer = "root (uid 0)";
  lease.reason = "kernel upgrade";
  lease.soft_for = milliseconds(1500);
  lease.created = kNow;
  lease.timeout = milliseconds(60'000);
  lease.deadline = kNow + milliseconds(60'000);
  lease.on_deadline = OnDeadline::kForce;
  lease.settle = milliseconds(2000);
  return lease;
}

TEST_CASE("leases outlive the process, whole") {
  const testing::TempDir dir;
  Lease open_ended = Make("d-2", "bob");
  open_ended.deadline.reset();
  open_ended.on_deadline = OnDeadline::kUndo;
  open_ended.endpoint.address = "fd00::1";
  REQUIRE(OpenIn(dir)->Commit({{Make("d-1", "alice"), open_ended}, {}, {}}).ok());
  const auto leases = OpenIn(dir)->Leases();
  REQUIRE(leases.ok());
  CHECK(*leases == std::vector{Make("d-1", "alice"), open_ended});
  CHECK((*leases)[1].endpoint.ToString() == "llm/gpu-1 ([fd00::1]:8000)");
}

TEST_CASE("an owner has one lease on an endpoint; others keep theirs") {
  const testing::TempDir dir;
  const auto store = OpenIn(dir);
  Lease changed = Make("d-1", "alice");
  changed.reason = "other";
  REQUIRE(store->Commit({{Make("d-1", "alice"), Make("d-2", "bob")}, {}, {}}).ok());
  REQUIRE(store->Commit({{changed}, {}, {}}).ok());
  CHECK(*store->Leases() == std::vector{changed, Make("d-2", "bob")});
  REQUIRE(store->Commit({{}, {"d-1", "unknown"}, {}}).ok());
  CHECK(*store->Leases() == std::vector{Make("d-2", "bob")});
}

TEST_CASE("an endpoint has one weight, until it is taken away") {
  const testing::TempDir dir;
  const Weight half{{"llm", "gpu-1", "10.2.0.11", 8000}, 500, "root (uid 0)", "a fan", kNow};
  Weight other = half;
  other.endpoint.port = 8001;
  EndpointStore::Change change;
  change.weights = {half, other};
  REQUIRE(OpenIn(dir)->Commit(change).ok());
  CHECK(*OpenIn(dir)->Weights() == std::vector{half, other});
  Weight less = half;
  less.permille = 1;
  change = {};
  change.weights = {less};
  change.unweighted = {other.endpoint, {"llm", "unknown", "10.2.0.11", 8000}};
  REQUIRE(OpenIn(dir)->Commit(change).ok());
  CHECK(*OpenIn(dir)->Weights() == std::vector{less});
}

TEST_CASE("operations: the newest first, the oldest forgotten") {
  const testing::TempDir dir;
  const auto store = OpenIn(dir, 3);
  for (int i = 1; i <= 5; ++i) {
    EndpointStore::Change change;
    change.operations.push_back({0, kNow + milliseconds(i), "alice", "drain", "why",
                                 "endpoint " + std::to_string(i), "before", "after"});
    REQUIRE(store->Commit(change).ok());
  }
  const auto all = store->Operations(10);
  REQUIRE(all.ok());
  REQUIRE(all->size() == 3);
  CHECK((*all)[0].subject == "endpoint 5");
  CHECK((*all)[0].id > (*all)[1].id);
  CHECK((*all)[2].subject == "endpoint 3");
  CHECK((*all)[0].at == kNow + milliseconds(5));
  CHECK((*all)[0].before == "before");
  CHECK((*all)[0].after == "after");
  CHECK(store->Operations(1)->size() == 1);
}

TEST_CASE("a file of the release before leases has them after it was opened") {
  const testing::TempDir dir;
  {
    auto database = Database::Open(dir / "state.db");
    REQUIRE(database.ok());
    // As the first release made it.
    REQUIRE(database
                ->Execute("CREATE TABLE revision(generation INTEGER PRIMARY KEY, at_ms INTEGER NOT "
                          "NULL, who TEXT NOT NULL, verb TEXT NOT NULL, reason TEXT NOT NULL) "
                          "STRICT; CREATE TABLE object(id INTEGER PRIMARY KEY, api_group TEXT NOT "
                          "NULL, kind TEXT NOT NULL, ns TEXT NOT NULL, name TEXT NOT NULL, text "
                          "TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER) STRICT; INSERT "
                          "INTO revision VALUES(7, 1, 'alice', 'apply', ''); PRAGMA user_version=1")
                .ok());
  }
  REQUIRE(OpenIn(dir)->Commit({{Make("d-1", "alice")}, {}, {}}).ok());
  const auto manifests = ManifestStore::Open(dir / "state.db");
  REQUIRE(manifests.ok());
  CHECK(*(*manifests)->generation() == 7);
  CHECK(OpenIn(dir)->Leases()->size() == 1);
  CHECK(OpenIn(dir)->Weights()->empty());
}

}  // namespace
}  // namespace inference::store
