#pragma once

#include <string>
#include <string_view>

#include "admin/daemon_info.h"
#include "base/clock.h"
#include "control/control_view.h"
#include "inference/admin/v1/admin.pb.h"
#include "picker/decision_record.h"
#include "picker/pick.h"
#include "picker/runtime.h"

// What the rooms know, as messages of inference.admin.v1. Pure functions.
namespace inference::admin {

/// Text that clients or servers chose may hold any bytes; protobuf strings must be UTF-8.
std::string SafeText(std::string_view text);

google::protobuf::Timestamp ToTimestamp(base::WallTime time);

v1::Endpoint::State StateOf(const datastore::Endpoint& endpoint, base::Time now,
                            base::Duration stale_after);
void CountState(v1::Endpoint::State state, v1::EndpointCounts* out);

void FillDaemon(const DaemonInfo& info, base::Time now, v1::GetStatusResponse* out);
void FillDiagnostic(const api::Diagnostic& diagnostic, v1::Diagnostic* out);
void FillConfigState(const control::ConfigStatus& status, v1::ConfigState* out);
void FillPool(const picker::PoolRuntime& pool, uint64_t generation, base::Time now, v1::Pool* out);
void FillEndpoint(const datastore::Endpoint& endpoint, const picker::PoolRuntime& pool,
                  base::Time now, v1::Endpoint* out);
void FillRefusal(picker::Refusal refusal, v1::Refusal* out);
void FillExplanation(const scheduling::Explanation& explanation, v1::PickResponse* out);
/// Endpoints are named with the help of `runtime`; one that is gone has its address only.
void FillDecision(const picker::DecisionRecord& record, const picker::Runtime& runtime,
                  v1::WhyResponse* out);

}  // namespace inference::admin
