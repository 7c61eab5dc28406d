#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/origin.h"
#include "api/value.h"

// The manifest kinds as plain values. Reading and checking them is the manifest room's work;
// whoever holds one of these may assume that it is valid.
namespace inference::api {

using Labels = std::map<std::string, std::string, std::less<>>;

struct ObjectMeta {
  std::string name;
  std::string ns = "default";
  Labels labels;
  Labels annotations;
  std::string created;  // metadata.creationTimestamp, "2026-01-31T12:00:00Z"; empty: not known
  Origin origin;        // of the object

  /// "namespace/name"
  std::string key() const { return ns + "/" + name; }
};

/// InferencePool, inference.networking.k8s.io/v1.
struct InferencePool {
  struct PickerRef {
    std::string group;
    std::string kind = "Service";
    std::string name;
    std::optional<int> port;
    std::string failure_mode = "FailClose";
    Origin origin;
  };
  ObjectMeta meta;
  Labels match_labels;                   // ANDed; 1..64
  std::vector<Field<int>> target_ports;  // 1..8, unique, 1..65535
  std::string app_protocol = "http";     // http | kubernetes.io/h2c
  std::optional<PickerRef> picker_ref;
};

/// EndpointSet, inferenced.dev/v1alpha1: file mode's pods. A pool's selector is matched against the
/// labels of the set merged with those of the endpoint (the endpoint's win), in the same namespace.
struct EndpointSet {
  struct Endpoint {
    std::string name;               // unique in the set; DNS-1123 subdomain
    std::string address;            // IPv4 or IPv6 literal; empty when `dns` is set
    std::string dns;                // host name, looked up again while running
    std::vector<Field<int>> ports;  // empty: the pool's targetPorts
    Labels labels;
    Labels annotations;
    Origin origin;
  };
  ObjectMeta meta;
  std::vector<Endpoint> endpoints;
};

/// How much a model's requests matter; of an InferenceModel.
enum class Criticality { kCritical, kStandard, kSheddable };

/// InferenceModelRewrite (inference.networking.x-k8s.io and llm-d.ai v1alpha2), and InferenceModel
/// (x-k8s.io v1alpha1 and v1alpha2) as the one rule that it stands for. Acts on requests to one
/// pool of its namespace.
struct ModelRewrite {
  struct Target {
    std::string model;
    std::optional<int> weight;  // 0..1,000,000; all targets of a rule have one, or none has
    Origin origin;
  };
  struct Rule {
    std::vector<std::string> models;  // any of them; empty: every model
    std::vector<Target> targets;      // empty in an InferenceModel: served under its own name
    Origin origin;
  };
  std::string kind;  // as it was written
  ObjectMeta meta;
  Field<std::string> pool;  // a name
  std::vector<Rule> rules;
  std::optional<Criticality> criticality;  // of an InferenceModel

  std::string pool_key() const { return meta.ns + "/" + *pool; }
};

/// InferenceObjective, the same groups. Chosen by a request's objective header.
struct Objective {
  ObjectMeta meta;
  Field<std::string> pool;  // a name
  int priority = 0;         // below 0: may be shed

  std::string pool_key() const { return meta.ns + "/" + *pool; }
};

/// HTTPRoute, gateway.networking.k8s.io: what of it is the picker's, the pools behind its rules.
/// Everything else is the gateway's work.
struct HttpRoute {
  struct Backend {
    std::string pool;  // "namespace/name"
    int weight = 1;    // 0..1,000,000
    Origin origin;
  };
  struct Rule {
    std::vector<Backend> pools;
    Origin origin;
  };
  ObjectMeta meta;
  std::vector<Rule> rules;
};

/// One plugin of an EndpointPickerConfig.
struct PluginSpec {
  std::string name;  // defaults to type
  std::string type;
  Value parameters;
  Origin origin;  // of the plugin entry
  Origin type_origin;
};

struct ProfileSpec {
  struct Entry {
    std::string plugin_ref;
    std::optional<double> weight;
    Origin origin;
  };
  std::string name;
  std::vector<Entry> plugins;
  Origin origin;
};

/// EndpointPickerConfig, llm-d.ai/v1alpha1 and inference.networking.x-k8s.io/v1alpha1. Parts of the
/// kind that nothing acts on yet are refused by the reader, so they have no field here.
struct EndpointPickerConfig {
  std::vector<PluginSpec> plugins;
  std::vector<ProfileSpec> profiles;
  Origin origin;
};

/// How the listener's connections are protected.
enum class TlsMode { kNone, kSelfSigned, kFiles };
struct TlsConfig {
  TlsMode mode = TlsMode::kNone;
  std::string cert_file, key_file;
};

struct ListenerConfig {
  Field<std::string> address;  // "unix:///path", "host:port", "[v6]:port"; port 0 = any
  TlsConfig tls;
};

/// How metrics pages are fetched; per pool, defaults from the daemon.
struct ScrapeConfig {
  Field<std::chrono::nanoseconds> interval{std::chrono::milliseconds(50)};
  Field<std::chrono::nanoseconds> timeout{std::chrono::milliseconds(500)};
  Field<std::chrono::nanoseconds> stale_after{std::chrono::seconds(2)};
  Field<std::string> scheme{std::string("http")};  // http | https
  Field<std::string> path{std::string("/metrics")};
  Field<int> port{0};  // 0: the endpoint's own
  Field<bool> insecure_skip_verify{false};
  Field<std::string> ca_file, cert_file, key_file;
  Field<std::string> engine{std::string("vllm")};  // for endpoints without an engine label
};

/// A user-written map from metric names to what we read. A spec is `name` or
/// `name{label=value,...}`.
struct EngineMap {
  std::string name;
  std::string waiting, running, kv_usage, lora, cache_info;
  std::string block_size_label, num_blocks_label;  // labels of cache_info
  std::string block_size, num_blocks;              // or gauges
  std::string prefix_queries, prefix_hits, preemptions, sleep_state;
  Origin origin;
};

enum class ResponseTracking { kAuto, kFull, kNone };

/// Requests that may wait while a pool is saturated.
struct ParkingConfig {
  Field<int> max_requests{0};                   // 0: none waits
  Field<int64_t> max_bytes{int64_t{64} << 20};  // of their bodies together
  Field<std::chrono::nanoseconds> max_wait{std::chrono::seconds(30)};
};

/// When requests that fail at an endpoint take it out of the picks, and for how long. Names and
/// meanings are those of Envoy's outlier detection, but one request at a time tries an endpoint
/// again when its time is over.
struct OutlierDetectionConfig {
  Field<int> consecutive_5xx{5};  // answers in a row; 0: answers never eject
  Field<int> consecutive_connection_failures{2};
  Field<std::chrono::nanoseconds> base_ejection_time{std::chrono::seconds(1)};  // then it doubles
  Field<std::chrono::nanoseconds> max_ejection_time{std::chrono::seconds(30)};
  Field<int> max_ejection_percent{50};  // of the pool's endpoints, for their answers
};

/// The share of requests of an endpoint that is new, or there again, rises over the window.
struct SlowStartConfig {
  Field<std::chrono::nanoseconds> window{std::chrono::seconds(0)};  // 0: no slow start
  Field<int> min_weight_percent{10};                                // 1..100
};

/// Per-pool settings of the daemon.
struct PoolConfig {
  Field<std::string> picker_config;  // a file; empty: the daemon's
  Field<ResponseTracking> response_tracking{ResponseTracking::kAuto};
  Field<int> destination_list{1};  // 1..16 endpoints in the destination header
  std::optional<ScrapeConfig> scrape;
  Field<bool> inflight_correction{true};
  ParkingConfig parking;
  OutlierDetectionConfig outlier_detection;
  SlowStartConfig slow_start;
  Origin origin;
};

/// Who may change anything over the admin socket, besides root and the daemon's own user.
struct AdminOperators {
  std::vector<Field<std::string>> users, groups;  // names or numbers
};

/// The admin socket.
struct AdminConfig {
  Field<std::string> address;  // default: unix socket under the run directory
  Field<int> mode{0660};       // of a socket that the daemon makes; 0600..0666
  Field<std::string> group;    // that it belongs to, by name or number; empty: the process's
  std::optional<AdminOperators> operators;  // none: whoever can open the socket
};

/// DaemonConfig, inferenced.dev/v1alpha1.
struct DaemonConfig {
  std::vector<ListenerConfig> listeners;
  Field<std::string> health_address{std::string("127.0.0.1:9003")};
  Field<std::string> http_address{std::string("127.0.0.1:9090")};
  AdminConfig admin;
  std::vector<Field<std::string>> manifests;  // files, folders, globs; relative to the config file
  Field<std::string> state_file;              // of applied manifests; "none": nothing is kept
  Field<std::string> picker_config;
  std::map<std::string, PoolConfig, std::less<>> pools;           // by "namespace/name"
  std::map<std::string, Field<std::string>, std::less<>> routes;  // xds.route_name -> pool key
  struct Limits {
    Field<int64_t> max_body_bytes{int64_t{64} << 20};
    Field<int64_t> body_budget{int64_t{2} << 30};
    Field<std::chrono::nanoseconds> pick_timeout{std::chrono::seconds(5)};
  } limits;
  ScrapeConfig scrape;
  std::vector<EngineMap> engines;
  Field<bool> trust_priority_headers{true};
  Field<int> workers{0};           // reactors; 0: one per core
  Field<int> decision_ring{4096};  // remembered decisions per reactor
  Field<std::string> log_level{std::string("info")};
  Field<std::string> log_format{std::string("auto")};  // auto | text | json
  Field<std::chrono::nanoseconds> drain_timeout{std::chrono::seconds(30)};
  Field<bool> endpoint_header{false};  // answer x-inference-endpoint to clients that ask for it
  Origin origin;
};

}  // namespace inference::api
