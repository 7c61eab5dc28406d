#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "picker/pick.h"
#include "scheduling/decision.h"

namespace inference::picker {

/// How a request ended, as far as we saw it.
enum class StreamOutcome : uint8_t {
  kPending,     // not ended yet
  kServed,      // response seen to its end
  kUnobserved,  // picked; the response phase was not ours to see (early close, request-only)
  kRefused,
  kClientClosed,  // reset before the end
  kProtocolError,
};

/// What is remembered of one request: plain data of a fixed size, no pointer. Text is cut to its
/// array; prompts are never in it.
struct DecisionRecord {
  std::array<char, 64> request_id{};
  std::array<char, 64> model{};
  std::array<char, 96> pool{};          // "namespace/name"
  std::array<char, 64> target_model{};  // that the server is asked for; empty: `model`
  // What chose the pool or the model, e.g. "InferenceModelRewrite llm/chat rule 0 (70 %)".
  std::array<char, 128> route_rule{}, model_rule{};
  Priority priority{};
  // Why we refused it before any pick, e.g. a fault in the body; the client was told the same.
  std::array<char, 160> fault{};
  uint8_t request_id_size = 0, model_size = 0, pool_size = 0, fault_size = 0;
  uint8_t target_model_size = 0, route_rule_size = 0, model_rule_size = 0;
  int64_t wall_ms = 0;  // when it was decided
  uint64_t generation = 0;
  Refusal refusal = Refusal::kNone;
  StreamOutcome outcome = StreamOutcome::kPending;
  int http_status = 0;  // of our refusal, or of the response
  uint32_t columns_id = 0;
  uint32_t considered = 0, scored = 0;
  bool only_unreachable = false;
  uint32_t prefix_total = 0, prefix_block_tokens = 0;
  uint32_t pick_us = 0;  // from the body's end to the answer
  uint64_t body_bytes = 0;
  std::array<scheduling::TopCandidate, scheduling::kMaxTop> top{};
  std::array<std::array<char, 56>, scheduling::kMaxTop> host_port{};  // NUL-terminated
  uint8_t n_top = 0;
  scheduling::Dropped dropped;  // endpoints without a score
  // Observed; -1: not seen.
  int64_t served_endpoint_id = -1;
  int64_t ttft_us = -1, duration_us = -1;
  int64_t prompt_tokens = -1, cached_tokens = -1, completion_tokens = -1;

  void SetRequestId(std::string_view text);
  void SetModel(std::string_view text);
  std::string_view request_id_view() const { return {request_id.data(), request_id_size}; }
  std::string_view model_view() const { return {model.data(), model_size}; }
  std::string_view fault_view() const { return {fault.data(), fault_size}; }
  std::string_view pool_view() const { return {pool.data(), pool_size}; }
  std::string_view target_model_view() const { return {target_model.data(), target_model_size}; }
  std::string_view route_rule_view() const { return {route_rule.data(), route_rule_size}; }
  std::string_view model_rule_view() const { return {model_rule.data(), model_rule_size}; }
};

/// Writes what the pick decided: all but the request's own words, its time and size, and what is
/// observed later. `decision` is the one of the scratch that made `result`, `target_model` what
/// Pick made of the request's.
void FillRecord(const Runtime& runtime, const PickResult& result,
                const scheduling::Decision& decision, std::string_view target_model,
                DecisionRecord& record);

/// A request that was sent to an endpoint and has not ended.
struct PendingRequest {
  std::string request_id;  // cut, as in the record
  int64_t wall_ms = 0;     // when it was decided
};
using PendingByEndpoint = std::map<uint32_t, PendingRequest>;  // by endpoint id

/// Where decision records can be asked for; the data plane implements it. Thread-safe.
class DecisionSource {
 public:
  virtual ~DecisionSource() = default;
  /// The newest record of that request id, or nothing. May wait up to a second.
  virtual std::optional<DecisionRecord> FindDecision(std::string_view request_id) = 0;
  /// Of each endpoint the oldest request that is remembered as not ended. May wait up to a second;
  /// looks at every record, so not to be asked for more than once in a while.
  virtual PendingByEndpoint OldestPending(const std::vector<uint32_t>& endpoint_ids) = 0;
};

}  // namespace inference::picker
