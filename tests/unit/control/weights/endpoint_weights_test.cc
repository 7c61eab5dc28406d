#include "control/weights/endpoint_weights.h"

#include <catch2/catch.hpp>

#include "store/database.h"
#include "support/temp_dir.h"

namespace inference::control {
namespace {

using datastore::Endpoint;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Shared = std::shared_ptr<Endpoint>;

class FakeClock final : public base::Clock {
 public:
  base::Time Now() const override { return now; }
  base::WallTime WallNow() const override {
    return base::WallTime(std::chrono::duration_cast<base::WallTime::duration>(
        seconds(1'700'000'000) + (now - base::FromNanos(0))));
  }
  base::Time now = base::FromNanos(1'000'000'000'000);
};

Shared MakeEndpoint(const std::string& name, api::Labels labels = {}) {
  datastore::EndpointInfo info;
  info.ns = "llm";
  info.name = name;
  info.address = "10.0.0." + name.substr(name.size() - 1);
  info.port = 8000;
  info.host_port = datastore::JoinHostPort(info.address, 8000);
  info.labels = std::move(labels);
  return std::make_shared<Endpoint>(std::move(info));
}

store::EndpointKey Key(const Shared& endpoint) {
  const auto& info = endpoint->info();
  return {info.ns, info.name, info.address, info.port};
}

struct World {
  World() { Start(); }
  void Start(bool attach = true) {
    weights.reset();
    store = *store::EndpointStore::Open(dir / "state.db");
    weights = std::make_unique<EndpointWeights>(clock, events);
    REQUIRE(weights->Load(*store).ok());
    if (attach) Attach();
  }
  void Attach() {
    api::InferencePool spec;
    spec.meta.ns = "llm";
    spec.meta.name = "qwen3";
    picker::PoolRuntime pool;
    pool.pool = std::make_shared<const datastore::Pool>(spec, endpoints);
    pool.slow_start.window = api::Field<std::chrono::nanoseconds>(window);
    pool.read.stale_after = seconds(2);
    std::vector<picker::PoolRuntime> pools{pool};
    if (!others.empty()) {
      spec.meta.name = "other";
      pool.pool = std::make_shared<const datastore::Pool>(std::move(spec), others);
      pool.slow_start.window = api::Field<std::chrono::nanoseconds>(others_window);
      pools.push_back(pool);
    }
    weights->Attach(std::make_shared<const picker::Runtime>(
        ++generation, std::move(pools), std::unordered_map<std::string, std::string>{}));
  }
  WeightAnswer Set(const store::EndpointKey& key, uint32_t permille,
                   const std::string& reason = "a fan is broken", bool dry_run = false) {
    return weights->Set({{key}, permille, "alice (uid 7)", reason, dry_run});
  }
  void Scrape(const Shared& endpoint) const {
    endpoint->ScrapeApplied(endpoint->ScrapeBegins(), clock.now);
  }
  void Pass(base::Duration time) {
    clock.now += time;
    weights->Tick();
  }
  size_t Told(std::string_view kind) const {
    size_t n = 0;
    for (const telemetry::Event& event : events.After(0, 1000)) n += event.kind.name == kind;
    return n;
  }

  testing::TempDir dir;
  FakeClock clock;
  telemetry::EventLog events{clock};
  std::vector<Shared> endpoints{MakeEndpoint("gpu-1"), MakeEndpoint("gpu-2")};
  std::vector<Shared> others;  // of another pool
  base::Duration window{0}, others_window{0};
  uint64_t generation = 0;
  std::unique_ptr<store::EndpointStore> store;
  std::unique_ptr<EndpointWeights> weights;
};

TEST_CASE("a weight is in force when it answers, outlives the process, and is in the history") {
  World w;
  const WeightAnswer answer = w.Set(Key(w.endpoints[0]), 500);
  REQUIRE(answer.status.ok());
  REQUIRE(answer.rows.size() == 1);
  CHECK(answer.rows[0].before == 1000);
  CHECK(answer.rows[0].after == 500);
  CHECK(w.endpoints[0]->weight() == 500);
  CHECK(w.endpoints[0]->weight_note() == "weight 50 % by alice (uid 7): a fan is broken");
  CHECK(w.endpoints[1]->weight() == 1000);
  const auto operations = *w.store->Operations(10);
  REQUIRE(operations.size() == 1);
  CHECK(operations[0].verb == "endpoint weight");
  CHECK(operations[0].subject == "endpoint llm/gpu-1 (10.0.0.1:8000)");
  CHECK(operations[0].before == "100 %");
  CHECK(operations[0].after == "50 %");
  CHECK(operations[0].reason == "a fan is broken");
  CHECK(w.Told("Weighted") == 1);

  w.endpoints = {MakeEndpoint("gpu-1"), MakeEndpoint("gpu-2")};
  w.Start();
  CHECK(w.endpoints[0]->weight() == 500);
  REQUIRE(w.Set(Key(w.endpoints[0]), 1000).status.ok());
  CHECK(w.endpoints[0]->weight() == 1000);
  CHECK(w.endpoints[0]->weight_note().empty());
  CHECK(w.store->Weights()->empty());
}

TEST_CASE("the same weight again changes nothing, and a dry run never") {
  World w;
  REQUIRE(w.Set(Key(w.endpoints[0]), 500, "x", /*dry_run=*/true).status.ok());
  CHECK(w.endpoints[0]->weight() == 1000);
  CHECK(w.store->Operations(10)->empty());
  REQUIRE(w.Set(Key(w.endpoints[0]), 1000).status.ok() == true);
  REQUIRE(w.Set(Key(w.endpoints[0]), 500, "x").status.ok());
  REQUIRE(w.Set(Key(w.endpoints[0]), 500, "x").status.ok());
  CHECK(w.store->Operations(10)->size() == 1);
  REQUIRE(w.Set(Key(w.endpoints[0]), 500, "another reason").status.ok());
  CHECK(w.store->Weights()->front().reason == "another reason");
  CHECK(w.Told("Weighted") == 1);
}

TEST_CASE("what the disk doesn't take is not in force") {
  World w;
  REQUIRE(w.Set(Key(w.endpoints[0]), 500).status.ok());
  REQUIRE(store::Database::Open(w.dir / "state.db")->Execute("DROP TABLE weight").ok());
  CHECK_FALSE(w.Set(Key(w.endpoints[0]), 100).status.ok());
  CHECK_FALSE(w.Set(Key(w.endpoints[1]), 100).status.ok());
  CHECK(w.endpoints[0]->weight() == 500);
  CHECK(w.endpoints[1]->weight() == 1000);
  CHECK(w.Told("Weighted") == 1);
}

TEST_CASE("a relabelled endpoint keeps its weight; another one in its place has none") {
  World w;
  REQUIRE(w.Set(Key(w.endpoints[0]), 300).status.ok());
  w.endpoints[0] = MakeEndpoint("gpu-1", {{"zone", "a"}});
  w.Attach();
  CHECK(w.endpoints[0]->weight() == 300);
  w.endpoints[0] = MakeEndpoint("gpu-9");
  w.Attach();
  CHECK(w.endpoints[0]->weight() == 1000);
}

TEST_CASE("the weight of an endpoint that is gone is forgotten after a while, not before") {
  World w;
  const auto key = Key(w.endpoints[0]);
  REQUIRE(w.Set(key, 300).status.ok());
  w.endpoints.erase(w.endpoints.begin());
  w.Attach();
  CHECK(w.weights->WakeAt() == w.clock.now + EndpointWeights::kForgetGone);
  w.Pass(EndpointWeights::kForgetGone - seconds(1));
  CHECK(w.store->Weights()->size() == 1);
  CHECK(w.Set(key, 200).status.ok());  // it can still be changed
  w.Pass(seconds(1));
  CHECK(w.store->Weights()->empty());
  CHECK(w.store->Operations(10)->front().reason == "the endpoint is gone");
  CHECK(w.weights->WakeAt() == base::Time::max());
  CHECK(w.Set(key, 200).status.code() == Code::kNotFound);
}

TEST_CASE("an endpoint is gone since it went; when it returns it is not") {
  World w;
  const Shared first = w.endpoints[0];
  REQUIRE(w.Set(Key(first), 300).status.ok());
  const auto go = [&] {
    w.endpoints = {w.endpoints.back()};
    w.Attach();
  };
  go();
  w.Pass(std::chrono::minutes(40));
  w.endpoints.insert(w.endpoints.begin(), first);
  w.Attach();
  w.Pass(std::chrono::minutes(40));
  CHECK(w.store->Weights()->size() == 1);
  go();
  w.Pass(std::chrono::minutes(40));
  go();  // nothing changes for it
  w.Pass(std::chrono::minutes(20));
  CHECK(w.store->Weights()->empty());
}

TEST_CASE("a weight that is taken from an endpoint that is gone is not forgotten once more") {
  World w;
  const auto key = Key(w.endpoints[0]);
  REQUIRE(w.Set(key, 300).status.ok());
  w.endpoints.erase(w.endpoints.begin());
  w.Attach();
  REQUIRE(w.Set(key, 1000).status.ok());
  w.Pass(EndpointWeights::kForgetGone);
  CHECK(w.store->Operations(10)->size() == 2);
}

TEST_CASE("beside a daemon that has the state file nothing is forgotten, and its weights hold") {
  World w;
  const auto key = Key(w.endpoints[0]);
  REQUIRE(w.Set(key, 300).status.ok());
  w.weights->SetOwner(false);
  const Shared first = w.endpoints[0];
  w.endpoints.erase(w.endpoints.begin());
  w.Attach();
  w.Pass(EndpointWeights::kForgetGone);
  CHECK(w.store->Weights()->size() == 1);
  store::EndpointStore::Change change;
  change.weights.push_back({Key(w.endpoints[0]), 700, "bob", "", w.clock.WallNow()});
  REQUIRE((*store::EndpointStore::Open(w.dir / "state.db"))->Commit(change).ok());
  REQUIRE(w.weights->Load(*w.store).ok());
  w.weights->SetOwner(true);
  CHECK(w.endpoints[0]->weight() == 700);
  w.Pass(milliseconds(100));
  REQUIRE(w.store->Weights()->size() == 1);
  CHECK(w.store->Weights()->front().who == "bob");
}

TEST_CASE(
    "bug: a daemon that took over ended when a weight was gone that its predecessor removed") {
  World w;
  w.weights->SetOwner(false);
  store::EndpointStore::Change change;
  const store::EndpointKey removed{"llm", "gpu-7", "10.0.0.7", 8000};
  change.weights.push_back({removed, 300, "bob", "", w.clock.WallNow()});
  const auto before = *store::EndpointStore::Open(w.dir / "state.db");
  REQUIRE(before->Commit(change).ok());
  REQUIRE(w.weights->Load(*w.store).ok());
  w.Attach();
  change = {};
  change.unweighted.push_back(removed);
  const store::EndpointKey fresh{"llm", "gpu-8", "10.0.0.8", 8000};
  change.weights.push_back({fresh, 300, "bob", "", w.clock.WallNow()});
  REQUIRE(before->Commit(change).ok());
  w.weights->SetOwner(true);
  REQUIRE(w.weights->Load(*w.store).ok());
  REQUIRE_NOTHROW(w.Pass(EndpointWeights::kForgetGone));
  CHECK(w.store->Weights()->empty());  // and what it set for one that was gone is forgotten too
}

TEST_CASE("what can't be kept, or isn't there, is refused whole") {
  World w;
  EndpointWeights nothing_kept(w.clock, w.events);
  CHECK(nothing_kept.Set({{Key(w.endpoints[0])}, 500, "a", "b"}).status.code() ==
        Code::kFailedPrecondition);
  w.weights->SetOwner(false);
  CHECK(w.Set(Key(w.endpoints[0]), 500).status.code() == Code::kUnavailable);
  w.weights->SetOwner(true);
  const WeightAnswer answer =
      w.weights->Set({{Key(w.endpoints[0]), {"llm", "gpu-7", "10.0.0.7", 8000}}, 500, "a", "b"});
  CHECK(answer.status.code() == Code::kNotFound);
  CHECK(w.endpoints[0]->weight() == 1000);
  CHECK(w.store->Weights()->empty());
}

TEST_CASE("those of the start are not new; one that joins them begins slowly") {
  World w;
  w.window = seconds(10);
  w.Start();
  CHECK(w.weights->WakeAt() == w.clock.now + EndpointWeights::kLook);
  for (const Shared& endpoint : w.endpoints) w.Scrape(endpoint);
  w.Pass(milliseconds(100));
  CHECK(w.endpoints[0]->weight() == 1000);
  CHECK(w.endpoints[1]->weight() == 1000);

  w.endpoints.push_back(MakeEndpoint("gpu-3"));
  w.Attach();
  CHECK(w.endpoints[2]->weight() == 100);  // before its first page, and before its first pick
  w.Pass(seconds(60));
  CHECK(w.endpoints[2]->weight() == 100);
  w.Scrape(w.endpoints[2]);
  w.Pass(milliseconds(100));
  w.Pass(seconds(5));
  CHECK(w.endpoints[2]->weight() == 550);
  w.Attach();  // another configuration is no new beginning
  CHECK(w.endpoints[2]->weight() == 550);
  CHECK(w.endpoints[2]->weight_note() == "slow start, 55 %");
  CHECK(w.endpoints[2]->share(datastore::WeightOf::kSlowStart) == 550);
  REQUIRE(w.Set(Key(w.endpoints[2]), 500, "").status.ok());
  CHECK(w.endpoints[2]->weight() == 275);
  CHECK(w.endpoints[2]->weight_note() == "weight 50 % by alice (uid 7); slow start, 55 %");
  w.Pass(seconds(5));
  CHECK(w.endpoints[2]->weight() == 500);
  CHECK(w.Told("Warming") == 1);
  CHECK(w.Told("Warm") == 1);
  CHECK(w.endpoints[0]->weight() == 1000);
}

TEST_CASE(
    "an endpoint that returns begins slowly: unreachable, ejected, drained or asleep before") {
  World w;
  w.window = seconds(10);
  w.Start();
  for (const Shared& endpoint : w.endpoints) w.Scrape(endpoint);
  w.Pass(milliseconds(100));
  Endpoint& e = *w.endpoints[0];
  struct Row {
    const char* name;
    std::function<void()> leave, back;
  };
  const std::vector<Row> rows = {
      {"unreachable",
       [&] {
         e.RecordFailure();
         e.RecordFailure();
       },
       [&] { e.RecordSuccess(); }},
      {"ejected", [&] { e.Eject("x"); }, [&] { e.Readmit(); }},
      {"drained", [&] { e.SetAdmission(datastore::Admission::kClosed, ""); },
       [&] { e.SetAdmission(datastore::Admission::kOpen, ""); }},
      {"asleep", [&] { e.metrics.asleep.Set(1, w.clock.now); },
       [&] { e.metrics.asleep.Set(0, w.clock.now); }}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    REQUIRE(e.weight() == 1000);
    row.leave();
    w.Pass(milliseconds(100));
    CHECK(e.weight() == 1000);
    w.Pass(SlowStart::kAway);
    CHECK(e.weight() == 100);
    row.back();
    w.Pass(milliseconds(100));
    CHECK(e.weight() == 100);
    w.Pass(seconds(5));
    CHECK(e.weight() == 550);
    w.Pass(seconds(5));
  }
}

TEST_CASE("when all come back at once, none waits for the others") {
  World w;
  w.window = seconds(10);
  w.Start();
  for (const Shared& endpoint : w.endpoints) {
    w.Scrape(endpoint);
    endpoint->Eject("x");
  }
  w.Pass(milliseconds(100));
  w.Pass(seconds(5));
  for (const Shared& endpoint : w.endpoints) endpoint->Readmit();
  w.Pass(milliseconds(100));
  CHECK(w.endpoints[0]->weight() == 1000);
  CHECK(w.endpoints[1]->weight() == 1000);
}

TEST_CASE("an endpoint that rises itself carries nothing for another one") {
  World w;
  w.window = seconds(10);
  w.endpoints = {MakeEndpoint("gpu-1")};
  w.Start();
  w.Scrape(w.endpoints[0]);
  w.endpoints.push_back(MakeEndpoint("gpu-2"));
  w.Scrape(w.endpoints[1]);
  w.Attach();
  CHECK(w.endpoints[1]->weight() == 100);
  w.endpoints[0]->Eject("x");
  w.endpoints.push_back(MakeEndpoint("gpu-3"));
  w.Scrape(w.endpoints[2]);
  w.Attach();
  CHECK(w.endpoints[2]->weight() == 1000);
}

TEST_CASE("an endpoint that goes while it rises is not told to be warm") {
  World w;
  w.window = seconds(10);
  w.Start();
  for (const Shared& endpoint : w.endpoints) w.Scrape(endpoint);
  w.endpoints.push_back(MakeEndpoint("gpu-3"));
  w.Scrape(w.endpoints[2]);
  w.Attach();
  CHECK(w.Told("Warming") == 1);
  w.endpoints[2]->Eject("x");
  w.Pass(milliseconds(100));
  w.Pass(SlowStart::kAway);
  CHECK(w.endpoints[2]->weight() == 100);
  CHECK(w.Told("Warm") == 0);
}

TEST_CASE(
    "of two pools the longest window counts, and who is in one carries nothing in the other") {
  World w;
  w.window = seconds(10);
  w.others_window = seconds(5);
  w.others = {MakeEndpoint("gpu-3")};
  w.Start();
  const Shared both = MakeEndpoint("gpu-4"), alone = MakeEndpoint("gpu-5");
  for (const Shared& e : {w.endpoints[0], w.endpoints[1], w.others[0], both, alone}) w.Scrape(e);
  w.endpoints.push_back(both);
  w.others.push_back(both);
  w.Attach();
  w.Pass(seconds(5));
  CHECK(both->weight() == 550);
  w.others = {alone};
  w.Attach();
  CHECK(alone->weight() == 1000);
}

}  // namespace
}  // namespace inference::control
