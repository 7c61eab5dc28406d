#pragma once

#include "api/kinds.h"
#include "base/clock.h"
#include "base/rng.h"
#include "inference/admin/v1/admin.pb.h"
#include "inference/status.h"
#include "picker/runtime.h"

namespace inference::admin {

/// Picks for a request that somebody describes, with the full explanation, and without a trace:
/// nothing is reserved, nothing learned. A body is parsed as the data plane parses it.
/// INVALID_ARGUMENT says what is wrong with the request; a refused pick is an answer.
Status DryRun(const picker::Runtime& runtime, const api::DaemonConfig& config,
              const v1::PickRequest& request, base::Time now, base::Rng& rng,
              v1::PickResponse* response);

}  // namespace inference::admin
