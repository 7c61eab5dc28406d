#include <fmt/format.h>

#include <type_traits>

#include "api/text_values.h"
#include "base/text.h"
#include "manifest/kinds.h"
#include "manifest/reader.h"
#include "manifest/scrape_fields.h"

// A DaemonConfig as YAML that ReadDaemonConfig reads back to the same values.
namespace inference::manifest {
namespace {

std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string Text(const std::string& value) {
  return Quoted(value);
}
std::string Text(bool value) {
  return value ? "true" : "false";
}
std::string Text(int value) {
  return std::to_string(value);
}
std::string Text(int64_t value) {
  return api::FormatQuantity(value);
}
std::string Text(std::chrono::nanoseconds value) {
  return api::FormatDuration(value);
}
std::string Text(api::ResponseTracking value) {
  return value == api::ResponseTracking::kFull   ? "full"
         : value == api::ResponseTracking::kNone ? "none"
                                                 : "auto";
}

class Dumper {
 public:
  void Line(std::string_view text) { out_ += fmt::format("{:{}}{}\n", "", indent_, text); }

  template <typename T>
  void Add(std::string_view name, const api::Field<T>& field) {
    // A file name may hold anything: on one line, without control characters.
    Line(fmt::format("{}: {}  # {}", name, Text(*field),
                     base::Printable(field.origin.ToString(), 4096)));
  }

  void AddItem(const api::Field<std::string>& item) {
    Line(fmt::format("- {}  # {}", Text(*item), base::Printable(item.origin.ToString(), 4096)));
  }

  /// A string whose empty value means that it is not set.
  void AddOptional(std::string_view name, const api::Field<std::string>& field) {
    if (!field->empty()) Add(name, field);
  }

  void Open(std::string_view text) {
    Line(text);
    indent_ += 2;
  }
  void Close() { indent_ -= 2; }

  std::string Take() { return std::move(out_); }

 private:
  std::string out_;
  int indent_ = 0;
};

void DumpListeners(const api::DaemonConfig& config, Dumper& out) {
  if (config.listeners.empty()) {
    out.Line("# listeners: a Unix socket and loopback  # default");
    return;
  }
  out.Open("listeners:");
  for (const api::ListenerConfig& listener : config.listeners) {
    out.Add("- address", listener.address);
    const std::string_view mode = listener.tls.mode == api::TlsMode::kFiles        ? "files"
                                  : listener.tls.mode == api::TlsMode::kSelfSigned ? "selfSigned"
                                                                                   : "none";
    std::string tls = fmt::format("  tls: {{mode: {}", mode);
    if (listener.tls.mode == api::TlsMode::kFiles) {
      tls += fmt::format(", certFile: {}, keyFile: {}", Quoted(listener.tls.cert_file),
                         Quoted(listener.tls.key_file));
    }
    out.Line(tls + "}");
  }
  out.Close();
}

void DumpScrape(const api::ScrapeConfig& scrape, Dumper& out) {
  out.Open("scrape:");
  VisitScrapeFields(scrape, [&](std::string_view name, const auto& field, const auto& rule) {
    if constexpr (std::is_same_v<decltype(rule), const OptionalFile&>) {
      out.AddOptional(name, field);
    } else {
      out.Add(name, field);
    }
  });
  out.Close();
}

void DumpAdmin(const api::AdminConfig& admin, Dumper& out) {
  out.Open("admin:");
  if (admin.address->empty()) {
    out.Line("# address: a Unix socket in the run directory  # default");
  } else {
    out.Add("address", admin.address);
  }
  out.Add("mode", api::Field<std::string>(fmt::format("{:04o}", *admin.mode), admin.mode.origin));
  out.AddOptional("group", admin.group);
  if (admin.operators) {
    out.Open("operators:");
    for (const auto& [name, list] : {std::pair{"users:", &admin.operators->users},
                                     std::pair{"groups:", &admin.operators->groups}}) {
      out.Open(list->empty() ? std::string(name) + " []" : name);
      for (const api::Field<std::string>& item : *list) out.AddItem(item);
      out.Close();
    }
    out.Close();
  }
  out.Close();
}

void DumpPools(const api::DaemonConfig& config, Dumper& out) {
  if (config.pools.empty()) return;
  out.Open("pools:");
  for (const auto& [key, pool] : config.pools) {
    out.Open(Quoted(key) + ":");
    out.AddOptional("pickerConfig", pool.picker_config);
    out.Add("responseTracking", pool.response_tracking);
    out.Add("destinationList", pool.destination_list);
    out.Add("inflightCorrection", pool.inflight_correction);
    out.Open("parking:");
    out.Add("maxRequests", pool.parking.max_requests);
    out.Add("maxBytes", pool.parking.max_bytes);
    out.Add("maxWait", pool.parking.max_wait);
    out.Close();
    const api::OutlierDetectionConfig& outlier = pool.outlier_detection;
    out.Open("outlierDetection:");
    out.Add("consecutive5xx", outlier.consecutive_5xx);
    out.Add("consecutiveConnectionFailures", outlier.consecutive_connection_failures);
    out.Add("baseEjectionTime", outlier.base_ejection_time);
    out.Add("maxEjectionTime", outlier.max_ejection_time);
    out.Add("maxEjectionPercent", outlier.max_ejection_percent);
    out.Close();
    out.Open("slowStart:");
    out.Add("window", pool.slow_start.window);
    out.Add("minWeightPercent", pool.slow_start.min_weight_percent);
    out.Close();
    if (pool.scrape) DumpScrape(*pool.scrape, out);
    out.Close();
  }
  out.Close();
}

void DumpEngines(const api::DaemonConfig& config, Dumper& out) {
  if (config.engines.empty()) return;
  out.Open("engines:");
  for (const api::EngineMap& engine : config.engines) {
    out.Line(fmt::format("- name: {}  # {}", Quoted(engine.name),
                         base::Printable(engine.origin.ToString(), 4096)));
    VisitEngineFields(engine, [&](std::string_view name, const std::string& value) {
      if (!value.empty()) out.Line(fmt::format("  {}: {}", name, Quoted(value)));
    });
  }
  out.Close();
}

void DumpAddress(std::string_view name, const api::Field<std::string>& address, Dumper& out) {
  out.Open(fmt::format("{}:", name));
  out.Add("address", address);
  out.Close();
}

void DumpPaths(const api::DaemonConfig& config, Dumper& out) {
  if (!config.manifests.empty()) {
    out.Open("manifests:");
    for (const api::Field<std::string>& path : config.manifests) out.AddItem(path);
    out.Close();
  }
  if (config.state_file->empty()) {
    out.Line("# stateFile: state.db in the state directory  # default");
  } else {
    out.Add("stateFile", config.state_file);
  }
  if (config.picker_config->empty()) {
    out.Line("# pickerConfig: queue 2, KV cache 2, prefix 3  # default");
  } else {
    out.Add("pickerConfig", config.picker_config);
  }
}

}  // namespace

std::string DumpDaemonConfig(const api::DaemonConfig& config) {
  Dumper out;
  out.Line(fmt::format("apiVersion: {}", kOurApiVersion));
  out.Line("kind: DaemonConfig");
  DumpListeners(config, out);
  DumpAddress("health", config.health_address, out);
  DumpAddress("http", config.http_address, out);
  DumpAdmin(config.admin, out);
  DumpPaths(config, out);
  DumpPools(config, out);
  if (!config.routes.empty()) {
    out.Open("routes:");
    for (const auto& [route, pool] : config.routes) out.Add(Quoted(route), pool);
    out.Close();
  }
  out.Open("limits:");
  out.Add("maxBodyBytes", config.limits.max_body_bytes);
  out.Add("bodyBudget", config.limits.body_budget);
  out.Add("pickTimeout", config.limits.pick_timeout);
  out.Close();
  DumpScrape(config.scrape, out);
  DumpEngines(config, out);
  out.Add("trustPriorityHeaders", config.trust_priority_headers);
  out.Add("workers", config.workers);
  out.Add("decisionRing", config.decision_ring);
  out.Add("logLevel", config.log_level);
  out.Add("logFormat", config.log_format);
  out.Add("drainTimeout", config.drain_timeout);
  out.Add("endpointHeader", config.endpoint_header);
  return out.Take();
}

}  // namespace inference::manifest
