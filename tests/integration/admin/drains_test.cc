#include <catch2/catch.hpp>

#include "admin/client.h"
#include "integration/admin/fake_daemon.h"

namespace inference::tests {
namespace {

using admin::v1::Drain;
using std::chrono::milliseconds;
using std::chrono::seconds;

const store::EndpointKey kGpu1{"llm", "gpu-1", "10.2.0.11", 8000};

control::DrainRow Row() {
  control::DrainRow row;
  row.endpoint = kGpu1;
  row.pools = {"llm/qwen3"};
  row.state = control::DrainState::kOverdue;
  store::Lease lease;
  lease.id = "d-1";
  lease.endpoint = kGpu1;
  lease.owner = "alice";
  lease.peer = "root (uid 0)";
  lease.reason = "kernel upgrade";
  lease.on_deadline = store::OnDeadline::kForce;
  lease.soft_for = seconds(3);
  lease.settle = seconds(2);
  row.leases = {lease, lease};
  row.leases[1].owner = "bob";
  row.deadlines = {seconds(-5), base::Duration::max()};
  row.owed = {3, 1, 9};
  row.page = control::ServerPage{{}, 2, 1};
  row.page_age = milliseconds(150);
  row.blockers = {{"in-flight", "3 requests in flight"}};
  row.since = seconds(60);
  return row;
}

std::unique_ptr<admin::AdminClient> Connect(const FakeDaemon& daemon) {
  auto client = admin::AdminClient::Connect(daemon.address(), seconds(20));
  REQUIRE(client.ok());
  return *std::move(client);
}

void FillKey(admin::v1::EndpointKey* key) {
  key->set_namespace_("llm");
  key->set_name("gpu-1");
  key->set_ip("10.2.0.11");
  key->set_port(8000);
}

TEST_CASE("a drain is asked for as it was said, with who asks") {
  FakeDaemon daemon;
  const auto client = Connect(daemon);
  admin::v1::DrainRequest request;
  FillKey(request.add_endpoints());
  request.set_owner("alice");
  request.set_reason("why");
  request.set_soft_ms(1500);
  request.set_timeout_ms(60'000);
  request.set_on_deadline(admin::v1::Lease::UNDO);
  request.set_settle_ms(0);
  request.set_min_ready_percent(80);
  request.set_max_saturation(0.85);
  daemon.actions.With([](auto& a) {
    a.drain_answer.endpoints = {Row()};
    a.drain_answer.generation = 7;
    a.drain_answer.warnings = {"careful"};
    a.drain_answer.capacity = {{"llm/qwen3", 3, 4, 1, 0.5, false}};
  });
  const auto answer = client->Drain(request);
  REQUIRE(answer.ok());
  const auto asked = daemon.actions.With([](auto& a) { return a.drain_asked; });
  CHECK(asked.endpoints == std::vector{kGpu1});
  CHECK(asked.owner == "alice");
  CHECK(asked.peer.find("uid ") != std::string::npos);
  CHECK(asked.soft_for == base::Duration(milliseconds(1500)));
  CHECK(asked.timeout == base::Duration(seconds(60)));
  CHECK(asked.on_deadline == store::OnDeadline::kUndo);
  CHECK(asked.settle == base::Duration(0));
  CHECK_FALSE(asked.guard.min_ready);
  CHECK(asked.guard.min_ready_percent == 80);
  CHECK(asked.guard.max_saturation == 0.85);
  CHECK_FALSE(answer->instance().empty());
  CHECK(answer->generation() == 7);
  CHECK(answer->warnings(0) == "careful");
  CHECK(answer->capacity(0).saturation() == 0.5);
  // Every run of a daemon is another instance, the same one stays.
  CHECK(client->ListDrains()->instance() == answer->instance());

  request.clear_settle_ms();
  request.clear_timeout_ms();
  REQUIRE(client->Drain(request).ok());
  const auto again = daemon.actions.With([](auto& a) { return a.drain_asked; });
  CHECK(again.settle == base::Duration(seconds(2)));
  CHECK_FALSE(again.timeout);
}

TEST_CASE("what makes no sense is refused, and so is what control refuses") {
  FakeDaemon daemon;
  const auto client = Connect(daemon);
  admin::v1::DrainRequest request;
  request.set_owner("alice");
  CHECK(client->Drain(request).status().code() == Code::kInvalidArgument);
  FillKey(request.add_endpoints());
  request.set_soft_ms(-1);
  CHECK(client->Drain(request).status().code() == Code::kInvalidArgument);
  request.set_soft_ms(0);
  request.set_owner("");
  CHECK(client->Drain(request).status().code() == Code::kInvalidArgument);
  admin::v1::UndrainRequest undo;
  FillKey(undo.add_endpoints());
  CHECK(client->Undrain(undo).status().code() == Code::kInvalidArgument);
  undo.set_all_owners(true);
  daemon.actions.With(
      [](auto& a) { a.drain_answer.status = Status(Code::kFailedPrecondition, "a guard"); });
  const auto refused = client->Undrain(undo);
  CHECK(refused.status().code() == Code::kFailedPrecondition);
  CHECK(refused.status().message() == "a guard");
}

TEST_CASE("the oldest request of a drained endpoint is told, and not asked for all the time") {
  FakeDaemon daemon;
  datastore::Endpoint& endpoint = daemon.view.endpoint("gpu-1");
  const datastore::EndpointInfo& info = endpoint.info();
  control::DrainRow row = Row();
  row.endpoint = {info.ns, info.name, info.address, info.port};
  row.owed.in_flight = 0;
  daemon.view.SetDrains({{row.endpoint, row}});
  const auto now =
      std::chrono::duration_cast<milliseconds>(base::Clock::Real().WallNow().time_since_epoch())
          .count();
  daemon.decisions.SetPending({{endpoint.id(), {"req-1", now - 48'000}}});
  const auto client = Connect(daemon);
  CHECK_FALSE(client->ListDrains()->drains(0).has_oldest());
  CHECK(daemon.decisions.AskedForPending().empty());  // nothing is in flight
  row.owed.in_flight = 3;
  daemon.view.SetDrains({{row.endpoint, row}});
  for (int i = 0; i < 3; ++i) {
    const auto list = client->ListDrains();
    REQUIRE(list->drains(0).has_oldest());
    CHECK(list->drains(0).oldest().request_id() == "req-1");
    CHECK(list->drains(0).oldest().age_ms() >= 48'000);
    CHECK(list->drains(0).oldest().age_ms() < 60'000);
  }
  CHECK(daemon.decisions.AskedForPending() == std::vector<std::vector<uint32_t>>{{endpoint.id()}});
}

TEST_CASE("drains are told with all that is known of them") {
  FakeDaemon daemon;
  daemon.view.SetDrains({{kGpu1, Row()}});
  const auto list = Connect(daemon)->ListDrains();
  REQUIRE(list.ok());
  REQUIRE(list->drains_size() == 1);
  const Drain& drain = list->drains(0);
  CHECK(drain.endpoint().ip() == "10.2.0.11");
  CHECK(drain.state() == Drain::OVERDUE);
  CHECK(drain.in_flight() == 3);
  CHECK(drain.fallbacks() == 1);
  CHECK(drain.running() == 2);
  CHECK(drain.waiting() == 1);
  CHECK(drain.page_age_ms() == 150);
  CHECK(drain.blockers(0).code() == "in-flight");
  CHECK_FALSE(drain.has_drained_after_ms());
  REQUIRE(drain.leases_size() == 2);
  CHECK(drain.leases(0).deadline_ms() == -5000);
  CHECK(drain.leases(0).on_deadline() == admin::v1::Lease::FORCE);
  CHECK_FALSE(drain.leases(1).has_deadline_ms());
  CHECK(drain.leases(1).owner() == "bob");
}

}  // namespace
}  // namespace inference::tests
