#include "inferenced/collectors.h"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>

#include "inference/version.h"
#include "picker/runtime.h"

namespace inferenced {

using inference::base::FromNanos;
using inference::base::Time;
using inference::datastore::Endpoint;
using inference::datastore::Freshness;
using inference::datastore::Gauge;
using inference::picker::PoolRuntime;
using inference::telemetry::AddCounter;
using inference::telemetry::AddGauge;
using inference::telemetry::AddHistogram;
using inference::telemetry::Families;
using inference::telemetry::Labels;

namespace {

const char* StateOf(const Endpoint& endpoint, Time now, inference::base::Duration stale_after) {
  if (endpoint.ejection() != inference::datastore::Ejection::kNone) return "ejected";
  if (!endpoint.reachable()) return "unreachable";
  const auto asleep = endpoint.metrics.asleep.Read(now, stale_after);
  if (asleep.freshness == Freshness::kFresh && asleep.value == 1) return "asleep";
  if (endpoint.metrics.pages.load(std::memory_order_relaxed) == 0) return "unknown";
  return "ready";
}

void AddReading(Families& families, const char* name, const char* help, const Labels& labels,
                const Gauge& gauge, Time now, inference::base::Duration stale_after) {
  const auto reading = gauge.Read(now, stale_after);
  if (reading.freshness == Freshness::kFresh) AddGauge(families, name, help, labels, reading.value);
}

void CollectEndpoint(const Endpoint& endpoint, const Labels& labels, Time now,
                     inference::base::Duration stale_after, Families& f) {
  const auto& m = endpoint.metrics;
  AddReading(f, "inferenced_endpoint_waiting_requests", "Requests queued, as the server reports.",
             labels, m.waiting, now, stale_after);
  AddReading(f, "inferenced_endpoint_running_requests", "Requests in the batch, as reported.",
             labels, m.running, now, stale_after);
  AddReading(f, "inferenced_endpoint_kv_cache_usage", "KV cache in use, 0 to 1, as reported.",
             labels, m.kv_usage, now, stale_after);
  AddGauge(f, "inferenced_endpoint_in_flight_requests", "Requests sent there that have not ended.",
           labels, static_cast<double>(endpoint.in_flight()));
  AddGauge(f, "inferenced_endpoint_up", "0 when connections or scrapes failed in a row.", labels,
           endpoint.reachable() ? 1 : 0);
  AddCounter(f, "inferenced_endpoint_picks_total", "Requests sent there.", labels,
             static_cast<double>(endpoint.picks()));
  AddGauge(f, "inferenced_endpoint_weight", "Share of the requests that it would get otherwise.",
           labels, endpoint.weight() / static_cast<double>(Endpoint::kFullWeight));
  AddCounter(f, "inferenced_endpoint_ejections_total",
             "Times that requests failed there too often.", labels,
             static_cast<double>(endpoint.ejections()));
  AddCounter(f, "inferenced_endpoint_scrapes_total", "Metrics pages read.", labels,
             static_cast<double>(m.pages.load(std::memory_order_relaxed)));
  AddCounter(f, "inferenced_endpoint_scrape_errors_total", "Metrics pages that failed.", labels,
             static_cast<double>(m.page_errors.load(std::memory_order_relaxed)));
  if (const int64_t at = m.last_page_ns.load(std::memory_order_relaxed); at != 0) {
    AddGauge(f, "inferenced_endpoint_metrics_age_seconds", "Since the last good metrics page.",
             labels, std::chrono::duration<double>(now - FromNanos(at)).count());
  }
}

double Seconds(const timeval& t) {
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
}

}  // namespace

void CollectEndpoints(const inference::control::ControlView& view,
                      const inference::base::Clock& clock, Families& families) {
  const auto runtime = view.runtime().Get();
  const Time now = clock.Now();
  for (const PoolRuntime& pool : runtime->pools()) {
    std::map<std::string, int> by_state{
        {"ready", 0}, {"unreachable", 0}, {"ejected", 0}, {"asleep", 0}, {"unknown", 0}};
    for (const auto& endpoint : pool.pool->endpoints()) {
      const auto& info = endpoint->info();
      const Labels labels = {
          {"pool", pool.pool->key()}, {"endpoint", info.name}, {"address", info.host_port}};
      CollectEndpoint(*endpoint, labels, now, pool.read.stale_after, families);
      ++by_state[StateOf(*endpoint, now, pool.read.stale_after)];
    }
    for (const auto& [state, count] : by_state) {
      AddGauge(families, "inferenced_pool_endpoints", "Endpoints of a pool by state.",
               {{"pool", pool.pool->key()}, {"state", state}}, count);
    }
  }
}

namespace {

void AddSplit(const std::string& kind, const std::string& object, size_t rule,
              const inference::picker::WeightedChoice& choice, Families& families) {
  for (const auto& target : choice.targets()) {
    const Labels labels = {{"kind", kind},
                           {"object", object},
                           {"rule", std::to_string(rule)},
                           {"target", target.name}};
    AddCounter(families, "inferenced_split_requests_total",
               "Requests that a weighted choice sent to a target.", labels,
               static_cast<double>(target.share->total()));
    AddGauge(families, "inferenced_split_share", "The share of requests by the weights, 0 to 1.",
             labels, target.fraction);
  }
}

}  // namespace

void CollectSplits(const inference::control::ControlView& view, Families& families) {
  const auto runtime = view.runtime().Get();
  for (const auto& rule : runtime->route_rules()) {
    AddSplit("HTTPRoute", rule->route, rule->index, rule->pools, families);
  }
  for (const PoolRuntime& pool : runtime->pools()) {
    if (!pool.models) continue;
    for (const auto& rule : pool.models->rules()) {
      AddSplit(rule->kind, rule->object, rule->index, rule->choice, families);
    }
  }
}

void CollectDrains(const inference::control::ControlView& view,
                   const inference::telemetry::Histogram& seconds, Families& families) {
  for (const auto& [key, row] : *view.drains()) {
    AddGauge(families, "inferenced_endpoint_drain_leases", "Leases that drain an endpoint.",
             {{"endpoint", key.name},
              {"address", inference::datastore::JoinHostPort(key.address, key.port)},
              {"state", std::string(inference::control::NameOf(row.state))}},
             static_cast<double>(row.leases.size()));
  }
  AddHistogram(families, "inferenced_endpoint_drain_seconds",
               "From the first lease of an endpoint until it was drained.", {}, seconds);
}

void CollectConfig(const inference::control::ControlView& view, Families& families) {
  const auto status = view.config_status();
  AddGauge(families, "inferenced_config_generation", "Generation of the running configuration.", {},
           static_cast<double>(status.generation));
  AddGauge(families, "inferenced_config_last_reload_successful",
           "0 when the last change was refused; the generation before it is still running.", {},
           status.last_reload_ok ? 1 : 0);
  AddGauge(families, "inferenced_config_last_success_timestamp_seconds",
           "When the running generation was applied.", {},
           std::chrono::duration<double>(status.last_success.time_since_epoch()).count());
  AddCounter(families, "inferenced_config_rejected_total", "Changes refused since the start.", {},
             static_cast<double>(status.rejected));
}

void CollectTls(const inference::extproc::Server& server, Families& families) {
  for (const auto& tls : server.tls()) {
    const Labels labels = {{"address", tls.address}};
    AddCounter(families, "inferenced_tls_reloads_total", "Changed certificates taken into use.",
               labels, static_cast<double>(tls.state->reloads()));
    AddCounter(families, "inferenced_tls_refused_total",
               "Changed certificates that can't be used; the one before stays.", labels,
               static_cast<double>(tls.state->refused()));
    AddGauge(families, "inferenced_tls_certificate_expiry_timestamp_seconds",
             "When the certificate in use expires.", labels,
             static_cast<double>(tls.state->not_after()));
  }
}

void CollectProcess(Families& families) {
  static const double start =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  AddGauge(families, "inferenced_build_info", "The version that runs.",
           {{"version", INFERENCE_VERSION}}, 1);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  AddCounter(families, "process_cpu_seconds_total", "User and system CPU time.", {},
             Seconds(usage.ru_utime) + Seconds(usage.ru_stime));
  std::ifstream statm("/proc/self/statm");
  double size = 0, resident = 0;
  if (statm >> size >> resident) {
    AddGauge(families, "process_resident_memory_bytes", "Resident memory.", {},
             resident * static_cast<double>(sysconf(_SC_PAGESIZE)));
  }
  std::error_code error;
  const auto fds = std::filesystem::directory_iterator("/proc/self/fd", error);
  if (!error) {
    AddGauge(families, "process_open_fds", "Open file descriptors.", {},
             static_cast<double>(std::distance(begin(fds), end(fds))));
  }
  AddGauge(families, "process_start_time_seconds", "When the process started.", {}, start);
}

}  // namespace inferenced
