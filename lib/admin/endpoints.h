#pragma once

#include <string>

#include "control/weights/endpoint_weights.h"
#include "inference/admin/v1/admin.pb.h"
#include "inference/result.h"
#include "store/endpoint_store.h"
#include "telemetry/event_log.h"

// Single endpoints as messages: which one is meant, its weight, what happened to it.
namespace inference::admin {

/// INVALID_ARGUMENT: there are none.
Result<std::vector<store::EndpointKey>> ToKeys(
    const google::protobuf::RepeatedPtrField<v1::EndpointKey>& keys);
void FillKey(const store::EndpointKey& key, v1::EndpointKey* out);

/// INVALID_ARGUMENT: what the message must have and hasn't.
Result<control::WeightCommand> ToCommand(const v1::SetWeightRequest& request,
                                         const std::string& peer);
void FillAnswer(const control::WeightAnswer& answer, v1::SetWeightResponse* out);

void FillEvent(const telemetry::Event& event, v1::Event* out);

}  // namespace inference::admin
