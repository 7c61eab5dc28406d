#include "scheduling/scheduler.h"

#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "fleet.h"

namespace inference::scheduling {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

api::EndpointPickerConfig QueueOnly() {
  return Config({{Plugin("queue-scorer"), 1}});
}

TEST_CASE("the golden picks: queue, KV cache, prefix and LoRA affinity at weight 1") {
  Bench bench(Config({{Plugin("queue-scorer"), 1},
                      {Plugin("kv-cache-utilization-scorer"), 1},
                      {Plugin("prefix-cache-scorer"), 1},
                      {Plugin("lora-affinity-scorer"), 1}}));
  struct Server {
    double queue, kv;
    std::vector<std::string> active;
  };
  const auto pick = [&](const std::vector<Server>& servers, const std::string& model) {
    Fleet fleet(servers.size());
    for (size_t i = 0; i < servers.size(); ++i) {
      fleet.Report(i, servers[i].queue, -1, servers[i].kv);
      std::array<uint64_t, datastore::LoraState::kMaxAdapters> running{};
      for (size_t a = 0; a < servers[i].active.size(); ++a) {
        running[a] = datastore::LoraState::HashAdapter(servers[i].active[a]);
      }
      fleet[i].metrics.lora.Set(running, servers[i].active.size(), {}, 0, 2, kNow);
    }
    bench.Prompt("test1", model);
    return bench.Pick(fleet.pool());
  };
  CHECK(pick({{3, .2, {}}, {0, .1, {}}, {10, .2, {}}}, "m") == "10.0.0.2:8000");
  CHECK(pick({{0, .2, {"foo", "bar"}}, {0, .1, {"foo", "sql-lora"}}, {10, .2, {"foo", "bar"}}},
             "sql-lora") == "10.0.0.2:8000");
  CHECK(pick({{10, .2, {"foo", "bar"}}, {10, .4, {"foo", "sql-lora"}}, {10, .3, {"foo"}}},
             "sql-lora") == "10.0.0.2:8000");
  CHECK(pick({{6, .2, {"foo", "bar", "sql-lora"}}, {0, .85, {"foo"}}, {10, .9, {"foo"}}},
             "sql-lora") == "10.0.0.1:8000");
}

TEST_CASE("weights multiply") {
  Fleet fleet(2);
  fleet.Report(0, 0, -1, .9);
  fleet.Report(1, 9, -1, .1);
  const auto pool = fleet.pool();
  const auto pick = [&](double queue, double kv) {
    return Bench(Config({{Plugin("queue-scorer"), queue},
                         {Plugin("kv-cache-utilization-scorer"), kv}}))
        .Pick(pool);
  };
  CHECK(pick(2, 1) == "10.0.0.1:8000");
  CHECK(pick(1, 2) == "10.0.0.2:8000");
  CHECK(pick(0, 1) == "10.0.0.2:8000");
}

TEST_CASE("scores count in [0,1], and no number counts as the middle") {
  struct Fixed final : Scorer {
    void Score(const PickContext&, std::span<const Candidate>, std::span<float> s) const override {
      s[0] = 7;
      s[1] = -3;
      s[2] = kUnknown;
    }
  };
  PluginRegistry registry = Builtins();
  registry.scorers.Add(
      "fixed", [](const api::PluginSpec&, api::Diagnostics&) { return std::make_unique<Fixed>(); });
  Bench bench(QueueOnly());
  api::Diagnostics out;
  bench.scheduler = Compile(Config({{Plugin("fixed"), 2}}), registry, out);
  REQUIRE(bench.scheduler);
  const auto pool = Fleet(3).pool();
  REQUIRE(bench.Run(pool) == ScheduleError::kNone);
  CHECK(bench.scratch.totals == std::vector<double>{2, 0, 1});
}

TEST_CASE("a stale value is unknown") {
  Bench bench(QueueOnly());
  Fleet fleet(3);
  fleet.Report(0, 0, -1, -1, kNow - milliseconds(2001));  // looks idle, but says nothing
  fleet.Report(1, 3, -1, -1, kNow - milliseconds(1999));
  fleet.Report(2, 9, -1, -1);
  CHECK(bench.Pick(fleet.pool()) == "10.0.0.2:8000");
  bench.options.stale_after = seconds(3);
  CHECK(bench.Pick(fleet.pool()) == "10.0.0.1:8000");
}

TEST_CASE("all values unknown: everyone is picked in turn, nobody refused") {
  Bench bench(DefaultConfig());
  Fleet fleet(3);
  const auto pool = fleet.pool();
  std::map<std::string, int> picks;
  for (int i = 0; i < 300; ++i) ++picks[bench.Pick(pool)];
  CHECK(picks.size() == 3);
  for (const auto& [host_port, n] : picks) CHECK(n > 60);
}

TEST_CASE("a burst between two scrapes does not herd") {
  Bench bench(QueueOnly());
  Fleet fleet(3);
  for (size_t i = 0; i < 3; ++i) fleet.Report(i, static_cast<double>(i) * 2, -1, -1);
  const auto pool = fleet.pool();
  std::vector<datastore::Reservation> held;
  std::map<std::string, int> picks;
  for (int i = 0; i < 9; ++i) {
    REQUIRE(bench.Run(pool) == ScheduleError::kNone);
    held.emplace_back(*bench.decision.ranked[0]);
    ++picks[held.back().endpoint()->info().host_port];
  }
  CHECK(picks == std::map<std::string, int>{
                     {"10.0.0.1:8000", 5}, {"10.0.0.2:8000", 3}, {"10.0.0.3:8000", 1}});
  bench.Pick(pool);
  CHECK(bench.decision.top[0].unseen_picks > 0);
  bench.options.inflight_correction = false;
  CHECK(bench.Pick(pool) == "10.0.0.1:8000");
  CHECK(bench.decision.top[0].unseen_picks == 0);
}

TEST_CASE("unreachable and sleeping endpoints are chosen only if nothing else is left") {
  Bench bench(QueueOnly());
  Fleet fleet(3);
  fleet.Report(0, 0, -1, -1);
  fleet.Report(1, 0, -1, -1);
  fleet.Report(2, 9, -1, -1);
  fleet[0].RecordFailure();
  fleet[0].RecordFailure();
  fleet[1].metrics.asleep.Set(1, kNow);
  const auto pool = fleet.pool();
  Explanation why;
  REQUIRE(bench.Run(pool, 1, &why) == ScheduleError::kNone);
  CHECK((*bench.decision.ranked[0])->info().host_port == "10.0.0.3:8000");
  CHECK_FALSE(bench.decision.only_unreachable);
  REQUIRE(why.dropped.size() == 2);
  CHECK(why.dropped[0].filter == "reachability");
  CHECK(why.dropped[0].reason == "unreachable: 2 failures in a row");
  CHECK(why.dropped[1].reason == "the engine is asleep");

  fleet[2].RecordFailure();
  fleet[2].RecordFailure();
  Explanation left;
  REQUIRE(bench.Run(pool, 1, &left) == ScheduleError::kNone);
  CHECK(bench.decision.only_unreachable);
  CHECK(bench.decision.considered == 3);
  CHECK_THAT(left.notes.back(), Catch::Contains("unreachable or asleep"));

  fleet[1].metrics.asleep.Set(1, kNow - seconds(9));  // an old page does not keep it asleep
  CHECK(bench.Pick(pool) == "10.0.0.2:8000");
  fleet[1].metrics.asleep.Set(0, kNow);
  CHECK(bench.Pick(pool) == "10.0.0.2:8000");
}

TEST_CASE("an unreachable endpoint is taken when the filters leave nothing that answers") {
  Fleet fleet(1);
  datastore::EndpointInfo info;
  info.address = "10.0.0.9";
  info.labels = {{"gpu", "h100"}};
  fleet.Add(info);
  fleet[1].RecordFailure();
  fleet[1].RecordFailure();
  Bench bench(Config(
      {{Plugin("label-selector-filter", Map({{"matchLabels", Map({{"gpu", Text("h100")}})}})),
        kNoWeight}}));
  CHECK(bench.Pick(fleet.pool()) == "10.0.0.9:8000");
  CHECK(bench.decision.only_unreachable);
}

TEST_CASE("nothing in the pool, nothing left by filters") {
  Bench bench(Config(
      {{Plugin("label-selector-filter", Map({{"matchLabels", Map({{"gpu", Text("h100")}})}})),
        kNoWeight},
       {Plugin("queue-scorer"), 1}}));
  CHECK(bench.Run(Fleet(0).pool()) == ScheduleError::kNoEndpoints);
  Fleet fleet(2);
  const auto pool = fleet.pool();
  Explanation why;
  CHECK(bench.Run(pool, 1, &why) == ScheduleError::kFilteredOut);
  CHECK(bench.decision.n_ranked == 0);
  REQUIRE(why.dropped.size() == 2);
  CHECK(why.dropped[0].filter == "label-selector-filter");
  CHECK(why.dropped[0].endpoint == "e1");
  CHECK(why.dropped[0].reason == "labels do not match gpu=h100");
}

TEST_CASE("the gateway's subset: with a port both must match, without one the address") {
  Bench bench(QueueOnly());
  Fleet fleet(3);
  datastore::EndpointInfo v6;
  v6.address = "2001:db8::1";
  fleet.Add(v6);
  for (size_t i = 0; i < 4; ++i) fleet.Report(i, static_cast<double>(i), -1, -1);
  const auto pool = fleet.pool();
  const auto pick = [&](std::vector<std::string_view> entries) {
    bench.subset = {true, entries};
    const std::string picked = bench.Pick(pool);
    bench.subset = {};
    return picked;
  };
  const std::string none = "error 1";
  CHECK(pick({"10.0.0.3:8000"}) == "10.0.0.3:8000");
  CHECK(pick({" 10.0.0.3:8000 ", "10.0.0.2:8000"}) == "10.0.0.2:8000");
  CHECK(pick({"10.0.0.3:8001"}) == none);
  CHECK(pick({"10.0.0.3"}) == "10.0.0.3:8000");
  CHECK(pick({"10.0.0.33"}) == none);
  CHECK(pick({"[2001:db8::1]:8000"}) == "[2001:db8::1]:8000");
  CHECK(pick({"[2001:db8::1]:8001"}) == none);
  CHECK(pick({"[2001:db8::1]"}) == "[2001:db8::1]:8000");
  CHECK(pick({"2001:db8::1"}) == "[2001:db8::1]:8000");
  CHECK(pick({}) == none);
  CHECK(pick({"", ":", "[", "]", "[]", ":80", "x"}) == none);
  CHECK(bench.Pick(pool) == "10.0.0.1:8000");
}

TEST_CASE("the decision: fallbacks in order, the pick first among the top") {
  Bench bench(QueueOnly());
  Fleet fleet(12);
  for (size_t i = 0; i < 12; ++i) fleet.Report(i, static_cast<double>(11 - i), 4, .5);
  const auto pool = fleet.pool();
  REQUIRE(bench.Run(pool, 3) == ScheduleError::kNone);
  const Decision& decision = bench.decision;
  REQUIRE(decision.n_ranked == 3);
  CHECK((*decision.ranked[0])->info().name == "e12");
  CHECK((*decision.ranked[2])->info().name == "e10");
  CHECK(decision.considered == 12);
  CHECK(decision.scored == 12);
  REQUIRE(decision.n_top == kMaxTop);
  for (size_t i = 0; i < kMaxTop; ++i) CHECK(decision.top[i].endpoint_id == fleet[11 - i].id());
  CHECK(decision.top[1].waiting == 1);
  CHECK(decision.top[1].scores[0] == Approx(10.0 / 11));
  CHECK(decision.top[1].metrics_age_ms == 0);

  Bench random(Config({{Plugin("random-picker"), kNoWeight}, {Plugin("queue-scorer"), 1}}));
  for (int i = 0; i < 20; ++i) {
    REQUIRE(random.Run(pool) == ScheduleError::kNone);
    CHECK(random.decision.top[0].endpoint_id == (*random.decision.ranked[0])->id());
    CHECK(random.decision.top[1].total >= random.decision.top[2].total);
  }
}

TEST_CASE("the explanation tells the decision's own numbers") {
  Bench bench(DefaultConfig());
  Fleet fleet(3);
  fleet.Report(0, 4, 1, .5, kNow - milliseconds(30));
  fleet.Report(1, 0, 2, .25, kNow - milliseconds(40));
  fleet.Report(2, 0, 2, .25, kNow - seconds(5));
  const auto pool = fleet.pool();
  Explanation why;
  REQUIRE(bench.Run(pool, 2, &why) == ScheduleError::kNone);
  CHECK(why.profile == "default");
  CHECK(why.picker == "max-score-picker");
  REQUIRE(why.columns.size() == 3);
  CHECK(why.columns[2].scorer == "prefix-cache-scorer");
  CHECK(why.columns[2].weight == 3);
  REQUIRE(why.rows.size() == 3);
  CHECK(why.rows[0].endpoint == "e2");
  CHECK(why.rows[0].rank == 0);
  CHECK(why.rows[0].total == Approx(2 * 1 + 2 * .75));
  CHECK(why.rows[0].scores == std::vector<double>{1, .75, 0});
  CHECK(why.rows[0].metrics_age_ms == 40);
  CHECK(why.rows[1].endpoint == "e3");
  CHECK(why.rows[1].stale);
  CHECK(why.rows[1].rank == 1);
  CHECK(std::isnan(why.rows[1].waiting));
  CHECK(why.rows[2].rank == -1);
  CHECK_THAT(why.notes.at(0), Catch::Equals("the queue length is unknown for 1 of 3 endpoints"));
}

TEST_CASE("asking why does not change the decision") {
  Fleet fleet(5);
  for (size_t i = 0; i < 5; ++i) fleet.Report(i, 1, 1, .5);
  const auto pool = fleet.pool();
  Bench plain(DefaultConfig()), asked(DefaultConfig());
  for (int i = 0; i < 50; ++i) {
    Explanation why;
    const std::string picked = plain.Pick(pool);
    REQUIRE(asked.Run(pool, 1, &why) == ScheduleError::kNone);
    CHECK((*asked.decision.ranked[0])->info().host_port == picked);
    CHECK(why.rows[0].host_port.size() == picked.size());
  }
}

TEST_CASE("a drained endpoint is no candidate, and never what is left") {
  Bench bench(QueueOnly());
  Fleet fleet(3);
  for (size_t i = 0; i < 3; ++i) fleet.Report(i, static_cast<double>(i), -1, -1);
  const auto pool = fleet.pool();
  fleet[0].SetAdmission(datastore::Admission::kClosed, "Draining by alice: kernel upgrade");
  Explanation why;
  REQUIRE(bench.Run(pool, 3, &why) == ScheduleError::kNone);
  CHECK(bench.decision.n_ranked == 2);
  CHECK((*bench.decision.ranked[0])->info().name == "e2");
  REQUIRE(why.dropped.size() == 1);
  CHECK(why.dropped[0].filter == "drain");
  CHECK(why.dropped[0].endpoint == "e1");
  CHECK(why.dropped[0].reason == "Draining by alice: kernel upgrade");

  // Neither when the others don't answer ...
  for (size_t i = 1; i < 3; ++i) {
    fleet[i].RecordFailure();
    fleet[i].RecordFailure();
  }
  REQUIRE(bench.Run(pool, 3) == ScheduleError::kNone);
  CHECK(bench.decision.only_unreachable);
  CHECK(bench.decision.n_ranked == 2);
  // ... nor when it doesn't itself, nor when the gateway allows no other.
  fleet[0].RecordFailure();
  fleet[0].RecordFailure();
  fleet[1].SetAdmission(datastore::Admission::kClosed, "");
  fleet[2].SetAdmission(datastore::Admission::kClosed, "");
  CHECK(bench.Run(pool) == ScheduleError::kNoEndpoints);
  fleet[2].SetAdmission(datastore::Admission::kOpen, "");
  const std::vector<std::string_view> entries{"10.0.0.1:8000"};
  bench.subset = {true, entries};
  CHECK(bench.Run(pool) == ScheduleError::kNoEndpoints);
}

TEST_CASE("a soft drain keeps requests that go on with what the endpoint has cached") {
  Bench bench(Config({{Plugin("prefix-cache-scorer"), 1}}));
  Fleet fleet(2);
  const auto pool = fleet.pool();
  std::string prompt(4000, 'x');
  for (size_t i = 0; i < prompt.size(); ++i) prompt[i] = static_cast<char>('a' + i * 7 % 26);
  bench.Prompt(prompt);
  REQUIRE(bench.Run(pool) == ScheduleError::kNone);
  Commit(*bench.scheduler, bench.scratch, fleet[0]);
  fleet[0].SetAdmission(datastore::Admission::kPinned, "Draining by alice");
  CHECK(bench.Pick(pool) == "10.0.0.1:8000");
  // A third of it is known: not enough to stay.
  const std::string third = prompt.substr(0, prompt.size() / 3) + std::string(3000, 'z');
  bench.Prompt(third);
  Explanation why;
  REQUIRE(bench.Run(pool, 1, &why) == ScheduleError::kNone);
  CHECK((*bench.decision.ranked[0])->info().name == "e2");
  REQUIRE_FALSE(why.dropped.empty());
  CHECK(why.dropped[0].filter == "drain");
  // Nobody else is there: still no place for it.
  fleet[1].SetAdmission(datastore::Admission::kClosed, "");
  CHECK(bench.Run(pool) == ScheduleError::kNoEndpoints);
  bench.Prompt(prompt);
  CHECK(bench.Pick(pool) == "10.0.0.1:8000");
}

TEST_CASE("a weight is the share of what an endpoint would get otherwise, whatever the picker") {
  for (const char* picker : {"max-score-picker", "random-picker", "weighted-random-picker"}) {
    CAPTURE(picker);
    Bench bench(Config({{Plugin("queue-scorer"), 1}, {Plugin(picker), kNoWeight}}));
    Fleet fleet(2);
    fleet.Report(0, 0, -1, -1);
    fleet.Report(1, 0, -1, -1);
    const auto pool = fleet.pool();
    fleet[0].SetWeight(datastore::WeightOf::kUndrain, 200, "warming");
    int first = 0;
    constexpr int kPicks = 20000;
    for (int i = 0; i < kPicks; ++i) first += bench.Pick(pool) == "10.0.0.1:8000" ? 1 : 0;
    // Half of the fifth; five sigma of a binomial are 212.
    CHECK(first == Approx(kPicks / 10).margin(212));
  }
}

TEST_CASE("an endpoint that its weight left out is taken when nothing else is left") {
  Bench bench(QueueOnly());
  Fleet fleet(2);
  const auto pool = fleet.pool();
  fleet[0].SetWeight(datastore::WeightOf::kOperator, 1, "weight 0.1 %");
  fleet[1].SetAdmission(datastore::Admission::kClosed, "");
  for (int i = 0; i < 50; ++i) REQUIRE(bench.Pick(pool) == "10.0.0.1:8000");
  CHECK_FALSE(bench.decision.only_unreachable);
  fleet[1].SetAdmission(datastore::Admission::kOpen, "");
  Explanation why;
  REQUIRE(bench.Run(pool, 1, &why) == ScheduleError::kNone);
  REQUIRE(why.dropped.size() == 1);
  CHECK(why.dropped[0].reason == "weight 0.1 %: not drawn this time");
}

// How the explanation of the same drop begins.
std::string_view Told(const Dropped::One& one) {
  switch (one.cause) {
    case DropCause::kDrain:
      return "drain: drained";
    case DropCause::kWeight:
      return "weight: a tenth";
    case DropCause::kFilter:
      return one.filter == 1 ? "label-selector-filter: " : "first: ";
    case DropCause::kEjected:
      return "reachability: ejected";
    case DropCause::kUnreachable:
      return "reachability: unreachable";
    case DropCause::kAsleep:
      return "reachability: the engine is asleep";
  }
  return "";
}

// Any state that an endpoint can be in, and any number of endpoints in it.
void Disturb(datastore::Endpoint& endpoint, base::Rng& rng) {
  switch (rng.Below(8)) {
    case 0:
      return endpoint.SetAdmission(datastore::Admission::kClosed, "drained");
    case 1:
      return endpoint.Eject("it fails");
    case 2:
      endpoint.RecordFailure();
      return endpoint.RecordFailure();
    case 3:
      return endpoint.metrics.asleep.Set(1, kNow);
    case 4:
      return endpoint.SetWeight(datastore::WeightOf::kOperator, 100, "a tenth");
    default:
      return;
  }
}

TEST_CASE("property: what a decision says was dropped is what its explanation says") {
  const auto filter = [](std::string name, std::string label) {
    return Plugin("label-selector-filter",
                  Map({{"matchLabels", Map({{std::move(label), Text("yes")}})}}), std::move(name));
  };
  Bench bench(Config({{filter("first", "all"), kNoWeight},
                      {filter("label-selector-filter", "some"), kNoWeight},
                      {Plugin("queue-scorer"), 1}}));
  REQUIRE(bench.scheduler != nullptr);
  base::Rng rng(7);
  std::map<DropCause, int> seen;
  int subsets = 0, refused = 0, beyond = 0;
  for (int turn = 0; turn < 3000; ++turn) {
    Fleet fleet(0);
    const size_t n = 1 + rng.Below(16);
    for (size_t i = 0; i < n; ++i) {
      datastore::EndpointInfo info;
      info.name = "e" + std::to_string(i + 1);
      info.address = "10.0.0." + std::to_string(i + 1);
      info.labels = {{"all", "yes"}, {"some", rng.Below(4) == 0 ? "no" : "yes"}};
      fleet.Add(std::move(info));
      Disturb(fleet[i], rng);
    }
    const auto pool = fleet.pool();
    const std::vector<std::string_view> entries{"10.0.0.1", "10.0.0.2", "10.0.0.3"};
    bench.subset = {turn % 5 == 0, entries};
    Explanation why;
    refused += bench.Run(pool, 2, &why) != ScheduleError::kNone;

    const Dropped& dropped = bench.decision.dropped;
    std::map<std::string, std::string> told;
    uint32_t out_of_subset = 0;
    for (const auto& one : why.dropped) {
      if (one.filter == "subset") {
        ++out_of_subset;
      } else {
        CHECK(told.emplace(one.endpoint, one.filter + ": " + one.reason).second);
      }
    }
    CHECK(dropped.out_of_subset == out_of_subset);
    REQUIRE(dropped.total == told.size());
    subsets += dropped.out_of_subset > 0;
    beyond += dropped.total > kMaxDropped;
    std::set<uint32_t> once;
    for (size_t i = 0; i < dropped.n_named(); ++i) {
      const Dropped::One& one = dropped.named[i];
      CHECK(once.insert(one.endpoint_id).second);
      ++seen[one.cause];
      std::string name;
      for (size_t e = 0; e < n; ++e) {
        if (fleet[e].id() == one.endpoint_id) name = fleet[e].info().name;
      }
      CHECK_THAT(told[name], Catch::StartsWith(std::string(Told(one))));
    }
  }
  CHECK(seen.size() == 6);
  CHECK(subsets > 100);
  CHECK(refused > 100);
  CHECK(beyond > 100);
}

TEST_CASE("whoever is dropped by a filter comes behind those that nobody expects") {
  Bench bench(Config(
      {{Plugin("label-selector-filter", Map({{"matchLabels", Map({{"gpu", Text("h100")}})}})),
        kNoWeight},
       {Plugin("queue-scorer"), 1}}));
  Fleet fleet(12);
  datastore::EndpointInfo fit;
  fit.name = "fit";
  fit.address = "10.0.1.1";
  fit.labels = {{"gpu", "h100"}};
  fleet.Add(std::move(fit));
  const auto pool = fleet.pool();
  fleet[11].SetAdmission(datastore::Admission::kClosed, "");
  REQUIRE(bench.Run(pool) == ScheduleError::kNone);
  const Dropped& dropped = bench.decision.dropped;
  CHECK(dropped.total == 12);
  CHECK(dropped.n_named() == kMaxDropped);
  CHECK(dropped.named[0].endpoint_id == fleet[11].id());
  CHECK(dropped.named[0].cause == DropCause::kDrain);
  CHECK(dropped.named[1].cause == DropCause::kFilter);
  // The next pick begins anew.
  fleet[11].SetAdmission(datastore::Admission::kOpen, "");
  REQUIRE(bench.Run(pool) == ScheduleError::kNone);
  CHECK(bench.decision.dropped.named[0].cause == DropCause::kFilter);
  CHECK(bench.decision.dropped.total == 12);
}

}  // namespace
}  // namespace inference::scheduling
