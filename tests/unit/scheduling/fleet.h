#pragma once

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "datastore/snapshot.h"
#include "scheduling/scheduler.h"

namespace inference::scheduling {

inline const base::Time kNow = base::FromNanos(1'000'000'000'000);

/// A pool of endpoints 10.0.0.1:8000, 10.0.0.2:8000 ... with values to set.
class Fleet {
 public:
  explicit Fleet(size_t n) {
    for (size_t i = 0; i < n; ++i) {
      datastore::EndpointInfo info;
      info.name = "e" + std::to_string(i + 1);
      info.address = "10.0.0." + std::to_string(i + 1);
      Add(std::move(info));
    }
  }

  void Add(datastore::EndpointInfo info) {
    if (info.port == 0) info.port = 8000;
    info.host_port = datastore::JoinHostPort(info.address, info.port);
    endpoints_.push_back(std::make_shared<datastore::Endpoint>(std::move(info)));
  }

  datastore::Endpoint& operator[](size_t i) { return *endpoints_[i]; }
  const std::shared_ptr<datastore::Endpoint>& shared(size_t i) const { return endpoints_[i]; }
  size_t size() const { return endpoints_.size(); }

  /// Queue, batch and KV cache use as of now; negative: left unknown.
  void Report(size_t i, double waiting, double running, double kv_usage, base::Time at = kNow) {
    datastore::MetricsState& metrics = endpoints_[i]->metrics;
    if (waiting >= 0) metrics.waiting.Set(waiting, at);
    if (running >= 0) metrics.running.Set(running, at);
    if (kv_usage >= 0) metrics.kv_usage.Set(kv_usage, at);
    metrics.last_page_ns = base::ToNanos(at);
  }

  datastore::Pool pool() const {
    api::InferencePool spec;
    spec.meta.name = "pool";
    return datastore::Pool(std::move(spec), endpoints_);
  }

  std::vector<Candidate> Candidates() const {
    std::vector<Candidate> candidates;
    for (const auto& endpoint : endpoints_) {
      Candidate candidate;
      candidate.endpoint = &endpoint;
      candidate.index = static_cast<uint32_t>(candidates.size());
      candidates.push_back(candidate);
    }
    return candidates;
  }

 private:
  std::vector<std::shared_ptr<datastore::Endpoint>> endpoints_;
};

inline const PluginRegistry& Builtins() {
  static const PluginRegistry registry = [] {
    PluginRegistry r;
    RegisterBuiltins(r);
    return r;
  }();
  return registry;
}

/// A value as a reader makes it, with a position to check.
inline api::Origin At(int line) {
  static const auto file = std::make_shared<const std::string>("picker.yaml");
  return {file, line, 1};
}
inline api::Value Text(std::string text) {
  return {std::move(text), At(90)};
}
inline api::Value Number(double number) {
  return {number, At(91)};
}
inline api::Value Int(int64_t number) {
  return {number, At(92)};
}
inline api::Value Flag(bool flag) {
  return {flag, At(93)};
}
inline api::Value List(api::Value::List list) {
  return {std::move(list), At(94)};
}
inline api::Value Map(std::initializer_list<std::pair<std::string, api::Value>> members) {
  api::Value::Map map;
  for (const auto& [key, value] : members) map.push_back({key, At(95), value});
  return {std::move(map), At(96)};
}

inline api::PluginSpec Plugin(std::string type, api::Value parameters = {}, std::string name = {}) {
  api::PluginSpec spec;
  spec.name = name.empty() ? type : std::move(name);
  spec.type = std::move(type);
  spec.parameters = std::move(parameters);
  return spec;
}

/// A configuration with one profile: the plugins in order, each with a weight (NaN: not written).
inline api::EndpointPickerConfig Config(std::vector<std::pair<api::PluginSpec, double>> plugins) {
  api::EndpointPickerConfig config;
  config.origin = At(1);
  api::ProfileSpec profile;
  profile.name = "default";
  profile.origin = At(50);
  int line = 2;
  for (auto& [spec, weight] : plugins) {
    spec.origin = spec.type_origin = At(line);
    api::ProfileSpec::Entry entry{spec.name, std::nullopt, At(50 + line++)};
    if (!std::isnan(weight)) entry.weight = weight;
    profile.plugins.push_back(std::move(entry));
    config.plugins.push_back(std::move(spec));
  }
  config.profiles.push_back(std::move(profile));
  return config;
}

inline constexpr double kNoWeight = std::numeric_limits<double>::quiet_NaN();

/// One pick's worth of everything; the parts may be changed between picks.
struct Bench {
  explicit Bench(const api::EndpointPickerConfig& config) {
    api::Diagnostics out;
    scheduler = Compile(config, Builtins(), out);
  }

  ScheduleError Run(const datastore::Pool& pool, size_t want = 1, Explanation* why = nullptr) {
    return Schedule(*scheduler, pool, request, subset, options, want, now, rng, scratch, decision,
                    why);
  }
  /// host_port of the pick, or the error's number.
  std::string Pick(const datastore::Pool& pool) {
    const ScheduleError error = Run(pool);
    if (error != ScheduleError::kNone) return "error " + std::to_string(static_cast<int>(error));
    return (*decision.ranked[0])->info().host_port;
  }
  void Prompt(std::string_view text, std::string_view model = "m") {
    request.model = request.target_model = model;
    request.pieces = {text};
    request.prompts = {{0, 1}};
  }

  std::shared_ptr<const Scheduler> scheduler;
  api::InferenceRequest request;
  Subset subset;
  ReadOptions options;
  base::Time now = kNow;
  base::Rng rng{1};
  Scratch scratch;
  Decision decision;
};

}  // namespace inference::scheduling
