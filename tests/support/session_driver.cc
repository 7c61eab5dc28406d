#include "support/session_driver.h"

#include <stdexcept>

#include "scheduling/scheduler.h"

namespace inference::test {
namespace {

std::shared_ptr<const scheduling::Scheduler> CompileScheduler(
    const std::vector<std::string>& plugins) {
  scheduling::PluginRegistry registry;
  scheduling::RegisterBuiltins(registry);
  api::EndpointPickerConfig config = scheduling::DefaultConfig();
  if (!plugins.empty()) {
    config = {};
    config.profiles.push_back({"default", {}, {}});
    for (const std::string& type : plugins) {
      api::PluginSpec spec;
      spec.name = spec.type = type;
      config.plugins.push_back(spec);
      config.profiles[0].plugins.push_back({type, 1.0, {}});
    }
  }
  api::Diagnostics diagnostics;
  auto scheduler = scheduling::Compile(config, registry, diagnostics);
  if (!scheduler) throw std::runtime_error("the test's scheduler does not compile");
  return scheduler;
}

void Report(datastore::Endpoint& endpoint, const TestEndpoint& values, base::Time now) {
  endpoint.metrics.waiting.Set(values.waiting, now);
  endpoint.metrics.running.Set(0, now);
  endpoint.metrics.kv_usage.Set(values.kv_usage, now);
  if (values.adapters.empty()) return;
  std::array<uint64_t, datastore::LoraState::kMaxAdapters> running{};
  std::array<uint64_t, datastore::LoraState::kMaxAdapters> waiting{};
  size_t n = 0;
  for (const std::string& name : values.adapters) {
    running[n++] = datastore::LoraState::HashAdapter(name);
  }
  endpoint.metrics.lora.Set(running, n, waiting, 0, 8, now);
}

}  // namespace

picker::PoolRuntime MakePool(const std::string& name, const std::vector<TestEndpoint>& endpoints,
                             base::Time now, const std::vector<std::string>& plugins) {
  static uint32_t next_id = 1;
  api::InferencePool spec;
  spec.meta.name = name;
  std::vector<std::shared_ptr<datastore::Endpoint>> members;
  for (const TestEndpoint& values : endpoints) {
    datastore::EndpointInfo info;
    info.name = values.address;
    info.address = values.address;
    info.port = 8000;
    info.host_port = datastore::JoinHostPort(values.address, 8000);
    members.push_back(std::make_shared<datastore::Endpoint>(std::move(info)));
    Report(*members.back(), values, now);
  }
  picker::PoolRuntime pool;
  pool.pool = std::make_shared<const datastore::Pool>(std::move(spec), std::move(members));
  pool.scheduler = CompileScheduler(plugins);
  pool.pool_id = next_id++;
  return pool;
}

SessionWorld::SessionWorld(std::vector<picker::PoolRuntime> pools, extproc::SessionOptions options,
                           int64_t body_budget)
    : budget(body_budget),
      context(options, clock, budget, in_flight, outliers, *this, shard, ring, 1, 0) {
  context.now = clock.now;
  Publish(std::move(pools));
}

void SessionWorld::Publish(std::vector<picker::PoolRuntime> pools) {
  context.runtime = std::make_shared<const picker::Runtime>(
      1, std::move(pools),
      std::unordered_map<std::string, std::string>{{"route-a", "default/a"},
                                                   {"route-b", "default/b"}});
}

void SessionWorld::Advance(base::Duration by) {
  clock.now += by;
  context.now = clock.now;
}

int64_t SessionWorld::InFlight(size_t pool, size_t endpoint) const {
  return context.runtime->pools().at(pool).pool->endpoints().at(endpoint)->in_flight();
}

void SessionWorld::PostObserved(uint32_t reactor, uint64_t, const extproc::Observed& observed) {
  posted.emplace_back(reactor, observed);
}

SessionDriver::SessionDriver(SessionWorld& world, std::string_view pool)
    : world(world),
      decoder_(world.context.options.max_body_bytes + (1 << 19)),
      session_(std::make_unique<extproc::Session>(world.context, out, pool)) {}

void SessionDriver::Send(const RequestMessage& message) {
  SendBytes(Frame(Encode(message)));
}

void SessionDriver::SendBytes(std::string_view bytes) {
  const extproc::wire::Fault found = decoder_.Feed(bytes, world.messages, *session_);
  if (found) fault = found.code;
}

RequestMessage SessionDriver::Headers(int request_mode, int response_mode) const {
  RequestMessage message;
  message.headers = {{":method", "POST"},
                     {":path", "/v1/chat/completions"},
                     {"content-type", "application/json"},
                     {"x-request-id", "req-1"}};
  message.modes = {{request_mode, response_mode}};
  return message;
}

void SessionDriver::SendHeaders(int request_mode, int response_mode) {
  Send(Headers(request_mode, response_mode));
}

void SessionDriver::SendBody(std::string_view body, bool end) {
  RequestMessage message;
  message.kind = 4;
  message.body = body;
  message.end_of_stream = end;
  Send(message);
}

void SessionDriver::SendTrailers(int kind) {
  RequestMessage message;
  message.kind = kind;
  message.headers = {{"x-checksum", "1"}};
  Send(message);
}

void SessionDriver::SendResponseHeaders(int status, const std::string& content_type,
                                        const std::string& served) {
  RequestMessage message;
  message.kind = 3;
  message.headers = {{":status", std::to_string(status)}, {"content-type", content_type}};
  message.served = served;
  Send(message);
}

void SessionDriver::SendResponseBody(std::string_view body, bool end) {
  RequestMessage message;
  message.kind = 5;
  message.body = body;
  message.end_of_stream = end;
  Send(message);
}

std::vector<ResponseMessage> SessionDriver::Take() {
  out.Take(out.size(), [&](std::string_view run, const extproc::Body*) { bytes_ += run; });
  return DecodeResponses(bytes_);
}

ResponseMessage SessionDriver::TakeOne() {
  auto answers = Take();
  if (answers.size() != 1) {
    throw std::runtime_error("expected one answer, found " + std::to_string(answers.size()));
  }
  return answers[0];
}

std::string ChatBody(const std::string& model, const std::string& prompt) {
  return R"({"model":")" + model + R"(","messages":[{"role":"user","content":")" + prompt +
         R"("}]})";
}

}  // namespace inference::test
