#pragma once

#include "inference/admin/v1/admin.pb.h"
#include "inferencectl/envelope.h"
#include "inferencectl/invocation.h"
#include "inferencectl/table.h"

namespace inference::ctl {

/// A table with all columns and no row.
Table PoolColumns();
/// How many endpoints are in which state.
Json CountsJson(const admin::v1::EndpointCounts& counts);
/// In the format asked for.
void PrintPools(const Invocation& run, const admin::v1::ListPoolsResponse& list);

}  // namespace inference::ctl
