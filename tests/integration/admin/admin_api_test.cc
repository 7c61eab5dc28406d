#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>
#include <thread>

#include "admin/client.h"
#include "integration/admin/fake_daemon.h"

namespace inference::tests {
namespace {

using namespace std::chrono_literals;
using admin::AdminClient;
namespace v1 = admin::v1;

std::unique_ptr<AdminClient> ConnectTo(const FakeDaemon& daemon) {
  auto client = AdminClient::Connect(daemon.address(), 20s);
  INFO(client.status().ToString());
  REQUIRE(client.ok());
  return std::move(*client);
}

TEST_CASE("status says what the daemon is and does") {
  FakeDaemon daemon;
  const auto status = ConnectTo(daemon)->GetStatus();
  REQUIRE(status.ok());
  CHECK(status->version() == "9.8.7");
  CHECK(status->pid() == 4242);
  CHECK(status->uptime_ms() >= 3 * 3600 * 1000);
  CHECK(status->reactors() == 2);
  CHECK(status->listeners_size() == 2);
  CHECK(status->totals().streams_opened() == 40231);
  CHECK(status->config().generation() == 17);
  CHECK(status->config().last_reload_ok());
  CHECK(status->pools() == 2);
  CHECK(status->endpoints().total() == 4);
  CHECK(status->endpoints().ready() == 2);
  CHECK(status->endpoints().unreachable() == 1);
  CHECK(status->endpoints().unknown() == 1);
}

TEST_CASE("a refused change is told with its position") {
  FakeDaemon daemon;
  control::ConfigStatus bad;
  bad.generation = 17;
  bad.last_reload_ok = false;
  bad.rejected = 2;
  bad.diagnostics.push_back({api::Severity::kError,
                             "INF0105",
                             {std::make_shared<const std::string>("pool.yaml"), 16, 5},
                             "unknown field \"failuremode\"",
                             "did you mean \"failureMode\"?"});
  daemon.view.SetStatus(bad);
  const auto status = ConnectTo(daemon)->GetStatus();
  REQUIRE(status.ok());
  CHECK_FALSE(status->config().last_reload_ok());
  CHECK(status->config().rejected() == 2);
  REQUIRE(status->config().diagnostics_size() == 1);
  const auto& d = status->config().diagnostics(0);
  CHECK(d.file() == "pool.yaml");
  CHECK(d.line() == 16);
  CHECK(d.column() == 5);
  CHECK(d.severity() == v1::Diagnostic::ERROR);
}

TEST_CASE("endpoints carry values with ages, and unknown is not zero") {
  FakeDaemon daemon;
  datastore::Reservation running(daemon.view.runtime().Get()->pools()[0].pool->endpoints()[0]);
  v1::ListEndpointsRequest request;
  request.set_pool("llm/qwen3");
  const auto list = ConnectTo(daemon)->ListEndpoints(request);
  REQUIRE(list.ok());
  REQUIRE(list->endpoints_size() == 4);
  const v1::Endpoint& idle = list->endpoints(0);
  CHECK(idle.name() == "gpu-1");
  CHECK(idle.address() == "10.0.0.1:8000");
  CHECK(idle.state() == v1::Endpoint::READY);
  CHECK(idle.waiting().has_value());
  CHECK(idle.waiting().value() == 0);
  CHECK(idle.waiting().freshness() == v1::FRESH);
  CHECK(idle.waiting().age_ms() >= 100);
  CHECK(idle.in_flight() == 1);
  CHECK(idle.unseen_picks() == 1);
  CHECK(idle.labels().at("gpu") == "h100");
  CHECK(list->endpoints(2).state() == v1::Endpoint::UNREACHABLE);
  CHECK(list->endpoints(2).scrape_error() == "connection refused");
  const v1::Endpoint& never = list->endpoints(3);
  CHECK(never.state() == v1::Endpoint::STATE_UNKNOWN);
  CHECK_FALSE(never.waiting().has_value());
  CHECK(never.waiting().freshness() == v1::UNKNOWN);
  CHECK_FALSE(never.has_page_age_ms());
  CHECK_FALSE(never.has_lora());
}

TEST_CASE("a sleeping server and a stale value show") {
  FakeDaemon daemon;
  const base::Time now = base::Clock::Real().Now();
  daemon.view.endpoint("gpu-1").metrics.asleep.Set(1, now);
  daemon.view.endpoint("gpu-2").metrics.waiting.Set(5, now - 11min);
  const auto list = ConnectTo(daemon)->ListEndpoints({});
  REQUIRE(list.ok());
  CHECK(list->endpoints(0).state() == v1::Endpoint::ASLEEP);
  CHECK(list->endpoints(1).waiting().freshness() == v1::STALE);
  CHECK(list->endpoints(1).waiting().value() == 5);
}

TEST_CASE("names choose, and unknown ones are named") {
  FakeDaemon daemon;
  auto client = ConnectTo(daemon);
  v1::ListEndpointsRequest request;
  request.add_names("gpu-2");
  request.add_names("10.0.0.1:8000");
  request.add_names("gpu-9");
  const auto list = client->ListEndpoints(request);
  REQUIRE(list.ok());
  CHECK(list->endpoints_size() == 2);
  REQUIRE(list->unknown_names_size() == 1);
  CHECK(list->unknown_names(0) == "gpu-9");

  request.set_pool("nope");
  const auto none = client->ListEndpoints(request);
  CHECK(none.status().code() == Code::kNotFound);
  CHECK(none.status().message().find("llm/qwen3") != std::string::npos);

  const auto pools = client->ListPools({"qwen3", "x"});
  REQUIRE(pools.ok());
  REQUIRE(pools->pools_size() == 1);
  CHECK(pools->pools(0).key() == "llm/qwen3");
  CHECK(pools->unknown_names(0) == "x");
}

TEST_CASE("pools show what they schedule with") {
  FakeDaemon daemon;
  const auto pools = ConnectTo(daemon)->ListPools({});
  REQUIRE(pools.ok());
  REQUIRE(pools->pools_size() == 2);
  const v1::Pool& pool = pools->pools(0);
  CHECK(pool.endpoints().total() == 4);
  CHECK(pool.target_ports(0) == 8000);
  CHECK(pool.selector().at("app") == "qwen3");
  CHECK(pool.response_tracking() == "auto");
  CHECK(pool.generation() == 17);
  CHECK(pool.origin() == "pool.yaml:1:1");
  REQUIRE(pool.profiles_size() == 1);
  REQUIRE(pool.profiles(0).scorers_size() == 3);
  CHECK(pool.profiles(0).scorers(2).weight() == 3);
}

TEST_CASE("a dry run explains and leaves no trace") {
  FakeDaemon daemon;
  auto client = ConnectTo(daemon);
  v1::PickRequest request;
  request.set_pool("llm/qwen3");
  request.set_model("qwen3");
  request.set_prompt(std::string(1000, 'a'));
  for (int i = 0; i < 2; ++i) {
    const auto pick = client->Pick(request);
    INFO(pick.status().ToString());
    REQUIRE(pick.ok());
    CHECK_FALSE(pick->has_refusal());
    CHECK(pick->pool() == "llm/qwen3");
    CHECK(pick->generation() == 17);
    CHECK(pick->columns_size() == 3);
    REQUIRE(pick->candidates_size() >= 2);
    CHECK(pick->candidates(0).endpoint() == "gpu-1");
    CHECK(pick->candidates(0).rank() == 0);
    CHECK(pick->candidates(0).scores_size() == 3);
    CHECK(pick->candidates(0).prefix_match() == 0);
    CHECK(pick->prefix_total() > 0);
    double sum = 0;
    for (int c = 0; c < 3; ++c) {
      sum += pick->candidates(0).scores(c) * pick->columns(c).weight();
    }
    CHECK(sum == Approx(pick->candidates(0).total()).margin(1e-4));
  }
  CHECK(daemon.view.endpoint("gpu-1").picks() == 0);
  CHECK(daemon.view.endpoint("gpu-1").in_flight() == 0);
}

TEST_CASE("a dry run parses a body as the data plane does") {
  FakeDaemon daemon;
  auto client = ConnectTo(daemon);
  v1::PickRequest request;
  request.set_pool("llm/qwen3");
  request.set_body(R"({"model":"chat","messages":[{"role":"user","content":"Hello"}]})");
  const auto pick = client->Pick(request);
  REQUIRE(pick.ok());
  CHECK(pick->model() == "chat");

  request.set_body(R"({"model":7})");
  const auto bad = client->Pick(request);
  CHECK(bad.status().code() == Code::kInvalidArgument);
  CHECK(bad.status().message().find("400") != std::string::npos);
  CHECK(bad.status().message().find("line 1") != std::string::npos);
}

TEST_CASE("a refused dry run is an answer") {
  FakeDaemon daemon;
  auto client = ConnectTo(daemon);
  v1::PickRequest request;
  request.set_model("qwen3");
  request.set_pool("llm/empty");
  const auto empty = client->Pick(request);
  REQUIRE(empty.ok());
  CHECK(empty->refusal().reason() == "NoEndpoints");
  CHECK(empty->refusal().http_status() == 503);
  request.clear_pool();
  const auto ambiguous = client->Pick(request);
  REQUIRE(ambiguous.ok());
  CHECK(ambiguous->refusal().reason() == "AmbiguousPool");
  request.set_pool("nope");
  const auto unknown = client->Pick(request);
  REQUIRE(unknown.ok());
  CHECK(unknown->refusal().http_status() == 404);
}

TEST_CASE("why tells what was recorded, unknown values absent") {
  FakeDaemon daemon;
  auto client = ConnectTo(daemon);
  const auto why = client->Why("req-served");
  REQUIRE(why.ok());
  CHECK(why->pool() == "llm/qwen3");
  CHECK(why->outcome() == v1::WhyResponse::SERVED);
  CHECK(why->profile() == "default");
  REQUIRE(why->columns_size() == 2);
  REQUIRE(why->candidates_size() == 2);
  CHECK(why->candidates(0).endpoint() == "gpu-1");
  CHECK(why->candidates(0).scores(1) == Approx(0.8));
  CHECK(why->candidates(0).rank() == 0);
  CHECK(why->candidates(1).endpoint().empty());
  CHECK(why->candidates(1).address() == "10.0.0.9:8000");
  CHECK_FALSE(why->candidates(1).has_waiting());
  CHECK_FALSE(why->candidates(1).has_metrics_age_ms());
  CHECK(why->served_endpoint() == "gpu-1");
  CHECK(why->cached_tokens() == 624);

  const auto refused = client->Why("req-refused");
  REQUIRE(refused.ok());
  CHECK(refused->refusal().http_status() == 503);
  CHECK(refused->candidates().empty());
  CHECK_FALSE(refused->has_ttft_us());
  CHECK(refused->model().find('\x1b') == std::string::npos);

  CHECK(client->Why("nope").status().code() == Code::kNotFound);
}

TEST_CASE("a watch goes on until it is cancelled") {
  FakeDaemon daemon;
  auto client = ConnectTo(daemon);
  v1::WatchEndpointsRequest request;
  request.set_interval_ms(100);
  int lists = 0;
  CHECK(client
            ->WatchEndpoints(request,
                             [&](const auto& list) {
                               CHECK(list.endpoints_size() == 4);
                               return ++lists < 3;
                             })
            .ok());
  CHECK(lists == 3);
  const Status cancelled = client->WatchEndpoints(request, [&](const auto&) {
    client->Cancel();
    return true;
  });
  CHECK(cancelled.code() == Code::kCancelled);
}

TEST_CASE("stopping the daemon ends a watch") {
  FakeDaemon daemon;
  auto client = ConnectTo(daemon);
  v1::WatchEndpointsRequest request;
  request.set_interval_ms(60'000);
  std::thread stopper;
  const Status status = client->WatchEndpoints(request, [&](const auto&) {
    stopper = std::thread([&] { daemon.server->Stop(); });
    return true;
  });
  stopper.join();
  CHECK(status.code() == Code::kUnavailable);
}

TEST_CASE("watches are bounded, and other calls still answered") {
  FakeDaemon daemon;
  v1::WatchEndpointsRequest request;
  request.set_interval_ms(60'000);
  std::vector<std::unique_ptr<AdminClient>> clients;
  std::vector<std::thread> threads;
  std::atomic<int> running{0};
  std::atomic<int> refused{0};
  for (int i = 0; i < 14; ++i) clients.push_back(ConnectTo(daemon));
  for (auto& client : clients) {
    threads.emplace_back([&running, &refused, &request, c = client.get()] {
      const Status s = c->WatchEndpoints(request, [&](const auto&) {
        ++running;
        return true;
      });
      if (s.code() == Code::kResourceExhausted) ++refused;
    });
  }
  const auto end = std::chrono::steady_clock::now() + 30s;
  while (running + refused < 14 && std::chrono::steady_clock::now() < end) {
    std::this_thread::yield();
  }
  CHECK(running == 12);
  CHECK(refused == 2);
  CHECK(ConnectTo(daemon)->GetStatus().ok());
  for (auto& client : clients) client->Cancel();
  for (auto& thread : threads) thread.join();
}

TEST_CASE("the socket is the group's and nobody else's") {
  FakeDaemon daemon;
  struct stat info{};
  REQUIRE(stat(daemon.socket_path().c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0660);
  daemon.server->Stop();
  CHECK(access(daemon.socket_path().c_str(), F_OK) != 0);
}

TEST_CASE("an address that can't be reached says why") {
  for (const char* wrong : {"", "/run/x.sock", "unix:x", "127.0.0.1:9004", "dns:///a:1"}) {
    CAPTURE(wrong);
    CHECK(AdminClient::Connect(wrong, 1s).status().code() == Code::kInvalidArgument);
  }
  const auto nobody = AdminClient::Connect("unix:///nonexistent/admin.sock", 1s);
  CHECK(nobody.status().code() == Code::kUnavailable);
  CHECK(nobody.status().message().find("is inferenced running?") != std::string::npos);
}

TEST_CASE("a daemon that doesn't answer ends in a timeout") {
  TempFolder folder;
  const std::string path = folder.path() + "/s";
  auto listener = net::Listener::Open("unix://" + path, net::InUse::kRefuse);  // accepts nothing
  REQUIRE(listener.ok());
  auto client = AdminClient::Connect("unix://" + path, 200ms);
  REQUIRE(client.ok());
  const auto status = (*client)->GetStatus();
  CHECK(status.status().code() == Code::kDeadlineExceeded);
  CHECK(status.status().message().find("--timeout") != std::string::npos);
}

}  // namespace
}  // namespace inference::tests
