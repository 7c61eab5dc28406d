#include "control/drain/drains.h"

#include <catch2/catch.hpp>

#include "support/temp_dir.h"

namespace inference::control {
namespace {

using datastore::Admission;
using datastore::Endpoint;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct FakeClock final : base::Clock {
  base::Time Now() const override { return now; }
  base::WallTime WallNow() const override { return wall; }
  void Pass(base::Duration duration) {
    now += duration;
    wall += std::chrono::duration_cast<base::WallTime::duration>(duration);
  }
  base::Time now = base::FromNanos(1'000'000'000'000);
  base::WallTime wall{seconds(1'700'000'000)};
};

using Shared = std::shared_ptr<Endpoint>;

Shared MakeEndpoint(const std::string& name, const std::string& address, api::Labels labels = {}) {
  datastore::EndpointInfo info;
  info.ns = "llm";
  info.name = name;
  info.address = address;
  info.port = 8000;
  info.host_port = datastore::JoinHostPort(address, 8000);
  info.labels = std::move(labels);
  return std::make_shared<Endpoint>(std::move(info));
}

std::shared_ptr<const picker::Runtime> MakeRuntime(std::vector<Shared> endpoints,
                                                   const std::string& mode = "FailClose") {
  api::InferencePool spec;
  spec.meta.ns = "llm";
  spec.meta.name = "qwen3";
  spec.picker_ref = api::InferencePool::PickerRef{};
  spec.picker_ref->failure_mode = mode;
  picker::PoolRuntime pool;
  pool.pool = std::make_shared<const datastore::Pool>(std::move(spec), std::move(endpoints));
  return std::make_shared<const picker::Runtime>(7, std::vector{pool},
                                                 std::unordered_map<std::string, std::string>{});
}

/// A daemon's drains over a state file that outlives them.
struct World {
  World() {
    for (int i = 1; i <= 3; ++i) {
      endpoints.push_back(MakeEndpoint("gpu-" + std::to_string(i), "10.0.0." + std::to_string(i)));
    }
    Start();
  }
  void Start() {
    drains.reset();
    store = *store::EndpointStore::Open(dir / "state.db");
    drains = std::make_unique<Drains>(clock, events, 1);
    REQUIRE(drains->Load(*store).ok());
    drains->Attach(MakeRuntime(endpoints));
  }
  static store::EndpointKey Key(const Shared& endpoint) {
    const auto& info = endpoint->info();
    return {info.ns, info.name, info.address, info.port};
  }
  DrainCommand Command(size_t i, const std::string& owner = "alice") const {
    DrainCommand command;
    command.endpoints = {Key(endpoints[i])};
    command.owner = owner;
    command.peer = owner + " (uid 7)";
    command.reason = "kernel upgrade";
    return command;
  }
  UndrainCommand Undo(size_t i, const std::string& owner = "alice") const {
    UndrainCommand command;
    command.endpoints = {Key(endpoints[i])};
    command.owner = owner;
    command.peer = owner + " (uid 7)";
    return command;
  }
  void Pass(base::Duration duration) {
    clock.Pass(duration);
    drains->Tick();
  }
  /// A page that is asked for and read now.
  void Report(size_t i, double running, double waiting = 0, double kv = 0.5) {
    Endpoint& endpoint = *endpoints[i];
    endpoint.metrics.running.Set(running, clock.now);
    endpoint.metrics.waiting.Set(waiting, clock.now);
    endpoint.metrics.kv_usage.Set(kv, clock.now);
    endpoint.ScrapeApplied(endpoint.ScrapeBegins(), clock.now);
  }
  DrainState State(size_t i) const {
    const auto rows = drains->rows();
    const auto row = rows->find(Key(endpoints[i]));
    return row == rows->end() ? DrainState::kReady : row->second.state;
  }
  Admission AdmissionOf(size_t i) const { return endpoints[i]->admission(); }
  /// The kinds of events that were told, a space behind each.
  std::string Told() const {
    std::string out;
    for (const telemetry::Event& event : events.After(0, 100)) {
      out += std::string(event.kind.name) + " ";
    }
    return out;
  }

  testing::TempDir dir;
  FakeClock clock;
  telemetry::EventLog events{clock};
  std::vector<Shared> endpoints;
  std::unique_ptr<store::EndpointStore> store;
  std::unique_ptr<Drains> drains;
};

TEST_CASE("a drain is in force when it answers, and proven later") {
  World world;
  CHECK(world.drains->WakeAt() == base::Time::max());
  datastore::Reservation running(world.endpoints[0]);
  const DrainAnswer answer = world.drains->Drain(world.Command(0));
  REQUIRE(answer.status.ok());
  CHECK(answer.generation == 7);
  REQUIRE(answer.endpoints.size() == 1);
  CHECK(answer.endpoints[0].owed.in_flight == 1);
  CHECK(answer.endpoints[0].pools == std::vector<std::string>{"llm/qwen3"});
  CHECK(answer.endpoints[0].leases[0].id.starts_with("d-"));
  CHECK(world.AdmissionOf(0) == Admission::kClosed);
  CHECK(world.endpoints[0]->admission_note() == "Draining by alice: kernel upgrade");
  CHECK(world.AdmissionOf(1) == Admission::kOpen);
  CHECK(world.drains->WakeAt() == world.clock.now + Drains::kLook);
  running.End();
  world.Pass(seconds(1));
  world.Pass(seconds(2));
  CHECK(world.State(0) == DrainState::kDraining);
  world.Report(0, 0);
  world.Pass(milliseconds(50));
  CHECK(world.State(0) == DrainState::kDrained);
  CHECK(world.drains->seconds().sum() == Approx(3.05));
  REQUIRE(world.drains->Undrain(world.Undo(0)).status.ok());
  CHECK(world.AdmissionOf(0) == Admission::kOpen);
  CHECK(world.drains->rows()->empty());
  CHECK(world.drains->WakeAt() == base::Time::max());
}

TEST_CASE("a page that tells only one of the numbers proves nothing") {
  World world;
  REQUIRE(world.drains->Drain(world.Command(0)).status.ok());
  world.Report(0, 0);
  world.Pass(seconds(2));
  world.Pass(seconds(1));
  Endpoint& endpoint = *world.endpoints[0];
  endpoint.metrics.running.Set(0, world.clock.now);  // waiting is of the page before
  endpoint.ScrapeApplied(endpoint.ScrapeBegins(), world.clock.now);
  world.Pass(milliseconds(50));
  CHECK(world.State(0) == DrainState::kDraining);
  world.Pass(seconds(5));
  CHECK(world.State(0) == DrainState::kUnverified);
  CHECK(world.Told() == "Draining Unverified ");
}

TEST_CASE("what becomes of a drain is told, step by step") {
  World world;
  REQUIRE(world.drains->Drain(world.Command(0)).status.ok());
  const auto settle = [&] {
    world.Pass(seconds(1));
    world.Pass(seconds(2));
    world.Report(0, 0);
    world.Pass(milliseconds(50));
    REQUIRE(world.State(0) == DrainState::kDrained);
  };
  settle();
  CHECK(world.Told() == "Draining Drained ");
  {
    const datastore::Reservation by_gateway(world.endpoints[0]);
    world.Pass(milliseconds(50));
  }
  CHECK(world.Told() == "Draining Drained Reopened ");
  settle();
  world.drains->Attach(MakeRuntime({world.endpoints[1]}));
  world.Pass(seconds(1));
  world.drains->Attach(MakeRuntime(world.endpoints));
  world.Pass(seconds(1));
  CHECK(world.Told() == "Draining Drained Reopened Drained Gone Returned ");
  const telemetry::Event returned = world.events.After(0, 100).back();
  CHECK(returned.subject.name == "gpu-1");
  CHECK(returned.message == "and still being drained");
}

TEST_CASE("leases outlive the process, and are in force before the first pick") {
  World world;
  DrainCommand command = world.Command(0);
  command.timeout = seconds(60);
  REQUIRE(world.drains->Drain(command).status.ok());
  const auto id = world.drains->rows()->begin()->second.leases[0].id;
  world.endpoints[0] = MakeEndpoint("gpu-1", "10.0.0.1");  // a new process makes new objects
  world.clock.Pass(seconds(20));
  world.Start();
  CHECK(world.AdmissionOf(0) == Admission::kClosed);
  world.drains->Tick();
  const DrainRow row = world.drains->rows()->begin()->second;
  CHECK(row.leases[0].id == id);
  CHECK(row.deadlines[0] == base::Duration(seconds(40)));
  CHECK(row.state == DrainState::kDraining);
  const datastore::Reservation running(world.endpoints[0]);
  world.Pass(seconds(40));
  CHECK(world.State(0) == DrainState::kOverdue);
}

TEST_CASE("a wall clock that jumps does not lengthen or end a time limit") {
  World world;
  DrainCommand command = world.Command(0);
  command.timeout = seconds(60);
  REQUIRE(world.drains->Drain(command).status.ok());
  datastore::Reservation running(world.endpoints[0]);
  world.clock.wall += std::chrono::hours(24);
  world.Pass(seconds(1));
  CHECK(world.State(0) == DrainState::kDraining);
  world.clock.wall -= std::chrono::hours(48);
  world.Start();  // over a restart too
  world.drains->Tick();
  CHECK(world.drains->rows()->begin()->second.deadlines[0] == base::Duration(seconds(60)));
}

TEST_CASE("who stands in for a drained endpoint is not drained") {
  World world;
  REQUIRE(world.drains->Drain(world.Command(0)).status.ok());
  const Shared same_address = MakeEndpoint("gpu-9", "10.0.0.1");
  const Shared same_name = MakeEndpoint("gpu-1", "10.0.0.9");
  const Shared relabelled = MakeEndpoint("gpu-1", "10.0.0.1", {{"rack", "7"}});
  world.drains->Attach(MakeRuntime({same_address, same_name}));
  CHECK(same_address->admission() == Admission::kOpen);
  CHECK(same_name->admission() == Admission::kOpen);
  world.drains->Tick();
  CHECK(world.State(0) == DrainState::kGone);
  // The same endpoint with other labels is the same.
  world.drains->Attach(MakeRuntime({relabelled, same_name}));
  CHECK(relabelled->admission() == Admission::kClosed);
}

TEST_CASE("requests on an endpoint that got other labels still count") {
  World world;
  auto running = std::make_unique<datastore::Reservation>(world.endpoints[0]);
  std::vector<Shared> next = world.endpoints;
  next[0] = MakeEndpoint("gpu-1", "10.0.0.1", {{"rack", "7"}});
  world.drains->Attach(MakeRuntime(next));
  REQUIRE(world.drains->Drain(world.Command(0)).status.ok());
  CHECK(world.drains->rows()->begin()->second.owed.in_flight == 1);
  world.endpoints[0] = next[0];
  world.Pass(seconds(1));
  running.reset();  // and with it the object that nobody else holds
  world.Pass(seconds(1));
  CHECK(world.drains->rows()->begin()->second.owed.in_flight == 0);
  world.Pass(seconds(2));
  world.Report(0, 0);
  world.Pass(milliseconds(50));
  CHECK(world.State(0) == DrainState::kDrained);
}

TEST_CASE("an undrain takes its own lease, and names the others") {
  World world;
  REQUIRE(world.drains->Drain(world.Command(0, "alice")).status.ok());
  REQUIRE(world.drains->Drain(world.Command(0, "node-upgrader")).status.ok());
  const DrainAnswer one = world.drains->Undrain(world.Undo(0, "alice"));
  REQUIRE(one.status.ok());
  REQUIRE(one.warnings.size() == 1);
  CHECK(one.warnings[0] == "endpoint llm/gpu-1 (10.0.0.1:8000) is still drained by node-upgrader");
  CHECK(world.AdmissionOf(0) == Admission::kClosed);
  const DrainAnswer refused = world.drains->Undrain(world.Undo(0, "alice"));
  CHECK(refused.status.code() == Code::kFailedPrecondition);
  CHECK(refused.status.message().find("node-upgrader") != std::string::npos);
  UndrainCommand all = world.Undo(0, "alice");
  all.all_owners = true;
  REQUIRE(world.drains->Undrain(all).status.ok());
  CHECK(world.AdmissionOf(0) == Admission::kOpen);
  CHECK(world.drains->Undrain(world.Undo(0)).status.ok());  // as asked for already
  // Each lease that came and went is told, once.
  std::vector<std::string> told;
  for (const telemetry::Event& event : world.events.After(0, 100)) {
    const std::string owner = event.message.substr(0, event.message.find(','));
    told.push_back(std::string(event.kind.name) + owner.substr(owner.rfind(' ')));
  }
  CHECK(told == std::vector<std::string>{"Draining alice", "Draining node-upgrader",
                                         "Undrained alice", "Undrained node-upgrader"});
}

TEST_CASE("the same owner again renews its lease") {
  World world;
  DrainCommand command = world.Command(0);
  command.timeout = seconds(10);
  REQUIRE(world.drains->Drain(command).status.ok());
  const store::Lease first = world.store->Leases()->at(0);
  world.Pass(seconds(5));
  command.reason = "";
  REQUIRE(world.drains->Drain(command).status.ok());
  const auto leases = *world.store->Leases();
  REQUIRE(leases.size() == 1);
  CHECK(leases[0].id == first.id);
  CHECK(leases[0].created == first.created);
  CHECK(leases[0].reason == "kernel upgrade");
  CHECK(*leases[0].deadline == *first.deadline + seconds(5));
}

TEST_CASE("the last ready endpoint of a pool is not drained, unless somebody insists") {
  World world;
  REQUIRE(world.drains->Drain(world.Command(0)).status.ok());
  world.endpoints[1]->RecordFailure();
  world.endpoints[1]->RecordFailure();
  const DrainAnswer last = world.drains->Drain(world.Command(2));
  CHECK(last.status.code() == Code::kFailedPrecondition);
  CHECK(last.status.message().find("0 ready endpoints left, 1 needed") != std::string::npos);
  CHECK(world.AdmissionOf(2) == Admission::kOpen);
  CHECK(world.store->Leases()->size() == 1);
  // One that isn't ready takes nothing away, one that is drained already neither.
  CHECK(world.drains->Drain(world.Command(1)).status.ok());
  CHECK(world.drains->Drain(world.Command(0, "bob")).status.ok());
  DrainCommand forced = world.Command(2);
  forced.guard.force = true;
  CHECK(world.drains->Drain(forced).status.ok());
  CHECK(world.AdmissionOf(2) == Admission::kClosed);
}

TEST_CASE("capacity that somebody wants left is left") {
  World world;
  for (size_t i = 0; i < 3; ++i) world.Report(i, 1, 0, 0.5);
  DrainCommand command = world.Command(0);
  const auto refused = [&] {
    const DrainAnswer answer = world.drains->Drain(command);
    REQUIRE(answer.capacity.size() == 1);
    CHECK(answer.capacity[0].ready == 2);
    CHECK(answer.capacity[0].total == 3);
    return answer.status.code() == Code::kFailedPrecondition;
  };
  command.dry_run = true;
  command.guard.min_ready = 3;
  CHECK(refused());
  command.guard.min_ready = 2;
  CHECK_FALSE(refused());
  command.guard.min_ready_percent = 67;
  CHECK(refused());
  command.guard.min_ready_percent = 66;
  CHECK_FALSE(refused());
  command.guard.max_saturation = 0.74;  // 1.5 caches full over 2
  CHECK(refused());
  command.guard.max_saturation = 0.76;
  CHECK_FALSE(refused());
  CHECK(world.AdmissionOf(0) == Admission::kOpen);  // dry runs
  world.clock.Pass(seconds(10));                    // all numbers are stale: unknown is never zero
  CHECK(refused());
  command.guard.force = true;
  CHECK_FALSE(refused());
}

TEST_CASE("over time: undone on the disk too; drained in time: no limit any more") {
  World world;
  DrainCommand command = world.Command(0);
  command.timeout = seconds(10);
  command.on_deadline = store::OnDeadline::kUndo;
  REQUIRE(world.drains->Drain(command).status.ok());
  auto running = std::make_unique<datastore::Reservation>(world.endpoints[0]);
  world.Pass(seconds(11));
  CHECK(world.AdmissionOf(0) == Admission::kOpen);
  CHECK(world.store->Leases()->empty());
  CHECK(world.store->Operations(1)->at(0).who == "inferenced");
  const telemetry::Event undone = world.events.After(0, 100).back();
  CHECK(undone.kind.name == "Undrained");
  CHECK(undone.reason == "its time was over");
  CHECK(undone.who.empty());

  running.reset();
  REQUIRE(world.drains->Drain(command).status.ok());
  world.Pass(seconds(2));
  world.Report(0, 0);
  world.Pass(milliseconds(50));
  CHECK(world.State(0) == DrainState::kDrained);
  CHECK_FALSE(world.store->Leases()->at(0).deadline);
  world.clock.Pass(seconds(20));
  world.Start();  // a restart after the limit does not undo it
  world.Pass(seconds(1));
  CHECK(world.AdmissionOf(0) == Admission::kClosed);
  CHECK(world.State(0) == DrainState::kDraining);
}

TEST_CASE("what was done stands in the history") {
  World world;
  REQUIRE(world.drains->Drain(world.Command(0)).status.ok());
  UndrainCommand undo = world.Undo(0);
  undo.reason = "done";
  REQUIRE(world.drains->Undrain(undo).status.ok());
  const auto operations = *world.store->Operations(10);
  REQUIRE(operations.size() == 2);
  CHECK(operations[1].verb == "drain");
  CHECK(operations[1].who == "alice (uid 7)");
  CHECK(operations[1].reason == "kernel upgrade");
  CHECK(operations[1].subject == "endpoint llm/gpu-1 (10.0.0.1:8000)");
  CHECK(operations[1].before.empty());
  CHECK(operations[1].after.find("of alice, hard") != std::string::npos);
  CHECK(operations[0].verb == "undrain");
  CHECK(operations[0].before == operations[1].after);
  CHECK(operations[0].reason == "done");
}

TEST_CASE("what can't be kept, or isn't this process's to keep, is refused") {
  World world;
  DrainCommand unknown = world.Command(0);
  unknown.endpoints[0].name = "gpu-77";
  CHECK(world.drains->Drain(unknown).status.code() == Code::kNotFound);
  Drains nothing_kept(world.clock, world.events, 1);
  nothing_kept.Attach(MakeRuntime(world.endpoints));
  CHECK(nothing_kept.Drain(world.Command(0)).status.code() == Code::kFailedPrecondition);
  REQUIRE(world.drains->Drain(world.Command(0)).status.ok());
  // A successor beside its predecessor: the leases hold, but it proves and changes nothing.
  world.drains->SetOwner(false);
  CHECK(world.drains->Drain(world.Command(1)).status.code() == Code::kUnavailable);
  CHECK(world.drains->Undrain(world.Undo(0)).status.code() == Code::kUnavailable);
  world.Pass(seconds(3));
  world.Report(0, 0);
  world.Pass(seconds(3));
  CHECK(world.State(0) == DrainState::kDraining);
  CHECK(world.drains->rows()->begin()->second.blockers[0].code == "predecessor");
}

TEST_CASE("after an undrain with a ramp the endpoint warms") {
  World world;
  REQUIRE(world.drains->Drain(world.Command(0)).status.ok());
  UndrainCommand undo = world.Undo(0);
  undo.ramp = seconds(60);
  REQUIRE(world.drains->Undrain(undo).status.ok());
  CHECK(world.AdmissionOf(0) == Admission::kOpen);
  CHECK(world.endpoints[0]->weight() == 10);
  CHECK(world.State(0) == DrainState::kWarming);
  world.Pass(seconds(30));
  CHECK(world.endpoints[0]->weight() == 500);
  world.Pass(seconds(30));
  CHECK(world.endpoints[0]->weight() == Endpoint::kFullWeight);
  CHECK(world.State(0) == DrainState::kReady);
  CHECK(world.drains->rows()->empty());
  CHECK(world.Told() == "Draining Undrained Warm ");
}

TEST_CASE("a pool that fails open is warned of") {
  World world;
  world.drains->Attach(MakeRuntime(world.endpoints, "FailOpen"));
  const DrainAnswer answer = world.drains->Drain(world.Command(0));
  REQUIRE(answer.warnings.size() == 1);
  CHECK(answer.warnings[0].find("pool llm/qwen3 fails open") == 0);
}

TEST_CASE("leases of an endpoint that is gone are forgotten after an hour") {
  World world;
  REQUIRE(world.drains->Drain(world.Command(0)).status.ok());
  world.drains->Attach(MakeRuntime({world.endpoints[1]}));
  world.Pass(seconds(1));
  CHECK(world.State(0) == DrainState::kGone);
  world.Pass(seconds(3590));
  CHECK(world.store->Leases()->size() == 1);
  world.Pass(seconds(20));
  CHECK(world.store->Leases()->empty());
  CHECK(world.drains->rows()->empty());
  const auto told = world.events.After(0, 100);
  REQUIRE(!told.empty());
  CHECK(told.back().kind.name == "Undrained");
  CHECK(told.back().reason == "the endpoint is gone");
}

}  // namespace
}  // namespace inference::control
