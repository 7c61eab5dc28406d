#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "admin/client.h"
#include "integration/admin/fake_daemon.h"

// Weights and events over the admin API.
namespace inference::tests {
namespace {

using namespace std::chrono_literals;
using admin::AdminClient;
using admin::v1::WatchEventsRequest;
using admin::v1::WatchEventsResponse;

std::unique_ptr<AdminClient> Connect(const FakeDaemon& daemon) {
  auto client = AdminClient::Connect(daemon.address(), 5s);
  REQUIRE(client.ok());
  return std::move(*client);
}

telemetry::Event Make(const std::string& message) {
  return {telemetry::events::kEjected,
          {"endpoint", "llm", "gpu-1", "10.2.0.11:8000"},
          message,
          "alice",
          "why"};
}

std::string Read(AdminClient& client, const WatchEventsRequest& request, std::string& instance) {
  std::string out;
  const Status status = client.WatchEvents(request, [&](const WatchEventsResponse& response) {
    instance = response.instance();
    for (const auto& event : response.events()) out += event.message();
    return true;
  });
  CHECK(status.ok());
  return out;
}

TEST_CASE("a weight is asked for as it was said, with who asks") {
  FakeDaemon daemon;
  const auto client = Connect(daemon);
  admin::v1::SetWeightRequest request;
  request.set_weight_permille(500);
  CHECK(client->SetWeight(request).status().code() == Code::kInvalidArgument);
  auto* key = request.add_endpoints();
  key->set_namespace_("llm");
  key->set_name("gpu-1");
  key->set_ip("10.2.0.11");
  key->set_port(8000);
  request.set_reason("a fan is broken");
  const store::EndpointKey gpu1{"llm", "gpu-1", "10.2.0.11", 8000};
  daemon.actions.With([&](auto& a) {
    a.weight_answer.rows = {{gpu1, 1000, 500}};
    a.weight_answer.generation = 7;
  });
  const auto answer = client->SetWeight(request);
  REQUIRE(answer.ok());
  CHECK(answer->generation() == 7);
  REQUIRE(answer->endpoints_size() == 1);
  CHECK(answer->endpoints(0).before_permille() == 1000);
  CHECK(answer->endpoints(0).after_permille() == 500);
  const auto asked = daemon.actions.With([](auto& a) { return a.weight_asked; });
  CHECK(asked.endpoints == std::vector{gpu1});
  CHECK(asked.permille == 500);
  CHECK(asked.reason == "a fan is broken");
  CHECK(asked.peer.find("uid " + std::to_string(geteuid())) != std::string::npos);
  CHECK_FALSE(asked.dry_run);
  request.set_weight_permille(1000);  // as if none were set
  request.set_dry_run(true);
  CHECK(client->SetWeight(request).ok());
  const auto again = daemon.actions.With([](auto& a) { return a.weight_asked; });
  CHECK(again.permille == 1000);
  CHECK(again.dry_run);
  for (const uint32_t wrong : {0U, 1001U, 4'000'000'000U}) {
    request.set_weight_permille(wrong);
    CHECK(client->SetWeight(request).status().code() == Code::kInvalidArgument);
  }
}

TEST_CASE("events are told once, in order, whole, and from where one has read") {
  FakeDaemon daemon;
  const auto client = Connect(daemon);
  for (int i = 0; i < 600; ++i) daemon.view.log.Add(Make("x"));  // several batches
  daemon.view.log.Add(Make("last"));
  std::string instance;
  CHECK(Read(*client, {}, instance) == std::string(600, 'x') + "last");
  WatchEventsRequest request;
  request.set_instance(instance);
  request.set_after_id(600);
  CHECK(Read(*client, request, instance) == "last");
  request.set_after_id(601);
  CHECK(Read(*client, request, instance).empty());
  request.set_instance("another run");
  CHECK(Read(*client, request, instance).size() == 604);

  const Status status = client->WatchEvents({}, [&](const WatchEventsResponse& response) {
    const admin::v1::Event& event = response.events(0);
    CHECK(event.id() == 1);
    CHECK(event.kind() == "Ejected");
    CHECK(event.warning());
    CHECK(event.subject_kind() == "endpoint");
    CHECK(event.namespace_() == "llm");
    CHECK(event.name() == "gpu-1");
    CHECK(event.address() == "10.2.0.11:8000");
    CHECK(event.who() == "alice");
    CHECK(event.reason() == "why");
    CHECK(event.at().seconds() > 1'700'000'000);
    return false;
  });
  CHECK(status.ok());
}

TEST_CASE("watches of events that ended make room for others; there are only so many at a time") {
  FakeDaemon daemon;
  const auto client = Connect(daemon);
  std::string instance;
  for (int i = 0; i < 30; ++i) Read(*client, {}, instance);
  WatchEventsRequest request;
  request.set_follow(true);
  std::vector<std::unique_ptr<AdminClient>> clients;
  std::vector<std::thread> threads;
  std::atomic<int> running{0};
  for (int i = 0; i < 12; ++i) clients.push_back(Connect(daemon));
  for (const auto& watcher : clients) {
    threads.emplace_back([&, follower = watcher.get()] {
      bool first = true;
      const Status ended = follower->WatchEvents(request, [&](const WatchEventsResponse&) {
        if (std::exchange(first, false)) ++running;
        return true;
      });
      static_cast<void>(ended);  // cancelled below
    });
  }
  for (int i = 0; i < 1000 && running < 12; ++i) std::this_thread::sleep_for(10ms);
  CHECK(running == 12);
  const Status one_more = client->WatchEvents({}, [](const WatchEventsResponse&) { return true; });
  CHECK(one_more.code() == Code::kResourceExhausted);
  for (const auto& watcher : clients) watcher->Cancel();
  for (std::thread& thread : threads) thread.join();
}

TEST_CASE("a watch that follows tells what happens, until it is cancelled or the daemon ends") {
  FakeDaemon daemon;
  const auto client = Connect(daemon);
  WatchEventsRequest request;
  request.set_follow(true);
  int batches = 0;
  const auto begun = std::chrono::steady_clock::now();
  Status status = client->WatchEvents(request, [&](const WatchEventsResponse& response) {
    if (++batches == 1) {  // it says at once that it is there
      CHECK(response.events().empty());
      CHECK(std::chrono::steady_clock::now() - begun < 3s);
    }
    if (batches == 1) daemon.view.log.Add(Make("now"));
    if (response.events().empty()) return true;
    CHECK(response.events(0).message() == "now");
    return false;
  });
  CHECK(status.ok());

  std::thread stopper;
  status = client->WatchEvents(request, [&](const WatchEventsResponse&) {
    if (!stopper.joinable()) stopper = std::thread([&] { daemon.server->Stop(); });
    return true;
  });
  stopper.join();
  CHECK(status.code() == Code::kUnavailable);
}

}  // namespace
}  // namespace inference::tests
