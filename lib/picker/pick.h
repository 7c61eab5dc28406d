#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "api/inference_request.h"
#include "base/clock.h"
#include "base/rng.h"
#include "datastore/endpoint.h"
#include "picker/runtime.h"
#include "scheduling/decision.h"
#include "scheduling/scheduler.h"

namespace inference::picker {

/// Who asks, and what for. Views must outlive the call.
struct PickRequest {
  /// Pick sets its `target_model`: a view into `request` or `model_rewrite`, or into the runtime.
  api::InferenceRequest* request = nullptr;
  std::string_view pool;   // gRPC initial metadata `x-inference-pool`; empty: not given
  std::string_view route;  // Envoy's xds.route_name; empty: not given
  scheduling::Subset subset;
  std::string_view objective;      // that the request names; empty: none
  std::string_view model_rewrite;  // the model that a trusted header asks for; empty: none
  /// Has it waited? Then it goes, however full the pool is.
  bool has_waited = false;
  bool can_rewrite = true;  // false: the body isn't (wholly) seen, and goes on as it is
};

/// Why a request is refused; each has one HTTP status (gateway-api-inference-extension.md 2.2).
enum class Refusal : uint8_t {
  kNone,
  kUnknownPool,    // 404
  kNoPools,        // 503
  kAmbiguousPool,  // 404: several pools and nothing says which
  kNoEndpoints,    // 503 rejected-no-endpoints
  kFilteredOut,    // 429 rejected-saturated
  kShed,           // 429: sheddable, and the pool is saturated
  kWait,           // not refused: the pool is saturated and has a line; ask again when it is over
  kNoModel,        // 400: the body names no model, and no rule gives it one
};
int HttpStatus(Refusal refusal);
/// Value of the header x-llm-d-request-dropped-reason; empty when there is none for it.
std::string_view DroppedReason(Refusal refusal);
/// A sentence for the client.
std::string_view Message(Refusal refusal);

struct PickResult {
  Refusal refusal = Refusal::kNone;
  const PoolRuntime* pool = nullptr;          // null only when no pool could be told
  datastore::Reservation reservation;         // active when picked
  const RouteRule* route_rule = nullptr;      // chose the pool
  const ModelRule* model_rule = nullptr;      // chose the target model
  size_t route_target = 0, model_target = 0;  // what was drawn, of the rules' targets
  Priority priority;
  bool picked() const { return refusal == Refusal::kNone; }
};

/// A thread's reusable memory for picks.
struct PickScratch {
  scheduling::Scratch scheduling;
  scheduling::Decision decision;  // valid after a pick until the next one
};

/// How full the pool is for a request without a subset, and how many more requests it takes until
/// it is saturated: at least one while it isn't. `scratch` as for Pick.
struct Room {
  bool saturated = true;
  size_t free = 0;
};
Room RoomIn(const PoolRuntime& pool, base::Time now, PickScratch& scratch);

/// The pick path: resolve the pool, schedule, reserve, learn. Never throws, does no I/O.
/// Thread-safe with one scratch and rng per thread. With `dry_run` nothing is reserved and nothing
/// learned.
PickResult Pick(const Runtime& runtime, const PickRequest& request, base::Time now, base::Rng& rng,
                PickScratch& scratch, scheduling::Explanation* explanation = nullptr,
                bool dry_run = false);

}  // namespace inference::picker
