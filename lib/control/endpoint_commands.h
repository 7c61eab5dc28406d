#pragma once

#include "datastore/endpoint.h"
#include "inference/result.h"
#include "store/endpoint_store.h"
#include "telemetry/event_log.h"

// What commands about single endpoints (drains, weights) have in common.
namespace inference::control {

store::EndpointKey KeyOf(const datastore::Endpoint& endpoint);

/// "endpoint llm/gpu-1 (10.2.0.11:8000)", for the history.
std::string SubjectText(const store::EndpointKey& key);
telemetry::EventSubject SubjectOf(const store::EndpointKey& key);

/// May what is set for an endpoint be kept? Not without a `store` (null), nor while another process
/// than the `owner` has the state file.
Status MayKeep(const store::EndpointStore* store, bool owner);

}  // namespace inference::control
