#include "picker/pick.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "picker/decision_record.h"

namespace inference::picker {
namespace {

const base::Time kNow = base::FromNanos(1'000'000'000'000);

std::shared_ptr<const scheduling::Scheduler> MakeScheduler() {
  scheduling::PluginRegistry registry;
  scheduling::RegisterBuiltins(registry);
  api::Diagnostics out;
  return scheduling::Compile(scheduling::DefaultConfig(), registry, out);
}

PoolRuntime MakePool(const std::string& ns, const std::string& name, size_t endpoints) {
  api::InferencePool spec;
  spec.meta.ns = ns;
  spec.meta.name = name;
  std::vector<std::shared_ptr<datastore::Endpoint>> members;
  for (size_t i = 0; i < endpoints; ++i) {
    datastore::EndpointInfo info;
    info.name = name + "-" + std::to_string(i);
    info.address = "10.0.0." + std::to_string(i + 1);
    info.port = 8000;
    info.host_port = datastore::JoinHostPort(info.address, info.port);
    members.push_back(std::make_shared<datastore::Endpoint>(std::move(info)));
  }
  PoolRuntime pool;
  pool.pool = std::make_shared<const datastore::Pool>(std::move(spec), std::move(members));
  pool.scheduler = MakeScheduler();
  pool.columns_id = ColumnNames::Intern(*pool.scheduler);
  return pool;
}

struct Asker {
  PickResult Ask(const Runtime& runtime, std::string_view pool = {}, std::string_view route = {},
                 bool dry_run = false) {
    PickRequest ask;
    ask.request = &request;
    ask.pool = pool;
    ask.route = route;
    ask.subset = subset;
    return Pick(runtime, ask, kNow, rng, scratch, nullptr, dry_run);
  }
  std::string PoolOf(const Runtime& runtime, std::string_view pool = {},
                     std::string_view route = {}) {
    const PickResult result = Ask(runtime, pool, route);
    return result.picked() ? result.pool->pool->key() : std::to_string(HttpStatus(result.refusal));
  }
  api::InferenceRequest request;
  scheduling::Subset subset;
  base::Rng rng{3};
  PickScratch scratch;
};

TEST_CASE("the pool: by name, by route, or the only one") {
  Asker asker;
  const Runtime one(1, {MakePool("llm", "a", 1)}, {{"r", "llm/a"}});
  CHECK(asker.PoolOf(one) == "llm/a");
  CHECK(asker.PoolOf(one, "llm/a") == "llm/a");
  CHECK(asker.PoolOf(one, "a") == "llm/a");
  CHECK(asker.PoolOf(one, "b") == "404");
  CHECK(asker.PoolOf(one, {}, "other-route") == "llm/a");

  const Runtime many(1, {MakePool("llm", "a", 1), MakePool("x", "a", 1), MakePool("llm", "b", 1)},
                     {{"r", "llm/b"}, {"short", "b"}, {"lost", "gone"}});
  CHECK(asker.PoolOf(many) == "404");
  CHECK(asker.PoolOf(many, {}, "r") == "llm/b");
  CHECK(asker.PoolOf(many, {}, "short") == "llm/b");
  CHECK(asker.PoolOf(many, {}, "lost") == "404");
  CHECK(asker.PoolOf(many, {}, "unknown") == "404");
  CHECK(asker.PoolOf(many, "x/a", "r") == "x/a");
  CHECK(asker.PoolOf(many, "a") == "404");  // two pools have that name
  CHECK(asker.PoolOf(many, "b") == "llm/b");
  CHECK(asker.PoolOf(many, "gone", "r") == "404");

  CHECK(asker.PoolOf(Runtime(1, {}, {})) == "503");
  CHECK(asker.PoolOf(Runtime(1, {}, {}), "a") == "404");
  CHECK(asker.PoolOf(Runtime(1, {MakePool("llm", "a", 0)}, {})) == "503");
}

TEST_CASE("each refusal has its status, reason and sentence") {
  struct Row {
    Refusal refusal;
    int status;
    std::string reason;
  };
  for (const Row& row :
       {Row{Refusal::kUnknownPool, 404, ""}, Row{Refusal::kAmbiguousPool, 404, ""},
        Row{Refusal::kNoPools, 503, "rejected-no-endpoints"},
        Row{Refusal::kNoEndpoints, 503, "rejected-no-endpoints"},
        Row{Refusal::kFilteredOut, 429, "rejected-saturated"},
        Row{Refusal::kShed, 429, "rejected-saturated"}, Row{Refusal::kNoModel, 400, ""}}) {
    CHECK(HttpStatus(row.refusal) == row.status);
    CHECK(DroppedReason(row.refusal) == row.reason);
    CHECK_FALSE(Message(row.refusal).empty());
  }
}

TEST_CASE("a subset that matches nothing is refused with 503") {
  Asker asker;
  const Runtime runtime(1, {MakePool("llm", "a", 2)}, {});
  const std::vector<std::string_view> entries{"192.168.1.99"};
  asker.subset = {true, entries};
  const PickResult result = asker.Ask(runtime);
  CHECK(result.refusal == Refusal::kNoEndpoints);
  CHECK(result.pool);
  CHECK_FALSE(result.reservation.active());
}

TEST_CASE("a pick reserves and teaches, a dry run does neither") {
  Asker asker;
  const Runtime runtime(1, {MakePool("llm", "a", 1)}, {});
  const datastore::Endpoint& endpoint = *runtime.pools()[0].pool->endpoints()[0];
  const std::string prompt(1000, 'x');
  asker.request.pieces = {prompt};
  asker.request.prompts = {{0, 1}};
  {
    const PickResult dry = asker.Ask(runtime, {}, {}, true);
    CHECK(dry.picked());
    CHECK_FALSE(dry.reservation.active());
    CHECK(endpoint.picks() == 0);
    const PickResult result = asker.Ask(runtime);
    CHECK(asker.scratch.decision.top[0].prefix_match == 0);
    CHECK(result.reservation.endpoint().get() == &endpoint);
    CHECK(endpoint.in_flight() == 1);
  }
  CHECK(endpoint.in_flight() == 0);
  asker.Ask(runtime, {}, {}, true);
  CHECK(asker.scratch.decision.top[0].prefix_match == 4);
}

TEST_CASE("no more than destination_list endpoints are ranked") {
  Asker asker;
  PoolRuntime pool = MakePool("llm", "a", 5);
  pool.destination_list = 3;
  const Runtime runtime(1, {pool}, {});
  asker.Ask(runtime);
  CHECK(asker.scratch.decision.n_ranked == 3);
}

// Closes an endpoint when it scores, as a drain that begins in the middle of a pick.
struct Closer final : scheduling::Scorer {
  explicit Closer(size_t which) : which(which) {}
  void Score(const scheduling::PickContext&, std::span<const scheduling::Candidate> candidates,
             std::span<float> scores) const override {
    std::fill(scores.begin(), scores.end(), 0.0F);
    for (size_t i = 0; i < candidates.size(); ++i) {
      if (candidates[i].index == 0) scores[i] = 1;
      if (candidates[i].index != which) continue;
      (*candidates[i].endpoint)->SetAdmission(datastore::Admission::kClosed, "");
    }
  }
  const size_t which;
};

PoolRuntime WithCloser(PoolRuntime pool, size_t which) {
  auto scheduler = std::make_shared<scheduling::Scheduler>(*pool.scheduler);
  scheduler->profiles[0].scorers = {{"closer", 1, std::make_shared<Closer>(which)}};
  pool.scheduler = scheduler;
  return pool;
}

TEST_CASE("a drain that begins during a pick sends it elsewhere") {
  Asker asker;
  PoolRuntime pool = MakePool("llm", "a", 2);
  const Runtime runtime(1, {WithCloser(pool, 0)}, {});
  const PickResult result = asker.Ask(runtime);
  REQUIRE(result.picked());
  CHECK(result.reservation.endpoint() == pool.pool->endpoints()[1]);
  CHECK(pool.pool->endpoints()[0]->commitment().total() == 0);
}

TEST_CASE("a drain that begins during a pick leaves nothing to pick") {
  Asker asker;
  PoolRuntime pool = MakePool("llm", "a", 1);
  const Runtime runtime(1, {WithCloser(pool, 0)}, {});
  const PickResult result = asker.Ask(runtime);
  CHECK(result.refusal == Refusal::kNoEndpoints);
  CHECK_FALSE(result.reservation.active());
  CHECK(pool.pool->endpoints()[0]->commitment().total() == 0);
}

TEST_CASE("fallbacks are owed, and those that are drained leave the list") {
  Asker asker;
  PoolRuntime pool = MakePool("llm", "a", 3);
  pool.destination_list = 3;
  const Runtime runtime(1, {WithCloser(pool, 1)}, {});
  PickResult result = asker.Ask(runtime);
  REQUIRE(result.picked());
  REQUIRE(asker.scratch.decision.n_ranked == 2);
  CHECK(*asker.scratch.decision.ranked[1] == pool.pool->endpoints()[2]);
  CHECK(pool.pool->endpoints()[1]->commitment().total() == 0);
  CHECK(pool.pool->endpoints()[2]->commitment().fallbacks == 1);
  result.reservation.End();
  CHECK(pool.pool->endpoints()[2]->commitment().total() == 0);
}

std::shared_ptr<const RouteRule> BlueGreen(int blue, int green) {
  return std::make_shared<const RouteRule>(RouteRule{
      "llm/chat", 0,
      WeightedChoice(
          {{"llm/blue", blue, 0,
            std::make_shared<Share>(std::make_shared<std::atomic<uint64_t>>(0), base::WallTime{})},
           {"llm/green", green, 0,
            std::make_shared<Share>(std::make_shared<std::atomic<uint64_t>>(0),
                                    base::WallTime{})}})});
}

TEST_CASE("a route over two pools draws one by weight, and counts it") {
  Asker asker;
  const auto rule = BlueGreen(75, 25);
  const Runtime runtime(1, {MakePool("llm", "blue", 1), MakePool("llm", "green", 1)}, {}, {rule});
  int green = 0;
  for (int i = 0; i < 4000; ++i) green += asker.PoolOf(runtime, {}, "llm/chat") == "llm/green";
  CHECK(green > 900);
  CHECK(green < 1100);
  CHECK(rule->pools.targets()[1].share->total() == static_cast<uint64_t>(green));
  // The only rule there is serves requests whose route nobody knows.
  CHECK(asker.Ask(runtime, {}, "unknown").route_rule == rule.get());
  // What the gateway names stands.
  CHECK(asker.PoolOf(runtime, "blue", "llm/chat") == "llm/blue");
  const uint64_t before = rule->pools.targets()[0].share->total();
  asker.Ask(runtime, {}, "llm/chat", /*dry_run=*/true);
  CHECK(rule->pools.targets()[0].share->total() == before);

  const Runtime two(1, {MakePool("llm", "blue", 1), MakePool("llm", "green", 1)},
                    {{"mine", "llm/green"}}, {rule, BlueGreen(1, 0)});
  CHECK(asker.PoolOf(two, {}, "unknown") == "404");
  CHECK(asker.PoolOf(two, {}, "mine") == "llm/green");

  // The configuration's word stands over a rule's; then no rule counts.
  const Runtime both(1, {MakePool("llm", "blue", 1), MakePool("llm", "green", 1)},
                     {{"llm/chat", "llm/blue"}}, {BlueGreen(0, 1)});
  CHECK(asker.PoolOf(both, {}, "llm/chat") == "llm/blue");
  CHECK(asker.Ask(both, {}, "llm/chat").route_rule == nullptr);
}

TEST_CASE("where only one of a rule's pools is served, it is counted at its place in the rule") {
  Asker asker;
  const auto rule = BlueGreen(75, 25);
  const Runtime green(1, {MakePool("llm", "green", 1)}, {}, {rule});
  const PickResult result = asker.Ask(green, {}, "llm/chat");
  CHECK(result.route_rule == rule.get());
  CHECK(result.route_target == 1);
  CHECK(rule->pools.targets()[0].share->total() == 0);
  CHECK(rule->pools.targets()[1].share->total() == 1);
}

TEST_CASE("when all endpoints are ejected one is picked all the same, half open or not") {
  Asker asker;
  PoolRuntime pool = MakePool("llm", "a", 2);
  for (const auto& endpoint : pool.pool->endpoints()) endpoint->Eject("x");
  const Runtime runtime(1, {pool}, {});
  CHECK(asker.Ask(runtime).picked());
  for (const auto& endpoint : pool.pool->endpoints()) {
    endpoint->OfferTrial();
    REQUIRE(datastore::Reservation::Try(endpoint).active());
  }
  CHECK(asker.Ask(runtime).picked());
}

TEST_CASE("a route to one pool is that pool, also for who only observes") {
  Asker asker;
  const Runtime runtime(1, {MakePool("llm", "blue", 1), MakePool("llm", "green", 1)}, {},
                        {BlueGreen(0, 1), BlueGreen(1, 1)});
  CHECK(runtime.FindRoute("httproute/llm/chat/rule/0").pool == nullptr);  // stands for two
}

TEST_CASE("a route's rule that leads to one pool counts what went there") {
  Asker asker;
  ShareBook shares;
  api::HttpRoute route;
  route.meta.ns = "llm";
  route.meta.name = "chat";
  route.rules.push_back({{{"llm/blue", 1, {}}}, {}});
  const auto rules = MakeRouteRules({route}, shares, {});
  const auto requests = [&] { return rules[0]->pools.targets()[0].share->total(); };
  const Runtime two(1, {MakePool("llm", "blue", 1), MakePool("llm", "green", 1)}, {}, rules);
  CHECK(two.FindRoute("llm/chat").pool->pool->key() == "llm/blue");
  CHECK(asker.PoolOf(two, {}, "llm/chat") == "llm/blue");
  CHECK(requests() == 1);
  // In a daemon with that pool alone, too; of another pool's rule nothing is counted.
  const Runtime blue(1, {MakePool("llm", "blue", 1)}, {}, rules);
  CHECK(asker.Ask(blue, {}, "llm/chat").route_rule == rules[0].get());
  CHECK(requests() == 2);
  asker.Ask(blue, {}, "llm/chat", /*dry_run=*/true);
  const Runtime green(1, {MakePool("llm", "green", 1)}, {}, rules);
  CHECK(asker.PoolOf(green, {}, "llm/chat") == "llm/green");
  CHECK(asker.Ask(green, {}, "llm/chat").route_rule == nullptr);
  CHECK(requests() == 2);
}

struct Models {
  explicit Models(std::vector<api::ModelRewrite> rewrites,
                  std::vector<api::Objective> objectives = {}) {
    pool = MakePool("llm", "a", 2);
    ShareBook shares;
    pool.models =
        std::make_shared<const ModelTable>(rewrites, objectives, "llm/a", shares, base::WallTime{});
  }
  PickResult Ask(std::string_view model, std::string_view header = {}, bool can_rewrite = true,
                 bool dry_run = false) {
    const Runtime runtime(1, {pool}, {});
    asker.request.call = api::CallKind::kChatCompletions;
    asker.request.model = model;
    PickRequest ask;
    ask.request = &asker.request;
    ask.model_rewrite = header;
    ask.can_rewrite = can_rewrite;
    ask.objective = objective;
    PickResult result = Pick(runtime, ask, kNow, asker.rng, asker.scratch, nullptr, dry_run);
    return result;
  }
  std::string Target(std::string_view model, std::string_view header = {},
                     bool can_rewrite = true) {
    Ask(model, header, can_rewrite);
    return std::string(asker.request.target_model);
  }
  PoolRuntime pool;
  Asker asker;
  std::string objective;
};

api::ModelRewrite Rewrite(std::vector<std::string> models, const std::string& target) {
  api::ModelRewrite rewrite;
  rewrite.kind = "InferenceModelRewrite";
  rewrite.meta.ns = "llm";
  rewrite.meta.name = "r";
  rewrite.pool = {std::string("a"), {}};
  rewrite.rules = {{std::move(models), {{target, std::nullopt, {}}}, {}}};
  return rewrite;
}

// llm-d-router.md 4.5 and 12.5: none, one, no match, header without a rule, rule over header.
TEST_CASE("the target model: a rule's, else the header's, else the client's") {
  CHECK(Models({}).Target("m") == "m");
  CHECK(Models({}).Target("m", "h") == "h");
  CHECK(Models({Rewrite({"m"}, "v1")}).Target("m") == "v1");
  CHECK(Models({Rewrite({"m"}, "v1")}).Target("m", "h") == "v1");
  CHECK(Models({Rewrite({"m"}, "v1")}).Target("other") == "other");
  CHECK(Models({Rewrite({"m"}, "v1")}).Target("other", "h") == "h");
  CHECK(Models({Rewrite({"m"}, "v1")}).Target("m", "h", /*can_rewrite=*/false) == "m");
}

TEST_CASE("a body without a model gets one from a rule that takes all, or is refused") {
  CHECK(Models({Rewrite({}, "v1")}).Target("") == "v1");
  CHECK(Models({Rewrite({}, "v1")}).Ask("").picked());
  CHECK(Models({Rewrite({"m"}, "v1")}).Ask("").refusal == Refusal::kNoModel);
}

TEST_CASE("what a rule sends is counted, a dry run isn't") {
  Models models({Rewrite({"m"}, "v1")});
  models.Ask("m");
  models.Ask("m", {}, true, /*dry_run=*/true);
  models.Ask("m", {}, /*can_rewrite=*/false);
  CHECK(models.pool.models->rules()[0]->choice.targets()[0].share->total() == 1);
}

// llm-d-router.md 12.6, legacy admission.
TEST_CASE("sheddable requests are refused while the pool is saturated, no others") {
  api::Objective low, zero;
  low.meta.ns = zero.meta.ns = "llm";
  low.meta.name = "low";
  zero.meta.name = "zero";
  low.pool = zero.pool = {std::string("a"), {}};
  low.priority = -1;
  Models models({}, {low, zero});
  const auto load = [&](double waiting, double kv) {
    for (const auto& endpoint : models.pool.pool->endpoints()) {
      endpoint->metrics.waiting.Set(waiting, kNow);
      endpoint->metrics.kv_usage.Set(kv, kNow);
    }
    models.pool.read.inflight_correction = false;
  };
  models.objective = "low";
  CHECK(models.Ask("m").refusal == Refusal::kShed);  // nothing is known of the endpoints
  load(0, 0.1);
  CHECK(models.Ask("m").picked());
  load(5, 0.1);
  CHECK(models.Ask("m").refusal == Refusal::kShed);
  CHECK(models.Ask("m").priority.value == -1);
  models.objective = "zero";
  CHECK(models.Ask("m").picked());
  models.objective = "nobody knows";
  CHECK(models.Ask("m").picked());
  load(0, 0.8);
  models.objective = "low";
  CHECK(models.Ask("m").refusal == Refusal::kShed);
}

TEST_CASE("columns have one id, whoever asks") {
  const ColumnNames::Columns columns{"p", {{"s", 1.5}}, "max", {"f"}};
  const uint32_t id = ColumnNames::Intern(columns);
  CHECK(ColumnNames::Intern(columns) == id);
  CHECK(ColumnNames::Intern({"p", {{"s", 1.6}}, "max", {"f"}}) != id);
  CHECK(ColumnNames::Intern({"p", {{"s", 1.5}}, "max", {"g"}}) != id);
  CHECK(ColumnNames::Get(id).scorers == columns.scorers);
  CHECK(ColumnNames::Get(9999).profile.empty());
  const auto of_default = ColumnNames::Get(ColumnNames::Intern(*MakeScheduler()));
  CHECK(of_default.profile == "default");
  CHECK(of_default.scorers.size() == 3);
  CHECK(of_default.picker == "max-score-picker");
}

TEST_CASE("a decision record tells the pick, and holds no pointer") {
  static_assert(std::is_trivially_copyable_v<DecisionRecord>);
  Asker asker;
  const Runtime runtime(7, {MakePool("llm", "a", 3)}, {});
  DecisionRecord record;
  record.SetRequestId("id-1");
  record.SetModel(std::string(200, 'm'));
  {
    const PickResult result = asker.Ask(runtime);
    FillRecord(runtime, result, asker.scratch.decision, "", record);
    CHECK(record.host_port[0].data() == result.reservation.endpoint()->info().host_port);
    CHECK(record.top[0].endpoint_id == result.reservation.endpoint()->id());
  }
  CHECK(record.request_id_view() == "id-1");
  CHECK(record.model_view() == std::string(64, 'm'));
  CHECK(record.pool_view() == "llm/a");
  CHECK(record.generation == 7);
  CHECK(record.n_top == 3);
  CHECK(record.considered == 3);
  CHECK(record.outcome == StreamOutcome::kPending);
  CHECK(ColumnNames::Get(record.columns_id).picker == "max-score-picker");

  DecisionRecord refused;
  FillRecord(runtime, asker.Ask(runtime, "nowhere"), asker.scratch.decision, "", refused);
  CHECK(refused.outcome == StreamOutcome::kRefused);
  CHECK(refused.http_status == 404);
  CHECK(refused.pool_view().empty());
  CHECK(refused.n_top == 0);
  CHECK(refused.dropped.total == 0);
}

TEST_CASE("a decision record tells who was left out, of a refusal too") {
  Asker asker;
  const Runtime runtime(7, {MakePool("llm", "a", 2)}, {});
  const auto& endpoints = runtime.pools().front().pool->endpoints();
  endpoints[0]->SetAdmission(datastore::Admission::kClosed, "");
  DecisionRecord record;
  FillRecord(runtime, asker.Ask(runtime), asker.scratch.decision, "", record);
  REQUIRE(record.dropped.total == 1);
  CHECK(record.dropped.named[0].endpoint_id == endpoints[0]->id());
  CHECK(record.dropped.named[0].cause == scheduling::DropCause::kDrain);
  endpoints[1]->SetAdmission(datastore::Admission::kClosed, "");
  FillRecord(runtime, asker.Ask(runtime), asker.scratch.decision, "", record);
  CHECK(record.refusal == Refusal::kNoEndpoints);
  CHECK(record.dropped.total == 2);
  // What the last pick left out is none of the next one's business.
  FillRecord(runtime, asker.Ask(runtime, "nowhere"), asker.scratch.decision, "", record);
  CHECK(record.dropped.total == 0);
}

}  // namespace
}  // namespace inference::picker
