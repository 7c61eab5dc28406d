#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "inference/result.h"
#include "inference/status.h"

namespace inference {
inline namespace v0 {

/// A model server: one address with one port.
struct EndpointSpec {
  std::string name;                           ///< unique in a Picker; "address:port" when empty
  std::string address;                        ///< IPv4 or IPv6 literal, no brackets
  int port = 0;                               ///< 1..65535
  std::map<std::string, std::string> labels;  ///< for filters
};

/// What is asked of the model servers. Views must live until the call returns.
struct Request {
  /// One prompt in pieces, in order: role, text, role, text ... or one text. Never stored.
  using Prompt = std::vector<std::string_view>;

  std::string_view model;       ///< as servers know it; a LoRA adapter's name too
  std::vector<Prompt> prompts;  ///< usually one; without any nothing is known of its prefix
  std::string_view cache_salt;  ///< requests of different salts share no prefix
  /// When set, only these may be picked: "ip:port", or "ip" for all ports of an address.
  std::optional<std::vector<std::string_view>> subset;
};

/// One request in flight on an endpoint: counted from the pick until End() or destruction, exactly
/// once. Keep it until the response has ended. Movable; may outlive its Picker; not thread-safe.
class Reservation {
 public:
  Reservation();
  Reservation(Reservation&&) noexcept;
  Reservation& operator=(Reservation&&) noexcept;
  ~Reservation();

  bool active() const { return state_ != nullptr; }
  void End();

 private:
  friend class Picker;
  struct State;
  std::unique_ptr<State> state_;
};

/// Where to send a request, or why it is refused.
struct PickResult {
  bool picked = false;
  std::vector<std::string>
      endpoints;            ///< "ip:port" (IPv6 in brackets), best first; empty if refused
  Reservation reservation;  ///< on endpoints[0]; active when picked

  int http_status = 200;  ///< of a refusal: 503 nothing to pick from, 429 all dropped by filters
  std::string
      reason;  ///< of a refusal, for machines: "rejected-no-endpoints", "rejected-saturated"
  std::string message;  ///< of a refusal, a sentence
};

/// The whole story of one pick. Unknown numbers are NaN.
struct Explanation {
  struct Column {
    std::string scorer;
    double weight = 1;
  };
  struct Row {
    std::string name;
    std::string endpoint;        ///< "ip:port"
    std::vector<double> scores;  ///< [0,1], one per column, before weights
    double total = 0;
    double waiting = 0;     ///< queued requests, with the picks that the last page cannot know of
    double running = 0;     ///< requests in the batch
    double kv_usage = 0;    ///< fraction of the KV cache, 0..1
    int64_t in_flight = 0;  ///< reservations held
    uint32_t prefix_match = 0;    ///< blocks of the prompt that it probably holds
    int64_t metrics_age_ms = -1;  ///< -1: never reported
    int rank = -1;                ///< 0 picked, 1.. fallbacks, -1 not in the list
  };
  struct Dropped {
    std::string by;  ///< filter's name, "subset" or "reachability"
    std::string name;
    std::string endpoint;
    std::string reason;
  };
  bool picked = false;
  int http_status = 200;
  std::string message;  ///< of a refusal
  std::string profile;
  std::string picker;
  std::vector<Column> columns;
  std::vector<Row> rows;  ///< best total first
  std::vector<Dropped> dropped;
  uint32_t prefix_blocks = 0;
  uint32_t prefix_block_tokens = 0;
  std::vector<std::string> notes;
};

/// Picks model servers as `inferenced` does, in a program of your own. It has no thread and does no
/// I/O: tell it of endpoints and of their metrics pages, and ask. Movable. All methods are
/// thread-safe and return in bounded time; none throws but std::bad_alloc.
class Picker {
 public:
  struct Options {
    std::chrono::nanoseconds stale_after = std::chrono::seconds(2);  ///< older metrics are unknown
    bool inflight_correction = true;  ///< count picks since the last page as waiting
    int destination_list = 1;         ///< 1..16 endpoints in PickResult
    std::optional<uint64_t> seed;     ///< for repeatable picks; random without
  };

  /// `yaml` is the text of an EndpointPickerConfig of either API group; empty: queue-scorer 2,
  /// kv-cache-utilization-scorer 2, prefix-cache-scorer 3, max-score-picker. What is accepted but
  /// changes nothing is added to `warnings`.
  /// INVALID_ARGUMENT with all mistakes and their positions, one a line.
  static Result<Picker> FromConfig(std::string_view yaml, const Options& options,
                                   std::vector<std::string>* warnings = nullptr);
  static Result<Picker> FromConfig(std::string_view yaml) { return FromConfig(yaml, Options{}); }

  Picker(Picker&&) noexcept;
  Picker& operator=(Picker&&) noexcept;
  ~Picker();

  /// Adds the endpoint, or changes the one of that name. INVALID_ARGUMENT for an address or port
  /// that is none; ALREADY_EXISTS when another name has that address and port.
  Status UpsertEndpoint(const EndpointSpec& endpoint);
  /// NOT_FOUND when there is none of that name. Reservations on it stay valid.
  Status RemoveEndpoint(std::string_view name);

  /// A metrics page that the server gave (Prometheus text, at most 8 MiB), read by the names of
  /// `engine`: vllm, sglang, trtllm-serve, triton-tensorrt-llm, llamacpp ... Also a proof of life.
  /// NOT_FOUND without such an endpoint, INVALID_ARGUMENT for an unknown engine or too large a
  /// page, FAILED_PRECONDITION when the page has nothing of that engine.
  Status ReportMetrics(std::string_view name, std::string_view page,
                       std::string_view engine = "vllm");
  /// A refused connection, a failed fetch, a reset. After two in a row without a page between them
  /// the endpoint is picked only if nothing else is left. NOT_FOUND without such an endpoint.
  Status ReportFailure(std::string_view name);

  /// Picks, reserves, and remembers the prompt's prefix as cached by the endpoint.
  PickResult Pick(const Request& request);
  /// What Pick would do now, and why. Reserves nothing and remembers nothing.
  Explanation Explain(const Request& request);

 private:
  struct Impl;
  explicit Picker(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace v0
}  // namespace inference
