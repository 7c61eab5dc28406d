#include "integration/admin/fake_daemon.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "datastore/snapshot.h"
#include "net/listener.h"
#include "scheduling/scheduler.h"

namespace inference::tests {
namespace {

using namespace std::chrono_literals;

api::InferencePool MakePool(const std::string& name, const std::string& app) {
  api::InferencePool pool;
  pool.meta.name = name;
  pool.meta.ns = "llm";
  pool.match_labels = {{"app", app}};
  pool.target_ports = {api::Field<int>(8000)};
  pool.meta.origin = {std::make_shared<const std::string>("pool.yaml"), 1, 1};
  return pool;
}

datastore::KnownEndpoint MakeEndpoint(int n) {
  datastore::KnownEndpoint known;
  known.info.name = "gpu-" + std::to_string(n);
  known.info.ns = "llm";
  known.info.address = "10.0.0." + std::to_string(n);
  known.info.labels = {{"app", "qwen3"}, {"gpu", "h100"}};
  return known;
}

void Report(datastore::Endpoint& endpoint, base::Time at, double waiting, double running,
            double kv) {
  datastore::MetricsState& m = endpoint.metrics;
  m.waiting.Set(waiting, at);
  m.running.Set(running, at);
  m.kv_usage.Set(kv, at);
  m.block_size.Set(16, at);
  m.num_blocks.Set(1000, at);
  m.prefix_queries.Set(400, at);
  m.prefix_hits.Set(100, at);
  m.last_page_ns = base::ToNanos(at);
  m.pages = 7;
}

picker::PoolRuntime MakeRuntime(std::shared_ptr<const datastore::Pool> pool, uint32_t id) {
  scheduling::PluginRegistry registry;
  scheduling::RegisterBuiltins(registry);
  api::Diagnostics diagnostics;
  picker::PoolRuntime runtime;
  runtime.pool = std::move(pool);
  runtime.scheduler = scheduling::Compile(scheduling::DefaultConfig(), registry, diagnostics);
  if (!runtime.scheduler) throw std::runtime_error("the default configuration doesn't compile");
  runtime.pool_id = id;
  // Minutes, so that a slow test machine doesn't make values stale.
  runtime.read.stale_after = 10min;
  return runtime;
}

template <size_t N>
void Put(std::array<char, N>& to, const std::string& text) {
  std::memcpy(to.data(), text.data(), std::min(text.size(), N - 1));
}

template <size_t N>
uint8_t PutSized(std::array<char, N>& to, const std::string& text) {
  const size_t size = std::min(text.size(), N);
  std::memcpy(to.data(), text.data(), size);
  return static_cast<uint8_t>(size);
}

}  // namespace

TempFolder::TempFolder() {
  const char* base = std::getenv("TMPDIR");
  std::string name = std::string(base == nullptr ? "/tmp" : base) + "/inference-admin-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
  path_ = name;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

FakeView::FakeView(base::Time now) : config_(std::make_shared<api::DaemonConfig>()) {
  datastore::PoolBuilder builder;
  std::vector<datastore::KnownEndpoint> known;
  for (int n = 1; n <= 4; ++n) known.push_back(MakeEndpoint(n));
  auto pools = builder.Build({MakePool("qwen3", "qwen3"), MakePool("empty", "nothing")}, known);
  std::vector<picker::PoolRuntime> runtimes;
  for (uint32_t i = 0; i < pools.size(); ++i) {
    for (const auto& endpoint : pools[i]->endpoints()) {
      endpoints_[endpoint->info().name] = endpoint;
    }
    runtimes.push_back(MakeRuntime(pools[i], i));
  }
  Report(endpoint("gpu-1"), now - 100ms, 0, 1, 0.10);
  Report(endpoint("gpu-2"), now - 2100ms, 9, 14, 0.85);
  Report(endpoint("gpu-3"), now - 100ms, 0, 0, 0.0);
  endpoint("gpu-3").RecordFailure();
  endpoint("gpu-3").RecordFailure();
  runtime_ = std::make_unique<control::RuntimeHolder>(std::make_shared<picker::Runtime>(
      17, std::move(runtimes), std::unordered_map<std::string, std::string>{}));
  status_.generation = 17;
  status_.last_success = base::Clock::Real().WallNow() - 90s;
}

control::ConfigStatus FakeView::config_status() const {
  std::lock_guard lock(mutex_);
  return status_;
}

void FakeView::SetStatus(control::ConfigStatus status) {
  std::lock_guard lock(mutex_);
  status_ = std::move(status);
}

std::string FakeView::ScrapeError(uint32_t endpoint_id) const {
  return endpoint_id == endpoints_.at("gpu-3")->id() ? "connection refused" : "";
}

std::optional<picker::DecisionRecord> FakeDecisions::FindDecision(std::string_view request_id) {
  std::lock_guard lock(mutex_);
  for (const picker::DecisionRecord& record : records_) {
    if (record.request_id_view() == request_id) return record;
  }
  return std::nullopt;
}

void FakeDecisions::Add(const picker::DecisionRecord& record) {
  std::lock_guard lock(mutex_);
  records_.push_back(record);
}

picker::DecisionRecord ServedRecord(FakeView& view, const std::string& request_id) {
  picker::DecisionRecord record;
  record.request_id_size = PutSized(record.request_id, request_id);
  record.model_size = PutSized(record.model, "qwen3");
  record.pool_size = PutSized(record.pool, "llm/qwen3");
  record.wall_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                       base::Clock::Real().WallNow().time_since_epoch())
                       .count() -
                   3000;
  record.generation = 17;
  record.outcome = picker::StreamOutcome::kServed;
  record.http_status = 200;
  record.columns_id =
      picker::ColumnNames::Intern({"default",
                                   {{"queue-scorer", 2}, {"prefix-cache-scorer", 3}},
                                   "max-score-picker",
                                   {"label-selector-filter"}});
  record.considered = 4;
  record.scored = 3;
  record.prefix_total = 51;
  record.prefix_block_tokens = 16;
  record.pick_us = 23;
  record.body_bytes = 1229;
  record.n_top = 2;
  record.top[0].endpoint_id = view.endpoint("gpu-1").id();
  record.top[0].total = 4.4F;
  record.top[0].scores = {1.0F, 0.8F};
  record.top[0].waiting = 1;
  record.top[0].unseen_picks = 1;
  record.top[0].running = 1;
  record.top[0].kv_usage = 0.1F;
  record.top[0].in_flight = 2;
  record.top[0].prefix_match = 40;
  record.top[0].metrics_age_ms = 100;
  record.top[1].endpoint_id = 4'000'000'000;  // gone since
  record.top[1].total = 1.0F;
  record.top[1].scores = {0.5F, 0.0F};
  record.top[1].waiting = std::numeric_limits<float>::quiet_NaN();
  record.top[1].running = std::numeric_limits<float>::quiet_NaN();
  record.top[1].kv_usage = std::numeric_limits<float>::quiet_NaN();
  using scheduling::DropCause;
  record.dropped.Add(view.endpoint("gpu-2").id(), DropCause::kDrain);
  record.dropped.Add(view.endpoint("gpu-3").id(), DropCause::kUnreachable);
  record.dropped.Add(4'000'000'001, DropCause::kEjected);  // gone since
  record.dropped.Add(view.endpoint("gpu-4").id(), DropCause::kFilter, 0);
  for (int i = 0; i < 7; ++i) record.dropped.Add(view.endpoint("gpu-4").id(), DropCause::kAsleep);
  record.dropped.out_of_subset = 12;
  Put(record.host_port[0], "10.0.0.1:8000");
  Put(record.host_port[1], "10.0.0.9:8000");
  record.served_endpoint_id = view.endpoint("gpu-1").id();
  record.ttft_us = 210'000;
  record.duration_us = 3'200'000;
  record.prompt_tokens = 812;
  record.cached_tokens = 624;
  record.completion_tokens = 128;
  return record;
}

picker::DecisionRecord RefusedRecord(const std::string& request_id) {
  picker::DecisionRecord record;
  record.request_id_size = PutSized(record.request_id, request_id);
  record.model_size = PutSized(record.model, std::string("bad\xff\x1b[31m"));
  record.pool_size = PutSized(record.pool, "llm/empty");
  record.wall_ms = 1'768'209'243'123;
  record.generation = 16;
  record.refusal = picker::Refusal::kNoEndpoints;
  record.outcome = picker::StreamOutcome::kRefused;
  record.http_status = 503;
  return record;
}

FakeDaemon::FakeDaemon() : view(base::Clock::Real().Now()) {
  decisions.Add(ServedRecord(view, "req-served"));
  decisions.Add(RefusedRecord("req-refused"));
  admin::DaemonInfo info;
  info.version = "9.8.7";
  info.pid = 4242;
  info.started_at = base::Clock::Real().WallNow();
  info.started = base::Clock::Real().Now() - 3h;
  info.config_file = "/etc/inferenced/inferenced.yaml";
  info.listeners = {{"ext_proc", "127.0.0.1:9002", "none"}, {"admin", address(), "none"}};
  info.reactors = 2;
  info.totals = [] {
    admin::StreamTotals totals;
    totals.streams_opened = 40231;
    totals.streams_closed = 40219;
    totals.connections_opened = 5;
    totals.connections_closed = 1;
    return totals;
  };
  admin::AdminServer::Options options;
  auto listener = net::Listener::Open(address(), net::InUse::kRefuse);
  if (!listener.ok()) throw std::runtime_error(listener.status().message());
  auto started = admin::AdminServer::Start(options, *std::move(listener),
                                           {view, actions, &decisions}, info, base::Clock::Real());
  if (!started) throw std::runtime_error(started.status().ToString());
  server = std::move(*started);
}

}  // namespace inference::tests
