#include "inferencesim/fleet.h"

#include <httplib.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <thread>

#include "inferencesim/endpoints.h"

namespace inference::sim {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

InstanceConfig Config(const std::string& name) {
  InstanceConfig config;
  config.name = name;
  config.loras = {"lora-a"};
  config.engine.step_base_ms = 1;
  config.engine.decode_us_per_seq = 0;
  return config;
}

/// A fleet on free ports that runs on its own thread.
class RunningFleet {
 public:
  explicit RunningFleet(std::vector<InstanceConfig> instances) {
    FleetOptions options;
    options.instances = std::move(instances);
    options.control = true;
    auto made = Fleet::Make(options, base::Clock::Real());
    if (!made.ok()) FAIL(made.status().message());
    fleet = std::move(made).value();
    thread_ = std::thread([this] { fleet->Run(false); });
  }
  ~RunningFleet() {
    fleet->Stop();
    thread_.join();
  }

  httplib::Client Client(size_t instance = 0) const {
    const BoundPort& port = fleet->instances()[instance]->port();
    httplib::Client client(port.address(), port.port());
    client.set_read_timeout(10s);
    return client;
  }
  httplib::Client Control() const {
    return httplib::Client(fleet->control_port()->address(), fleet->control_port()->port());
  }
  void SetFaults(const std::string& json) const {
    const auto answer = Control().Post("/sim/faults", json, "application/json");
    REQUIRE(answer);
    REQUIRE(answer->status == 200);
  }
  Json State() const { return Json::parse(Control().Get("/sim/state")->body)[0]; }
  /// Asks for the state until `done` likes it, for at most ten seconds.
  Json Await(const std::function<bool(const Json&)>& done) const {
    const auto end = std::chrono::steady_clock::now() + 10s;
    Json state = State();
    while (!done(state) && std::chrono::steady_clock::now() < end) {
      std::this_thread::yield();
      state = State();
    }
    return state;
  }

  std::unique_ptr<Fleet> fleet;

 private:
  std::thread thread_;
};

constexpr char kPath[] = "/v1/completions";
constexpr char kType[] = "application/json";

TEST_CASE("each instance answers for itself") {
  RunningFleet fleet({Config("a"), Config("b")});
  const httplib::Headers headers = {{"x-request-id", "req-7"}};
  const auto answer =
      fleet.Client(1).Post(kPath, headers, R"({"prompt":"hello","max_tokens":3})", kType);
  REQUIRE(answer);
  CHECK(answer->status == 200);
  CHECK(answer->get_header_value("x-inferencesim-instance") == "b");
  CHECK(Json::parse(answer->body)["id"] == "cmpl-req-7");
  const Json states = Json::parse(fleet.Control().Get("/sim/state")->body);
  CHECK(states[0]["served"].empty());
  CHECK(states[1]["served"]["sim-model"] == 1);
}

TEST_CASE("a repeated prompt reports cached tokens over HTTP") {
  RunningFleet fleet({Config("a")});
  auto client = fleet.Client();
  const std::string body = Json{{"prompt", std::string(400, 'x')}, {"max_tokens", 1}}.dump();
  REQUIRE(client.Post(kPath, body, kType)->status == 200);
  const Json usage = Json::parse(client.Post(kPath, body, kType)->body)["usage"];
  CHECK(usage["prompt_tokens"] == 100);
  CHECK(usage["prompt_tokens_details"]["cached_tokens"] == 96);
}

TEST_CASE("models, adapters and their errors") {
  RunningFleet fleet({Config("a")});
  auto client = fleet.Client();
  const std::string add = R"({"lora_name":"lora-b","lora_path":"/b"})";
  CHECK(client.Post("/v1/load_lora_adapter", add, kType)->status == 200);
  CHECK(client.Post("/v1/load_lora_adapter", add, kType)->status == 400);
  const Json models = Json::parse(client.Get("/v1/models")->body)["data"];
  REQUIRE(models.size() == 3);
  CHECK(models[0]["parent"].is_null());
  CHECK(models[2]["id"] == "lora-b");
  CHECK(models[2]["root"] == "/b");
  CHECK(models[2]["parent"] == "sim-model");
  CHECK(client.Post(kPath, R"({"model":"lora-b","prompt":"x"})", kType)->status == 200);
  const auto unknown = client.Post(kPath, R"({"model":"nope","prompt":"x"})", kType);
  CHECK(unknown->status == 404);
  CHECK(Json::parse(unknown->body)["error"]["type"] == "NotFoundError");
  CHECK(client.Post("/v1/unload_lora_adapter", add, kType)->status == 200);
  CHECK(client.Post(kPath, R"({"model":"lora-b","prompt":"x"})", kType)->status == 404);
  CHECK(client.Post(kPath, "{", kType)->status == 400);
  CHECK(client.Get("/nowhere")->status == 404);
  CHECK(client.Get(kPath)->status == 405);
}

TEST_CASE("a client that leaves frees its slot, streaming or waiting") {
  InstanceConfig config = Config("a");
  config.engine.max_num_seqs = 1;
  config.engine.step_base_ms = 20;
  RunningFleet fleet({config});
  const std::string body = R"({"prompt":"x","max_tokens":20000,"stream":true})";
  std::atomic<bool> leave{false};
  std::thread streaming([&] {
    auto client = fleet.Client();
    httplib::Request request;
    request.method = "POST";
    request.path = kPath;
    request.body = body;
    request.content_receiver = [&](const char*, size_t, uint64_t, uint64_t) { return !leave; };
    client.send(request);
  });
  fleet.Await([](const Json& s) { return s["running"] == 1; });
  auto waiting_client = fleet.Client();
  std::thread waiting([&] { waiting_client.Post(kPath, R"({"prompt":"y"})", kType); });
  CHECK(fleet.Await([](const Json& s) { return s["waiting"] == 1; })["running"] == 1);
  waiting_client.stop();
  waiting.join();
  CHECK(fleet.Await([](const Json& s) { return s["waiting"] == 0; })["aborted"] == 1);
  leave = true;
  streaming.join();
  const Json end = fleet.Await([](const Json& s) { return s["running"] == 0; });
  CHECK(end["running"] == 0);
  CHECK(end["kv"]["used_blocks"] == 0);
  CHECK(end["aborted"] == 2);
}

TEST_CASE("refused connections, and the same port afterwards") {
  RunningFleet fleet({Config("a")});
  CHECK(fleet.Client().Get("/health")->status == 200);
  fleet.SetFaults(R"({"refuse":true})");
  const auto end = std::chrono::steady_clock::now() + 10s;
  auto answer = fleet.Client().Get("/health");
  // One that is cut off in the middle is a read error.
  while (answer.error() != httplib::Error::Connection && std::chrono::steady_clock::now() < end) {
    answer = fleet.Client().Get("/health");
  }
  CHECK(answer.error() == httplib::Error::Connection);
  fleet.SetFaults(R"({"clear":true})");
  CHECK(fleet.Client().Get("/health")->status == 200);
}

TEST_CASE("a hung server answers what it held once the fault is cleared") {
  RunningFleet fleet({Config("a")});
  fleet.SetFaults(R"({"hang":true})");
  int status = 0;
  std::thread client([&] {
    const auto answer = fleet.Client().Get("/v1/models");
    if (answer) status = answer->status;
  });
  CHECK(fleet.Await([](const Json& s) {
    return s["active_http_requests"] == 1;
  })["faults"]["hang"] == true);
  fleet.SetFaults(R"({"hang":false})");
  client.join();
  CHECK(status == 200);
}

TEST_CASE("a hung metrics page leaves the rest alone") {
  RunningFleet fleet({Config("a")});
  fleet.SetFaults(R"({"hang_metrics":true})");
  CHECK(fleet.Client().Get("/health")->status == 200);
  auto client = fleet.Client();
  client.set_read_timeout(100ms);
  CHECK_FALSE(client.Get("/metrics"));
}

TEST_CASE("metrics pages are delayed and damaged on command") {
  RunningFleet fleet({Config("a")});
  auto client = fleet.Client();
  const size_t whole = client.Get("/metrics")->body.size();
  fleet.SetFaults(R"({"metrics_page":"truncate","metrics_delay_ms":60})");
  const auto start = std::chrono::steady_clock::now();
  CHECK(client.Get("/metrics")->body.size() < whole / 2);
  CHECK(std::chrono::steady_clock::now() - start >= 60ms);
  fleet.SetFaults(R"({"clear":true,"metrics_page":"nan"})");
  CHECK(client.Get("/metrics")
            ->body.find("num_requests_running{engine=\"0\",model_name=\"sim-model\"} NaN") !=
        std::string::npos);
}

TEST_CASE("errors are injected at the wanted rate and status") {
  RunningFleet fleet({Config("a")});
  fleet.SetFaults(R"({"error_rate":1,"error_status":429})");
  const auto answer = fleet.Client().Post(kPath, R"({"prompt":"x"})", kType);
  CHECK(answer->status == 429);
  CHECK(Json::parse(answer->body)["error"]["code"] == 429);
}

TEST_CASE("a stream dies after the wanted number of tokens") {
  RunningFleet fleet({Config("a")});
  fleet.SetFaults(R"({"die_after_tokens":3})");
  std::string received;
  httplib::Request request;
  request.method = "POST";
  request.path = kPath;
  request.body = R"({"prompt":"x","max_tokens":10,"stream":true})";
  request.content_receiver = [&](const char* data, size_t size, uint64_t, uint64_t) {
    received.append(data, size);
    return true;
  };
  CHECK_FALSE(fleet.Client().send(request));
  size_t chunks = 0;
  for (size_t at = received.find("data: "); at != std::string::npos;
       at = received.find("data: ", at + 1)) {
    ++chunks;
  }
  CHECK(chunks == 3);
  CHECK(fleet.Await([](const Json& s) { return s["running"] == 0; })["kv"]["used_blocks"] == 0);
}

TEST_CASE("a large body is taken, a larger one refused") {
  InstanceConfig config = Config("a");
  config.max_body_mb = 21;
  config.engine.max_model_len = 16 << 20;
  config.engine.num_gpu_blocks = 1 << 20;
  config.engine.prefill_us_per_token = 0;
  config.engine.max_num_batched_tokens = 16 << 20;
  RunningFleet fleet({config});
  const auto post = [&](size_t megabytes) {
    return fleet.Client().Post(
        kPath, Json{{"prompt", std::string(megabytes << 20, 'x')}, {"max_tokens", 1}}.dump(),
        kType);
  };
  const auto good = post(20);
  REQUIRE(good);
  CHECK(good->status == 200);
  CHECK(Json::parse(good->body)["usage"]["prompt_tokens"] == 5 << 20);
  const auto refused = post(22);
  // The server may close before all is sent.
  if (refused) CHECK(refused->status == 413);
}

TEST_CASE("a full queue is refused with the configured status") {
  InstanceConfig config = Config("a");
  config.engine.max_num_seqs = 1;
  config.engine.max_num_queued_reqs = 1;
  config.engine.step_base_ms = 1000;
  config.queue_full_status = 429;
  RunningFleet fleet({config});
  const auto answer =
      fleet.Client().Post(kPath, R"({"prompt":["a","b","c"],"max_tokens":1})", kType);
  CHECK(answer->status == 429);
  // The first two of its sequences went with it.
  CHECK(fleet.State()["running"] == 0);
  CHECK(fleet.State()["waiting"] == 0);
}

TEST_CASE("sleeping servers are healthy and answer nothing until they wake") {
  RunningFleet fleet({Config("a")});
  auto client = fleet.Client();
  CHECK(client.Post("/sleep?level=1", "", kType)->status == 200);
  CHECK(client.Get("/health")->status == 200);
  CHECK(Json::parse(client.Get("/is_sleeping")->body)["is_sleeping"] == true);
  int status = 0;
  std::thread sleeper([&] {
    const auto answer = fleet.Client().Post(kPath, R"({"prompt":"x"})", kType);
    if (answer) status = answer->status;
  });
  fleet.Await([](const Json& s) { return s["waiting"] == 1; });
  CHECK(client.Post("/wake_up", "", kType)->status == 200);
  sleeper.join();
  CHECK(status == 200);
}

TEST_CASE("IPv6 works where the machine has it") {
  InstanceConfig config = Config("a");
  config.address = "::1";
  const Result<BoundPort> port = BoundPort::Make("::1", 0);
  if (!port) {
    WARN("no IPv6 on this machine");
    return;
  }
  RunningFleet fleet({config});
  CHECK(fleet.Client().Get("/health")->status == 200);
  CHECK(fleet.fleet->instances()[0]->port().HostPort().starts_with("[::1]:"));
}

TEST_CASE("endpoints are described for people, scripts and inferenced") {
  RunningFleet fleet({Config("a"), Config("b")});
  const std::string port = std::to_string(fleet.fleet->instances()[1]->port().port());
  const std::string text = DescribeEndpoints(*fleet.fleet, EndpointFormat::kText, {});
  CHECK(text.find("b http://127.0.0.1:" + port + "\n") != std::string::npos);
  CHECK(text.ends_with("ready 2\n"));
  const Json json = Json::parse(DescribeEndpoints(*fleet.fleet, EndpointFormat::kJson, {}));
  CHECK(json["endpoints"][1]["name"] == "b");
  CHECK(std::to_string(json["endpoints"][1]["port"].get<int>()) == port);
  const std::string manifest =
      DescribeEndpoints(*fleet.fleet, EndpointFormat::kManifest, {"n", "s", "app=x,tier=y"});
  CHECK(manifest.find("kind: EndpointSet\n") != std::string::npos);
  CHECK(manifest.find("    \"tier\": \"y\"\n") != std::string::npos);
  CHECK(manifest.find("{name: \"b\", address: \"127.0.0.1\", ports: [" + port + "]}") !=
        std::string::npos);
}

TEST_CASE("wrong fleets are refused") {
  FleetOptions options;
  options.instances = {Config("a"), Config("a")};
  CHECK(Fleet::Make(options, base::Clock::Real()).status().message() ==
        "two instances have the name 'a'");
  options.instances = {Config("a")};
  options.instances[0].address = "localhost";
  CHECK_FALSE(Fleet::Make(options, base::Clock::Real()).ok());
  options.instances = {Config("a")};
  options.faults = {{"b", "hang"}};
  CHECK_FALSE(Fleet::Make(options, base::Clock::Real()).ok());
}

}  // namespace
}  // namespace inference::sim
