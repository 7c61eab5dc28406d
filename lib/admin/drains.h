#pragma once

#include <map>
#include <string>

#include "control/drain/commands.h"
#include "inference/admin/v1/admin.pb.h"
#include "inference/result.h"
#include "picker/decision_record.h"
#include "store/endpoint_store.h"

// Drains as messages.
namespace inference::admin {

/// INVALID_ARGUMENT: what the message must have and hasn't.
Result<control::DrainCommand> ToCommand(const v1::DrainRequest& request, const std::string& peer);
Result<control::UndrainCommand> ToCommand(const v1::UndrainRequest& request,
                                          const std::string& peer);
void FillAnswer(const control::DrainAnswer& answer, v1::DrainResponse* out);
void FillDrain(const control::DrainRow& row, v1::Drain* out);
/// Requests that drained endpoints still have.
using PendingRequests = std::map<store::EndpointKey, picker::PendingRequest>;
void FillOldest(const PendingRequests& oldest, base::WallTime now, v1::ListDrainsResponse* out);
void FillOperation(const store::Operation& operation, v1::Operation* out);
/// What a list of endpoints tells of the drain of one.
void FillEndpointDrain(const control::DrainRow& row, v1::Endpoint* out);

}  // namespace inference::admin
